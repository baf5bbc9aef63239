"""Pieces of blocks sewn together over the faces, edges and corners of the blocks.

Each task labels its own block and returns the planes of labels at its six faces. They come
back in the order of the grid, so that only a front has to be kept: the last plane of the layer
of blocks before, of the row before, and of the block before. A block's near planes, compared
with these, meet every neighbour that came before, diagonal ones too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.kernels.runs import Neighbours, Rims, check_neighbours
from ssbtomo.kernels.union import flatten, sew

__all__ = ["Seams", "rims_of"]

Ints = NDArray[np.int64]


@dataclass(slots=True, eq=False)
class Seams:
    """Joins the pieces of blocks that touch, block by block in the order of the grid.

    Piece ``i`` (from 1) of a block gets the provisional number ``offset + i - 1``, where
    `offset` counts the pieces of the blocks before. Memory: 16 bytes for each voxel of a plane
    across z of the volume and of a side of a row of blocks, and 16 for each piece.

    Parameters
    ----------
    grid : Grid
        How the volume is cut.
    neighbours : {6, 18, 26}
        Voxels that touch by a face, also by an edge, or also by a corner.
    """

    grid: Grid
    neighbours: Neighbours
    _count: int
    _parent: Ints
    _label: Ints
    _before: list[Ints]
    _now: list[Ints]

    def __init__(self, grid: Grid, neighbours: Neighbours = 6) -> None:
        check_neighbours(neighbours)
        (nz, ny, nx), (dz, dy, _) = grid.shape, grid.block
        self.grid, self.neighbours, self._count = grid, neighbours, 0
        self._parent, self._label = np.zeros(1024, np.int64), np.zeros(1024, np.int64)
        planes = ((ny, nx), (min(dz, nz), nx), (min(dz, nz), min(dy, ny)))
        self._before = [np.zeros(plane, np.int64) for plane in planes]
        self._now = [plane.copy() for plane in self._before]

    def add(self, block: Block, rims: Rims, labels: NDArray[Any]) -> int:
        """Join a block's pieces with those of the blocks before it.

        Parameters
        ----------
        block : Block
            The next block of the grid.
        rims : tuple
            For each axis the block's near and far plane of piece numbers, 0 for none.
        labels : ndarray of int, shape (n,)
            What each piece is of: only pieces of one kind are joined.

        Returns
        -------
        int
            The block's offset.
        """
        offset = self._count
        self._grow(labels)
        sets = (self._parent, self._label, self.neighbours)
        for axis, (near, far) in enumerate(rims):
            if not any(block.index[axis + 1 :]):  # the first of a layer, a row, or any
                self._before[axis], self._now[axis] = self._now[axis], self._before[axis]
            place = self._place(block, axis)
            if block.start[axis]:
                sew(near, self._before[axis], place, offset, sets)
            (v, u), (height, width) = place[:2], far.shape
            self._now[axis][v : v + height, u : u + width] = np.where(
                far, far + np.int64(offset), 0
            )
        return offset

    def groups(self) -> tuple[Ints, int]:
        """Return the number of the joined piece that each piece belongs to, and their count.

        Returns
        -------
        groups : ndarray of int64
            For each provisional number; groups are numbered by their smallest member.
        count : int
            Number of groups.
        """
        groups, count = flatten(self._parent[: self._count])
        return groups, int(count)

    def _grow(self, labels: NDArray[Any]) -> None:
        total = self._count + len(labels)
        if total > self._parent.size:
            size = max(total, 2 * self._parent.size)
            self._parent = np.concatenate(
                [self._parent, np.zeros(size - self._parent.size, np.int64)]
            )
            self._label = np.concatenate([self._label, np.zeros(size - self._label.size, np.int64)])
        self._parent[self._count : total] = np.arange(self._count, total)
        self._label[self._count : total] = labels
        self._count = total

    def _place(self, block: Block, axis: int) -> tuple[int, int, int, int]:
        """Return where the block's face lies in the front across `axis`, and the front's end."""
        (_, y, x), (nz, ny, _), (_, height, width) = block.start, block.shape, self.grid.shape
        return ((y, x, height, width), (0, x, nz, width), (0, 0, nz, ny))[axis]


def rims_of(labels: NDArray[Any]) -> Rims:
    """Return the near and the far plane of a block's labels along each axis.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        Pieces from 1; 0 is none.

    Returns
    -------
    tuple
        What `Seams.add` takes.
    """
    return tuple(
        (np.take(labels, 0, axis).astype(np.int32), np.take(labels, -1, axis).astype(np.int32))
        for axis in range(3)
    )
