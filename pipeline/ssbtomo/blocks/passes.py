"""Separable work on blocks: passes one after the other, each over tasks that span some axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid

__all__ = ["Allocate", "Pass", "passes", "spanning"]

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
        How the volume is cut. A task holds the blocks that `spanning` joins: slabs for a pass
        over two axes, columns of blocks for one.
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
