"""Cracks as facets: planes of the crack voxels, flat patches, and what each point stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import SERIAL, Engine
from ssbtomo.kernels.crack_facets import (
    contacts,
    extend,
    flat_patches,
    ordered,
    spread_out,
    turning,
)
from ssbtomo.kernels.crack_planes import local_quantiles, middle_areas, planes, shares
from ssbtomo.kernels.crack_points import Points, voxel_widths
from ssbtomo.kernels.crack_rays import ray_sides
from ssbtomo.kernels.sheets import voxel_edge
from ssbtomo.kernels.union import flatten, unite

__all__ = ["Facets", "find_facets", "over_points"]

_SHARE = 32_768  # points that are worked on at once
_SMOOTH = 4.0  # radius in voxel edges over which widths are compared
_RADIUS = 5.5  # radius in voxel edges of the ball that gives a plane
_BLIND = 0.2  # voxel edges by which rays through a staircase may miss the middle
_ROUGH = 0.5  # second moment in squared voxel edges of a single sheet across its plane, at most
_ROUND = 0.3  # the same of a shell of 8 voxel edges of radius: what turns more may be two
_FURTHER = 3.5  # how much further patches are looked for: cracks that cross at 30° part slowly
_SAMPLE = 64  # points of a patch that tell whether two others that cross explain it
_LEAST = 45  # points of the smallest patch
_LEAST_LINE = 8  # the same in a slice, where patches are lines
_BESIDE = 2.0  # voxel edges from the middle within which the middle surface may pass
_MIDDLE = 3.0  # standard deviation in voxel edges of the weights that give the middle surface
_ROUNDS = 4  # times that facets are joined at most
_SAME = 0.94  # cosine from which two facets that touch lie in one plane
_ALONE = 0.5  # share of a border with a third facet nearby, below which it is none


@dataclass(frozen=True, slots=True, eq=False)
class Facets:
    """The facets of cracks, point by point.

    Parameters
    ----------
    points : Points
        The voxels of all cracks.
    groups : ndarray of int32, shape (n,)
        The connected crack of each point.
    facets : ndarray of int32, shape (n,)
        Its facet, from 0 in the order of their first points.
    sheets : ndarray of int32, shape (facets,)
        The sheet of each facet: facets that go on in one plane across a crossing share one.
    widths : ndarray of float32, shape (n,)
        Width in µm of the crack around each point, to about 15 %.
    normals : ndarray of float32, shape (n, 3)
        Of the plane of its facet around each point.
    heights, areas : ndarray of float32, shape (n,)
        Height above the middle surface in µm, and area of it in µm² that each stands for.
    touching : ndarray of float64, shape (m, 5)
        See `ssbtomo.kernels.crack_facets.contacts`.
    """

    points: Points
    groups: NDArray[np.int32]
    facets: NDArray[np.int32]
    sheets: NDArray[np.int32]
    widths: NDArray[np.float32]
    normals: NDArray[np.float32]
    heights: NDArray[np.float32]
    areas: NDArray[np.float32]
    touching: NDArray[np.float64]

    @property
    def count(self) -> int:
        """Number of facets."""
        return self.sheets.size


def over_points(task: Callable[[tuple[int, int]], Any], count: int, engine: Engine = SERIAL) -> Any:
    """Run a task on stretches of a list of points, and put its results one behind the other.

    Parameters
    ----------
    task : callable
        Called as ``task((start, stop))``, returns an array or a tuple of arrays.
    count : int
        Length of the list.
    engine : Engine
        Where it runs; here, if its workers do not share the memory of this process.

    Returns
    -------
    ndarray or tuple of ndarray
        For all points. The stretches change nothing.
    """
    place = SERIAL if engine.remote else engine
    starts = range(0, max(count, 1), _SHARE)
    parts = list(place.map(partial(_stretch, task=task, count=count), starts))
    if isinstance(parts[0], tuple):
        return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))
    return np.concatenate(parts)


def find_facets(points: Points, groups: NDArray[np.int32], engine: Engine = SERIAL) -> Facets:
    """Cut cracks into facets: flat or gently bent pieces that end where cracks cross or turn.

    Parameters
    ----------
    points : Points
        The voxels of all cracks.
    groups : ndarray of int32, shape (n,)
        The connected crack of each.
    engine : Engine
        Where the work is done; threads share it.

    Returns
    -------
    Facets
        Canonical: they depend on the voxels alone.

    Notes
    -----
    The middle of a crack are the voxels that halve the shortest chord through them. A plane is
    fitted to the middle in a ball of 5.5 voxel edges (more for wide cracks) around each of its
    voxels; where they spread further from it than a single sheet does, or more than a shell of
    eight voxel edges of radius does and the planes of a fifth of the voxels around differ from it
    by more than 25°, cracks cross or turn. The rest is joined into patches where neighbours'
    normals agree to 18°. Then each voxel of the middle that is left goes to the patch whose
    plane, drawn on, passes nearest (of two patches that one plane fits, on both sides of what
    crosses them, that plane); all others follow the nearest of the middle; and patches are joined
    again that touch in one plane with no third at hand. Where two planes cross the area of both
    counts. A patch that two others explain, where they cross, is none. Two cracks that cross at
    less than about 30° are not told apart. Memory: about 120 bytes for each voxel of a crack.
    """
    edge = voxel_edge(tuple(points.steps))
    middle, widths = _middle(points, groups, edge, engine)
    named = _named(points, groups, (middle, widths), edge, engine)
    names, normals, widths = named.names, named.normals, named.widths
    reach = (0.5 * widths + 2.0 * edge).astype(np.float32)
    for _ in range(_ROUNDS):
        touching = contacts(points, (groups, names), normals, reach)
        joined = _joined(touching, int(names.max(initial=-1)) + 1, crossing=False)
        if joined.max(initial=-1) + 1 == joined.size:
            break
        names = ordered(joined[names].astype(np.int64))
    across = contacts(points, (groups, names), normals, reach, np.flatnonzero(named.told))
    both = np.concatenate([touching, across])
    sheets = _joined(both, int(names.max(initial=-1)) + 1, crossing=True)
    task = partial(middle_areas, points, (names, named.asked), normals, (widths, _MIDDLE * edge))
    heights, areas = over_points(task, len(groups), engine)
    told = named.told
    heights[told], areas[told] = named.heights[told], named.areas[told]
    return Facets(points, groups, names, sheets, widths, normals, heights, areas, touching)


@dataclass(frozen=True, slots=True, eq=False)
class _Named:
    """Patches of all points: their numbers, planes, and which points asked a plane drawn on."""

    names: NDArray[np.int32]
    normals: NDArray[np.float32]
    heights: NDArray[np.float32]
    areas: NDArray[np.float32]
    widths: NDArray[np.float32]
    told: NDArray[np.bool_]
    asked: NDArray[np.bool_]


def _middle(
    points: Points, groups: NDArray[np.int32], edge: float, engine: Engine
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Tell which points lie in the middle of a crack, and how wide it is there in µm."""
    widths, middle = over_points(partial(voxel_widths, points), len(groups), engine)
    rough = _subset(points, middle)
    count = len(rough.places)
    radii = np.maximum(_RADIUS * edge, 0.75 * widths[middle] + 4.0 * edge).astype(np.float32)
    normals, _ = over_points(partial(planes, rough, groups[middle], radii), count, engine)
    limits = (1.5 * widths[middle] + 2.0 * edge).astype(np.float32)
    numbers = np.flatnonzero(middle)
    task = partial(ray_sides, points, numbers, normals, limits)
    heights, across = over_points(task, count, engine)
    step = np.abs(normals * points.steps).max(axis=1)
    middle[numbers] = np.abs(heights) <= 0.5 * step + _BLIND * edge
    widths[numbers] = across
    core = _subset(points, middle)
    inner = partial(local_quantiles, core, widths[middle], (_SMOOTH * edge, 0.75))
    widths[middle] = over_points(inner, len(core.places), engine)
    return middle, widths


def _stretch(start: int, *, task: Callable[[tuple[int, int]], Any], count: int) -> Any:
    return task((start, min(start + _SHARE, count)))


def _subset(points: Points, chosen: NDArray[np.bool_]) -> Points:
    """Return the list of some of the points."""
    before = np.append(0, np.cumsum(chosen))
    return points._replace(places=points.places[chosen], rows=before[points.rows])


def _named(
    points: Points,
    groups: NDArray[np.int32],
    found: tuple[NDArray[np.bool_], NDArray[np.float32]],
    edge: float,
    engine: Engine,
) -> _Named:
    """Give every point a patch and a plane."""
    middle, widths = found
    numbers = np.arange(len(groups))
    sources = spread_out(points, groups, np.where(middle, numbers, -1))
    sources = np.where(sources < 0, numbers, sources)
    patch, normals = _flat(points, groups, found, edge, engine)
    patch = _unexplained(points, (groups, patch), widths, edge, engine)
    told = (patch[sources] < 0) | _aside(points, sources, normals, edge)
    follows = spread_out(points, groups, np.where(patch >= 0, numbers, -1))
    near = np.where(follows < 0, sources, follows)
    normals, widths = normals[near], widths[near]
    asking = np.flatnonzero(told)
    task = partial(extend, points, (groups, patch), asking, _sizes(widths[asking], edge))
    given, ways, above = over_points(task, asking.size, engine)
    names, held = patch[sources], given >= 0
    names[asking], told[asking] = given, held
    at, ways, above = asking[held], ways[held], above[held]
    heights, areas = np.zeros((2, len(groups)), dtype=np.float32)
    normals[at], heights[at] = ways[:, 0], above[:, 0]
    own, crossing = (shares(points, ways[:, k], above[:, k], widths[at]) for k in range(2))
    areas[at] = own + crossing
    whole = np.where((names < 0) & (follows >= 0), patch[near], names).astype(np.int64)
    bare = whole < 0  # a crack without any patch is one
    whole[bare] = groups[bare].astype(np.int64) + whole.max(initial=-1) + 1
    asked = _beside(points, sources, edge) & ~told
    return _Named(ordered(whole), normals, heights, areas, widths, told, asked)


def _flat(
    points: Points,
    groups: NDArray[np.int32],
    found: tuple[NDArray[np.bool_], NDArray[np.float32]],
    edge: float,
    engine: Engine,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the flat patch of each point of the middle (-1 for none), and its normal."""
    middle, widths = found
    core = _subset(points, middle)
    inside, own = groups[middle], widths[middle]
    radii = np.maximum(_RADIUS * edge, 0.25 * own + 4.0 * edge).astype(np.float32)
    normals = np.zeros((len(groups), 3), dtype=np.float32)
    normals[middle], spreads = over_points(
        partial(planes, core, inside, radii), len(inside), engine
    )
    least = _LEAST_LINE if (points.shape == 1).any() else _LEAST
    even = spreads <= _ROUGH * edge**2
    poor = even & (spreads > _ROUND * edge**2)
    turns = partial(turning, core, inside, (normals[middle], even, poor), radii)
    even &= ~over_points(turns, len(inside), engine)
    patches = flat_patches(core, inside, normals[middle], even, least)
    flat = np.flatnonzero(middle)[patches >= 0]
    own_planes, _ = over_points(partial(planes, core, patches, radii), len(inside), engine)
    normals[flat] = own_planes[patches >= 0]
    patch = np.full(len(groups), -1, dtype=np.int32)
    patch[flat] = patches[patches >= 0]
    return patch, normals


def _sizes(
    widths: NDArray[np.float32], edge: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return how far around points patches are looked for, and how high above a plane they may lie."""
    reach = _FURTHER * (_RADIUS * edge + 0.5 * widths)
    return reach.astype(np.float32), (0.5 * widths + 1.5 * edge).astype(np.float32)


def _unexplained(
    points: Points,
    labels: tuple[NDArray[np.int32], NDArray[np.int32]],
    widths: NDArray[np.float32],
    edge: float,
    engine: Engine,
) -> NDArray[np.int32]:
    """Return the patches without those that lie where two others cross: what these share is flat too."""
    patch = labels[1]
    order = np.argsort(patch, kind="stable")[np.count_nonzero(patch < 0) :]
    sizes = np.bincount(patch[order], minlength=1)
    ranks = np.arange(order.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    asking = order[ranks % np.repeat(np.maximum(sizes // _SAMPLE, 1), sizes) == 0]
    task = partial(extend, points, labels, asking, _sizes(widths[asking], edge))
    _, _, above = over_points(task, asking.size, engine)
    limit = 0.5 * widths[asking] + 0.5 * edge
    shared = (np.abs(above) <= limit[:, None]).all(axis=1)
    number = np.bincount(patch[asking], minlength=sizes.size)
    dropped = 2 * np.bincount(patch[asking], shared, sizes.size) > number
    return np.where(np.append(dropped, [False])[patch], -1, patch).astype(np.int32)


def _beside(points: Points, sources: NDArray[np.int64], edge: float) -> NDArray[np.bool_]:
    """Tell which points lie so near to their middle that its surface may pass them."""
    step = (points.places[sources] - points.places) * points.steps
    near: NDArray[np.bool_] = (step**2).sum(axis=1) <= (_BESIDE * edge) ** 2
    return near


def _aside(
    points: Points, sources: NDArray[np.int64], normals: NDArray[np.float32], edge: float
) -> NDArray[np.bool_]:
    """Tell which points lie beside their middle, not above it: where cracks cross there is none."""
    step = (points.places[sources] - points.places) * points.steps
    up = (step * normals[sources]).sum(axis=1)
    aside: NDArray[np.bool_] = (step**2).sum(axis=1) - up**2 > (_BESIDE * edge) ** 2
    return aside


def _joined(touching: NDArray[np.float64], count: int, *, crossing: bool) -> NDArray[np.int32]:
    """Join facets that touch in one plane: where nothing crosses, or across what crosses."""
    parent = np.arange(count, dtype=np.int64)
    pairs, row = np.unique(touching[:, :2].astype(np.int64), axis=0, return_inverse=True)
    number = np.bincount(row.ravel(), minlength=len(pairs))
    cosine = np.bincount(row.ravel(), touching[:, 3], len(pairs)) / np.maximum(number, 1)
    third = np.bincount(row.ravel(), touching[:, 4], len(pairs)) / np.maximum(number, 1)
    for k in np.flatnonzero((cosine >= _SAME) & (crossing | (third < _ALONE))):
        unite(parent, pairs[k, 0], pairs[k, 1])
    numbers, _ = flatten(parent)
    return np.asarray(numbers, dtype=np.int32)
