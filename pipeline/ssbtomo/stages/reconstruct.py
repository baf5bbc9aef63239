"""Reconstruct: from projections to a volume."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from ssbtomo.model import Reconstruct as Section
from ssbtomo.stages.costs import Work
from ssbtomo.stages.desk import Desk, Facts
from ssbtomo.stages.fib_sem import stacked
from ssbtomo.stages.fib_sem_words import said_of_stack
from ssbtomo.stages.tomography import tomogram
from ssbtomo.stages.tomography_words import said_of_tomography

__all__ = ["Reconstruct"]


Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Reconstruct:
    """Make the volume from what was scanned; ``none`` takes the scan as the volume.

    Parameters
    ----------
    section : ssbtomo.model.Reconstruct
        The recipe's section.
    """

    name: ClassVar[str] = "reconstruct"
    version: ClassVar[int] = 2

    section: Section

    @property
    def parameters(self) -> dict[str, Any]:
        """All that decides the stage's result beside its inputs."""
        method = self.section.method
        keys = {"method"} if method == "none" else {"method", method.replace("-", "_")}
        return self.section.model_dump(mode="json", include=keys)

    def bytes_per_voxel(self, itemsize: int) -> float:
        """Memory at the stage's peak, beside the blocks in flight."""
        return 0.0

    def in_flight(self, itemsize: int) -> tuple[float, float]:
        """Return the bytes per voxel of a block, and of a slab, that a task holds."""
        return {"tomography": (0.0, 40.0), "fib-sem": (0.0, 12.0)}.get(
            self.section.method, (0.0, 0.0)
        )

    def expected(self, shape: Shape, itemsize: int) -> list[Work]:
        """Return the parts of the stage's work."""
        method = self.section.method
        return [] if method == "none" else [Work(f"reconstruct.{method}", math.prod(shape))]

    def __call__(self, desk: Desk) -> Facts:
        """Write ``reconstructed.ome.zarr`` where there is something to reconstruct."""
        if self.section.method == "fib-sem":
            return stacked(desk)
        return tomogram(desk) if self.section.method == "tomography" else {}

    def methods(self, facts: Facts) -> str:
        """Say what the step did, as a sentence for a paper."""
        if self.section.method == "none":
            return ""
        if self.section.method == "fib-sem":
            return said_of_stack(self.section.fib_sem, facts)
        return said_of_tomography(self.section.tomography, facts)

    def references(self) -> tuple[str, ...]:
        """Return the keys of the works that the sentence cites beside those that it names."""
        if self.section.method != "tomography":
            return ()
        asked = self.section.tomography
        cited: list[str] = []
        cited += ["vo2018"] if asked.stripes in {"sorting", "large"} else []
        cited += ["paganin2002"] if asked.phase is not None else []
        return tuple(cited)
