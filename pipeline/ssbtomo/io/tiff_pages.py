"""The pages of a TIFF file as its directory tells them, without decoding any of them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from ssbtomo.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Page", "check_complete", "is_tiff", "read_pages", "read_tags"]

_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_LETTERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_WIDTH, _LENGTH, _BITS, _PHOTOMETRIC, _SAMPLES, _FORMAT = 256, 257, 258, 262, 277, 339
_OFFSETS, _COUNTS = (273, 324), (279, 325)
_WANTED = {254, _WIDTH, _LENGTH, _BITS, _PHOTOMETRIC, _SAMPLES, _FORMAT, *_OFFSETS, *_COUNTS}
_LONGEST_TAG = 2**20
_MOST = 50_000  # bytes that a packed byte can become: zstd packs a blank block of 128 kB into three
_KINDS = {1: "uint", 2: "int", 3: "float", 5: "complex int", 6: "complex"}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a TIFF file.

    Parameters
    ----------
    height, width : int
        Pixels.
    dtype : str
        Type of a sample, such as ``"uint16"``.
    samples : int
        Samples per pixel: 3 or 4 for colour.
    end : int
        The byte after the last that the page needs.
    reduced : bool
        A thumbnail of another page.
    packed, unpacked : int
        Bytes of its pixels in the file, and once decoded; 0 if the header does not tell.
    """

    height: int
    width: int
    dtype: str
    samples: int
    end: int
    reduced: bool = False
    packed: int = 0
    unpacked: int = 0


@dataclass(frozen=True, slots=True)
class _Layout:
    """How this file writes its directory: byte order, and the wide form of BigTIFF."""

    order: str
    big: bool


def is_tiff(path: Path) -> bool:
    """Tell whether a file starts like a TIFF file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bool
        True for classic TIFF and BigTIFF of either byte order.
    """
    with path.open("rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_pages(path: Path) -> Iterator[Page]:
    """Walk through the pages of a TIFF file.

    Parameters
    ----------
    path : Path
        The file.

    Yields
    ------
    Page
        The pages, in order.

    Raises
    ------
    FormatError
        If it is no TIFF file, or its directory leads outside the file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            layout, offset = _header(file)
            seen: set[int] = set()
            while offset:
                if offset in seen or offset >= size:
                    problem, hint = _cut(path, len(seen), size, offset)
                    raise FormatError(problem, hint=hint)
                seen.add(offset)
                tags, offset = _directory(file, layout, offset)
                yield _page(tags)
        except struct.error as error:
            raise FormatError(
                f"{path}: the TIFF directory is damaged or cut off", hint="copy the file again"
            ) from error


def check_complete(path: Path) -> list[Page]:
    """Return the pages of a file whose every page lies inside the file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    list of Page
        All pages.

    Raises
    ------
    FormatError
        If the file is cut off: a page points beyond its end.
    """
    size = path.stat().st_size
    pages = []
    for page in read_pages(path):
        pages.append(page)
        if page.end > size:
            problem, hint = _cut(path, len(pages) - 1, size, page.end)
            raise FormatError(problem, hint=hint)
        if page.packed and page.unpacked > page.packed * _MOST:
            raise FormatError(
                f"{path}: page {len(pages)} of {page.height:,} x {page.width:,} pixels cannot be "
                f"packed into {page.packed:,} bytes",
                hint="its header is damaged; copy or export the file again",
            )
    if not pages:
        raise FormatError(f"{path} is a TIFF file without a page", hint="write it again")
    return pages


def _cut(path: Path, page: int, size: int, needed: int) -> tuple[str, str]:
    return (
        f"{path} is truncated: page {page + 1} needs {needed:,} bytes, the file has {size:,}",
        "copy or export the file again",
    )


def _header(file: BinaryIO) -> tuple[_Layout, int]:
    magic = file.read(4)
    order = {b"II": "<", b"MM": ">"}.get(magic[:2], "")
    version = struct.unpack(order + "H", magic[2:])[0] if order and len(magic) == 4 else 0
    if version not in (42, 43):
        raise FormatError(f"{file.name} is not a TIFF file", hint=_looks_like(magic))
    if version == 42:
        return _Layout(order, big=False), struct.unpack(order + "I", file.read(4))[0]
    file.read(4)
    return _Layout(order, big=True), struct.unpack(order + "Q", file.read(8))[0]


def _looks_like(magic: bytes) -> str:
    known = {
        b"\x89PNG": "PNG",
        b"\xff\xd8\xff": "JPEG",
        b"\x89HDF": "HDF5",
        b"PK\x03\x04": "a zip archive",
    }
    what = next((name for start, name in known.items() if magic.startswith(start)), "")
    return (
        f"its content looks like {what}: give it that ending" if what else "check how it was made"
    )


def _directory(file: BinaryIO, layout: _Layout, offset: int) -> tuple[dict[int, list[int]], int]:
    entries, following = _entries(file, layout, offset)
    tags = {}
    for tag, kind, number, value in entries:
        if tag in _WANTED and kind in _LETTERS:
            tags[tag] = _values(file, layout, kind, number, value)
    return tags, following


def _entries(
    file: BinaryIO, layout: _Layout, offset: int
) -> tuple[list[tuple[int, int, int, bytes]], int]:
    order, big = layout.order, layout.big
    file.seek(offset)
    (count,) = struct.unpack(order + ("Q" if big else "H"), file.read(8 if big else 2))
    if count > 4096:
        raise struct.error("a directory of that length is not one")
    entry = struct.Struct(order + ("HHQ8s" if big else "HHI4s"))
    table = file.read(count * entry.size)
    (following,) = struct.unpack(order + ("Q" if big else "I"), file.read(8 if big else 4))
    return list(entry.iter_unpack(table)), following


def _values(file: BinaryIO, layout: _Layout, kind: int, number: int, value: bytes) -> list[int]:
    length = _SIZES[kind] * number
    value = _content(file, layout, length, value)
    return list(struct.unpack(f"{layout.order}{number}{_LETTERS[kind]}", value[:length]))


def _content(file: BinaryIO, layout: _Layout, length: int, value: bytes) -> bytes:
    """Return the bytes of a tag, which stand elsewhere if they are too many for its entry."""
    if length <= len(value):
        return value[:length]
    (start,) = struct.unpack(layout.order + ("Q" if layout.big else "I"), value)
    end = file.seek(0, 2)
    if start + length > end:
        raise struct.error("a tag leads outside the file")
    file.seek(start)
    return file.read(length)


def read_tags(path: Path, wanted: set[int]) -> tuple[dict[int, bytes], int]:
    """Read the bytes of some tags of the first page.

    Parameters
    ----------
    path : Path
        The file.
    wanted : set of int
        Numbers of the tags.

    Returns
    -------
    tags : dict of int to bytes
        Those that are there, lie inside the file, and have at most 1 MB.
    width : int
        Pixels per row of the page.

    Raises
    ------
    FormatError
        If it is no TIFF file, or is damaged.
    """
    found: dict[int, bytes] = {}
    with path.open("rb") as file:
        try:
            layout, offset = _header(file)
            for tag, kind, number, value in _entries(file, layout, offset)[0]:
                length = _SIZES.get(kind, 0) * number
                if tag in wanted and 0 < length <= _LONGEST_TAG:
                    found[tag] = _content(file, layout, length, value)
            width = _directory(file, layout, offset)[0].get(_WIDTH, [0])[0]
        except struct.error as error:
            raise FormatError(
                f"{path}: the TIFF directory is damaged or cut off", hint="copy the file again"
            ) from error
    return found, width


def _page(tags: dict[int, list[int]]) -> Page:
    first = {tag: values[0] for tag, values in tags.items() if values}
    offsets = next((tags[tag] for tag in _OFFSETS if tag in tags), [])
    counts = next((tags[tag] for tag in _COUNTS if tag in tags), [])
    bits = first.get(_BITS, 1)
    kind = _KINDS.get(first.get(_FORMAT, 1), "uint")
    return Page(
        height=first.get(_LENGTH, 0),
        width=first.get(_WIDTH, 0),
        dtype="bool" if bits == 1 else f"{kind}{bits}",
        samples=first.get(_SAMPLES, 1),
        end=max((a + b for a, b in zip(offsets, counts, strict=False)), default=0),
        reduced=bool(first.get(254, 0) & 1),
        packed=sum(counts),
        unpacked=first.get(_LENGTH, 0) * first.get(_WIDTH, 0) * first.get(_SAMPLES, 1) * bits // 8,
    )
