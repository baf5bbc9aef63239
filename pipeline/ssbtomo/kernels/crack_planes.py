"""The plane of a crack around each of its points: direction, flatness, height above it, area."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.crack_points import Points, around, ball_size
from ssbtomo.kernels.least_axis import least_direction

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "add_moments",
    "local_quantiles",
    "middle_areas",
    "plane_of",
    "planes",
    "shares",
]

_CUT = 2.5  # standard deviations at which the weights of the middle surface end
_SOFT = 0.06  # least half-width, in voxels, of the ramp that shares a middle between voxels


def local_quantiles(
    points: Points,
    values: NDArray[np.float32],
    ball: tuple[float, float],
    span: tuple[int, int],
) -> NDArray[np.float32]:
    """Return a quantile of the values of the points in a ball around each of some points.

    Parameters
    ----------
    points : Points
        The list.
    values : ndarray of float32, shape (n,)
        One for each point.
    ball : tuple of float
        Radius in µm; and the share of the values that lie below the quantile.
    span : tuple of int
        The first of the points, and the one after the last.

    Returns
    -------
    ndarray of float32
        Values that occur.
    """
    start, stop = span
    found = np.empty(_room(points, ball[0]), dtype=np.int64)
    quantiles = np.empty(stop - start, dtype=np.float32)
    _quantile(points, values, ball, (start, found), quantiles)
    return quantiles


def planes(
    points: Points,
    members: NDArray[np.int32],
    radii: NDArray[np.float32],
    span: tuple[int, int],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit a plane to the points of the same object around each of some points.

    Parameters
    ----------
    points : Points
        The list.
    members : ndarray of int32, shape (n,)
        The object that each point belongs to.
    radii : ndarray of float32, shape (n,)
        Radius in µm of the ball around each.
    span : tuple of int
        The first of the points, and the one after the last.

    Returns
    -------
    normals : ndarray of float32, shape (span, 3)
        Direction of the smallest second moment, the largest component positive; axes on which
        the volume is one voxel deep lie in the plane.
    spreads : ndarray of float32
        That second moment in µm²: width²/12 for a plate, more where plates cross or bend.
    """
    start, stop = span
    found = np.empty(_room(points, float(radii[start:stop].max(initial=0))), dtype=np.int64)
    normals = np.empty((stop - start, 3), dtype=np.float32)
    spreads = np.empty(stop - start, dtype=np.float32)
    _fit(points, members, radii, (start, found), (normals, spreads))
    return normals, spreads


def middle_areas(
    points: Points,
    objects: tuple[NDArray[np.int32], NDArray[np.bool_]],
    normals: NDArray[np.float32],
    reach: tuple[NDArray[np.float32], float],
    span: tuple[int, int],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Measure where the middle surface passes some points, and how much of it is theirs.

    Parameters
    ----------
    points : Points
        The list.
    objects : tuple of ndarray, shape (n,)
        The object that each point belongs to (int32); and which points may lie next to its
        middle (bool): the areas of the others are 0.
    normals : ndarray of float32, shape (n, 3)
        Normal of the plane at each.
    reach : tuple
        Width in µm of the plate around each point; and the standard deviation in µm of the
        weights in its plane.
    span : tuple of int
        The first of the points, and the one after the last.

    Returns
    -------
    heights : ndarray of float32
        Height in µm of each point above the middle of its object, along its normal.
    areas : ndarray of float32
        Area in µm² of the middle surface that the point stands for.

    Notes
    -----
    Estimator: the middle is the mean height of the points around, with weights that fall off
    in the plane as a Gaussian. It is met once by each line of voxels along an axis e that crosses the plate: lines through
    dA number |e·n| dA / (voxel face), and each meeting weighs |e·n| voxel faces, so that
    the three axes sum to dA for any direction. Voxels within half a step of the middle own
    the meeting; where the plate is wide enough, all that are within one step share it.
    """
    start, stop = span
    widths, wide = reach
    edge = float(np.cbrt(points.steps.prod()))
    heights = (0.75 * widths + 2 * edge).astype(np.float32)
    room = _room(points, math.hypot(float(heights[start:stop].max(initial=0)), _CUT * wide))
    found = np.empty(room, dtype=np.int64)
    above = np.empty(stop - start, dtype=np.float32)
    areas = np.empty(stop - start, dtype=np.float32)
    fields = *objects, normals, heights, widths
    _meet(points, fields, wide, (start, found), (above, areas))
    return above, areas


def _room(points: Points, radius: float) -> int:
    z, y, x = points.steps
    return min(ball_size((z, y, x), radius), len(points.places)) + 1


@njit(nogil=True, cache=True)
def _quantile(points, values, ball, work, quantiles):  # type: ignore[no-untyped-def]
    start, found = work
    near = np.empty(found.size, dtype=np.float32)
    for row in range(quantiles.size):
        count = around(points, start + row, ball[0], found)
        for k in range(count):
            near[k] = values[found[k]]
        quantiles[row] = np.sort(near[:count])[int(ball[1] * count)]


@njit(nogil=True, cache=True)
def add_moments(points, point, other, sums):  # type: ignore[no-untyped-def]
    """Add a point to the moments around another one.

    Parameters
    ----------
    points : Points
        The list.
    point, other : int
        The origin, and the point that is added.
    sums : ndarray of float64, shape (10,)
        Count, three sums, six sums of products (zz, yy, xx, zy, zx, yx) in µm; written to.
    """
    z = (points.places[other, 0] - points.places[point, 0]) * points.steps[0]
    y = (points.places[other, 1] - points.places[point, 1]) * points.steps[1]
    x = (points.places[other, 2] - points.places[point, 2]) * points.steps[2]
    sums[0] += 1.0
    sums[1] += z
    sums[2] += y
    sums[3] += x
    sums[4] += z * z
    sums[5] += y * y
    sums[6] += x * x
    sums[7] += z * y
    sums[8] += z * x
    sums[9] += y * x


@njit(nogil=True, cache=True)
def plane_of(points, sums, normal):  # type: ignore[no-untyped-def]
    """Return the smallest second moment, and write its direction.

    Parameters
    ----------
    points : Points
        Tells the axes on which the volume is one voxel deep.
    sums : ndarray of float64, shape (10,)
        From `add_moments`.
    normal : ndarray of float, shape (3,)
        Written to; the largest component is positive.

    Returns
    -------
    float
        In the squared unit of the sums.
    """
    n = sums[0]
    mz, my, mx = sums[1] / n, sums[2] / n, sums[3] / n
    a, b, c = sums[4] / n - mz * mz, sums[5] / n - my * my, sums[6] / n - mx * mx
    d, e, f = sums[7] / n - mz * my, sums[8] / n - mz * mx, sums[9] / n - my * mx
    far = 1e4 * (a + b + c + 1e-12)
    if points.shape[0] == 1:
        a += far
    if points.shape[1] == 1:
        b += far
    if points.shape[2] == 1:
        c += far
    return max(least_direction((a, b, c, d, e, f), normal), 0.0)


@njit(nogil=True, cache=True)
def _fit(points, members, radii, work, results):  # type: ignore[no-untyped-def]
    start, found = work
    normals, spreads = results
    sums = np.empty(10)
    for row in range(spreads.size):
        point = start + row
        count = around(points, point, radii[point], found)
        sums[:] = 0.0
        for k in range(count):
            if members[found[k]] == members[point]:
                add_moments(points, point, found[k], sums)
        spreads[row] = plane_of(points, sums, normals[row])


@njit(nogil=True, cache=True)
def column_share(height, step, width):  # type: ignore[no-untyped-def]
    """Return how much of a column's meeting with a plane belongs to a voxel.

    Parameters
    ----------
    height : float
        Height of the voxel above the plane.
    step : float
        How much higher the next voxel of the column is; positive.
    width : float
        Width of the plate: the share ends where the plate does.

    Returns
    -------
    float
        0 to 1; over a whole column they sum to 1.
    """
    soft = min(max(0.4 * width / step - 0.5, _SOFT), 0.5)
    return min(max((0.5 + soft - abs(height) / step) / (2 * soft), 0.0), 1.0)


@njit(nogil=True, cache=True)
def _meet(points, fields, wide, work, results):  # type: ignore[no-untyped-def]
    start, found = work
    members, asked, normals, heights, widths = fields
    above, areas = results
    steps = points.steps
    for row in range(areas.size):
        point = start + row
        above[row], areas[row] = 0.0, 0.0
        if not asked[point]:
            continue
        normal, limit = normals[point], heights[point]
        count = around(points, point, np.hypot(limit, _CUT * wide), found)
        total, number = 0.0, 0.0
        for k in range(count):
            other = found[k]
            if members[other] != members[point]:
                continue
            up, square = 0.0, 0.0
            for j in range(3):
                way = (points.places[other, j] - points.places[point, j]) * steps[j]
                up += way * normal[j]
                square += way * way
            square -= up * up
            if abs(up) <= limit and square <= (_CUT * wide) ** 2:
                weight = np.exp(-0.5 * square / (wide * wide))
                total += weight * up
                number += weight
        height = -total / number
        above[row] = height
        areas[row] = _share(steps, normal, height, widths[point])


@njit(nogil=True, cache=True)
def _share(steps, normal, height, width):  # type: ignore[no-untyped-def]
    """Return the area of a middle surface that a voxel at a height above it stands for."""
    area = 0.0
    for j in range(3):
        step = abs(normal[j]) * steps[j]
        if step > 1e-6 * steps[j]:
            part = column_share(height, step, width)
            area += part * steps.prod() / steps[j] * abs(normal[j])
    return area


def shares(
    points: Points,
    normals: NDArray[np.float32],
    heights: NDArray[np.float32],
    widths: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the area of known planes that voxels stand for.

    Parameters
    ----------
    points : Points
        Tells the voxel edges.
    normals : ndarray of float32, shape (m, 3)
        Normal of the plane at each voxel.
    heights, widths : ndarray of float32, shape (m,)
        Height above it and width of the plate there, in µm.

    Returns
    -------
    ndarray of float32
        Areas in µm²; estimator: see `middle_areas`.
    """
    areas = np.empty(len(heights), dtype=np.float32)
    _shares(points.steps, (normals, heights, widths), areas)
    return areas


@njit(nogil=True, cache=True)
def _shares(steps, fields, areas):  # type: ignore[no-untyped-def]
    normals, heights, widths = fields
    for row in range(areas.size):
        areas[row] = _share(steps, normals[row], heights[row], widths[row])
