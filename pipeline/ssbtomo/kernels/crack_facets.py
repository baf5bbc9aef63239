"""Crack points into facets: flat patches, grown into the places where cracks cross, and joined."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.crack_choice import choose
from ssbtomo.kernels.crack_points import Points, around, ball_size, locate
from ssbtomo.kernels.union import flatten, unite

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["connected", "contacts", "extend", "flat_patches", "ordered", "spread_out", "turning"]

_APART = 2.9  # voxel edges that neighbours in a patch may lie apart
_TURN = math.radians(6.0)  # how far the normals of neighbours in a patch may differ: so much,
_BEND = math.radians(4.5)  # and so much for each voxel edge of the way
_STEEP = math.radians(25.0)  # from which angle two planes around a point are of two sheets,
_SHARE = 0.2  # and the share of the points around it that may have such a plane


def flat_patches(
    points: Points,
    groups: NDArray[np.int32],
    normals: NDArray[np.float32],
    flat: NDArray[np.bool_],
    least: int,
) -> NDArray[np.int32]:
    """Join flat neighbours whose planes agree.

    Parameters
    ----------
    points : Points
        The list.
    groups : ndarray of int32, shape (n,)
        The connected crack that each point belongs to.
    normals : ndarray of float32, shape (n, 3)
        Of the plane around each.
    flat : ndarray of bool, shape (n,)
        Where that plane fits.
    least : int
        Smallest patch, in points.

    Returns
    -------
    ndarray of int32
        Number of the patch of each point, from 0 in the order of their first points; -1 where
        there is none.
    """
    parent = np.arange(len(flat), dtype=np.int64)
    _join(points, groups, normals, flat, parent)
    patches, count = flatten(parent)
    patches = np.where(flat, patches, -1)
    sizes = np.bincount(patches[flat], minlength=count)
    keep = np.append(sizes >= least, [False])
    return ordered(np.where(keep[patches], patches, -1))


def connected(points: Points) -> NDArray[np.int32]:
    """Return the connected pieces of a list of points, joined over faces, edges and corners.

    Parameters
    ----------
    points : Points
        The list.

    Returns
    -------
    ndarray of int32, shape (n,)
        From 0 in the order of their first points.
    """
    parent = np.arange(len(points.places), dtype=np.int64)
    _touching(points, parent)
    numbers, _ = flatten(parent)
    return np.asarray(numbers, dtype=np.int32)


def ordered(labels: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return labels numbered from 0 in the order in which they first occur; -1 stays.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Labels, or less than 0.

    Returns
    -------
    ndarray of int32
        The same objects.
    """
    held = labels >= 0
    names, first, inverse = np.unique(labels[held], return_index=True, return_inverse=True)
    rank = np.empty(names.size, dtype=np.int32)
    rank[np.argsort(first, kind="stable")] = np.arange(names.size, dtype=np.int32)
    fresh = np.full(labels.shape, -1, dtype=np.int32)
    fresh[held] = rank[inverse]
    return fresh


def extend(
    points: Points,
    labels: tuple[NDArray[np.int32], NDArray[np.int32]],
    numbers: NDArray[np.int64],
    sizes: tuple[NDArray[np.float32], NDArray[np.float32]],
    span: tuple[int, int],
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Tell to which patch's plane points lie nearest, and which plane crosses it there.

    Parameters
    ----------
    points : Points
        The list.
    labels : tuple of ndarray of int32, shape (n,)
        The connected crack, and the patch (-1 for none), of each point.
    numbers : ndarray of int64, shape (m,)
        The points that ask; those of a patch ask for the others.
    sizes : tuple of ndarray of float32, shape (m,)
        How far in µm around each patches are looked for, and how high above a plane it may lie.
    span : tuple of int
        The first of them, and the one after the last.

    Returns
    -------
    chosen : ndarray of int32
        Their patches; -1 where none fits.
    normals : ndarray of float32, shape (span, 2, 3)
        Normal of the plane of that patch; and of the nearest plane that crosses it and goes on
        behind it.
    heights : ndarray of float32, shape (span, 2)
        Height in µm above both; infinite where there is none.
    """
    start, stop = span
    part = slice(start, stop)
    asked, radii, limits = numbers[part], sizes[0][part], sizes[1][part]
    z, y, x = points.steps
    room = min(ball_size((z, y, x), float(radii.max(initial=0))), len(labels[0])) + 1
    found = np.empty(room, dtype=np.int64)
    chosen = np.full(stop - start, -1, dtype=np.int32)
    normals = np.zeros((stop - start, 2, 3), dtype=np.float32)
    heights = np.full((stop - start, 2), np.inf, dtype=np.float32)
    choose(points, labels, (asked, radii, limits), found, (chosen, normals, heights))
    return chosen, normals, heights


def spread_out(
    points: Points, groups: NDArray[np.int32], sources: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Hand what some points have on to their neighbours, step by step.

    Parameters
    ----------
    points : Points
        The list.
    groups : ndarray of int32, shape (n,)
        The connected crack of each point; nothing passes from one to another.
    sources : ndarray of int64, shape (n,)
        Number of the point from which each has something; -1 where it has nothing.

    Returns
    -------
    ndarray of int64
        The same for all points; -1 in cracks where no point has anything.
    """
    now = sources.copy()
    waiting = np.flatnonzero(now < 0)
    while waiting.size:
        following = np.empty(waiting.size, dtype=np.int64)
        _neighbour(points, groups, now, waiting, following)
        now[waiting] = following
        left = waiting[following < 0]
        if left.size == waiting.size:
            break
        waiting = left
    return now


def contacts(
    points: Points,
    labels: tuple[NDArray[np.int32], NDArray[np.int32]],
    normals: NDArray[np.float32],
    reach: NDArray[np.float32],
    across: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """List where facets touch.

    Parameters
    ----------
    points : Points
        The list.
    labels : tuple of ndarray of int32, shape (n,)
        The connected crack and the facet of each point.
    normals : ndarray of float32, shape (n, 3)
        Of the plane of its own facet around each point.
    reach : ndarray of float32, shape (n,)
        How near in µm a third facet is at hand.
    across : ndarray of int64, optional
        Only these points, with neighbours up to two voxels away: what goes on behind a crack one
        or two voxels wide touches nothing there. Third facets are not looked for.

    Returns
    -------
    ndarray of float64, shape (m, 5)
        For each pair of neighbouring points in different facets: the two facets (the smaller
        number first), the number of one of the points, the cosine between their normals, and
        1 where a third facet of the same crack is near.
    """
    near = 1 if across is None else 2
    asking = np.arange(len(labels[0])) if across is None else across
    fields = normals, reach if across is None else np.full_like(reach, -1)
    count = _touch(points, labels, fields, (asking, near), np.empty((0, 5)))
    rows = np.empty((count, 5))
    _touch(points, labels, fields, (asking, near), rows)
    return rows


def turning(
    points: Points,
    groups: NDArray[np.int32],
    planes: tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]],
    radii: NDArray[np.float32],
    span: tuple[int, int],
) -> NDArray[np.bool_]:
    """Tell at which points a crack turns within the reach of one plane.

    Where two sheets end on each other one plane may still fit both of them, though poorly, and the
    normals turn from one to the other little by little.

    Parameters
    ----------
    points : Points
        The list.
    groups : ndarray of int32, shape (n,)
        The connected crack that each point belongs to.
    planes : tuple of ndarray
        Normals (n, 3) of the planes around the points, where those fit (n,), and where they fit
        poorly: only there is it asked.
    radii : ndarray of float32, shape (n,)
        Radius in µm of the ball around each.
    span : tuple of int
        The first of the points, and the one after the last.

    Returns
    -------
    ndarray of bool
        Where the planes of more than a fifth of the points around differ by more than 25°.
    """
    start, stop = span
    room = ball_size(tuple(points.steps.tolist()), float(radii[start:stop].max(initial=0)))
    found = np.empty(min(room, len(groups)) + 1, dtype=np.int64)
    bent = np.zeros(stop - start, dtype=np.bool_)
    _turn(points, groups, planes, (radii, start, found), bent)
    return bent


@njit(nogil=True, cache=True)
def _turn(points, groups, planes, asked, bent):  # type: ignore[no-untyped-def]
    normals, flat, poor = planes
    radii, start, found = asked
    least = np.cos(_STEEP)
    for row in range(bent.size):
        point = start + row
        if not poor[point]:
            continue
        number, turned = 0, 0
        for other in found[: around(points, point, radii[point], found)]:
            if not flat[other] or groups[other] != groups[point]:
                continue
            cosine = 0.0
            for j in range(3):
                cosine += normals[point, j] * normals[other, j]
            number += 1
            turned += abs(cosine) < least
        bent[row] = turned > _SHARE * number


@njit(nogil=True, cache=True)
def _join(points, groups, normals, flat, parent):  # type: ignore[no-untyped-def]
    edge = points.steps.prod() ** (1 / 3)
    for point in range(flat.size):
        if not flat[point]:
            continue
        z, y, x = points.places[point]
        for way in range(63, 125):
            other = locate(points, z + way // 25 - 2, y + way // 5 % 5 - 2, x + way % 5 - 2)
            if other < 0 or not flat[other] or groups[other] != groups[point]:
                continue
            cosine, gap = 0.0, 0.0
            for j in range(3):
                cosine += normals[point, j] * normals[other, j]
                gap += ((points.places[other, j] - points.places[point, j]) * points.steps[j]) ** 2
            if gap <= (_APART * edge) ** 2 and abs(cosine) >= np.cos(
                _TURN + _BEND * np.sqrt(gap) / edge
            ):
                unite(parent, point, other)


@njit(nogil=True, cache=True)
def _touching(points, parent):  # type: ignore[no-untyped-def]
    for point in range(parent.size):
        z, y, x = points.places[point]
        for way in range(14, 27):
            other = locate(points, z + way // 9 - 1, y + way // 3 % 3 - 1, x + way % 3 - 1)
            if other >= 0:
                unite(parent, point, other)


@njit(nogil=True, cache=True)
def _neighbour(points, groups, sources, waiting, following):  # type: ignore[no-untyped-def]
    """Take the source that lies nearest of those that the 26 neighbours have."""
    for row in range(waiting.size):
        point = waiting[row]
        z, y, x = points.places[point]
        best, following[row] = np.inf, -1
        for way in range(27):
            other = locate(points, z + way // 9 - 1, y + way // 3 % 3 - 1, x + way % 3 - 1)
            if other < 0 or sources[other] < 0 or groups[other] != groups[point]:
                continue
            gap = 0.0
            for j in range(3):
                step = points.places[sources[other], j] - points.places[point, j]
                gap += (step * points.steps[j]) ** 2
            if gap < best * (1 - 1e-9):
                best, following[row] = gap, sources[other]


@njit(nogil=True, cache=True)
def _third(points, labels, point, other, reach):  # type: ignore[no-untyped-def]
    """Tell whether a third facet of the same crack is near a point."""
    groups, facets = labels
    z, y, x = points.places[point]
    dz, dy, dx = points.steps
    for a in range(-int(reach / dz), int(reach / dz) + 1):
        for b in range(-int(reach / dy), int(reach / dy) + 1):
            for c in range(-int(reach / dx), int(reach / dx) + 1):
                if (a * dz) ** 2 + (b * dy) ** 2 + (c * dx) ** 2 > reach * reach:
                    continue
                near = locate(points, z + a, y + b, x + c)
                if near < 0 or groups[near] != groups[point]:
                    continue
                if facets[near] != facets[point] and facets[near] != facets[other]:
                    return True
    return False


@njit(nogil=True, cache=True)
def _touch(points, labels, fields, asked, rows):  # type: ignore[no-untyped-def]
    """Count the contacts; write them too if there is room."""
    groups, facets = labels
    normals, reach = fields
    asking, near = asked
    side = 2 * near + 1
    count = 0
    for point in asking:
        z, y, x = points.places[point]
        for way in range(side**3 // 2 + 1, side**3):
            a, b, c = way // side**2 - near, way // side % side - near, way % side - near
            other = locate(points, z + a, y + b, x + c)
            if other < 0 or facets[other] == facets[point] or groups[other] != groups[point]:
                continue
            if rows.shape[0] > 0:
                cosine = 0.0
                for j in range(3):
                    cosine += normals[point, j] * normals[other, j]
                rows[count, 0] = min(facets[point], facets[other])
                rows[count, 1] = max(facets[point], facets[other])
                rows[count, 2] = point
                rows[count, 3] = abs(cosine)
                rows[count, 4] = 1.0 if _third(points, labels, point, other, reach[point]) else 0.0
            count += 1
    return count
