"""Rays across cracks: how far their two sides are from a point, along its normal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.crack_points import Points, locate

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["across", "ray_sides"]

_STRIDE = 0.25  # step of a ray, in voxel edges (geometric mean)
_ASIDE = 1.5  # how far apart the five rays are, in voxel edges
_TURNED = (
    np.cos(np.radians(50)),
    np.sin(np.radians(50)),
)  # else they meet the same steps of a staircase


def ray_sides(
    points: Points,
    numbers: NDArray[np.int64],
    normals: NDArray[np.float32],
    limits: NDArray[np.float32],
    span: tuple[int, int],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Measure how wide a crack is along the normal of some points, and how high they lie in it.

    Parameters
    ----------
    points : Points
        The list.
    numbers : ndarray of int64, shape (m,)
        The points from which rays start.
    normals : ndarray of float32, shape (m, 3)
        Unit vectors.
    limits : ndarray of float32, shape (m,)
        Length in µm at which a ray ends at the latest.
    span : tuple of int
        The first of them, and the one after the last.

    Returns
    -------
    heights : ndarray of float32
        Height above the middle in µm, along the normal.
    widths : ndarray of float32
        Width in µm.

    Notes
    -----
    Estimator: mean of up to five parallel rays, one through the point and four 1.5 voxel edges
    beside it, in steps of a quarter edge through the voxels.
    """
    start, stop = span
    heights = np.empty(stop - start, dtype=np.float32)
    widths = np.empty(stop - start, dtype=np.float32)
    part = slice(start, stop)
    _rays(points, numbers[part], normals[part], limits[part], (heights, widths))
    return heights, widths


@njit(nogil=True, cache=True)
def across(normal, first, second):  # type: ignore[no-untyped-def]
    """Write two unit vectors at right angles to a normal and to each other.

    Parameters
    ----------
    normal, first, second : ndarray of float, shape (3,)
        The last two are written to.
    """
    k = 0
    for j in range(1, 3):
        if abs(normal[j]) < abs(normal[k]):
            k = j
    a, b = (k + 1) % 3, (k + 2) % 3
    size = np.sqrt(normal[a] ** 2 + normal[b] ** 2)
    first[k], first[a], first[b] = 0.0, normal[b] / size, -normal[a] / size
    for j in range(3):
        m, n = (j + 1) % 3, (j + 2) % 3
        second[j] = normal[m] * first[n] - normal[n] * first[m]


@njit(nogil=True, cache=True)
def _length(points, place, way, limit):  # type: ignore[no-untyped-def]
    """Return how far a ray runs inside, in µm; -1 if it starts outside."""
    stride = _STRIDE * points.steps.prod() ** (1 / 3)
    length = -stride
    while length < limit:
        length += stride
        z = int(np.floor(place[0] + length * way[0] / points.steps[0] + 0.5))
        y = int(np.floor(place[1] + length * way[1] / points.steps[1] + 0.5))
        x = int(np.floor(place[2] + length * way[2] / points.steps[2] + 0.5))
        if locate(points, z, y, x) < 0:
            break
    return length - 0.5 * stride


@njit(nogil=True, cache=True)
def _rays(points, numbers, normals, limits, results):  # type: ignore[no-untyped-def]
    heights, widths = results
    aside = _ASIDE * points.steps.prod() ** (1 / 3)
    c, s = _TURNED
    first, second, place, back = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for row in range(heights.size):
        point = numbers[row]
        normal, limit = normals[row], limits[row]
        across(normal, first, second)
        up, down, number = 0.0, 0.0, 0
        for ray in range(5):
            for j in range(3):
                shift = 0.0
                if ray in {1, 2}:
                    shift = (2 * ray - 3) * aside * (c * first[j] + s * second[j])
                elif ray > 2:
                    shift = (2 * ray - 7) * aside * (c * second[j] - s * first[j])
                place[j] = points.places[point, j] + shift / points.steps[j]
                back[j] = -normal[j]
            ahead = _length(points, place, normal, limit)
            if ahead < 0:
                continue
            up += ahead
            down += _length(points, place, back, limit)
            number += 1
        heights[row] = 0.5 * (down - up) / max(number, 1)
        widths[row] = (down + up) / max(number, 1)
