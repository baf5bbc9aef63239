"""Passes over a grid: smoothing, restriction, coarsening; `team` runs them in parallel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.transport.halves import pack, widen
from ssbtomo.kernels.transport.operator import DEVICE, INLINE, KERNEL, MASK, Operator, face_row
from ssbtomo.kernels.transport.stencil import conductance, rows_per_run, stencil
from ssbtomo.kernels.transport.team import Slab, is_due

__all__ = ["FROM_COARSE", "FROM_GUESS", "FROM_ZERO", "assemble", "coarsen", "restrict", "smooth"]

FROM_ZERO = 0
"""Smooth a field that is zero: the first colour needs no neighbours."""
FROM_GUESS = 1
"""Smooth the field as it is."""
FROM_COARSE = 2
"""Add the coarse grid's correction first."""
_RELAX = 3

Grids = tuple[Operator, Operator]
Fields = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
Pair = tuple[int, int]


@njit(**INLINE)
def _wrap_plane(op: Operator, plane: NDArray[Any]) -> None:
    """Refresh the ghosts of a plane whose sides are joined."""
    _, ny, nx = op.size
    if op.wraps[2]:
        for j in range(1, ny + 1):
            start = j * op.pitch
            plane[start] = plane[start + nx]
            plane[start + nx + 1] = plane[start + 1]
    if op.wraps[1]:
        for i in range(op.pitch):
            plane[i] = plane[ny * op.pitch + i]
            plane[(ny + 1) * op.pitch + i] = plane[op.pitch + i]


@njit(**DEVICE)
def _factors(grids: Grids) -> tuple[int, int, int]:
    """Return how many fine cells a coarse one spans along each axis."""
    fine, coarse = grids[0].size, grids[1].size
    return (
        1 if fine[0] == coarse[0] else 2,
        1 if fine[1] == coarse[1] else 2,
        1 if fine[2] == coarse[2] else 2,
    )


@njit(**INLINE)
def _relax(
    sums: tuple[NDArray[Any], NDArray[Any]],
    right: NDArray[Any],
    x: NDArray[Any],
    parity: int,
) -> float:
    """Solve every other voxel of a run; return the sum of right × field."""
    total, diagonal = sums
    zero = x.dtype.type(0)
    part = zero
    for i in range(x.size):
        given = widen(right[i])
        solved = (given + total[i]) / diagonal[i] if diagonal[i] > zero else zero
        value = solved if (i + parity) & 1 == 0 else x[i]
        x[i] = value
        part += given * value
    return float(part)


@njit(**INLINE)
def _begin(diagonal: NDArray[Any], right: NDArray[Any], x: NDArray[Any], parity: int) -> None:
    """Solve every other voxel of a run against a zero field; zero the rest."""
    zero = x.dtype.type(0)
    for i in range(x.size):
        mine = ((i + parity) & 1 == 0) & (diagonal[i] > zero)
        x[i] = widen(right[i]) / diagonal[i] if mine else zero


@njit(**DEVICE)
def _correct(grids: Grids, coarse: NDArray[Any], k: int, x: NDArray[Any]) -> None:
    """Add the coarse correction to a plane; relaxing will clear what does not conduct.

    Of a mask that must stay zero, as its stencil adds up neighbours without asking.
    """
    fz, fy, fx = _factors(grids)
    op, below = grids
    nx = op.size[2]
    plane = coarse[(k + fz - 1) // fz]
    step = np.empty(nx + 1, x.dtype)
    for j in range(1, op.size[1] + 1):
        start = ((j + fy - 1) // fy) * below.pitch
        row, into = plane[start : start + below.pitch], x[j * op.pitch : (j + 1) * op.pitch]
        if fx == 1:
            for i in range(1, nx + 1):
                step[i] = row[i]
        else:
            for i in range(1, nx // 2 + 1):
                step[2 * i - 1] = row[i]
                step[2 * i] = row[i]
            step[nx] = row[(nx + 1) // 2]
        if op.mode == MASK:
            codes = op.codes[k, j * op.pitch : (j + 1) * op.pitch]
            for i in range(1, nx + 1):
                into[i] += step[i] if codes[i] > 0 else x.dtype.type(0)
        else:
            for i in range(1, nx + 1):
                into[i] += step[i]


@njit(**INLINE)
def _smooth_plane(grids: Grids, fields: Fields, k: int, step: Pair) -> float:
    """Do one step of `smooth` on a plane; return the plane's sum of right × field."""
    op = grids[0]
    right, x, coarse = fields
    kind, colour = step
    rows, pitch, end = rows_per_run(op), op.pitch, (op.size[1] + 1) * op.pitch
    room = np.empty((2, rows * pitch), x.dtype)
    work = np.empty((2, (rows + 2) * pitch), x.dtype)
    dot = 0.0
    if kind == FROM_COARSE:
        _correct(grids, coarse, k, x[k])
        end = 0
    for first in range(pitch, end, rows * pitch):
        last = min(first + rows * pitch, end)
        run = (k, first, last)
        sums = (room[0, : last - first], room[1, : last - first])
        here, b = x[k, first:last], right[k, first:last]
        parity = (first + k + colour) & 1
        if kind == _RELAX:
            stencil(op, x, run, sums, work)
            dot += _relax(sums, b, here, parity)
        else:
            conductance(op, x, run, sums, work)
            _begin(sums[1], b, here, parity)
    _wrap_plane(op, x[k])
    return dot


@njit(**KERNEL)
def smooth(grids: Grids, fields: Fields, how: Pair, dots: NDArray[np.float64], part: Slab) -> None:
    """Relax a slab of a field by one red-black Gauss-Seidel sweep, in three steps.

    Parameters
    ----------
    grids : tuple of Operator
        The grid, and the next coarser one.
    fields : tuple of ndarray
        Right-hand side; the field, changed in place; and the coarse grid's correction,
        used with `FROM_COARSE`.
    how : tuple of int
        What the field starts from (`FROM_ZERO`, `FROM_GUESS`, `FROM_COARSE`), and the parity
        of the cells that are solved first. Parities in reverse order make the adjoint sweep.
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
                dots[k - step, 0] = _smooth_plane(grids, fields, k - step, (kind, colour))


@njit(**KERNEL)
def restrict(grids: Grids, fields: Fields, near: int, far: int) -> None:
    """Sum the residual of a fine grid over the cells of the coarse one.

    Parameters
    ----------
    grids : tuple of Operator
        The fine grid, and the coarse one.
    fields : tuple of ndarray
        Fine right-hand side and field; the coarse right-hand side, written.
    near, far : int
        Coarse planes to write, from `near` to ``far - 1``.
    """
    op = grids[0]
    right, x, coarse = fields
    fz = _factors(grids)[0]
    rows, pitch, end = rows_per_run(op), op.pitch, (op.size[1] + 1) * op.pitch
    room = np.empty((3, rows * pitch), x.dtype)
    work = np.empty((2, (rows + 2) * pitch), x.dtype)
    for big_k in range(near, far):
        for first in range(pitch, end, rows * pitch):
            last = min(first + rows * pitch, end)
            rest = room[2]
            rest[:] = 0
            for k in range(1 + (big_k - 1) * fz, min(1 + big_k * fz, op.size[0] + 1)):
                sums = (room[0, : last - first], room[1, : last - first])
                stencil(op, x, (k, first, last), sums, work)
                _add_residual(sums, right[k, first:last], x[k, first:last], rest)
            _collect(grids, rest, (first // pitch, last // pitch), coarse[big_k])


@njit(**INLINE)
def _add_residual(
    sums: tuple[NDArray[Any], NDArray[Any]],
    right: NDArray[Any],
    x: NDArray[Any],
    rest: NDArray[Any],
) -> None:
    total, diagonal = sums
    zero = x.dtype.type(0)
    for i in range(x.size):
        left = widen(right[i]) + total[i] - diagonal[i] * x[i]
        rest[i] += left if diagonal[i] > zero else zero


@njit(**INLINE)
def _collect(grids: Grids, rest: NDArray[Any], rows: Pair, out: NDArray[Any]) -> None:
    """Add up the residual of some rows over the cells of coarse rows."""
    op, below = grids
    _, fy, fx = _factors(grids)
    big_x = below.size[2]
    heap = np.zeros(big_x + 1, rest.dtype)
    for big_j in range((rows[0] + fy - 1) // fy, (rows[1] - 2 + fy) // fy + 1):
        into = out[big_j * below.pitch : (big_j + 1) * below.pitch]
        heap[: big_x + 1] = 0
        for j in range(max(rows[0], 1 + (big_j - 1) * fy), min(rows[1], 1 + big_j * fy)):
            start = (j - rows[0]) * op.pitch
            row = rest[start : start + op.pitch]
            if fx == 1:
                for i in range(1, big_x + 1):
                    heap[i] += row[i]
            else:  # past the end of an odd row stands a ghost, whose residual is zero
                for i in range(1, big_x + 1):
                    heap[i] += row[2 * i - 1] + row[2 * i]
        for i in range(1, big_x + 1):
            into[i] = pack(into, heap[i])


@njit(**KERNEL)
def coarsen(
    grids: Grids,
    ratios: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    near: int,
    far: int,
) -> None:
    """Write the conductances of a coarse grid: sums over the fine faces between its cells.

    Parameters
    ----------
    grids : tuple of Operator
        The fine grid, and the coarse one, whose conductances are added to.
    ratios : tuple of ndarray of float64
        For each axis and each coarse face from 0 on: fine distance over coarse distance
        between the cells on its two sides.
    near, far : int
        Coarse planes to write, from `near` to ``far - 1``; the first also writes the ghosts.
    """
    op, below = grids
    fz, fy, _ = _factors(grids)
    nz, ny, nx = op.size
    row = np.empty(nx + 1)
    sums = np.empty((3, below.gz.shape[1]), np.float32)
    for big_k in range(near - (near == 1), far):
        sums[:] = 0
        first = max(1, 1 + (big_k - 1) * fz)
        last = min(big_k * fz, nz)
        for axis in range(3):  # in a loop, as `face_row` is compiled once for a variable only
            for k in range(last if axis == 0 else first, last + 1):
                for turn in range(int(axis != 1), (below.size[1] if axis == 1 else ny) + 1):
                    j = min(turn * fy, ny) if axis == 1 else turn
                    big_j = turn if axis == 1 else (j + fy - 1) // fy
                    face_row(op, axis, k, j, row)
                    if axis == 2:
                        _pick(grids, big_j, ratios[2], row, sums[2])
                    else:
                        ratio = ratios[0][big_k] if axis == 0 else ratios[1][big_j]
                        _gather(grids, big_j, ratio, row, sums[axis])
        for at in range(sums.shape[1]):
            below.gz[big_k][at] = pack(below.gz[big_k], sums[0, at])
            below.gy[big_k][at] = pack(below.gy[big_k], sums[1, at])
            below.gx[big_k][at] = pack(below.gx[big_k], sums[2, at])


@njit(**INLINE)
def _gather(
    grids: Grids, big_j: int, ratio: float, row: NDArray[np.float64], out: NDArray[np.float32]
) -> None:
    """Add a row of face conductances to those of the coarse cells that they belong to."""
    below = grids[1]
    fx = _factors(grids)[2]
    into = out[big_j * below.pitch : (big_j + 1) * below.pitch]
    if fx == 1:
        for i in range(1, row.size):
            into[i] += ratio * row[i]
        return
    for i in range(1, row.size // 2 + row.size % 2):
        into[i] += ratio * (row[2 * i - 1] + row[2 * i])
    if row.size % 2 == 0:
        into[row.size // 2] += ratio * row[row.size - 1]


@njit(**INLINE)
def _pick(
    grids: Grids,
    big_j: int,
    ratios: NDArray[np.float64],
    row: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """Add those conductances along a row that lie between coarse cells."""
    below = grids[1]
    fx = _factors(grids)[2]
    into = out[big_j * below.pitch : (big_j + 1) * below.pitch]
    for big_i in range(below.size[2] + 1):
        into[big_i] += ratios[big_i] * row[min(big_i * fx, row.size - 1)]


@njit(nogil=True, cache=True)
def assemble(op: Operator, axis: int, matrix: NDArray[np.float64]) -> None:
    """Add the faces along an axis to the dense matrix of a small grid.

    Parameters
    ----------
    op : Operator
        The grid.
    axis : int
        Which faces.
    matrix : ndarray of float64, shape (cells, cells)
        Changed in place.
    """
    nz, ny, nx = op.size
    size = op.size[axis]
    stride = ny * nx if axis == 0 else (nx if axis == 1 else 1)
    row = np.empty(nx + 1)
    for k in range(1 - (axis == 0), nz + 1):
        for j in range(1 - (axis == 1), ny + 1):
            face_row(op, axis, k, j, row)
            for i in range(1 - (axis == 2), nx + 1):
                index = k if axis == 0 else (j if axis == 1 else i)
                near = ((k - 1) * ny + (j - 1)) * nx + (i - 1)
                if 0 < index < size:
                    _couple(matrix, near, near + stride, row[i])
                elif not op.wraps[axis]:  # what is held behind an outer face, if anything
                    inside = near + stride if index == 0 else near
                    matrix[inside, inside] += row[i]
                elif index == size:
                    _couple(matrix, near, near + stride - size * stride, row[i])


@njit(**INLINE)
def _couple(matrix: NDArray[np.float64], near: int, far: int, g: float) -> None:
    matrix[near, near] += g
    matrix[far, far] += g
    matrix[near, far] -= g
    matrix[far, near] -= g
