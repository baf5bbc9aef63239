"""Voxels of each phase of a volume, counted block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import tally
from ssbtomo.kernels import fractions as kernels
from ssbtomo.kernels.fractions import PhaseCounts

__all__ = ["PhaseCounts", "phase_counts"]


def phase_counts(
    source: Source,
    phases: Sequence[int],
    grid: Grid,
    engine: Engine,
    *,
    on_block: Callable[[Block], None] | None = None,
) -> PhaseCounts:
    """Count the voxels of each phase, in total and in each slice along each axis.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    phases : sequence of int
        The labels of the phases; other labels are left out.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    PhaseCounts
        Of the whole volume; see `ssbtomo.kernels.fractions.phase_counts`.
    """
    order = [int(phase) for phase in phases]
    kernel = partial(kernels.phase_counts, phases=order)
    parts = tally(kernel, source, grid, engine, on_block=on_block)
    total = np.zeros(len(order), dtype=np.int64)
    z, y, x = (np.zeros((len(order), size), dtype=np.int64) for size in grid.shape)
    for block, part in zip(grid, parts, strict=True):
        total += part.total
        for whole, own, here in zip((z, y, x), part.along, block.core, strict=True):
            whole[:, here] += own
    return PhaseCounts(total, (z, y, x))
