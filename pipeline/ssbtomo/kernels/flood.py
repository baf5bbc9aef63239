"""Seeds grown over a height field, by a definition that any cut of the volume can follow.

Each voxel has a key ``(level, steps, label)``: the highest level on the way from its seed, the
steps since that level was reached, and the seed's label. A seed has ``(0, 0, label)``. Any other
voxel follows the neighbour with the smallest key, compared part by part: if that is
``(L, d, label)`` and the voxel has the height ``h``, its own is ``(h, 0, label)`` if ``h > L``, else
``(L, d + 1, label)``. That is always larger than what it follows; so only one set of keys
does this everywhere, and neither the order of the work nor a cut of the volume shows in it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.plateaus import GRADIENT_LEVELS

__all__ = ["MOST_LABELS", "UNREACHED", "Keys", "Levels", "flood", "grown_labels"]

Keys = NDArray[np.uint32]
Levels = NDArray[np.uint16]

MOST_LABELS = 14
UNREACHED = 2**32 - 1
_WALL = UNREACHED - 1

# 12 bits of level, 16 of steps (which carry over into the level), 4 of label
_LEVEL, _STEPS, _LABEL = 20, 4, 15
_UNIT, _MOST = 16, 2**28 - 2  # level and steps as one number: a step adds 1 or climbs
_GROWN = 128


def flood(
    levels: Levels, seeds: NDArray[np.uint8], beyond: tuple[Keys | None, ...] = (None,) * 6
) -> Keys:
    """Grow seeds over a volume, flattest voxels first.

    Parameters
    ----------
    levels : ndarray of uint16, shape (Z, Y, X)
        Height of each voxel, below 4096.
    seeds : ndarray of uint8, shape (Z, Y, X)
        Labels from 1 to 14, else 0.
    beyond : tuple of ndarray or None
        Keys of the voxels next to the array (uint32): planes before and behind it along Z, Y
        and X, where something is known of them.

    Returns
    -------
    ndarray of uint32, shape (Z + 2, Y + 2, X + 2)
        The key of each voxel, `UNREACHED` where no seed reaches through faces, inside a shell
        with what is beyond; see `grown_labels`.

    Notes
    -----
    Seeded watershed [1]_: a voxel is reached over the lowest pass, of several from where the
    water is lowest, and on level ground by the shortest way; of equals the smaller label wins.
    Voxels leave the queue in the order of their keys, each once, so that time grows with the
    number of voxels. 13 bytes per voxel with the arrays it is given.

    References
    ----------
    .. [1] F. Meyer, "Topographic distance and watershed lines", 1994,
       doi:10.1016/0165-1684(94)90060-4.
    """
    keys = np.full([size + 2 for size in seeds.shape], _WALL, np.uint32)
    inner = keys[1:-1, 1:-1, 1:-1]
    inner[...] = UNREACHED
    np.copyto(inner, seeds, where=seeds > 0)
    for side, plane in enumerate(beyond):
        if plane is not None:
            shell = np.moveaxis(keys, side // 2, 0)[-(side % 2)]
            shell[1:-1, 1:-1] = np.where(plane == UNREACHED, np.uint32(_WALL), plane)
    height = np.zeros(keys.shape, np.uint16)
    height[1:-1, 1:-1, 1:-1] = levels
    _flood(height, keys, np.empty(keys.size, np.int32), _sources(keys))
    return keys


def _sources(keys: Keys) -> NDArray[np.int32]:
    """Return the voxels of the shell that have a key, in the order of their keys."""
    shell = np.ones(keys.shape, np.bool_)
    shell[1:-1, 1:-1, 1:-1] = False
    known = np.flatnonzero(shell.reshape(-1))
    known = known[keys.reshape(-1)[known] < _WALL]
    return known[np.argsort(keys.reshape(-1)[known])].astype(np.int32)


def grown_labels(keys: Keys) -> NDArray[np.uint8]:
    """Return the labels that keys stand for.

    Parameters
    ----------
    keys : ndarray of uint32, shape (Z + 2, Y + 2, X + 2)
        As from `flood`.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X)
        Seeds keep their label; what was grown has the label of its seed plus 128, and what no
        seed reached is 0.
    """
    labels = np.empty([size - 2 for size in keys.shape], np.uint8)
    _label(keys, labels)
    return labels


@njit(nogil=True, cache=True)
def _flood(levels, keys, follow, sources):  # type: ignore[no-untyped-def]
    heads = np.full(GRADIENT_LEVELS, -1, np.int32)
    tails = np.full(GRADIENT_LEVELS, -1, np.int32)
    ny, nx = levels.shape[1:]
    around = (nx * ny, nx, 1, -1, -nx, -nx * ny)
    volume, queues = (levels.reshape(-1), keys.reshape(-1)), (follow, heads, tails)
    _begin(levels.shape, around, volume, queues)
    key = volume[1]
    at = 0
    for level in range(GRADIENT_LEVELS):
        while True:
            voxel = np.int64(heads[level])
            if at < sources.size and key[sources[at]] >> _LEVEL <= level:
                # What lies outside comes before the first voxel that is not before it.
                if voxel < 0 or key[sources[at]] >> _STEPS <= key[voxel] >> _STEPS:
                    _spread(np.int64(sources[at]), around, volume, queues)
                    at += 1
                    continue
            elif voxel < 0:
                break
            heads[level] = follow[voxel]
            lowest = _spread(voxel, around, volume, queues)
            key[voxel] = key[voxel] & ~_LABEL | lowest & _LABEL


@njit(nogil=True, cache=True)
def _begin(shape, around, volume, queues):  # type: ignore[no-untyped-def]
    """Spread from every seed."""
    nz, ny, nx = shape
    for z in range(1, nz - 1):
        for y in range(1, ny - 1):
            for voxel in range((z * ny + y) * nx + 1, (z * ny + y + 1) * nx - 1):
                if volume[1][voxel] <= _LABEL:
                    _spread(voxel, around, volume, queues)


@njit(nogil=True, cache=True)
def _spread(voxel, around, volume, queues):  # type: ignore[no-untyped-def]
    """Queue the neighbours that nobody reached yet; return the smallest key of the others."""
    levels, keys = volume
    follow, heads, tails = queues
    lowest = np.int64(UNREACHED)
    steps = np.int64(keys[voxel] >> _STEPS)
    after = steps + 1 if steps < _MOST else steps
    for step in around:
        other = voxel + step
        if other < 0 or other >= keys.size:
            continue  # from a voxel of the shell
        key = np.int64(keys[other])
        if key != UNREACHED:
            lowest = key if key < lowest else lowest
            continue
        climbed = np.int64(levels[other]) << _UNIT
        reached = (climbed if climbed > after else after) << _STEPS
        keys[other] = reached | _LABEL  # until its turn comes
        at = reached >> _LEVEL
        follow[other] = -1
        if heads[at] < 0:
            heads[at] = other
        else:
            follow[tails[at]] = other
        tails[at] = other
    return lowest


@njit(nogil=True, cache=True)
def _label(keys, labels):  # type: ignore[no-untyped-def]
    nz, ny, nx = labels.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                key = keys[z + 1, y + 1, x + 1]
                grown = (key & _LABEL) | (_GROWN if key > _LABEL else 0)
                labels[z, y, x] = 0 if key == UNREACHED else grown
