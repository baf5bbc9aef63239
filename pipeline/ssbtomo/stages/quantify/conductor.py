"""What conducts in a solve, and where a solve rests between two lives of a run."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.io.scratch import Scratch
from ssbtomo.kernels.transport import Checkpoint, Storage
from ssbtomo.kernels.transport.storage import MEMORY
from ssbtomo.model.networks import Network
from ssbtomo.stages.quantify.subject import Subject

__all__ = ["MICROMETRES", "Conductor", "Resting", "conductors", "stored", "telling"]

_REST = 60.0
"""Seconds between two checkpoints of a solve."""
_NOTE = 0.5
"""Seconds between two notes on how far a solve is."""
MICROMETRES = 1e4
"""µm of a conductor of 1 S/cm for 1 Ω cm²."""


@dataclass(frozen=True, slots=True)
class Conductor:
    """What conducts in one solve: a phase, or the phases of a network.

    Parameters
    ----------
    name : str
        Of the phase or the network.
    conductivities : dict of int to float
        Of each label; in S/cm in a network.
    contacts : dict of pairs of int to float, or None
        Resistances of contacts in µm of a conductor of 1 S/cm.
    network : bool
        Whether it is a network.
    """

    name: str
    conductivities: dict[int, float]
    contacts: dict[tuple[int, int], float] | None = None
    network: bool = False


@contextmanager
def stored(subject: Subject) -> Iterator[Storage]:
    """Give a solve room for its fields: in memory, or in files of the results folder.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Yields
    ------
    Storage
        For the solver; its files are gone afterwards.
    """
    if subject.settings.transport.storage == "memory":
        yield MEMORY
        return
    folder = subject.desk.work / "transport-scratch"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with Scratch(folder) as storage:
            yield storage
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Resting:
    """Where a solve rests: its potential on disk, once a minute, until it is done.

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
        ]  # fmt: skip
        digest = hashlib.sha256(repr(decides).encode()).hexdigest()[:16]
        self._path = subject.desk.work / "quantify" / f"transport-{digest}.npz"
        self._kept = time.monotonic()

    def keep(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint if the last one is older than a minute.

        Parameters
        ----------
        checkpoint : Checkpoint
            Where the solve is.
        """
        if time.monotonic() - self._kept < _REST:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}.tmp.npz")
        with contextlib.suppress(OSError):  # a full disk must not end what goes well without
            np.savez(
                draft, deviation=checkpoint.deviation,
                about=np.array([checkpoint.iterations, checkpoint.norm]),
            )  # fmt: skip
            draft.replace(self._path)
        self._kept = time.monotonic()

    def load(self) -> Checkpoint | None:
        """Return the checkpoint of a killed run, if there is one that can be read."""
        try:
            with np.load(self._path) as stored:
                iterations, norm = stored["about"].tolist()
                return Checkpoint(stored["deviation"], int(iterations), float(norm))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None

    def clear(self) -> None:
        """Remove the checkpoint of a solve that is done."""
        self._path.unlink(missing_ok=True)


def conductors(subject: Subject, labels: NDArray[np.uint8]) -> Iterator[Conductor]:
    """Yield the phases and then the networks that occur.

    Parameters
    ----------
    subject : Subject
        What is measured.
    labels : ndarray of uint8, shape (Z, Y, X)
        Its labels.

    Yields
    ------
    Conductor
        What conducts in one solve.
    """
    for name in subject.settings.tortuosity_phases or subject.names:
        label = subject.label_of(name)
        if (labels == label).any():
            yield Conductor(name, {label: 1.0})
    for network in subject.settings.networks:
        yield _conductor_of(network, subject)


def telling(subject: Subject, what: str) -> Callable[[int, float, float], None]:
    """Return what notes a solve's progress, twice a second at most.

    Parameters
    ----------
    subject : Subject
        What is measured.
    what : str
        What is solved.

    Returns
    -------
    callable
        Takes the iteration, the relative residual, and the conductivity so far.
    """
    told = time.monotonic()

    def tell(iteration: int, residual: float, effective: float) -> None:
        nonlocal told
        if time.monotonic() - told >= _NOTE:
            told = time.monotonic()
            subject.desk.note(
                f"{what}: iteration {iteration}, conductivity at most {effective:.5g}, "
                f"residual {residual:.0e}"
            )

    return tell


def _conductor_of(network: Network, subject: Subject) -> Conductor:
    """Return a network with labels for the names of its phases."""
    values = {subject.label_of(name): v for name, v in network.conductivities.items()}
    contacts = {
        (subject.label_of(one), subject.label_of(two)): MICROMETRES * value
        for (one, two), value in network.pairs().items()
    }
    return Conductor(network.name, values, contacts or None, network=True)
