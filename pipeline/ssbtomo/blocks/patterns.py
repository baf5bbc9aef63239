"""The two patterns that most work on blocks follows: counts that add, and halo filters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid

__all__ = ["halo_map", "tally"]

Counts = TypeVar("Counts")
Margin = int | tuple[int, int, int]


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
    results = []
    for block, result in zip(grid, engine.map(task, grid), strict=True):
        results.append(result)
        if on_block:
            on_block(block)
    return results


def halo_map(
    kernel: Callable[[Any], Any],
    source: Source,
    sink: Sink,
    grid: Grid,
    engine: Engine,
    *,
    halo: Margin = 0,
    on_block: Callable[[Block], None] | None = None,
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
        Told each finished block.
    """
    task = partial(_filter, kernel=kernel, source=source, sink=sink, halo=halo)
    for block, _ in zip(grid, engine.map(task, grid), strict=True):
        if on_block:
            on_block(block)


def _count(
    block: Block, *, kernel: Callable[..., Counts], source: Source, margin: Margin
) -> Counts:
    return kernel(source[block.window(margin, margin)], inner=block.inner(margin))


def _filter(
    block: Block, *, kernel: Callable[[Any], Any], source: Source, sink: Sink, halo: Margin
) -> None:
    sink[block.core] = kernel(source[block.window(halo, halo)])[block.inner(halo)]
