"""What electron microscopes write into and beside their TIFF images: above all the pixel size.

Slice thickness is never in a slice. The pixel is that which the beam scanned: on a cross-section
that is seen at an angle, its height is foreshortened unless the microscope's tilt correction was on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ssbtomo.errors import FormatError
from ssbtomo.io.headers import Table, ini_tables, length, number, read_text
from ssbtomo.io.tiff_pages import read_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SemMetadata", "common_metadata", "sem_metadata"]

_TESCAN = 50431
_WANTED = {34680, 34682, 34683, 34118, 51023, _TESCAN}
_LOOKED_AT = 16


@dataclass(frozen=True, slots=True)
class SemMetadata:
    """What a microscope tells of an image.

    Parameters
    ----------
    origin : str
        Who tells it: "Thermo/FEI tag 34682, section EScan".
    pixel_size : tuple of float or None
        Edges (dy, dx) in µm, as scanned.
    conditions : mapping of str to str
        Beam, tilt correction, stage tilt, acceleration voltage, as far as told.
    notes : tuple of str
        What is remarkable.
    """

    origin: str
    pixel_size: tuple[float, float] | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def sem_metadata(path: Path) -> SemMetadata | None:
    """Read what the microscope wrote into a TIFF image, or into the text file beside it.

    Parameters
    ----------
    path : Path
        The image.

    Returns
    -------
    SemMetadata or None
        None if no microscope left anything.
    """
    try:
        tags, width = read_tags(path, _WANTED)
    except FormatError:
        tags, width = {}, 0
    for code, read in _READERS.items():
        if code in tags:
            return read(_text(tags[code]), code, width)
    beside = _tescan_header(path)
    if beside is not None:
        return _tescan(ini_tables(read_text(beside)), f"Tescan's {beside.name}")
    if _TESCAN in tags:
        return _tescan(_tescan_tag(tags[_TESCAN]), f"Tescan tag {_TESCAN}")
    return None


def common_metadata(files: Sequence[Path]) -> SemMetadata | None:
    """Read the metadata of the first slice of a stack, and see whether others agree.

    Parameters
    ----------
    files : sequence of Path
        The slices; up to 16 of them, evenly spread, are looked at.

    Returns
    -------
    SemMetadata or None
        The pixel size is None, with a note, if it changes on the way.
    """
    first = sem_metadata(files[0])
    if first is None or first.pixel_size is None:
        return first
    step = max(len(files) // _LOOKED_AT, 1)
    for file in (*files[step::step], files[-1]):
        other = sem_metadata(file)
        pixel = None if other is None else other.pixel_size
        if pixel is None or not all(
            math.isclose(a, b, rel_tol=1e-3) for a, b in zip(pixel, first.pixel_size, strict=True)
        ):
            note = (
                f"the pixel size changes within the stack: {first.pixel_size} µm in "
                f"{files[0].name}, {pixel} in {file.name}; it is taken as unknown"
            )
            return SemMetadata(first.origin, None, first.conditions, (*first.notes, note))
    return first


def _text(content: bytes) -> str:
    return content.partition(b"\0")[0].decode("latin-1")


def _pair(high: float | None, wide: float | None, unit: str) -> tuple[float, float] | None:
    dy, dx = length(high, unit), length(wide, unit)
    return None if dy is None or dx is None else (dy, dx)


def _fei(text: str, code: int, width: int) -> SemMetadata:
    """Read Thermo/FEI's table: the active beam's own scan section counts, in metres."""
    tables = ini_tables(text)
    active = tables.get("beam", {})
    scan = active.get("scan", "").lower()
    name = scan if "pixelwidth" in tables.get(scan, {}) else "scan"
    table = tables.get(name, {})
    told = _fei_conditions(tables, active.get("beam", ""))
    notes = _fei_notes(tables, width, told)
    pixel = _pair(number(table.get("pixelheight")), number(table.get("pixelwidth")), "m")
    if pixel is None:
        notes.append(f"its PixelWidth is {table.get('pixelwidth')!r}: no pixel size")
    section = {"escan": "EScan", "iscan": "IScan"}.get(name, "Scan")
    return SemMetadata(f"Thermo/FEI tag {code}, section {section}", pixel, told, tuple(notes))


def _fei_conditions(tables: Mapping[str, Table], beam: str) -> dict[str, str]:
    column = tables.get(beam.lower(), {})
    told: dict[str, str] = {}
    kind = {"ebeam": "electron", "ibeam": "ion"}.get(beam.lower())
    if kind:
        told["beam"] = kind
    volts = number(column.get("hv"))
    if volts:
        told["acceleration"] = f"{volts / 1000:.6g} kV"
    on = column.get("tiltcorrectionison", "").lower()
    if on in ("yes", "true", "on", "1"):
        angle = number(column.get("tiltcorrectionangle"))
        told["tilt_correction"] = "on" + (
            "" if angle is None else f", {math.degrees(angle):.6g} deg"
        )
    elif on in ("no", "false", "off", "0"):
        told["tilt_correction"] = "off"
    tilt = number(tables.get("stage", {}).get("staget"))
    if tilt is not None:
        told["stage_tilt"] = f"{math.degrees(tilt):.6g} deg"
    return told


def _fei_notes(tables: Mapping[str, Table], width: int, told: Mapping[str, str]) -> list[str]:
    notes = []
    scanned = number(tables.get("image", {}).get("resolutionx"))
    if scanned and width and width != int(scanned):
        notes.append(
            f"the image has {width} columns where the microscope scanned {scanned:.0f}: a reduced "
            "area keeps the pixel size, an image scaled afterwards does not"
        )
    if told.get("beam") == "electron" and told.get("tilt_correction") == "off":
        notes.append(
            "the microscope's tilt correction was off: on an inclined cross-section rows are "
            "further apart than the pixel's height says"
        )
    return notes


def _fei_xml(text: str, code: int, width: int) -> SemMetadata:
    """Read Thermo's XML where the older table is missing."""
    origin = f"Thermo/FEI tag {code}"
    root = _xml(text)
    if root is None:
        return SemMetadata(origin, notes=("its metadata are damaged",))
    size = next((node for node in root.iter() if _local(node) == "PixelSize"), None)
    sides: dict[str, float | None] = {}
    for node in size if size is not None else ():
        sides[_local(node)] = length(number(node.text), node.get("unit", ""))
    dy, dx = sides.get("Y"), sides.get("X")
    known = dy is not None and dx is not None
    pixel = (dy or 0.0, dx or 0.0) if known else None
    return SemMetadata(origin, pixel, notes=() if known else ("it gives no PixelSize",))


def _zeiss(text: str, code: int, width: int) -> SemMetadata:
    """Read SmartSEM's lines: *Image Pixel Size*, not *Pixel Size*, which is of another raster."""
    values: Table = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            values.setdefault(key.strip(), value.strip())
    told = {}
    for what, key in (("stage_tilt", "Stage at T"), ("acceleration", "EHT")):
        if key in values:
            told[what] = values[key].replace("°", "deg")
    correction = values.get("Tilt Corrn.", "").lower()
    if correction in ("on", "off"):
        angle = values.get("Tilt Angle", "").replace("°", "deg")
        told["tilt_correction"] = correction + (
            f", {angle}" if correction == "on" and angle else ""
        )
    shown = values.get("Image Pixel Size", "")
    size, _, unit = shown.partition(" ")
    edge = length(number(size), unit)
    notes = []
    if edge is None:
        other = values.get("Pixel Size")
        notes.append(
            f"it gives no Image Pixel Size with a unit ({shown!r}); Pixel Size = {other} belongs to "
            "another raster and is not used"
        )
    pixel = None if edge is None else (edge, edge)
    return SemMetadata(f"Zeiss SmartSEM tag {code}", pixel, told, tuple(notes))


def _fibics(text: str, code: int, width: int) -> SemMetadata:
    """Read Atlas' XML: the step vectors of the scan, or the field of view over the width."""
    origin = f"Fibics/Atlas tag {code}"
    root = _xml(text)
    scan = None if root is None else root.find("Scan")
    if root is None or scan is None:
        return SemMetadata(origin, notes=("its metadata are damaged",))
    across = [_sized(scan, name) for name in ("Ux", "Uy")]
    down = [_sized(scan, name) for name in ("Vx", "Vy")]
    fields = [
        _over(scan, root, f"FOV_{axis}", side) for axis, side in (("X", "Width"), ("Y", "Height"))
    ]
    wide = _norm(across) or fields[0]
    high = _norm(down) or fields[1] or wide
    notes = []
    if wide and fields[0] and not math.isclose(wide, fields[0], rel_tol=0.01):
        notes.append(
            f"its steps give a pixel of {wide:.6g} µm, its field of view {fields[0]:.6g} µm; the "
            "steps are taken (the image is a part of the field)"
        )
    if not wide:
        notes.append("it gives no pixel size with a unit")
    pixel = (high, wide) if wide and high else None
    return SemMetadata(origin, pixel, notes=tuple(notes))


_READERS = {34680: _fei, 34682: _fei, 34683: _fei_xml, 34118: _zeiss, 51023: _fibics}


def _sized(scan: ET.Element, name: str) -> float | None:
    """Read a signed length in µm; Atlas leaves the unit of its steps away, it is that of FOV_X."""
    node, view = scan.find(name), scan.find("FOV_X")
    value = None if node is None else number(node.text)
    if node is None or value is None:
        return None
    unit = node.get("units") or ("" if view is None else view.get("units")) or ""
    return 0.0 if value == 0 else length(abs(value), unit)


def _over(scan: ET.Element, root: ET.Element, field_name: str, side: str) -> float | None:
    view, count = scan.find(field_name), number(root.findtext(f"Image/{side}"))
    if view is None or count is None or count < 1:
        return None
    whole = length(number(view.text), view.get("units", ""))
    return None if whole is None else whole / count


def _norm(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return math.hypot(*known) or None if len(known) == len(parts) else None


def _tescan_header(path: Path) -> Path | None:
    """Find ``image-tif.hdr`` or ``image.hdr`` beside an image, if it is Tescan's."""
    ending = path.suffix.lower().lstrip(".")
    for name in (f"{path.stem}-{ending}.hdr", f"{path.stem}.hdr", f"{path.name}.hdr"):
        place = path.with_name(name)
        if place.is_file():
            with place.open("rb") as file:
                head = file.read(4096)
            if b"[MAIN]" in head.upper() and b"\0" not in head:
                return place
    return None


def _tescan_tag(content: bytes) -> dict[str, Table]:
    """Pick the readable lines out of Tescan's binary blocks."""
    lines = re.findall(rb"([A-Za-z]\w{0,60})=([ -~]{0,120})", content)
    return {
        "main": {key.decode().lower(): value.decode().strip() for key, value in reversed(lines)}
    }


def _tescan(tables: Mapping[str, Table], origin: str) -> SemMetadata:
    table: Table = {}
    for section in tables.values():
        table = {**section, **table}
    pixel = _pair(number(table.get("pixelsizey")), number(table.get("pixelsizex")), "m")
    told = {}
    tilt, volts = number(table.get("stagetilt")), number(table.get("hv"))
    if tilt is not None:
        told["stage_tilt"] = f"{tilt:.6g} deg"
    if volts:
        told["acceleration"] = f"{volts / 1000:.6g} kV"
    correction = table.get("tiltcorrection", "")
    if correction:
        told["tilt_correction"] = "off" if number(correction) == 0 else f"on, {correction}"
    notes = () if pixel else ("it gives no PixelSizeX and PixelSizeY",)
    return SemMetadata(origin, pixel, told, notes)


def _xml(text: str) -> ET.Element | None:
    if "<!ENTITY" in text or "<!DOCTYPE" in text:  # nothing that expands belongs here
        return None
    bare = re.sub(r"^[^<]{0,100}<\?xml[^>]{0,200}\?>", "", text)
    try:
        return ET.fromstring(bare)
    except (ET.ParseError, ValueError):
        return None


def _local(node: ET.Element) -> str:
    return str(node.tag).rpartition("}")[2]
