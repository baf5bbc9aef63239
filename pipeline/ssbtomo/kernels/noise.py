"""How noisy a volume is, from samples whose places do not depend on how it is cut."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["noise_level", "residuals", "sample_windows"]

Window = tuple[slice, slice, slice]

_EDGE = 32
_PER_AXIS = 4


def sample_windows(shape: tuple[int, int, int]) -> list[Window]:
    """Return the boxes from which the noise of a volume is estimated.

    Parameters
    ----------
    shape : tuple of int
        Voxels of the volume along (Z, Y, X).

    Returns
    -------
    list of tuple of slice
        At most 64 boxes of at most 32 voxels a side, evenly spread, never overlapping.
    """
    starts = []
    for size in shape:
        count = min(_PER_AXIS, max(size // _EDGE, 1))
        last = max(size - _EDGE, 0)
        starts.append([round(last * i / max(count - 1, 1)) for i in range(count)])
    return [
        (slice(z, z + _EDGE), slice(y, y + _EDGE), slice(x, x + _EDGE))
        for z, y, x in product(*starts)
    ]


def residuals(box: NDArray[Any]) -> NDArray[np.float32]:
    """Return what a smooth image would not have: second differences, scaled to the noise.

    Parameters
    ----------
    box : ndarray, shape (Z, Y, X)
        Grey values of one sample window.

    Returns
    -------
    ndarray of float32, 1-D
        ``(a - 2 b + c) / sqrt(6)`` along each axis of three voxels or more.
    """
    grey = np.asarray(box, np.float32)
    found = [
        (np.diff(grey, n=2, axis=axis) / np.float32(np.sqrt(6.0))).ravel()
        for axis in range(3)
        if grey.shape[axis] >= 3
    ]
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def noise_level(samples: list[NDArray[np.float32]]) -> float:
    """Estimate the standard deviation of the noise.

    Parameters
    ----------
    samples : list of ndarray
        The `residuals` of the `sample_windows` of one volume.

    Returns
    -------
    float
        Median absolute residual / 0.6745, in grey values; 0 if there is no sample.

    Notes
    -----
    The median passes over edges as long as they fill less than half of the volume. The noise
    is taken to be independent from voxel to voxel: correlated noise (a smoothed or
    reconstructed image) is underestimated. Integer images have a floor from rounding.

    References
    ----------
    .. [1] J. Immerkær, "Fast noise variance estimation", 1996, doi:10.1006/cviu.1996.0060.
    """
    pooled = np.concatenate(samples) if samples else np.zeros(0, np.float32)
    return float(np.median(np.abs(pooled)) / 0.6745) if pooled.size else 0.0
