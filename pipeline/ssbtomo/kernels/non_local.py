"""Non-local means: average what looks alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.filters import Margin, check_volume

__all__ = ["non_local_means", "non_local_means_halo"]


def non_local_means_halo(patch: int = 1, distance: int = 3) -> Margin:
    """Return the voxels that `non_local_means` needs beyond a block, per axis.

    Parameters
    ----------
    patch, distance : int
        As for `non_local_means`.

    Returns
    -------
    tuple of int
        ``patch + distance``, three times.
    """
    return patch + distance, patch + distance, patch + distance


def non_local_means(
    image: NDArray[Any],
    noise: float,
    *,
    patch: int = 1,
    distance: int = 3,
    strength: float = 0.8,
) -> NDArray[np.float32]:
    """Average each voxel with those nearby whose surroundings look the same.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values, of any real type.
    noise : float
        Standard deviation of the noise, estimated once for the whole volume.
    patch : int
        Radius of the compared cubes, in voxels.
    distance : int
        Radius of the cube that is searched, in voxels.
    strength : float
        Width of the weights in units of the noise: more smooths more.

    Returns
    -------
    ndarray of float32
        The filtered volume; the volume is mirrored at its faces.

    Raises
    ------
    InputDataError
        If the image is not three-dimensional, or a parameter is not positive.

    Notes
    -----
    Non-local means [1]_ with box patches and the expected noise 2 noise² subtracted from the
    squared distances [2]_. The weight exp(-d) is replaced by (1 - d/16)^16, which ends at d = 16.
    Keeps edges; leaves noise where a neighbourhood is unique. 24 bytes per voxel beside the
    input.

    References
    ----------
    .. [1] A. Buades et al., CVPR 2005, doi:10.1109/CVPR.2005.38.
    .. [2] J. Darbon et al., ISBI 2008, doi:10.1109/ISBI.2008.4541250.
    """
    check_volume(image)
    if noise < 0 or patch < 0 or distance < 1 or strength <= 0:
        raise InputDataError(
            f"non-local means with noise {noise}, patch {patch}, distance {distance} and strength "
            f"{strength}: noise and patch must be zero or more, distance and strength positive"
        )
    if noise == 0:
        return image.astype(np.float32)
    margin = patch + distance
    padded = np.pad(image.astype(np.float32), margin, mode="symmetric")
    total, weights = np.zeros(image.shape, np.float32), np.zeros(image.shape, np.float32)
    steps = range(-distance, distance + 1)
    limits = np.float32(2 * noise**2), np.float32(1 / (16 * (strength * noise) ** 2))
    for dz in steps:
        for dy in steps:
            for dx in steps:
                _add_shifted(padded, (dz, dy, dx), (margin, patch), limits, (total, weights))
    return np.divide(total, weights, out=total)


@njit(nogil=True, cache=True)
def _add_shifted(padded, shift, reach, limits, sums):  # type: ignore[no-untyped-def]
    # Box sums over fixed taps, plane by plane: running sums would depend on where they began.
    total, weights = sums
    margin, patch = reach
    side = 2 * patch + 1
    nz, ny, nx = total.shape
    edge = margin - patch
    planes = np.zeros((side, ny, nx), np.float32)
    rows = np.empty((ny + 2 * patch, nx), np.float32)
    squares = np.empty(nx + 2 * patch, np.float32)
    gap = np.empty(nx, np.float32)
    for plane in range(nz + 2 * patch):
        for row in range(ny + 2 * patch):
            here = padded[plane + edge, row + edge, edge:]
            there = padded[plane + edge + shift[0], row + edge + shift[1], edge + shift[2] :]
            for column in range(nx + 2 * patch):
                step = here[column] - there[column]
                squares[column] = step * step
            _sum_taps_of_row(squares, side, rows[row])
        for row in range(ny):
            _sum_rows(rows[row : row + side], planes[plane % side, row])
        z = plane - 2 * patch
        if z < 0:
            continue
        for row in range(ny):
            _sum_planes(planes, z, row, gap)
            there = padded[z + margin + shift[0], row + margin + shift[1], margin + shift[2] :]
            _weigh(gap, there, limits, total[z, row], weights[z, row])


@njit(nogil=True, cache=True)
def _sum_taps_of_row(squares, side, out):  # type: ignore[no-untyped-def]
    out[:] = squares[: out.size]
    for tap in range(1, side):
        for column in range(out.size):
            out[column] += squares[column + tap]


@njit(nogil=True, cache=True)
def _sum_rows(rows, out):  # type: ignore[no-untyped-def]
    out[:] = rows[0]
    for tap in range(1, rows.shape[0]):
        for column in range(out.size):
            out[column] += rows[tap, column]


@njit(nogil=True, cache=True)
def _sum_planes(planes, first, row, out):  # type: ignore[no-untyped-def]
    side = planes.shape[0]
    out[:] = planes[first % side, row]
    for tap in range(1, side):
        line = planes[(first + tap) % side, row]
        for column in range(out.size):
            out[column] += line[column]
    share = np.float32(1) / np.float32(side**3)
    for column in range(out.size):
        out[column] *= share


@njit(nogil=True, cache=True)
def _weigh(gap, there, limits, total, weights):  # type: ignore[no-untyped-def]
    one, none = np.float32(1), np.float32(0)
    for column in range(gap.size):
        rest = max(gap[column] - limits[0], none) * limits[1]
        weight = max(one - rest, none)
        weight *= weight
        weight *= weight
        weight *= weight
        weight *= weight
        total[column] += weight * there[column]
        weights[column] += weight
