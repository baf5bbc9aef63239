"""The conduction operator on voxels: face conductances from codes, run by run.

A field is stored as (Z + 2, area): one row per plane, and the plane's rows of voxels one
after the other, all with a ghost layer. A *run* is a stretch of a plane, whole rows with
their ghosts, long enough for vector instructions and short enough for the first cache. The
number of voxels from row to row, the pitch, is odd, so that the colours of red-black sweeps
alternate along a run.

A face conductance is made where it is needed, from the codes of the two voxels that share
the face, so that the finest grid costs one byte per voxel; coarser grids store theirs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "DEVICE",
    "KERNEL",
    "MASK",
    "OPEN",
    "SERIES",
    "STORED",
    "Operator",
    "inside",
    "pitch_of",
    "room",
    "wrap",
]

MASK = 0
"""One conducting phase: the code counts the open faces of each axis, two bits each."""
OPEN = 1
"""Open area: conductance is the mean of the conducting fractions of the two voxels."""
SERIES = 2
"""Several phases: conductance is that of two half voxels in series (harmonic mean)."""
STORED = 3
"""Coarse grid: conductances of the far faces of every cell are stored."""

_FAST = {"reassoc", "contract", "nsz", "arcp"}
"""Floating-point freedom: sums may be reordered; inf and nan stay what they are."""
_COMMON: dict[str, Any] = {"nogil": True, "fastmath": _FAST, "error_model": "numpy"}
KERNEL: dict[str, Any] = _COMMON | {"cache": True}
"""How the passes are compiled; see `team` for how they run in parallel."""
DEVICE: dict[str, Any] = _COMMON | {
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
"""How the parts that only passes call are compiled: into them, without doors of their own."""
_RUN = 2048
"""Voxels in a run, about: five arrays of them fit the first cache."""

Run = tuple[int, int, int]
"""A plane, and the first and one past the last voxel of a stretch of it."""


class Operator(NamedTuple):
    """The discrete conduction operator of one grid.

    Parameters
    ----------
    mode : int
        How face conductances are made: `MASK`, `OPEN`, `SERIES` or `STORED`.
    axis : int
        The transport axis, whose two outer faces are held at fixed potentials.
    size : tuple of int
        Cells along (Z, Y, X).
    pitch : int
        Cells from one row of the store to the next; odd.
    codes : ndarray of uint8, shape (Z + 2, area)
        One code per voxel, 0 where nothing conducts; a dummy on coarse grids.
    table : ndarray of float64, shape (256,)
        Half the conducting fraction (`MASK`, `OPEN`) or the resistance of half a voxel
        (`SERIES`) of each code.
    weights : ndarray of float64, shape (3,)
        Face area over distance for each axis, relative to the largest.
    gz, gy, gx : ndarray of float32, shape (Z + 2, area)
        Conductance between a cell and the next along each axis; dummies on the finest grid.
    wraps : ndarray of int64, shape (3,)
        1 for each axis along which the sides are joined.
    """

    mode: int
    axis: int
    size: tuple[int, int, int]
    pitch: int
    codes: NDArray[np.uint8]
    table: NDArray[np.float64]
    weights: NDArray[np.float64]
    gz: NDArray[np.float32]
    gy: NDArray[np.float32]
    gx: NDArray[np.float32]
    wraps: NDArray[np.int64]


def pitch_of(size: tuple[int, int, int]) -> int:
    """Return the odd number of cells from row to row of the store.

    Parameters
    ----------
    size : tuple of int
        Cells along (Z, Y, X).

    Returns
    -------
    int
        At least two more than the cells of a row.
    """
    return size[2] + 2 + (size[2] + 1) % 2


def room(size: tuple[int, int, int]) -> tuple[int, int]:
    """Return the shape of the store of a field.

    Parameters
    ----------
    size : tuple of int
        Cells along (Z, Y, X).

    Returns
    -------
    tuple of int
        Planes and voxels per plane, ghosts included.
    """
    return size[0] + 2, (size[1] + 2) * pitch_of(size)


def inside(op: Operator, field: NDArray[Any]) -> NDArray[Any]:
    """Return the cells of a stored field without ghosts, as a view.

    Parameters
    ----------
    op : Operator
        The grid.
    field : ndarray, shape (Z + 2, area)
        As stored.

    Returns
    -------
    ndarray, shape (Z, Y, X)
        A view of it.
    """
    nz, ny, nx = op.size
    return field.reshape(nz + 2, ny + 2, op.pitch)[1:-1, 1:-1, 1 : nx + 1]


def wrap(op: Operator, field: NDArray[Any]) -> None:
    """Refresh the ghosts of a stored field where sides are joined.

    Parameters
    ----------
    op : Operator
        The grid.
    field : ndarray, shape (Z + 2, area)
        Changed in place.
    """
    nz, ny, nx = op.size
    box = field.reshape(nz + 2, ny + 2, op.pitch)[:, :, : nx + 2]
    for axis in range(3):
        if op.wraps[axis]:
            faces = np.moveaxis(box, axis, 0)
            faces[0], faces[-1] = faces[-2], faces[1]


@njit(**DEVICE)
def rows_per_run(op: Operator) -> int:
    """Return the even number of rows that make a run."""
    return 2 * max(1, _RUN // (2 * op.pitch))


@njit(**DEVICE)
def edge(op: Operator, axis: int, index: int) -> float:
    """Return 2 for a face on the electrodes, half a voxel away, else 1."""
    if axis == op.axis and (index == 0 or index == op.size[axis]):
        return 2.0
    return 1.0


@njit(**DEVICE)
def join(mode: int, near: float, far: float) -> float:
    """Return the conductance between two voxels from their table values."""
    if mode == SERIES:
        return 1.0 / (near + far)
    return near + far if near > 0.0 and far > 0.0 else 0.0


@njit(**DEVICE)
def face_row(op: Operator, axis: int, k: int, j: int, out: NDArray[np.float64]) -> None:
    """Write the conductances between a row of cells, from its first ghost on, and the next.

    The arrays of the operator are named outside of the loops: a call that takes an
    operator counts references to each of its arrays, too much for every voxel.
    """
    at = j * op.pitch
    if op.mode == STORED:
        stored = op.gz if axis == 0 else (op.gy if axis == 1 else op.gx)
        row = stored[k, at : at + out.size]
        for i in range(out.size):
            out[i] = row[i]
        return
    mode, table, size = op.mode, op.table, out.size
    to = at + (op.pitch if axis == 1 else (1 if axis == 2 else 0))
    here = op.codes[k, at : at + size]
    there = op.codes[k + 1 if axis == 0 else k, to : to + size]
    weight = op.weights[axis]
    if axis < 2:
        weight *= edge(op, axis, k if axis == 0 else j)
    for i in range(size):
        out[i] = weight * join(mode, table[here[i]], table[there[i]])
    if axis == 2:
        out[0] *= edge(op, 2, 0)
        out[size - 1] *= edge(op, 2, op.size[2])


@njit(**DEVICE)
def _decode(op: Operator, k: int, first: int, out: NDArray[Any]) -> None:
    """Write the table values of a stretch of a plane."""
    codes = op.codes[k, first : first + out.size]
    for i in range(out.size):
        out[i] = op.table[codes[i]]


@njit(**DEVICE)
def _add_faces(
    how: tuple[int, float],
    near: NDArray[Any],
    far: NDArray[Any],
    x: NDArray[Any],
    sums: tuple[NDArray[Any], NDArray[Any]],
) -> None:
    """Add the faces of a run towards one side: conductance × neighbour, and conductance."""
    total, diagonal = sums
    weight = total.dtype.type(how[1])
    zero = total.dtype.type(0)
    if how[0] == SERIES:
        for i in range(total.size):
            g = weight / (near[i] + far[i])
            total[i] += g * x[i]
            diagonal[i] += g
    else:
        for i in range(total.size):
            both = (near[i] > zero) & (far[i] > zero)
            g = weight * (near[i] + far[i]) if both else zero
            total[i] += g * x[i]
            diagonal[i] += g


@njit(**DEVICE)
def _sums_cells(
    op: Operator,
    x: NDArray[Any],
    run: Run,
    sums: tuple[NDArray[Any], NDArray[Any]],
    work: NDArray[Any],
) -> None:
    """Do `stencil` from the table values of the voxels."""
    k, first, last = run
    size, pitch = last - first, op.pitch
    near = work[0, : size + 2 * pitch]
    _decode(op, k, first - pitch, near)
    here = near[pitch : pitch + size]
    sums[0][:] = 0
    sums[1][:] = 0
    for side in range(6):
        axis, ahead = side // 2, 2 * (side % 2) - 1
        if axis == 0:
            plane, step = k + ahead, 0
            far = work[1, :size]
            _decode(op, plane, first, far)
        else:
            plane, step = k, ahead * (pitch if axis == 1 else 1)
            far = near[pitch + step : pitch + step + size]
        neighbours = x[plane, first + step : last + step]
        _add_faces((op.mode, op.weights[axis]), here, far, neighbours, sums)
    _add_electrodes(op, run, here, sums[1])


@njit(**DEVICE)
def _add_electrodes(op: Operator, run: Run, here: NDArray[Any], diagonal: NDArray[Any]) -> None:
    """Count the faces on the electrodes once more: they are half a voxel away."""
    k, first, last = run
    nz, ny, nx = op.size
    weight = op.weights[op.axis]
    for j in range(first // op.pitch, last // op.pitch):
        start = j * op.pitch - first
        at = k if op.axis == 0 else j
        times = int(at == 1) + int(at == (nz if op.axis == 0 else ny)) if op.axis < 2 else 0
        for i in range(start + 1, start + 1 + nx if times else start + 1):
            diagonal[i] += times * weight * join(op.mode, here[i], here[i])
        if op.axis == 2:
            diagonal[start + 1] += weight * join(op.mode, here[start + 1], here[start + 1])
            diagonal[start + nx] += weight * join(op.mode, here[start + nx], here[start + nx])


@njit(**DEVICE)
def _sums_mask(
    op: Operator, x: NDArray[Any], run: Run, sums: tuple[NDArray[Any], NDArray[Any]]
) -> None:
    """Do `stencil` where one phase conducts: counts of open faces tell the diagonal."""
    k, first, last = run
    total, diagonal = sums
    wz = total.dtype.type(op.weights[0])
    wy = total.dtype.type(op.weights[1])
    wx = total.dtype.type(op.weights[2])
    up, down, codes = x[k - 1, first:last], x[k + 1, first:last], op.codes[k, first:last]
    north, south = (
        x[k, first - op.pitch : last - op.pitch],
        x[k, first + op.pitch : last + op.pitch],
    )
    west, east = x[k, first - 1 : last - 1], x[k, first + 1 : last + 1]
    for i in range(total.size):
        total[i] = wz * (up[i] + down[i]) + wy * (north[i] + south[i]) + wx * (west[i] + east[i])
    for i in range(total.size):
        code = codes[i]
        vertical = wz * np.uint8(code & 3) + wy * np.uint8((code >> 2) & 3)
        diagonal[i] = vertical + wx * np.uint8(code >> 4)


@njit(**DEVICE)
def _sums_stored(
    op: Operator, x: NDArray[Any], run: Run, sums: tuple[NDArray[Any], NDArray[Any]]
) -> None:
    """Do `stencil` from stored conductances."""
    k, first, last = run
    total, diagonal = sums
    up, down = x[k - 1, first:last], x[k + 1, first:last]
    above, below = op.gz[k - 1, first:last], op.gz[k, first:last]
    for i in range(total.size):
        total[i] = above[i] * up[i] + below[i] * down[i]
    back, front = op.gy[k, first - op.pitch : last - op.pitch], op.gy[k, first:last]
    north, south = (
        x[k, first - op.pitch : last - op.pitch],
        x[k, first + op.pitch : last + op.pitch],
    )
    for i in range(total.size):
        total[i] += back[i] * north[i] + front[i] * south[i]
    left, right = op.gx[k, first - 1 : last - 1], op.gx[k, first:last]
    west, east = x[k, first - 1 : last - 1], x[k, first + 1 : last + 1]
    for i in range(total.size):
        total[i] += left[i] * west[i] + right[i] * east[i]
    for i in range(total.size):
        diagonal[i] = (above[i] + below[i]) + (back[i] + front[i]) + (left[i] + right[i])


@njit(**DEVICE)
def stencil(
    op: Operator,
    x: NDArray[Any],
    run: Run,
    sums: tuple[NDArray[Any], NDArray[Any]],
    work: NDArray[Any],
) -> None:
    """Sum, for each voxel of a run, conductance × neighbour over its faces, and conductance.

    Both are zero in ghosts and where nothing conducts. The type of `sums` is that in which
    the sums are made: float32 in the preconditioner, float64 for the residual.
    """
    if op.mode == MASK:
        _sums_mask(op, x, run, sums)
    elif op.mode == STORED:
        _sums_stored(op, x, run, sums)
    else:
        _sums_cells(op, x, run, sums, work)
    if op.axis == 2 or op.wraps[2]:
        zero = sums[0].dtype.type(0)
        for start in range(0, run[2] - run[1], op.pitch):
            for i in (start, start + op.size[2] + 1):
                sums[0][i] = zero
                sums[1][i] = zero


@njit(**DEVICE)
def add_drive(op: Operator, run: Run, net: NDArray[np.float64]) -> None:
    """Add to each conducting voxel of a run the net current that the linear potential drives."""
    k, first, last = run
    weight = op.weights[op.axis]
    step = op.pitch if op.axis == 1 else (1 if op.axis == 2 else 0)
    layer = 1 if op.axis == 0 else 0
    here = op.codes[k, first:last]
    before = op.codes[k - layer, first - step : last - step]
    after = op.codes[k + layer, first + step : last + step]
    if op.mode == MASK:
        for i in range(net.size):
            net[i] += weight * (np.int8(before[i] > 0) - np.int8(after[i] > 0))
        return
    table, mode = op.table, op.mode
    for i in range(net.size):
        near = table[here[i]]
        net[i] += weight * (join(mode, near, table[before[i]]) - join(mode, near, table[after[i]]))
