"""Counts of unlike neighbours in 13 directions, and the Crofton area that they give.

The number of times that lines of one direction cross an interface is its area projected along
them; averaged over the directions it is half the area, whatever the shape.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import SphericalVoronoi

from ssbtomo.kernels.compiling import njit
from ssbtomo.units import Spacing

__all__ = ["AXIS_DIRECTIONS", "DIRECTIONS", "count_neighbours", "crofton_factors"]

DIRECTIONS: tuple[tuple[int, int, int], ...] = tuple(
    (z, y, x) for z, y, x in product((-1, 0, 1), repeat=3) if (z, y, x) > (0, 0, 0)
)
"""One of each pair of opposite directions to the 26 neighbours of a voxel."""

AXIS_DIRECTIONS = tuple(DIRECTIONS.index(step) for step in ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
"""Where the directions across the z, y and x faces stand in `DIRECTIONS`."""


def crofton_factors(spacing: Spacing) -> NDArray[np.float64]:
    """Return the area that one count of each direction stands for.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.

    Returns
    -------
    ndarray of float64, shape (13,)
        Square micrometres per count of `count_neighbours` (which counts double): Voronoi
        share of the direction on the sphere, times voxel volume over neighbour distance.
    """
    steps = np.array(DIRECTIONS) * np.array(spacing)
    lengths = np.linalg.norm(steps, axis=1)
    points = steps / lengths[:, None]
    shares = SphericalVoronoi(np.concatenate([points, -points])).calculate_areas()
    weights = shares[: len(points)] + shares[len(points) :]
    factors: NDArray[np.float64] = weights / weights.sum() * np.prod(spacing) / lengths
    return factors


def count_neighbours(
    index: NDArray[np.uint8], bounds: NDArray[np.int64], pair_of: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Count the unlike neighbours of each pair of phases in each of 13 directions, doubled.

    A neighbour pair that reaches past the end of the volume counts once, with the voxel
    outside taken as the nearest one inside: the interface goes on to the end. Across the
    faces of voxels the counts are twice the number of faces.

    Parameters
    ----------
    index : ndarray of uint8, shape (Z, Y, X)
        Phase indices of the block, with a margin of one voxel inside the volume.
    bounds : ndarray of int64, shape (3, 2)
        The owned voxels; a neighbour pair belongs to its voxel of lower position.
    pair_of : ndarray of int32, shape (k, k)
        Number of the pair of two phase indices; the largest is for what does not count.

    Returns
    -------
    ndarray of int64, shape (pairs, 13)
        Counts; they add over any partition of a volume into blocks.
    """
    pairs = int(pair_of.max())
    counts = np.zeros((pairs + 1, len(DIRECTIONS)), dtype=np.int64)
    _count(index, bounds, pair_of, np.array(DIRECTIONS), counts)
    return counts[:pairs]


@njit(nogil=True, cache=True)
def _count(
    index: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    pair_of: NDArray[np.int32],
    directions: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    depth, height, width = index.shape
    low, high = bounds[2]
    for z in range(bounds[0, 0], bounds[0, 1]):
        for y in range(bounds[1, 0], bounds[1, 1]):
            rim = z == 0 or y == 0 or z == depth - 1 or y == height - 1
            first = high if rim else min(max(low, 1), high)
            last = high if rim else max(min(high, width - 1), first)
            for x in range(low, first):
                _count_at_end(index, (z, y, x), pair_of, directions, counts)
            for x in range(last, high):
                _count_at_end(index, (z, y, x), pair_of, directions, counts)
            here = index[z, y]
            for d in range(0 if rim else len(directions)):
                there = index[z + directions[d, 0], y + directions[d, 1]]
                _count_row(here, there, (first, last, directions[d, 2]), pair_of, counts[:, d])


@njit(nogil=True, cache=True)
def _count_row(
    here: NDArray[np.uint8],
    there: NDArray[np.uint8],
    span: tuple[int, int, int],
    pair_of: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> None:
    for x in range(span[0], span[1]):
        if here[x] != there[x + span[2]]:
            counts[pair_of[here[x], there[x + span[2]]]] += 2


@njit(nogil=True, cache=True)
def _count_at_end(
    index: NDArray[np.uint8],
    at: tuple[int, int, int],
    pair_of: NDArray[np.int32],
    directions: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Count at a voxel that may lie at the end of the volume, in both senses."""
    here = index[at[0], at[1], at[2]]
    inside = np.empty(3, dtype=np.int64)
    for d in range(len(directions)):
        for sense in (1, -1):
            beyond = False
            for k in range(3):
                place = at[k] + sense * directions[d, k]
                inside[k] = min(max(place, 0), index.shape[k] - 1)
                beyond |= inside[k] != place
            there = index[inside[0], inside[1], inside[2]]
            if there != here and (sense == 1 or beyond):
                counts[pair_of[here, there], d] += 1 if beyond else 2
