"""The planes around a slice, kept in memory: a store is read once for many slices."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import Engine, Source

__all__ = ["HeldPlanes"]

_MOST = 2**28  # bytes that may be held to save the neighbours' reading
_EDGE = 256  # voxels of a piece of a plane that a task reads, rounded up to whole chunks


class HeldPlanes:
    """A volume, part of which is kept as it was read.

    Parameters
    ----------
    source : Source, shape (Z, Y, X)
        A store, or a lazy array; an array in memory is only handed on.
    engine : Engine
        Where planes are read: threads.

    Notes
    -----
    Holds the planes that were asked for last, and those that share chunks with them while all
    of them take less than 256 MiB.
    """

    def __init__(self, source: Source, engine: Engine) -> None:
        self._source = source
        self._engine = engine
        self._held: tuple[int, int, NDArray[Any]] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along (Z, Y, X)."""
        return tuple(int(n) for n in self._source.shape)

    @property
    def dtype(self) -> Any:
        """Type of a voxel."""
        return self._source.dtype

    def __getitem__(self, window: tuple[slice, ...]) -> Any:
        """Return a box of voxels: from memory if all of it is held."""
        held = self._held  # another thread may hold other planes meanwhile
        if held is None:
            return self._source[window]
        axis, first, planes = held
        cut = window[axis]
        if cut.start < first or cut.stop > first + planes.shape[axis]:
            return self._source[window]
        moved = slice(cut.start - first, cut.stop - first)
        return planes[tuple(moved if k == axis else part for k, part in enumerate(window))]

    def hold(self, axis: int, low: int, high: int) -> None:
        """Read some planes, unless they are held, in place of others.

        Parameters
        ----------
        axis : int
            What the planes are normal to.
        low, high : int
            The first plane, and the one after the last; cut back to the volume.
        """
        if isinstance(self._source, np.ndarray):
            return
        low, high = max(low, 0), min(high, self.shape[axis])
        if self._held is not None:
            across, first, planes = self._held
            if across == axis and first <= low and high <= first + planes.shape[axis]:
                return
        low, high = self._with_neighbours(axis, low, high)
        self._held = axis, low, self._read(axis, low, high)

    def _with_neighbours(self, axis: int, low: int, high: int) -> tuple[int, int]:
        """Add the planes that come with the same chunks."""
        thick = _chunk(self._source)[axis]
        start, stop = low // thick * thick, min(-(-high // thick) * thick, self.shape[axis])
        plane = prod(self.shape) // self.shape[axis] * np.dtype(self.dtype).itemsize
        return (start, stop) if (stop - start) * plane <= _MOST else (low, high)

    def _read(self, axis: int, low: int, high: int) -> NDArray[Any]:
        """Read planes, those that are held already from memory."""
        shape = tuple(high - low if k == axis else n for k, n in enumerate(self.shape))
        out = np.empty(shape, self.dtype)
        cuts = [low, high]
        if self._held is not None and self._held[0] == axis:
            _, first, planes = self._held
            cuts += [n for n in (first, first + planes.shape[axis]) if low < n < high]
        cuts.sort()
        boxes = [
            tuple(slice(a, b) if k == axis else part for k, part in enumerate(piece))
            for piece in _pieces(self.shape, axis, _chunk(self._source))
            for a, b in pairwise(cuts)
        ]
        task = partial(_fill, source=self, out=out, axis=axis, low=low)
        for _ in self._engine.map(task, boxes):
            pass
        return out


def _chunk(source: Any) -> tuple[int, ...]:
    """Return the voxels that are read at once; single planes where nothing tells."""
    found = getattr(source, "chunksize", None) or getattr(source, "chunks", None)
    if found is None or not all(isinstance(n, int | np.integer) for n in found):
        return (1, 1, 1)
    return tuple(max(int(n), 1) for n in found)


def _pieces(shape: tuple[int, ...], axis: int, chunk: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """Cut a plane into pieces of whole chunks."""
    steps = [-(-min(n, _EDGE) // c) * c for n, c in zip(shape, chunk, strict=True)]
    ranges = [
        [slice(0, n)] if k == axis else [slice(a, min(a + s, n)) for a in range(0, n, s)]
        for k, (n, s) in enumerate(zip(shape, steps, strict=True))
    ]
    return [(z, y, x) for z in ranges[0] for y in ranges[1] for x in ranges[2]]


def _fill(
    box: tuple[slice, ...], *, source: HeldPlanes, out: NDArray[Any], axis: int, low: int
) -> None:
    here = tuple(
        slice(cut.start - low, cut.stop - low) if k == axis else cut for k, cut in enumerate(box)
    )
    out[here] = np.asarray(source[box])
