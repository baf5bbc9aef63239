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
    widths = _filter_widths(voxels, edge, depth, engine)[sources]
    found = response_across(
        image, spacing, grid, engine, points=points, ways=(trace.normals, trace.heights, widths)
    )
    found = np.maximum(-found if _bright(voxels) else found, 0).astype(np.float32)
    strengths, keep = _inside(points, trace.normals, found, edge, engine)
    keep |= _among(points, crossing)
    before = np.append(0, np.cumsum(keep))
    left = points._replace(places=points.places[keep], rows=before[points.rows])
    rows = sources[keep]
    return replace(
        voxels, points=left, groups=connected(left), scores=voxels.scores[rows],
        bright=voxels.bright[rows], strengths=strengths[keep],
    )  # fmt: skip


def _bright(voxels: CrackVoxels) -> bool:
    return bool(voxels.bright.size and voxels.bright[0])


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


def _filter_widths(
    voxels: CrackVoxels, edge: float, depth: float, engine: Engine
) -> NDArray[np.float32]:
    """Return the standard deviation in µm of the filter for each point."""
    thick = (voxels.strengths / max(depth, 1e-12)).astype(np.float32)
    task = partial(local_quantiles, voxels.points, thick, (_INSIDE[0] * edge, 0.5))
    smooth = over_points(task, thick.size, engine)
    least, most, share = _FILTER
    return np.clip(share * smooth, least * edge, most * edge).astype(np.float32)


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
