"""Denoising filters whose result does not depend on how a volume is cut.

Every filter comes with the halo it needs. On a block read with that halo (cut only at the
true faces, where the filter mirrors the volume), the owned voxels get the same bits as in the
whole volume: sums run over fixed taps in a fixed order, and nothing is normalised per block.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.compiling import njit

__all__ = [
    "check_volume",
    "gaussian",
    "gaussian_halo",
    "gaussian_weights",
    "median",
    "median_halo",
    "mirrored",
    "weighted_sum",
]

Float32 = np.dtype(np.float32)
Margin = tuple[int, int, int]
Sigma = float | tuple[float, float, float]

_TRUNCATE = 4.0
_MAX_RADIUS = 3


def gaussian_halo(sigma: Sigma) -> Margin:
    """Return the voxels that `gaussian` needs beyond a block, per axis.

    Parameters
    ----------
    sigma : float or tuple of float
        Standard deviation in voxels, one for all axes or one each (Z, Y, X).

    Returns
    -------
    tuple of int
        Four standard deviations, rounded up.
    """
    z, y, x = (math.ceil(_TRUNCATE * s) for s in _each(sigma))
    return z, y, x


def gaussian_weights(sigma: float) -> NDArray[np.float32]:
    """Return the taps of a Gaussian, cut at four standard deviations and summing to one.

    Parameters
    ----------
    sigma : float
        Standard deviation in voxels; 0 gives a single tap.

    Returns
    -------
    ndarray of float32
        An odd number of symmetric weights.
    """
    radius = math.ceil(_TRUNCATE * sigma)
    if radius == 0:
        return np.ones(1, np.float32)
    taps: NDArray[np.float64] = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return np.asarray(taps / taps.sum(), np.float32)


def gaussian(image: NDArray[Any], sigma: Sigma) -> NDArray[np.float32]:
    """Smooth a volume with a separable Gaussian of finite support.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values, of any real type.
    sigma : float or tuple of float
        Standard deviation in voxels, one for all axes or one each (Z, Y, X).

    Returns
    -------
    ndarray of float32
        The smoothed volume; the volume is mirrored at its faces.

    Raises
    ------
    InputDataError
        If the image is not three-dimensional, or `sigma` is negative.

    Notes
    -----
    A flat boundary keeps its place; one of radius R moves by about sigma²/R towards its
    centre of curvature. 8 bytes per voxel beside the input.
    """
    check_volume(image)
    widths = _each(sigma)
    if min(widths) < 0 or not all(map(math.isfinite, widths)):
        raise InputDataError(f"sigma is {sigma}; it must be zero or more, in voxels")
    smooth = image.astype(np.float32, order="C")  # a turned or broadcast view is not
    for axis, width in enumerate(widths):
        if width > 0:
            smooth = weighted_sum(smooth, gaussian_weights(width), axis)
    return smooth


def weighted_sum(
    image: NDArray[np.float32], weights: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    """Sum each voxel's neighbours along one axis with weights, in their order.

    Parameters
    ----------
    image : ndarray of float32, shape (Z, Y, X)
        Values, contiguous; mirrored at the faces.
    weights : ndarray of float32
        An odd number; the middle one is that of the voxel, later ones are further along.
    axis : int
        0, 1 or 2.

    Returns
    -------
    ndarray of float32
        The sums.
    """
    out = np.empty(image.shape, np.float32)
    source = mirrored(image.shape[axis], len(weights) // 2)
    if axis == 2:
        _convolve_rows(
            image.reshape(-1, image.shape[2]), weights, source, out.reshape(-1, image.shape[2])
        )
    elif axis == 1:
        _convolve_planes(image, weights, source, out)
    else:
        shape = (1, image.shape[0], image.shape[1] * image.shape[2])
        _convolve_planes(image.reshape(shape), weights, source, out.reshape(shape))
    return out


def mirrored(size: int, margin: int) -> NDArray[np.int64]:
    """Return the index that each position of a mirrored axis shows.

    Parameters
    ----------
    size : int
        Voxels along the axis.
    margin : int
        Positions wanted before and after it.

    Returns
    -------
    ndarray of int64, shape (size + 2 * margin,)
        ``c b a | a b c d | d c b``, continued as far as it takes.
    """
    position = np.arange(-margin, size + margin) % (2 * size)
    return np.where(position < size, position, 2 * size - 1 - position)


@njit(nogil=True, cache=True)
def _convolve_planes(image, weights, source, out):  # type: ignore[no-untyped-def]
    # Stretches of 1024 values stay in the first cache while the taps pass over them.
    planes, rows, columns = image.shape
    for plane in range(planes):
        for row in range(rows):
            for start in range(0, columns, 1024):
                stop = min(start + 1024, columns)
                target = out[plane, row, start:stop]
                target[:] = np.float32(0)
                for tap in range(weights.size):
                    weight = weights[tap]
                    line = image[plane, source[row + tap], start:stop]
                    for column in range(stop - start):
                        target[column] += weight * line[column]


@njit(nogil=True, cache=True)
def _convolve_rows(image, weights, source, out):  # type: ignore[no-untyped-def]
    rows, columns = image.shape
    line = np.empty(source.size, np.float32)
    for row in range(rows):
        for column in range(source.size):
            line[column] = image[row, source[column]]
        target = out[row]
        target[:] = np.float32(0)
        for tap in range(weights.size):
            weight = weights[tap]
            for column in range(columns):
                target[column] += weight * line[column + tap]


def median_halo(radius: int = 1) -> Margin:
    """Return the voxels that `median` needs beyond a block, per axis.

    Parameters
    ----------
    radius : int
        Radius of the neighbourhood in voxels.

    Returns
    -------
    tuple of int
        The radius, three times.
    """
    return radius, radius, radius


def median(image: NDArray[Any], radius: int = 1) -> NDArray[Any]:
    """Replace each voxel by the median of the cube around it.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values, of any real type.
    radius : int
        1, 2 or 3: cubes of 27, 125 or 343 voxels.

    Returns
    -------
    ndarray
        Same type as the input; the volume is mirrored at its faces. Equal to the bit to
        ``scipy.ndimage.median_filter(image, 2 * radius + 1, mode="reflect")``.

    Raises
    ------
    InputDataError
        If the image is not three-dimensional, or `radius` is not 1, 2 or 3.

    Notes
    -----
    Rows are sorted by compare-exchange steps that leave out the smallest and the largest
    of the candidates again and again, so that the compiler can treat many voxels at once.
    Rounds corners and removes what is thinner than the radius. Twice the input beside it.
    """
    check_volume(image)
    if radius not in range(1, _MAX_RADIUS + 1):
        raise InputDataError(
            f"the median radius is {radius}; it must be 1, 2 or 3 voxels",
            hint="use a Gaussian for a larger neighbourhood",
        )
    out = np.empty(image.shape, image.dtype)
    _median(np.pad(image, radius, mode="symmetric"), radius, out)
    return out


@njit(nogil=True, cache=True)
def _median(padded, radius, out):  # type: ignore[no-untyped-def]
    # Half of the candidates and two more are sorted just enough to drop the smallest and the
    # largest; one more comes in, until none is left and three remain.
    side = 2 * radius + 1
    total = side**3
    most = total // 2 + 2
    planes, rows, columns = out.shape
    row = np.empty((most, min(columns, 512)), out.dtype)
    for z in range(planes):
        for y in range(rows):
            for start in range(0, columns, 512):
                width = min(512, columns - start)
                for entry in range(total):
                    held = most - max(entry - most, 0)
                    slot = entry
                    if entry >= most:
                        _extremes_out(row, held, width)
                        slot = 0
                    line = padded[z + entry // (side * side), y + entry // side % side]
                    first = start + entry % side
                    row[slot, :width] = line[first : first + width]
                _extremes_out(row, 3, width)
                out[z, y, start : start + width] = row[1, :width]


@njit(nogil=True, cache=True)
def _extremes_out(row, held, width):  # type: ignore[no-untyped-def]
    # Afterwards slot 0 holds the smallest and slot held - 1 the largest of the candidates.
    half = held // 2
    for pair in range(half):
        _order(row, pair, held - 1 - pair, width)
    for slot in range(1, held - half):
        _order(row, 0, slot, width)
    for slot in range(half, held - 1):
        _order(row, slot, held - 1, width)


@njit(nogil=True, cache=True)
def _order(row, low, high, width):  # type: ignore[no-untyped-def]
    for column in range(width):
        first = row[low, column]
        second = row[high, column]
        row[low, column] = first if first < second else second
        row[high, column] = second if first < second else first


def _each(sigma: Sigma) -> tuple[float, float, float]:
    if isinstance(sigma, int | float):
        return float(sigma), float(sigma), float(sigma)
    z, y, x = sigma
    return float(z), float(y), float(x)


def check_volume(image: NDArray[Any]) -> None:
    """Refuse what is no volume.

    Parameters
    ----------
    image : ndarray
        Anything.

    Raises
    ------
    InputDataError
        If it has not three axes, or an empty one.
    """
    if image.ndim != 3 or 0 in image.shape:
        raise InputDataError(
            f"the image has shape {image.shape}; a filter needs three axes, (Z, Y, X), none empty",
            hint="pick one channel or time point first",
        )
