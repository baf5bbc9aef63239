"""Sets that merge: a forest in which the smaller number is always the root."""

from __future__ import annotations

import numpy as np

from ssbtomo.kernels.compiling import njit

__all__ = ["find", "flatten", "sew", "unite"]


@njit(nogil=True, cache=True)
def find(parent, item):  # type: ignore[no-untyped-def]
    """Return the root of an item's set, and halve the way to it.

    Parameters
    ----------
    parent : ndarray of int
        Parent of each item, itself for a root; never larger than the item.
    item : int
        Which one.

    Returns
    -------
    int
        The smallest item of the set.
    """
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = parent[item]
    return item


@njit(nogil=True, cache=True)
def unite(parent, first, second):  # type: ignore[no-untyped-def]
    """Merge the sets of two items.

    Parameters
    ----------
    parent : ndarray of int
        Parent of each item; written to.
    first, second : int
        One item of each set, in either order.
    """
    one, other = find(parent, first), find(parent, second)
    if one < other:
        parent[other] = one
    elif other < one:
        parent[one] = other


@njit(nogil=True, cache=True)
def flatten(parent):  # type: ignore[no-untyped-def]
    """Give numbers to the sets, in the order of their smallest items.

    Parameters
    ----------
    parent : ndarray of int
        Parent of each item.

    Returns
    -------
    numbers : ndarray of int64
        Number of each item's set, from 0.
    count : int
        How many sets there are.
    """
    numbers = np.empty(parent.size, np.int64)
    count = 0
    for item in range(parent.size):
        if parent[item] == item:
            numbers[item] = count
            count += 1
        else:
            numbers[item] = numbers[parent[item]]
    return numbers, count


@njit(nogil=True, cache=True)
def sew(near, front, place, offset, sets):  # type: ignore[no-untyped-def]
    """Merge the items on a plane with those on the plane before it, where they touch.

    Parameters
    ----------
    near : ndarray of int, shape (V, U)
        Items from 1, counted from `offset`; 0 is none.
    front : ndarray of int64
        Items from 1 on the plane before, which is larger.
    place : tuple of int
        Where `near` lies in `front`, and the end of `front`: (v, u, height, width).
    offset : int
        Items before those of `near`.
    sets : tuple
        Parent and kind of each item, and the neighbours of a voxel: 6, 18 or 26. Parents are
        written to; items of different kinds stay apart.
    """
    parent, kind, neighbours = sets
    top, left, height, width = place
    reach = 0 if neighbours == 6 else 1
    last = (-1, -1)
    for v in range(near.shape[0]):
        for u in range(near.shape[1]):
            a, row, column = near[v, u] + offset - 1, top + v, left + u
            if near[v, u] == 0:
                continue
            for q in range(max(row - reach, 0), min(row + reach + 1, height)):
                for p in range(max(column - reach, 0), min(column + reach + 1, width)):
                    if neighbours == 18 and q != row and p != column:
                        continue
                    b = front[q, p] - 1
                    if b >= 0 and kind[a] == kind[b] and last != (a, b):
                        last = (a, b)
                        unite(parent, a, b)
