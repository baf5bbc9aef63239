"""Which patch of a crack a point near it belongs to, and which one crosses it there."""

from __future__ import annotations

import numpy as np

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.crack_planes import add_moments, plane_of
from ssbtomo.kernels.crack_points import around, locate

__all__ = ["choose"]

_MOST = 24  # patches that are looked at around one point
_LEVEL = 0.9  # cosine from which two planes drawn on are one
_LEAST = 6.0  # points that make a plane
_ROUGH = 0.5  # second moment in squared voxel edges of one sheet across its plane, at most
_NEAR = 0.05  # what a µm of distance weighs against a µm of height, when a point is given away


@njit(nogil=True, cache=True)
def choose(points, labels, asked, found, results):  # type: ignore[no-untyped-def]
    """Do `ssbtomo.kernels.crack_facets.extend`.

    Parameters
    ----------
    points : Points
        The list.
    labels : tuple of ndarray of int32, shape (n,)
        The connected crack, and the patch (-1 for none), of each point.
    asked : tuple of ndarray, shape (m,)
        The points that ask, how far around each patches are looked for, and how high above a
        plane it may lie.
    found : ndarray of int64
        Room for the points around one.
    results : tuple of ndarray
        Patches, normals and heights, written.
    """
    numbers, radii, limits = asked
    chosen, normals, heights = results
    names = np.empty(_MOST, dtype=np.int32)
    ends = np.empty(_MOST, dtype=np.int64)
    nearest = np.empty(_MOST)
    sums = np.empty((_MOST, 10))
    heights_of, normals_of = np.empty(_MOST), np.empty((_MOST, 3))
    fits = (names, nearest, sums, heights_of, normals_of)
    for row in range(chosen.size):
        count = around(points, numbers[row], radii[row], found)
        kinds = _gathered(points, numbers[row], labels, found[:count], (names, nearest, ends, sums))
        for kind in range(kinds):
            if not _held(points, numbers[row], ends[kind]):
                sums[kind, 0] = 0.0
        _drawn(points, sums, (heights_of, normals_of), (kinds, numbers[row]))
        best = _best(fits, kinds, limits[row])
        if best >= 0:
            chosen[row], heights[row, 0] = names[best], heights_of[best]
            normals[row, 0] = normals_of[best]
            other = _through(fits, kinds, limits[row], best)
            if other >= 0:
                heights[row, 1] = heights_of[other]
                normals[row, 1] = normals_of[other]


@njit(nogil=True, cache=True)
def _gathered(points, point, labels, found, sets):  # type: ignore[no-untyped-def]
    """Add up the points of each patch around a point; return how many patches there are."""
    groups, patches = labels
    names, nearest, ends, sums = sets
    kinds = 0
    for other in found:
        own = patches[other]
        if own < 0 or own == patches[point] or groups[other] != groups[point]:
            continue
        kind = 0
        while kind < kinds and names[kind] != own:
            kind += 1
        if kind == _MOST:
            continue
        if kind == kinds:
            kinds += 1
            names[kind], nearest[kind] = own, np.inf
            sums[kind] = 0.0
        add_moments(points, point, other, sums[kind])
        gap = 0.0
        for j in range(3):
            gap += ((points.places[other, j] - points.places[point, j]) * points.steps[j]) ** 2
        if gap < nearest[kind]:
            nearest[kind], ends[kind] = gap, other
    return kinds


@njit(nogil=True, cache=True)
def _held(points, point, other):  # type: ignore[no-untyped-def]
    """Tell whether the straight way between two points runs in the crack: a sheet holds it."""
    first, last = points.places[point], points.places[other]
    steps = np.abs(last - first).max()
    place = np.empty(3)
    for k in range(1, steps):
        for j in range(3):
            place[j] = first[j] + (last[j] - first[j]) * k / steps
        z, y, x = np.int64(place[0]), np.int64(place[1]), np.int64(place[2])
        held = False
        for way in range(8):
            a, b, c = way // 4, way // 2 % 2, way % 2
            inside = (place[0] > z or a == 0) and (place[1] > y or b == 0)
            inside &= place[2] > x or c == 0
            held |= inside and locate(points, z + a, y + b, x + c) >= 0
        if not held:
            return False
    return True


@njit(nogil=True, cache=True)
def _best(fits, kinds, limit):  # type: ignore[no-untyped-def]
    """Return the patch whose plane is nearest; of those in one plane the one that is nearest."""
    _, nearest, _, heights, normals = fits
    best, most = -1, np.inf
    for kind in range(kinds):
        cost = abs(heights[kind]) + _NEAR * np.sqrt(nearest[kind])
        if abs(heights[kind]) <= limit and cost < most:
            best, most = kind, cost
    if best < 0:
        return best
    # the lowest of two patches in one plane would draw the middle to itself
    chief = normals[best].copy()
    for kind in range(kinds):
        level = abs((normals[kind] * chief).sum()) >= _LEVEL and abs(heights[kind]) <= limit
        if level and nearest[kind] < nearest[best] * (1 - 1e-9):
            best = kind
    return best


@njit(nogil=True, cache=True)
def _through(fits, kinds, limit, best):  # type: ignore[no-untyped-def]
    """Return the nearest patch whose plane crosses that of a patch and goes on behind it; -1 for none."""
    _, _, sums, heights, normals = fits
    other, most = -1, limit
    for kind in range(kinds):
        if abs((normals[kind] * normals[best]).sum()) < _LEVEL and abs(heights[kind]) <= most:
            other, most = kind, abs(heights[kind])
    if other < 0:
        return other
    # which way leads from the line where both planes meet, in the plane that crosses
    own, chief = normals[other], normals[best]
    way = chief - (chief * own).sum() * own
    way /= np.sqrt((way * way).sum())
    count, total, square = 0.0, 0.0, 0.0
    for kind in range(kinds):
        if abs((normals[kind] * own).sum()) >= _LEVEL and abs(heights[kind]) <= limit:
            part = sums[kind]
            count += part[0]
            total += part[1] * way[0] + part[2] * way[1] + part[3] * way[2]
            for j in range(3):
                square += part[4 + j] * way[j] * way[j]
            square += (
                2 * way[0] * (part[7] * way[1] + part[8] * way[2]) + 2 * part[9] * way[1] * way[2]
            )
    # half a disc on one side has a mean larger than its standard deviation
    return other if 2 * total * total <= count * square else -1


@njit(nogil=True, cache=True)
def _drawn(points, sums, fits, asked):  # type: ignore[no-untyped-def]
    """Fit the planes of the patches around a point; a height of infinity where there is none.

    A patch that goes on in another, behind what crosses them, shares a plane with it: a plane
    between two patches is surer than one drawn on from a narrow strip. Of two cracks that cross
    slowly, arms beside each other share one too, but there is solid between them.
    """
    heights, normals = fits
    kinds, point = asked
    limit = _ROUGH * points.steps.prod() ** (2 / 3)
    both, normal, best = np.empty(10), np.empty(3), np.empty(10)
    for kind in range(kinds):
        heights[kind] = np.inf
        normals[kind] = 0.0
        if sums[kind, 0] < _LEAST:
            continue
        best[:] = sums[kind]
        plane_of(points, best, normals[kind])
        own = normals[kind].copy()
        least = limit
        for other in range(kinds):
            if other == kind or sums[other, 0] < _LEAST:
                continue
            both[:] = sums[kind] + sums[other]
            plane_of(points, both, normal)
            if abs((normal * own).sum()) < _LEVEL:
                continue
            off = max(_off(sums[kind], both, normal), _off(sums[other], both, normal))
            if off <= least and _through_void(points, point, sums[kind], sums[other]):
                least = off
                best[:] = both
                normals[kind] = normal
        heights[kind] = -(normals[kind] * best[1:4]).sum() / best[0]


@njit(nogil=True, cache=True)
def _through_void(points, point, first, second):  # type: ignore[no-untyped-def]
    """Tell whether the way between the centres of two patches runs in a crack, or beside one."""
    place = np.empty(3, dtype=np.int64)
    for part in (0.25, 0.5, 0.75):
        for j in range(3):
            away = (1 - part) * first[1 + j] / first[0] + part * second[1 + j] / second[0]
            place[j] = points.places[point, j] + int(np.floor(away / points.steps[j] + 0.5))
        held = False
        for way in range(27):
            z, y, x = place[0] + way // 9 - 1, place[1] + way // 3 % 3 - 1, place[2] + way % 3 - 1
            held |= locate(points, z, y, x) >= 0
        if not held:
            return False
    return True


@njit(nogil=True, cache=True)
def _off(sums, plane, normal):  # type: ignore[no-untyped-def]
    """Return the mean squared height of some points above the plane through the middle of others."""
    a, b, c = normal
    middle = (normal * plane[1:4]).sum() / plane[0]
    square = sums[4] * a * a + sums[5] * b * b + sums[6] * c * c
    square += 2 * (sums[7] * a * b + sums[8] * a * c + sums[9] * b * c)
    return (square - 2 * middle * (normal * sums[1:4]).sum()) / sums[0] + middle * middle
