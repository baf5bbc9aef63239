"""How far the measures are, each weighted with what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ssbtomo.stages.costs import Work, cpu_seconds
from ssbtomo.stages.desk import Desk

__all__ = ["Told"]

Shape = tuple[int, int, int]


class Told:
    """Tells a desk how far the measures are.

    Parameters
    ----------
    desk : Desk
        Who is told.
    parts : mapping of (variant, group) to pathlib.Path
        All that is to be measured, in order, with the file that is there once it is.
    works : callable
        Given shape, variant and group, returns the work that it is.

    Attributes
    ----------
    costs : list of dict
        What each part has cost, in this run or an earlier one.
    """

    def __init__(
        self,
        desk: Desk,
        parts: Mapping[tuple[str, str], Path],
        works: Callable[[Shape, str, str], Work],
    ) -> None:
        self.desk = desk
        self.costs: list[dict[str, Any]] = []
        expected = {key: cpu_seconds([works(desk.shape, *key)]) for key in parts}
        self._total, self._whole = len(parts), sum(expected.values()) or 1.0
        self._waiting = {key: expected[key] for key, path in parts.items() if not path.is_file()}
        self._tell()

    def __call__(self, variant: str, group: str, content: Mapping[str, Any]) -> None:
        """Hear that a part is there.

        Parameters
        ----------
        variant, group : str
            Which.
        content : mapping
            What its file holds.
        """
        known = {key: content.get(key) for key in ("seconds", "cpu_seconds")}
        self.costs.append({"variant": variant, "group": group, **known})
        if self._waiting.pop((variant, group), None) is not None:
            self._tell()

    def _tell(self) -> None:
        left = sum(self._waiting.values())
        self.desk.tell(self._total - len(self._waiting), self._total, 1.0 - left / self._whole)
