"""A current without sources, from one that nearly has none: the lower bound of Thomson.

What a potential leaves over in each voxel is carried to the electrodes in two steps. The sum
of each piece of conductor (see `boxes`) goes from piece to piece by the shortest ways, spread
over all faces that two pieces share. What is left within a piece then sums to zero and is
carried along shortest paths to one of its voxels. The sum of both and of the potential's
current has no sources, to rounding, and its dissipation bounds the effective conductivity
from below. Boxes are independent but for the sums, which are few: all threads work, and the
memory is two bytes per voxel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.transport.boxes import (
    BOX,
    SPOTS,
    STEPS,
    Boxes,
    Strip,
    box_of,
    load,
    next_seed,
    place,
    reach,
    spot_of,
)
from ssbtomo.kernels.transport.operator import (
    DEVICE,
    FACES,
    FREE,
    INLINE,
    KERNEL,
    Operator,
    across,
    is_mask,
    join,
)
from ssbtomo.kernels.transport.stencil import add_drive, stencil

__all__ = ["leftover", "route", "survey"]

_NOTHING = -2
_ELECTRODE = -1

_FACES = 6 * BOX**2 + 3 * (BOX - 1) * BOX**2
"""Faces between voxels in a box and on its sides."""

Contacts = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""Of each face its spot and side (less 6 within a box), the two pieces, and the conductance."""
Links = tuple[NDArray[np.int64], NDArray[np.float64], int]
"""Pairs of pieces, the conductance between them, and how many pairs there are."""


@njit(**KERNEL)
def leftover(op: Operator, x: NDArray[np.float64], strip: Strip, rest: NDArray[np.float64]) -> None:
    """Write what a potential leaves over in each voxel: the inflow less the outflow.

    Parameters
    ----------
    op : Operator
        The finest grid.
    x : ndarray of float64, shape (Z + 2, area)
        The deviation of the potential from the linear one.
    strip : tuple of int
        Which boxes.
    rest : ndarray of float64, shape (16, rows of the strip × pitch)
        The surplus of its voxels, written; 0 in ghosts.
    """
    pitch = op.pitch
    first, last = 1 + strip[1] * BOX, min(1 + strip[2] * BOX, op.size[1] + 1)
    diagonal, work = np.empty(BOX * pitch), np.empty((2, (BOX + 2) * pitch))
    for k in range(1 + strip[0] * BOX, min(1 + (strip[0] + 1) * BOX, op.size[0] + 1)):
        for j in range(first, last, BOX):
            run = (k, j * pitch, min(j + BOX, last) * pitch)
            size, start = run[2] - run[1], (j - first) * pitch
            net, sums = rest[(k - 1) % BOX, start : start + size], diagonal[:size]
            stencil(op, x, run, (net, sums), work)
            add_drive(op, run, net)
            here = x[k, run[1] : run[2]]
            for i in range(size):
                net[i] = net[i] - sums[i] * here[i] if sums[i] > 0.0 else 0.0


@njit(**INLINE)
def _beyond(op: Operator, counts: tuple[int, int, int], index: int, side: int) -> tuple[int, int]:
    """Return the box on a side of a box, and the steps along the axis to its voxels."""
    axis, ahead = side >> 1, 2 * (side & 1) - 1
    stride = 1 if axis == 2 else (counts[2] if axis == 1 else counts[1] * counts[2])
    if 0 <= index // stride % counts[axis] + ahead < counts[axis]:
        return index + ahead * stride, ahead
    if axis == op.axis:
        return (_ELECTRODE if op.edges[side & 1] > 0.0 else _NOTHING), ahead
    if op.wraps[axis]:
        return index - ahead * stride * (counts[axis] - 1), -ahead * (op.size[axis] - 1)
    return _NOTHING, 0


@njit(**DEVICE)
def _contacts(op: Operator, boxes: Boxes, where: tuple[int, tuple[int, ...]], out: Contacts) -> int:
    """List the faces where pieces of a box touch others; return how many."""
    index, box = where
    count, span = np.int64(0), np.empty(6, np.int64)
    for turn in range(9):
        # Six sides of the box, then within it along each axis where classes differ.
        side = turn if turn < 6 else 2 * (turn - 6) + 1
        axis, within = side >> 1, turn >= 6
        other, step = (index, 1) if within else _beyond(op, boxes.counts, index, side)
        if other == _NOTHING or (within and not boxes.mixed):
            continue
        for end in range(6):
            span[end] = box[end]
        if within:
            span[2 * axis + 1] -= 1
        elif side & 1:
            span[2 * axis] = span[2 * axis + 1] - 1
        else:
            span[2 * axis + 1] = span[2 * axis] + 1
        count = _touch(op, boxes, (index, other, side, step), (box, span), (out, count))
    return int(count)


@njit(**INLINE)
def _touch(
    op: Operator,
    boxes: Boxes,
    how: tuple[int, int, int, int],
    where: tuple[tuple[int, ...], NDArray[np.int64]],
    found: tuple[Contacts, int],
) -> int:
    """Add to a list the faces on one side of some voxels of a box."""
    index, other, side, step = how
    box, span = where
    (spots, pairs, values), count = found
    axis, codes, numbers, base = side >> 1, op.codes, boxes.pieces, boxes.bases[index] - 1
    weight, far = op.weights[axis], other
    planes, cells = step * (axis == 0), step * (axis == 2) + step * op.pitch * (axis == 1)
    if other == _ELECTRODE:
        weight *= op.edges[side & 1]
    else:
        far = boxes.bases[other] - 1
    for k in range(span[0], span[1]):
        for j in range(span[2], span[3]):
            for at in range(j * op.pitch + span[4], j * op.pitch + span[5]):
                here, there = codes[k, at], codes[k + planes, at + cells]
                if here == 0 or there == 0:
                    continue
                one = base + int(numbers[k, at])
                two = other if other == _ELECTRODE else far + int(numbers[k + planes, at + cells])
                if one == two:
                    continue
                spots[count, 0] = spot_of(box, k, j, at - j * op.pitch)
                spots[count, 1] = side if index != other else side - 6
                pairs[count, 0] = one
                pairs[count, 1] = two
                values[count] = weight * _area(op, side, (here, there), (k, at))
                count += 1
    return count


def _area(op: Operator, side: int, codes: tuple[int, int], where: tuple[int, int]) -> float:
    """Return the conductance of a face of a voxel, but for the weight of its axis."""
    axis, (k, at) = side >> 1, where
    if op.mode != FACES:
        far = across(op.table, op.contact, axis, *codes)
        return float(join(op.mode, op.table[codes[0]], far))
    if not side & 1:
        k -= int(axis == 0)
        at -= op.pitch if axis == 1 else int(axis == 2)
    return float(op.opening[axis, op.faces[axis, k, at]])


def _whole(op: Any, side: Any, codes: Any, where: Any) -> float:
    """Do `_area` between voxels of a mask."""
    return 1.0


def _chosen(op: Any, side: Any, codes: Any, where: Any) -> Callable[..., float]:
    """Choose `_area` by the type of the operator."""
    return _whole if is_mask(op) else _area


overload(_area, FREE, strict=False)(_chosen)


@njit(**INLINE)
def _link(links: Links, one: int, two: int, g: float) -> Links:
    """Add a conductance between two pieces to a list that grows."""
    pairs, values, count = links
    if count and pairs[count - 1, 0] == one and pairs[count - 1, 1] == two:
        values[count - 1] += g
        return links
    if count == values.size:
        wider, more = np.empty((2 * count, 2), np.int64), np.empty(2 * count)
        for entry in range(count):  # a slice would compile its error message as well
            wider[entry, 0], wider[entry, 1] = pairs[entry, 0], pairs[entry, 1]
            more[entry] = values[entry]
        pairs, values = wider, more
    pairs[count, 0] = one
    pairs[count, 1] = two
    values[count] = g
    return pairs, values, count + 1


@njit(**KERNEL)
def survey(
    op: Operator,
    boxes: Boxes,
    part: tuple[Strip, NDArray[np.float64]],
    nodes: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]],
) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """Sum up what is left over in the pieces of a strip, and how pieces are joined.

    Parameters
    ----------
    op : Operator
        The finest grid.
    boxes : Boxes
        Its pieces.
    part : tuple
        Which boxes, and what is left over in their voxels.
    nodes : tuple of ndarray, shape (pieces,)
        Surplus, conductance to the electrodes, and class of each piece; written.

    Returns
    -------
    pairs : ndarray of int64, shape (n, 2)
        Pieces that are joined; some pairs more than once.
    values : ndarray of float64, shape (n,)
        The conductances.
    moment : float
        The sum of surplus × voxels from the first potential.
    """
    strip, rest = part
    ends, counts = nodes[1], boxes.counts
    out = (np.empty((_FACES, 2), np.int64), np.empty((_FACES, 2), np.int64), np.empty(_FACES))
    links = (np.empty((256, 2), np.int64), np.empty(256), np.int64(0))
    moment = 0.0
    row = strip[0] * counts[1]
    for index in range((row + strip[1]) * counts[2], (row + strip[2]) * counts[2]):
        if boxes.bases[index + 1] == boxes.bases[index]:
            continue
        box = box_of(op, counts, index)
        moment += _sum_up(op, boxes, (index, box), (rest, 1 + strip[1] * BOX), (nodes[0], nodes[2]))
        for entry in range(_contacts(op, boxes, (index, box), out)):
            piece, there = out[1][entry, 0], out[1][entry, 1]
            if there == _ELECTRODE:
                ends[piece] += out[2][entry]
            elif out[0][entry, 1] & 1:
                links = _link(links, piece, there, out[2][entry])
    return links[0][: links[2]], links[1][: links[2]], moment


@njit(**INLINE)
def _sum_up(
    op: Operator,
    boxes: Boxes,
    where: tuple[int, tuple[int, ...]],
    given: tuple[NDArray[np.float64], int],
    nodes: tuple[NDArray[np.float64], NDArray[np.uint8]],
) -> float:
    """Add up what is left over in the pieces of a box; return the sum of surplus × depth."""
    index, box = where
    (rest, top), (surplus, classes) = given, nodes
    base, codes, pieces, rank = boxes.bases[index] - 1, op.codes, boxes.pieces, boxes.rank
    moment, start, axis, pitch = 0.0, 1.0 / op.edges[0] - 1.0, op.axis, op.pitch
    for k in range(box[0], box[1]):
        for j in range(box[2], box[3]):
            for i in range(box[4], box[5]):
                if codes[k, j * pitch + i]:
                    number = int(pieces[k, j * pitch + i])
                    value = rest[(k - 1) % BOX, (j - top) * pitch + i]
                    surplus[base + number] += value
                    classes[base + number] = rank[codes[k, j * pitch + i]]
                    depth = k if axis == 0 else (j if axis == 1 else i)
                    moment += value * (start + depth)
    return moment


@njit(**KERNEL)
def route(
    op: Operator,
    boxes: Boxes,
    part: tuple[Strip, NDArray[np.float64]],
    flows: tuple[NDArray[np.float64], NDArray[np.int64]],
) -> tuple[float, float]:
    """Carry what is left over in each voxel of a strip.

    Parameters
    ----------
    op : Operator
        The finest grid.
    boxes : Boxes
        Its pieces.
    part : tuple
        Which boxes, and what is left over in their voxels.
    flows : tuple of ndarray, shape (pieces,)
        Current per conductance to pieces of a lower level, and the level.

    Returns
    -------
    own : float
        The dissipation of the carried currents, those between pieces at their near side.
    arrived : float
        What goes to the last electrode.
    """
    strip, rest = part
    kind, level = np.empty(SPOTS, np.uint8), np.empty(SPOTS, np.uint16)
    queue, heap, code = np.empty(BOX**3 + 1, np.uint16), np.zeros(SPOTS), np.empty(SPOTS, np.uint8)
    out = (np.empty((_FACES, 2), np.int64), np.empty((_FACES, 2), np.int64), np.empty(_FACES))
    counts = boxes.counts
    own = arrived = 0.0
    top = (1 + strip[1] * BOX) * op.pitch
    row = strip[0] * counts[1]
    for index in range((row + strip[1]) * counts[2], (row + strip[2]) * counts[2]):
        if boxes.bases[index + 1] == boxes.bases[index]:
            continue
        box = box_of(op, counts, index)
        left = load(op, boxes.rank, box, kind)
        level[:] = 0
        for k in range(box[0], box[1]):
            for j in range(box[2], box[3]):
                spot, at = spot_of(box, k, j, 0), j * op.pitch
                for i in range(box[4], box[5]):
                    heap[spot + i] = rest[(k - 1) % BOX, at - top + i]
                    code[spot + i] = op.codes[k, at + i]
        count = _contacts(op, boxes, (index, box), out)
        spent = _exchange((out, count), heap, flows)
        own += spent[0]
        arrived += spent[1]
        start = np.int64(0)
        while left:
            start = next_seed(kind, level, start)
            tail = reach(kind, (start + SPOTS // 2) % SPOTS, level, queue, np.int64(0))
            own += _carry(op, box, (kind, level, code), (heap, queue[1:tail]))
            left -= tail
    return own, arrived


@njit(**INLINE)
def _exchange(
    found: tuple[Contacts, int],
    heap: NDArray[np.float64],
    flows: tuple[NDArray[np.float64], NDArray[np.int64]],
) -> tuple[float, float]:
    """Let the currents between pieces pass the faces of a box."""
    (spots, pairs, values), count = found
    share, level = flows
    own = arrived = 0.0
    for entry in range(count):
        here, there = pairs[entry, 0], pairs[entry, 1]
        spot, side = spots[entry, 0], spots[entry, 1]
        push = share[here]
        if there != _ELECTRODE and level[there] >= level[here]:
            push = -share[there] if level[there] > level[here] else 0.0
        current = push * values[entry]
        heap[spot] -= current
        if side < 0:
            heap[spot + STEPS[side + 6]] += current
        if side & 1 or there == _ELECTRODE:
            own += push * current
        if side & 1 and there == _ELECTRODE:
            arrived += current
    return own, arrived


@njit(**INLINE)
def _carry(
    op: Operator,
    box: tuple[int, ...],
    local: tuple[NDArray[np.uint8], NDArray[np.uint16], NDArray[np.uint8]],
    carried: tuple[NDArray[np.float64], NDArray[np.uint16]],
) -> float:
    """Carry what a piece has left to its seed, the farthest first; return the dissipation."""
    (kind, level, code), (heap, queue) = local, carried
    room, own = np.empty(6), 0.0
    for entry in range(queue.size - 1, -1, -1):
        spot, total = int(queue[entry]), 0.0
        mine, lower = kind[spot], level[spot] - np.uint16(1)
        k, j, i = place(box, spot)
        for side in range(6):
            beside = spot + STEPS[side]
            area = 0.0
            if (level[beside] == lower) & (kind[beside] == mine):
                area = _area(op, side, (code[spot], code[beside]), (k, j * op.pitch + i))
            room[side] = op.weights[side >> 1] * area
            total += room[side]
        push = heap[spot] / total
        own += push * heap[spot]
        for side in range(6):
            heap[spot + STEPS[side]] += push * room[side]
    return own
