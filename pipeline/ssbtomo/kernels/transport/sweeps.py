"""Passes over a grid: smoothing, restriction, coarsening; `team` runs them in parallel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ssbtomo.kernels.transport.operator import DEVICE, KERNEL, Operator, face, stencil
from ssbtomo.kernels.transport.team import Slab, is_due

__all__ = ["FROM_COARSE", "FROM_GUESS", "FROM_ZERO", "assemble", "coarsen", "restrict", "smooth"]

FROM_ZERO = 0
"""Smooth a field that is zero: the first colour needs no neighbours."""
FROM_GUESS = 1
"""Smooth the field as it is."""
FROM_COARSE = 2
"""Add the coarse grid's correction first."""
_RELAX = 3


@njit(**DEVICE)
def wrap_row(wraps: NDArray[np.int64], x: NDArray[Any], k: int, j: int) -> None:
    """Refresh the ghosts of a row whose ends are joined."""
    if wraps[2]:
        row = x[k, j]
        row[0] = row[row.size - 2]
        row[row.size - 1] = row[1]


@njit(**DEVICE)
def wrap_plane(wraps: NDArray[np.int64], x: NDArray[Any], k: int) -> None:
    """Refresh the ghost rows of a plane whose sides are joined."""
    if wraps[1]:
        last = x.shape[1] - 2
        x[k, 0] = x[k, last]
        x[k, last + 1] = x[k, 1]


@njit(**DEVICE)
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


@njit(**DEVICE)
def _factors(fine: NDArray[Any], coarse: NDArray[Any]) -> tuple[int, int, int]:
    """Return how many fine cells a coarse one spans along each axis."""
    return (
        1 if fine.shape[0] == coarse.shape[0] else 2,
        1 if fine.shape[1] == coarse.shape[1] else 2,
        1 if fine.shape[2] == coarse.shape[2] else 2,
    )


@njit(**DEVICE)
def _relax_row(
    rows: NDArray[np.float32], right: NDArray[np.float32], x: NDArray[np.float32], parity: int
) -> float:
    """Solve every other cell of a row; return the sum of right × field."""
    total, diagonal = rows[0], rows[1]
    zero = np.float32(0)
    for i in range(1, x.size - 1):
        solved = (right[i] + total[i]) / diagonal[i] if diagonal[i] > zero else zero
        x[i] = solved if (i + parity) & 1 == 0 else x[i]
    part = zero
    for i in range(1, x.size - 1):
        part += right[i] * x[i]
    return part


@njit(**DEVICE)
def _begin_row(
    rows: NDArray[np.float32], right: NDArray[np.float32], x: NDArray[np.float32], parity: int
) -> None:
    """Solve every other cell of a row against a zero field; zero the rest."""
    diagonal = rows[1]
    zero = np.float32(0)
    for i in range(1, x.size - 1):
        mine = ((i + parity) & 1 == 0) & (diagonal[i] > zero)
        x[i] = right[i] / diagonal[i] if mine else zero


@njit(**DEVICE)
def _correct_row(rows: NDArray[np.float32], coarse: NDArray[np.float32], factor: int, x: NDArray[np.float32]) -> None:
    """Add the coarse correction to the conducting cells of a row."""
    diagonal, step = rows[1], rows[2]
    zero = np.float32(0)
    _spread(coarse, factor, step)
    for i in range(1, x.size - 1):
        x[i] += step[i] if diagonal[i] > zero else zero


@njit(**DEVICE)
def _smooth_plane(
    op: Operator,
    right: NDArray[np.float32],
    x: NDArray[np.float32],
    coarse: NDArray[np.float32],
    k: int,
    step: tuple[int, int],
) -> float:
    """Do one step of `smooth` on a plane; return the plane's sum of right × field."""
    kind, colour = step
    fz, fy, fx = _factors(x, coarse)
    rows = np.empty((5, x.shape[2]), np.float32)
    dot = 0.0
    for j in range(1, x.shape[1] - 1):
        stencil(op, x, k, j, rows)
        row = x[k, j]
        if kind == _RELAX:
            dot += _relax_row(rows, right[k, j], row, (k + j + colour) & 1)
        elif kind == FROM_ZERO:
            _begin_row(rows, right[k, j], row, (k + j + colour) & 1)
        else:
            _correct_row(rows, coarse[(k + fz - 1) // fz, (j + fy - 1) // fy], fx, row)
        wrap_row(op.wraps, x, k, j)
    wrap_plane(op.wraps, x, k)
    return dot


@njit(**KERNEL)
def smooth(
    op: Operator,
    right: NDArray[np.float32],
    x: NDArray[np.float32],
    coarse: NDArray[np.float32],
    how: tuple[int, int],
    dots: NDArray[np.float64],
    part: Slab,
) -> None:
    """Relax a slab of a field by one red-black Gauss-Seidel sweep, in three steps.

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
    dots : ndarray of float64, shape (Z + 2, 1)
        The sum of right-hand side × field of each plane, written.
    part : tuple of int
        Which planes, and which phase.
    """
    # What the three steps do: begin or correct, relax one colour, relax the other.
    for k in range(part[0], part[1] + 2):
        for step in range(3):
            idle = (step == 0 and how[0] == FROM_GUESS) or (step == 1 and how[0] == FROM_ZERO)
            if is_due(k - step, step, part) and not idle:
                kind = how[0] if step == 0 else _RELAX
                colour = how[1] if step < 2 else 1 - how[1]
                dots[k - step, 0] = _smooth_plane(op, right, x, coarse, k - step, (kind, colour))


@njit(**KERNEL)
def restrict(
    op: Operator,
    right: NDArray[np.float32],
    x: NDArray[np.float32],
    coarse: NDArray[np.float32],
    near: int,
    far: int,
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
    near, far : int
        Coarse planes to write, from `near` to ``far - 1``.
    """
    fz, fy, fx = _factors(x, coarse)
    planes, lines = x.shape[0] - 2, x.shape[1] - 2
    rows = np.empty((5, x.shape[2]), np.float32)
    sums = np.empty(x.shape[2] + 1, np.float32)
    for big_k in range(near, far):
        for big_j in range(1, coarse.shape[1] - 1):
            sums[:] = np.float32(0)
            for k in range(1 + (big_k - 1) * fz, min(1 + big_k * fz, planes + 1)):
                for j in range(1 + (big_j - 1) * fy, min(1 + big_j * fy, lines + 1)):
                    stencil(op, x, k, j, rows)
                    _add_residual(rows, right[k, j], x[k, j], sums)
            _collect(sums, fx, coarse[big_k, big_j])


@njit(**DEVICE)
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


@njit(**DEVICE)
def _collect(sums: NDArray[np.float32], factor: int, out: NDArray[np.float32]) -> None:
    """Add up neighbours along a row; `sums` has a zero past its end."""
    if factor == 1:
        for i in range(1, out.size - 1):
            out[i] = sums[i]
    else:
        for i in range(1, out.size - 1):
            out[i] = sums[2 * i - 1] + sums[2 * i]


@njit(**KERNEL)
def coarsen(
    op: Operator,
    shape: tuple[int, int, int],
    ratios: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    out: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    near: int,
    far: int,
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
    near, far : int
        Coarse planes to write, from `near` to ``far - 1``; the first also writes the ghosts.
    """
    gz, gy, gx = out
    nz, ny, nx = shape
    cz, cy, cx = gz.shape[0] - 2, gz.shape[1] - 2, gz.shape[2] - 2
    fz, fy, fx = 1 if cz == nz else 2, 1 if cy == ny else 2, 1 if cx == nx else 2
    for big_k in range(near - (near == 1), far):
        z = (1 + (big_k - 1) * fz, min(big_k * fz, nz))
        for big_j in range(cy + 1):
            y = (1 + (big_j - 1) * fy, min(big_j * fy, ny))
            for big_i in range(cx + 1):
                x = (1 + (big_i - 1) * fx, min(big_i * fx, nx))
                for axis in range(3):
                    total = _faces(op, axis, z, y, x)
                    if axis == 0:
                        gz[big_k, big_j, big_i] = ratios[0][big_k] * total
                    elif axis == 1:
                        gy[big_k, big_j, big_i] = ratios[1][big_j] * total
                    else:
                        gx[big_k, big_j, big_i] = ratios[2][big_i] * total


@njit(**DEVICE)
def _faces(
    op: Operator, axis: int, z: tuple[int, int], y: tuple[int, int], x: tuple[int, int]
) -> float:
    """Sum the conductances of the far faces of a box of cells, bounds included."""
    total = 0.0
    for k in range(z[1] if axis == 0 else max(z[0], 1), z[1] + 1):
        for j in range(y[1] if axis == 1 else max(y[0], 1), y[1] + 1):
            for i in range(x[1] if axis == 2 else max(x[0], 1), x[1] + 1):
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


@njit(**DEVICE)
def _couple(matrix: NDArray[np.float64], near: int, far: int, g: float) -> None:
    matrix[near, near] += g
    matrix[far, far] += g
    matrix[near, far] -= g
    matrix[far, near] -= g
