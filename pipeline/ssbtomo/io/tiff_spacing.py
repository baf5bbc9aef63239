"""The voxel size that a TIFF file tells, if it tells all three edges with a unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from ssbtomo.errors import UnitError
from ssbtomo.units import Spacing, micrometres

if TYPE_CHECKING:
    from collections.abc import Mapping

    import tifffile

__all__ = ["spacing_of"]

_NO_UNIT = {"", "pixel", "pixels", "voxel", "voxels", "px", "none", "null"}
Found = tuple[Spacing | None, str]


def spacing_of(tif: tifffile.TiffFile, series: int) -> Found:
    """Return the voxel size along (Z, Y, X) in µm, or why it is unknown.

    Nothing is guessed: the resolution tags of a plain TIFF file tell the pixel, never
    the distance of the slices.

    Parameters
    ----------
    tif : tifffile.TiffFile
        The open file.
    series : int
        Which of its images.

    Returns
    -------
    spacing : tuple of float or None
        The edges, if all three are known.
    note : str
        Why they are not, or empty.
    """
    if tif.is_ome and tif.ome_metadata:
        return _from_ome(tif.ome_metadata, series)
    table = tif.imagej_metadata or next(iter(tif.shaped_metadata or ()), None) or {}
    resolution = tif.pages.first.resolution
    if table.get("unit") or table.get("spacing"):
        return _from_imagej(table, resolution)
    return None, _resolution_note(tif)


def _from_imagej(table: Mapping[str, Any], resolution: tuple[float, float]) -> Found:
    unit = _unit(table.get("unit", ""))
    if unit.lower() in _NO_UNIT:
        return (
            None,
            "the ImageJ metadata give no unit of length, so their numbers tell no voxel size",
        )
    if not table.get("spacing"):
        return None, (
            "the ImageJ metadata give no distance between slices (spacing), only the pixel size"
        )
    try:
        across, along = (1 / float(value) for value in reversed(resolution))
        units = _unit(table.get("zunit", unit)), _unit(table.get("yunit", unit)), unit
        edges = [
            micrometres(f"{_rounded(edge)!r} {its}")
            for edge, its in zip((abs(float(table["spacing"])), across, along), units, strict=True)
        ]
    except (UnitError, ValueError, ZeroDivisionError):
        return (
            None,
            f"the ImageJ metadata are not understood (unit {unit!r}, resolution {resolution})",
        )
    return _positive(edges, "the ImageJ metadata")


def _from_ome(xml: str, series: int) -> Found:
    try:
        root = ET.fromstring(xml)
    except ET.ParseError:
        return None, "the OME metadata are damaged"
    pixels = [node for node in root.iter() if node.tag.rpartition("}")[2] == "Pixels"]
    if series >= len(pixels):
        return None, "the OME metadata do not describe this image"
    found = pixels[series].attrib
    missing = [axis for axis in "ZYX" if f"PhysicalSize{axis}" not in found]
    if missing:
        return None, f"the OME metadata give no PhysicalSize{missing[0]}"
    try:
        edges = [
            micrometres(
                f"{found[f'PhysicalSize{a}']} {_unit(found.get(f'PhysicalSize{a}Unit', 'µm'))}"
            )
            for a in "ZYX"
        ]
    except UnitError as error:
        return None, f"the OME metadata are not understood: {error.problem}"
    return _positive(edges, "the OME metadata")


def _positive(edges: list[float], who: str) -> Found:
    if not all(edge > 0 for edge in edges):
        return None, f"{who} give an edge that is not above zero: {edges} µm"
    return (edges[0], edges[1], edges[2]), ""


def _resolution_note(tif: tifffile.TiffFile) -> str:
    page = tif.pages.first
    per_unit = {2: 2.54e4, 3: 1e4}.get(int(page.resolutionunit or 0))
    x, y = page.resolution
    if per_unit is None or min(x, y) <= 0 or (x, y) in ((1.0, 1.0), (72.0, 72.0), (96.0, 96.0)):
        return ""
    return (
        f"the resolution tags give a pixel of {per_unit / y:.6g} x {per_unit / x:.6g} µm (Y, X) "
        "but nothing gives the distance of the slices, so the voxel size is unknown"
    )


def _unit(text: str) -> str:
    """Undo the ways in which programs write µm."""
    plain = str(text).strip().strip('"').replace("\\u00B5", "µ").replace("\\u00b5", "µ")
    return {"microns": "um", "micrometers": "um", "nanometers": "nm", "millimeters": "mm"}.get(
        plain, plain
    )


def _rounded(value: float) -> float:
    """Take off the noise of a rational number with a small denominator."""
    return float(f"{value:.7g}")
