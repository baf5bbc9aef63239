"""Boxes of voxels and the pieces of conductor in them.

A *box* is 16 voxels wide along each axis (less at the far sides). A *piece* is what is joined
within a box by the faces of voxels of one class of conductors. A box is looked at in a copy
with a border, so that no neighbour needs a check; places in the copy are called spots.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.transport.operator import (
    DEVICE,
    FACES,
    INLINE,
    KERNEL,
    MASK,
    OPEN,
    Operator,
)

__all__ = [
    "BOX",
    "OUTSIDE",
    "SPOTS",
    "STEPS",
    "Boxes",
    "Strip",
    "box_of",
    "load",
    "next_seed",
    "place",
    "ranks",
    "reach",
    "split",
    "spot_of",
]

BOX = 16
"""Voxels along the edges of a box."""
_WIDE = BOX + 2
SPOTS = _WIDE**3
"""Spots of the copy of a box with its border."""
STEPS = (-_WIDE * _WIDE, _WIDE * _WIDE, -_WIDE, _WIDE, -1, 1)
"""From a spot to its six neighbours, the sides before first along each axis."""
OUTSIDE = 255
"""What the border of a copy holds."""
_CLASSES = 12
"""Classes of conductors, by powers of four."""

Strip = tuple[int, int, int]
"""A layer of boxes, and the first and one past the last row of boxes in it."""


class Boxes(NamedTuple):
    """The boxes of a grid and their pieces.

    Parameters
    ----------
    counts : tuple of int
        Boxes along (Z, Y, X).
    rank : ndarray of uint8, shape (256,)
        Class of each code.
    mixed : bool
        Whether there are several classes.
    pieces : ndarray of uint16, shape (Z + 2, area)
        The number of the piece of each voxel that conducts in its box, from 1.
    bases : ndarray of int64, shape (boxes + 1,)
        How many pieces there are in the boxes before.
    """

    counts: tuple[int, int, int]
    rank: NDArray[np.uint8]
    mixed: bool
    pieces: NDArray[np.uint16]
    bases: NDArray[np.int64]


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
        worth = table if op.mode in (OPEN, FACES) else 1 / table
        steps = np.floor(-np.log(worth / worth.max()) / np.log(4) + 1e-9)
    classes = np.clip(np.nan_to_num(steps, nan=0, posinf=_CLASSES), 0, _CLASSES)
    return np.asarray(classes, np.uint8)


@njit(**DEVICE)
def box_of(op: Operator, counts: tuple[int, int, int], index: int) -> tuple[int, ...]:
    """Return the first and one past the last voxel of a box along each axis.

    Parameters
    ----------
    op : Operator
        The grid.
    counts : tuple of int
        Boxes along (Z, Y, X).
    index : int
        Which box.
    """
    k = 1 + index // (counts[1] * counts[2]) * BOX
    j = 1 + index // counts[2] % counts[1] * BOX
    i = 1 + index % counts[2] * BOX
    nz, ny, nx = op.size
    return k, min(k + BOX, nz + 1), j, min(j + BOX, ny + 1), i, min(i + BOX, nx + 1)


@njit(**DEVICE)
def spot_of(box: tuple[int, ...], k: int, j: int, i: int) -> int:
    """Return the spot of a voxel.

    Parameters
    ----------
    box : tuple of int
        The box.
    k, j, i : int
        The voxel.
    """
    return ((k - box[0] + 1) * _WIDE + j - box[2] + 1) * _WIDE + i - box[4] + 1


@njit(**DEVICE)
def place(box: tuple[int, ...], spot: int) -> tuple[int, int, int]:
    """Return the voxel of a spot.

    Parameters
    ----------
    box : tuple of int
        The box.
    spot : int
        Which spot of its copy.
    """
    k, j = spot // (_WIDE * _WIDE), spot // _WIDE % _WIDE
    return box[0] + k - 1, box[2] + j - 1, box[4] + spot % _WIDE - 1


@njit(**DEVICE)
def load(op: Operator, rank: NDArray[np.uint8], box: tuple[int, ...], kind: Any) -> int:
    """Copy a box: 0 where nothing conducts, 1 + class elsewhere, and the border.

    Parameters
    ----------
    op : Operator
        The grid.
    rank : ndarray of uint8, shape (256,)
        Class of each code.
    box : tuple of int
        The box.
    kind : ndarray of uint8, shape (SPOTS,)
        Written.

    Returns
    -------
    int
        How many of its voxels conduct.
    """
    kind[:] = OUTSIDE
    count = np.int64(0)
    codes = op.codes
    for k in range(box[0], box[1]):
        for j in range(box[2], box[3]):
            at, spot = j * op.pitch, spot_of(box, k, j, box[4])
            for i in range(box[4], box[5]):
                code = codes[k, at + i]
                kind[spot + i - box[4]] = 1 + rank[code] if code else 0
                count += np.int64(code != 0)
    return int(count)


@njit(**DEVICE)
def reach(
    kind: NDArray[np.uint8],
    seed: int,
    level: NDArray[np.uint16],
    queue: NDArray[np.uint16],
    tail: int,
) -> int:
    """Find the piece of a spot, breadth first; return the new end of the queue.

    Parameters
    ----------
    kind : ndarray of uint8, shape (SPOTS,)
        The copy of a box.
    seed : int
        The spot.
    level : ndarray of uint16, shape (SPOTS,)
        0 at spots that were not reached yet, then 1 at the seed and more farther off.
    queue : ndarray of uint16
        The spots of the piece are appended in the order of their levels; what stands behind
        is overwritten.
    tail : int
        The end of the queue.
    """
    mine = kind[seed]
    head = tail
    queue[tail] = seed
    tail += 1
    level[seed] = 1
    while head < tail:
        spot = int(queue[head])
        head += 1
        deeper = level[spot] + np.uint16(1)
        for side in range(6):  # without branches, which nothing could predict
            beside = spot + STEPS[side]
            new = (kind[beside] == mine) & (level[beside] == 0)
            level[beside] = deeper if new else level[beside]
            queue[tail] = beside
            tail += int(new)
    return tail


@njit(**DEVICE)
def next_seed(kind: NDArray[np.uint8], level: NDArray[np.uint16], start: int) -> int:
    """Return the next place to begin a piece: from the middle layer on, so that paths are short.

    Parameters
    ----------
    kind : ndarray of uint8, shape (SPOTS,)
        The copy of a box, some of whose spots were not reached yet.
    level : ndarray of uint16, shape (SPOTS,)
        0 at spots that were not reached yet.
    start : int
        Where to go on looking, 0 at first; a spot is half of all of them farther on.

    Returns
    -------
    int
        The place of the spot.
    """
    while True:
        spot = start + SPOTS // 2 if start < SPOTS // 2 else start - SPOTS // 2
        if 0 < kind[spot] < OUTSIDE and level[spot] == 0:
            return start
        start += 1


@njit(**KERNEL)
def split(op: Operator, boxes: Boxes, number: NDArray[np.int64], near: int, far: int) -> None:
    """Find the pieces of boxes.

    Parameters
    ----------
    op : Operator
        The finest grid.
    boxes : Boxes
        Its pieces are written.
    number : ndarray of int64, shape (boxes,)
        How many pieces each box has, written.
    near, far : int
        Layers of boxes to do, from `near` to ``far - 1``.
    """
    counts, rank, pieces = boxes.counts, boxes.rank, boxes.pieces
    kind, level = np.empty(SPOTS, np.uint8), np.empty(SPOTS, np.uint16)
    queue, mark = np.empty(BOX**3 + 1, np.uint16), np.zeros(SPOTS, np.uint16)
    per = counts[1] * counts[2]
    for index in range(near * per, far * per):
        box = box_of(op, counts, index)
        count = load(op, rank, box, kind)
        level[:] = 0
        tail, found, start = np.int64(0), 0, np.int64(0)
        while tail < count:
            found += 1
            start = next_seed(kind, level, start)
            first = tail
            tail = reach(kind, (start + SPOTS // 2) % SPOTS, level, queue, tail)
            for entry in range(first, tail):
                mark[queue[entry]] = found
        number[index] = found
        if found:
            _keep(op, pieces, box, mark)


@njit(**INLINE)
def _keep(
    op: Operator, pieces: NDArray[np.uint16], box: tuple[int, ...], mark: NDArray[np.uint16]
) -> None:
    """Write the piece of each voxel of a box; where nothing conducts it means nothing."""
    for k in range(box[0], box[1]):
        for j in range(box[2], box[3]):
            at, spot = j * op.pitch, spot_of(box, k, j, 0)
            for i in range(box[4], box[5]):
                pieces[k, at + i] = mark[spot + i]
