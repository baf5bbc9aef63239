"""Passes over the finest grid: conjugate-gradient steps, float64 residual, layer currents."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.transport.halves import pack
from ssbtomo.kernels.transport.operator import INLINE, KERNEL, Operator, edge, face_row
from ssbtomo.kernels.transport.stencil import add_drive, rows_per_run, stencil
from ssbtomo.kernels.transport.team import Slab, is_due

__all__ = ["advance", "count_faces", "direct", "layer_currents"]


def count_faces(op: Operator, mask: NDArray[np.uint8], near: int, far: int) -> None:
    """Pack into one byte how many conducting neighbours each conducting voxel has.

    Parameters
    ----------
    op : Operator
        Its codes are written inside: two bits each for Z, Y and X. A face on an electrode
        counts twice, being half a voxel away.
    mask : ndarray of uint8, shape (Z + 2, area)
        1 where the phase conducts; ghosts mirror the electrodes and wrap joined sides.
    near, far : int
        Planes to write, from `near` to ``far - 1``.
    """
    pitch, size = op.pitch, op.size[op.axis]
    inner = slice(pitch, (op.size[1] + 1) * pitch)
    twice = np.zeros((1, *op.size[1:]), np.uint8)
    faces = np.moveaxis(twice, op.axis, 0)
    for k in range(near, far):
        here = mask[k]
        count = here[inner.start - 1 : inner.stop - 1] + here[inner.start + 1 : inner.stop + 1]
        count *= 4
        count += here[: inner.stop - pitch]
        count += here[inner.start + pitch :]
        count *= 4
        count += mask[k - 1, inner]
        count += mask[k + 1, inner]
        rows = count.reshape(op.size[1], pitch)[:, 1 : op.size[2] + 1]
        twice[:] = 0
        for index, held in ((1, op.edges[0] == 2.0), (size, op.edges[1] == 2.0)):
            if held and (op.axis or index == k):
                faces[index - 1 if op.axis else 0] += np.uint8(4**op.axis)
        rows += twice[0]
        rows *= here[inner].reshape(rows.shape[0], pitch)[:, 1 : op.size[2] + 1]
        op.codes[k, inner].reshape(rows.shape[0], pitch)[:, 1 : op.size[2] + 1] = rows


@njit(**INLINE)
def _combine(z: NDArray[Any], p: NDArray[Any], share: float) -> float:
    """Add a share of the old search direction to a plane, ghosts included; return its peak."""
    part = z.dtype.type(share)
    peak = z.dtype.type(0)
    for i in range(p.size):
        value = z[i] + part * z.dtype.type(p[i])
        z[i] = value
        peak = max(peak, abs(value))
    return float(peak)


@njit(**INLINE)
def _curvature(op: Operator, p: NDArray[Any], k: int) -> float:
    """Return a plane's part of the sum of direction × operator × direction."""
    rows, pitch, end = rows_per_run(op), op.pitch, (op.size[1] + 1) * op.pitch
    room = np.empty((2, rows * pitch), p.dtype)
    work = np.empty((2, (rows + 2) * pitch), p.dtype)
    result = 0.0
    for first in range(pitch, end, rows * pitch):
        last = min(first + rows * pitch, end)
        total, diagonal = room[0, : last - first], room[1, : last - first]
        stencil(op, p, (k, first, last), (total, diagonal), work)
        here = p[k, first:last]
        part = p.dtype.type(0)
        for i in range(here.size):
            part += here[i] * (diagonal[i] * here[i] - total[i])
        result += part
    return result


@njit(**KERNEL)
def direct(
    op: Operator,
    fields: tuple[NDArray[Any], NDArray[Any]],
    beta: float,
    sums: NDArray[np.float64],
    part: Slab,
) -> None:
    """Turn the search direction, z += beta p, and sum z · A z, in two steps.

    Parameters
    ----------
    op : Operator
        The finest grid.
    fields : tuple of ndarray
        The preconditioned residual z, which becomes the direction; and the old direction p,
        as `advance` stores it.
    beta : float
        Share of the old direction.
    sums : ndarray of float64, shape (Z + 2, 2)
        Each plane's part of the curvature along the new direction, and its largest value;
        written. The latter is read first: that of the old direction.
    part : tuple of int
        Which planes, and which phase.
    """
    z, p = fields
    for k in range(part[0], part[1] + 1):
        if is_due(k, 0, part):
            sums[k, 1] = _combine(z[k], p[k], beta * sums[k, 1] / np.iinfo(p.dtype).max)
        if is_due(k - 1, 1, part):
            sums[k - 1, 0] = _curvature(op, z, k - 1)


@njit(**INLINE)
def _step(
    x: NDArray[np.float64], z: NDArray[Any], p: NDArray[Any], how: tuple[float, float]
) -> None:
    """Move a plane of the potential along the direction, ghosts included, and store that."""
    alpha, peak = how
    scale = np.iinfo(p.dtype).max / peak if peak > 0.0 else 0.0
    for i in range(p.size):
        x[i] += alpha * z[i]
        p[i] = p.dtype.type(z[i] * scale)


@njit(**INLINE)
def _residual(
    op: Operator,
    fields: tuple[NDArray[np.float64], NDArray[Any], NDArray[Any]],
    k: int,
    sums: NDArray[np.float64],
) -> None:
    """Write a plane of the residual; sum its square, its products with potential and step."""
    x, z, r = fields
    rows, pitch, end = rows_per_run(op), op.pitch, (op.size[1] + 1) * op.pitch
    room = np.empty((2, rows * pitch), np.float64)
    work = np.empty((2, (rows + 2) * pitch), np.float64)
    square = 0.0
    product = 0.0
    slope = 0.0
    for first in range(pitch, end, rows * pitch):
        last = min(first + rows * pitch, end)
        run = (k, first, last)
        net, diagonal = room[0, : last - first], room[1, : last - first]
        stencil(op, x, run, (net, diagonal), work)
        here, along, out = x[k, first:last], z[k, first:last], r[k, first:last]
        add_drive(op, run, net)
        for i in range(here.size):
            value = net[i] - diagonal[i] * here[i] if diagonal[i] > 0.0 else 0.0
            square += value * value
            product += value * here[i]
            slope += value * along[i]
            out[i] = pack(out, value)
    sums[0] = square
    sums[1] = product
    sums[2] = slope


@njit(**KERNEL)
def advance(
    op: Operator,
    fields: tuple[NDArray[np.float64], NDArray[Any], NDArray[Any], NDArray[Any]],
    how: tuple[float, NDArray[np.float64]],
    sums: NDArray[np.float64],
    part: Slab,
) -> None:
    """Step along the direction, x += alpha z, and compute the true residual, in two steps.

    Parameters
    ----------
    op : Operator
        The finest grid.
    fields : tuple of ndarray
        The deviation x of the potential from the linear one in float64, changed in place;
        the direction z; its copy p in integers, the largest value of each plane the largest
        that there is, written; and the residual, written.
    how : tuple
        Length of the step, 0 for none, and what `direct` summed.
    sums : ndarray of float64, shape (Z + 2, 3)
        The sums of residual², residual × deviation and residual × direction of each plane,
        written.
    part : tuple of int
        Which planes, and which phase.
    """
    x, z, p, r = fields
    for k in range(part[0], part[1] + 1):
        if is_due(k, 0, part) and how[0] != 0.0:
            _step(x[k], z[k], p[k], (how[0], how[1][k, 1]))
        if is_due(k - 1, 1, part):
            _residual(op, (x, z, r), k - 1, sums[k - 1])


@njit(**KERNEL)
def layer_currents(
    op: Operator, x: NDArray[np.float64], sums: NDArray[np.float64], near: int, far: int
) -> None:
    """Add up, plane by plane, the currents through the faces across the transport axis.

    Parameters
    ----------
    op : Operator
        The finest grid.
    x : ndarray of float64, shape (Z + 2, area)
        Deviation of the potential from the linear one.
    sums : ndarray of float64, shape (Z + 2, size + 1)
        Each plane's part of the current through each layer of faces, written.
    near, far : int
        Planes to write, from `near` to ``far - 1``; the first also does the face before it.
    """
    _, ny, nx = op.size
    row = np.empty(nx + 1)
    layer = 1 if op.axis == 0 else 0
    step = op.pitch if op.axis == 1 else (1 if op.axis == 2 else 0)
    for k in range(near - (near == 1 and op.axis == 0), far):
        for j in range(0 if op.axis == 1 else 1, ny + 1):
            at = j * op.pitch
            face_row(op, op.axis, k, j, row)
            here, there = x[k, at : at + nx + 1], x[k + layer, at + step : at + step + nx + 1]
            # The faces on electrodes count twice in `row`, over half a voxel of drop.
            if op.axis == 2:
                for i in range(nx + 1):
                    sums[k, i] += row[i] * (here[i] - there[i] + 1.0)
                for i in (0, nx):
                    sums[k, i] += row[i] * (1.0 / edge(op, op.axis, i) - 1.0)
            else:
                drop = 1.0 / edge(op, op.axis, k if op.axis == 0 else j)
                total = 0.0
                for i in range(1, nx + 1):
                    total += row[i] * (here[i] - there[i] + drop)
                sums[k, k if op.axis == 0 else j] += total
