"""Back-projection of parallel-beam sinograms, many slices at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ssbtomo.errors import AxisError, InputDataError

__all__ = ["LANES", "back_project"]

LANES = 64
"""Slices that share one pass: their samples lie side by side, so that a weight serves all."""

_TILE = 16
_FEW = LANES // 2  # up to so many are faster alone than with lanes of zeros beside them


def back_project(
    sinograms: NDArray[Any],
    angles: NDArray[np.float64],
    centre: float,
    size: int,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """Smear filtered sinograms back over their slices.

    The slice is a grid of pixels whose centres lie at ``i - (size - 1) / 2`` detector pixels
    from the rotation axis, along x to the right and along y downwards; a pixel (x, y) is seen
    at ``s = x cos(angle) + y sin(angle)`` from the axis, that is at the detector *pixel centre*
    ``centre + s``. Samples are interpolated linearly; nothing is seen beyond the detector.
    Every slice is summed over the angles in their order, in float32: the bits do not depend
    on which slices are given together.

    Parameters
    ----------
    sinograms : ndarray of float32, shape (slices, angles, U)
        Filtered line integrals.
    angles : ndarray of float, shape (angles,)
        Radians.
    centre : float
        Where the rotation axis is seen: detector pixels from the centre of the first one.
    size : int
        Pixels along each edge of a slice.
    weights : ndarray of float, shape (angles,), optional
        Share of each angle; ``pi / angles`` if not given (a half or a whole turn).

    Returns
    -------
    ndarray of float32, shape (slices, size, size)
        Attenuation per detector pixel. The peak is 4 bytes per sample and per pixel, twice.

    Raises
    ------
    AxisError
        If the shapes do not fit each other.
    InputDataError
        If the size is below 1.
    """
    if sinograms.ndim != 3 or angles.shape != sinograms.shape[1:2]:
        raise AxisError(
            f"sinograms of shape {sinograms.shape} do not go with {angles.shape} angles",
            hint="sinograms are (slices, angles, U)",
        )
    if size < 1:
        raise InputDataError(f"a slice cannot have {size} pixels along an edge")
    shares = np.full(len(angles), np.pi / len(angles)) if weights is None else weights
    slices, _, width = sinograms.shape
    cosines, sines = np.cos(angles), np.sin(angles)
    image = np.empty((slices, size, size), np.float32)
    # a zero sample on either side: pixels that the detector does not see get nothing
    count = slices if slices <= _FEW else LANES
    lanes = np.zeros((len(angles), width + 2, count), np.float32)
    for first in range(0, slices, LANES):
        part = sinograms[first : first + LANES]
        lanes[..., : len(part)] = 0.0
        lanes[:, 1:-1, : len(part)] = np.moveaxis(part, 0, 2)
        lanes[:, 1:-1, : len(part)] *= shares.astype(np.float32)[:, None, None]
        _smear(lanes, cosines, sines, centre + 1.0, image[first : first + LANES])
    return image


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"})
def _smear(
    lanes: NDArray[np.float32],
    cosines: NDArray[np.float64],
    sines: NDArray[np.float64],
    centre: float,
    image: NDArray[np.float32],
) -> None:
    slices, size, _ = image.shape
    count = lanes.shape[2]
    last = lanes.shape[1] - 1
    middle = 0.5 * (size - 1)
    tile = np.empty((_TILE, _TILE, count), np.float32)
    for top in range(0, size, _TILE):
        for left in range(0, size, _TILE):
            tile[:] = 0.0
            for angle in range(len(cosines)):
                step = cosines[angle]
                for i in range(_TILE):
                    at = centre + (top + i - middle) * sines[angle] + (left - middle) * step
                    for j in range(_TILE):
                        place = at + j * step
                        if 0.0 <= place < last:
                            k = int(place)
                            right = np.float32(place - k)
                            _add(tile[i, j], lanes[angle, k], lanes[angle, k + 1], right)
            for i in range(min(_TILE, size - top)):
                for j in range(min(_TILE, size - left)):
                    for n in range(slices):
                        image[n, top + i, left + j] = tile[i, j, n]


@njit(nogil=True, cache=True, fastmath={"contract", "nsz"})
def _add(
    sums: NDArray[np.float32],
    near: NDArray[np.float32],
    far: NDArray[np.float32],
    right: np.float32,
) -> None:
    left = np.float32(1.0) - right
    for lane in range(len(sums)):
        sums[lane] += left * near[lane] + right * far[lane]
