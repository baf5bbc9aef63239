"""Contact areas and triple lines of a volume, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from operator import add

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import tally
from ssbtomo.kernels import areas as kernels
from ssbtomo.kernels.areas import InterfaceAreas
from ssbtomo.units import Spacing, check_spacing

__all__ = ["InterfaceAreas", "interface_areas"]


def interface_areas(
    source: Source,
    spacing: Spacing,
    phases: Sequence[int],
    grid: Grid,
    engine: Engine,
    *,
    sigma: float | None = None,
    on_block: Callable[[Block], None] | None = None,
) -> InterfaceAreas:
    """Measure the areas of all pairs and the lines of all triples, block by block.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    phases : sequence of int
        The labels of the phases, in the order wanted; other labels are left out, and a
        phase that does not occur has areas of 0.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    sigma : float, optional
        Width of the smoothing of the normals in micrometres; two of the largest voxel edge
        if not given.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    InterfaceAreas
        See `ssbtomo.kernels.areas.area_counts` for the estimator and its bias.
    """
    edges = check_spacing(spacing)
    order = [int(phase) for phase in phases]
    kernel = partial(kernels.area_counts, phases=order, spacing=edges, sigma=sigma)
    reach = kernels.margin(edges, sigma)
    counts = tally(kernel, source, grid, engine, margin=reach, on_block=on_block)
    return kernels.areas_from_counts(reduce(add, counts), order, edges, sigma=sigma)
