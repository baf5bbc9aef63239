"""NRRD: ``.nrrd`` with its voxels, or ``.nhdr`` beside them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ssbtomo.errors import AxisError, FormatError
from ssbtomo.io.headers import (
    Table,
    check_shape,
    described,
    file_beside,
    map_voxels,
    number,
    numbers,
    spacing_with_unit,
)
from ssbtomo.io.packed import Codec, PackedVolume
from ssbtomo.io.selection import read_selection
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    from ssbtomo.io.lazy import MappedFile

__all__ = ["READER", "NrrdReader"]

_LONGEST = 2**20
_TYPES = {
    "u1": "uchar, unsigned char, uint8, uint8_t",
    "i1": "signed char, int8, int8_t",
    "i2": "short, short int, signed short, signed short int, int16, int16_t",
    "u2": "ushort, unsigned short, unsigned short int, uint16, uint16_t",
    "i4": "int, signed int, int32, int32_t",
    "u4": "uint, unsigned int, uint32, uint32_t",
    "i8": "longlong, long long, long long int, signed long long, int64, int64_t",
    "u8": "ulonglong, unsigned long long, unsigned long long int, uint64, uint64_t",
    "f4": "float",
    "f8": "double",
}
_STORED = {name: kind for kind, names in _TYPES.items() for name in names.split(", ")}
_CODECS: dict[str, Codec] = {"gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}


@dataclass(frozen=True, slots=True)
class NrrdReader:
    """Opens NRRD files, raw, gzip or bzip2; their spacing needs *space units* or *units*."""

    name: ClassVar[str] = "NRRD .nrrd, .nhdr"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is an NRRD file, or is named like one.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True for the endings ``.nrrd`` and ``.nhdr``, and for the first bytes.
        """
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return path.suffix.lower() in (".nrrd", ".nhdr") or file.read(7) == b"NRRD000"

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open an NRRD file.

        Parameters
        ----------
        path : Path
            The file, or its detached header.
        dataset : str or None
            ``"unit=mm"`` where the header gives no unit.

        Returns
        -------
        Volume
            Lazy voxels.
        """
        table, end = _header(path)
        sizes = numbers(table.get("sizes"))
        if number(table.get("dimension")) != 3 or len(sizes) != 3:
            raise AxisError(
                f"{path}: dimension {table.get('dimension')}, sizes {table.get('sizes')}: a volume "
                "has three axes",
                hint="export one grey channel and one time point",
            )
        shape = check_shape([int(n) for n in reversed(sizes)], path)
        source = _voxels(path, table, shape, end)
        edges, unit, who = _edges(table)
        spacing, note = spacing_with_unit(edges, unit or read_selection(dataset).unit, who)
        return described(source, spacing, note)


READER = NrrdReader()


def _header(path: Path) -> tuple[Table, int]:
    """Return the fields and the byte after the empty line that ends them."""
    table: Table = {}
    with path.open("rb") as file:
        if not file.readline(64).startswith(b"NRRD000"):
            raise FormatError(f"{path} is not an NRRD file", hint="check how it was made")
        while file.tell() < _LONGEST:
            line = file.readline(65536)
            text = line.decode("latin-1").strip()
            if not line or not text:
                break
            key, colon, value = text.partition(":")
            if colon and not text.startswith("#") and not value.startswith("="):
                table.setdefault(key.strip().lower().replace(" ", ""), value.strip())
        return table, file.tell()


def _voxels(
    path: Path, table: Table, shape: tuple[int, int, int], end: int
) -> MappedFile | PackedVolume:
    kind = _STORED.get(table.get("type", "").lower())
    encoding = table.get("encoding", "").lower()
    if kind is None or encoding not in ("raw", *_CODECS):
        raise FormatError(
            f"{path}: type {table.get('type')!r} in encoding {table.get('encoding')!r} is not read",
            hint="save it as integers or floats, raw or gzip",
        )
    endian = table.get("endian", "").lower()
    if kind[1] != "1" and endian not in ("little", "big"):
        raise FormatError(
            f"{path}: endian is {endian!r}, so the order of the bytes is unknown",
            hint="write 'endian: little' or 'endian: big' into its header",
        )
    stored = (">" if endian == "big" else "<") + kind
    named = table.get("datafile", "")
    if named.startswith("LIST") or len(named.split()) > 3 or "%" in named:
        raise FormatError(
            f"{path}: its voxels lie in several files ({named[:80]})",
            hint="open the folder of the slices, or save one file",
        )
    place, offset = (file_beside(path, named), 0) if named else (path, end)
    offset = _skipped(path, table, place, offset, raw=encoding == "raw")
    if encoding == "raw":
        return map_voxels(place, shape, stored, offset=offset, header=path)
    return PackedVolume.of(place, shape, stored, codec=_CODECS[encoding], offset=offset)


def _skipped(path: Path, table: Table, place: Path, offset: int, *, raw: bool) -> int:
    """Step over the lines and bytes that the header says to skip; -1 is the file's end."""
    lines, skip = (number(table.get(key, "0")) for key in ("lineskip", "byteskip"))
    if (
        lines is None
        or skip is None
        or not 0 <= lines <= 10_000
        or skip < -1
        or (skip and not raw)
        or skip != int(skip)
    ):
        raise FormatError(
            f"{path}: line skip {table.get('lineskip')!r} and byte skip {table.get('byteskip')!r} "
            "cannot be followed",
            hint="correct them, or save the file again without them",
        )
    if skip == -1:
        return -1
    with place.open("rb") as file:
        file.seek(offset)
        for _ in range(int(lines)):
            file.readline(_LONGEST)
        return file.tell() + int(skip)


def _edges(table: Table) -> tuple[list[float], str, str]:
    """Return the edges along (Z, Y, X), their unit, and the field that gave them."""
    directions = re.findall(r"\(([^()]{0,200})\)|none", table.get("spacedirections", ""))
    vectors = [numbers(text.replace(",", " ")) for text in directions]
    if len(vectors) == 3 and all(vectors):
        units = re.findall(r'"([^"]*)"', table.get("spaceunits", ""))
        edges = [math.sqrt(sum(v * v for v in vector)) for vector in reversed(vectors)]
        return edges, units[0] if len(set(units)) == 1 else "", "space directions"
    units = re.findall(r'"([^"]*)"', table.get("units", ""))
    edges = numbers(table.get("spacings"))
    return edges[::-1], units[0] if len(set(units)) == 1 else "", "spacings"
