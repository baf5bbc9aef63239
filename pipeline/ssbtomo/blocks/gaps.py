"""Gap thickness between two phases, block by block."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import check_sink
from ssbtomo.kernels import gaps as kernels
from ssbtomo.kernels.gaps import Gap, GapCounts
from ssbtomo.units import Spacing, check_spacing

__all__ = ["Gap", "GapCounts", "gap_counts"]


def gap_counts(
    source: Source,
    gap: Gap,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    sink: Sink | None = None,
    on_block: Callable[[Block], None] | None = None,
) -> GapCounts:
    """Measure the thickness of the gap between two phases.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    gap : Gap
        What is a gap.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    sink : Sink, optional
        float32: gets the thickness in micrometres in the voxels of the first phase, 0
        elsewhere; its shards must coincide with the grid's blocks.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    GapCounts
        See `ssbtomo.kernels.gaps.gap_counts` for the definition, bias and memory.
    """
    edges = check_spacing(spacing)
    if sink is not None:
        check_sink(sink, grid, engine, source=source)
    reach = kernels.gap_margin(edges, gap.widest)
    task = partial(_count, source=source, gap=gap, spacing=edges, margin=reach, sink=sink)
    total: GapCounts | None = None
    for block, part in zip(grid, engine.map(task, grid), strict=True):
        total = part if total is None else total + part
        if on_block:
            on_block(block)
    assert total is not None  # a volume has a block
    return total


def _count(
    block: Block,
    *,
    source: Source,
    gap: Gap,
    spacing: Spacing,
    margin: tuple[int, int, int],
    sink: Sink | None,
) -> GapCounts:
    labels = source[block.window(margin, margin)]
    counts, thickness = kernels.gap_counts(labels, gap, spacing, inner=block.inner(margin))
    if sink is not None:
        sink[block.core] = thickness
    return counts
