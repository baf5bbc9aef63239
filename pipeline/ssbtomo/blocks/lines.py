"""Counts along whole lines of voxels: two-point correlation and chords, for any cut.

A task holds blocks joined along one axis, so that no line is cut and no halo is read; the
volume is read once per axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid, Shape
from ssbtomo.blocks.passes import whole_lines
from ssbtomo.kernels.chords import ChordCounts, line_chords
from ssbtomo.kernels.correlation import PairCounts, line_pairs

__all__ = ["ChordCounts", "PairCounts", "chord_counts", "pair_counts"]

Counts = NDArray[np.int64]
_LAGS = 128


def pair_counts(
    source: Source,
    phases: Sequence[int],
    grid: Grid,
    engine: Engine,
    *,
    lags: Shape | None = None,
    on_block: Callable[[Block], None] | None = None,
) -> PairCounts:
    """Count the pairs of voxels of each two phases along the three axes.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    phases : sequence of int
        The labels of the phases, in the order wanted; other labels are left out.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run. A task holds a box of `whole_lines`, at 4 + n / 8 bytes
        per voxel for n phases of 8-bit labels.
    lags : tuple of int, optional
        The longest lag along (Z, Y, X) in voxels; half the volume, and 128 at most, if not
        given. One voxel less than the volume is the most.
    on_block : callable, optional
        Told each finished box of lines.

    Returns
    -------
    PairCounts
        See `ssbtomo.kernels.correlation`.
    """
    wanted = lags if lags is not None else [min(size // 2, _LAGS) for size in grid.shape]
    order = [int(phase) for phase in phases]
    z, y, x = (
        _summed(
            partial(line_pairs, phases=order, lags=min(int(most), size - 1), axis=axis),
            source, whole_lines(grid, axis), engine, on_block,
        )
        for axis, (most, size) in enumerate(zip(wanted, grid.shape, strict=True))
    )  # fmt: skip
    return PairCounts((z, y, x), grid.shape)


def chord_counts(
    source: Source,
    phases: Sequence[int],
    grid: Grid,
    engine: Engine,
    *,
    on_block: Callable[[Block], None] | None = None,
) -> ChordCounts:
    """Count the chords of each phase along the three axes by their length.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    phases : sequence of int
        The labels of the phases, in the order wanted; other labels are left out.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run. A task holds a box of `whole_lines`, at 3 bytes per
        voxel for 8-bit labels.
    on_block : callable, optional
        Told each finished box of lines.

    Returns
    -------
    ChordCounts
        See `ssbtomo.kernels.chords`.
    """
    order = [int(phase) for phase in phases]
    z, y, x = (
        _summed(
            partial(line_chords, phases=order, axis=axis),
            source, whole_lines(grid, axis), engine, on_block,
        )
        for axis in range(3)
    )  # fmt: skip
    return ChordCounts((z, y, x), grid.shape)


def _summed(
    kernel: Callable[[Any], Counts],
    source: Source,
    boxes: Grid,
    engine: Engine,
    on_block: Callable[[Block], None] | None,
) -> Counts:
    def counted() -> Iterator[Counts]:
        task = partial(_count, kernel=kernel, source=source)
        for box, part in zip(boxes, engine.map(task, boxes), strict=True):
            yield part
            if on_block:
                on_block(box)

    return reduce(add, counted())


def _count(box: Block, *, kernel: Callable[[Any], Counts], source: Source) -> Counts:
    return kernel(np.asarray(source[box.core]))
