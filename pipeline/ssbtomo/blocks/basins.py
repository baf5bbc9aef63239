"""Basins of a height field, block by block: the watershed of the whole, whatever the cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.drainage import Job, OnBlock, Steps, drainage, told
from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.passes import Allocate
from ssbtomo.kernels import flooding as kernels

__all__ = ["Basins", "basins", "find_basins"]

Ints = NDArray[np.int64]
Names = NDArray[np.int32]
Pairs = tuple[Ints, NDArray[np.float32]]

_CORNERS = tuple(product((0, 1), repeat=3))


@dataclass(frozen=True, slots=True, eq=False)
class Basins:
    """The basins of a volume, before they are written.

    Parameters
    ----------
    drained : Sink
        int32, (Z, Y, X): in each block, where the ascent from a voxel ends; 0 outside.
    grid : Grid
        The blocks.
    offsets : ndarray of int64, shape (blocks + 1,)
        Ends in the blocks before each block.
    names : ndarray of int32
        For each end of each block its basin, from 1.
    count : int
        How many basins there are, numbered by their first voxels.
    """

    drained: Sink
    grid: Grid
    offsets: Ints
    names: Names
    count: int

    def paint(
        self,
        sink: Sink,
        engine: Engine,
        *,
        summary: Callable[[Block, Names], Any] | None = None,
        on_block: OnBlock | None = None,
    ) -> list[Any]:
        """Write the basins, one read and one write of each block.

        Parameters
        ----------
        sink : Sink
            int32; its shards must coincide with the grid's blocks.
        engine : Engine
            Where the tasks run.
        summary : callable, optional
            What a task tells of the block that it wrote; picklable.
        on_block : callable, optional
            Told each finished block.

        Returns
        -------
        list
            The summaries, in the order of the grid.
        """
        table = _tables(self.offsets, self.names)
        jobs = (Job(block, (table(index),)) for index, block in enumerate(self.grid))
        task = partial(_paint, drained=self.drained, sink=sink, summary=summary)
        return list(told(self.grid, engine.map(task, jobs), on_block))


def basins(
    heights: Source,
    steps: Steps,
    grid: Grid,
    engine: Engine,
    *,
    depth: float = 0.0,
    neck: float = 1.0,
    allocate: Allocate,
    on_block: OnBlock | None = None,
) -> Sink:
    """Divide the voxels of positive height into basins, one for each distinct peak.

    Parameters
    ----------
    heights : Source
        float32: positive inside, 0 outside; finite.
    steps : tuple of float
        Voxel edges along (Z, Y, X), in any unit.
    grid : Grid
        How the volume is cut. The result does not depend on it by a bit.
    engine : Engine
        Where the tasks run.
    depth : float
        Falls of less than this are no division, in the unit of `heights`.
    neck : float
        Falls to more than this share of the lower peak are no division; 1 turns the
        rule off.
    allocate : callable
        Makes the stores, int32 both: ``"drainage"`` (not needed afterwards) and
        ``"basins"`` (the result).
    on_block : callable, optional
        Told each finished block of the three passes over the heights or the ends.

    Returns
    -------
    Sink
        Those of `ssbtomo.kernels.flooding.basins`.

    Notes
    -----
    Memory: see `find_basins`.
    """
    found = find_basins(
        heights, steps, grid, engine,
        depth=depth, neck=neck, allocate=allocate, on_block=on_block,
    )  # fmt: skip
    sink = allocate("basins", np.dtype(np.int32))
    found.paint(sink, engine, on_block=on_block)
    return sink


def find_basins(
    heights: Source,
    steps: Steps,
    grid: Grid,
    engine: Engine,
    *,
    depth: float = 0.0,
    neck: float = 1.0,
    allocate: Allocate,
    on_block: OnBlock | None = None,
) -> Basins:
    """Find basins, all but the writing of them; parameters as for `basins`.

    Parameters
    ----------
    heights : Source
        float32: positive inside, 0 outside; finite.
    steps : tuple of float
        Voxel edges along (Z, Y, X), in any unit.
    grid : Grid
        How the volume is cut.
    engine : Engine
        Where the tasks run.
    depth : float
        Falls of less than this are no division.
    neck : float
        Nor are falls to more than this share of the lower peak.
    allocate : callable
        Makes the store ``"drainage"``, int32.
    on_block : callable, optional
        Told each finished block, once when it is drained and once when its passes are known.

    Returns
    -------
    Basins
        `Basins.paint` writes them.

    Notes
    -----
    Ways are followed as in `ssbtomo.blocks.drainage.drainage`; passes are measured between
    the basins of the whole, and basins are merged in the order of the whole.
    Memory: 12 bytes per voxel of a block for a task; here 50 bytes per end in the drainage
    and 50 per pair of touching basins.
    """
    ways = drainage(heights, steps, grid, engine, allocate=allocate, on_block=on_block)
    tables = _tables(ways.offsets, (ways.peak + 1).astype(np.int32))
    task = partial(_measure_passes, heights=heights, drained=ways.ends)
    jobs = (Job(block, _tables_around(block, grid, tables)) for block in grid)
    keys, values = _gathered(told(grid, engine.map(task, jobs), on_block))
    joined = kernels.joined_basins(ways.heights, keys, values, depth, neck)
    merged, count = _canonical(joined, ways.firsts)
    return Basins(ways.ends, grid, ways.offsets, merged[ways.peak], count)


def _tables(offsets: Ints, names: Names) -> Callable[[int], Names]:
    """Return what tells a block's look-up table: its ends, from 0 for outside, to names."""

    def table(index: int) -> Names:
        own = names[offsets[index] : offsets[index + 1]]
        return np.concatenate([np.zeros(1, dtype=np.int32), own])

    return table


def _gathered(parts: Iterator[Pairs]) -> Pairs:
    """Merge the passes of all blocks as they come."""
    waiting: list[Pairs] = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))]
    held = 0
    for part in parts:
        waiting.append(part)
        held += part[0].size
        if held > waiting[0][0].size:  # so each pair is sorted a few times at most
            waiting, held = [_highest(waiting)], 0
    return _highest(waiting)


def _highest(parts: Sequence[Pairs]) -> Pairs:
    """Merge tables of passes: the highest of each pair counts."""
    keys = np.concatenate([part[0] for part in parts])
    values = np.concatenate([part[1] for part in parts])
    order = np.lexsort((values, keys))
    keys, values = keys[order], values[order]
    last = np.append(keys[1:] != keys[:-1], np.ones(min(keys.size, 1), dtype=bool))
    return keys[last], values[last]


def _tables_around(
    block: Block, grid: Grid, table: Callable[[int], Names]
) -> tuple[Names | None, ...]:
    """Return the tables of a block and of the seven that follow it, `None` past the end."""
    z, y, x = grid.counts
    found: list[Names | None] = []
    for corner in _CORNERS:
        k, j, i = (at + far for at, far in zip(block.index, corner, strict=True))
        there = k < z and j < y and i < x
        found.append(table((k * y + j) * x + i) if there else None)
    return tuple(found)


def _measure_passes(job: Job, *, heights: Source, drained: Source) -> Pairs:
    """Measure the passes in a block and to the voxels that follow it."""
    block = job.block
    window = block.window(0, 1)
    ends = np.asarray(drained[window])
    labels = np.empty(ends.shape, dtype=np.int32)
    for corner, names in zip(_CORNERS, job.tables, strict=True):
        if names is not None:
            z, y, x = (
                slice(size, size + 1) if far else slice(0, size)
                for far, size in zip(corner, block.shape, strict=True)
            )
            np.take(names, ends[z, y, x], out=labels[z, y, x], mode="clip")
    values = np.ascontiguousarray(heights[window], dtype=np.float32)
    return kernels.pass_heights(values, labels)


def _canonical(joined: Ints, firsts: Ints) -> tuple[Names, int]:
    """Return for each basin the number of what it became part of, by first voxel from 1."""
    lowest = np.full(joined.size, np.iinfo(np.int64).max)
    np.minimum.at(lowest, joined, firsts)
    roots = np.flatnonzero(joined == np.arange(joined.size))
    roots = roots[np.argsort(lowest[roots], kind="stable")]
    number = np.zeros(joined.size, dtype=np.int32)
    number[roots] = np.arange(1, roots.size + 1, dtype=np.int32)
    return number[joined], int(roots.size)


def _paint(
    job: Job,
    *,
    drained: Source,
    sink: Sink,
    summary: Callable[[Block, Names], Any] | None,
) -> Any:
    block, (names,) = job.block, job.tables
    labels: Names = np.take(names, np.asarray(drained[block.core]))  # type: ignore[arg-type]
    sink[block.core] = labels
    return summary(block, labels) if summary else None
