"""Stores that take corrections over what is written to them, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import Sink
from ssbtomo.segment.corrections import Corrections

__all__ = ["Corrected"]


@dataclass(frozen=True, slots=True)
class Corrected:
    """A store in which corrected voxels have their own values, whatever is written there.

    Each block is corrected as it is written, so that the result does not depend on the cut. It
    can be sent to any worker: the voxels are read from their file, once in each process.

    Parameters
    ----------
    sink : Sink
        The store.
    file : str
        File of `Corrections`; on a disk that all workers share.
    values : tuple of int
        What a voxel becomes, by the label that the corrections give it.
    """

    sink: Sink
    file: str
    values: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return self.sink.shape

    @property
    def dtype(self) -> Any:
        """Type of a voxel."""
        return self.sink.dtype

    @property
    def shards(self) -> Any:
        """Voxels of the unit that must be written at once."""
        return getattr(self.sink, "shards", None) or getattr(self.sink, "chunks", None)

    @property
    def path(self) -> str:
        """Folder of the store."""
        path: str = self.sink.path  # type: ignore[attr-defined]
        return path

    def __getitem__(self, window: Any) -> Any:
        return self.sink[window]

    def __setitem__(self, window: Any, values: Any) -> None:
        self.sink[window] = self._over(np.asarray(values), window)

    def _over(self, values: NDArray[Any], window: Any) -> NDArray[Any]:
        box = [cut.indices(size) for cut, size in zip(window, self.shape, strict=True)]
        start, stop = (np.array([cut[end] for cut in box]) for end in (0, 1))
        found = _voxels(self.file, *_stamp(self.file))
        planes = found.places[:, 0]  # ascending
        near = slice(*np.searchsorted(planes, [start[0], stop[0]]))
        places = found.places[near]
        inside = ((places >= start) & (places < stop)).all(1)
        if not inside.any():
            return values
        corrected = np.array(np.broadcast_to(values, tuple(stop - start)))
        table = np.asarray(self.values, corrected.dtype)
        corrected[tuple((places[inside] - start).T)] = table[found.labels[near][inside]]
        return corrected


def _stamp(file: str) -> tuple[int, int]:
    about = Path(file).stat()
    return about.st_mtime_ns, about.st_size


@lru_cache(maxsize=4)
def _voxels(file: str, _changed: int, _size: int) -> Corrections:
    return Corrections.load(file)
