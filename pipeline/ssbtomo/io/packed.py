"""Volumes stored as one compressed stream, read from the nearest point that was kept."""

from __future__ import annotations

import bz2
import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from ssbtomo.errors import FormatError, InputDataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Codec", "PackedVolume", "pack_limit"]

Codec = Literal["zlib", "gzip", "bzip2", "rle"]
# Bytes that one packed byte can become, at most: the format's own bound, and for bzip2 that of
# one block of 900 kB, which is never shorter than 40 bytes.
_MOST = {"zlib": 1040, "gzip": 1040, "bzip2": 25000, "rle": 64}
_EVERY = 2**23  # unpacked bytes between two points that are kept
_READ = 2**18  # packed bytes that are read at once


def pack_limit(codec: Codec, packed: int) -> int:
    """Return the most bytes that a packed stream can hold.

    Parameters
    ----------
    codec : {"zlib", "gzip", "bzip2", "rle"}
        How it is packed.
    packed : int
        Its length.

    Returns
    -------
    int
        Bytes; a header that announces more is wrong.
    """
    return packed * _MOST[codec]


@dataclass(frozen=True, slots=True)
class PackedVolume:
    """Voxels in one compressed stream inside a file.

    A slab is unpacked from the nearest earlier point that this process has kept (every
    8 MB of voxels, 64 kB each), so reading in order unpacks everything once, and no more
    than a slab is ever held.

    Parameters
    ----------
    path : str
        The file.
    shape : tuple of int
        Voxels along (Z, Y, X).
    stored : str
        Type of a voxel, byte order included.
    codec : {"zlib", "gzip", "bzip2", "rle"}
        How it is packed.
    offset : int
        First byte of the stream.
    packed : int
        Its bytes.
    stamp : int
        When the file was changed, so that points of an older content are not used.
    """

    path: str
    shape: tuple[int, int, int]
    stored: str
    codec: Codec
    offset: int
    packed: int
    stamp: int = 0

    @classmethod
    def of(
        cls,
        path: Path,
        shape: tuple[int, int, int],
        stored: str,
        *,
        codec: Codec,
        offset: int,
        packed: int | None = None,
    ) -> PackedVolume:
        """Describe a stream as its file lies there now.

        Parameters
        ----------
        path : Path
            The file.
        shape : tuple of int
            Voxels along (Z, Y, X).
        stored : str
            Type of a voxel, byte order included.
        codec : {"zlib", "gzip", "bzip2", "rle"}
            How it is packed.
        offset : int
            First byte of the stream.
        packed : int, optional
            Its bytes; all that follow if not given.

        Returns
        -------
        PackedVolume
            Checked, see `check`.
        """
        stat = path.stat()
        length = stat.st_size - offset if packed is None else packed
        where = str(path.absolute())
        return cls(where, shape, stored, codec, offset, length, stat.st_mtime_ns).check()

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel, in this machine's byte order."""
        return np.dtype(self.stored).newbyteorder("=")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return 3

    @property
    def nbytes(self) -> int:
        """Unpacked bytes."""
        z, y, x = self.shape
        return z * y * x * np.dtype(self.stored).itemsize

    def check(self) -> PackedVolume:
        """Return the volume if its announced size can come from its stream.

        Returns
        -------
        PackedVolume
            Itself.

        Raises
        ------
        FormatError
            If the stream is not inside the file, or is too short for the voxels.
        """
        size = Path(self.path).stat().st_size
        if self.packed < 1 or self.offset + self.packed > size:
            raise FormatError(
                f"{self.path} is truncated: its packed voxels take the bytes {self.offset:,} to "
                f"{self.offset + self.packed:,}, the file has {size:,}",
                hint="copy or export the file again",
            )
        if self.nbytes > pack_limit(self.codec, self.packed):
            raise FormatError(
                f"{self.path}: {self.packed:,} bytes packed by {self.codec} cannot hold the "
                f"{self.nbytes:,} that its header announces",
                hint="the file is cut off, or its header is wrong; export it again",
            )
        return self

    def __getitem__(self, window: Any) -> NDArray[Any]:
        cuts = window if isinstance(window, tuple) else (window,)
        numbers = np.arange(self.shape[0])[cuts[0] if cuts else slice(None)]
        wanted = np.atleast_1d(numbers)
        first = int(wanted.min()) if wanted.size else 0
        stop = int(wanted.max()) + 1 if wanted.size else 0
        slab = self._slab(first, stop)
        return np.asarray(slab[(numbers - first, *cuts[1:])])

    def _slab(self, first: int, stop: int) -> NDArray[Any]:
        plane = self.nbytes // self.shape[0]
        content = _cursors.take(self, first * plane, (stop - first) * plane)
        voxels = np.frombuffer(content, dtype=self.stored)
        return voxels.reshape(stop - first, *self.shape[1:]).astype(self.dtype, copy=False)


class _Cursor(Protocol):
    """A place in a packed stream from which it can be unpacked further."""

    at: int

    def read(self, file: Any, count: int) -> bytes: ...

    def copy(self) -> _Cursor: ...


class _Inflating:
    """Unpacks zlib and gzip streams; a copy of it is a point to return to."""

    def __init__(self, source: PackedVolume) -> None:
        self.engine: Any = zlib.decompressobj(31 if source.codec == "gzip" else 15)
        self.next, self.stop = source.offset, source.offset + source.packed
        self.held = b""
        self.at = 0

    def read(self, file: Any, count: int) -> bytes:
        parts: list[bytes] = []
        missing = count
        while missing and not self.engine.eof:
            if not self.held:
                file.seek(self.next)
                self.held = file.read(min(_READ, self.stop - self.next))
                self.next += len(self.held)
                if not self.held:
                    break
            part = self.engine.decompress(self.held, missing)
            self.held = self.engine.unconsumed_tail
            parts.append(part)
            missing -= len(part)
        self.at += count - missing
        return b"".join(parts)

    def copy(self) -> _Inflating:
        other = object.__new__(_Inflating)
        other.engine, other.held = self.engine.copy(), b""  # what was read ahead is read again
        other.next, other.stop, other.at = self.next - len(self.held), self.stop, self.at
        return other


class _Rewinding:
    """Unpacks bzip2 streams; a copy starts at the beginning again."""

    def __init__(self, source: PackedVolume) -> None:
        self.source = source
        self.engine = bz2.BZ2Decompressor()
        self.next, self.stop = source.offset, source.offset + source.packed
        self.at = 0

    def read(self, file: Any, count: int) -> bytes:
        parts: list[bytes] = []
        missing = count
        while missing and not self.engine.eof:
            more = b""
            if self.engine.needs_input:
                file.seek(self.next)
                more = file.read(min(_READ, self.stop - self.next))
                self.next += len(more)
                if not more:
                    break
            part = self.engine.decompress(more, missing)
            parts.append(part)
            missing -= len(part)
        self.at += count - missing
        return b"".join(parts)

    def copy(self) -> _Rewinding:
        return _Rewinding(self.source)


class _Running:
    """Unpacks runs of bytes: a count, then the byte; or 128 + count, then as many bytes."""

    def __init__(self, source: PackedVolume) -> None:
        self.next, self.stop = source.offset, source.offset + source.packed
        self.held = b""
        self.at = 0

    def read(self, file: Any, count: int) -> bytes:
        from ssbtomo.kernels.run_length import unpack_runs

        out = np.empty(count, dtype=np.uint8)
        kept = np.frombuffer(self.held[:count], dtype=np.uint8)
        out[: kept.size] = kept
        self.held, done = self.held[count:], kept.size
        spill = np.empty(128, dtype=np.uint8)
        while done < count and self.next < self.stop:
            file.seek(self.next)
            packed = np.frombuffer(file.read(min(_READ, self.stop - self.next)), dtype=np.uint8)
            used, made, over = unpack_runs(packed, out[done:], spill)
            if used == 0:
                break
            self.next += used
            done += made
            self.held = spill[:over].tobytes()
        self.at += done
        return out[:done].tobytes()

    def copy(self) -> _Running:
        other = object.__new__(_Running)
        other.next, other.stop, other.held, other.at = self.next, self.stop, self.held, self.at
        return other


class _Cursors:
    """The points kept of the last few streams, in this process."""

    def __init__(self) -> None:
        self.points: OrderedDict[PackedVolume, list[_Cursor]] = OrderedDict()
        self.lock = threading.RLock()

    def take(self, source: PackedVolume, first: int, count: int) -> bytes:
        with self.lock, Path(source.path).open("rb") as file:
            cursor = self.nearest(source, first)
            read = partial(self.step, source, cursor, file)
            while cursor.at < first:
                read(min(first - cursor.at, _EVERY))
            parts, end = [], first + count
            while cursor.at < end:
                parts.append(read(min(end - cursor.at, _EVERY)))
            return b"".join(parts)

    def nearest(self, source: PackedVolume, first: int) -> _Cursor:
        while source not in self.points and len(self.points) >= 4:
            self.points.popitem(last=False)
        kept = self.points.setdefault(source, [_START[source.codec](source)])
        self.points.move_to_end(source)
        return max((c for c in kept if c.at <= first), key=lambda c: c.at).copy()

    def step(self, source: PackedVolume, cursor: _Cursor, file: Any, count: int) -> bytes:
        try:
            part = cursor.read(file, count)
        except (zlib.error, OSError, EOFError, ValueError) as error:
            raise InputDataError(
                f"{source.path}: its packed voxels are damaged near byte {cursor.at:,}: {error}",
                hint="copy or export the file again",
            ) from error
        if len(part) < count:
            raise InputDataError(
                f"{source.path} is truncated: {source.nbytes:,} bytes of voxels are announced, "
                f"the stream ends after {cursor.at:,}",
                hint="copy or export the file again",
            )
        kept = self.points[source]
        if not isinstance(cursor, _Rewinding) and cursor.at - kept[-1].at >= _EVERY:
            kept.append(cursor.copy())
        return part


_START: dict[str, Any] = {
    "zlib": _Inflating,
    "gzip": _Inflating,
    "bzip2": _Rewinding,
    "rle": _Running,
}
_cursors = _Cursors()
