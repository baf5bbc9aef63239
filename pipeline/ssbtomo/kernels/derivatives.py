"""Gradients and structure tensors of grey volumes, in physical units, the same for any cut.

As for the filters in `ssbtomo.kernels.filters`, each comes with the halo that it needs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.filters import (
    check_volume,
    gaussian,
    gaussian_halo,
    gaussian_weights,
    weighted_sum,
)
from ssbtomo.units import Spacing, check_spacing

__all__ = [
    "gradient_halo",
    "gradient_magnitude",
    "gradient_weights",
    "structure_tensor",
    "structure_tensor_halo",
    "tensor_eigenvalues",
]

Margin = tuple[int, int, int]
Volume = NDArray[np.float32]

_TRUNCATE = 4.0
_ROOT_3 = math.sqrt(3.0)


def gradient_weights(sigma: float) -> NDArray[np.float32]:
    """Return the taps of the derivative of a Gaussian, cut at four standard deviations.

    Parameters
    ----------
    sigma : float
        Standard deviation in voxels; towards 0 they become half the difference of the two
        neighbours.

    Returns
    -------
    ndarray of float32
        An odd number of antisymmetric weights; a ramp of one per voxel gives 1.
    """
    radius = max(math.ceil(_TRUNCATE * sigma), 1)
    offsets = np.arange(1.0, radius + 1)
    slopes = np.ones(1) if radius == 1 else offsets * np.exp((1 - offsets**2) / (2 * sigma**2))
    half = slopes / (2 * (slopes @ offsets))
    return np.concatenate([-half[::-1], [0.0], half]).astype(np.float32)


def gradient_halo(spacing: Spacing, sigma: float) -> Margin:
    """Return the voxels that `gradient_magnitude` needs beyond a block, per axis.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in micrometres.
    sigma : float
        Standard deviation of the Gaussian in micrometres.

    Returns
    -------
    tuple of int
        Four standard deviations, rounded up, and at least one voxel.
    """
    z, y, x = (max(width, 1) for width in gaussian_halo(_in_voxels(spacing, sigma)))
    return z, y, x


def gradient_magnitude(image: NDArray[Any], spacing: Spacing, sigma: float) -> Volume:
    """Measure how steep a smoothed volume is, in any direction.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values, of any real type.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in micrometres.
    sigma : float
        Standard deviation of the Gaussian in micrometres, the same in all directions;
        0 for half the difference of neighbours.

    Returns
    -------
    ndarray of float32
        Length of the gradient in grey values per micrometre; the volume is mirrored at its
        faces, where the gradient across them is too small.

    Raises
    ------
    InputDataError
        If the image is not three-dimensional, or `sigma` is negative.

    Notes
    -----
    Exact for linear ramps. Across a sharp step of height h it peaks at h / (sigma sqrt(2 pi));
    noise of standard deviation s in isotropic voxels of edge a adds about
    0.11 s a^1.5 / sigma^2.5 along each axis. 20 bytes per voxel beside the input.
    """
    z, y, x = _gradient(image, spacing, sigma)
    steepness: Volume = np.sqrt(z * z + y * y + x * x)
    return steepness


def structure_tensor_halo(spacing: Spacing, sigma: float, integration: float) -> Margin:
    """Return the voxels that `structure_tensor` needs beyond a block, per axis.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in micrometres.
    sigma, integration : float
        Its two scales in micrometres.

    Returns
    -------
    tuple of int
        The sum of the halos of the gradient and of the second Gaussian.
    """
    first = gradient_halo(spacing, sigma)
    second = gaussian_halo(_in_voxels(spacing, integration))
    z, y, x = (one + two for one, two in zip(first, second, strict=True))
    return z, y, x


def structure_tensor(
    image: NDArray[Any], spacing: Spacing, sigma: float, integration: float
) -> Volume:
    """Measure the eigenvalues of the structure tensor: how planar or linear a volume is.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values, of any real type.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in micrometres.
    sigma : float
        Smoothing scale: standard deviation in micrometres of the Gaussian whose derivatives
        make the gradient.
    integration : float
        Integration scale: standard deviation in micrometres of the Gaussian that averages
        the products of the gradient's components.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X, 3)
        Eigenvalues in squared grey values per square micrometre, the largest first: one
        stands out on planes, two on lines, none in flat or spotted places [1]_. Rounding
        below zero is set to zero.

    Raises
    ------
    InputDataError
        If the image is not three-dimensional, or a scale is negative.

    Notes
    -----
    Eigenvalues are right to about 1e-7 of the largest. 48 bytes per voxel beside the input.

    References
    ----------
    .. [1] J. Weickert, *Anisotropic Diffusion in Image Processing*, Teubner, 1998, ch. 2.2.
    """
    parts = _gradient(image, spacing, sigma)
    width = _in_voxels(spacing, integration)
    entries = [
        gaussian(parts[row] * parts[column], width)
        for row, column in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    ]
    values = np.empty((image.size, 3), np.float32)
    tensor_eigenvalues(tuple(entry.reshape(-1) for entry in entries), values)
    np.maximum(values, np.float32(0), out=values)
    return values.reshape(*image.shape, 3)


def _gradient(image: NDArray[Any], spacing: Spacing, sigma: float) -> tuple[Volume, Volume, Volume]:
    """Return the gradient along (Z, Y, X) in grey values per micrometre."""
    check_volume(image)
    edges = check_spacing(spacing)
    widths = _in_voxels(edges, sigma)
    smooth = [gaussian_weights(width) for width in widths]
    steep = [
        (gradient_weights(width) / np.float32(edge)).astype(np.float32)
        for width, edge in zip(widths, edges, strict=True)
    ]
    grey = image.astype(np.float32)
    z = weighted_sum(weighted_sum(weighted_sum(grey, steep[0], 0), smooth[1], 1), smooth[2], 2)
    grey = weighted_sum(grey, smooth[0], 0)
    y = weighted_sum(weighted_sum(grey, steep[1], 1), smooth[2], 2)
    x = weighted_sum(weighted_sum(grey, smooth[1], 1), steep[2], 2)
    return z, y, x


def _in_voxels(spacing: Spacing, sigma: float) -> tuple[float, float, float]:
    if not (sigma >= 0 and math.isfinite(sigma)):
        raise InputDataError(f"the scale is {sigma}; it must be zero or more, in micrometres")
    z, y, x = (sigma / edge for edge in check_spacing(spacing))
    return z, y, x


@njit(nogil=True, cache=True, error_model="numpy")
def tensor_eigenvalues(entries, values):  # type: ignore[no-untyped-def]
    """Find the eigenvalues of symmetric 3 x 3 matrices.

    Parameters
    ----------
    entries : tuple of ndarray of float32, shape (n,)
        The entries zz, yy, xx, zy, zx, yx of each matrix.
    values : ndarray of float32, shape (n, 3)
        Receives the eigenvalues, the largest first; right to about 1e-7 of the largest.
    """
    # The matrix less its mean is p times one whose eigenvalues solve b³ - 3 b = 2 r. For r from
    # 0 to 1 the largest root lies below the line √3 + r / 3: four steps of Newton's rule from
    # there reach it to the last bit. Its mirror image serves for negative determinants.
    zz, yy, xx, zy, zx, yx = entries
    for voxel in range(len(values)):
        a, b, c = np.float64(zz[voxel]), np.float64(yy[voxel]), np.float64(xx[voxel])
        d, e, f = np.float64(zy[voxel]), np.float64(zx[voxel]), np.float64(yx[voxel])
        mean = (a + b + c) / 3.0
        a, b, c = a - mean, b - mean, c - mean
        p = math.sqrt((a * a + b * b + c * c + 2.0 * (d * d + e * e + f * f)) / 6.0)
        determinant = a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)
        r = min(abs(determinant) / (2.0 * p * p * p + 1e-300), 1.0)
        root = _newton(_newton(_newton(_newton(_ROOT_3 + r / 3.0, r), r), r), r)
        gap = math.sqrt(max(12.0 - 3.0 * root * root, 0.0))
        if determinant < 0.0:
            p = -p
        one, other, middle = root * p, -0.5 * (gap + root) * p, 0.5 * (gap - root) * p
        values[voxel, 0] = mean + max(one, other)
        values[voxel, 1] = mean + middle
        values[voxel, 2] = mean + min(one, other)


@njit(nogil=True, cache=True, error_model="numpy")
def _newton(root, r):  # type: ignore[no-untyped-def]
    return (2.0 * root * root * root + 2.0 * r) / (3.0 * (root * root - 1.0))
