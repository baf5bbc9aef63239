"""Parallel passes over a grid: smoothing, restriction, coarsening.

Planes are cut into one slab per thread, and two steps of a pass follow each other plane by
plane while the data are in the cache. A step reads only what the step before wrote, so the
values do not depend on the number of slabs; sums are kept per plane and added in plane order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from ssbtomo.kernels.transport.operator import FAST, Operator, face, stencil

__all__ = ["FROM_COARSE", "FROM_GUESS", "FROM_ZERO", "assemble", "coarsen", "restrict", "smooth"]

FROM_ZERO = 0
"""Smooth a field that is zero: the first colour needs no neighbours."""
FROM_GUESS = 1
"""Smooth the field as it is."""
FROM_COARSE = 2
"""Add the coarse grid's correction first."""


@njit(nogil=True, cache=True)
def slab(planes: int, slabs: int, index: int) -> tuple[int, int]:
    """Return the first and the last-but-one plane (counted from 1) of a slab."""
    return 1 + planes * index // slabs, 1 + planes * (index + 1) // slabs


@njit(nogil=True, cache=True)
def is_rim(k: int, near: int, far: int, depth: int) -> bool:
    """Tell whether a plane lies within `depth` planes of either end of its slab."""
    return k < near + depth or k >= far - depth


@njit(nogil=True, cache=True)
def wrap_row(wraps: NDArray[np.int64], x: NDArray[Any], k: int, j: int) -> None:
    """Refresh the ghosts of a row whose ends are joined."""
    if wraps[2]:
        row = x[k, j]
        row[0] = row[row.size - 2]
        row[row.size - 1] = row[1]


@njit(nogil=True, cache=True)
def wrap_plane(wraps: NDArray[np.int64], x: NDArray[Any], k: int) -> None:
    """Refresh the ghost rows of a plane whose sides are joined."""
    if wraps[1]:
        last = x.shape[1] - 2
        x[k, 0] = x[k, last]
        x[k, last + 1] = x[k, 1]


@njit(nogil=True, cache=True)
def wrap_volume(wraps: NDArray[np.int64], x: NDArray[Any]) -> None:
    """Refresh the ghost planes of a volume whose first and last planes are joined."""
    if wraps[0]:
        last = x.shape[0] - 2
        x[0] = x[last]
        x[last + 1] = x[1]


@njit(nogil=True, cache=True, fastmath=FAST)
def _begin(
    op: Operator, right: NDArray[np.float32], x: NDArray[np.float32], k: int, how: tuple[int, int]
) -> None:
    """Solve the cells of the first colour against a zero field; zero the others."""
    colour = how[1]
    rows = np.empty((5, x.shape[2]), np.float32)
    diagonal = rows[1]
    zero = np.float32(0)
    for j in range(1, x.shape[1] - 1):
        stencil(op, x, k, j, rows)
        row, b = x[k, j], right[k, j]
        parity = (k + j + colour) & 1
        for i in range(1, row.size - 1):
            mine = ((i + parity) & 1 == 0) & (diagonal[i] > zero)
            row[i] = b[i] / diagonal[i] if mine else zero
        wrap_row(op.wraps, x, k, j)
    wrap_plane(op.wraps, x, k)


@njit(nogil=True, cache=True, fastmath=FAST)
def _inject(op: Operator, coarse: NDArray[np.float32], x: NDArray[np.float32], k: int) -> None:
    """Add the coarse correction to the conducting cells of a plane."""
    fz, fy, fx = _factors(x, coarse)
    near = coarse[(k + fz - 1) // fz]
    rows = np.empty((5, x.shape[2]), np.float32)
    diagonal, step = rows[1], rows[2]
    zero = np.float32(0)
    for j in range(1, x.shape[1] - 1):
        stencil(op, x, k, j, rows)
        _spread(near[(j + fy - 1) // fy], fx, step)
        row = x[k, j]
        for i in range(1, row.size - 1):
            row[i] += step[i] if diagonal[i] > zero else zero
        wrap_row(op.wraps, x, k, j)
    wrap_plane(op.wraps, x, k)


@njit(nogil=True, cache=True)
def _spread(coarse: NDArray[np.float32], factor: int, out: NDArray[np.float32]) -> None:
    """Repeat the values of a coarse row along a fine one."""
    size = out.size - 2
    if factor == 1:
        out[:] = coarse
        return
    for i in range(1, size // 2 + 1):
        out[2 * i - 1] = coarse[i]
        out[2 * i] = coarse[i]
    if size % 2:
        out[size] = coarse[size // 2 + 1]


@njit(nogil=True, cache=True)
def _factors(fine: NDArray[Any], coarse: NDArray[Any]) -> tuple[int, int, int]:
    """Return how many fine cells a coarse one spans along each axis."""
    return (
        1 if fine.shape[0] == coarse.shape[0] else 2,
        1 if fine.shape[1] == coarse.shape[1] else 2,
        1 if fine.shape[2] == coarse.shape[2] else 2,
    )


@njit(nogil=True, cache=True, fastmath=FAST)
def _relax(
    op: Operator, right: NDArray[np.float32], x: NDArray[np.float32], k: int, colour: int
) -> float:
    """Solve the cells of one colour of a plane; return the plane's sum of right × field."""
    rows = np.empty((5, x.shape[2]), np.float32)
    total, diagonal = rows[0], rows[1]
    zero = np.float32(0)
    dot = 0.0
    for j in range(1, x.shape[1] - 1):
        stencil(op, x, k, j, rows)
        row, b = x[k, j], right[k, j]
        parity = (k + j + colour) & 1
        part = zero
        for i in range(1, row.size - 1):
            solved = (b[i] + total[i]) / diagonal[i] if diagonal[i] > zero else zero
            row[i] = solved if (i + parity) & 1 == 0 else row[i]
        for i in range(1, row.size - 1):
            part += b[i] * row[i]
        dot += part
        wrap_row(op.wraps, x, k, j)
    wrap_plane(op.wraps, x, k)
    return dot


@njit(nogil=True, cache=True)
def _start(
    op: Operator,
    right: NDArray[np.float32],
    x: NDArray[np.float32],
    coarse: NDArray[np.float32],
    k: int,
    how: tuple[int, int],
) -> None:
    """Prepare a plane for the half sweeps; see `smooth`."""
    if how[0] == FROM_ZERO:
        _begin(op, right, x, k, how)
    elif how[0] == FROM_COARSE:
        _inject(op, coarse, x, k)


@njit(nogil=True, cache=True, fastmath=FAST, parallel=True)
def smooth(
    op: Operator,
    right: NDArray[np.float32],
    x: NDArray[np.float32],
    coarse: NDArray[np.float32],
    how: tuple[int, int],
    slabs: int,
) -> float:
    """Relax a field by one red-black Gauss-Seidel sweep.

    Parameters
    ----------
    op : Operator
        The grid.
    right : ndarray of float32, padded
        Right-hand side.
    x : ndarray of float32, padded
        The field, changed in place.
    coarse : ndarray of float32, padded
        The coarse grid's correction, used with `FROM_COARSE`.
    how : tuple of int
        What `x` starts from (`FROM_ZERO`, `FROM_GUESS`, `FROM_COARSE`), and the parity of
        the cells that are solved first. Parities in reverse order make the adjoint sweep.
    slabs : int
        Number of slabs, one per thread.

    Returns
    -------
    float
        The sum of right-hand side × field, added in plane order.
    """
    planes = x.shape[0] - 2
    dots = np.zeros(planes + 2)
    first, second = how[1], 1 - how[1]
    skip = how[0] == FROM_ZERO
    for s in prange(slabs):
        near, far = slab(planes, slabs, s)
        for k in range(near, far + 2):
            if k < far:
                _start(op, right, x, coarse, k, how)
            if k - 1 >= near and not is_rim(k - 1, near, far, 1) and not skip:
                _relax(op, right, x, k - 1, first)
            if k - 2 >= near and not is_rim(k - 2, near, far, 2):
                dots[k - 2] = _relax(op, right, x, k - 2, second)
    wrap_volume(op.wraps, x)
    for s in prange(slabs):
        near, far = slab(planes, slabs, s)
        for k in range(near, far):
            if is_rim(k, near, far, 1) and not skip:
                _relax(op, right, x, k, first)
    wrap_volume(op.wraps, x)
    for s in prange(slabs):
        near, far = slab(planes, slabs, s)
        for k in range(near, far):
            if is_rim(k, near, far, 2):
                dots[k] = _relax(op, right, x, k, second)
    wrap_volume(op.wraps, x)
    return add_up(dots)


@njit(nogil=True, cache=True)
def add_up(parts: NDArray[np.float64]) -> float:
    """Add numbers one after the other, in order."""
    total = 0.0
    for part in parts:
        total += part
    return total


@njit(nogil=True, cache=True, fastmath=FAST, parallel=True)
def restrict(
    op: Operator,
    right: NDArray[np.float32],
    x: NDArray[np.float32],
    coarse: NDArray[np.float32],
) -> None:
    """Sum the residual of a fine grid over the cells of the coarse one.

    Parameters
    ----------
    op : Operator
        The fine grid.
    right, x : ndarray of float32, padded
        Its right-hand side and field.
    coarse : ndarray of float32, padded
        The coarse right-hand side, written.
    """
    fz, fy, fx = _factors(x, coarse)
    planes, lines = x.shape[0] - 2, x.shape[1] - 2
    for big_k in prange(1, coarse.shape[0] - 1):
        rows = np.empty((5, x.shape[2]), np.float32)
        sums = np.empty(x.shape[2] + 1, np.float32)
        for big_j in range(1, coarse.shape[1] - 1):
            sums[:] = np.float32(0)
            for k in range(1 + (big_k - 1) * fz, min(1 + big_k * fz, planes + 1)):
                for j in range(1 + (big_j - 1) * fy, min(1 + big_j * fy, lines + 1)):
                    stencil(op, x, k, j, rows)
                    _add_residual(rows, right[k, j], x[k, j], sums)
            _collect(sums, fx, coarse[big_k, big_j])


@njit(nogil=True, cache=True, fastmath=FAST)
def _add_residual(
    rows: NDArray[np.float32],
    right: NDArray[np.float32],
    x: NDArray[np.float32],
    sums: NDArray[np.float32],
) -> None:
    total, diagonal = rows[0], rows[1]
    zero = np.float32(0)
    for i in range(1, x.size - 1):
        rest = right[i] + total[i] - diagonal[i] * x[i]
        sums[i] += rest if diagonal[i] > zero else zero


@njit(nogil=True, cache=True, fastmath=FAST)
def _collect(sums: NDArray[np.float32], factor: int, out: NDArray[np.float32]) -> None:
    """Add up neighbours along a row; `sums` has a zero past its end."""
    if factor == 1:
        for i in range(1, out.size - 1):
            out[i] = sums[i]
    else:
        for i in range(1, out.size - 1):
            out[i] = sums[2 * i - 1] + sums[2 * i]


@njit(nogil=True, cache=True, fastmath=FAST, parallel=True)
def coarsen(
    op: Operator,
    shape: tuple[int, int, int],
    ratios: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    out: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
) -> None:
    """Write the conductances of a coarse grid: sums over the fine faces between its cells.

    Parameters
    ----------
    op : Operator
        The fine grid.
    shape : tuple of int
        Cells of the fine grid.
    ratios : tuple of ndarray of float64
        For each axis and each coarse face from 0 on: fine distance over coarse distance
        between the cells on its two sides.
    out : tuple of ndarray of float32, padded
        Conductances to the next coarse cell along (Z, Y, X), written.
    """
    gz, gy, gx = out
    nz, ny, nx = shape
    cz, cy, cx = gz.shape[0] - 2, gz.shape[1] - 2, gz.shape[2] - 2
    fz, fy, fx = 1 if cz == nz else 2, 1 if cy == ny else 2, 1 if cx == nx else 2
    for big_k in prange(cz + 1):
        for big_j in range(cy + 1):
            for big_i in range(cx + 1):
                z = (1 + (big_k - 1) * fz, min(big_k * fz, nz))
                y = (1 + (big_j - 1) * fy, min(big_j * fy, ny))
                x = (1 + (big_i - 1) * fx, min(big_i * fx, nx))
                if big_j and big_i:
                    gz[big_k, big_j, big_i] = ratios[0][big_k] * _faces(op, 0, (z[1], z[1]), y, x)
                if big_k and big_i:
                    gy[big_k, big_j, big_i] = ratios[1][big_j] * _faces(op, 1, z, (y[1], y[1]), x)
                if big_k and big_j:
                    gx[big_k, big_j, big_i] = ratios[2][big_i] * _faces(op, 2, z, y, (x[1], x[1]))


@njit(nogil=True, cache=True, fastmath=FAST)
def _faces(
    op: Operator, axis: int, z: tuple[int, int], y: tuple[int, int], x: tuple[int, int]
) -> float:
    """Sum the conductances of a box of faces; bounds included."""
    total = 0.0
    for k in range(z[0], z[1] + 1):
        for j in range(y[0], y[1] + 1):
            for i in range(x[0], x[1] + 1):
                total += face(op, axis, k, j, i)
    return total


@njit(nogil=True, cache=True)
def assemble(op: Operator, shape: tuple[int, int, int], axis: int, matrix: NDArray[np.float64]) -> None:
    """Add the faces along an axis to the dense matrix of a small grid.

    Parameters
    ----------
    op : Operator
        The grid.
    shape : tuple of int
        Its cells.
    axis : int
        Which faces.
    matrix : ndarray of float64, shape (cells, cells)
        Changed in place.
    """
    nz, ny, nx = shape
    strides = (ny * nx, nx, 1)
    size, stride = shape[axis], strides[axis]
    for k in range(1 - (axis == 0), nz + 1):
        for j in range(1 - (axis == 1), ny + 1):
            for i in range(1 - (axis == 2), nx + 1):
                index = k if axis == 0 else (j if axis == 1 else i)
                near = (k - 1) * strides[0] + (j - 1) * strides[1] + (i - 1)
                far = near + stride
                g = face(op, axis, k, j, i)
                if 0 < index < size:
                    _couple(matrix, near, far, g)
                elif axis == op.axis:
                    inside = far if index == 0 else near
                    matrix[inside, inside] += g
                elif index == size and op.wraps[axis]:
                    _couple(matrix, near, far - size * stride, g)


@njit(nogil=True, cache=True)
def _couple(matrix: NDArray[np.float64], near: int, far: int, g: float) -> None:
    matrix[near, near] += g
    matrix[far, far] += g
    matrix[near, far] -= g
    matrix[far, near] -= g
