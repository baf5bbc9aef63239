"""What text headers have in common: tables of keys, numbers, and files named in them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.errors import FormatError, InputDataError, UnitError
from ssbtomo.io.lazy import MappedFile, lazy_array
from ssbtomo.units import Spacing, micrometres
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ssbtomo.io.lazy import LazyFile

__all__ = [
    "Table",
    "check_shape",
    "described",
    "file_beside",
    "first_bytes",
    "ini_tables",
    "length",
    "map_voxels",
    "number",
    "numbers",
    "read_text",
    "spacing_with_unit",
    "whole",
]

Table = dict[str, str]
_LONGEST = 2**22  # bytes of a text header: 4 MB hold years of history
_DAMAGED = "the header is damaged; export the scan again"


def first_bytes(path: Path, limit: int) -> bytes:
    """Read the begin of a file, without asking for more than it has.

    Parameters
    ----------
    path : Path
        The file.
    limit : int
        Bytes at most.

    Returns
    -------
    bytes
        What is there.
    """
    with path.open("rb") as file:
        return file.read(min(limit, path.stat().st_size))


def read_text(path: Path, limit: int = _LONGEST) -> str:
    """Read a text file, as UTF-8 where it is that, as Latin-1 otherwise.

    Parameters
    ----------
    path : Path
        The file.
    limit : int
        Bytes that are read at most.

    Returns
    -------
    str
        Its content.

    Raises
    ------
    FormatError
        If it is longer, or binary.
    """
    content = first_bytes(path, limit)
    longer = path.stat().st_size > limit
    if longer or b"\0" in content:
        what = f"longer than {limit:,} bytes" if longer else "binary"
        raise FormatError(f"{path} should be a text of settings; it is {what}", hint=_DAMAGED)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def ini_tables(text: str) -> dict[str, Table]:
    """Split ``[section]`` and ``key = value`` lines; names are made lower case.

    Sections and keys may come twice: the first value of a key stands. Lines before the
    first section belong to the section "".

    Parameters
    ----------
    text : str
        Content of the file.

    Returns
    -------
    dict of str to dict of str to str
        The keys of each section.
    """
    tables: dict[str, Table] = {"": {}}
    table = tables[""]
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("[") and bare.endswith("]"):
            table = tables.setdefault(bare[1:-1].strip().lower(), {})
            continue
        key, equals, value = bare.partition("=")
        if equals:
            table.setdefault(key.strip().lower(), value.strip())
    return tables


def number(text: str | None) -> float | None:
    """Read a finite number.

    Parameters
    ----------
    text : str or None
        What the header says; a decimal comma is understood.

    Returns
    -------
    float or None
        None if it is no finite number.
    """
    try:
        value = float((text or "").strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def numbers(text: str | None) -> list[float]:
    """Read numbers that stand in a row.

    Parameters
    ----------
    text : str or None
        Numbers with spaces between them.

    Returns
    -------
    list of float
        Empty if one of them is no finite number.
    """
    values = [number(part) for part in (text or "").split()]
    found = [value for value in values if value is not None]
    return found if len(found) == len(values) else []


def whole(table: Mapping[str, str], key: str, where: str) -> int:
    """Read a whole number above zero.

    Parameters
    ----------
    table : mapping of str to str
        Keys of a header.
    key : str
        The one that is needed.
    where : str
        The file, for the message.

    Returns
    -------
    int
        The number.

    Raises
    ------
    FormatError
        If it is missing, or something else.
    """
    text = table.get(key)
    value = number(text)
    if value is None or value != int(value) or value < 1:
        raise FormatError(
            f"{where}: {key} = {text!r} is not a whole number above zero", hint=_DAMAGED
        )
    return int(value)


def length(value: float | None, unit: str) -> float | None:
    """Turn a positive number with a unit into micrometres.

    Parameters
    ----------
    value : float or None
        The number.
    unit : str
        Its unit, as headers write it.

    Returns
    -------
    float or None
        None if the number is missing or not positive, or the unit unknown.
    """
    if value is None or not value > 0:
        return None
    plain = unit.strip().strip("\"'").replace("\u03bc", "µ")
    plain = {"microns": "um", "micrometers": "um", "millimeters": "mm", "meters": "m"}.get(
        plain.lower(), plain
    )
    try:
        return float(f"{micrometres(f'{float(value)!r} {plain}'):.12g}")  # binary noise taken off
    except UnitError:
        return None


def spacing_with_unit(edges: Sequence[float], unit: str, who: str) -> tuple[Spacing | None, str]:
    """Turn the edges of a header into a spacing, or say why that cannot be done.

    Parameters
    ----------
    edges : sequence of float
        Voxel edges along (Z, Y, X), as the header has them.
    unit : str
        Their unit; empty if nothing told it.
    who : str
        The header's key, for the note.

    Returns
    -------
    spacing : tuple of float or None
        In µm.
    note : str
        Why there is none, or empty.
    """
    if len(edges) != 3:
        return None, f"{who} gives no voxel size"
    story = " x ".join(f"{edge:.6g}" for edge in edges)
    if not unit:
        return None, (
            f"{who} gives {story} (Z, Y, X) without a unit, so the voxel size is unknown; if you "
            "know the unit, say it: dataset: unit=mm"
        )
    z, y, x = (length(float(f"{edge:.9g}"), unit) for edge in edges)
    if z is None or y is None or x is None:
        return None, f"{who} gives {story} {unit}, which is no voxel size"
    return (z, y, x), ""


def described(source: LazyFile, spacing: Spacing | None, note: str) -> Volume:
    """Return the volume that a header describes.

    Parameters
    ----------
    source : MappedFile or PackedVolume
        Its voxels.
    spacing : tuple of float or None
        Voxel edges in µm, where the header tells them.
    note : str
        What a user should know of them, or empty.

    Returns
    -------
    Volume
        Lazy voxels.
    """
    return Volume(
        lazy_array(source),
        spacing=spacing,
        spacing_origin="tag" if spacing else "unknown",
        notes=(note,) if note else (),
    )


def file_beside(header: Path, name: str) -> Path:
    """Find the file that a header names: beside it, or where it says.

    Parameters
    ----------
    header : Path
        The header.
    name : str
        What it says; Windows paths are understood.

    Returns
    -------
    Path
        A regular file.

    Raises
    ------
    InputDataError
        If there is none.
    """
    plain = name.strip().strip('"').replace("\\", "/")
    last = plain.rpartition("/")[2]
    try:
        places = [header.parent / last, header.parent / plain] if last else []
        found = [place for place in places if place.is_file() and place != header]
    except (OSError, ValueError):  # a name that no file can have
        found = []
    if not found:
        raise InputDataError(
            f"{header}: its voxels should be in {plain[:200]!r}, which is not beside it",
            hint="keep header and data in one folder, under the names that they were given",
        )
    return found[0]


def check_shape(shape: Sequence[int], where: str | Path) -> tuple[int, int, int]:
    """Return a shape (Z, Y, X) if it is one.

    Parameters
    ----------
    shape : sequence of int
        What a header tells.
    where : str or Path
        The file, for the message.

    Returns
    -------
    tuple of int
        Three numbers above zero.

    Raises
    ------
    FormatError
        If it is something else.
    """
    if len(shape) != 3 or min(shape) < 1:
        raise FormatError(
            f"{where}: the size {tuple(shape)} (Z, Y, X) is not three numbers above zero",
            hint=_DAMAGED,
        )
    z, y, x = (int(n) for n in shape)
    return z, y, x


def map_voxels(
    path: Path, shape: Sequence[int], stored: str, *, offset: int = 0, header: Path | None = None
) -> MappedFile:
    """Describe uncompressed voxels inside a file that is long enough for them.

    Parameters
    ----------
    path : Path
        The file with the voxels.
    shape : sequence of int
        Voxels along (Z, Y, X).
    stored : str
        Type of a voxel, byte order included.
    offset : int
        First byte; -1 if the voxels end where the file ends.
    header : Path, optional
        The file that says so, for messages.

    Returns
    -------
    MappedFile
        The voxels.

    Raises
    ------
    FormatError
        If they do not fit into the file.
    """
    z, y, x = check_shape(shape, header or path)
    need = z * y * x * np.dtype(stored).itemsize
    size = path.stat().st_size
    first = size - need if offset == -1 else offset
    if first < 0 or first + need > size:
        raise FormatError(
            f"{path} is truncated: {z} x {y} x {x} voxels of {np.dtype(stored)} need {need:,} "
            f"bytes after byte {max(first, 0):,}, the file has {size:,}",
            hint="copy or export the file again; or its header is wrong",
        )
    return MappedFile(str(path.absolute()), (z, y, x), stored, first)
