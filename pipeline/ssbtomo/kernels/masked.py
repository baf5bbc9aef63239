"""Smoothing inside a part of a volume, and the part of it that lies well inside."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.filters import gaussian

__all__ = ["inside", "inside_halo", "masked_gaussian"]

Bools = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Radius = tuple[float, float, float]


def inside_halo(radius: Radius) -> tuple[int, int, int]:
    """Return the voxels that `inside` needs beyond a block, per axis.

    Parameters
    ----------
    radius : tuple of float
        In voxels along (Z, Y, X).

    Returns
    -------
    tuple of int
        The radius, rounded down: voxels beyond it count for nothing.
    """
    z, y, x = (math.floor(r) for r in radius)
    return z, y, x


def inside(mask: Bools, radius: Radius) -> Bools:
    """Tell which voxels of a mask have no voxel outside it within a radius.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        The part. Beyond the array nothing is outside.
    radius : tuple of float
        Half-axes of the ellipsoid around a voxel, in voxels along (Z, Y, X).

    Returns
    -------
    ndarray of bool
        An exact erosion. 3 bytes per voxel.
    """
    kept: Bools = mask.copy()
    reach = inside_halo(radius)
    spans = [range(-n, n + 1) for n in reach]
    for dz in spans[0]:
        for dy in spans[1]:
            rest = 1 - _square(dz, radius[0]) - _square(dy, radius[1])
            if rest < 0:
                continue
            _erode_row(mask, kept, (dz, dy), math.floor(radius[2] * math.sqrt(rest)))
    return kept


def _square(step: int, radius: float) -> float:
    return (step / radius) ** 2 if step else 0.0


def _erode_row(mask: Bools, kept: Bools, shift: tuple[int, int], reach: int) -> None:
    """Take away what has an outside voxel in one row of the ellipsoid."""
    dz, dy = shift
    nz, ny, nx = mask.shape
    here = slice(max(-dz, 0), min(nz - dz, nz)), slice(max(-dy, 0), min(ny - dy, ny))
    there = slice(max(dz, 0), min(nz + dz, nz)), slice(max(dy, 0), min(ny + dy, ny))
    if here[0].start >= here[0].stop or here[1].start >= here[1].stop:
        return
    row = mask[there].copy()
    for step in range(1, min(reach, nx - 1) + 1):
        row[:, :, : nx - step] &= mask[there][:, :, step:]
        row[:, :, step:] &= mask[there][:, :, : nx - step]
    kept[here] &= row


def masked_gaussian(
    image: NDArray[Any], weights: Float32, sigma: Radius
) -> tuple[Float32, Float32]:
    """Average grey values around each voxel, each with its weight.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values.
    weights : ndarray of float32, shape (Z, Y, X)
        0 for voxels that do not count.
    sigma : tuple of float
        Of the Gaussian, in voxels along (Z, Y, X); see `ssbtomo.kernels.filters.gaussian_halo`.

    Returns
    -------
    values : ndarray of float32
        Their weighted average; 0 where nothing is within reach.
    reach : ndarray of float32
        The smoothed weights. 20 bytes per voxel while it runs.

    Notes
    -----
    Normalised convolution (Knutsson and Westin, 1993, doi:10.1109/CVPR.1993.341081).
    """
    grey = image.astype(np.float32) * weights
    reach = gaussian(weights, sigma)
    values = gaussian(grey, sigma)
    there = reach > 1e-12
    np.divide(values, reach, out=values, where=there)
    values[~there] = 0
    return values, reach
