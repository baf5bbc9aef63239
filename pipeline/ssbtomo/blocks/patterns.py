"""The two patterns that most work on blocks follows: counts that add, and halo filters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.markers import Markers
from ssbtomo.blocks.task import item_name
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.errors import OutputError

__all__ = ["check_sink", "each", "halo_map", "tally"]

Counts = TypeVar("Counts")
Margin = int | tuple[int, int, int]


def each(
    task: Callable[[Block], Counts],
    grid: Grid,
    engine: Engine,
    on_block: Callable[[Block], None] | None = None,
    *,
    markers: Markers | None = None,
) -> list[Counts]:
    """Run a task on every block.

    Parameters
    ----------
    task : callable
        A picklable function of a block.
    grid : Grid
        How the volume is cut.
    engine : Engine
        Where the tasks run.
    on_block : callable, optional
        Told each block that was finished now.
    markers : Markers, optional
        Where finished blocks are marked; those that an earlier run marked are recalled.

    Returns
    -------
    list
        One result per block, in the order of the grid.
    """
    done = markers.finished() if markers else frozenset()
    results = []
    for block, result in zip(grid, engine.map(task, grid, markers=markers), strict=True):
        results.append(result)
        if on_block and item_name(block) not in done:
            on_block(block)
    return results


def tally(
    kernel: Callable[..., Counts],
    source: Source,
    grid: Grid,
    engine: Engine,
    *,
    margin: Margin = 0,
    on_block: Callable[[Block], None] | None = None,
) -> list[Counts]:
    """Run an additive kernel over blocks; the caller adds the counts, in block order.

    Parameters
    ----------
    kernel : callable
        Called as ``kernel(values, inner=window)``: the block with its margin, and where
        the owned voxels lie in it.
    source : Source
        The volume.
    grid : Grid
        How it is cut.
    engine : Engine
        Where the tasks run.
    margin : int or tuple of int
        Voxels read beyond the block on either side, inside the volume.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    list
        One result per block, in the order of the grid.
    """
    task = partial(_count, kernel=kernel, source=source, margin=margin)
    return each(task, grid, engine, on_block)


def halo_map(
    kernel: Callable[[Any], Any],
    source: Source,
    sink: Sink,
    grid: Grid,
    engine: Engine,
    *,
    halo: Margin = 0,
    on_block: Callable[[Block], None] | None = None,
    markers: Markers | None = None,
) -> None:
    """Filter a volume block by block, each with its halo, into a store.

    The result is that of the whole volume if `halo` covers the kernel's support: the
    halo is cut only at the true faces, where the kernel applies its own border rule.

    Parameters
    ----------
    kernel : callable
        Takes a block with halo, returns an array of the same shape.
    source : Source
        What is read.
    sink : Sink
        What is written; its shards must coincide with the grid's blocks.
    grid : Grid
        How the volume is cut.
    engine : Engine
        Where the tasks run.
    halo : int or tuple of int
        Voxels read beyond the block on either side.
    on_block : callable, optional
        Told each block that was finished now.
    markers : Markers, optional
        Where finished blocks are marked; those that an earlier run marked are left as they
        are in `sink`, and `on_block` is not told of them.

    Raises
    ------
    OutputError
        If two tasks would share a shard of `sink`, or nobody would see what they write.
    """
    check_sink(sink, grid, engine, source=source)
    task = partial(_filter, kernel=kernel, source=source, sink=sink, halo=halo)
    each(task, grid, engine, on_block, markers=markers)


def check_sink(sink: Sink, grid: Grid, engine: Engine, *, source: Source | None = None) -> None:
    """Make sure that each task owns what it writes, before the first one starts.

    Two tasks that write into one shard each read it, change their part and write it back: the
    later one undoes the other, and nobody is told.

    Parameters
    ----------
    sink : Sink
        What is written.
    grid : Grid
        The blocks of the tasks.
    engine : Engine
        Where the tasks run.
    source : Source, optional
        What the tasks read, with a halo.

    Raises
    ------
    OutputError
        If the shapes differ, a block does not cover whole shards, the sink is also what is
        read, or it is an array in memory and the tasks run in other processes.
    """
    if tuple(sink.shape) != tuple(grid.shape):
        raise OutputError(f"the output has the shape {tuple(sink.shape)}, the grid {grid.shape}")
    shards = getattr(sink, "shards", None) or getattr(sink, "chunks", None) or (1, 1, 1)
    for edge, size, shard in zip(grid.block, grid.shape, shards, strict=True):
        if edge % shard and edge < size:
            raise OutputError(
                f"blocks of {grid.block} voxels do not cover whole shards of {tuple(shards)}: two "
                "tasks would write into one",
                hint="cut the grid by the shards of the store",
            )
    if engine.remote and isinstance(sink, np.ndarray):
        raise OutputError(
            "the output is an array in this process's memory, and the tasks run in others",
            hint="write to a store on disk, or use scheduler: threads",
        )
    if source is not None and _same(source, sink):
        raise OutputError(
            "the output is also the input: blocks would read what their neighbours wrote",
            hint="write to another store",
        )


def _same(source: Source, sink: Sink) -> bool:
    arrays = isinstance(source, np.ndarray), isinstance(sink, np.ndarray)
    if all(arrays):
        return np.shares_memory(source, sink)
    return source is sink or (type(source) is type(sink) and bool(source == sink))


def _count(
    block: Block, *, kernel: Callable[..., Counts], source: Source, margin: Margin
) -> Counts:
    return kernel(source[block.window(margin, margin)], inner=block.inner(margin))


def _filter(
    block: Block, *, kernel: Callable[[Any], Any], source: Source, sink: Sink, halo: Margin
) -> None:
    values = kernel(source[block.window(halo, halo)])[block.inner(halo)]
    check_wanted()
    sink[block.core] = values
