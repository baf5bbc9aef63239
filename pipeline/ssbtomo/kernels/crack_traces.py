"""Sheets of an image traced along their planes: over gaps, and on beyond where they were seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.crack_points import Points, crack_points, locate
from ssbtomo.kernels.crack_profiles import value_at
from ssbtomo.kernels.sheets import voxel_edge
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RESPONSE", "Trace", "drawn_on", "responses"]

_THICK = 0.25  # voxel edges beyond half a step within which a voxel lies on a plane
RESPONSE = 4.0  # standard deviations at which the filter across a sheet ends


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Voxels on the planes of sheets, drawn on.

    Parameters
    ----------
    points : Points
        The voxels.
    sources : ndarray of int64, shape (n,)
        The seed on whose plane each lies, of all that reach it the nearest.
    normals : ndarray of float32, shape (n, 3)
        Of that plane.
    heights : ndarray of float32, shape (n,)
        Height above it in µm.
    """

    points: Points
    sources: NDArray[np.int64]
    normals: NDArray[np.float32]
    heights: NDArray[np.float32]


def drawn_on(
    seeds: Points,
    chosen: NDArray[np.bool_],
    planes: tuple[NDArray[np.float32], NDArray[np.float32]],
    reach: NDArray[np.floating[Any]],
) -> Trace:
    """Draw the planes of some points on, voxel by voxel, and keep all voxels that they pass.

    Parameters
    ----------
    seeds : Points
        The list.
    chosen : ndarray of bool, shape (n,)
        Those whose planes are drawn on.
    planes : tuple of ndarray of float32
        Normals (n, 3), and heights (n,) in µm above the planes.
    reach : ndarray of float, shape (n,)
        How far in µm.

    Returns
    -------
    Trace
        The chosen points on their own planes, and all that is reached from them from neighbour
        to neighbour; of two planes that reach a voxel that of the nearer point counts.
    """
    normals, heights = planes
    edge = float(np.cbrt(seeds.steps.prod()))
    halves = 0.5 * np.abs(normals * seeds.steps).max(axis=1) + _THICK * edge
    fields = (
        normals.astype(np.float64),
        heights.astype(np.float64),
        halves,
        reach.astype(np.float64),
    )
    shape, spacing = _sizes(seeds)
    sources = np.flatnonzero(chosen & (np.abs(heights) <= halves))
    places = _linear(seeds.places[sources], shape)
    points = crack_points(places, shape, spacing)
    front = np.arange(sources.size)
    while front.size:
        found = _asked(points, seeds, front, sources, fields)
        fresh, origin = _nearest(found, seeds, shape)
        places = np.concatenate([places, fresh])
        order = np.argsort(places)
        places = places[order]
        sources = np.concatenate([sources, origin])[order]
        front = np.flatnonzero(order >= order.size - fresh.size)
        points = crack_points(places, shape, spacing)
    away = (points.places - seeds.places[sources]) * seeds.steps
    above = heights[sources] + (away * normals[sources]).sum(axis=1)
    return Trace(points, sources, normals[sources], above.astype(np.float32))


def responses(
    image: NDArray[Any],
    spacing: Spacing,
    places: NDArray[np.int64],
    ways: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Filter an image across sheets, at some places.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values of a part, with enough around it.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    places : ndarray of int64, shape (n, 3)
        Where in `image`, to the voxel.
    ways : tuple of ndarray of float32
        Normals (n, 3); heights in µm of the places above the middle; standard deviations in µm.

    Returns
    -------
    ndarray of float32
        Second derivative of the image, smoothed by a Gaussian along the normal alone, times
        √(2π) σ³: grey value times µm that a sheet much thinner than σ lacks. Profiles end
        where the image does.
    """
    found = np.zeros(len(places), dtype=np.float32)
    grey = np.asarray(image, dtype=np.float32)
    _filter(grey, (np.asarray(spacing), 0.5 * voxel_edge(spacing)), (places, *ways), found)
    return found


def _sizes(points: Points) -> tuple[tuple[int, int, int], Spacing]:
    a, b, c = (int(n) for n in points.shape)
    z, y, x = (float(n) for n in points.steps)
    return (a, b, c), (z, y, x)


def _linear(places: NDArray[np.int32], shape: tuple[int, int, int]) -> NDArray[np.int64]:
    z, y, x = places.astype(np.int64).T
    return np.asarray((z * shape[1] + y) * shape[2] + x)


def _asked(
    points: Points,
    seeds: Points,
    front: NDArray[np.int64],
    sources: NDArray[np.int64],
    planes: tuple[NDArray[np.float64], ...],
) -> NDArray[np.int64]:
    """Return the places beside a front that its planes pass, with the seeds that they are of."""
    count = _step(points, seeds, (front, sources), planes, np.empty((0, 2), np.int64))
    rows = np.empty((count, 2), np.int64)
    _step(points, seeds, (front, sources), planes, rows)
    return rows


def _nearest(
    rows: NDArray[np.int64], seeds: Points, shape: tuple[int, int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each place once, with the nearest of its seeds."""
    at = np.column_stack(np.unravel_index(rows[:, 0], shape))
    gaps = (((at - seeds.places[rows[:, 1]]) * seeds.steps) ** 2).sum(axis=1)
    order = np.lexsort((rows[:, 1], gaps, rows[:, 0]))
    rows = rows[order]
    first = np.append(True, rows[1:, 0] != rows[:-1, 0])[: len(rows)]
    return rows[first, 0], rows[first, 1]


@njit(nogil=True, cache=True)
def _step(points, seeds, fronts, planes, rows):  # type: ignore[no-untyped-def]
    front, sources = fronts
    normals, heights, halves, reach = planes
    nz, ny, nx = points.shape
    count = 0
    for point in front:
        seed = sources[point]
        z, y, x = points.places[point]
        for way in range(27):
            a, b, c = z + way // 9 - 1, y + way // 3 % 3 - 1, x + way % 3 - 1
            if a < 0 or b < 0 or c < 0 or a >= nz or b >= ny or c >= nx:
                continue
            away = (
                (a - seeds.places[seed, 0]) * seeds.steps[0],
                (b - seeds.places[seed, 1]) * seeds.steps[1],
                (c - seeds.places[seed, 2]) * seeds.steps[2],
            )
            up, gap = heights[seed], 0.0
            for j in range(3):
                up += away[j] * normals[seed, j]
                gap += away[j] * away[j]
            if abs(up) > halves[seed] or gap > reach[seed] ** 2 or locate(points, a, b, c) >= 0:
                continue
            if rows.shape[0] > 0:
                rows[count, 0] = (np.int64(a) * ny + b) * nx + c
                rows[count, 1] = seed
            count += 1
    return count


@njit(nogil=True, cache=True)
def _filter(grey, sizes, ways, found):  # type: ignore[no-untyped-def]
    spacing, stride = sizes
    places, normals, heights, widths = ways
    for row in range(found.size):
        width = widths[row]
        steps = int(RESPONSE * width / stride)
        total, level, number, square = 0.0, 0.0, 0.0, 0.0
        for k in range(-steps, steps + 1):
            way = k * stride - heights[row]
            value = value_at(
                grey, places[row, 0] + way * normals[row, 0] / spacing[0],
                places[row, 1] + way * normals[row, 1] / spacing[1],
                places[row, 2] + way * normals[row, 2] / spacing[2],
            )  # fmt: skip
            if np.isnan(value):
                continue
            part = k * stride / width
            bell = np.exp(-0.5 * part * part)
            total += (part * part - 1) * bell * value
            square += (part * part - 1) * bell
            level += bell * value
            number += bell
        if number > 0:
            # constant images give 0, profiles that the border cuts too
            found[row] = (total - square * level / number) * stride
