"""Gradients and structure tensors of grey volumes, in physical units, the same for any cut.

As for the filters in `ssbtomo.kernels.filters`, each comes with the halo that it needs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
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
]

Margin = tuple[int, int, int]
Volume = NDArray[np.float32]

_TRUNCATE = 4.0
_SWEEPS = 8


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
    Only sums, products, quotients and roots: the same bits on any machine. 48 bytes per
    voxel beside the input.

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
    _eigenvalues(tuple(entry.reshape(-1) for entry in entries), values)
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


@njit(nogil=True, cache=True)
def _eigenvalues(entries, values):  # type: ignore[no-untyped-def]
    # Cyclic Jacobi rotations: accurate for small eigenvalues, and no function of a library.
    matrix = np.empty((3, 3))
    for voxel in range(len(values)):
        for row in range(3):
            matrix[row, row] = entries[row][voxel]
        matrix[0, 1] = matrix[1, 0] = entries[3][voxel]
        matrix[0, 2] = matrix[2, 0] = entries[4][voxel]
        matrix[1, 2] = matrix[2, 1] = entries[5][voxel]
        size = matrix[0, 0] + matrix[1, 1] + matrix[2, 2]
        for _ in range(_SWEEPS):
            rest = abs(matrix[0, 1]) + abs(matrix[0, 2]) + abs(matrix[1, 2])
            if rest <= 1e-14 * size:
                break
            _rotate(matrix, 0, 1, 2)
            _rotate(matrix, 0, 2, 1)
            _rotate(matrix, 1, 2, 0)
        first, second, third = matrix[0, 0], matrix[1, 1], matrix[2, 2]
        first, second = max(first, second), min(first, second)
        second, third = max(second, third), min(second, third)
        first, second = max(first, second), min(first, second)
        values[voxel, 0] = max(first, 0.0)
        values[voxel, 1] = max(second, 0.0)
        values[voxel, 2] = max(third, 0.0)


@njit(nogil=True, cache=True)
def _rotate(matrix, row, column, other):  # type: ignore[no-untyped-def]
    # Turn in one plane so that the entry (row, column) becomes zero.
    entry = matrix[row, column]
    if entry == 0.0:
        return
    half = (matrix[column, column] - matrix[row, row]) / (2.0 * entry)
    sign = 1.0 if half >= 0.0 else -1.0
    tangent = sign / (abs(half) + math.sqrt(half * half + 1.0))
    cosine = 1.0 / math.sqrt(tangent * tangent + 1.0)
    sine = tangent * cosine
    matrix[row, row] -= tangent * entry
    matrix[column, column] += tangent * entry
    matrix[row, column] = matrix[column, row] = 0.0
    first, second = matrix[row, other], matrix[column, other]
    matrix[row, other] = matrix[other, row] = cosine * first - sine * second
    matrix[column, other] = matrix[other, column] = sine * first + cosine * second
