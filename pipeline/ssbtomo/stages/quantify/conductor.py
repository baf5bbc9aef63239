"""What conducts in a solve, where its fields lie, and what it tells meanwhile."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.io.scratch import Scratch
from ssbtomo.kernels.transport import Storage
from ssbtomo.kernels.transport.storage import MEMORY
from ssbtomo.model.networks import Network
from ssbtomo.stages.quantify.subject import Subject

__all__ = ["MICROMETRES", "Conductor", "conductors", "stored", "telling"]

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
    if subject.settings.transport.storage != "disk":
        yield MEMORY
        return
    folder = subject.desk.work / "transport-scratch"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with Scratch(folder) as storage:
            yield storage
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
