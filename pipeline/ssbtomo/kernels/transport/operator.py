"""The conduction operator on voxels: face conductances from codes, row by row.

Arrays carry one ghost layer on every side. A face conductance is made where it is needed,
from the codes of the two voxels that share the face, so that the finest grid costs one byte
per voxel; coarser grids store theirs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["DEVICE", "KERNEL", "MASK", "OPEN", "SERIES", "STORED", "Operator", "add_difference", "decode", "edge", "face", "stencil"]

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
KERNEL: dict[str, Any] = {"nogil": True, "cache": True, "fastmath": _FAST}
"""How the passes are compiled; see `team` for how they run in parallel."""
DEVICE: dict[str, Any] = {
    "nogil": True,
    "fastmath": _FAST,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
"""How the parts that only passes call are compiled: into them, without doors of their own."""


class Operator(NamedTuple):
    """The discrete conduction operator of one grid.

    Parameters
    ----------
    mode : int
        How face conductances are made: `MASK`, `OPEN`, `SERIES` or `STORED`.
    axis : int
        The transport axis, whose two outer faces are held at fixed potentials.
    codes : ndarray of uint8, padded
        One code per voxel, 0 where nothing conducts; a dummy on coarse grids.
    table : ndarray of float64, shape (256,)
        Half the conducting fraction (`MASK`, `OPEN`) or the resistance of half a voxel
        (`SERIES`) of each code.
    weights : ndarray of float64, shape (3,)
        Face area over distance for each axis, relative to the largest.
    gz, gy, gx : ndarray of float32, padded
        Conductance between a cell and the next along each axis; dummies on the finest grid.
    wraps : ndarray of int64, shape (3,)
        1 for each axis along which the sides are joined.
    """

    mode: int
    axis: int
    codes: NDArray[np.uint8]
    table: NDArray[np.float64]
    weights: NDArray[np.float64]
    gz: NDArray[np.float32]
    gy: NDArray[np.float32]
    gx: NDArray[np.float32]
    wraps: NDArray[np.int64]


@njit(**DEVICE)
def edge(op: Operator, axis: int, index: int, size: int) -> float:
    """Return 2 for a face on the electrodes, half a voxel away, else 1."""
    if axis == op.axis and (index == 0 or index == size):
        return 2.0
    return 1.0


@njit(**DEVICE)
def join(series: bool, near: float, far: float) -> float:  # noqa: FBT001 - Numba takes positions
    """Return the conductance between two voxels from their table values."""
    if series:
        return 1.0 / (near + far)
    return near + far if near > 0.0 and far > 0.0 else 0.0


@njit(**DEVICE)
def face(op: Operator, axis: int, k: int, j: int, i: int) -> float:
    """Return the conductance between cell (k, j, i) and the next along an axis."""
    if op.mode == STORED:
        if axis == 0:
            return np.float64(op.gz[k, j, i])
        return np.float64(op.gy[k, j, i]) if axis == 1 else np.float64(op.gx[k, j, i])
    position = k if axis == 0 else (j if axis == 1 else i)
    near = op.table[op.codes[k, j, i]]
    far = op.table[op.codes[k + (axis == 0), j + (axis == 1), i + (axis == 2)]]
    factor = edge(op, axis, position, op.codes.shape[axis] - 2)
    return factor * op.weights[axis] * join(op.mode == SERIES, near, far)


@njit(**DEVICE)
def decode(op: Operator, k: int, j: int, out: NDArray[Any]) -> None:
    """Write the table values of a row of voxels."""
    codes = op.codes[k, j]
    for i in range(out.size):
        out[i] = op.table[codes[i]]


@njit(**DEVICE)
def _conductances(
    op: Operator, weight: float, near: NDArray[Any], far: NDArray[Any], out: NDArray[Any]
) -> None:
    """Write the face conductances between two rows of table values."""
    unit = out.dtype.type(weight)
    one = out.dtype.type(1)
    zero = out.dtype.type(0)
    if op.mode == SERIES:
        for i in range(out.size):
            out[i] = unit * (one / (near[i] + far[i]))
    else:
        for i in range(out.size):
            both = (near[i] > zero) & (far[i] > zero)
            out[i] = unit * (near[i] + far[i]) if both else zero


@njit(**DEVICE)
def _gather(x: NDArray[Any], g: NDArray[Any], factor: float, out: NDArray[Any]) -> None:
    """Add a conductance times the neighbour's value to a row."""
    f = out.dtype.type(factor)
    for i in range(out.size):
        out[i] += f * g[i] * x[i]


@njit(**DEVICE)
def _gather_one(g: NDArray[Any], factor: float, out: NDArray[Any]) -> None:
    """Add a conductance to a row."""
    f = out.dtype.type(factor)
    for i in range(out.size):
        out[i] += f * g[i]


@njit(**DEVICE)
def _stencil_mask(op: Operator, x: NDArray[Any], k: int, j: int, rows: NDArray[Any]) -> None:
    """Do `stencil` where one phase conducts: counts of open faces tell the diagonal."""
    wz, wy, wx = np.float32(op.weights[0]), np.float32(op.weights[1]), np.float32(op.weights[2])
    here, up, down, north, south = x[k, j], x[k - 1, j], x[k + 1, j], x[k, j - 1], x[k, j + 1]
    total, diagonal, codes = rows[0], rows[1], op.codes[k, j]
    for i in range(1, total.size - 1):
        total[i] = wz * (up[i] + down[i]) + wy * (north[i] + south[i]) + wx * (here[i - 1] + here[i + 1])
    for i in range(1, total.size - 1):
        code = codes[i]
        diagonal[i] = wz * np.uint8(code & 3) + wy * np.uint8((code >> 2) & 3) + wx * np.uint8(code >> 4)


@njit(**DEVICE)
def _stencil_stored(op: Operator, x: NDArray[Any], k: int, j: int, rows: NDArray[Any]) -> None:
    """Do `stencil` from stored conductances."""
    here, up, down, north, south = x[k, j], x[k - 1, j], x[k + 1, j], x[k, j - 1], x[k, j + 1]
    a, b, c, d, e = op.gz[k - 1, j], op.gz[k, j], op.gy[k, j - 1], op.gy[k, j], op.gx[k, j]
    total, diagonal = rows[0], rows[1]
    for i in range(1, total.size - 1):
        total[i] = e[i - 1] * here[i - 1] + e[i] * here[i + 1] + a[i] * up[i] + b[i] * down[i]
    for i in range(1, total.size - 1):
        total[i] += c[i] * north[i] + d[i] * south[i]
    for i in range(1, total.size - 1):
        diagonal[i] = (a[i] + b[i]) + (c[i] + d[i]) + (e[i - 1] + e[i])


@njit(**DEVICE)
def _stencil_cells(op: Operator, x: NDArray[Any], k: int, j: int, rows: NDArray[Any]) -> None:
    """Do `stencil` from the table values of the voxels."""
    nz, ny, nx = x.shape[0] - 2, x.shape[1] - 2, x.shape[2] - 2
    total, diagonal, near, far, g = rows[0], rows[1], rows[2], rows[3], rows[4]
    total[:] = np.float32(0)
    diagonal[:] = np.float32(0)
    decode(op, k, j, near)
    for axis, step in ((0, -1), (0, 1), (1, -1), (1, 1)):
        kk, jj = (k + step, j) if axis == 0 else (k, j + step)
        decode(op, kk, jj, far)
        _conductances(op, op.weights[axis], near, far, g)
        index = min(k, kk) if axis == 0 else min(j, jj)
        factor = edge(op, axis, index, nz if axis == 0 else ny)
        _gather(x[kk, jj], g, factor, total)
        _gather_one(g, factor, diagonal)
    _conductances(op, op.weights[2], near[:-1], near[1:], g[:-1])
    g[0] *= np.float32(edge(op, 2, 0, nx))
    g[nx] *= np.float32(edge(op, 2, nx, nx))
    _gather(x[k, j, 2:], g[1:-1], 1.0, total[1:-1])
    _gather(x[k, j, :-2], g[:-2], 1.0, total[1:-1])
    _gather_one(g[1:-1], 1.0, diagonal[1:-1])
    _gather_one(g[:-2], 1.0, diagonal[1:-1])


@njit(**DEVICE)
def stencil(op: Operator, x: NDArray[np.float32], k: int, j: int, rows: NDArray[np.float32]) -> None:
    """Write, for a row of cells, the sums of conductance × neighbour and of conductance.

    Parameters
    ----------
    op : Operator
        The grid.
    x : ndarray of float32, padded
        The field; zero where nothing conducts.
    k, j : int
        The row.
    rows : ndarray of float32, shape (5, X + 2)
        Room to work; the sums come in rows 0 and 1.
    """
    if op.mode == MASK:
        _stencil_mask(op, x, k, j, rows)
    elif op.mode == STORED:
        _stencil_stored(op, x, k, j, rows)
    else:
        _stencil_cells(op, x, k, j, rows)


@njit(**DEVICE)
def add_difference(
    g: NDArray[np.float64],
    here: NDArray[np.float64],
    there: NDArray[np.float64],
    how: tuple[float, float],
    out: NDArray[np.float64],
) -> None:
    """Add the currents from a row of neighbours: conductance × (factor × difference + drive)."""
    factor, drive = how
    for i in range(out.size):
        out[i] += g[i] * (factor * (there[i] - here[i]) + drive)
