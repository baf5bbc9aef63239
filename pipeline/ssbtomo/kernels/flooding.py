"""Basins of a height field: steepest ascent under a total order, merged by depth.

A basin is all voxels from which steepest ascent leads to the same peak. Every voxel looks
at its 26 neighbours only, and ties are broken by position, so basins do not depend on how
the volume is cut or in which order it is visited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.errors import ResourceError
from ssbtomo.kernels.compiling import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["basins", "drain", "joined_basins", "pass_heights", "renumber"]

Window = tuple[slice, slice, slice]


def basins(
    heights: NDArray[np.float32],
    steps: tuple[float, float, float],
    *,
    depth: float = 0.0,
    neck: float = 1.0,
) -> NDArray[np.int32]:
    """Divide the voxels of positive height into basins, one for each distinct peak.

    Two basins are one if the way between their peaks never falls deep: by less than
    `depth`, or not below the share `neck` of the lower peak.

    Parameters
    ----------
    heights : ndarray of float32, shape (Z, Y, X)
        Positive inside, 0 outside; finite.
    steps : tuple of float
        Voxel edges along (Z, Y, X), in any unit.
    depth : float
        Falls of less than this are no division, in the unit of `heights`.
    neck : float
        Falls to more than this share of the lower peak are no division; 1 turns the
        rule off.

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)
        0 outside, else the basin; basins count from 1 in the order of their first voxel.

    Raises
    ------
    ResourceError
        If the volume has 2³¹ voxels or more.

    Notes
    -----
    Estimator: drainage (steepest ascent in the unit of height per length) with basins
    merged in descending order of their passes, as in a watershed by dynamics. Bias: basin
    borders run along voxel faces and may sit one voxel off where the field is flat.
    Memory: 4 bytes per voxel beside `heights`, and 24 bytes for each pair of
    touching basins.

    References
    ----------
    Cousty et al., 2009, 10.1109/TPAMI.2008.173; Grimaud, 1992, 10.1117/12.60650.
    """
    if heights.size >= 2**31:
        raise ResourceError(
            f"{heights.size} voxels are too many for one piece", hint="measure the volume in parts"
        )
    labels = np.empty(heights.shape, dtype=np.int32)
    _ascend(heights, labels, *_neighbourhood(steps))
    peaks = _number(heights, labels)
    renumber(labels, joined_basins(peaks, *pass_heights(heights, labels), depth, neck))
    return labels


def drain(
    heights: NDArray[np.float32], steps: tuple[float, float, float], core: Window
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Follow the steepest ascent in a part of a volume until it peaks or leaves the part.

    Parameters
    ----------
    heights : ndarray of float32, shape (Z, Y, X)
        The part with one voxel around it, where the volume has one.
    steps : tuple of float
        Voxel edges along (Z, Y, X), in any unit.
    core : tuple of slice
        Where the part lies in `heights`; from plain numbers.

    Returns
    -------
    labels : ndarray of int32
        Of the part: 0 outside, else from 1 the end that the ascent leads to.
    ends : ndarray of int64
        For each label the place in `heights` (flat) of its end: a peak if it is in the
        part, else the first voxel beyond it on the way to one.
    firsts : ndarray of int64
        For each label the place in `heights` of its first voxel.

    Notes
    -----
    Memory: 8 bytes per voxel beside `heights`.
    """
    target = np.empty(heights.shape, dtype=np.int32)
    _ascend(heights, target, *_neighbourhood(steps))
    box = np.array([(cut.start, cut.stop) for cut in core], dtype=np.int64)
    ends = _stop_outside(target, box)
    labels = np.empty(tuple(box[:, 1] - box[:, 0]), dtype=np.int32)
    firsts = np.empty(ends, dtype=np.int64)
    places = np.empty(ends, dtype=np.int64)
    count = _number_ends(target, labels, box[:, 0], places, firsts)
    return labels, places[:count], firsts[:count]


def pass_heights(
    heights: NDArray[np.float32], labels: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the highest pass between each two touching basins.

    Parameters
    ----------
    heights : ndarray of float32, shape (Z, Y, X)
        As given to `basins`, or a part of it.
    labels : ndarray of int32, shape (Z, Y, X)
        Basins from 1; 0 is none.

    Returns
    -------
    keys : ndarray of int64
        The smaller basin of each pair times 2³², plus the larger one; in no order.
    values : ndarray of float32
        Height of the pass. Over parts that overlap by a voxel the largest one counts.
    """
    offsets, _ = _neighbourhood((1.0, 1.0, 1.0))
    keys, values = _pass_table(heights, labels, offsets[13:])
    held = keys != -1
    return keys[held], values[held]


def joined_basins(
    peaks: NDArray[np.float32],
    keys: NDArray[np.int64],
    values: NDArray[np.float32],
    depth: float,
    neck: float,
) -> NDArray[np.int64]:
    """Merge basins in descending order of their passes.

    Parameters
    ----------
    peaks : ndarray of float32, shape (n,)
        Heights of the peaks, in the order of their voxels.
    keys, values : ndarray
        As from `pass_heights`, each pair once.
    depth, neck : float
        As for `basins`.

    Returns
    -------
    ndarray of int64, shape (n,)
        For each basin (from 0) the one that it becomes part of, itself if none.
    """
    order = np.lexsort((keys, -values))
    pairs = np.stack([keys[order] >> 32, keys[order] & 0xFFFFFFFF], axis=1) - 1
    joined: NDArray[np.int64] = _merge(peaks, pairs, values[order], depth, neck)
    return joined


def renumber(labels: NDArray[np.int32], joined: NDArray[np.int64]) -> int:
    """Join and drop labels in place, and number those that stay by their first voxel.

    Parameters
    ----------
    labels : ndarray of int32, shape (Z, Y, X)
        Objects from 1, 0 for none; written to.
    joined : ndarray of int64, shape (n,)
        For label k, entry k - 1 names (from 0) the object that it becomes part of; -1
        drops it.

    Returns
    -------
    int
        How many objects are left.
    """
    return int(_renumber(labels, joined))


def _neighbourhood(
    steps: tuple[float, float, float],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the 26 neighbours, the later half being those that follow in memory."""
    offsets = np.array(
        [(z, y, x) for z in (-1, 0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1) if z or y or x],
        dtype=np.int64,
    )
    return offsets, np.sqrt(((offsets * np.asarray(steps)) ** 2).sum(axis=1))


@njit(nogil=True, cache=True)
def _ascend(heights, labels, offsets, lengths):  # type: ignore[no-untyped-def]
    """Point each voxel at its steepest higher neighbour, or an equal one that comes before."""
    nz, ny, nx = heights.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                here = heights[z, y, x]
                target = (z * ny + y) * nx + x if here > 0 else -1
                best = 0.0 if here > 0 else np.inf
                level = True
                for k in range(26):
                    a, b, c = z + offsets[k, 0], y + offsets[k, 1], x + offsets[k, 2]
                    if a < 0 or b < 0 or c < 0 or a >= nz or b >= ny or c >= nx:
                        continue
                    slope = (heights[a, b, c] - here) / lengths[k]
                    if slope > best or (slope == best == 0.0 and level and k < 13):
                        target = (a * ny + b) * nx + c
                        best = slope
                        level = False
                labels[z, y, x] = target


@njit(nogil=True, cache=True)
def _follow(target):  # type: ignore[no-untyped-def]
    """Point each voxel at the peak that it leads to, in place; return how many there are."""
    count = 0
    for index in range(target.size):
        root = index
        while target[root] > -1 and target[root] != root:
            root = target[root]
        count += target[index] == index
        step = index
        while target[step] > -1 and target[step] != root:
            ahead = target[step]
            target[step] = root
            step = ahead
    return count


@njit(nogil=True, cache=True)
def _number(heights, labels):  # type: ignore[no-untyped-def]
    """Replace targets by the number of the peak, from 1; return the heights of the peaks."""
    target = labels.reshape(-1)
    height = heights.reshape(-1)
    peaks = np.zeros(_follow(target), dtype=np.float32)
    count = 0
    for index in range(target.size):
        if target[index] == index:
            peaks[count] = height[index]
            count += 1
            target[index] = -1 - count
    for index in range(target.size):
        if target[index] > -1:
            target[index] = target[target[index]]
    for index in range(target.size):
        target[index] = -1 - target[index]
    return peaks


@njit(nogil=True, cache=True)
def _stop_outside(target, box):  # type: ignore[no-untyped-def]
    """Let no way go on beyond the box, and follow all; return how many ends there may be."""
    nz, ny, nx = target.shape
    flat = target.reshape(-1)
    for z in range(nz):
        for y in range(ny):
            inside = box[0, 0] <= z < box[0, 1] and box[1, 0] <= y < box[1, 1]
            for x in range(nx):
                place = (z * ny + y) * nx + x
                if flat[place] > -1 and not (inside and box[2, 0] <= x < box[2, 1]):
                    flat[place] = place
    return _follow(flat)


@njit(nogil=True, cache=True)
def _number_ends(target, labels, start, places, firsts):  # type: ignore[no-untyped-def]
    """Label voxels by their ends, numbered by first voxel; an end becomes -1 - its number."""
    flat = target.reshape(-1)
    _, ny, nx = target.shape
    count = 0
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            row = ((z + start[0]) * ny + y + start[1]) * nx + start[2]
            for x in range(labels.shape[2]):
                end = flat[row + x]
                if end > -1 and flat[end] > -1:
                    places[count] = end
                    firsts[count] = row + x
                    count += 1
                    flat[end] = -1 - count
                number = flat[row + x] if end < 0 else flat[end]
                labels[z, y, x] = -1 - number
    return count


@njit(nogil=True, cache=True)
def _slot(keys, key):  # type: ignore[no-untyped-def]
    """Return where `key` is, or belongs, in an open hash table."""
    mask = keys.size - 1
    place = ((key * 0x1E3779B97F4A7C15) >> 20) & mask
    while keys[place] != -1 and keys[place] != key:
        place = (place + 1) & mask
    return place


@njit(nogil=True, cache=True)
def _grown(keys, values):  # type: ignore[no-untyped-def]
    """Return the hash table in twice the room."""
    more_keys = np.full(2 * keys.size, -1, dtype=np.int64)
    more_values = np.zeros(2 * keys.size, dtype=np.float32)
    for place in range(keys.size):
        if keys[place] != -1:
            to = _slot(more_keys, keys[place])
            more_keys[to] = keys[place]
            more_values[to] = values[place]
    return more_keys, more_values


@njit(nogil=True, cache=True)
def _raise(keys, values, key, height):  # type: ignore[no-untyped-def]
    """Note a pass of this height; return 1 if the pair is new."""
    place = _slot(keys, key)
    new = keys[place] == -1
    keys[place] = key
    values[place] = max(values[place], height)
    return np.int64(new)


@njit(nogil=True, cache=True)
def _pass_table(heights, labels, offsets):  # type: ignore[no-untyped-def]
    """Return, for each pair of touching basins, its key and the height of the best pass."""
    nz, ny, nx = heights.shape
    keys = np.full(1024, -1, dtype=np.int64)
    values = np.zeros(1024, dtype=np.float32)
    held = 0
    for place in range(labels.size):
        z, y, x = place // (ny * nx), place // nx % ny, place % nx
        one = np.int64(labels[z, y, x])
        for k in range(13 if one > 0 else 0):
            a, b, c = z + offsets[k, 0], y + offsets[k, 1], x + offsets[k, 2]
            if b < 0 or c < 0 or a >= nz or b >= ny or c >= nx:
                continue
            two = np.int64(labels[a, b, c])
            if two not in (0, one):
                key = (min(one, two) << 32) | max(one, two)
                held += _raise(keys, values, key, min(heights[z, y, x], heights[a, b, c]))
                if 2 * held > keys.size:
                    keys, values = _grown(keys, values)
    return keys, values


@njit(nogil=True, cache=True)
def _merge(peaks, pairs, passes, depth, neck):  # type: ignore[no-untyped-def]
    """Return for each basin the one that it becomes part of, itself if none."""
    parent = np.arange(peaks.size)
    for k in range(passes.size):
        one, two = pairs[k, 0], pairs[k, 1]
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        while parent[two] != two:
            parent[two] = parent[parent[two]]
            two = parent[two]
        lower = min(peaks[one], peaks[two])
        shallow = lower - passes[k] < depth or passes[k] == lower
        if one != two and (shallow or (neck < 1 and passes[k] > neck * lower)):
            high = (
                one if peaks[one] > peaks[two] or (peaks[one] == peaks[two] and one < two) else two
            )
            parent[one + two - high] = high
    for basin in range(parent.size):
        root = basin
        while parent[root] != root:
            root = parent[root]
        parent[basin] = root
    return parent


@njit(nogil=True, cache=True)
def _renumber(labels, joined):  # type: ignore[no-untyped-def]
    """Rename labels by `joined` (-1 drops one), then number them by first voxel."""
    names = np.zeros(joined.size, dtype=np.int32)
    flat = labels.reshape(-1)
    count = 0
    for index in range(flat.size):
        if flat[index] == 0:
            continue
        root = joined[flat[index] - 1]
        if root >= 0 and names[root] == 0:
            count += 1
            names[root] = count
        flat[index] = names[root] if root >= 0 else 0
    return count
