"""Passes over the finest grid in float64: conjugate-gradient steps, residual, layer currents."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ssbtomo.kernels.transport.operator import (
    DEVICE,
    KERNEL,
    MASK,
    SERIES,
    Operator,
    add_difference,
    decode,
    edge,
    join,
    stencil,
)
from ssbtomo.kernels.transport.sweeps import wrap_plane, wrap_row
from ssbtomo.kernels.transport.team import Slab, is_due

__all__ = ["advance", "count_faces", "direct", "layer_currents"]


@njit(**KERNEL)
def count_faces(
    mask: NDArray[np.uint8], axis: int, codes: NDArray[np.uint8], near: int, far: int
) -> None:
    """Pack into one byte how many conducting neighbours each conducting voxel has.

    Parameters
    ----------
    mask : ndarray of uint8, padded
        1 where the phase conducts; ghosts mirror the electrodes and wrap joined sides.
    axis : int
        The transport axis; a face on an electrode counts twice, being half a voxel away.
    codes : ndarray of uint8, padded
        Written inside: two bits each for Z, Y and X.
    near, far : int
        Planes to write, from `near` to ``far - 1``.
    """
    for k in range(near, far):
        for j in range(1, mask.shape[1] - 1):
            _count_row(mask, axis, k, j, codes[k, j])


@njit(**DEVICE)
def _count_row(mask: NDArray[np.uint8], axis: int, k: int, j: int, codes: NDArray[np.uint8]) -> None:
    row, up, down, north, south = mask[k, j], mask[k - 1, j], mask[k + 1, j], mask[k, j - 1], mask[k, j + 1]
    nz, ny, nx = mask.shape[0] - 2, mask.shape[1] - 2, mask.shape[2] - 2
    z = int(k == 1) + int(k == nz) if axis == 0 else 0
    y = int(j == 1) + int(j == ny) if axis == 1 else 0
    outer = z + 4 * y
    for i in range(1, nx + 1):
        count = outer + up[i] + down[i] + 4 * (north[i] + south[i]) + 16 * (row[i - 1] + row[i + 1])
        codes[i] = count if row[i] else 0
    if axis == 2:
        codes[1] += 16 * row[1]
        codes[nx] += 16 * row[nx]


@njit(**DEVICE)
def _combine(op: Operator, z: NDArray[np.float32], p: NDArray[np.float32], k: int, beta: float) -> None:
    """Set a plane of the search direction to z + beta × direction."""
    share = np.float32(beta)
    for j in range(1, p.shape[1] - 1):
        row, new = p[k, j], z[k, j]
        for i in range(1, row.size - 1):
            row[i] = new[i] + share * row[i]
        wrap_row(op.wraps, p, k, j)
    wrap_plane(op.wraps, p, k)


@njit(**DEVICE)
def _curvature(op: Operator, p: NDArray[np.float32], k: int) -> float:
    """Return a plane's part of the sum of direction × operator × direction."""
    rows = np.empty((5, p.shape[2]), np.float32)
    total, diagonal = rows[0], rows[1]
    result = 0.0
    for j in range(1, p.shape[1] - 1):
        stencil(op, p, k, j, rows)
        row = p[k, j]
        part = np.float32(0)
        for i in range(1, row.size - 1):
            part += row[i] * (diagonal[i] * row[i] - total[i])
        result += part
    return result


@njit(**KERNEL)
def direct(
    op: Operator,
    z: NDArray[np.float32],
    p: NDArray[np.float32],
    beta: float,
    sums: NDArray[np.float64],
    part: Slab,
) -> None:
    """Turn the search direction, p = z + beta p, and sum p · A p, in two steps.

    Parameters
    ----------
    op : Operator
        The finest grid.
    z : ndarray of float32, padded
        The preconditioned residual.
    p : ndarray of float32, padded
        The direction, changed in place.
    beta : float
        Share of the old direction.
    sums : ndarray of float64, shape (Z + 2, 1)
        Each plane's part of the curvature along the new direction, written.
    part : tuple of int
        Which planes, and which phase.
    """
    for k in range(part[0], part[1] + 1):
        if is_due(k, 0, part):
            _combine(op, z, p, k, beta)
        if is_due(k - 1, 1, part):
            sums[k - 1, 0] = _curvature(op, p, k - 1)


@njit(**DEVICE)
def _step(op: Operator, x: NDArray[np.float64], p: NDArray[np.float32], k: int, alpha: float) -> None:
    """Move a plane of the potential along the direction."""
    for j in range(1, p.shape[1] - 1):
        row, way = x[k, j], p[k, j]
        for i in range(1, row.size - 1):
            row[i] += alpha * way[i]
        wrap_row(op.wraps, x, k, j)
    wrap_plane(op.wraps, x, k)


@njit(**DEVICE)
def _face_row(
    op: Operator, axis: int, near: NDArray[np.float64], far: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Write the conductances between two rows of table values, in float64."""
    weight = op.weights[axis]
    if op.mode == SERIES:
        for i in range(out.size):
            out[i] = weight / (near[i] + far[i])
    else:
        for i in range(out.size):
            both = (near[i] > 0.0) & (far[i] > 0.0)
            out[i] = weight * (near[i] + far[i]) if both else 0.0


@njit(**DEVICE)
def _net_current(op: Operator, x: NDArray[np.float64], k: int, j: int, rows: NDArray[np.float64]) -> None:
    """Write into rows[0] what flows into each voxel of a row: the residual."""
    if op.mode == MASK:
        _net_current_mask(op, x, k, j, rows)
        return
    nz, ny, nx = x.shape[0] - 2, x.shape[1] - 2, x.shape[2] - 2
    net, near, far, g = rows[0], rows[1], rows[2], rows[3]
    net[:] = 0.0
    decode(op, k, j, near)
    for axis, step in ((0, -1), (0, 1), (1, -1), (1, 1)):
        kk, jj = (k + step, j) if axis == 0 else (k, j + step)
        decode(op, kk, jj, far)
        _face_row(op, axis, near, far, g)
        index = min(k, kk) if axis == 0 else min(j, jj)
        drive = -float(step) if axis == op.axis else 0.0
        add_difference(g, x[k, j], x[kk, jj], (edge(op, axis, index, nz if axis == 0 else ny), drive), net)
    _face_row(op, 2, near[:-1], near[1:], g[:-1])
    here = x[k, j]
    drive = 1.0 if op.axis == 2 else 0.0
    add_difference(g[:-2], here[1:-1], here[:-2], (1.0, drive), net[1:-1])
    add_difference(g[1:-1], here[1:-1], here[2:], (1.0, -drive), net[1:-1])
    if op.axis == 2:
        net[1] -= g[0] * here[1]
        net[nx] -= g[nx] * here[nx]


@njit(**DEVICE)
def _net_current_mask(
    op: Operator, x: NDArray[np.float64], k: int, j: int, rows: NDArray[np.float64]
) -> None:
    """Do `_net_current` where one phase conducts."""
    wz, wy, wx = op.weights[0], op.weights[1], op.weights[2]
    here, up, down, north, south = x[k, j], x[k - 1, j], x[k + 1, j], x[k, j - 1], x[k, j + 1]
    net, codes = rows[0], op.codes[k, j]
    for i in range(1, net.size - 1):
        net[i] = wz * (up[i] + down[i]) + wy * (north[i] + south[i]) + wx * (here[i - 1] + here[i + 1])
    for i in range(1, net.size - 1):
        code = codes[i]
        diagonal = wz * np.uint8(code & 3) + wy * np.uint8((code >> 2) & 3) + wx * np.uint8(code >> 4)
        net[i] = net[i] - diagonal * here[i] if code else 0.0
    weight = op.weights[op.axis]
    if op.axis == 2:
        _drive(codes[1:-1], codes[:-2], codes[2:], weight, net[1:-1])
    else:
        a, b = (1, 0) if op.axis == 0 else (0, 1)
        _drive(codes, op.codes[k - a, j - b], op.codes[k + a, j + b], weight, net)


@njit(**DEVICE)
def _drive(
    here: NDArray[np.uint8],
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    weight: float,
    net: NDArray[np.float64],
) -> None:
    """Add what the linear part of the potential drives into a row of voxels."""
    for i in range(net.size):
        one = np.int8(before[i] > 0) - np.int8(after[i] > 0)
        net[i] += weight * one if here[i] else 0.0


@njit(**DEVICE)
def _residual(
    op: Operator, x: NDArray[np.float64], r: NDArray[np.float32], k: int, sums: NDArray[np.float64]
) -> None:
    """Write a plane of the residual; sum its square, and its product with the potential."""
    rows = np.empty((4, x.shape[2]), np.float64)
    net = rows[0]
    square = 0.0
    product = 0.0
    for j in range(1, x.shape[1] - 1):
        _net_current(op, x, k, j, rows)
        row, out = x[k, j], r[k, j]
        for i in range(1, row.size - 1):
            out[i] = net[i]
        for i in range(1, row.size - 1):
            square += net[i] * net[i]
            product += net[i] * row[i]
    sums[0] = square
    sums[1] = product


@njit(**KERNEL)
def advance(
    op: Operator,
    x: NDArray[np.float64],
    p: NDArray[np.float32],
    alpha: float,
    r: NDArray[np.float32],
    sums: NDArray[np.float64],
    part: Slab,
) -> None:
    """Step along the direction, x += alpha p, and compute the true residual, in two steps.

    Parameters
    ----------
    op : Operator
        The finest grid.
    x : ndarray of float64, padded
        Deviation of the potential from the linear one, changed in place.
    p : ndarray of float32, padded
        The direction.
    alpha : float
        Length of the step.
    r : ndarray of float32, padded
        The residual, written.
    sums : ndarray of float64, shape (Z + 2, 2)
        The sums of residual² and of residual × deviation of each plane, written.
    part : tuple of int
        Which planes, and which phase.
    """
    for k in range(part[0], part[1] + 1):
        if is_due(k, 0, part):
            _step(op, x, p, k, alpha)
        if is_due(k - 1, 1, part):
            _residual(op, x, r, k - 1, sums[k - 1])


@njit(**KERNEL)
def layer_currents(
    op: Operator, x: NDArray[np.float64], sums: NDArray[np.float64], near: int, far: int
) -> None:
    """Add up, plane by plane, the currents through the faces across the transport axis.

    Parameters
    ----------
    op : Operator
        The finest grid.
    x : ndarray of float64, padded
        Deviation of the potential from the linear one.
    sums : ndarray of float64, shape (Z + 2, size + 1)
        Each plane's part of the current through each layer of faces, written.
    near, far : int
        Planes to write, from `near` to ``far - 1``.
    """
    for k in range(near, far):
        if op.axis == 0:
            _currents_across(op, x, k, sums[k])
        else:
            _currents_along(op, x, k, sums[k])


@njit(**DEVICE)
def _row_current(
    op: Operator, x: NDArray[np.float64], near: tuple[int, int], far: tuple[int, int], factor: float
) -> float:
    """Return the current from one row of voxels to the next."""
    table, series = op.table, op.mode == SERIES
    ours, theirs = op.codes[near], op.codes[far]
    here, there = x[near], x[far]
    total = 0.0
    for i in range(1, here.size - 1):
        g = join(series, table[ours[i]], table[theirs[i]])
        total += g * (factor * (here[i] - there[i]) + 1.0)
    return op.weights[op.axis] * total


@njit(**DEVICE)
def _currents_across(op: Operator, x: NDArray[np.float64], k: int, out: NDArray[np.float64]) -> None:
    """Add up the currents through the face before a plane, and after the last."""
    planes = x.shape[0] - 2
    for j in range(1, x.shape[1] - 1):
        out[k - 1] += _row_current(op, x, (k - 1, j), (k, j), edge(op, 0, k - 1, planes))
        if k == planes:
            out[k] += _row_current(op, x, (k, j), (k + 1, j), 2.0)


@njit(**DEVICE)
def _currents_along(op: Operator, x: NDArray[np.float64], k: int, out: NDArray[np.float64]) -> None:
    """Add up a plane's currents through the layers that cross it."""
    lines, size = x.shape[1] - 2, x.shape[2] - 2
    table, series = op.table, op.mode == SERIES
    for j in range(op.axis - 1, lines + 1):
        if op.axis == 1:
            out[j] += _row_current(op, x, (k, j), (k, j + 1), edge(op, 1, j, lines))
            continue
        codes, row = op.codes[k, j], x[k, j]
        for i in range(size + 1):
            g = op.weights[2] * join(series, table[codes[i]], table[codes[i + 1]])
            out[i] += g * (edge(op, 2, i, size) * (row[i] - row[i + 1]) + 1.0)
