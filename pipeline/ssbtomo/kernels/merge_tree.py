"""Ends of a branched object, seen along one axis: maxima of its height that are no bumps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit

__all__ = ["count_ends"]

Ints = NDArray[np.int64]


def count_ends(height: Ints, piece: Ints, links: Ints, count: int, least: int) -> Ints:
    """Count the ends of each object that stand out.

    Parameters
    ----------
    height : ndarray of int64, shape (n,)
        Layer of each node; a node is a connected part of one layer of an object.
    piece : ndarray of int64, shape (n,)
        Object of each node.
    links : ndarray of int64, shape (m, 2)
        Nodes of neighbouring layers that touch, the lower one first.
    count : int
        How many objects there are.
    least : int
        Layers by which an end must pass the place where it parts from a higher one.

    Returns
    -------
    ndarray of int64, shape (count,)
        Ends of each object: maxima of the height whose persistence is `least` or more; at least
        one. Ends that point sideways or backwards are not seen.
    """
    order = np.argsort(-height, kind="stable")
    links = links[np.argsort(-height[links[:, 0]], kind="stable")]
    ends = np.zeros(count, np.int64)
    _count(height, piece, np.ascontiguousarray(links), least, (order, ends))
    return ends


@njit(nogil=True, cache=True)
def _count(height, piece, links, least, out):  # type: ignore[no-untyped-def]  # noqa: C901 - one sweep
    order, ends = out
    parent = np.arange(height.size)
    peak = height.copy()
    for k in range(links.shape[0]):  # from the highest layer down
        lower, upper = links[k, 0], links[k, 1]
        one, other = lower, upper
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        while parent[other] != other:
            parent[other] = parent[parent[other]]
            other = parent[other]
        if one == other:
            continue
        if peak[one] > peak[other] or (peak[one] == peak[other] and one < other):
            one, other = other, one
        if peak[one] - height[lower] >= least:  # a bare node is its own peak: nothing ends there
            ends[piece[one]] += 1
        parent[one] = other
    for node in order:
        if parent[node] == node:
            ends[piece[node]] += 1
