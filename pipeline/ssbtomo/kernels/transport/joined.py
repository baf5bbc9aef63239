"""Which voxels conduct between the electrodes: the clusters that join both."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["keep_joined"]

_SLAB = 2**26
"""Voxels whose clusters are found at a time: five bytes of memory each."""


def keep_joined(
    codes: NDArray[np.uint8], axis: int, *, periodic: bool, blocked: bool = False
) -> bool:
    """Remove the clusters that do not join both electrodes.

    Parameters
    ----------
    codes : ndarray of uint8, shape (Z, Y, X)
        Codes of the voxels; set to 0 in clusters (of face neighbours) that are removed.
    axis : int
        The transport axis.
    periodic : bool
        Whether opposite sides are joined.
    blocked : bool
        Whether the last face is none: clusters that touch the first one stay.

    Returns
    -------
    bool
        Whether anything is left.
    """
    clusters = [_Slab(codes, part) for part in _parts(codes)]
    for before, after in itertools.pairwise(clusters):
        after.base = before.base + before.count
    sides = _sides(clusters)
    joined = [sides[a] for a in range(3) if periodic and a != axis]
    joined += [(one.last, two.first) for one, two in itertools.pairwise(clusters)]
    group = _groups(joined, clusters[-1].base + clusters[-1].count + 1)
    first, last = (np.unique(group[layer]) for layer in sides[axis])
    keep = np.isin(group, first if blocked else np.intersect1d(first, last))
    keep[0] = False
    for slab in clusters:
        slab.clear(codes, keep, again=len(clusters) > 1)
    return bool(keep.any())


class _Slab:
    """The clusters of some planes; numbered from 1 here, from `base` + 1 in the volume."""

    def __init__(self, codes: NDArray[np.uint8], part: slice) -> None:
        self.part = part
        self.base = 0
        found = self.found = _label(codes[part])
        self.count = int(found.max())
        self._faces = [found.take(side, axis) for axis in range(3) for side in (0, -1)]
        if len(found) < len(codes):
            del self.found

    def face(self, axis: int, side: int) -> NDArray[np.int64]:
        """Return the clusters of the first or the last layer of an axis."""
        layer: NDArray[np.int64] = self._faces[2 * axis + side].astype(np.int64)
        layer[layer > 0] += self.base
        return layer

    @property
    def first(self) -> NDArray[np.int64]:
        """The clusters of the first plane."""
        return self.face(0, 0)

    @property
    def last(self) -> NDArray[np.int64]:
        """The clusters of the last plane."""
        return self.face(0, 1)

    def clear(self, codes: NDArray[np.uint8], keep: NDArray[np.bool_], *, again: bool) -> None:
        """Set the codes of those clusters to 0 that are not kept."""
        found = _label(codes[self.part]) if again else self.found
        mine = np.concatenate([keep[:1], keep[self.base + 1 : self.base + self.count + 1]])
        for plane, numbers in zip(codes[self.part], found, strict=True):
            np.multiply(plane, mine.take(numbers), out=plane)


def _parts(codes: NDArray[np.uint8]) -> list[slice]:
    planes = max(1, _SLAB // codes[0].size)
    return [slice(z, z + planes) for z in range(0, len(codes), planes)]


def _label(codes: NDArray[np.uint8]) -> NDArray[Any]:
    import cc3d

    found: NDArray[Any] = cc3d.connected_components(codes, connectivity=6, binary_image=True)
    return found


def _sides(clusters: list[_Slab]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return the clusters of the first and the last layer of each axis."""
    sides = [(clusters[0].first, clusters[-1].last)]
    for axis in (1, 2):
        near, far = (
            np.concatenate([slab.face(axis, side) for slab in clusters]) for side in (0, 1)
        )
        sides.append((near, far))
    return sides


def _groups(
    joined: list[tuple[NDArray[np.int64], NDArray[np.int64]]], count: int
) -> NDArray[np.int64]:
    """Return for each cluster the number of the group that it forms across joined layers."""
    if not joined:
        return np.arange(count)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = [np.zeros((2, 0), np.int64)]
    for near, far in joined:
        both = (near > 0) & (far > 0)
        pairs.append(np.unique(np.stack([near[both], far[both]]), axis=1))
    one, two = np.concatenate(pairs, axis=1)
    graph = coo_array((np.ones(one.size, np.int8), (one, two)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)
