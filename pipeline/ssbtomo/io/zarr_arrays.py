"""Arrays of a zarr store, opened late in each process and written by whole shards."""

from __future__ import annotations

import errno
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.errors import FormatError, InputDataError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import zarr

__all__ = ["ArrayFile", "create_array", "disk_errors", "inner_chunk"]

_OURS = {"sharding_indexed", "bytes", "zstd"}  # codecs that the fast pipeline is known to read
_KEPT = 64  # open arrays that a process remembers
_opened: dict[tuple[str, bool, int, int], zarr.Array[Any]] = {}
_lock = threading.RLock()  # zarr's settings are of the whole process: one change at a time


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
        counts = [-(-n // s) for n, s in zip(self.shape, self.shards, strict=True)]
        folder = Path(self.path) / str(self.level) / "c"
        return sum(not folder.joinpath(*map(str, index)).is_file() for index in np.ndindex(*counts))

    def _array(self, *, fast: bool = True) -> zarr.Array[Any]:
        return _open(Path(self.path) / str(self.level), fast=fast)

    def __getitem__(self, window: Any) -> Any:
        try:
            return np.asarray(self._array()[window])
        except (RuntimeError, OSError, ValueError) as error:
            raise InputDataError(
                f"{self.path}: level {self.level} cannot be read at {window}: {error}",
                hint="the store is damaged or was not written to its end; write it again",
            ) from error

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
        # the compiled codecs leave out a shard of zeros, which would read as "never written"
        with disk_errors(self.path):
            self._remove(box)
            self._array(fast=bool(block.any()))[box] = block

    def _remove(self, box: tuple[slice, ...]) -> None:
        """Remove the shards of a box: one at the far end is read before it is written again.

        A process that was killed while it wrote leaves a torn shard, which cannot be read.
        """
        first = [cut.start // edge for cut, edge in zip(box, self.shards, strict=True)]
        counts = [
            -(-(cut.stop - cut.start) // edge) for cut, edge in zip(box, self.shards, strict=True)
        ]
        folder = Path(self.path) / str(self.level) / "c"
        for index in np.ndindex(*counts):
            place = (str(a + b) for a, b in zip(first, index, strict=True))
            folder.joinpath(*place).unlink(missing_ok=True)

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
    with disk_errors(path), _settings(fast=True):
        zarr.create_array(
            f"{path}/{level}",
            shape=shape,
            dtype=np.dtype(dtype).newbyteorder("="),
            chunks=tuple(map(inner_chunk, size)),
            shards=size,
            compressors=ZstdCodec(level=1),
            fill_value=0,
            zarr_format=3,
            dimension_names=("z", "y", "x")[-len(shape) :],
            overwrite=True,
        )
    return ArrayFile(path, level)


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


@contextmanager
def _settings(*, fast: bool) -> Iterator[None]:
    """Open arrays with the compiled codecs where they are installed; zarr's default else."""
    import zarr

    chosen: dict[str, Any] = {"array.write_empty_chunks": True}
    if fast and _zarrs_installed():
        chosen["codec_pipeline.path"] = "zarrs.ZarrsCodecPipeline"
    with _lock, zarr.config.set(chosen):
        yield


def _fits(given: np.dtype[Any], stored: np.dtype[Any]) -> bool:
    return np.can_cast(given, stored, "same_kind" if stored.kind == "f" else "safe")


@cache
def _zarrs_installed() -> bool:
    try:
        import zarrs
    except ImportError:
        return False
    return hasattr(zarrs, "ZarrsCodecPipeline")


def _open(node: Path, *, fast: bool) -> zarr.Array[Any]:
    """Open an array, or take the one that this process holds open already."""
    meta = node / "zarr.json"
    if not meta.is_file():
        meta = node / ".zarray"
    try:
        stamp = meta.stat()
    except OSError as error:
        raise FormatError(
            f"there is no zarr array at {node}",
            hint="check the path; a store that was interrupted must be written again",
        ) from error
    key = (str(node), fast, stamp.st_mtime_ns, stamp.st_ino)
    with _lock:
        if key not in _opened:
            while len(_opened) >= _KEPT:
                _opened.pop(next(iter(_opened)))
            _opened[key] = _open_anew(node, fast=fast and _known_codecs(meta))
        return _opened[key]


def _open_anew(node: Path, *, fast: bool) -> zarr.Array[Any]:
    import zarr

    try:
        with _settings(fast=fast):
            # "r+" opens for reading and writing and never creates
            return zarr.open_array(str(node), mode="r+")
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(
            f"{node} is not a readable zarr array: {error}",
            hint="it may be of an unsupported version or use an unknown codec",
        ) from error


def _known_codecs(meta: Path) -> bool:
    if meta.name != "zarr.json":
        return False
    text = json.loads(meta.read_text(encoding="utf-8"))
    codecs = text.get("codecs", [])
    for codec in list(codecs):
        codecs = codecs + codec.get("configuration", {}).get("codecs", [])
    return all(codec.get("name") in _OURS for codec in codecs)


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
