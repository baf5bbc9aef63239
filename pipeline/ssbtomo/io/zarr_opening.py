"""Zarr arrays, opened once in each process, with the compiled codecs where they are installed."""

from __future__ import annotations

import json
import math
import threading
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.errors import FormatError
from ssbtomo.passing import passes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import zarr

__all__ = ["check_sizes", "opened", "settings", "staged"]

_OURS = {"sharding_indexed", "bytes", "zstd"}  # codecs that the fast pipeline is known to read
_LARGEST = 2**31 - 1  # bytes of a chunk: what the usual codecs can pack
_KEPT = 64  # open arrays that a process remembers
_opened: dict[tuple[str, bool, int, int], zarr.Array[Any]] = {}
_lock = threading.RLock()  # zarr's settings are of the whole process: one change at a time


@contextmanager
def settings(*, fast: bool) -> Iterator[None]:
    """Open arrays with the compiled codecs where they are installed; zarr's default else.

    The compiled codecs take one thread for each call: of several, whichever is done first writes
    its chunk first, and the same voxels make another file each time. Workers run side by side.

    Parameters
    ----------
    fast : bool
        Whether to take the compiled codecs.

    Yields
    ------
    None
        While zarr's settings are changed.
    """
    import zarr

    chosen: dict[str, Any] = {"array.write_empty_chunks": True}
    if fast and _zarrs_installed():
        _start_threads()
        chosen |= {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline", "threading.max_workers": 1}
    with _lock, zarr.config.set(chosen):
        yield


@cache
def _start_threads() -> None:
    """Let zarr make its own threads now: while its settings are changed it would make but one."""
    from zarr.core import sync

    getattr(sync, "_get_executor", lambda: None)()


@cache
def _zarrs_installed() -> bool:
    try:
        import zarrs
    except ImportError:
        return False
    return hasattr(zarrs, "ZarrsCodecPipeline")


def opened(node: Path, *, fast: bool) -> zarr.Array[Any]:
    """Open an array, or take the one that this process holds open already.

    Parameters
    ----------
    node : Path
        Folder of the array.
    fast : bool
        Whether to take the compiled codecs, where they know the array's.

    Returns
    -------
    zarr.Array
        For reading and writing.

    Raises
    ------
    FormatError
        If there is no array, or none that can be read.
    """
    meta, stamp = _metadata(node)
    key = (str(node), fast, *stamp)
    return _remembered(key, lambda: _open_anew(node, fast=fast and _known_codecs(meta)))


def _metadata(node: Path) -> tuple[Path, tuple[int, int]]:
    """Return the file that describes an array, and what tells whether it was replaced."""
    try:
        meta = node / "zarr.json"
        if not meta.is_file():
            meta = node / ".zarray"
        state = meta.stat()
    except (OSError, ValueError) as error:  # a name that no file can have is a ValueError
        if passes(error):
            raise
        raise FormatError(
            f"there is no zarr array at {node}",
            hint="check the path; a store that was interrupted must be written again",
        ) from error
    return meta, (state.st_mtime_ns, state.st_ino)


def _remembered(
    key: tuple[str, bool, int, int], make: Callable[[], zarr.Array[Any]]
) -> zarr.Array[Any]:
    with _lock:
        if key not in _opened:
            while len(_opened) >= _KEPT:
                _opened.pop(next(iter(_opened)))
            _opened[key] = make()
        return _opened[key]


def _open_anew(node: Path, *, fast: bool) -> zarr.Array[Any]:
    import zarr

    try:
        with settings(fast=fast):
            # "r+" opens for reading and writing and never creates
            array = zarr.open_array(str(node), mode="r+")
    except Exception as error:  # damaged metadata provoke errors of every kind
        raise FormatError(
            f"{node} is not a readable zarr array: {error}",
            hint="it may be of an unsupported version or use an unknown codec",
        ) from error
    check_sizes(array, node)
    return array


def check_sizes(array: zarr.Array[Any], where: str | Path) -> None:
    """Refuse an array whose metadata ask for more than any reader has.

    The size of a chunk, and of the index of a shard, is taken from the metadata before a byte is
    read: the compiled codecs end the whole process when they cannot have the memory.

    Parameters
    ----------
    array : zarr.Array
        The array.
    where : str or Path
        Its place, for the message.

    Raises
    ------
    FormatError
        With what it declares.
    """
    shape, chunks = tuple(array.shape), tuple(array.chunks)
    shards = tuple(array.shards or chunks)
    if min(chunks, default=1) > 0:
        chunk = math.prod(chunks) * np.dtype(array.dtype).itemsize
        inside = math.prod(-(-s // c) for s, c in zip(shards, chunks, strict=True))
        if min(shards, default=1) > 0 and max(chunk, 16 * inside) <= _LARGEST:
            return
    raise FormatError(
        f"{where}: the metadata declare {shape} voxels in chunks of {chunks} and shards of {shards}",
        hint="no program can read such chunks: the metadata are damaged, or made to do harm",
    )


def staged(node: Path, part: Path, *, fast: bool) -> zarr.Array[Any]:
    """Return an array as if it lay in another folder, where nothing is yet.

    Parameters
    ----------
    node : Path
        Folder of the array.
    part : Path
        The other folder.
    fast : bool
        Whether to take the compiled codecs, where they know the array's.

    Returns
    -------
    zarr.Array
        What is written to it lands in `part`, in the array's format.
    """
    meta, stamp = _metadata(node)

    def make() -> zarr.Array[Any]:
        import zarr
        from zarr.storage import LocalStore, StorePath

        described = opened(node, fast=fast).metadata.to_dict()
        with settings(fast=fast and _known_codecs(meta)):
            return zarr.Array.from_dict(StorePath(LocalStore(part)), described)

    return _remembered((str(part), fast, *stamp), make)


def _known_codecs(meta: Path) -> bool:
    if meta.name != "zarr.json":
        return False
    try:
        codecs = json.loads(meta.read_text(encoding="utf-8"))["codecs"]
        inner = [
            one for codec in codecs for one in codec.get("configuration", {}).get("codecs", [])
        ]
        return all(codec["name"] in _OURS for codec in (*codecs, *inner))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False  # zarr says what is wrong
