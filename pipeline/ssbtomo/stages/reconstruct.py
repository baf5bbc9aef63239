"""Reconstruct: from projections or raw slices to a volume. Only ``none`` exists yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ssbtomo.model import Reconstruct as Section
from ssbtomo.stages.desk import Desk, Facts

__all__ = ["Reconstruct"]


@dataclass(frozen=True, slots=True)
class Reconstruct:
    """Take the scan as a reconstructed, aligned volume.

    Parameters
    ----------
    section : ssbtomo.model.Reconstruct
        The recipe's section.
    """

    name: ClassVar[str] = "reconstruct"
    version: ClassVar[int] = 1

    section: Section

    @property
    def parameters(self) -> dict[str, Any]:
        """All that decides the stage's result beside its inputs."""
        return self.section.model_dump(mode="json")

    def bytes_per_voxel(self, itemsize: int) -> float:
        """Memory at the stage's peak, beside the blocks in flight."""
        return 0.0

    def in_flight(self, itemsize: int) -> tuple[float, float]:
        """Return the bytes per voxel of a block, and of a slab, that a task holds."""
        return 0.0, 0.0

    def __call__(self, desk: Desk) -> Facts:
        """Do nothing: the volume is what was ingested."""
        return {}

    def methods(self, facts: Facts) -> str:
        """Say nothing: nothing was done."""
        return ""

    def references(self) -> tuple[str, ...]:
        """Return the keys of the works that the sentence cites."""
        return ()
