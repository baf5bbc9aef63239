"""Shortest paths through the conducting voxels to the electrodes."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ssbtomo.kernels.transport.operator import DEVICE, KERNEL, MASK, OPEN, Operator

__all__ = ["ELECTRODE", "PARENTS", "beside", "find_paths", "ranks"]

PARENTS = 63
"""Bits of a state that tell which of the six neighbours lead to an electrode."""
ELECTRODE = 64
"""State of the ghosts of an electrode: reached, and from nowhere."""
_CLASSES = 12
"""Classes of conductors, by powers of four, of which paths use the better ones first."""

Where = tuple[tuple[int, int, int, int], tuple[int, int, int]]
"""Voxels along (Z, Y, X) and the pitch; which sides are joined."""


def ranks(op: Operator) -> NDArray[np.uint8]:
    """Return for each code its class: 0 for the best conductors, more for worse ones.

    Parameters
    ----------
    op : Operator
        The finest grid.

    Returns
    -------
    ndarray of uint8, shape (256,)
        The classes, powers of four of the conductivity.
    """
    if op.mode == MASK:
        return np.zeros(256, np.uint8)
    with np.errstate(divide="ignore", invalid="ignore"):
        table = np.asarray(op.table, float)
        worth = table if op.mode == OPEN else 1 / table
        steps = np.floor(-np.log(worth / worth.max()) / np.log(4) + 1e-9)
    classes = np.clip(np.nan_to_num(steps, nan=0, posinf=_CLASSES), 0, _CLASSES)
    return np.asarray(classes, np.uint8)


@njit(**DEVICE)
def beside(v: int, side: int, shape: tuple[int, int, int, int], wraps: tuple[int, int, int]) -> int:
    """Return the place of a neighbour; of a voxel at a joined side, that on the other side.

    Parameters
    ----------
    v : int
        The place of a voxel in the store.
    side : int
        Which neighbour: two for each axis, the one before first.
    shape : tuple of int
        Voxels along (Z, Y, X), and the pitch.
    wraps : tuple of int
        1 for each axis whose sides are joined.
    """
    nz, ny, nx, pitch = shape
    area = (ny + 2) * pitch
    axis, ahead = side >> 1, 2 * (side & 1) - 1
    if axis == 0:
        w = v + ahead * area
        if wraps[0]:
            k = w // area
            w += area * nz if k == 0 else (-area * nz if k == nz + 1 else 0)
    elif axis == 1:
        w = v + ahead * pitch
        if wraps[1]:
            j = (w % area) // pitch
            w += pitch * ny if j == 0 else (-pitch * ny if j == ny + 1 else 0)
    else:
        w = v + ahead
        if wraps[2]:
            i = w % pitch
            w += nx if i == 0 else (-nx if i == nx + 1 else 0)
    return w


@njit(**DEVICE)
def _prepare(op: Operator, state: NDArray[np.uint8]) -> None:
    """Mark conductors free, electrodes reached, and everything else closed."""
    nz, ny, nx = op.size
    state[:] = PARENTS
    for k in range(1, nz + 1):
        for j in range(1, ny + 1):
            for at in range(j * op.pitch + 1, j * op.pitch + nx + 1):
                state[k, at] = 0 if op.codes[k, at] else PARENTS
    one = ELECTRODE if op.edges[0] > 0.0 else PARENTS
    two = ELECTRODE if op.edges[1] > 0.0 else PARENTS
    if op.axis == 0:
        state[0] = one
        state[nz + 1] = two
    elif op.axis == 1:
        state[:, : op.pitch] = one
        state[:, (ny + 1) * op.pitch :] = two
    else:
        for j in range(ny + 2):
            state[:, j * op.pitch] = one
            state[:, j * op.pitch + nx + 1] = two


@njit(**KERNEL)
def find_paths(
    op: Operator, rank: NDArray[np.uint8], state: NDArray[np.uint8], order: NDArray[np.uint32]
) -> tuple[int, int]:
    """Find for each conducting voxel the neighbours on the shortest paths to an electrode.

    Breadth first from both electrodes, through the best conductors as far as they reach,
    then through the next class. Of one class of conductors all shortest paths are kept, of
    several the first one. Serial; 1 byte per voxel for the paths, 4 for the order.

    Parameters
    ----------
    op : Operator
        The finest grid.
    rank : ndarray of uint8, shape (256,)
        Class of each code.
    state : ndarray of uint8, shape (Z + 2, area)
        The paths, written: one bit for each side, and two bits of the distance modulo 3.
    order : ndarray of uint32, shape (voxels,)
        Places of the conducting voxels in the order of their distance, written.

    Returns
    -------
    found : int
        How many there are.
    seeds : int
        How many of them, the first ones, are next to electrodes.
    """
    _prepare(op, state)
    grid = (state.ravel(), op.codes.ravel())
    shape = (op.size[0], op.size[1], op.size[2], op.pitch)
    where = (shape, (op.wraps[0], op.wraps[1], op.wraps[2]))
    worst = 0 if op.mode == MASK else int(rank.max())
    tail = _seed_electrodes(grid, rank, where, op.axis, order)
    seeds = tail
    tail = _grow(grid, rank, (0, int(worst == 0)), where, (order, 0, tail))
    for allowed in range(1, worst + 1):
        head = tail
        tail = _seed(grid, rank, allowed, (shape, where[1], op.axis), (order, tail))
        tail = _grow(grid, rank, (allowed, 0), where, (order, head, tail))
    return tail, seeds


@njit(**DEVICE)
def _grow(
    grid: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    rank: NDArray[np.uint8],
    how: tuple[int, int],
    where: Where,
    queue: tuple[NDArray[np.uint32], int, int],
) -> int:
    """Reach what is joined to the queue within a class; return its new end."""
    flat, codes = grid
    shape, wraps = where
    allowed, alike = how
    order, head, tail = queue
    while head < tail:
        v = int(order[head])
        head += 1
        level = (flat[v] >> 6) % 3 + 1
        for side in range(6):
            w = beside(v, side, shape, wraps)
            back = np.uint8(1 << (side ^ 1))
            if flat[w] == 0:
                if alike or rank[codes[w]] <= allowed:
                    flat[w] = back | np.uint8(level << 6)
                    order[tail] = w
                    tail += 1
            elif alike and flat[w] >> 6 == level and flat[w] & PARENTS:
                flat[w] |= back
    return tail


@njit(**DEVICE)
def _seed_electrodes(
    grid: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    rank: NDArray[np.uint8],
    where: Where,
    axis: int,
    order: NDArray[np.uint32],
) -> int:
    """Reach the best conductors next to the electrodes."""
    flat, codes = grid
    shape, wraps = where
    nz, ny, nx, pitch = shape
    area = (ny + 2) * pitch
    steps = [1, 1, 1]
    steps[axis] = max(1, shape[axis] - 1)  # the first layer and the last
    tail = 0
    for k in range(1, nz + 1, steps[0]):
        for j in range(1, ny + 1, steps[1]):
            for i in range(1, nx + 1, steps[2]):
                v = k * area + j * pitch + i
                if flat[v] == 0 and rank[codes[v]] == 0:
                    parents = 0
                    for side in range(2 * axis, 2 * axis + 2):
                        if flat[beside(v, side, shape, wraps)] == ELECTRODE:
                            parents |= 1 << side
                    if parents:
                        flat[v] = 128 | parents
                        order[tail] = v
                        tail += 1
    return tail


@njit(**DEVICE)
def _seed(
    grid: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    rank: NDArray[np.uint8],
    allowed: int,
    where: tuple[tuple[int, int, int, int], tuple[int, int, int], int],
    queue: tuple[NDArray[np.uint32], int],
) -> int:
    """Reach the voxels of a class next to what is reached already, electrodes included."""
    flat, codes = grid
    shape, wraps, axis = where
    order, tail = queue
    nz, ny, nx, pitch = shape
    area = (ny + 2) * pitch
    for k in range(1, nz + 1):
        for j in range(1, ny + 1):
            for i in range(1, nx + 1):
                v = k * area + j * pitch + i
                if flat[v] == 0 and rank[codes[v]] <= allowed:
                    side = _way_out(flat, v, axis, shape, wraps)
                    if side >= 0:
                        flat[v] = 128 | 1 << side
                        order[tail] = v
                        tail += 1
    return tail


@njit(**DEVICE)
def _way_out(
    flat: NDArray[np.uint8],
    v: int,
    axis: int,
    shape: tuple[int, int, int, int],
    wraps: tuple[int, int, int],
) -> int:
    """Return the side of a voxel where a reached one or an electrode is; -1 without one."""
    for side in range(6):
        state = flat[beside(v, side, shape, wraps)]
        if state >> 6 > 0 and (state != ELECTRODE or side >> 1 == axis):
            return side
    return -1
