"""Intrinsic volumes of the phases of a volume, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import tally
from ssbtomo.kernels import intrinsic as kernels
from ssbtomo.kernels.intrinsic import IntrinsicVolumes
from ssbtomo.units import Spacing, check_spacing

__all__ = ["IntrinsicVolumes", "intrinsic_volumes"]


def intrinsic_volumes(
    source: Source,
    spacing: Spacing,
    phases: Sequence[int],
    grid: Grid,
    engine: Engine,
    *,
    connectivity: int = 26,
    on_block: Callable[[Block], None] | None = None,
) -> list[IntrinsicVolumes]:
    """Measure volume, area, mean curvature and Euler number of each phase, block by block.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    phases : sequence of int
        The labels of the phases; other labels are left out.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    connectivity : {26, 6}
        Whether voxels of a phase that share only an edge or a corner are connected.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    list of IntrinsicVolumes
        In the order of the phases; see `ssbtomo.kernels.intrinsic.volumes_from_counts`.
    """
    edges = check_spacing(spacing)
    kernel = partial(kernels.pattern_counts, phases=[int(phase) for phase in phases])
    parts = tally(kernel, source, grid, engine, margin=1, on_block=on_block)
    total = np.array(parts, dtype=np.int64).sum(axis=0)
    return kernels.volumes_from_counts(total, edges, connectivity=connectivity)
