"""VGStudio's ``.vgi`` beside its ``.vol``: headerless voxels of Nikon, GE and others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ssbtomo.errors import FormatError
from ssbtomo.io.headers import (
    Table,
    check_shape,
    described,
    file_beside,
    ini_tables,
    map_voxels,
    number,
    numbers,
    read_text,
    spacing_with_unit,
)
from ssbtomo.io.selection import read_selection
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    from ssbtomo.io.lazy import MappedFile

__all__ = ["READER", "VgiReader"]


@dataclass(frozen=True, slots=True)
class VgiReader:
    """Opens ``.vgi`` headers, and ``.vol`` files that have one beside them."""

    name: ClassVar[str] = "VGStudio .vgi + .vol"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is a ``.vgi`` file, or has one beside it.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True if so.
        """
        return path.is_file() and _header_of(path) is not None

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open the volume that a ``.vgi`` file describes.

        Parameters
        ----------
        path : Path
            The ``.vgi`` or the ``.vol`` file.
        dataset : str or None
            ``"unit=mm"`` where the header gives no unit.

        Returns
        -------
        Volume
            Lazy voxels.
        """
        header = _header_of(path) or path
        table: Table = {}
        for section in ini_tables(read_text(header)).values():
            table = {**section, **table}
        source = _voxels(header, path, table)
        unit = table.get("unit", "") or read_selection(dataset).unit
        edges = numbers(table.get("resolution") or table.get("samplingdistance"))
        spacing, note = spacing_with_unit(edges[::-1], unit, "resolution")
        return replace(described(source, spacing, note), modality="xct")


READER = VgiReader()


def _header_of(path: Path) -> Path | None:
    if path.suffix.lower() == ".vgi":
        return path
    places = [
        path.with_suffix(".vgi"),
        path.with_suffix(".VGI"),
        path.with_name(path.name + ".vgi"),
    ]
    if path.suffix.lower() not in (".vol", ".raw"):
        return None
    return next((place for place in places if place.is_file()), None)


def _voxels(header: Path, path: Path, table: Table) -> MappedFile:
    sizes = numbers(table.get("size"))
    shape = check_shape([int(n) for n in reversed(sizes)], header)
    bits = number(table.get("bitsperelement") or table.get("bitsperpixel"))
    kind = table.get("datatype", "").lower()
    letter = "f" if "float" in kind else "u" if "unsigned" in kind else "i" if "int" in kind else ""
    fits = {"f": (32, 64), "u": (8, 16, 32), "i": (8, 16, 32)}.get(letter, ())
    if bits not in fits:
        raise FormatError(
            f"{header}: datatype {table.get('datatype')!r} with bitsperelement "
            f"{table.get('bitsperelement')!r} is no type of voxel",
            hint="the header is damaged; export the volume again",
        )
    place = path if path != header else file_beside(header, table.get("name", header.stem + ".vol"))
    skip = number(table.get("headersize") or table.get("headerlength") or "0")
    if skip is None or skip < 0:
        raise FormatError(f"{header}: its header size is negative", hint="export the volume again")
    order = ">" if "big" in table.get("byteorder", "").lower() else "<"
    stored = f"{order}{letter}{int(bits or 0) // 8}"
    return map_voxels(place, shape, stored, offset=int(skip), header=header)
