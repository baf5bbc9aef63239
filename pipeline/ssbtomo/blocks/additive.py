"""All additive measures of a volume in one read of it.

An additive measure is a kernel that counts on a block with a margin, and sums to which the
counts of each block are added. Whatever is asked for is counted while a block is at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid, Shape

__all__ = ["Measure", "Sums", "measure_all"]


class Sums(Protocol):
    """What the counts of blocks are added to, in the order of the blocks."""

    def add(self, block: Block, part: Any) -> None:
        """Add the counts of one block."""

    def result(self) -> Any:
        """Return what the counts of the whole volume tell."""


class Measure(Protocol):
    """Counts that add; a picklable object."""

    @property
    def margin(self) -> Shape:
        """Voxels that `count` needs around a block; more do no harm."""

    def count(self, labels: Any, block: Block, margin: Shape, objects: Any | None) -> Any:
        """Count on a block that was read with `margin`, cut only at the ends of the volume."""

    def begin(self, grid: Grid) -> Sums:
        """Return sums with nothing in them."""


def measure_all(
    source: Source,
    measures: Sequence[Measure],
    grid: Grid,
    engine: Engine,
    *,
    objects: Source | None = None,
    on_block: Callable[[Block], None] | None = None,
) -> list[Any]:
    """Count everything in one read of the volume.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    measures : sequence of Measure
        What is counted. Each block is read once, with the largest of their margins.
    grid : Grid
        How the volume is cut. No answer depends on it.
    engine : Engine
        Where the tasks run.
    objects : Source, optional
        Object numbers of the same shape, 0 for none, to which measures may attribute counts.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    list
        The result of each measure.
    """
    z, y, x = (max((measure.margin[k] for measure in measures), default=0) for k in range(3))
    task = partial(
        _count, source=source, objects=objects, measures=tuple(measures), margin=(z, y, x)
    )
    sums = [measure.begin(grid) for measure in measures]
    for block, parts in zip(grid, engine.map(task, grid), strict=True):
        for total, part in zip(sums, parts, strict=True):
            total.add(block, part)
        if on_block:
            on_block(block)
    return [total.result() for total in sums]


def _count(
    block: Block,
    *,
    source: Source,
    objects: Source | None,
    measures: tuple[Measure, ...],
    margin: Shape,
) -> list[Any]:
    window = block.window(margin, margin)
    labels = np.asarray(source[window])
    around = None if objects is None else np.asarray(objects[window])
    return [measure.count(labels, block, margin, around) for measure in measures]
