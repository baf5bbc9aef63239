"""Nikon X-Tek: ``.xtekct`` with its projections, or with the volume made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ssbtomo.errors import FormatError, InputDataError, ProjectionsError
from ssbtomo.io.headers import Table, ini_tables, length, map_voxels, number, read_text, whole
from ssbtomo.io.lazy import lazy_array
from ssbtomo.io.named_slices import numbered_images
from ssbtomo.projections import Geometry, Projections
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    import dask.array as da

    from ssbtomo.io.lazy import LazyFile

__all__ = ["READER", "NikonReader"]

_TURN = "the sense of rotation is the file's; if the volume comes out mirrored, negate the angles"


@dataclass(frozen=True, slots=True)
class NikonReader:
    """Opens Nikon scans: all lengths in millimetres, all angles in degrees."""

    name: ClassVar[str] = "Nikon .xtekct"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is named like a Nikon scan.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True for ``.xtekct`` and ``.xtekvolume``.
        """
        return path.is_file() and path.suffix.lower() in (".xtekct", ".xtekvolume")

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open the reconstructed ``.vol`` file that belongs to a scan.

        Parameters
        ----------
        path : Path
            The ``.xtekct`` file.
        dataset : str or None
            Not used.

        Returns
        -------
        Volume
            Lazy voxels, 32-bit floats as Nikon's reconstruction writes them.
        """
        table = _table(path)
        shape = [whole(table, f"voxels{axis}", str(path)) for axis in "zyx"]
        names = (table.get("name", "") + ".vol", path.stem + ".vol")
        found = [path.with_name(n) for n in names if _plain(n) and path.with_name(n).is_file()]
        if not found:
            raise ProjectionsError(
                f"{path}: there is no volume {names[1]} beside it",
                hint="the projections are opened by st.io.open_projections(path)",
            )
        source = map_voxels(found[0], shape, "<f4", header=path)
        edges = [length(number(table.get(f"voxelsize{axis}")), "mm") for axis in "zyx"]
        z, y, x = edges
        known = z is not None and y is not None and x is not None
        return Volume(
            lazy_array(source),
            spacing=(z, y, x) if known else None,  # type: ignore[arg-type]
            spacing_origin="tag" if known else "unknown",
            modality="xct",
        )

    def open_projections(self, path: Path, dataset: str | None = None) -> Projections:
        """Open the projections of a scan with its cone-beam geometry.

        The images are TIFF files, or one ``.raw`` file of 16-bit values; they are divided
        by *WhiteLevel* to become transmissions.

        Parameters
        ----------
        path : Path
            The ``.xtekct`` file.
        dataset : str or None
            Not used.

        Returns
        -------
        Projections
            Lazy images.
        """
        table = _table(path)
        where = str(path)
        count = whole(table, "projections", where)
        plane = whole(table, "detectorpixelsy", where), whole(table, "detectorpixelsx", where)
        source = _images(path, table, count, plane)
        first, step = (number(table.get(key)) for key in ("initialangle", "angularstep"))
        angles = None
        if first is not None and step is not None:
            angles = np.deg2rad(first + step * np.arange(source.shape[0]))
        notes = [_TURN]
        if source.shape[0] < count:
            notes.append(
                f"the scan was aborted: {source.shape[0]} of {count} projections are there"
            )
        geometry, axis = _geometry(path, table, plane)
        origins = {"beam": "tag", "distances": "tag SrcToObject, SrcToDetector", **axis}
        white = number(table.get("whitelevel"))
        flats = _constant(white, plane) if white else None
        if angles is not None:
            origins["angles"] = "tag InitialAngle, AngularStep"
        if flats is not None:
            origins["flats"] = "tag WhiteLevel"
        keys = (("voltage", "xraykv", "kV"), ("current", "xrayua", "uA"), ("filter", "filter", ""))
        return Projections(
            lazy_array(source),
            geometry,
            angles=angles,
            flats=flats,
            origins=origins,
            name=table.get("name", ""),
            conditions={k: f"{table[key]} {u}".strip() for k, key, u in keys if table.get(key)},
            notes=tuple(notes),
        )


READER = NikonReader()


def _table(path: Path) -> Table:
    tables = ini_tables(read_text(path))
    if "xtekct" not in tables:
        raise FormatError(
            f"{path} has no section [XTekCT]", hint="it is not a Nikon scan, or is cut off"
        )
    return {**tables.get("xrays", {}), **tables["xtekct"]}


def _plain(name: str) -> bool:
    return "/" not in name and "\\" not in name and "\0" not in name and len(name) < 250


def _images(path: Path, table: Table, count: int, plane: tuple[int, int]) -> LazyFile:
    inside = table.get("inputfoldername", "").replace("\\", "/").rpartition("/")[2]
    places = [path.parent / inside] if inside not in ("", ".") and _plain(inside) else []
    name = table.get("name", "") or path.stem
    raw = path.with_name(name + ".raw") if _plain(name) else path
    if raw != path and raw.is_file():
        return map_voxels(raw, (count, *plane), "<u2", header=path)
    problem: InputDataError | None = None
    for folder in (*places, path.parent):
        try:
            source = numbered_images(folder, name, path)
        except InputDataError as error:
            problem = error
            continue
        if source.plane != plane or source.count > count:
            raise FormatError(
                f"{path}: {count} projections of {plane[0]} x {plane[1]} pixels are announced, "
                f"{folder} holds {source.count} of {source.plane[0]} x {source.plane[1]}",
                hint="remove what does not belong to the scan, or copy the scan again",
            )
        return source
    assert problem is not None
    raise problem


def _geometry(path: Path, table: Table, plane: tuple[int, int]) -> tuple[Geometry, dict[str, str]]:
    near, far = (length(number(table.get(key)), "mm") for key in ("srctoobject", "srctodetector"))
    pixel = [length(number(table.get(f"detectorpixelsize{axis}")), "mm") for axis in "yx"]
    if near is None or far is None or far < near:
        raise FormatError(
            f"{path}: SrcToObject = {table.get('srctoobject')!r} and SrcToDetector = "
            f"{table.get('srctodetector')!r} mm are no distances of a cone beam",
            hint="the file is damaged; export the scan again",
        )
    high, wide = pixel
    if high is None or wide is None:
        return Geometry("cone", None, near, far - near), {}
    told = {"pixel_size": "tag DetectorPixelSizeX, Y"}
    top, bottom, offset, roll = (
        number(table.get(key))
        for key in ("centreofrotationtop", "centreofrotationbottom", "objectoffsetx", "objectroll")
    )
    across = None  # of the axis on the detector, in µm from its middle
    if offset is not None:
        across, told["axis"] = offset * 1e3 * far / near, "tag ObjectOffsetX"
    elif top is not None and bottom is not None:
        across, told["axis"] = (top + bottom) / 2 * 1e3, "tag CentreOfRotationTop, Bottom"
    column = None if across is None else (plane[1] - 1) / 2 + across / wide
    tilt = 0.0
    if roll is not None:
        tilt = math.radians(roll)
    elif top is not None and bottom is not None:
        tilt = math.atan2((bottom - top) * 1e3, plane[0] * high)
    return Geometry("cone", (high, wide), near, far - near, column, tilt), told


def _constant(level: float, plane: tuple[int, int]) -> da.Array:
    from dask import array

    flat: da.Array = array.full((1, *plane), level, dtype=np.float32)
    return flat
