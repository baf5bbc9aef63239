"""The sums over the faces of the voxels, run by run.

A *run* is a stretch of a plane, whole rows with their ghosts, long enough for vector
instructions and short enough for the first cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.transport.halves import widen
from ssbtomo.kernels.transport.operator import (
    CONTACT,
    DEVICE,
    FACES,
    INLINE,
    MASK,
    OPEN,
    STORED,
    Operator,
    across,
    in_cells,
    in_masks,
    join,
)

__all__ = ["Run", "add_drive", "conductance", "rows_per_run", "stencil"]

_RUN = 2048
"""Voxels in a run, about: five arrays of them fit the first cache."""

Run = tuple[int, int, int]
"""A plane, and the first and one past the last voxel of a stretch of it."""


@njit(**DEVICE)
def rows_per_run(op: Operator) -> int:
    """Return the even number of rows that make a run.

    Parameters
    ----------
    op : Operator
        The grid.
    """
    return 2 * max(1, _RUN // (2 * op.pitch))


@njit(**DEVICE)
def _decode(op: Operator, k: int, first: int, out: NDArray[Any]) -> None:
    """Write the table values of a stretch of a plane."""
    codes = op.codes[k, first : first + out.size]
    for i in range(out.size):
        out[i] = op.table[codes[i]]


@njit(**DEVICE)
def _meet(
    op: Operator, axis: int, here: tuple[int, int], there: tuple[int, int], out: NDArray[Any]
) -> None:
    """Write the table values of a stretch with the resistances of its contact with another."""
    table, contact = op.table, op.contact
    near = op.codes[here[0], here[1] : here[1] + out.size]
    far = op.codes[there[0], there[1] : there[1] + out.size]
    for i in range(out.size):
        out[i] = across(table, contact, axis, near[i], far[i])


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
    if how[0] != OPEN:
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
def _sums_faces(
    op: Operator,
    x: NDArray[Any],
    run: Run,
    sums: tuple[NDArray[Any], NDArray[Any]],
    work: NDArray[Any],
) -> None:
    """Do `stencil` from the open areas of the faces."""
    k, first, last = run
    total, diagonal = sums
    total[:] = 0
    diagonal[:] = 0
    zero, size = total.dtype.type(0), last - first
    areas = work[0, :size]
    for side in range(6):
        axis, ahead = side // 2, side % 2
        step = 0 if axis == 0 else (op.pitch if axis == 1 else 1)
        plane = k + (2 * ahead - 1) * int(axis == 0)
        start = first + (2 * ahead - 1) * step
        codes = op.faces[axis, k if ahead else plane, (first if ahead else start) :]
        opening, weight = op.opening[axis], op.weights[axis]
        for i in range(size):
            areas[i] = weight * opening[codes[i]]
        neighbours = x[plane, start : start + size]
        for i in range(size):
            total[i] += areas[i] * neighbours[i]
            diagonal[i] += areas[i]
        if axis == op.axis and op.edges[ahead] == 2.0:
            for i in range(size):
                at = (
                    k
                    if axis == 0
                    else ((first + i) // op.pitch if axis == 1 else (first + i) % op.pitch)
                )
                diagonal[i] += areas[i] if at == (op.size[axis] if ahead else 1) else zero


@in_cells
def _sums_cells(
    op: Operator,
    x: NDArray[Any],
    run: Run,
    sums: tuple[NDArray[Any], NDArray[Any]],
    work: NDArray[Any],
) -> None:
    """Do `stencil` where conductances are made from codes."""
    if op.mode == FACES:
        _sums_faces(op, x, run, sums, work)
    else:
        _sums_tables(op, x, run, sums, work)


@njit(**DEVICE)
def _sums_tables(
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
        if op.mode == CONTACT:
            _meet(op, axis, (k, first), (plane, first + step), work[1, :size])
            far = work[1, :size]
        neighbours = x[plane, first + step : last + step]
        _add_faces((op.mode, op.weights[axis]), here, far, neighbours, sums)
    _add_electrodes(op, run, here, sums[1])


@njit(**INLINE)
def _add_electrodes(op: Operator, run: Run, here: NDArray[Any], diagonal: NDArray[Any]) -> None:
    """Count the faces on the electrodes once more where they are half a voxel away."""
    k, first, last = run
    nz, ny, nx = op.size
    weight = op.weights[op.axis]
    before, after = op.edges[0] == 2.0, op.edges[1] == 2.0
    for j in range(first // op.pitch, last // op.pitch):
        start = j * op.pitch - first
        at, end = (k, nz) if op.axis == 0 else (j, ny)
        times = int(at == 1 and before) + int(at == end and after) if op.axis < 2 else 0
        for i in range(start + 1, start + 1 + nx if times else start + 1):
            diagonal[i] += times * weight * join(op.mode, here[i], here[i])
        if op.axis == 2 and before:
            diagonal[start + 1] += weight * join(op.mode, here[start + 1], here[start + 1])
        if op.axis == 2 and after:
            diagonal[start + nx] += weight * join(op.mode, here[start + nx], here[start + nx])


@njit(**DEVICE)
def _counted(code: Any, wz: Any, wy: Any, wx: Any) -> Any:
    """Return the conductance of all faces of a voxel of a mask from the counts of open ones."""
    vertical = wz * np.uint8(code & 3) + wy * np.uint8((code >> 2) & 3)
    return vertical + wx * np.uint8(code >> 4)


@in_masks
def _sums_mask(
    op: Operator,
    x: NDArray[Any],
    run: Run,
    sums: tuple[NDArray[Any], NDArray[Any]],
    work: NDArray[Any],
) -> None:
    """Do `stencil` where one phase conducts: counts of open faces tell the diagonal."""
    k, first, last = run
    total = sums[0]
    wz = total.dtype.type(op.weights[0])
    wy = total.dtype.type(op.weights[1])
    wx = total.dtype.type(op.weights[2])
    up, down = x[k - 1, first:last], x[k + 1, first:last]
    north, south = (
        x[k, first - op.pitch : last - op.pitch],
        x[k, first + op.pitch : last + op.pitch],
    )
    west, east = x[k, first - 1 : last - 1], x[k, first + 1 : last + 1]
    diagonal, codes = sums[1], op.codes[k, first:last]
    for i in range(total.size):
        total[i] = wz * (up[i] + down[i]) + wy * (north[i] + south[i]) + wx * (west[i] + east[i])
        diagonal[i] = _counted(codes[i], wz, wy, wx)


@in_masks
def _count_mask(
    op: Operator,
    x: NDArray[Any],
    run: Run,
    sums: tuple[NDArray[Any], NDArray[Any]],
    work: NDArray[Any],
) -> None:
    """Do `conductance` where one phase conducts."""
    diagonal, codes = sums[1], op.codes[run[0], run[1] : run[2]]
    wz = diagonal.dtype.type(op.weights[0])
    wy = diagonal.dtype.type(op.weights[1])
    wx = diagonal.dtype.type(op.weights[2])
    for i in range(diagonal.size):
        diagonal[i] = _counted(codes[i], wz, wy, wx)


@njit(**INLINE)
def _sums_stored(
    op: Operator, x: NDArray[Any], run: Run, sums: tuple[NDArray[Any], NDArray[Any]]
) -> None:
    """Do `stencil` from stored conductances."""
    k, first, last = run
    total, diagonal = sums
    up, down = x[k - 1, first:last], x[k + 1, first:last]
    above, below = op.gz[k - 1, first:last], op.gz[k, first:last]
    for i in range(total.size):
        over, under = widen(above[i]), widen(below[i])
        total[i] = over * up[i] + under * down[i]
        diagonal[i] = over + under
    back, front = op.gy[k, first - op.pitch : last - op.pitch], op.gy[k, first:last]
    north, south = (
        x[k, first - op.pitch : last - op.pitch],
        x[k, first + op.pitch : last + op.pitch],
    )
    for i in range(total.size):
        over, under = widen(back[i]), widen(front[i])
        total[i] += over * north[i] + under * south[i]
        diagonal[i] += over + under
    left, right = op.gx[k, first - 1 : last - 1], op.gx[k, first:last]
    west, east = x[k, first - 1 : last - 1], x[k, first + 1 : last + 1]
    for i in range(total.size):
        over, under = widen(left[i]), widen(right[i])
        total[i] += over * west[i] + under * east[i]
        diagonal[i] += over + under


@njit(**DEVICE)
def conductance(
    op: Operator,
    x: NDArray[Any],
    run: Run,
    sums: tuple[NDArray[Any], NDArray[Any]],
    work: NDArray[Any],
) -> None:
    """Do the second sum of `stencil` only; the first holds anything, and so do ghosts.

    Parameters
    ----------
    op, x, run, sums, work : various
        As of `stencil`.
    """
    if op.mode == MASK:
        _count_mask(op, x, run, sums, work)
    elif op.mode == STORED:
        k, first, last = run
        diagonal = sums[1]
        above, below = op.gz[k - 1, first:last], op.gz[k, first:last]
        back, front = op.gy[k, first - op.pitch : last - op.pitch], op.gy[k, first:last]
        left, right = op.gx[k, first - 1 : last - 1], op.gx[k, first:last]
        for i in range(diagonal.size):
            vertical = widen(above[i]) + widen(below[i]) + widen(back[i]) + widen(front[i])
            diagonal[i] = vertical + widen(left[i]) + widen(right[i])
    else:
        _sums_cells(op, x, run, sums, work)


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

    Parameters
    ----------
    op : Operator
        The grid.
    x : ndarray, shape (Z + 2, area)
        The field.
    run : tuple of int
        A plane, and the first and one past the last voxel of the run.
    sums : tuple of ndarray
        Both sums, written.
    work : ndarray
        Room for two runs, the first with a row before and after.
    """
    if op.mode == MASK:
        _sums_mask(op, x, run, sums, work)
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
    """Add to each conducting voxel of a run the net current that the linear potential drives.

    With sources, their current is added instead.

    Parameters
    ----------
    op : Operator
        The finest grid.
    run : tuple of int
        A plane, and the first and one past the last voxel of the run.
    net : ndarray of float64
        Changed in place.
    """
    k, first, last = run
    if op.source.shape[0] > 1:
        source, charge = op.source[k, first:last], op.charge
        for i in range(net.size):
            net[i] += charge[source[i]]
        return
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
    table, contact, mode, axis = op.table, op.contact, op.mode, op.axis
    if mode == FACES:
        near, far = op.faces[axis, k - layer, first - step :], op.faces[axis, k, first:]
        opening = op.opening[axis]
        for i in range(net.size):
            net[i] += weight * (opening[near[i]] - opening[far[i]])
        return
    for i in range(net.size):
        near = table[here[i]]
        one = join(mode, near, across(table, contact, axis, here[i], before[i]))
        two = join(mode, near, across(table, contact, axis, here[i], after[i]))
        net[i] += weight * (one - two)
