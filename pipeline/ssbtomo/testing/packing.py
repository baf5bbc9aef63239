"""Pack balls of many sizes: pairs either touch or keep a gap that voxels can resolve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Packing", "pack"]

Floats = NDArray[np.float64]
_STEPS = 400
_OVERLAP = 0.2  # of the smaller radius, where two balls touch: a contact with an area


@dataclass(frozen=True, slots=True)
class Packing:
    """Balls in a box.

    Parameters
    ----------
    centers : ndarray of float64, shape (n, 3)
        Centres along (Z, Y, X).
    radii : ndarray of float64, shape (n,)
        Radii, largest first.
    """

    centers: Floats
    radii: Floats


def pack(
    diameters: Floats,
    low: Floats,
    high: Floats,
    *,
    gap: float,
    contacts: float,
    rng: np.random.Generator,
) -> Packing:
    """Push balls apart until each pair touches lightly or keeps its gap.

    Parameters
    ----------
    diameters : ndarray of float64, shape (n,)
        Diameters of the balls.
    low, high : ndarray of float64, shape (3,)
        Corners of the box for the centres; along z, balls stay above ``low`` with all of
        their volume (they rest on the separator), elsewhere with their centre.
    gap : float
        Distance between the surfaces of two balls that do not touch.
    contacts : float
        Share of neighbouring pairs that touch instead.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    Packing
        Rounded to 1e-4 of the smallest radius, so that every machine gives the same.
    """
    radii = np.sort(diameters)[::-1] / 2
    count = len(radii)
    centers = low + rng.random((count, 3)) * (high - low)
    touching = rng.random((count, count)) < contacts
    floor = np.stack([low[0] + radii, np.full(count, low[1]), np.full(count, low[2])], axis=1)
    for _ in range(_STEPS):
        move, worst = _forces(centers, radii, touching, gap)
        centers = np.clip(centers + move, floor, high)
        if worst < 0.02 * gap:
            break
    step = 1e-4 * float(radii.min())
    return Packing(np.round(centers / step) * step, np.round(radii / step) * step)


def _forces(
    centers: Floats, radii: Floats, touching: NDArray[np.bool_], gap: float
) -> tuple[Floats, float]:
    """Return how far to move each ball, and the largest distance missing."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(centers).query_pairs(2 * float(radii[0]) + 2 * gap, output_type="ndarray")
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    first, second = pairs.T
    apart = centers[second] - centers[first]
    distance = np.sqrt(apart[:, 0] ** 2 + apart[:, 1] ** 2 + apart[:, 2] ** 2) + 1e-12
    sum_of_radii = radii[first] + radii[second]
    touch = touching[first, second]
    lens = _OVERLAP * np.minimum(radii[first], radii[second])
    missing = np.where(touch, sum_of_radii - lens, sum_of_radii + gap) - distance
    pull = touch & (missing < 0) & (distance < sum_of_radii + gap)
    push = np.where(missing > 0, 0.5 * missing, np.where(pull, 0.15 * missing, 0.0))
    steps = (push / distance)[:, None] * apart
    move = np.empty_like(centers)
    for axis in range(3):
        move[:, axis] = np.bincount(second, steps[:, axis], len(radii))
        move[:, axis] -= np.bincount(first, steps[:, axis], len(radii))
    return move * 0.9, float(max(missing.max(initial=0.0), 0.0))
