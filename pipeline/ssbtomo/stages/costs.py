"""What work costs: processor seconds of each part, from a table of measured values."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["Cost", "Work", "cost_of", "cost_table", "cpu_seconds", "wall_seconds"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a part of the work costs on the machine of the table.

    Parameters
    ----------
    cpu : float
        Processor seconds for a million voxels.
    exponent : float
        Of the processor time in the number of voxels.
    fixed : float
        Seconds that no size changes.
    serial : float
        Share of the processor time that further workers do not shorten.
    like : str
        The probe of a calibration that tells how much faster another machine does it.
    """

    cpu: float
    exponent: float = 1.0
    fixed: float = 0.0
    serial: float = 0.1
    like: str = "filter"

    def seconds(self, voxels: float) -> float:
        """Return the processor seconds for so many voxels, without what is fixed.

        Parameters
        ----------
        voxels : float
            Voxels.

        Returns
        -------
        float
            Seconds.
        """
        return float(self.cpu * (voxels / 1e6) ** self.exponent)


@dataclass(frozen=True, slots=True)
class Work:
    """A part of a stage's work.

    Parameters
    ----------
    part : str
        Its row in the table, such as ``"quantify.cracks"``.
    voxels : float
        How many voxels it is done on.
    times : float
        How often.
    """

    part: str
    voxels: float
    times: float = 1.0


@cache
def cost_table() -> Mapping[str, Cost]:
    """Return the measured costs, by part.

    Returns
    -------
    dict of str to Cost
        From ``costs.toml``, where it is told on what they were measured.
    """
    text = files("ssbtomo.stages").joinpath("costs.toml").read_text("utf-8")
    return {name: Cost(**row) for name, row in tomllib.loads(text)["parts"].items()}


def cost_of(part: str) -> Cost:
    """Return the cost of a part, or of what it is a variety of.

    Parameters
    ----------
    part : str
        Such as ``"quantify.cracks.variant"``.

    Returns
    -------
    Cost
        That of the longest name in the table which the part's begins with.
    """
    table, name = cost_table(), part
    while name not in table and "." in name:
        name = name.rpartition(".")[0]
    return table.get(name, Cost(0.0))


def cpu_seconds(works: Iterable[Work], speed: Mapping[str, float] | None = None) -> float:
    """Return the processor seconds of some work.

    Parameters
    ----------
    works : iterable of Work
        Its parts.
    speed : mapping of str to float, optional
        How many times faster this machine is, by probe; 1 where not given.

    Returns
    -------
    float
        Seconds.
    """
    total = 0.0
    for work in works:
        cost = cost_of(work.part)
        taken = work.times * (cost.fixed + cost.seconds(work.voxels))
        total += taken / (speed or {}).get(cost.like, 1.0)
    return total


def wall_seconds(
    works: Iterable[Work], workers: float, speed: Mapping[str, float] | None = None
) -> float:
    """Return how long some work takes with so many workers.

    Parameters
    ----------
    works : iterable of Work
        Its parts.
    workers : float
        Tasks that run at once; at most as many as there are cores and blocks.
    speed : mapping of str to float, optional
        How many times faster this machine is, by probe; 1 where not given.

    Returns
    -------
    float
        Seconds.
    """
    total = 0.0
    for work in works:
        cost = cost_of(work.part)
        shared = cost.serial + (1.0 - cost.serial) / max(workers, 1.0)
        taken = work.times * (cost.fixed + shared * cost.seconds(work.voxels))
        total += taken / (speed or {}).get(cost.like, 1.0)
    return total
