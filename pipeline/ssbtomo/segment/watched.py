"""Volumes and stores seen through a glass: a box of one, and who is told what was written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ssbtomo.blocks import Block, Markers, Source
from ssbtomo.blocks.grid import Shape
from ssbtomo.blocks.task import item_name
from ssbtomo.io.zarr_arrays import ArrayFile

__all__ = ["Cropped", "OnBlock", "Telling", "Watched"]

OnBlock = Callable[[Block, Source, int, int], None]
"""Told a finished block, the store that holds it, and how many of how many there are."""


class Telling:
    """Tells of finished blocks: at first those of an earlier call.

    Parameters
    ----------
    on_block : callable, optional
        Who is told.
    store : Source
        What holds the blocks, addressed in the volume.
    grid : Grid
        The blocks.
    markers : Markers
        Of those that an earlier call finished.
    """

    def __init__(
        self, on_block: OnBlock | None, store: Source, grid: Any, markers: Markers
    ) -> None:
        self._on_block, self._store = on_block, store
        self._total, self._done = len(grid), 0
        self._lock = threading.Lock()
        before = markers.finished()
        for block in grid:
            if item_name(block) in before:
                self(block)

    def __call__(self, block: Block) -> None:
        """Tell of a block.

        Parameters
        ----------
        block : Block
            In the volume.
        """
        with self._lock:  # repaired blocks are told by the threads that wrote them
            self._done += 1
            if self._on_block is not None:
                self._on_block(block, self._store, self._done, self._total)


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A store that tells of every block that was written to it.

    Parameters
    ----------
    sink : ArrayFile
        The store.
    blocks : mapping of tuple to Block
        The blocks in the volume, by their first voxel in the store.
    tell : callable
        Told each.
    """

    sink: ArrayFile
    blocks: Mapping[Shape, Block]
    tell: Callable[[Block], None]

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return self.sink.shape

    @property
    def dtype(self) -> Any:
        """Type of a voxel."""
        return self.sink.dtype

    @property
    def shards(self) -> tuple[int, ...]:
        """Voxels of the unit that must be written at once."""
        return self.sink.shards

    def __getitem__(self, window: Any) -> Any:
        return self.sink[window]

    def __setitem__(self, window: Any, values: Any) -> None:
        self.sink[window] = values
        self.tell(self.blocks[tuple(cut.start for cut in window)])


@dataclass(frozen=True, slots=True, eq=False)
class Cropped:
    """A box of a volume, read as a volume of its own.

    Parameters
    ----------
    source : Source
        The volume.
    start : tuple of int
        First voxel of the box.
    shape : tuple of int
        Its voxels.
    """

    source: Source
    start: Shape
    shape: Shape

    @property
    def dtype(self) -> Any:
        """Type of a voxel."""
        return self.source.dtype

    def __getitem__(self, window: Any) -> Any:
        cuts = (c.indices(n) for c, n in zip(window, self.shape, strict=True))
        moved = tuple(
            slice(a + low, a + high) for a, (low, high, _) in zip(self.start, cuts, strict=True)
        )
        return np.asarray(self.source[moved])
