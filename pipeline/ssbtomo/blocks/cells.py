"""The cells over which sums are kept for statistics: the same for any grid of blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.grid import Block, Grid, Shape, Window
from ssbtomo.kernels.places import Places
from ssbtomo.units import Spacing

__all__ = ["boxes_in", "cells_of", "divide", "runs_between", "statistics_grid"]

_PER_EDGE = 8
_LEAST_VOXELS = 32

Rows = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]


def statistics_grid(shape: Shape, spacing: Spacing) -> Grid:
    """Choose the cells for a volume: near to cubes of an eighth of its shortest edge.

    Parameters
    ----------
    shape : tuple of int
        Voxels of the volume along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.

    Returns
    -------
    Grid
        Its blocks are the cells: of at least 32 of the largest voxel edge (or as long as the
        volume), and all of one size but for a rest of a few voxels at the far faces.
    """
    lengths = [size * edge for size, edge in zip(shape, spacing, strict=True)]
    goal = max(min(lengths) / _PER_EDGE, _LEAST_VOXELS * max(spacing))
    z, y, x = (
        max(size // max(int(length / goal + 1e-9), 1), 1)
        for size, length in zip(shape, lengths, strict=True)
    )
    return Grid(shape, (z, y, x))


def cells_of(cells: Grid, block: Block) -> Window:
    """Return which cells a block has a part in.

    Parameters
    ----------
    cells : Grid
        The cells.
    block : Block
        A block of another grid.

    Returns
    -------
    tuple of slice
        Positions along (Z, Y, X) in the grid of cells.
    """
    z, y, x = (
        slice(start // edge, -(-stop // edge))
        for start, stop, edge in zip(block.start, block.stop, cells.block, strict=True)
    )
    return z, y, x


def boxes_in(cells: Grid, block: Block) -> Iterator[tuple[Shape, Window]]:
    """Yield the parts of a block by cell.

    Parameters
    ----------
    cells : Grid
        The cells.
    block : Block
        A block of another grid.

    Yields
    ------
    place : tuple of int
        The cell, counted from the first one that the block has a part in.
    box : tuple of slice
        Where that part lies in the volume.
    """
    found = cells_of(cells, block)
    for place in product(*(range(part.stop - part.start) for part in found)):
        yield (
            place,  # type: ignore[misc]
            tuple(
                slice(max(start, (part.start + k) * edge), min(stop, (part.start + k + 1) * edge))
                for k, part, start, stop, edge in zip(
                    place, found, block.start, block.stop, cells.block, strict=True
                )
            ),
        )


def divide(
    block: Block,
    margin: Shape,
    divisions: tuple[Grid, ...],
    objects: NDArray[np.int32] | None = None,
    largest: int = 0,
) -> Places:
    """Return the parts of a block in several divisions of the volume.

    Parameters
    ----------
    block : Block
        What a task owns.
    margin : tuple of int
        With which it was read.
    divisions : tuple of Grid
        Such as the cells, or the slices along an axis.
    objects : ndarray of int32, optional
        Objects in the block with its margin.
    largest : int
        Largest object number.

    Returns
    -------
    Places
        Rows of the objects, then of the parts of each division, each in the order of (Z, Y, X).
    """
    first = 0 if objects is None else largest + 1
    tables = []
    for cells in divisions:
        found = cells_of(cells, block)
        counts = [part.stop - part.start for part in found]
        steps = (counts[1] * counts[2], counts[2], 1)
        tables.append(
            [
                (np.arange(box.start, box.stop) // edge - part.start).clip(0, count - 1) * step
                + (first if axis == 0 else 0)
                for axis, (box, part, edge, count, step) in enumerate(
                    zip(
                        block.window(margin, margin), found, cells.block, counts, steps, strict=True
                    )
                )
            ]
        )
        first += counts[0] * counts[1] * counts[2]
    z, y, x = (np.array([table[axis] for table in tables], np.int32) for axis in range(3))
    return Places((z, y, x), first, objects)


def runs_between(left_out: Sequence[int], core: slice, inner: slice) -> list[slice]:
    """Return the slices of a block that are none of some others, as runs.

    Parameters
    ----------
    left_out : sequence of int
        Positions in the volume, rising.
    core : slice
        What the block owns, in the volume.
    inner : slice
        The same, where it was read.

    Returns
    -------
    list of slice
        Where it was read; one that is empty if nothing is left.
    """
    shift = inner.start - core.start
    ends = [place + shift for place in left_out if core.start <= place < core.stop]
    starts = [inner.start, *(end + 1 for end in ends)]
    runs = [slice(a, b) for a, b in zip(starts, [*ends, inner.stop], strict=True) if a < b]
    return runs or [slice(inner.start, inner.start)]
