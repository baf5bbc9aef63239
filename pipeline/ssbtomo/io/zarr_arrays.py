"""Arrays of a zarr store, opened late in each process and written by whole shards."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.errors import InputDataError, OutputError, SsbtomoError
from ssbtomo.io.zarr_bombs import check_chunks
from ssbtomo.io.zarr_opening import opened, settings, staged
from ssbtomo.passing import persist

if TYPE_CHECKING:
    from collections.abc import Iterator

    import zarr
    from numpy.typing import NDArray

__all__ = [
    "PART",
    "ArrayFile",
    "clear_parts",
    "create_array",
    "disk_errors",
    "inner_chunk",
    "remove",
]

_TRIES, _MOMENT = 20, 0.05  # s
PART = ".part-"  # begin of the names of folders with shards that are being written


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """One array of a zarr store: a path that can be sent to any worker.

    The array is opened on first use, once in each process. Reading gives NumPy arrays.
    A write must cover whole shards (the blocks of the store), so that two tasks never
    touch one file; any other write is an error.

    Parameters
    ----------
    path : str
        Folder of the store.
    level : int or str
        Name of the array inside the store: the pyramid level.
    """

    path: str
    level: int | str = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return tuple(int(size) for size in self._array().shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel."""
        dtype: np.dtype[Any] = np.dtype(self._array().dtype)
        return dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._array().shape)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Voxels of the smallest unit that is read at once."""
        return tuple(int(size) for size in self._array().chunks)

    @property
    def shards(self) -> tuple[int, ...]:
        """Voxels of the unit that must be written at once."""
        array = self._array()
        return tuple(int(size) for size in array.shards or array.chunks)

    def missing_shards(self) -> int:
        """Count the shards that were never written.

        Returns
        -------
        int
            Shards without a file.
        """
        return sum(not self._shard(index).is_file() for index in np.ndindex(*self.shard_counts))

    @property
    def shard_counts(self) -> tuple[int, ...]:
        """Shards along each axis."""
        return tuple(-(-n // s) for n, s in zip(self.shape, self.shards, strict=True))

    def unreadable_shards(self) -> list[tuple[int, ...]]:
        """Read every shard and list those that are missing or damaged.

        Returns
        -------
        list of tuple of int
            Their indexes.
        """
        return [index for index in np.ndindex(*self.shard_counts) if not self._sound(index)]

    def _sound(self, index: tuple[int, ...]) -> bool:
        if not self._shard(index).is_file():
            return False
        try:
            self[self._box(index)]
        except InputDataError:
            return False
        return True

    def _box(self, index: tuple[int, ...]) -> tuple[slice, ...]:
        edges = zip(index, self.shards, self.shape, strict=True)
        return tuple(slice(k * s, min((k + 1) * s, n)) for k, s, n in edges)

    def _shard(self, index: tuple[int, ...]) -> Path:
        return Path(self.path, str(self.level), "c", *map(str, index))

    def _array(self, *, fast: bool = True) -> zarr.Array[Any]:
        node = Path(self.path) / str(self.level)
        return persist(lambda: opened(node, fast=fast))

    def __getitem__(self, window: Any) -> Any:
        try:
            return persist(lambda: self._read(window))
        except SsbtomoError:
            raise
        except Exception as error:  # damaged bytes provoke errors of every kind in the codecs
            raise InputDataError(
                f"{self.path}: level {self.level} cannot be read at {window}: {error}",
                hint="the store is damaged or was not written to its end; `ssbtomo run --verify` "
                "finds what is damaged in a results folder and computes it again",
            ) from error

    def _read(self, window: Any) -> NDArray[Any]:
        array = self._array()
        check_chunks(array, Path(self.path) / str(self.level), window)
        return np.asarray(array[window])

    def __setitem__(self, window: Any, values: Any) -> None:
        array = self._array()
        box = _whole_shards(window, self.shape, self.shards, self.path)
        block = np.asarray(values)
        if block.ndim and not _fits(block.dtype, array.dtype):
            raise OutputError(
                f"{self.path}: {block.dtype} values would be damaged by writing them as "
                f"{array.dtype}",
                hint="convert the block to the type of the store first",
            )
        size = tuple(cut.stop - cut.start for cut in box)
        if block.ndim and block.shape != size:
            raise OutputError(f"{self.path}: a block {block.shape} does not fit its box {size}")
        block = np.ascontiguousarray(np.broadcast_to(block, size), dtype=array.dtype)
        with disk_errors(self.path):
            persist(lambda: self._replace(box, block))

    def _replace(self, box: tuple[slice, ...], block: NDArray[Any]) -> None:
        """Write shards beside their places, and move them there when they are whole.

        A process that is killed, or a disk that is full, so leaves no torn shard; and one that
        is late, as its run was killed and goes on elsewhere already, writes the same again.
        """
        node = Path(self.path) / str(self.level)
        if not (node / "zarr.json").is_file():  # version 2: another layout, never a run's
            self._array()[box] = block
            return
        host = "".join(sign for sign in platform.node() if sign.isalnum())
        part = node / f"{PART}{host}-{os.getpid()}-{threading.get_ident()}"
        try:
            staged(node, part, fast=True)[box] = block
            for index in self._shards_of(box):
                goal = self._shard(index)
                whole = part.joinpath(*goal.relative_to(node).parts)
                if not whole.is_file():
                    # the compiled codecs leave out a shard of zeros: it would read as never written
                    staged(node, part, fast=False)[self._box(index)] = 0
                goal.parent.mkdir(parents=True, exist_ok=True)
                persist(partial(whole.replace, goal))
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _shards_of(self, box: tuple[slice, ...]) -> Iterator[tuple[int, ...]]:
        first = [cut.start // edge for cut, edge in zip(box, self.shards, strict=True)]
        counts = [
            -(-(cut.stop - cut.start) // edge) for cut, edge in zip(box, self.shards, strict=True)
        ]
        for index in np.ndindex(*counts):
            yield tuple(a + b for a, b in zip(first, index, strict=True))

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self[...], dtype=dtype)


def create_array(
    path: str,
    level: int,
    shape: tuple[int, ...],
    dtype: Any,
    shard: tuple[int, ...],
) -> ArrayFile:
    """Make an empty array in a store that exists.

    Parameters
    ----------
    path : str
        Folder of the store.
    level : int
        Pyramid level, the array's name.
    shape : tuple of int
        Voxels along each axis.
    dtype : dtype
        Type of a voxel.
    shard : tuple of int
        Voxels that are written at once; clipped to the shape.

    Returns
    -------
    ArrayFile
        The handle to write blocks to.
    """
    import zarr
    from zarr.codecs import ZstdCodec

    size = tuple(min(s, n) for s, n in zip(shard, shape, strict=True))
    make = partial(
        zarr.create_array,
        f"{path}/{level}",
        shape=shape,
        dtype=np.dtype(dtype).newbyteorder("="),
        chunks=tuple(map(inner_chunk, size)),
        shards=size,
        compressors=ZstdCodec(level=1, checksum=True),  # a flipped bit: an error when it is read
        fill_value=0,
        zarr_format=3,
        dimension_names=("z", "y", "x")[-len(shape) :],
    )
    with disk_errors(path), settings(fast=True):
        remove(Path(path, str(level)))
        persist(make)
    return ArrayFile(path, level)


def remove(place: Path) -> None:
    """Remove a store, or a level of it, also while a late worker of a killed run still writes to it.

    Parameters
    ----------
    place : Path
        Its folder; it may be gone.

    Raises
    ------
    OSError
        If it cannot be removed.
    """
    for left in reversed(range(_TRIES)):
        shutil.rmtree(place, ignore_errors=left > 0)  # what comes and goes meanwhile is no matter
        if not place.exists():
            return
        time.sleep(_MOMENT)


def clear_parts(store: str | Path) -> None:
    """Remove what processes that were killed have left in a store.

    Parameters
    ----------
    store : str or Path
        Its folder; nobody may be writing to it.
    """
    for part in Path(store).glob(f"*/{PART}*"):
        shutil.rmtree(part, ignore_errors=True)


def inner_chunk(edge: int) -> int:
    """Choose the chunk along one axis of a shard: it must divide the shard's edge.

    Parameters
    ----------
    edge : int
        Voxels of the shard along the axis.

    Returns
    -------
    int
        The largest divisor up to 64, or the smallest above it where that would be tiny.
    """
    divisors = [n for n in range(1, edge + 1) if edge % n == 0]
    small = max(n for n in divisors if n <= 64)
    return small if small >= 16 or edge <= 64 else min(n for n in divisors if n > 64)


@contextmanager
def disk_errors(path: str | Path) -> Iterator[None]:
    """Turn a failed write into an `OutputError` that says what to do.

    Parameters
    ----------
    path : str or Path
        What was written.

    Yields
    ------
    None
        While the block writes.

    Raises
    ------
    OutputError
        If the disk is full, or the folder cannot be written.
    """
    try:
        yield
    except OutputError:
        raise
    except (OSError, RuntimeError) as error:
        number = getattr(error, "errno", None)
        text = str(error).lower()
        if number in (errno.ENOSPC, errno.EDQUOT) or "no space left" in text or "quota" in text:
            raise OutputError(
                f"the disk is full: {path} could not be written",
                hint="free some space or choose another output folder; the run can be resumed",
            ) from error
        if isinstance(error, RuntimeError) and "os error" not in text:
            raise
        raise OutputError(
            f"{path} could not be written: {error}",
            hint="check that the folder exists, and that you may write to it",
        ) from error


def _fits(given: np.dtype[Any], stored: np.dtype[Any]) -> bool:
    return np.can_cast(given, stored, "same_kind" if stored.kind == "f" else "safe")


def _whole_shards(
    window: Any,
    shape: tuple[int, ...],
    shards: tuple[int, ...],
    path: str,
) -> tuple[slice, ...]:
    cuts = window if isinstance(window, tuple) else (window,)
    if Ellipsis in cuts:
        at = cuts.index(Ellipsis)
        gap = len(shape) - len(cuts) + 1
        cuts = (*cuts[:at], *[slice(None)] * gap, *cuts[at + 1 :])
    cuts = (*cuts, *[slice(None)] * (len(shape) - len(cuts)))
    if not all(isinstance(cut, slice) and cut.step in (None, 1) for cut in cuts):
        raise OutputError(f"{path}: a write needs one plain slice per axis, not {window}")
    box = tuple(slice(*cut.indices(n)) for cut, n in zip(cuts, shape, strict=True))
    for cut, size, shard in zip(box, shape, shards, strict=True):
        if cut.start % shard or (cut.stop % shard and cut.stop != size) or cut.stop <= cut.start:
            raise OutputError(
                f"{path}: the box {window} does not cover whole shards of {shards} voxels",
                hint="write blocks of the grid that the store was created with",
            )
    return box
