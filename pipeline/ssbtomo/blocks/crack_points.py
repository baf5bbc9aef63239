"""The voxels of cracks, gathered block by block: from crack labels, or from grey values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.facets import over_points
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import each
from ssbtomo.kernels.crack_facets import connected
from ssbtomo.kernels.crack_planes import local_quantiles
from ssbtomo.kernels.crack_points import Points, crack_points, group_extents
from ssbtomo.kernels.crack_ridges import RidgeRules, find_ridges
from ssbtomo.kernels.sheets import voxel_edge
from ssbtomo.units import Spacing

__all__ = ["CrackVoxels", "points_in", "ridge_voxels", "voxels_of"]

OnBlock = Callable[[Block], None]

_SURE = 80  # score that a sheet must reach somewhere, or all of it together
_CELL = 160.0  # voxels of a sheet whose noise is one draw
_PLAIN = 0.5  # least share of a sheet's voxels that are no crossing
_RIM = 3.0  # voxel edges around deep places within which shallow ones belong to a sheet


@dataclass(frozen=True, slots=True, eq=False)
class CrackVoxels:
    """Voxels of cracks.

    Parameters
    ----------
    points : Points
        Their places, in the order of the volume.
    groups : ndarray of int32, shape (n,)
        The connected crack of each, from 0 in the order of their first voxels.
    scores : ndarray of uint8, shape (n,)
        Ten times signal to noise; 255 where labels said so.
    bright : ndarray of bool, shape (n,)
        Whether the crack is brighter than what is around it, or of the filling phase.
    strengths : ndarray of float32, shape (n,)
        See `ssbtomo.kernels.crack_ridges.Ridges`; 0 where labels said so.
    extreme : float
        Darkest (brightest, if that was looked for) smoothed value; ``nan`` for labels.
    ways : ndarray of float32, shape (n, 4), optional
        See `ssbtomo.kernels.crack_ridges.Ridges`; of ridge voxels alone.
    """

    points: Points
    groups: NDArray[np.int32]
    scores: NDArray[np.uint8]
    bright: NDArray[np.bool_]
    strengths: NDArray[np.float32]
    extreme: float
    ways: NDArray[np.float32] | None = None


def voxels_of(
    cracks: Source,
    labels: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    filling: int | None = None,
    on_block: OnBlock | None = None,
) -> CrackVoxels:
    """Gather the voxels of labelled cracks, in one read.

    Parameters
    ----------
    cracks : Source
        Cracks from 1; 0 is none.
    labels : Source
        Phases; tell where a crack is filled.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it.
    engine : Engine
        Where the tasks run.
    filling : int, optional
        The phase that fills cracks.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    CrackVoxels
        Of all cracks.
    """
    task = partial(_gather, cracks=cracks, labels=labels, filling=filling)
    parts = each(task, grid, engine, on_block)
    places, names, bright = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(places)
    points = crack_points(places[order], grid.shape, spacing)
    groups = names[order].astype(np.int32) - 1
    scores = np.full(places.size, 255, dtype=np.uint8)
    none = np.zeros(places.size, dtype=np.float32)
    return CrackVoxels(points, groups, scores, bright[order], none, float("nan"))


def ridge_voxels(
    image: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    rules: RidgeRules,
    extent: float,
    on_block: OnBlock | None = None,
) -> CrackVoxels:
    """Find the voxels of sheets in grey values: by hysteresis and least size.

    Parameters
    ----------
    image : Source
        Grey values.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it by a bit.
    engine : Engine
        Where the tasks run.
    rules : RidgeRules
        Scales, noise, dark or bright.
    extent : float
        Least size in µm along both directions of a sheet.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    CrackVoxels
        About two voxels thick, around the middle of each sheet.

    Notes
    -----
    Memory of a task: 80 bytes per voxel of a block with its halo; here 32 bytes for each voxel
    that may be one (some thousandths of the volume in noise alone).
    """
    parts = each(
        partial(_ridges, image=image, spacing=spacing, rules=rules), grid, engine, on_block
    )
    columns = [np.concatenate([part[k] for part in parts]) for k in range(6)]
    order = np.argsort(columns[0])
    places, scores, strengths, plain, deep, ways = (column[order] for column in columns)
    sure = np.zeros(places.size, dtype=np.float32)
    sure[deep] = _large(places[deep], (scores[deep], plain[deep]), grid, spacing, extent)
    points = crack_points(places, grid.shape, spacing)
    reach = _RIM * voxel_edge(spacing), 0.9999  # the largest
    task = partial(local_quantiles, points, sure, reach)
    keep = over_points(task, places.size, engine) > 0
    places, scores, strengths, ways = places[keep], scores[keep], strengths[keep], ways[keep]
    points = crack_points(places, grid.shape, spacing)
    extremes = [part[6] for part in parts]
    bright = np.full(places.size, rules.bright)
    extreme = max(extremes) if rules.bright else min(extremes)
    return CrackVoxels(points, connected(points), scores, bright, strengths, extreme, ways)


def _gather(
    block: Block, *, cracks: Source, labels: Source, filling: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    names = np.asarray(cracks[block.core])
    held = np.flatnonzero(names)
    bright = np.zeros(held.size, dtype=bool)
    if filling is not None:
        bright = np.asarray(labels[block.core]).ravel()[held] == filling
    return _whole(held, block), names.ravel()[held].astype(np.int64), bright


def _whole(held: NDArray[np.int64], block: Block) -> NDArray[np.int64]:
    """Turn linear indexes in a block into those of the volume."""
    local = np.unravel_index(held, block.shape)
    z, y, x = (index + start for index, start in zip(local, block.start, strict=True))
    return np.asarray((z * block.within[1] + y) * block.within[2] + x, dtype=np.int64)


def _ridges(block: Block, *, image: Source, spacing: Spacing, rules: RidgeRules) -> tuple[Any, ...]:
    halo = rules.halo(spacing)
    grey = np.asarray(image[block.window(halo, halo)])
    found = find_ridges(grey, spacing, rules, block.inner(halo))
    whole = _whole(found.places, block)
    told = found.scores, found.strengths, found.plain, found.deep, found.ways
    return whole, *told, found.extreme


def _large(
    places: NDArray[np.int64],
    marks: tuple[NDArray[np.uint8], NDArray[np.bool_]],
    grid: Grid,
    spacing: Spacing,
    extent: float,
) -> NDArray[np.bool_]:
    """Tell which voxels belong to sheets that are sure somewhere, plain mostly, and large."""
    scores, plain = marks
    points = crack_points(places, grid.shape, spacing)
    groups = connected(points)
    count = int(groups.max(initial=-1)) + 1
    size = np.bincount(groups, minlength=count)
    peak = np.zeros(count, dtype=np.int64)
    np.maximum.at(peak, groups, scores)
    mean = np.bincount(groups, scores, count) / np.maximum(size, 1)
    sure = np.maximum(peak, mean * np.sqrt(np.maximum(size / _CELL, 1.0)))
    keep = (sure >= _SURE) & (np.bincount(groups, plain, count) >= _PLAIN * size)
    keep &= group_extents(points, groups) >= extent
    return np.asarray(keep[groups], dtype=bool)


def points_in(block: Block, points: Points) -> NDArray[np.int64]:
    """Return the numbers of the points in a block.

    Parameters
    ----------
    block : Block
        A box of voxels.
    points : Points
        The list.

    Returns
    -------
    ndarray of int64
        Ascending.
    """
    rows = [
        np.arange(points.rows[z * block.within[1] + block.start[1]],
                  points.rows[z * block.within[1] + block.stop[1]])
        for z in range(block.start[0], block.stop[0])
    ]  # fmt: skip
    numbers = np.concatenate(rows)
    x = points.places[numbers, 2]
    return np.asarray(numbers[(x >= block.start[2]) & (x < block.stop[2])])
