"""Sharp volume fractions of a phase from a blurred and noisy image of it."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import AxisError, InputDataError

__all__ = ["cut_cubes", "sharpened_fractions"]

_SMOOTH = 0.7
"""Standard deviation of the smoothing against noise, in voxels."""
_LEVELS = (0.2, 0.8)
"""Grey levels between which the surface is looked for."""
_PURE = 0.1
"""What is closer to 0 or 1 than this counts as pure where noise was cut off."""


def sharpened_fractions(soft: NDArray[Any]) -> NDArray[np.float32]:
    """Turn a blurred, noisy image of one phase into sharp volume fractions.

    The image is smoothed; each voxel near the surface is then cut by the plane that the local
    grey value and gradient tell, and every other voxel is full or empty. Blur moves the level
    of one half inwards where a surface is curved, so the level is chosen for which the total
    volume is that of the image, which blur does not change. Noise is averaged out of that
    total if it is left in: give values below 0 and above 1 as they are. Where they were cut
    off, voxels within 0.1 of 0 and 1 count as pure.

    Blurred fractions conduct across walls: lattices of spheres (blur of 0.5 to 1 voxel, noise of 5 %,
    16 to 25 voxels per cell, gaps of two voxels and more) conduct too well by 1 to 10 %, and within 1.1 % when
    sharpened; within 1.7 % where the noise was cut off at 0 and 1. Gaps of a voxel close: 2 to 6 % too low. Not for
    phases with pores below the voxel, whose fractions are meant.

    Parameters
    ----------
    soft : ndarray of float, or uint8 from 0 to 255, shape (Z, Y, X)
        Share of the phase in each voxel as the image shows it: (grey - grey of the others) /
        (grey of the phase - grey of the others), or the probability of the phase.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X)
        From 0 to 1; for `fractions` of `ssbtomo.kernels.transport.solve`. About 40 bytes per
        voxel are used meanwhile.

    Raises
    ------
    AxisError
        If the image is no volume.
    InputDataError
        If a value is not finite.

    Examples
    --------
    >>> ramp = np.repeat([0.0, 0.0, 0.1, 0.6, 1.0, 1.0], 16).reshape(6, 4, 4)
    >>> [round(float(share), 1) for share in sharpened_fractions(ramp)[:, 0, 0]]
    [0.0, 0.0, 0.0, 0.7, 1.0, 1.0]
    """
    from scipy import ndimage as ndi
    from scipy.optimize import brentq

    values = _checked(soft)
    smooth = ndi.gaussian_filter(values, _SMOOTH, mode="reflect")
    total = _total(values, smooth)
    del values
    central = np.array([-0.5, 0.0, 0.5], np.float32)
    slopes = [ndi.correlate1d(smooth, central, axis=axis, mode="reflect") for axis in range(3)]
    steep = np.sqrt(sum(np.square(slope) for slope in slopes)) + np.float32(1e-9)
    # Planes farther than half a diagonal from a voxel's centre do not cut it, at any level.
    near = np.abs(smooth - 0.5) < (_LEVELS[1] - 0.5) + 0.87 * steep
    result: NDArray[np.float32] = (smooth > 0.5).astype(np.float32)
    normals = np.sort([np.abs(slope[near] / steep[near]) for slope in slopes], axis=0)
    grey, steep = smooth[near].astype(np.float64), steep[near].astype(np.float64)
    missing = total - float(result[~near].sum(dtype=np.float64))

    def surplus(level: float) -> float:
        return float(cut_cubes((grey - level) / steep, normals).sum()) - missing

    low, high = _LEVELS
    if surplus(low) <= 0 or surplus(high) >= 0:
        level = low if surplus(low) <= 0 else high
    else:
        level = brentq(surplus, low, high, xtol=1e-5)
    result[near] = cut_cubes((grey - level) / steep, normals)
    return result


def cut_cubes(distance: NDArray[Any], normals: NDArray[Any]) -> NDArray[np.float64]:
    """Return the share of unit cubes on one side of planes.

    Parameters
    ----------
    distance : ndarray of float, shape (n,)
        Distance of each cube's centre from its plane, positive inside.
    normals : ndarray of float, shape (3, n)
        Components of the planes' normals, not negative; their order does not matter.

    Returns
    -------
    ndarray of float64, shape (n,)
        From 0 to 1: a signed sum of cubes over the corners. Components below 1e-3 are taken
        as 1e-3.
    """
    edges = np.maximum(np.asarray(normals, np.float64), 1e-3)
    span = edges.sum(axis=0)
    depth = np.clip(np.asarray(distance, np.float64) + span / 2, 0, span)
    total = depth**3
    for count in (1, 2, 3):
        for chosen in combinations(edges, count):
            total += (-1) ** count * np.maximum(depth - sum(chosen), 0) ** 3
    share: NDArray[np.float64] = np.clip(total / (6 * edges.prod(axis=0)), 0, 1)
    return share


def _checked(soft: NDArray[Any]) -> NDArray[np.float32]:
    """Return the values as float32, or say what is wrong with them."""
    if soft.ndim != 3 or soft.size == 0:
        raise AxisError(f"the shape {soft.shape} is not that of a volume (Z, Y, X)")
    scale = np.float32(1 / 255 if soft.dtype == np.uint8 else 1)
    values = soft.astype(np.float32) * scale
    if not np.isfinite(values).all():
        raise InputDataError(
            "the soft image holds values that are not finite",
            hint="give the share of the phase in each voxel, 0 where it is not",
        )
    return values


def _total(values: NDArray[np.float32], smooth: NDArray[np.float32]) -> float:
    """Return the volume of the phase in voxels."""
    if values.min() < 0 or values.max() > 1:
        return float(values.sum(dtype=np.float64))
    clear = np.where(smooth < _PURE, 0, np.where(smooth > 1 - _PURE, 1, values))
    return float(clear.sum(dtype=np.float64))
