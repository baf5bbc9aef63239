"""The steps of a stage: what each has cost, and how far the stage is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import prod
from typing import Any

from ssbtomo.model import Segment
from ssbtomo.stages.costs import Work, cpu_seconds
from ssbtomo.stages.desk import Tell

__all__ = ["Laps", "steps_of"]

Shape = tuple[int, int, int]


class Laps:
    """Notes what each step takes, and tells which share of the work is done.

    Parameters
    ----------
    tell : callable
        Told after each step, as a desk's.
    works : sequence of Work
        The steps, in order.

    Attributes
    ----------
    costs : list of dict
        The steps that are done: ``part``, ``seconds``, ``cpu_seconds``.
    """

    def __init__(self, tell: Tell, works: Sequence[Work]) -> None:
        self.costs: list[dict[str, Any]] = []
        self._tell, self._works = tell, list(works)
        self._expected = [cpu_seconds([work]) for work in works]
        self._begin = time.perf_counter(), time.process_time()
        self._tell(0, len(self._works), 0.0)

    def revise(self, works: Sequence[Work]) -> None:
        """Hear how many steps there are in truth.

        Parameters
        ----------
        works : sequence of Work
            All steps, in order; those that are done, too.
        """
        self._works = list(works)
        self._expected = [cpu_seconds([work]) for work in works]

    def __call__(self) -> None:
        """Hear that a step is done."""
        now = time.perf_counter(), time.process_time()
        wall, cpu = (round(b - a, 4) for a, b in zip(self._begin, now, strict=True))
        self._begin = now
        done = len(self.costs)
        part = self._works[done].part
        self.costs.append({"part": part, "seconds": wall, "cpu_seconds": cpu})
        whole = sum(self._expected) or 1.0
        self._tell(done + 1, len(self._works), sum(self._expected[: done + 1]) / whole)


def steps_of(
    section: Segment, shape: Shape, moved: int, repeats: int, *, asked: bool
) -> list[Work]:
    """Return the steps of a segmentation by thresholds.

    Parameters
    ----------
    section : ssbtomo.model.Segment
        The recipe's section.
    shape : tuple of int
        Voxels along (Z, Y, X).
    moved : int
        Variants beside those that are imaged again.
    repeats : int
        Variants that are imaged again.
    asked : bool
        Whether it is asked if lithium and void can be told apart.

    Returns
    -------
    list of Work
        In their order.
    """
    way = ".asked" if asked else ".repaired" if section.repair else ".plain"
    if section.regularise != "none":
        way = f".{section.regularise}"
    kinds = ["base", *["variant"] * moved, *["again"] * repeats]
    return [Work(f"segment.{kind}{way}", prod(shape)) for kind in kinds]
