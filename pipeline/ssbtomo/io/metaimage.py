"""MetaImage: ``.mhd`` with its raw file, and ``.mha``, which holds both."""

from __future__ import annotations

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
from ssbtomo.io.packed import PackedVolume
from ssbtomo.io.selection import read_selection
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    from ssbtomo.io.lazy import MappedFile

__all__ = ["READER", "MetaImageReader"]

_LONGEST = 2**20
_TYPES = {
    "met_uchar": "u1",
    "met_char": "i1",
    "met_ushort": "u2",
    "met_short": "i2",
    "met_uint": "u4",
    "met_int": "i4",
    "met_ulong_long": "u8",
    "met_long_long": "i8",
    "met_float": "f4",
    "met_double": "f8",
}


@dataclass(frozen=True, slots=True)
class MetaImageReader:
    """Opens MetaImage files, raw or packed by zlib; their spacing needs *DistanceUnits*."""

    name: ClassVar[str] = "MetaImage .mhd, .mha"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is named like a MetaImage file.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True for the endings ``.mhd`` and ``.mha``.
        """
        return path.is_file() and path.suffix.lower() in (".mhd", ".mha")

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open a MetaImage file.

        Parameters
        ----------
        path : Path
            The header.
        dataset : str or None
            ``"unit=mm"`` where the header has no *DistanceUnits*.

        Returns
        -------
        Volume
            Lazy voxels.
        """
        table, end = _header(path)
        sizes = numbers(table.get("dimsize"))
        if number(table.get("ndims")) != 3 or len(sizes) != 3:
            raise AxisError(
                f"{path}: NDims = {table.get('ndims')}, DimSize = {table.get('dimsize')}: a volume "
                "has three axes",
                hint="export it as one grey volume",
            )
        if number(table.get("elementnumberofchannels", "1")) != 1:
            raise AxisError(
                f"{path} has {table['elementnumberofchannels']} values per voxel",
                hint="export one channel",
            )
        shape = check_shape([int(n) for n in reversed(sizes)], path)
        source = _voxels(path, table, shape, end)
        edges = numbers(table.get("elementspacing") or table.get("elementsize"))
        unit = table.get("distanceunits", "") or read_selection(dataset).unit
        spacing, note = spacing_with_unit(edges[::-1], unit.replace("?", ""), "ElementSpacing")
        return described(source, spacing, note)


READER = MetaImageReader()


def _header(path: Path) -> tuple[Table, int]:
    """Return the keys and the byte after the last of them, which is ElementDataFile."""
    table: Table = {}
    with path.open("rb") as file:
        while file.tell() < _LONGEST and "elementdatafile" not in table:
            line = file.readline(4096)
            key, equals, value = line.decode("latin-1").partition("=")
            if not line or not equals:
                break
            table[key.strip().lower()] = value.strip()
        end = file.tell()
    if "elementdatafile" not in table or "elementtype" not in table:
        raise FormatError(
            f"{path} is not a MetaImage header: ElementType and ElementDataFile are not both there",
            hint="check how it was made; it may be cut off",
        )
    return table, end


def _voxels(
    path: Path, table: Table, shape: tuple[int, int, int], end: int
) -> MappedFile | PackedVolume:
    stored = _stored(path, table)
    where = table["elementdatafile"]
    if where.lower() == "local":
        place, offset = path, end
    elif where.lower().startswith("list") or "%" in where:
        raise FormatError(
            f"{path}: its slices lie in files of their own (ElementDataFile = {where[:80]})",
            hint="open the folder of the slices",
        )
    else:
        place, offset = file_beside(path, where), 0
    skip = number(table.get("headersize", "0"))
    if skip is None or skip < -1 or skip != int(skip):
        raise FormatError(
            f"{path}: HeaderSize = {table.get('headersize')!r} is no number of bytes",
            hint="the header is damaged; export the scan again",
        )
    offset = -1 if skip == -1 else offset + int(skip)
    if table.get("compresseddata", "false").lower() != "true":
        return map_voxels(place, shape, stored, offset=offset, header=path)
    told = number(table.get("compresseddatasize"))
    packed = int(told) if told is not None and told > 0 else None
    at = max(offset, 0)
    return PackedVolume.of(place, shape, stored, codec="zlib", offset=at, packed=packed)


def _stored(path: Path, table: Table) -> str:
    kind = table["elementtype"].lower()
    if kind not in _TYPES:
        raise FormatError(
            f"{path}: ElementType = {table['elementtype'][:40]!r} is not read",
            hint=f"export it as one of {', '.join(_TYPES).upper()}",
        )
    big = table.get("elementbyteordermsb", table.get("binarydatabyteordermsb", "false"))
    return (">" if big.lower() == "true" else "<") + _TYPES[kind]
