"""Contacts as other programs count them, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import tally
from ssbtomo.errors import InputDataError
from ssbtomo.kernels import area_compat, area_gradient, area_meshes
from ssbtomo.kernels.area_compat import ContactCounts
from ssbtomo.units import Spacing, check_spacing

__all__ = ["contact_counts", "gradient_areas", "mesh_areas"]


def contact_counts(
    source: Source,
    phases: Sequence[int],
    grid: Grid,
    engine: Engine,
    *,
    on_block: Callable[[Block], None] | None = None,
) -> ContactCounts:
    """Count neighbouring voxels of each pair and edges of each triple, block by block.

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
    ContactCounts
        Of the whole volume; see `ssbtomo.kernels.area_compat.contact_counts`.
    """
    kernel = partial(area_compat.contact_counts, phases=[int(phase) for phase in phases])
    return reduce(add, tally(kernel, source, grid, engine, margin=1, on_block=on_block))


def gradient_areas(
    source: Source,
    spacing: Spacing,
    phases: Sequence[int],
    grid: Grid,
    engine: Engine,
    *,
    on_block: Callable[[Block], None] | None = None,
) -> NDArray[np.float64]:
    """Measure the surface of each phase as TauFactor does, block by block.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    phases : sequence of int
        The labels of the phases.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    ndarray of float64, shape (phases,)
        Square micrometres; see `ssbtomo.kernels.area_gradient.gradient_sums`.

    Raises
    ------
    InputDataError
        If the volume is one voxel thick along an axis.
    """
    edges = check_spacing(spacing)
    if min(source.shape) < 2:
        raise InputDataError(
            f"a volume of {tuple(source.shape)} voxels has no gradient along each axis",
            hint="take the estimator normals",
        )
    kernel = partial(
        area_gradient.gradient_sums, phases=[int(phase) for phase in phases], spacing=edges
    )
    parts = tally(
        kernel, source, grid, engine, margin=area_gradient.GRADIENT_MARGIN, on_block=on_block
    )
    return area_gradient.gradient_areas(np.sum(parts, axis=0, dtype=np.int64), edges)


def mesh_areas(
    source: Source,
    spacing: Spacing,
    phases: Sequence[int],
    grid: Grid,
    engine: Engine,
    *,
    on_block: Callable[[Block], None] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Measure surfaces and contacts as PoreSpy does, block by block.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    phases : sequence of int
        The labels of the phases, each a region.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    surfaces : ndarray of float64, shape (phases,)
        Square micrometres.
    contacts : ndarray of float64, shape (pairs,)
        See `ssbtomo.kernels.area_meshes.mesh_areas`.
    """
    edges = check_spacing(spacing)
    kernel = partial(area_meshes.mesh_counts, phases=[int(phase) for phase in phases])
    parts = tally(kernel, source, grid, engine, margin=area_meshes.MESH_MARGIN, on_block=on_block)
    return area_meshes.mesh_areas(area_meshes.join_meshes(parts), edges)
