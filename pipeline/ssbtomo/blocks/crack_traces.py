"""Sheets of an image as whole plates of voxels: drawn on along their planes, and cut at their rims."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.crack_points import CrackVoxels
from ssbtomo.blocks.crack_sides import across_grey, response_across
from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.facets import over_points
from ssbtomo.blocks.grid import Grid
from ssbtomo.kernels.crack_facets import connected
from ssbtomo.kernels.crack_planes import local_quantiles, planes
from ssbtomo.kernels.crack_points import Points
from ssbtomo.kernels.crack_traces import Trace, drawn_on
from ssbtomo.kernels.facet_sums import disc_means
from ssbtomo.kernels.ridge_planes import ridge_planes
from ssbtomo.kernels.sheets import voxel_edge
from ssbtomo.units import Spacing

__all__ = ["traced"]

_BALL = (5.5, 8.5)  # least and largest radius in voxel edges of the balls that give planes
_CLEAR = 120.0  # score from which the least radius will do
_ROUGH = 0.9  # second moment in squared voxel edges of ridge voxels across one plane, at most
_FURTHER = (
    7.0  # voxel edges by which planes are drawn on, and their width: over gaps, and beyond rims
)
_FARTHEST = 16.0  # the same at most
_DISC = 5.0  # radius in voxel edges of the discs over which responses are averaged
_INSIDE = (9.0, 0.8)  # ball in voxel edges, and quantile in it, that tell the response inside
_HALF = 0.475  # share of that at a rim; a little below a half, since rims are convex
_FILTER = (1.2, 5.0, 0.55)  # σ of the filter in voxel edges: least, largest; and by aperture
_SOME = 0.02  # share of the response inside from which it is one at all
_WIDER = 2.5  # ratio of the two filters that tell how wide a profile is
_THIN = 1.7  # width in voxel edges of the first of them, up to which that is asked
_BROAD = 8.0  # radius in voxel edges of the discs over which it is
_BLUR = 1.05  # standard deviation in voxel edges of the widest blur
_LEAN = 1.5  # how much larger the variance of a void's profile may be than its width says
_NONE = np.float32(1e-12)  # discs are not asked around points that stand for nothing
_CROSS = 4.0  # voxel edges around a crossing in which seven of ten voxels must be on sheets
_LONG = 6.5  # half length in voxel edges of the profiles that tell how wide a crack is
_MOSTLY = 0.7  # quantile of a sheet's responses with which its parts are compared


def traced(
    voxels: CrackVoxels,
    image: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    levels: tuple[float, float],
) -> CrackVoxels:
    """Turn ridge voxels into plates: without gaps, and ending where cracks do.

    Parameters
    ----------
    voxels : CrackVoxels
        Voxels around the middle of sheets, with gaps, and short of their rims.
    image : Source
        Grey values.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it by a bit.
    engine : Engine
        Where the tasks run; threads share it.
    levels : tuple of float
        Grey values of the surroundings, and of a wide crack.

    Returns
    -------
    CrackVoxels
        One to two voxels thick; strengths are averages over discs.

    Notes
    -----
    A plane is fitted to the ridge voxels in a ball of 5.5 voxel edges around each, or up to 8.5
    where noise is strong. Where it fits it is drawn on for 6 edges. On all voxels that it passes the image
    is filtered along the normal by the second derivative of a Gaussian as wide as the crack, and
    averaged over discs of 5 voxel edges. The sheet ends where that falls to half of what it is
    further inside: the rim of a sheet that ends suddenly, however blurred. Where planes do
    not fit (crossings, turns) ridge voxels stay if planes reach them.
    Memory: about 150 bytes for each voxel of a plate.
    """
    edge, depth = voxel_edge(spacing), max(abs(levels[0] - levels[1]), 1e-12)
    flat, planes_of = _planes(voxels, edge, engine)
    wide = across_grey(
        image, spacing, grid, engine, points=voxels.points, level=levels[1],
        ways=(*planes_of, np.full(flat.size, _LONG * edge, dtype=np.float32)),
    )  # fmt: skip
    thick = _usual(voxels.points, wide, flat & np.isfinite(wide), edge, engine)
    reach = np.minimum(_FURTHER * edge + np.maximum(thick, 0), _FARTHEST * edge)
    trace = drawn_on(voxels.points, flat, planes_of, reach)
    sources, points = trace.sources, trace.points
    least, most, share = _FILTER
    thick = thick[sources]
    widths = np.clip(share * thick, least * edge, most * edge).astype(np.float32)
    wider = np.where(widths < _THIN * edge, _WIDER * widths, 0).astype(np.float32)
    near, far = (
        response_across(
            image, spacing, grid, engine, points=points, ways=(trace.normals, trace.heights, width)
        )
        for width in (widths, wider)
    )
    if voxels.bright.any():
        near, far = -near, -far
    near, far = np.nan_to_num(near), np.nan_to_num(far)
    strengths, keep = _inside(points, trace.normals, near, edge, engine)
    resolved = _resolved(trace, (near, far, widths), depth, edge, engine)
    keep &= ~(resolved & _weak(points, strengths))
    near_kept = partial(local_quantiles, points, keep.astype(np.float32), (_CROSS * edge, 0.3))
    keep |= _among(points, voxels.points, ~flat) & (over_points(near_kept, len(keep), engine) > 0)
    before = np.append(0, np.cumsum(keep))
    left = points._replace(places=points.places[keep], rows=before[points.rows])
    rows = sources[keep]
    return replace(
        voxels, ways=None, points=left, groups=connected(left), scores=voxels.scores[rows],
        bright=voxels.bright[rows], strengths=(thick[keep] * depth).astype(np.float32),
    )  # fmt: skip


def _planes(
    voxels: CrackVoxels, edge: float, engine: Engine
) -> tuple[NDArray[np.bool_], tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Fit a plane around each point; tell where it fits, its normal, and the height above it."""
    points, groups, count = voxels.points, voxels.groups, len(voxels.groups)
    wanted = np.clip(_BALL[0] * np.sqrt(_CLEAR / np.maximum(voxels.scores, 1.0)), *_BALL)
    radii = (wanted * edge).astype(np.float32)
    ways = np.zeros((count, 4), dtype=np.float32) if voxels.ways is None else voxels.ways
    ridges = ways, voxels.scores.astype(np.float32) ** 2
    task = partial(ridge_planes, points, groups, ridges, radii)
    normals, heights, held = over_points(task, count, engine)
    _, spreads = over_points(partial(planes, points, groups, radii), count, engine)
    flat = held & (spreads <= _ROUGH * edge**2)
    return flat, (normals, heights)


def _usual(
    points: Points,
    values: NDArray[np.float32],
    known: NDArray[np.bool_],
    edge: float,
    engine: Engine,
) -> NDArray[np.float32]:
    """Return the median of known values around each point that has one; 0 elsewhere."""
    before = np.append(0, np.cumsum(known))
    some = points._replace(places=points.places[known], rows=before[points.rows])
    task = partial(local_quantiles, some, values[known], (_INSIDE[0] * edge, 0.5))
    found = np.zeros(known.size, dtype=np.float32)
    found[known] = over_points(task, int(known.sum()), engine)
    return found


def _resolved(
    trace: Trace,
    sides: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    depth: float,
    edge: float,
    engine: Engine,
) -> NDArray[np.bool_]:
    """Tell which sheets are wider than a void would be that lacks as much: shallow valleys.

    For a profile of variance v, a filter of width σ answers with (σ²/(σ² + v))^1.5 of what it
    lacks; two filters tell both.
    """
    near, far = (
        _averaged(trace.points, trace.normals, side, _BROAD * edge, engine).astype(np.float64)
        for side in sides[:2]
    )
    first = sides[2].astype(np.float64) ** 2
    second = _WIDER**2 * first
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.maximum(near / far, 0) ** (2 / 3)
        below = ratio * second - first
        spread = np.where(below > 0, first * second * (1 - ratio) / below, np.inf)
        lacks = far * ((second + spread) / second) ** 1.5 / max(depth, 1e-12)
        most = (_BLUR * edge) ** 2 + _LEAN * lacks**2 / 12
    return np.asarray((far > 0) & (spread > most))


def _weak(points: Points, strengths: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell where a sheet is less than half as wide as it mostly is."""
    groups = connected(points)
    order = np.lexsort((strengths, groups))
    ends = np.searchsorted(groups[order], np.arange(groups.max(initial=-1) + 2))
    at = ends[:-1] + (_MOSTLY * np.diff(ends)).astype(np.int64)
    usual = strengths[order[at]][groups] if at.size else strengths
    return np.asarray(strengths < 0.5 * usual)


def _inside(
    points: Points,
    normals: NDArray[np.float32],
    found: NDArray[np.float32],
    edge: float,
    engine: Engine,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the response over discs, and where it is more than half of that further inside."""
    count = len(found)
    smooth = _averaged(points, normals, found, _DISC * edge, engine)
    inner = over_points(
        partial(local_quantiles, points, smooth, (_INSIDE[0] * edge, _INSIDE[1])), count, engine
    )
    return inner, smooth >= np.maximum(_HALF * inner, _SOME * inner.max(initial=0))


def _averaged(
    points: Points,
    normals: NDArray[np.float32],
    values: NDArray[np.float32],
    radius: float,
    engine: Engine,
) -> NDArray[np.float32]:
    """Average values over the points on a disc around each."""
    count = len(values)
    own, ones = np.zeros(count, dtype=np.int32), np.ones(count, dtype=np.float32)
    sums, number = (
        over_points(partial(disc_means, points, own, normals, (part, radius)), count, engine)
        for part in (np.where(values == 0, _NONE, values), ones)
    )
    return np.asarray(sums / number, dtype=np.float32)


def _among(points: Points, others: Points, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which points are among the chosen ones of another list."""
    names = []
    for places in (points.places, others.places[chosen]):
        z, y, x = places.astype(np.int64).T
        names.append((z * points.shape[1] + y) * points.shape[2] + x)
    return np.isin(names[0], names[1], assume_unique=True)
