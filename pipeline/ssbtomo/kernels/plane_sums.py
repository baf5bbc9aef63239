"""Sums of jumps along z and y, with the integer weights of a Gaussian.

Rows are summed in bands, as one long row; two and two, for the weights are symmetric.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit

__all__ = ["BAND", "Pair", "Planes", "bands", "smooth_plane"]

BAND = 4
"""Rows that are smoothed together."""


class Pair(NamedTuple):
    """What a sweep over the faces of one pair of phases needs to know.

    Parameters
    ----------
    first, second : int
        Indices of the two phases.
    shape : tuple of int
        Voxels of the block with its margin, along (Z, Y, X).
    bounds : ndarray of int64, shape (3, 2)
        The owned voxels.
    taps_z, taps_y, taps_x : ndarray
        Smoothing weights along z (int16), y (float32) and x (float64, with zeros after them),
        for components across the axis and along it.
    reach_x : int
        Voxels that the weights along x reach.
    stride : int
        Length of a row with its zeros.
    areas : ndarray of float64, shape (3,)
        Area of a voxel face across each axis.
    """

    first: int
    second: int
    shape: tuple[int, int, int]
    bounds: NDArray[np.int64]
    taps_z: NDArray[np.int16]
    taps_y: NDArray[np.float32]
    taps_x: NDArray[np.float64]
    reach_x: int
    stride: int
    areas: NDArray[np.float64]


class Planes(NamedTuple):
    """Work space of a sweep along z: a ring of jump planes, and two smoothed planes.

    Rows have the length `stride` and begin `reach_x` before the first voxel. Planes are flat,
    and bands of rows are summed as one. Zeros come after the last plane of the ring, and
    before the first row, after the last and after that of `along_z`.

    Parameters
    ----------
    jumps : ndarray of int8
        Where the phases change across each axis, in the planes of the ring.
    filled : ndarray of uint8
        For each axis, plane of the ring and band, whether there is a jump.
    total : ndarray of int16
        One band summed along z.
    along_z : ndarray of float32
        One plane summed along z, for each axis.
    smooth : ndarray of float32
        Two planes summed along z, y and x, for each axis.
    starts : ndarray of int64
        Where the parts begin that are summed next.
    plan : ndarray of int64, shape (n, 3)
        Which two parts take which weight.
    """

    jumps: NDArray[np.int8]
    filled: NDArray[np.uint8]
    total: NDArray[np.int16]
    along_z: NDArray[np.float32]
    smooth: NDArray[np.float32]
    starts: NDArray[np.int64]
    plan: NDArray[np.int64]


@njit(nogil=True, cache=True)
def bands(rows: int) -> int:
    """Return how many bands hold a number of rows.

    Parameters
    ----------
    rows : int
        Number of rows.

    Returns
    -------
    int
        Number of bands of `BAND` rows.
    """
    return (rows + BAND - 1) // BAND


@njit(nogil=True, cache=True)
def smooth_plane(planes: Planes, z: int, pair: Pair, need: NDArray[np.uint8]) -> None:
    """Smooth the jumps along z and y, for the needed bands of one plane.

    Parameters
    ----------
    planes : Planes
        The jumps, and where the sums go.
    z : int
        The plane.
    pair : Pair
        The weights.
    need : ndarray of uint8, shape (bands,)
        Which bands of the plane to smooth.
    """
    span = pair.taps_y.shape[1] // 2
    size = BAND * pair.stride
    starts, none = planes.starts, planes.along_z.shape[1] - size
    for axis in range(3):
        taps = pair.taps_y[1, :-1] if axis == 1 else pair.taps_y[0]
        known = np.zeros(len(need), dtype=np.uint8)
        done = 0
        for band in range(len(need)):
            if not need[band]:
                continue
            first = band * BAND - span
            done = max(done, first // BAND)
            while done < min(bands(first + 2 * span + BAND), len(need)):
                known[done] = _sum_planes(planes, pair, axis, z, done)
                done += 1
            for t in range(len(taps)):
                low = max((first + t) // BAND, 0)
                high = (first + t + BAND - 1) // BAND
                rows = first + t + BAND * bands(span)
                starts[t] = rows * pair.stride if known[low : high + 1].any() else none
            target = planes.smooth[z % 2, axis, band * size : (band + 1) * size]
            target[:] = 0
            _add_all(target, planes.along_z[axis], planes, taps, none)


@njit(nogil=True, cache=True)
def _sum_planes(planes: Planes, pair: Pair, axis: int, z: int, band: int) -> int:
    """Smooth one band of jumps along z; say whether there was any."""
    taps = pair.taps_z[1, :-1] if axis == 0 else pair.taps_z[0]
    slots, count = planes.filled.shape[1:]
    size = BAND * pair.stride
    begin = (bands(pair.taps_y.shape[1] // 2) + band) * size
    target = planes.along_z[axis, begin : begin + size]
    found, none = 0, slots * count * size
    for t in range(len(taps)):
        slot = (z - slots // 2 + t) % slots
        filled = planes.filled[axis, slot, band]
        found |= filled
        planes.starts[t] = (slot * count + band) * size if filled else none
    if not found:
        target[:] = 0
        return 0
    planes.total[:] = 0
    _add_all(planes.total, planes.jumps[axis], planes, taps, none)
    for x in range(size):
        target[x] = planes.total[x]
    return 1


@njit(nogil=True, cache=True)
def _add_all(
    target: NDArray[np.number],
    source: NDArray[np.number],
    planes: Planes,
    taps: NDArray[np.number],
    none: int,
) -> None:
    """Add symmetric weights times the parts of `source` that begin at `planes.starts`.

    Those that begin at `none` are zeros, and are left out where their mirror image is too.
    """
    plan, starts, count, used = planes.plan, planes.starts, len(taps), 0
    for t in range((count + 1) // 2):
        near, far = starts[t], starts[count - 1 - t]
        if near != none or far != none:
            plan[used, 0], plan[used, 2] = near, t
            plan[used, 1] = far if t != count - 1 - t else none
            used += 1
    if used % 2:
        plan[used, 0], plan[used, 1], plan[used, 2] = none, none, 0
    size = len(target)
    for k in range(0, used, 2):
        (a, b, t), (c, d, u) = plan[k], plan[k + 1]
        one, two = source[a : a + size], source[b : b + size]
        three, four = source[c : c + size], source[d : d + size]
        _add(target, (one, two, three, four), taps[t], taps[u])


@njit(nogil=True, cache=True)
def _add(
    target: NDArray[np.number],
    rows: tuple[NDArray[np.number], ...],
    weight: float,
    other: float,
) -> None:
    """Add one weight times two rows, and another times two more."""
    one, two, three, four = rows
    for x in range(len(target)):
        target[x] += weight * (one[x] + two[x]) + other * (three[x] + four[x])
