"""Where a solve rests between two lives of a run: its potential on disk, until it is done."""

from __future__ import annotations

import contextlib
import hashlib
import time
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.transport import Checkpoint, Storage
from ssbtomo.stages.quantify.conductor import Conductor
from ssbtomo.stages.quantify.subject import Subject

__all__ = ["Resting", "forget"]

_SHARE = 0.04
"""Share of a solve's time that its checkpoints may take."""
_LEAST = 1.0
"""Seconds of work below which none is kept."""
_SPEED = 1e9
"""Bytes that are kept in a second, as first expected."""
_STEPS = 2**15 - 1
"""Steps of the largest deviation of a plane by which one of a single phase is stored."""
_NOTHING = 1e-30
"""Deviations below which a plane is stored as zeros."""


class Resting:
    """Where a solve rests: its potential on disk after an iteration, until it is done.

    A checkpoint is written when that takes at most a twenty-fifth of the time since the last
    one. Of one phase the deviation from the linear potential is rounded to two bytes: what
    that adds is noise, which the first iteration smooths away. Where conductivities differ,
    noise in a good conductor weighs more than the current through a poor one, and all of it
    is kept.

    Parameters
    ----------
    subject : Subject
        What is measured.
    labels : ndarray of uint8, shape (Z, Y, X)
        Its labels.
    conductor : Conductor
        What conducts.
    what : str
        Which solve: its kind and its axis.
    """

    def __init__(
        self, subject: Subject, labels: NDArray[np.uint8], conductor: Conductor, what: str
    ) -> None:
        decides = [
            zlib.crc32(np.ascontiguousarray(labels).data), labels.shape, subject.spacing, what,
            sorted(conductor.conductivities.items()), sorted((conductor.contacts or {}).items()),
            subject.settings.transport.convention, subject.settings.transport.periodic,
            subject.settings.transport.surfaces,
        ]  # fmt: skip
        digest = hashlib.sha256(repr(decides).encode()).hexdigest()[:16]
        self._name = f"transport of {conductor.name}, {what}"
        self._desk = subject.desk
        self._path = _folder(subject) / f"transport-{digest}.solve"
        self._rounded = len(set(conductor.conductivities.values()) - {0.0}) == 1
        self._cost = 0.0
        self._since = time.monotonic()

    def keep(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint if enough was computed since the last one.

        Parameters
        ----------
        checkpoint : Checkpoint
            Where the solve is.
        """
        began = time.monotonic()
        size = checkpoint.deviation.size * (2 if self._rounded else 8)
        cost = self._cost or size / _SPEED
        if began - self._since < max(cost / _SHARE, _LEAST):
            return
        with contextlib.suppress(OSError):  # a full disk must not end what goes well without
            self._write(checkpoint)
        self._since = time.monotonic()
        self._cost = self._since - began

    def load(self, storage: Storage) -> Checkpoint | None:
        """Return the checkpoint of a killed run, if there is one that can be read.

        Parameters
        ----------
        storage : Storage
            Where its field is to lie.

        Returns
        -------
        Checkpoint or None
            Where the solve was.
        """
        try:
            with self._path.open("rb") as file:
                iterations, norm, planes, area = np.load(file).tolist()
                deviation = storage.zeros((int(planes), int(area)), np.float64)
                for index, plane in enumerate(deviation):
                    np.multiply(np.load(file), np.load(file), out=plane)
                    storage.release(deviation, index, index + 1)
        except (OSError, ValueError, EOFError):
            return None
        self._desk.note(f"{self._name}: goes on after iteration {iterations:.0f}")
        return Checkpoint(deviation, int(iterations), float(norm))

    def clear(self) -> None:
        """Remove the checkpoint of a solve that is done."""
        self._path.unlink(missing_ok=True)

    def _write(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint; until it is whole the last one stays."""
        deviation = checkpoint.deviation
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}.tmp")
        with draft.open("wb") as file:
            np.save(file, np.array([checkpoint.iterations, checkpoint.norm, *deviation.shape]))
            for plane in deviation:
                for part in _rounded(plane) if self._rounded else (np.ones(1), plane):
                    np.save(file, part)
        draft.replace(self._path)


def forget(subject: Subject) -> None:
    """Remove all checkpoints of a sample, also those of solves that it no longer asks for.

    Parameters
    ----------
    subject : Subject
        What is measured.
    """
    for pattern in ("transport-*.solve", ".transport-*.solve.tmp"):
        for stale in _folder(subject).glob(pattern):
            stale.unlink(missing_ok=True)


def _folder(subject: Subject) -> Path:
    return subject.desk.work / "quantify"


def _rounded(plane: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int16]]:
    """Return the step to which a plane is rounded, and how many steps each value has."""
    peak = max(float(plane.max()), -float(plane.min()))
    step = peak / _STEPS if peak > _NOTHING else 1.0
    scaled = plane.astype(np.float32)
    scaled *= 1 / step
    return np.array([step]), np.rint(scaled, out=scaled).astype(np.int16)
