"""What the parts of a stage hold in memory."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Need"]


@dataclass(frozen=True, slots=True)
class Need:
    """Memory of work that has it to itself, since its parts come one after the other.

    Parameters
    ----------
    whole : float
        Bytes per voxel of the volume, beside the blocks in flight.
    block, slab : float
        Bytes per voxel of a block in flight with 16 voxels around it, and of a slab of whole planes
        that is as thick as a block.
    """

    whole: float = 0.0
    block: float = 0.0
    slab: float = 0.0
