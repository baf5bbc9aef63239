"""Amira and Avizo: ``.am`` files with a uniform lattice, raw, by runs or packed by zlib."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ssbtomo.errors import FormatError
from ssbtomo.io.headers import (
    check_shape,
    described,
    first_bytes,
    map_voxels,
    numbers,
    spacing_with_unit,
)
from ssbtomo.io.packed import Codec, PackedVolume
from ssbtomo.io.selection import read_selection
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    from ssbtomo.io.lazy import MappedFile

__all__ = ["READER", "AmiraReader"]

_LONGEST = 2**22
_MAGIC = re.compile(rb"# (?:AmiraMesh|Avizo|HyperMesh)\b[^\n]*")
_TYPES = {"byte": "u1", "short": "i2", "ushort": "u2", "int": "i4", "float": "f4", "double": "f8"}
_FIELD = re.compile(
    r"Lattice\s*\{\s*(\w{1,20})(\[\d{1,9}\])?\s+(\w{1,200})\s*\}\s*(?:=\s*)?(?:\w{1,20}\()?"
    r"@(\d{1,9})\)?(?:\((\w{1,20}),(\d{1,18})\))?"
)
_CODECS: dict[str, Codec] = {"HxByteRLE": "rle", "HxZip": "zlib"}


@dataclass(frozen=True, slots=True)
class _Field:
    """One array of the file."""

    kind: str
    vector: str
    name: str
    section: int
    codec: str
    packed: int


@dataclass(frozen=True, slots=True)
class AmiraReader:
    """Opens Amira files; voxel size from the bounding box, which joins voxel centres."""

    name: ClassVar[str] = "Amira/Avizo .am"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is an Amira file, or is named like one.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True for the ending ``.am``, and for the first bytes.
        """
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return path.suffix.lower() == ".am" or _MAGIC.match(file.read(64)) is not None

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open a lattice of an Amira file.

        Parameters
        ----------
        path : Path
            The file.
        dataset : str or None
            Name of the lattice where there are several; ``"unit=um"`` where the header
            gives no unit.

        Returns
        -------
        Volume
            Lazy voxels.
        """
        choice = read_selection(dataset)
        header, order, starts = _header(path)
        found = re.search(r"define\s+Lattice\s+(\d{1,9})\s+(\d{1,9})\s+(\d{1,9})", header)
        if found is None:
            raise FormatError(
                f"{path} defines no lattice of three axes",
                hint="it holds a surface, a graph or something else; export the volume",
            )
        shape = check_shape([int(n) for n in reversed(found.groups())], path)
        field = _choose(path, header, choice.path)
        source = _voxels(path, field, shape, order, starts)
        spacing, note = _spacing(header, shape, choice.unit)
        return described(source, spacing, note)


READER = AmiraReader()


def _header(path: Path) -> tuple[str, str, dict[int, int]]:
    """Return the header, the byte order, and the first byte of the first section."""
    content = first_bytes(path, _LONGEST)
    magic = _MAGIC.match(content)
    first = re.search(rb"\n@(\d{1,9})[^\n]{0,80}\n", content)
    if magic is None or first is None:
        raise FormatError(
            f"{path} is not an Amira file with voxels"
            + (": no section @1 follows its header" if magic else ""),
            hint="check how it was made; it may be cut off",
        )
    line = magic[0].decode("latin-1").upper()
    if "ASCII" in line:
        raise FormatError(
            f"{path} holds its voxels as text ({line[2:60].strip()})", hint="save it as binary"
        )
    header = content[: first.start()].decode("latin-1")
    return header, "<" if "LITTLE-ENDIAN" in line else ">", {int(first[1]): first.end()}


def _choose(path: Path, header: str, wanted: str) -> _Field:
    fields = [
        _Field(kind, vector, name, int(section), codec, int(packed or 0))
        for kind, vector, name, section, codec, packed in _FIELD.findall(header)
    ]
    story = ", ".join(f"{f.name} ({f.kind}{f.vector})" for f in fields) or "none"
    chosen = [f for f in fields if not wanted or f.name == wanted]
    if len(chosen) != 1:
        raise FormatError(
            f"{path} has {len(chosen)} lattices to choose from; it holds {story}",
            hint="choose one: dataset: NAME",
        )
    field = chosen[0]
    if field.kind not in _TYPES or field.vector not in ("", "[1]"):
        raise FormatError(
            f"{path}: the lattice {field.name} holds {field.kind}{field.vector}",
            hint=f"export one number per voxel: {', '.join(_TYPES)}",
        )
    if field.codec and field.codec not in _CODECS:
        raise FormatError(
            f"{path}: the packing {field.codec} is not read", hint="save it without compression"
        )
    return field


def _voxels(
    path: Path, field: _Field, shape: tuple[int, int, int], order: str, starts: dict[int, int]
) -> MappedFile | PackedVolume:
    stored = order + _TYPES[field.kind]
    offset = starts.get(field.section)
    if offset is None:
        raise FormatError(
            f"{path}: the lattice {field.name} is section @{field.section}, which does not come "
            "first in the file",
            hint="export this lattice alone",
        )
    if not field.codec:
        return map_voxels(path, shape, stored, offset=offset)
    codec = _CODECS[field.codec]
    return PackedVolume.of(path, shape, stored, codec=codec, offset=offset, packed=field.packed)


def _spacing(
    header: str, shape: tuple[int, int, int], unit: str
) -> tuple[tuple[float, float, float] | None, str]:
    kind = re.search(r'CoordType\s+"(\w+)"', header)
    if kind is not None and kind[1].lower() != "uniform":
        return None, f"the coordinates are {kind[1]}, not uniform, so there is no voxel size"
    box = re.search(r"BoundingBox\s+([^,\n}]{1,400})", header)
    corners = numbers(box[1]) if box else []
    if len(corners) != 6:
        return None, "the header has no BoundingBox, so the voxel size is unknown"
    if min(shape) < 2:
        return None, "a bounding box of voxel centres tells no voxel size along one single voxel"
    spans = [corners[5] - corners[4], corners[3] - corners[2], corners[1] - corners[0]]
    edges = [span / (n - 1) for span, n in zip(spans, shape, strict=True)]
    told = re.search(r'Units\s*\{[^}]*Coordinates\s+"([^"]*)"', header)
    return spacing_with_unit(edges, told[1] if told else unit, "BoundingBox")
