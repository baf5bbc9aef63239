"""The steps of a stage: what each has cost, and how far the stage is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ssbtomo.stages.costs import Work, cpu_seconds
from ssbtomo.stages.desk import Tell

__all__ = ["Laps"]


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
