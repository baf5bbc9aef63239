"""Separable work on blocks: passes one after the other, each over tasks that span some axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid

__all__ = ["Allocate", "Pass", "passes", "spanning", "whole_lines"]

_THIN = 64  # voxels: what is cut thinner than a chunk of a store is decoded more than once

#: Makes a store of the volume's shape whose shards are the grid's blocks: (name, type) -> store.
Allocate = Callable[[str, Any], Sink]


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over a volume.

    Parameters
    ----------
    kernel : callable
        Takes a box that is whole along `spans`, returns an array of the same shape.
        Picklable; leaves its input as it is.
    sink : Sink
        What is written; its shards must coincide with the grid's blocks.
    spans : tuple of int
        The axes along which the kernel needs whole lines.
    summary : callable, optional
        What a task tells of the array that it wrote; a small value.
    """

    kernel: Callable[[Any], Any]
    sink: Sink
    spans: tuple[int, ...]
    summary: Callable[[Any], Any] | None = None


def spanning(grid: Grid, spans: Sequence[int]) -> Grid:
    """Join the blocks of a grid along some axes.

    Parameters
    ----------
    grid : Grid
        How the volume is cut.
    spans : sequence of int
        Axes along which the new blocks are as long as the volume.

    Returns
    -------
    Grid
        Its blocks are made of whole blocks of the given one, so that they own whole shards.
    """
    z, y, x = (
        max(size, 1) if axis in spans else edge
        for axis, (size, edge) in enumerate(zip(grid.shape, grid.block, strict=True))
    )
    return Grid(grid.shape, (z, y, x))


def whole_lines(grid: Grid, axis: int) -> Grid:
    """Cut a volume into boxes of whole lines, for work that only reads.

    Parameters
    ----------
    grid : Grid
        How the volume is cut.
    axis : int
        Along which the lines are whole.

    Returns
    -------
    Grid
        Its boxes are columns of blocks, halved across the lines until they hold no more voxels
        than a block, or are 64 lines wide: of 128³ blocks, at most 4 blocks' voxels where the
        volume is 2048 voxels long. They do not own whole shards.
    """
    edges = list(spanning(grid, (axis,)).block)
    free = [other for other in range(3) if other != axis]
    while prod(edges) > prod(grid.block):
        longest = max(free, key=edges.__getitem__)
        if edges[longest] <= _THIN:
            break
        edges[longest] = -(-edges[longest] // 2)
    z, y, x = edges
    return Grid(grid.shape, (z, y, x))


def passes(
    source: Source,
    steps: Sequence[Pass],
    grid: Grid,
    engine: Engine,
    *,
    on_block: Callable[[Block], None] | None = None,
) -> list[Any]:
    """Run separable passes: each reads what the one before it wrote.

    The result is that of the whole volume for any cut: a kernel sees whole lines along the
    axes that it works on. A pass begins when the one before it has ended.

    Parameters
    ----------
    source : Source
        What the first pass reads.
    steps : sequence of Pass
        In their order.
    grid : Grid
        How the volume is cut. A task holds the blocks that `spanning` joins, because it owns
        their shards: slabs for a pass over two axes (128 planes of 2048² voxels are 256 times a
        block of 128³), columns of blocks for one (16 times). Thinner blocks hold less.
    engine : Engine
        Where the tasks run.
    on_block : callable, optional
        Told each finished box.

    Returns
    -------
    list
        The summaries of the last pass, in the order of its boxes.
    """
    results: list[Any] = []
    before = source
    for step in steps:
        boxes = spanning(grid, step.spans)
        results = []
        task = partial(_pass, step=step, source=before)
        for box, result in zip(boxes, engine.map(task, boxes), strict=True):
            results.append(result)
            if on_block:
                on_block(box)
        before = step.sink
    return results


def _pass(box: Block, *, step: Pass, source: Source) -> Any:
    values = step.kernel(np.asarray(source[box.core]))
    step.sink[box.core] = values
    return step.summary(values) if step.summary else None
