"""Sheets of an image as whole plates of voxels: drawn on along their planes, and cut at their rims."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.crack_points import CrackVoxels
from ssbtomo.blocks.crack_sides import response_across
from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.facets import over_points
from ssbtomo.blocks.grid import Grid
from ssbtomo.kernels.crack_facets import connected
from ssbtomo.kernels.crack_planes import local_quantiles, middle_areas, planes
from ssbtomo.kernels.crack_points import Points
from ssbtomo.kernels.crack_traces import Trace, drawn_on
from ssbtomo.kernels.facet_sums import disc_means
from ssbtomo.kernels.sheets import voxel_edge
from ssbtomo.units import Spacing

__all__ = ["traced"]

_BALL = (5.5, 8.5)  # least and largest radius in voxel edges of the balls that give planes
_CLEAR = 120.0  # score from which the least radius will do
_ROUGH = 0.9  # second moment in squared voxel edges of ridge voxels across one plane, at most
_MIDDLE = 3.0  # standard deviation in voxel edges of the weights that give a plane's height
_SHEET = 2.0  # thickness in voxel edges of a plate of ridge voxels
_FURTHER = 6.0  # voxel edges by which planes are drawn on: over gaps, and beyond rims
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
_MOSTLY = 0.7  # quantile of a sheet's responses with which its parts are compared


def traced(
    voxels: CrackVoxels,
    image: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    depth: float,
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
    depth : float
        Grey values between the surroundings and a wide crack.

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
    edge = voxel_edge(spacing)
    trace, crossing = _drawn(voxels, edge, engine)
    sources, points = trace.sources, trace.points
    least, most, share = _FILTER
    thick = _thick(voxels, edge, depth, engine)[sources]
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
    wide = _resolved(trace, (near, far, widths), depth, edge, engine)
    keep &= ~(wide & _weak(points, strengths))
    keep |= _among(points, crossing)
    before = np.append(0, np.cumsum(keep))
    left = points._replace(places=points.places[keep], rows=before[points.rows])
    rows = sources[keep]
    return replace(
        voxels, points=left, groups=connected(left), scores=voxels.scores[rows],
        bright=voxels.bright[rows], strengths=strengths[keep],
    )  # fmt: skip


def _drawn(voxels: CrackVoxels, edge: float, engine: Engine) -> tuple[Trace, Points]:
    """Draw on the planes that fit; return the voxels around which none does, too."""
    points, groups, count = voxels.points, voxels.groups, len(voxels.groups)
    with np.errstate(divide="ignore"):
        radii = np.clip(_BALL[0] * np.sqrt(_CLEAR / np.maximum(voxels.scores, 1.0)), *_BALL)
    radii = (radii * edge).astype(np.float32)
    normals, spreads = over_points(partial(planes, points, groups, radii), count, engine)
    flat = spreads <= _ROUGH * edge**2
    plate = np.full(count, _SHEET * edge, dtype=np.float32)
    task = partial(middle_areas, points, (groups, flat), normals, (plate, _MIDDLE * edge))
    heights, _ = over_points(task, count, engine)
    trace = drawn_on(points, flat, (normals, heights), _FURTHER * edge)
    before = np.append(0, np.cumsum(~flat))
    rest = points._replace(places=points.places[~flat], rows=before[points.rows])
    return trace, rest


def _thick(voxels: CrackVoxels, edge: float, depth: float, engine: Engine) -> NDArray[np.float32]:
    """Return how wide in µm the crack is around each point, if it is void."""
    thick = (voxels.strengths / max(depth, 1e-12)).astype(np.float32)
    task = partial(local_quantiles, voxels.points, thick, (_INSIDE[0] * edge, 0.5))
    return np.asarray(over_points(task, thick.size, engine))


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
    points, count = trace.points, len(trace.sources)
    own = np.zeros(count, dtype=np.int32)
    near, far = (
        over_points(
            partial(disc_means, points, own, trace.normals, (side, _BROAD * edge)), count, engine
        ).astype(np.float64)
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
    own = np.zeros(count, dtype=np.int32)
    task = partial(disc_means, points, own, normals, (found, _DISC * edge))
    smooth = over_points(task, count, engine)
    inner = over_points(
        partial(local_quantiles, points, smooth, (_INSIDE[0] * edge, _INSIDE[1])), count, engine
    )
    return inner, smooth >= np.maximum(_HALF * inner, _SOME * inner.max(initial=0))


def _among(points: Points, others: Points) -> NDArray[np.bool_]:
    """Tell which points are in another list too."""
    names = []
    for one in (points, others):
        z, y, x = one.places.astype(np.int64).T
        names.append((z * one.shape[1] + y) * one.shape[2] + x)
    return np.isin(names[0], names[1], assume_unique=True)
