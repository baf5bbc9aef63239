"""The voxels of cracks as a sorted list of points, and what lies around each of them.

Cracks fill a few per cent of a volume. What is told of them from here on is worked out on the
list of their voxels, in the order of the volume: it cannot depend on how the volume was cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ssbtomo.kernels.compiling import njit
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Points",
    "around",
    "ball_size",
    "crack_points",
    "group_extents",
    "locate",
    "voxel_widths",
]

_FAR = 24  # steps after which a chord is long
_WAYS = np.array(
    [
        (z, y, x)
        for z in (0, 1)
        for y in (-1, 0, 1)
        for x in (-1, 0, 1)
        if (z, y, x) > (0, 0, 0)
    ],
    dtype=np.int64,
)  # fmt: skip


class Points(NamedTuple):
    """The voxels of cracks, in the order of the volume.

    Parameters
    ----------
    places : ndarray of int32, shape (n, 3)
        Indexes along (Z, Y, X).
    rows : ndarray of int64, shape (Z * Y + 1,)
        First point of each row of the volume.
    steps : ndarray of float64, shape (3,)
        Voxel edges in µm.
    shape : ndarray of int64, shape (3,)
        Voxels of the volume.
    """

    places: NDArray[np.int32]
    rows: NDArray[np.int64]
    steps: NDArray[np.float64]
    shape: NDArray[np.int64]


def crack_points(
    places: NDArray[np.int64], shape: tuple[int, int, int], spacing: Spacing
) -> Points:
    """Make the list of points that can be looked up by place.

    Parameters
    ----------
    places : ndarray of int64, shape (n,)
        Linear indexes of the voxels, ascending.
    shape : tuple of int
        Voxels of the volume along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    Points
        12 bytes for each point, and 8 for each row of the volume.
    """
    row, x = np.divmod(places, shape[2])
    z, y = np.divmod(row, shape[1])
    rows = np.searchsorted(row, np.arange(shape[0] * shape[1] + 1))
    return Points(
        np.column_stack([z, y, x]).astype(np.int32),
        rows.astype(np.int64),
        np.asarray(spacing, dtype=np.float64),
        np.asarray(shape, dtype=np.int64),
    )


def group_extents(points: Points, groups: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return how far each group of points reaches along both directions of its plane at least.

    Parameters
    ----------
    points : Points
        The list.
    groups : ndarray of int32, shape (n,)
        The group of each, from 0.

    Returns
    -------
    ndarray of float64
        √(12 λ) in µm of the second largest moment (of a slice the largest): the width of an
        evenly filled strip; a disc reads 0.87 of its diameter.
    """
    count = int(groups.max(initial=-1)) + 1
    size = np.maximum(np.bincount(groups, minlength=count), 1)
    where = points.places * points.steps
    middle = [np.bincount(groups, where[:, k], count) / size for k in range(3)]
    spread = np.empty((count, 3, 3))
    for i in range(3):
        for j in range(3):
            sums = np.bincount(groups, where[:, i] * where[:, j], count) / size
            spread[:, i, j] = sums - middle[i] * middle[j]
    second = 1 + int((points.shape == 1).any())
    moments = np.linalg.eigvalsh(spread)[:, second]
    return np.asarray(np.sqrt(12 * np.maximum(moments, 0)), dtype=np.float64)


def ball_size(spacing: Spacing, radius: float) -> int:
    """Return how many voxels a ball holds at most.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges in µm.
    radius : float
        In µm.

    Returns
    -------
    int
        An upper bound.
    """
    return int(np.prod([2 * int(radius / edge) + 1 for edge in spacing]))


@njit(nogil=True, cache=True)
def locate(points, z, y, x):  # type: ignore[no-untyped-def]
    """Return the number of the point at a place, or -1.

    Parameters
    ----------
    points : Points
        The list.
    z, y, x : int
        The place, which may lie outside the volume.

    Returns
    -------
    int
        Number of the point.
    """
    nz, ny, nx = points.shape
    if z < 0 or y < 0 or x < 0 or z >= nz or y >= ny or x >= nx:
        return -1
    low, high = points.rows[z * ny + y], points.rows[z * ny + y + 1]
    end = high
    while low < high:
        middle = (low + high) // 2
        if points.places[middle, 2] < x:
            low = middle + 1
        else:
            high = middle
    return low if low < end and points.places[low, 2] == x else -1


@njit(nogil=True, cache=True)
def around(points, point, radius, found):  # type: ignore[no-untyped-def]
    """List the points in a ball around a point, in the order of the volume.

    Parameters
    ----------
    points : Points
        The list.
    point : int
        Number of the one in the middle; it is listed too.
    radius : float
        In µm.
    found : ndarray of int64
        Written to; at least `ball_size` long.

    Returns
    -------
    int
        How many there are.
    """
    nz, ny, _ = points.shape
    dz, dy, dx = points.steps
    z, y, x = points.places[point]
    count = 0
    far = int(radius / dz)
    for a in range(max(z - far, 0), min(z + far + 1, nz)):
        left = radius * radius - ((a - z) * dz) ** 2
        wide = int(np.sqrt(max(left, 0.0)) / dy)
        for b in range(max(y - wide, 0), min(y + wide + 1, ny)):
            low, high = points.rows[a * ny + b], points.rows[a * ny + b + 1]
            if low == high:
                continue
            reach = int(np.sqrt(max(left - ((b - y) * dy) ** 2, 0.0)) / dx)
            end = high
            while low < high:
                middle = (low + high) // 2
                if points.places[middle, 2] < x - reach:
                    low = middle + 1
                else:
                    high = middle
            while low < end and points.places[low, 2] <= x + reach:
                found[count] = low
                count += 1
                low += 1
    return count


def voxel_widths(
    points: Points, span: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Measure how wide the cracks are at some of their points, and tell which lie in the middle.

    Parameters
    ----------
    points : Points
        The list.
    span : tuple of int
        The first of them, and the one after the last.

    Returns
    -------
    widths : ndarray of float32
        The shortest chord in µm of the 13 directions between neighbours: right to about 15 %.
        Chords that leave the volume count only where all do, directions along an axis on which
        it is one voxel deep never.
    middle : ndarray of bool
        Whether the point halves that chord, to one voxel.
    """
    start, stop = span
    ways = _WAYS[~(_WAYS[:, points.shape == 1] != 0).any(axis=1)]
    widths = np.empty(stop - start, dtype=np.float32)
    middle = np.empty(stop - start, dtype=np.bool_)
    _chords(points, ways, start, widths, middle)
    return widths, middle


@njit(nogil=True, cache=True)
def _chords(points, ways, start, widths, middle):  # type: ignore[no-untyped-def]
    nz, ny, nx = points.shape
    for row in range(widths.size):
        z, y, x = points.places[start + row]
        best, skew, cut = np.inf, 0, True
        for way in ways:
            ends = np.zeros(2, np.int64)
            leaves = False
            for side in range(2):
                k = 0
                while k < _FAR:
                    k += 1
                    sign = 2 * side - 1
                    a, b, c = z + sign * k * way[0], y + sign * k * way[1], x + sign * k * way[2]
                    if locate(points, a, b, c) < 0:
                        leaves |= min(a, b, c) < 0 or a >= nz or b >= ny or c >= nx
                        break
                ends[side] = k
            step = np.sqrt(((way * points.steps) ** 2).sum())
            chord, lean = (ends[0] + ends[1] - 1) * step, abs(ends[0] - ends[1])
            shorter = chord < best * (1 - 1e-9)
            as_short = chord <= best * (1 + 1e-9) and lean < skew
            if (cut and not leaves) or (cut == leaves and (shorter or as_short)):
                best, skew, cut = chord, lean, leaves
        widths[row] = best
        middle[row] = skew <= 1
