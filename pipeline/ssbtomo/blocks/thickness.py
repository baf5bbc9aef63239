"""The continuous size distribution of a phase, block by block: counts, and nothing whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.blocks.distance import distance
from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.passes import Allocate
from ssbtomo.blocks.patterns import tally
from ssbtomo.kernels.distance_passes import squared_edges
from ssbtomo.kernels.spheres import class_counts, sphere_reach
from ssbtomo.kernels.thickness import SizeDistribution, chosen_radii
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SizeDistribution", "size_distribution"]


def size_distribution(
    source: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    allocate: Allocate,
    phase: int | None = None,
    radii: Sequence[float] | None = None,
    on_block: Callable[[Block], None] | None = None,
) -> SizeDistribution:
    """Measure the continuous size distribution of a phase, block by block.

    Parameters
    ----------
    source : Source
        A mask, or labels.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The answer does not depend on it by a bit.
    engine : Engine
        Where the tasks run.
    allocate : callable
        Makes the stores of the distances; see `ssbtomo.blocks.distance.distance`.
    phase : int, optional
        Label of the phase; all that is not zero if not given.
    radii : sequence of float, optional
        Radii in µm that are told apart; see `ssbtomo.kernels.thickness.size_distribution`.
    on_block : callable, optional
        Told each finished block, slab or column: of the distances, then of the sizes.

    Returns
    -------
    SizeDistribution
        Equal to that of `ssbtomo.kernels.thickness.size_distribution` for the whole volume.

    Raises
    ------
    PhaseMissingError
        If the phase has no voxel.
    InputDataError
        If the phase fills the volume, or the radii are not positive.

    Notes
    -----
    Memory of a task: 14 bytes per voxel read, which is the block with the largest radius
    around it; the distances are on disk where `allocate` puts them there.
    """
    edge = min(spacing)
    found = distance(
        source, spacing, grid, engine, allocate=allocate, phase=phase, on_block=on_block
    )
    chosen = chosen_radii(radii, edge, float(np.sqrt(np.float32(found.largest))))
    weights = squared_edges(spacing, grid.shape)
    # no sphere is larger than the largest distance: larger radii need no wider margin
    radius = min(float(chosen[-1]), found.largest**0.5)
    kernel = partial(_counts, weights=weights, radii=chosen)
    counts = tally(
        kernel,
        found.squared,
        grid,
        engine,
        margin=sphere_reach(radius, weights),
        on_block=on_block,
    )
    return SizeDistribution.from_counts(reduce(add, counts), chosen * edge)


def _counts(
    squared: NDArray[np.float32],
    *,
    inner: tuple[slice, slice, slice],
    weights: Spacing,
    radii: NDArray[np.float64],
) -> NDArray[Any]:
    return class_counts(np.sqrt(squared), weights, radii, inner)
