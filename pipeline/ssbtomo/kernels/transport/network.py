"""The shortest ways of surplus through the network of pieces to the electrodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.transport.operator import INLINE, KERNEL

__all__ = ["settle"]

Links = tuple[NDArray[np.int32], NDArray[np.float64]]
"""Pairs of joined pieces, and the conductance of each pair."""
Graph = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]
"""Joined pieces: where each one's begin, which they are, and the conductances."""


@njit(**INLINE)
def _graph(links: Links, count: int) -> Graph:
    """Sort links by their pieces, each for both; 12 bytes more than the links for each end."""
    pairs, values = links
    begins = np.zeros(count + 2, np.int64)
    others, weights = np.empty(2 * values.size, np.int32), np.empty(2 * values.size)
    for link in range(values.size):
        for end in range(2):
            begins[pairs[link, end] + 2] += 1
    for a in range(2, count + 2):
        begins[a] += begins[a - 1]
    for link in range(values.size):
        for end in range(2):
            at = begins[pairs[link, end] + 1]
            begins[pairs[link, end] + 1] = at + 1
            others[at] = pairs[link, 1 - end]
            weights[at] = values[link]
    return begins, others, weights


@njit(**KERNEL)
def settle(
    links: Links,
    nodes: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]],
    level: NDArray[np.int64],
) -> None:
    """Carry the surplus of each piece to the electrodes: its potential over those it gives to.

    Parameters
    ----------
    links : tuple of ndarray, shape (n, 2) of int32 and (n,) of float64
        Pairs of joined pieces, in any order, and their conductances.
    nodes : tuple of ndarray, shape (pieces,)
        Surplus, replaced by the current per conductance to pieces of a lower level;
        conductance to the electrodes; class.
    level : ndarray of int64, shape (pieces,)
        0, written: how far from the electrodes, through the best conductors first.
    """
    graph = _graph(links, level.size)
    surplus, ends, classes = nodes
    order = np.empty(level.size, np.int64)
    tail = deepest = worst = 0
    for a in range(level.size):
        worst = max(worst, int(classes[a]))
    for allowed in range(worst + 1):
        head, depth = tail, deepest + 1
        for a in range(level.size):
            free = level[a] == 0 and classes[a] <= allowed
            if free and (ends[a] > 0.0 or _touches(graph, level, a, depth)):
                level[a] = depth
                order[tail] = a
                tail += 1
        tail = _grow(graph, (level, classes, allowed), order, (head, tail))
        deepest = max(deepest, level[order[tail - 1]] if tail else 0)
    for a in range(level.size):
        if level[a] == 0:  # joined to nothing: without drive, nothing is left over
            surplus[a] = 0.0
    for entry in range(tail - 1, -1, -1):
        _give(graph, (surplus, ends), level, order[entry])


@njit(**INLINE)
def _touches(
    graph: Graph,
    level: NDArray[np.int64],
    a: int,
    depth: int,
) -> bool:
    """Tell whether a piece touches one that was reached before."""
    begins, others, _ = graph
    found = False
    for e in range(begins[a], begins[a + 1]):
        found |= 0 < level[others[e]] < depth
    return found


@njit(**INLINE)
def _grow(
    graph: Graph,
    nodes: tuple[NDArray[np.int64], NDArray[np.uint8], int],
    order: NDArray[np.int64],
    queue: tuple[int, int],
) -> int:
    """Reach what is joined to the queue within a class; return its new end."""
    begins, others, _ = graph
    level, classes, allowed = nodes
    head, tail = queue
    while head < tail:
        a = order[head]
        head += 1
        for e in range(begins[a], begins[a + 1]):
            other = others[e]
            if level[other] == 0 and classes[other] <= allowed:
                level[other] = level[a] + 1
                order[tail] = other
                tail += 1
    return tail


@njit(**INLINE)
def _give(
    graph: Graph,
    nodes: tuple[NDArray[np.float64], NDArray[np.float64]],
    level: NDArray[np.int64],
    a: int,
) -> None:
    """Share the surplus of a piece among those of a lower level and the electrodes."""
    begins, others, weights = graph
    surplus, ends = nodes
    total = ends[a]
    for e in range(begins[a], begins[a + 1]):
        if level[others[e]] < level[a]:
            total += weights[e]
    surplus[a] /= total
    for e in range(begins[a], begins[a + 1]):
        if level[others[e]] < level[a]:
            surplus[others[e]] += surplus[a] * weights[e]
