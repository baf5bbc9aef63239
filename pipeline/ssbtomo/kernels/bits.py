"""Rows of a mask as bits: 64 voxels at once are cut into runs and joined with their neighbours."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.union import unite

__all__ = ["Edges", "cut_bits", "cut_masks", "find_edges", "join_bits", "look_up", "pack_rows"]

Words = NDArray[np.uint64]
#: Where runs start, where they end, the voxels behind their ends, those before their starts:
#: each of the shape of the rows; and the runs that start before each word.
Edges = tuple[Words, Words, Words, Words, NDArray[np.int64]]


#: First run of each row, starts and stops of the runs, the parent of each.
Cut = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]


def cut_masks(masks: Iterable[NDArray[np.bool_]], ny: int, neighbours: int) -> Cut:
    """Cut masks that share no voxel into runs along X, and merge the runs of each that touch.

    Parameters
    ----------
    masks : iterable of ndarray of bool, shape (Z, Y, X)
        At least one; of one shape.
    ny : int
        Rows of a plane.
    neighbours : {6, 18, 26}
        Voxels that touch by a face, also by an edge, or also by a corner.

    Returns
    -------
    tuple
        See `Cut`; runs of all masks in the order of their voxels, parents as in
        `ssbtomo.kernels.union`. Beside that 3/4 byte per voxel and mask.
    """
    packed = [pack_rows(mask) for mask in masks]
    edges = [find_edges(words) for words in packed]
    starts, ends = (reduce(np.bitwise_or, [edge[k] for edge in edges]) for k in (0, 1))
    before = reduce(np.add, [edge[-1] for edge in edges])
    start, stop = (np.empty(int(before[-1]), np.int32) for _ in range(2))
    cut_bits(starts, ends, start, stop)
    parent = np.arange(start.size, dtype=np.int64)
    for words, edge in zip(packed, edges, strict=True):
        join_bits(words, edge, (starts, before), parent, (ny, neighbours))
    rows, width = starts.shape
    return before[:-1:width].copy() if width else np.zeros(rows, np.int64), start, stop, parent


def pack_rows(mask: NDArray[np.bool_]) -> Words:
    """Pack each row along X into words.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        What is set.

    Returns
    -------
    ndarray of uint64, shape (Z * Y + 1, words)
        Voxel ``64 * w + b`` of a row is bit ``b`` of its word ``w``; the last row is empty.
        1/8 byte per voxel.
    """
    nz, ny, nx = mask.shape
    packed = np.zeros((nz * ny + 1, -(-nx // 64) * 8), np.uint8)
    packed[:-1, : -(-nx // 8)] = np.packbits(mask.reshape(nz * ny, nx), axis=1, bitorder="little")
    words: Words = packed.view("<u8").astype(np.uint64, copy=False)
    return words


@njit(nogil=True, cache=True, inline="always")
def _ones(word):  # type: ignore[no-untyped-def]
    """Count the bits of a word; the compiler knows this form and takes one instruction."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(nogil=True, cache=True, inline="always")
def _place(low):  # type: ignore[no-untyped-def]
    """Return the place of the only bit of a word."""
    return _ones(low - np.uint64(1))


def find_edges(words: Words) -> Edges:
    """Find where the runs of each row start and end.

    Parameters
    ----------
    words : ndarray of uint64, shape (rows, words)
        From `pack_rows`.

    Returns
    -------
    tuple
        See `Edges`; 5/8 byte per voxel.
    """
    starts, ends, behind, ahead = (np.empty_like(words) for _ in range(4))
    before = np.zeros(words.size + 1, np.int64)
    _find_edges(words, (starts, ends, behind, ahead), before)
    return starts, ends, behind, ahead, before


@njit(nogil=True, cache=True)
def _find_edges(words, edges, before):  # type: ignore[no-untyped-def]
    starts, ends, behind, ahead = edges
    one, top = np.uint64(1), np.uint64(63)
    rows, width = words.shape
    for row in range(rows):
        last = np.uint64(0)
        for w in range(width):
            here = words[row, w]
            following = words[row, w + 1] if w + 1 < width else np.uint64(0)
            shifted = (here << one) | (last >> top)
            coming = (here >> one) | (following << top)
            starts[row, w], ends[row, w] = here & ~shifted, here & ~coming
            behind[row, w], ahead[row, w] = shifted & ~here, coming & ~here
            place = row * width + w
            before[place + 1] = before[place] + _ones(here & ~shifted)
            last = here


@njit(nogil=True, cache=True)
def cut_bits(starts, ends, start, stop):  # type: ignore[no-untyped-def]
    """Write down where runs start and stop along X.

    Parameters
    ----------
    starts, ends : ndarray of uint64
        From `find_edges`; of several masks together, if no two share a voxel.
    start, stop : ndarray of int32
        One entry per run, in the order of their voxels; written to.
    """
    one, opened, closed = np.uint64(1), 0, 0
    rows, width = starts.shape
    for row in range(rows):
        for w in range(width):
            found = starts[row, w]
            while found:
                start[opened] = 64 * w + _place(found & (~found + one))
                opened += 1
                found &= found - one
            found = ends[row, w]
            while found:
                stop[closed] = 64 * w + _place(found & (~found + one)) + 1
                closed += 1
                found &= found - one


@njit(nogil=True, cache=True)
def join_bits(words, edges, runs, parent, rules):  # type: ignore[no-untyped-def]  # noqa: C901 - cut in two it takes a third longer
    """Merge the runs of a mask that touch.

    Of the rows before a row, the one below it (z - 1, y) is joined wherever both are set. The
    others only where that says nothing yet: a voxel below that is set joins what is beside the
    two by pairs of rows that are nearer, or that lie deeper, and those are joined already.

    Parameters
    ----------
    words : ndarray of uint64, shape (Z * Y + 1, words)
        From `pack_rows`.
    edges : tuple
        From `find_edges`, of this mask.
    runs : tuple
        Where runs start, those of other masks too, and the runs that start before each word.
    parent : ndarray of int64
        Parent of each run; written to.
    rules : tuple of int
        Rows of a plane, and the neighbours of a voxel: 6, 18 or 26.
    """
    (starts, ends, behind, ahead, _), (every, before), (ny, neighbours) = edges, runs, rules
    one, nobody = np.uint64(1), words.shape[0] - 1
    width = words.shape[1]
    for row in range(nobody):
        z, y = row // ny, row % ny
        below, aside = row - ny if z else nobody, row - 1 if y else nobody
        near = row - ny - 1 if z and y else nobody
        far = row - ny + 1 if z and y + 1 < ny else nobody
        for w in range(width):
            here = words[row, w]
            if here == 0:
                continue
            known = words[below, w]
            if neighbours == 6:
                known &= words[near, w]
            begin, end = starts[row, w], ends[row, w]
            ours = (before[row * width + w] - 1, every[row, w])
            for k in range(2 if neighbours == 6 else 4):
                other = below if k == 0 else aside if k == 1 else near if k == 2 else far
                common = here & words[other, w]
                if k:
                    common &= ~known
                theirs = (before[other * width + w] - 1, every[other, w])
                common &= ~(common << one)
                if common:
                    _merge(parent, common, ours, theirs, one)
                if (k < 2 and neighbours == 18) or neighbours == 26:
                    behind_it, ahead_of_it = begin & behind[other, w], end & ahead[other, w]
                    if behind_it:
                        _merge(parent, behind_it, ours, theirs, np.uint64(0))
                    if ahead_of_it:
                        _merge(parent, ahead_of_it, ours, (theirs[0] + 1, theirs[1]), one)


@njit(nogil=True, cache=True)
def _merge(parent, bits, ours, theirs, itself):  # type: ignore[no-untyped-def]
    """Merge the run at each bit with that of another row: there or, if not `itself`, before it."""
    one = np.uint64(1)
    while bits:
        low = bits & (~bits + one)
        below = low - one
        a = ours[0] + _ones(ours[1] & (low | below))
        b = theirs[0] + _ones(theirs[1] & (low * itself | below))
        if parent[a] != parent[b]:
            unite(parent, a, b)
        bits &= bits - one


@njit(nogil=True, cache=True)
def look_up(rows, start, flat, label):  # type: ignore[no-untyped-def]
    """Write down what the runs are made of.

    Parameters
    ----------
    rows : ndarray of int64
        First run of each row.
    start : ndarray of int32
        First voxel of each run along X.
    flat : ndarray, shape (rows, X)
        The voxels.
    label : ndarray
        One entry per run; written to.
    """
    for row in range(rows.size - 1):
        for run in range(rows[row], rows[row + 1]):
            label[run] = flat[row, start[run]]
