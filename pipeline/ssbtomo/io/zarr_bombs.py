"""Chunks of zarr stores that unpack to more than a chunk: found before they are unpacked."""

from __future__ import annotations

import bz2
import itertools
import lzma
import math
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.errors import FormatError

if TYPE_CHECKING:
    import zarr

__all__ = ["check_chunks", "unpacked_size"]

_SMALL = 2**18  # packed bytes that no deflate stream turns into more than 260 MB
_PIECE = 2**20
_ZSTD = b"\x28\xb5\x2f\xfd"
_STREAMS: dict[str, Callable[[], Any]] = {
    "zlib": lambda: zlib.decompressobj(47),
    "gzip": lambda: zlib.decompressobj(47),
    "bz2": bz2.BZ2Decompressor,
    "lzma": lzma.LZMADecompressor,
}


def check_chunks(array: zarr.Array[Any], node: Path, window: Any) -> None:
    """Refuse chunks that announce, or unpack to, more than the voxels of a chunk.

    Stores with shards are left out: each of their chunks lies inside a file that has an index.

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
        With the chunk and its size.
    """
    codec = _codec(array)
    if array.shards or not codec:
        return
    expected = math.prod(array.chunks) * np.dtype(array.dtype).itemsize
    most = 8 * expected + 2**16  # a filter may pack voxels into wider types
    for index in _chunks(array, window):
        path = node / array.metadata.encode_chunk_key(index)
        if path.is_file() and (size := unpacked_size(path, codec, most)) > most:
            raise FormatError(
                f"{path} unpacks to {size:,} bytes or more; a chunk has {expected:,}",
                hint="the file is damaged, or made to do harm; get it anew",
            )


def _codec(array: zarr.Array[Any]) -> str:
    """Return the name of what packs the chunks, if it is one thing."""
    packers = [type(codec).__name__.lower() for codec in array.compressors or ()]
    known = [name for name in (*_STREAMS, "zstd", "blosc", "lz4") for one in packers if name in one]
    return known[0] if known else ""


def _chunks(array: zarr.Array[Any], window: Any) -> Iterator[tuple[int, ...]]:
    cuts = window if isinstance(window, tuple) else (window,)
    if not all(isinstance(cut, slice | int) for cut in cuts):
        cuts = ()
    cuts = (*cuts, *(slice(None),) * (len(array.shape) - len(cuts)))
    steps = []
    for cut, size, chunk in zip(cuts, array.shape, array.chunks, strict=True):
        first, stop, _ = (
            slice(cut, cut + 1 or None).indices(size) if isinstance(cut, int) else cut.indices(size)
        )
        steps.append(range(first // chunk, -(-stop // chunk)))
    return itertools.product(*steps)


def unpacked_size(path: Path, codec: str, most: int) -> int:
    """Return how many bytes a packed file becomes, as far as that can be told cheaply.

    Parameters
    ----------
    path : Path
        The file.
    codec : str
        ``zlib``, ``gzip``, ``bz2``, ``lzma``, ``zstd``, ``blosc`` or ``lz4``.
    most : int
        Where counting may stop.

    Returns
    -------
    int
        Bytes; zero if a short file cannot become many, or its header does not tell.
    """
    with path.open("rb") as file:
        if codec in _STREAMS:
            few = codec in ("zlib", "gzip") and path.stat().st_size < _SMALL
            return 0 if few else _counted(file, _STREAMS[codec](), most)
        head = file.read(18)
    if codec == "zstd":
        return _announced(head)
    at = 4 if codec == "blosc" else 0
    return int.from_bytes(head[at : at + 4], "little")


def _counted(file: Any, engine: Any, most: int) -> int:
    """Unpack piece by piece until all is counted, or more than there may be."""
    count, packed = 0, b""
    while count <= most and not engine.eof:
        if not packed and getattr(engine, "needs_input", True):
            packed = file.read(_PIECE)
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
