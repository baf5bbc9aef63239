"""Contact patches: the connected pieces of an interface, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.components import Allocate, Wanted, components
from ssbtomo.blocks.derived import Touching
from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Grid
from ssbtomo.blocks.regions import RegionAreas, region_areas
from ssbtomo.units import Spacing, check_spacing

__all__ = ["Patches", "patches"]


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """The patches of one interface; one row each, in the order of their first voxels.

    Parameters
    ----------
    voxels : ndarray of int64, shape (n,)
        Voxels of the first phase along it.
    area_um2 : ndarray of float64, shape (n,)
        Area; 0 where triple lines explain the few faces.
    centre_um : ndarray of float64, shape (n, 3)
        Mean of the voxels (Z, Y, X), from the outer corner of the volume.
    nearest_um : ndarray of float64, shape (n,)
        Distance to the nearest other centre; nan for a single patch.
    touches_border : ndarray of bool, shape (n,)
        Whether the volume cuts it.
    areas : RegionAreas
        The integers that the areas follow from.
    """

    voxels: NDArray[np.int64]
    area_um2: NDArray[np.float64]
    centre_um: NDArray[np.float64]
    nearest_um: NDArray[np.float64]
    touches_border: NDArray[np.bool_]
    areas: RegionAreas


def patches(
    source: Source,
    spacing: Spacing,
    phases: Sequence[int],
    grid: Grid,
    engine: Engine,
    *,
    pair: tuple[int, int],
    allocate: Allocate,
) -> Patches:
    """Find the connected pieces of the interface of two phases, and measure each.

    A patch is a piece of the voxels of the first phase that have one of the second across a
    face or an edge (see `ssbtomo.kernels.touching.touching`), joined over faces, edges and
    corners, with at least one face. Every face belongs to one patch, so that the integers of
    the patches sum exactly to those of the interface. Bias: patches closer than two voxels
    are one; so are the two sides of a wall of the first phase of up to two voxels.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    phases : sequence of int
        All phases.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    pair : tuple of int
        The two phases; patches are seen from the first.
    allocate : callable
        Called as ``allocate("components", uint32)``: makes what holds the patches meanwhile.

    Returns
    -------
    Patches
        Memory as for `ssbtomo.blocks.components.components` and
        `ssbtomo.blocks.regions.region_areas`.
    """
    edges = np.array(check_spacing(spacing))
    first, second = pair
    surface = Touching(source, first, second)
    wanted = Wanted(1, neighbours=26)
    labels, found = components(surface, grid, engine, wanted, allocate=allocate)
    areas = region_areas(source, spacing, phases, grid, engine, objects=labels)
    column = _column(areas, pair)
    touched = areas.counts.by_region[1:, column].any(axis=1)
    table = found.table.take(areas.names[touched] - 1)
    centre = (table.centroids + 0.5) * edges
    key = next(key for key in areas.area_um2 if {*key} == {*pair})
    return Patches(
        table.size,
        areas.area_um2[key][touched],
        centre,
        _nearest(centre),
        np.asarray(table.touches(grid.shape).any(axis=(1, 2))),
        areas,
    )


def _column(areas: RegionAreas, pair: tuple[int, int]) -> int:
    return next(k for k, key in enumerate(areas.area_um2) if {*key} == {*pair})


def _nearest(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance from each point to the nearest other one."""
    from scipy.spatial import cKDTree

    if len(centres) < 2:
        return np.full(len(centres), np.nan)
    distances: NDArray[np.float64] = cKDTree(centres).query(centres, k=2)[0][:, 1]
    return distances
