"""Random numbers that a voxel's place decides: the same for any cut, order and worker."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.filters import gaussian, gaussian_halo, gaussian_weights

__all__ = ["correlated_noise", "noise_window", "white_noise"]

Sigma = tuple[float, float, float]
Place = tuple[int, int, int]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def white_noise(first: Place, shape: Place, seed: int) -> NDArray[np.float32]:
    """Return independent standard normal numbers, one for each voxel of a box.

    Parameters
    ----------
    first : tuple of int
        The box's first voxel along (Z, Y, X); may be negative.
    shape : tuple of int
        Voxels of the box.
    seed : int
        Another seed gives other numbers.

    Returns
    -------
    ndarray of float32
        Decided by seed and place alone: boxes that overlap agree where they do. Counters are
        mixed as in SplitMix64 [1]_ and made normal by the Box-Muller transform.

    References
    ----------
    .. [1] G. L. Steele et al., *OOPSLA*, 2014, doi:10.1145/2660193.2660195.
    """
    noise = np.empty(shape, np.float32)
    z, y, x = first
    _fill(np.uint64(seed % 2**64), z, y, x, noise)
    return noise


def correlated_noise(first: Place, shape: Place, seed: int, sigma: Sigma) -> NDArray[np.float32]:
    """Return standard normal numbers that are alike over a distance.

    Parameters
    ----------
    first : tuple of int
        The box's first voxel along (Z, Y, X).
    shape : tuple of int
        Voxels of the box.
    seed : int
        Another seed gives other numbers.
    sigma : tuple of float
        Standard deviation, in voxels along (Z, Y, X), of the Gaussian that white noise is
        smoothed with: numbers d voxels apart are correlated by exp(-d² / (4 sigma²)).

    Returns
    -------
    ndarray of float32
        Decided by seed and place alone. 12 bytes per voxel of the box and its halo, which is
        four standard deviations.
    """
    z, y, x = gaussian_halo(sigma)
    start = first[0] - z, first[1] - y, first[2] - x
    wide = shape[0] + 2 * z, shape[1] + 2 * y, shape[2] + 2 * x
    noise = white_noise(start, wide, seed)
    if not any((z, y, x)):
        return noise
    scale = 1.0
    for width in sigma:
        weights = gaussian_weights(width).astype(np.float64)
        scale /= math.sqrt(float(weights @ weights))
    inner = noise_window(shape, (z, y, x))
    return np.ascontiguousarray(gaussian(noise, sigma)[inner]) * np.float32(scale)


def noise_window(shape: Place, halo: Place) -> tuple[slice, slice, slice]:
    """Return where a box lies in itself with a halo.

    Parameters
    ----------
    shape, halo : tuple of int
        Voxels of the box, and around it.

    Returns
    -------
    tuple of slice
        Indexes.
    """
    z, y, x = (slice(around, around + size) for size, around in zip(shape, halo, strict=True))
    return z, y, x


@njit(nogil=True, cache=True)
def _mix(key):  # type: ignore[no-untyped-def]
    key = (key ^ (key >> np.uint64(30))) * _FIRST
    key = (key ^ (key >> np.uint64(27))) * _SECOND
    return key ^ (key >> np.uint64(31))


@njit(nogil=True, cache=True)
def _fill(seed, z, y, x, noise):  # type: ignore[no-untyped-def]
    nz, ny, nx = noise.shape
    turn, unit = 2 * math.pi, 1.0 / 9007199254740992.0
    start = _mix(seed + _GOLDEN)
    for c in range(nz):
        plane = _mix(start + np.uint64(z + c) * _GOLDEN)
        for b in range(ny):
            row = _mix(plane + np.uint64(y + b) * _GOLDEN)
            for a in range(nx):
                key = _mix(row + np.uint64(x + a) * _GOLDEN)
                other = _mix(key + _GOLDEN)
                near = (np.float64(key >> np.uint64(11)) + 0.5) * unit
                angle = np.float64(other >> np.uint64(11)) * unit
                noise[c, b, a] = math.sqrt(-2.0 * math.log(near)) * math.cos(turn * angle)
