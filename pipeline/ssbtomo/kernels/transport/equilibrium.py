"""A current without sources, from one that nearly has none: the lower bound of Thomson.

What a potential leaves over in each voxel is carried to the electrodes along shortest paths;
the sum of both currents has no sources, to rounding, and its dissipation bounds the effective
conductivity from below.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ssbtomo.kernels.transport.operator import DEVICE, KERNEL, MASK, Operator, across, edge, join
from ssbtomo.kernels.transport.paths import PARENTS, beside
from ssbtomo.kernels.transport.stencil import add_drive, rows_per_run, stencil

__all__ = ["carry", "leftover"]


@njit(**KERNEL)
def leftover(
    op: Operator,
    fields: tuple[NDArray[np.float64], NDArray[np.float64]],
    sums: NDArray[np.float64],
    near: int,
    far: int,
) -> None:
    """Write what a potential leaves over in each voxel: the inflow less the outflow.

    Parameters
    ----------
    op : Operator
        The finest grid.
    fields : tuple of ndarray of float64, shape (Z + 2, area)
        The deviation of the potential from the linear one; the surplus, written, 0 in ghosts.
    sums : ndarray of float64, shape (Z + 2, 1)
        Each plane's sum of surplus × voxels from the first potential, written.
    near, far : int
        Planes to write, from `near` to ``far - 1``; the first and last also clear the ghosts.
    """
    x, rest = fields
    rows, pitch, end = rows_per_run(op), op.pitch, (op.size[1] + 1) * op.pitch
    room = np.empty((2, rows * pitch), np.float64)
    work = np.empty((2, (rows + 2) * pitch), np.float64)
    for k in range(near - (near == 1), far + (far == op.size[0] + 1)):
        rest[k] = 0.0
        if k == 0 or k == op.size[0] + 1:
            continue
        for first in range(pitch, end, rows * pitch):
            last = min(first + rows * pitch, end)
            run = (k, first, last)
            net, diagonal = room[0, : last - first], room[1, : last - first]
            stencil(op, x, run, (net, diagonal), work)
            add_drive(op, run, net)
            here, out = x[k, first:last], rest[k, first:last]
            for i in range(here.size):
                out[i] = net[i] - diagonal[i] * here[i] if diagonal[i] > 0.0 else 0.0
        sums[k, 0] = _moment(op, k, rest[k])


@njit(**DEVICE)
def _moment(op: Operator, k: int, rest: NDArray[np.float64]) -> float:
    """Return a plane's sum of surplus × voxels from the first potential."""
    start = 1.0 / edge(op, op.axis, 0) - 1.0
    result = 0.0
    for j in range(1, op.size[1] + 1):
        part = 0.0
        row = rest[j * op.pitch : (j + 1) * op.pitch]
        if op.axis == 2:
            for i in range(1, op.size[2] + 1):
                part += row[i] * (start + i)
        else:
            for i in range(1, op.size[2] + 1):
                part += row[i]
            part *= start + (k if op.axis == 0 else j)
        result += part
    return result


@njit(**KERNEL)
def carry(
    op: Operator,
    rest: NDArray[np.float64],
    state: NDArray[np.uint8],
    order: NDArray[np.uint32],
    seeds: int,
) -> float:
    """Carry what is left over in each voxel along its paths to the electrodes.

    From the farthest voxel on each passes on its own and what it was given, shared among its
    paths by their conductances; what arrives at the electrodes is all there was. Serial.

    Parameters
    ----------
    op : Operator
        The finest grid.
    rest : ndarray of float64, shape (Z + 2, area)
        What is left over, carried to the ghosts of the electrodes.
    state : ndarray of uint8, shape (Z + 2, area)
        The paths of `find_paths`.
    order : ndarray of uint32
        Its order, as long as there are voxels.
    seeds : int
        How many of them are next to electrodes.

    Returns
    -------
    float
        The dissipation of the carried currents.
    """
    flat, codes = state.ravel(), op.codes.ravel()
    table, contact, mode = op.table, op.contact, op.mode
    shape = (op.size[0], op.size[1], op.size[2], op.pitch)
    wraps = (op.wraps[0], op.wraps[1], op.wraps[2])
    room = np.empty(6)
    weights = np.empty(6)
    for side in range(6):
        weights[side] = op.weights[side >> 1]
    dissipation = 0.0
    if mode == MASK:
        dissipation = _carry_mask((flat, rest.ravel()), weights, (shape, wraps), order[seeds:])
        order = order[:seeds]
    ends = (edge(op, op.axis, 0), edge(op, op.axis, op.size[op.axis]))
    surpluses = rest.ravel()
    for index in range(order.size - 1, -1, -1):
        v = int(order[index])
        total = 0.0
        for side in range(6):
            room[side] = 0.0
            if flat[v] >> side & 1:
                w = beside(v, side, shape, wraps)
                far = across(table, contact, side >> 1, codes[v], codes[w])
                g = weights[side] * (1.0 if mode == MASK else join(mode, table[codes[v]], far))
                room[side] = g * ends[side & 1] if flat[w] & PARENTS == 0 else g
                total += room[side]
        surplus = surpluses[v]
        dissipation += surplus * surplus / total
        for side in range(6):
            if room[side] > 0.0:
                surpluses[beside(v, side, shape, wraps)] += surplus * (room[side] / total)
    return dissipation


@njit(**DEVICE)
def _carry_mask(
    fields: tuple[NDArray[np.uint8], NDArray[np.float64]],
    weights: NDArray[np.float64],
    where: tuple[tuple[int, int, int, int], tuple[int, int, int]],
    order: NDArray[np.uint32],
) -> float:
    """Do `carry` for one conducting phase, away from the electrodes."""
    flat, rest = fields
    shape, wraps = where
    inverse = np.zeros(64)
    for paths in range(1, 64):
        for side in range(6):
            inverse[paths] += weights[side] * (paths >> side & 1)
        inverse[paths] = 1.0 / inverse[paths]
    dissipation = 0.0
    for index in range(order.size - 1, -1, -1):
        v = int(order[index])
        paths = flat[v] & PARENTS
        surplus = rest[v]
        share = surplus * inverse[paths]
        dissipation += surplus * share
        for side in range(6):
            if paths >> side & 1:
                rest[beside(v, side, shape, wraps)] += weights[side] * share
    return dissipation
