"""Chunks of zarr stores that would harm the process: found before they are unpacked.

Such a chunk unpacks to far more than its voxels, or its header sends the codec to bytes beyond
the chunk: Blosc takes the count of packed bytes from there and checks everything else against it.
"""

from __future__ import annotations

import bz2
import itertools
import lzma
import math
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ssbtomo.errors import FormatError

if TYPE_CHECKING:
    from pathlib import Path

    import zarr

__all__ = ["check_chunks", "unpacked_size"]

_SMALL = 2**18  # packed bytes that no deflate stream turns into more than 260 MB
_PIECE = 2**20
_FEW = 512  # chunks of a shard that are all looked at when the first of them is read
_MOST_REMEMBERED = 2**16
_SOUND: dict[str, tuple[int, ...]] = {}  # files that were looked at, as they were then
_EMPTY = 2**64 - 1  # where an empty chunk of a shard lies
_BLOSC = 16  # bytes of a header; the last four tell the packed bytes
_ZSTD = b"\x28\xb5\x2f\xfd"
_STREAMS: dict[str, Callable[[], Any]] = {
    "zlib": lambda: zlib.decompressobj(47),
    "gzip": lambda: zlib.decompressobj(47),
    "bz2": bz2.BZ2Decompressor,
    "lzma": lzma.LZMADecompressor,
}


def check_chunks(array: zarr.Array[Any], node: Path, window: Any) -> None:
    """Refuse chunks that unpack to more than their voxels, or announce bytes that they lack.

    In a shard each chunk is looked at on its own: all, or those of the window where a shard has
    more than 512. A file is looked at again when its size, its time or its number changed.

    Parameters
    ----------
    array : zarr.Array
        The array, read from a folder.
    node : Path
        The folder.
    window : object
        What is about to be read: slices and integers.

    Raises
    ------
    FormatError
        With the chunk and its size; for an array whose chunks are packed more than once.
    """
    packers = _packers(array)
    if not packers:
        return
    if len(packers) > 1:
        raise FormatError(
            f"{node}: chunks are packed {len(packers)} times: {', '.join(packers)}",
            hint="write the array again with one compressor",
        )
    (codec,) = packers
    ranges, files = _ranges(array, window), _files(array)
    whole = math.prod(n // c for n, c in zip(files, array.chunks, strict=True)) <= _FEW
    for index in itertools.product(*(_steps(r, n) for r, n in zip(ranges, files, strict=True))):
        path = f"{node}/{array.metadata.encode_chunk_key(index)}"
        state = _state(path, _expected(array))
        if state is None or _SOUND.get(path) == state:
            continue
        box = [range(i * n, (i + 1) * n) for i, n in zip(index, files, strict=True)]
        if whole and not _flaw(array, codec, path, (index, box)):
            _remember(path, state)
        elif flaw := _flaw(array, codec, path, (index, ranges)):
            raise FormatError(
                f"{path} {flaw}", hint="the file is damaged, or made to do harm; get it anew"
            )


def _expected(array: zarr.Array[Any]) -> int:
    size: int = math.prod(array.chunks) * np.dtype(array.dtype).itemsize
    return size


def _flaw(
    array: zarr.Array[Any], codec: str, path: str, part: tuple[tuple[int, ...], list[range]]
) -> str:
    """Say what would do harm in the chunks of a file that hold some voxels, if anything."""
    index, voxels = part
    most = 8 * _expected(array) + 2**16  # a filter may pack voxels into wider types
    with open(path, "rb") as file:  # noqa: PTH123 - thousands of times for small blocks
        places: Iterable[tuple[int, int]] = [(0, file.seek(0, os.SEEK_END))]
        if array.shards:
            places = _within(array, file, index, voxels)
        for place in places:
            if (size := unpacked_size(file, place, codec, most)) > most:
                return f"unpacks to {size:,} bytes or more; a chunk has {_expected(array):,}"
            if codec == "blosc" and (size := _blosc_bytes(file, place)) > place[1]:
                return f"announces a chunk of {size:,} packed bytes; there are {place[1]:,}"
    return ""


def _blosc_bytes(file: BinaryIO, place: tuple[int, int]) -> int:
    """Return how many bytes, its header among them, a chunk says it has."""
    file.seek(place[0])
    head = file.read(min(_BLOSC, place[1]))
    return max(int.from_bytes(head[12:16], "little"), _BLOSC)


def _state(path: str, *more: int) -> tuple[int, ...] | None:
    """Return what tells a file from another one at its place: bytes, moment, number, and more."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino, *more


def _remember(path: str, state: tuple[int, ...]) -> None:
    if len(_SOUND) >= _MOST_REMEMBERED:
        _SOUND.clear()
    _SOUND[path] = state


def _packers(array: zarr.Array[Any]) -> list[str]:
    """Return the names of what packs the chunks; a filter of format 2 may pack as well."""
    known = (*_STREAMS, "zstd", "blosc", "lz4")
    codecs = [type(codec).__name__.lower() for codec in (*array.filters, *array.compressors)]
    return [name for codec in codecs for name in known if name in codec]


def _files(array: zarr.Array[Any]) -> tuple[int, ...]:
    """Return the voxels of a file along each axis: those of a shard, or of a chunk."""
    return tuple(array.shards or array.chunks)


def _ranges(array: zarr.Array[Any], window: Any) -> list[range]:
    """Return the voxels of a window along each axis."""
    cuts = window if isinstance(window, tuple) else (window,)
    if not all(isinstance(cut, slice | int) for cut in cuts):
        cuts = ()
    cuts = (*cuts, *(slice(None),) * (len(array.shape) - len(cuts)))
    ranges = []
    for cut, size in zip(cuts, array.shape, strict=True):
        first, stop, _ = (
            slice(cut, cut + 1 or None).indices(size) if isinstance(cut, int) else cut.indices(size)
        )
        ranges.append(range(first, stop))
    return ranges


def _steps(voxels: range, size: int) -> range:
    """Return which pieces of a size hold some voxels of an axis."""
    return range(voxels.start // size, -(-voxels.stop // size))


def _within(
    array: zarr.Array[Any], file: BinaryIO, index: tuple[int, ...], ranges: list[range]
) -> Iterator[tuple[int, int]]:
    """Read from the index of a shard where its chunks of a window lie: first byte and count.

    An index that is itself packed is left to the codec, as is one that is cut off.
    """
    sharding = next(c for c in array.metadata.codecs if hasattr(c, "index_codecs"))
    names = [type(codec).__name__ for codec in sharding.index_codecs]
    if not names or names[0] != "BytesCodec" or set(names[1:]) - {"Crc32cCodec"}:
        return
    counts = [n // c for n, c in zip(_files(array), array.chunks, strict=True)]
    length, end = 16 * math.prod(counts), file.seek(0, 2)
    at_start = "start" in str(sharding.index_location)
    file.seek(0 if at_start else max(end - length - 4 * (len(names) - 1), 0))
    content = file.read(length)
    if len(content) < length:
        return
    order = ">u8" if "big" in str(sharding.index_codecs[0].endian) else "<u8"
    entries = np.frombuffer(content, order).reshape(*counts, 2)
    mine = [
        _steps(range(max(r.start - i * n, 0), min(r.stop - i * n, n)), c)
        for r, i, n, c in zip(ranges, index, _files(array), array.chunks, strict=True)
    ]
    for first, count in entries[np.ix_(*mine)].reshape(-1, 2).tolist():
        if first != _EMPTY:
            yield min(first, end), max(min(count, end - first), 0)


def unpacked_size(file: BinaryIO, place: tuple[int, int], codec: str, most: int) -> int:
    """Return how many bytes packed ones become, as far as that can be told cheaply.

    Parameters
    ----------
    file : file object
        Open for reading.
    place : tuple of int
        The first byte, and how many.
    codec : str
        ``zlib``, ``gzip``, ``bz2``, ``lzma``, ``zstd``, ``blosc`` or ``lz4``.
    most : int
        Where counting may stop.

    Returns
    -------
    int
        Bytes; zero if few bytes cannot become many, or their header does not tell.
    """
    file.seek(place[0])
    if codec in _STREAMS:
        few = codec in ("zlib", "gzip") and place[1] < _SMALL
        return 0 if few else _counted(file, place[1], _STREAMS[codec](), most)
    head = file.read(min(18, place[1]))
    if codec == "zstd":
        return _announced(head)
    at = 4 if codec == "blosc" else 0
    return int.from_bytes(head[at : at + 4], "little")


def _counted(file: BinaryIO, left: int, engine: Any, most: int) -> int:
    """Unpack piece by piece until all is counted, or more than there may be."""
    count, packed = 0, b""
    while count <= most and not engine.eof:
        if not packed and getattr(engine, "needs_input", True):
            packed = file.read(min(_PIECE, left))
            left -= len(packed)
            if not packed:
                break
        try:
            part = engine.decompress(packed, _PIECE)
        except (zlib.error, OSError, lzma.LZMAError):
            break  # the codec itself will say what is wrong
        packed = getattr(engine, "unconsumed_tail", b"")
        count += len(part)
    return count


def _announced(head: bytes) -> int:
    """Read the size of the content from the header of a Zstandard frame (RFC 8878, 3.1.1.1)."""
    if head[:4] != _ZSTD or len(head) < 6:
        return 0
    flags = head[4]
    single = flags >> 5 & 1
    at = 5 + (1 - single) + (0, 1, 2, 4)[flags & 3]
    width = (single, 2, 4, 8)[flags >> 6]
    size = int.from_bytes(head[at : at + width], "little")
    return size + 256 if width == 2 else size
