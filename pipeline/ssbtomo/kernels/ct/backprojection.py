"""Back-projection of parallel-beam sinograms, many slices at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import AxisError, InputDataError
from ssbtomo.kernels.compiling import njit

__all__ = ["LANES", "back_project"]

LANES = 64
"""Slices that share one pass: their samples lie side by side, so that a weight serves all."""

_TILE = 32
_FEW = 6  # up to so many slices are faster one by one than with lanes of zeros beside them


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
    share = shares.astype(np.float32)[:, None]
    if slices <= _FEW:
        row = np.zeros((len(angles), width + 3), np.float32)
        for sinogram, target in zip(sinograms, image, strict=True):
            row[:, 1 : width + 1] = sinogram
            row[:, 1 : width + 1] *= share
            _smear_one(row, cosines, sines, centre + 1.0, target)
        return image
    # a zero sample on either side: pixels that the detector does not see get nothing
    lanes = np.zeros((len(angles), width + 2, LANES), np.float32)
    for first in range(0, slices, LANES):
        part = sinograms[first : first + LANES]
        lanes[..., len(part) :] = 0.0
        lanes[:, 1:-1, : len(part)] = np.moveaxis(part, 0, 2)
        lanes[:, 1:-1, : len(part)] *= share[..., None]
        _smear(lanes, cosines, sines, centre + 1.0, image[first : first + LANES])
    return image


@njit(nogil=True, cache=True)
def _smear_one(
    rows: NDArray[np.float32],
    cosines: NDArray[np.float64],
    sines: NDArray[np.float64],
    centre: float,
    image: NDArray[np.float32],
) -> None:
    """Do the same sums in the same order, row of pixels by row of pixels."""
    size = len(image)
    middle = 0.5 * (size - 1)
    image[:] = 0.0
    first = np.empty(size, np.int32)
    right = np.empty(size, np.float32)
    near = np.empty(size, np.float32)
    far = np.empty(size, np.float32)
    for y in range(size):
        for angle in range(len(cosines)):
            at = centre + (y - middle) * sines[angle] - middle * cosines[angle]
            _place(at, cosines[angle], rows.shape[1] - 2.0, first, right)
            row = rows[angle]
            for x in range(size):
                k = np.uint32(first[x])
                near[x] = row[k]
                far[x] = row[k + np.uint32(1)]
            _blend(image[y], near, far, right)


@njit(nogil=True, cache=True)
def _place(
    at: float, step: float, last: float, first: NDArray[np.int32], right: NDArray[np.float32]
) -> None:
    """Tell between which samples each pixel falls; beyond the detector between two zeros."""
    for x in range(len(first)):
        place = at + x * step
        place = 0.0 if place < 0.0 else place
        place = last if place > last else place
        k = np.int32(place)
        first[x] = k
        right[x] = np.float32(place - k)


@njit(nogil=True, cache=True)
def _blend(
    sums: NDArray[np.float32],
    near: NDArray[np.float32],
    far: NDArray[np.float32],
    right: NDArray[np.float32],
) -> None:
    for x in range(len(sums)):
        sums[x] += (np.float32(1.0) - right[x]) * near[x] + right[x] * far[x]


@njit(nogil=True, cache=True)
def _smear(
    lanes: NDArray[np.float32],
    cosines: NDArray[np.float64],
    sines: NDArray[np.float64],
    centre: float,
    image: NDArray[np.float32],
) -> None:
    size = image.shape[1]
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
                    at = centre + (top + i - middle) * sines[angle] - middle * step
                    for j in range(_TILE):
                        place = at + (left + j) * step
                        if 0.0 <= place < last:
                            k = int(place)
                            right = np.float32(place - k)
                            _add(tile[i, j], lanes[angle, k], lanes[angle, k + 1], right)
            _store(tile, top, left, image)


@njit(nogil=True, cache=True)
def _store(tile: NDArray[np.float32], top: int, left: int, image: NDArray[np.float32]) -> None:
    slices, size, _ = image.shape
    for i in range(min(_TILE, size - top)):
        for j in range(min(_TILE, size - left)):
            for n in range(slices):
                image[n, top + i, left + j] = tile[i, j, n]


@njit(nogil=True, cache=True)
def _add(
    sums: NDArray[np.float32],
    near: NDArray[np.float32],
    far: NDArray[np.float32],
    right: np.float32,
) -> None:
    left = np.float32(1.0) - right
    for lane in range(len(sums)):
        sums[lane] += left * near[lane] + right * far[lane]
