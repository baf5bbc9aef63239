"""What facets are made of around each point: local apertures, rims, and the widest way through."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.crack_points import Points, around, ball_size, locate
from ssbtomo.kernels.crack_rays import across
from ssbtomo.kernels.union import find, unite

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bottlenecks", "disc_means", "local_apertures", "rim_lengths"]

_INTERIOR = 0.93  # share of what discs inside hold, from which a disc is inside
_SAMPLES = 96  # points of a disc, to tell how much of it lies inside the volume


def local_apertures(
    points: Points,
    members: NDArray[np.int32],
    normals: NDArray[np.float32],
    fields: tuple[NDArray[np.float32], NDArray[np.float32], float],
    span: tuple[int, int],
) -> NDArray[np.float32]:
    """Measure the aperture of a crack around some points: volume by area.

    Parameters
    ----------
    points : Points
        The list.
    members : ndarray of int32, shape (n,)
        The facet of each point.
    normals : ndarray of float32, shape (n, 3)
        Normal at each.
    fields : tuple
        Area in µm² and width in µm of each point, and the radius in µm of the cylinder.
    span : tuple of int
        The first of the points, and the one after the last.

    Returns
    -------
    ndarray of float32
        Aperture in µm; ``nan`` for points without area.
    """
    start, stop = span
    areas, widths, radius = fields
    limits = (0.75 * widths + 2 * float(np.cbrt(points.steps.prod()))).astype(np.float32)
    z, y, x = points.steps
    most = math.hypot(float(limits[start:stop].max(initial=0)), radius)
    found = np.empty(min(ball_size((z, y, x), most), len(areas)) + 1, dtype=np.int64)
    apertures = np.full(stop - start, np.nan, dtype=np.float32)
    _open(points, (members, normals, areas, limits), radius, (start, found), apertures)
    return apertures


def disc_means(
    points: Points,
    members: NDArray[np.int32],
    normals: NDArray[np.float32],
    fields: tuple[NDArray[np.float32], float],
    span: tuple[int, int],
) -> NDArray[np.float32]:
    """Average what lies on a disc around each of some points, all that is missing being zero.

    Parameters
    ----------
    points : Points
        The list.
    members : ndarray of int32, shape (n,)
        The object of each point: others do not count.
    normals : ndarray of float32, shape (n, 3)
        Normal at each.
    fields : tuple
        What each point stands for, per area times its area in µm²; and the radius in µm.
    span : tuple of int
        The first of the points, and the one after the last.

    Returns
    -------
    ndarray of float32
        Sums over balls, weighted by 1 - (distance / radius)², by the same over the disc, as far
        as it lies inside the volume; 0 where a point
        itself stands for nothing. On an axis of one voxel the disc is a strip as deep.
    """
    start, stop = span
    values, radius = fields
    z, y, x = points.steps
    found = np.empty(min(ball_size((z, y, x), radius), len(values)) + 1, dtype=np.int64)
    means = np.zeros(stop - start, dtype=np.float32)
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(_SAMPLES)
    size = np.sqrt(1 - np.sqrt(1 - (np.arange(_SAMPLES) + 0.5) / _SAMPLES)) * radius
    disc = np.column_stack([size * np.cos(turn), size * np.sin(turn)])
    _average(points, (members, normals, values), (radius, disc), (start, found), means)
    return means


def rim_lengths(
    points: Points,
    members: NDArray[np.int32],
    fields: tuple[NDArray[np.float32], NDArray[np.float32], float],
) -> NDArray[np.float32]:
    """Measure how much rim each point stands for.

    Parameters
    ----------
    points : Points
        The list.
    members : ndarray of int32, shape (n,)
        The sheet of each.
    fields : tuple
        Area in µm² of each point; `disc_means` of the areas over its sheet; and the radius of
        the discs in µm.

    Returns
    -------
    ndarray of float32
        Lengths in µm; they add up. On an axis of one voxel a rim is as long as that voxel.

    Notes
    -----
    Estimator: what discs lack of their weighted area adds up to 8 r / 15π (3 r / 16 for strips)
    for each length of straight rim. What lies outside the volume is not lacking. What discs far
    from the rim hold counts as whole: voxels make that a few per cent more or less than one.
    Bias: up to 20 % on pennies of radius 16 voxels.
    """
    areas, means, radius = fields
    unit = 3 * radius / 16 if (points.shape == 1).any() else 8 * radius / (15 * math.pi)
    whole = _whole(members, areas, means)[members]
    return np.asarray(areas * (1 - means / whole) / unit, dtype=np.float32)


def _whole(
    members: NDArray[np.int32], areas: NDArray[np.float32], means: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return what discs hold that lie inside their sheets."""
    count = int(members.max(initial=-1)) + 1
    order = np.lexsort((means, members))
    order = order[areas[order] > 0]
    ends = np.searchsorted(members[order], np.arange(count + 1))
    levels = np.ones(count)
    for sheet in range(count):
        part = order[ends[sheet] : ends[sheet + 1]]
        if part.size:
            high = means[part[(3 * part.size) // 4]]
            inside = part[means[part] >= _INTERIOR * high]
            levels[sheet] = np.average(means[inside], weights=areas[inside])
    return np.clip(levels, 0.8, 1.25)


def bottlenecks(
    points: Points, groups: NDArray[np.int32], widths: NDArray[np.float32]
) -> tuple[float, float, float]:
    """Return the aperture of the narrowest place of the widest way through, along each axis.

    Parameters
    ----------
    points : Points
        The list.
    groups : ndarray of int32, shape (n,)
        The connected crack of each point.
    widths : ndarray of float32, shape (n,)
        Local aperture.

    Returns
    -------
    tuple of float
        In the unit of `widths`, along (Z, Y, X); 0 where no crack joins both faces, and
        along an axis of one voxel.
    """
    order = np.argsort(-widths, kind="stable")
    z, y, x = (
        _widest(points, groups, widths, order, axis) if points.shape[axis] > 1 else 0.0
        for axis in range(3)
    )
    return float(z), float(y), float(x)


@njit(nogil=True, cache=True)
def _open(points, fields, radius, work, apertures):  # type: ignore[no-untyped-def]
    start, found = work
    members, normals, areas, limits = fields
    voxel = points.steps.prod()
    for row in range(apertures.size):
        point = start + row
        if areas[point] <= 0:
            continue
        volume, area = 0.0, 0.0
        for k in range(around(points, point, np.hypot(limits[point], radius), found)):
            other = found[k]
            if members[other] != members[point]:
                continue
            up, square = 0.0, 0.0
            for j in range(3):
                way = (points.places[other, j] - points.places[point, j]) * points.steps[j]
                up += way * normals[point, j]
                square += way * way
            square -= up * up
            if abs(up) <= limits[point] and square <= radius * radius:
                weight = 1 - square / (radius * radius)
                volume += weight * voxel
                area += weight * areas[other]
        apertures[row] = volume / area


@njit(nogil=True, cache=True)
def _inside(points, point, normal, disc, frame):  # type: ignore[no-untyped-def]
    """Return the share of a disc around a point that lies inside the volume."""
    first, second = frame
    across(normal, first, second)
    held = 0
    for k in range(disc.shape[0]):
        inside = True
        for j in range(3):
            shift = disc[k, 0] * first[j] + disc[k, 1] * second[j]
            place = points.places[point, j] + shift / points.steps[j]
            inside &= -0.5 <= place <= points.shape[j] - 0.5
        held += inside
    return held / disc.shape[0]


@njit(nogil=True, cache=True)
def _near_face(points, point, radius):  # type: ignore[no-untyped-def]
    near = False
    for j in range(3):
        reach = radius / points.steps[j]
        near |= points.places[point, j] < reach
        near |= points.places[point, j] + reach > points.shape[j] - 1
    return near


@njit(nogil=True, cache=True)
def _weighed(points, point, near, fields):  # type: ignore[no-untyped-def]
    """Add up what the points of the same object around a point stand for, less further away."""
    members, values, radius = fields
    total = 0.0
    for other in near:
        if members[other] != members[point]:
            continue
        square = 0.0
        for j in range(3):
            step = points.places[other, j] - points.places[point, j]
            square += (step * points.steps[j]) ** 2
        total += values[other] * (1 - square / (radius * radius))
    return total


@njit(nogil=True, cache=True)
def _average(points, fields, ball, work, means):  # type: ignore[no-untyped-def]
    start, found = work
    members, normals, values = fields
    radius, disc = ball
    frame = (np.empty(3), np.empty(3))
    whole, strip = 0.5 * np.pi * radius * radius, False
    for j in range(3):
        if points.shape[j] == 1:
            whole, strip = 4 / 3 * radius * points.steps[j], True
    for row in range(means.size):
        point = start + row
        if values[point] == 0:
            continue
        near = found[: around(points, point, radius, found)]
        total = _weighed(points, point, near, (members, values, radius))
        share = 1.0
        if not strip and _near_face(points, point, radius):
            share = max(_inside(points, point, normals[point], disc, frame), 0.05)
        means[row] = total / (whole * share)


@njit(nogil=True, cache=True)
def _widest(points, groups, widths, order, axis):  # type: ignore[no-untyped-def]
    count = groups.size
    near, far = 0, 1  # two more items stand for the faces
    parent = np.arange(count + 2)
    added = np.zeros(count, np.bool_)
    for point in order:
        added[point] = True
        if points.places[point, axis] == 0:
            unite(parent, near, point + 2)
        if points.places[point, axis] == points.shape[axis] - 1:
            unite(parent, far, point + 2)
        z, y, x = points.places[point]
        for way in range(27):
            other = locate(points, z + way // 9 - 1, y + way // 3 % 3 - 1, x + way % 3 - 1)
            if other >= 0 and added[other] and groups[other] == groups[point]:
                unite(parent, point + 2, other + 2)
        if find(parent, near) == find(parent, far):
            return widths[point]
    return 0.0
