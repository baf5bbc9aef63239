"""Weights of a Gaussian as integers, for smoothing that is exact in any order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["smoothing_taps", "tap_radius"]

_REACH = 2.5
_MATCHING_STEPS = 8


def smoothing_taps(sigma: float, total: int = 2**15) -> NDArray[np.int32]:
    """Return the smoothing weights along one axis, as integers of a given sum.

    Parameters
    ----------
    sigma : float
        Standard deviation of the Gaussian, in voxels of that axis.
    total : int
        The sum of the weights, even.

    Returns
    -------
    ndarray of int32, shape (2, 2 r + 1)
        Row 0: weights of neighbours at -r ... r. Row 1: weights of the faces half a voxel
        further, at -r + 1/2 ... r + 1/2 (the last is zero). Both have the same variance:
        a difference would tilt the normals towards the axes.
    """
    radius = tap_radius(sigma)
    offsets = np.arange(-radius, radius + 1)
    centred = np.exp(-0.5 * (offsets / sigma) ** 2)
    halves = offsets[:-1] + 0.5
    goal = np.average(offsets**2, weights=centred)
    width = sigma
    for _ in range(_MATCHING_STEPS):
        between = np.exp(-0.5 * (halves / width) ** 2)
        width *= float(np.sqrt(goal / np.average(halves**2, weights=between)))
    return np.stack([_quantised(centred, total), np.append(_quantised(between, total), 0)]).astype(
        np.int32
    )


def tap_radius(sigma: float) -> int:
    """Return how many neighbours on either side the weights of `smoothing_taps` reach.

    Parameters
    ----------
    sigma : float
        Standard deviation of the Gaussian, in voxels of that axis.

    Returns
    -------
    int
        2.5 sigma, rounded up.
    """
    return max(math.ceil(_REACH * sigma - 1e-6), 1)


def _quantised(weights: NDArray[np.float64], total: int) -> NDArray[np.int64]:
    """Round symmetric weights to integers of the right sum; they stay symmetric."""
    counts: NDArray[np.int64] = np.rint(weights / weights.sum() * total).astype(np.int64)
    middle = len(counts) // 2
    rest = total - int(counts.sum())
    if len(counts) % 2:
        counts[middle] += rest
    else:
        counts[middle - 1 : middle + 1] += rest // 2
    return counts
