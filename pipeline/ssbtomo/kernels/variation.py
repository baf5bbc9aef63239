"""Total-variation denoising by a fixed number of iterations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.filters import Margin, check_volume

__all__ = ["total_variation", "total_variation_halo"]


def total_variation_halo(iterations: int = 20) -> Margin:
    """Return the voxels that `total_variation` needs beyond a block, per axis.

    Parameters
    ----------
    iterations : int
        As for `total_variation`.

    Returns
    -------
    tuple of int
        ``iterations + 1``, three times: each iteration reaches one voxel further.
    """
    return iterations + 1, iterations + 1, iterations + 1


def total_variation(
    image: NDArray[Any], noise: float, *, strength: float = 1.0, iterations: int = 20
) -> NDArray[np.float32]:
    """Remove noise by a fixed number of total-variation iterations.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values, of any real type.
    noise : float
        Standard deviation of the noise, estimated once for the whole volume.
    strength : float
        Weight of the total variation in units of the noise: more smooths more.
    iterations : int
        Always done in full, so that a block with its halo gives the bits of the whole.

    Returns
    -------
    ndarray of float32
        The filtered volume; no flow through its faces.

    Raises
    ------
    InputDataError
        If the image is not three-dimensional, or a parameter is out of range.

    Notes
    -----
    Minimises |u - image|²/2 + strength * noise * TV(u), isotropic in voxels, by Chambolle's dual
    projections [1]_ with the acceleration of Beck and Teboulle [2]_; after 20 iterations the
    result is close to, not at, the minimum. Flattens phases, lowers the contrast of
    thin features. 40 bytes per voxel beside the input.

    References
    ----------
    .. [1] A. Chambolle, 2004, doi:10.1023/B:JMIV.0000011325.36760.1e.
    .. [2] A. Beck and M. Teboulle, 2009, doi:10.1109/TIP.2009.2028250.
    """
    check_volume(image)
    if noise < 0 or strength < 0 or iterations < 1:
        raise InputDataError(
            f"total variation with noise {noise}, strength {strength} and {iterations} iterations: "
            "noise and strength must be zero or more, iterations positive"
        )
    grey = image.astype(np.float32)
    weight = np.float32(strength * noise)
    if weight == 0:
        return grey
    dual = np.zeros((3, *grey.shape), np.float32)
    ahead = np.zeros_like(dual)
    clean = np.empty_like(grey)
    pace = 1.0
    for _ in range(iterations):
        _primal(grey, ahead, weight, clean)
        faster = (1.0 + math.sqrt(1.0 + 4.0 * pace * pace)) / 2.0
        _dual(clean, np.float32(1 / (12 * weight)), np.float32((pace - 1) / faster), dual, ahead)
        pace = faster
    _primal(grey, dual, weight, clean)
    return clean


@njit(nogil=True, cache=True)
def _primal(grey, dual, weight, clean):  # type: ignore[no-untyped-def]
    nz, ny, nx = grey.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                flow = dual[0, z, y, x] + dual[1, z, y, x] + dual[2, z, y, x]
                if z > 0:
                    flow -= dual[0, z - 1, y, x]
                if y > 0:
                    flow -= dual[1, z, y - 1, x]
                if x > 0:
                    flow -= dual[2, z, y, x - 1]
                clean[z, y, x] = grey[z, y, x] + weight * flow


@njit(nogil=True, cache=True)
def _dual(clean, step, momentum, dual, ahead):  # type: ignore[no-untyped-def]
    nz, ny, nx = clean.shape
    one = np.float32(1)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                here = clean[z, y, x]
                a = (
                    ahead[0, z, y, x] + step * (clean[z + 1, y, x] - here)
                    if z < nz - 1
                    else np.float32(0)
                )
                b = (
                    ahead[1, z, y, x] + step * (clean[z, y + 1, x] - here)
                    if y < ny - 1
                    else np.float32(0)
                )
                c = (
                    ahead[2, z, y, x] + step * (clean[z, y, x + 1] - here)
                    if x < nx - 1
                    else np.float32(0)
                )
                norm = max(one, np.sqrt(a * a + b * b + c * c))
                a, b, c = a / norm, b / norm, c / norm
                ahead[0, z, y, x] = a + momentum * (a - dual[0, z, y, x])
                ahead[1, z, y, x] = b + momentum * (b - dual[1, z, y, x])
                ahead[2, z, y, x] = c + momentum * (c - dual[2, z, y, x])
                dual[0, z, y, x] = a
                dual[1, z, y, x] = b
                dual[2, z, y, x] = c
