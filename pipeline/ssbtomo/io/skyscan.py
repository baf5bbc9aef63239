"""Bruker SkyScan: the ``.log`` of a scan, and of the slices reconstructed from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ssbtomo.errors import FormatError, ProjectionsError
from ssbtomo.io.headers import Table, ini_tables, length, number, read_text
from ssbtomo.io.lazy import lazy_array
from ssbtomo.io.named_slices import numbered_images
from ssbtomo.projections import Geometry, Projections
from ssbtomo.volume import Volume

__all__ = ["READER", "SkyscanReader"]

_PARALLEL = 1e6  # mm: a source further than this (1 km) stands for a parallel beam
_TURN = (
    "the sense of rotation is taken as the file's order; if the volume comes out mirrored, negate "
    "the angles"
)


@dataclass(frozen=True, slots=True)
class SkyscanReader:
    """Opens SkyScan logs; voxel size from *Pixel Size (um)* of the reconstruction."""

    name: ClassVar[str] = "Bruker/SkyScan .log"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is a SkyScan log, or a folder of slices with one.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True if so.
        """
        if path.is_dir():
            return _log_of(path) is not None
        return path.suffix.lower() == ".log" and path.is_file() and _is_log(path)

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open the reconstructed slices that a log describes.

        Parameters
        ----------
        path : Path
            The ``..._rec.log`` file, or the folder that holds it.
        dataset : str or None
            Not used.

        Returns
        -------
        Volume
            Lazy voxels.
        """
        log = _log_of(path) if path.is_dir() else path
        assert log is not None
        tables = _tables(log)
        made = tables.get("reconstruction", {})
        if "first section" not in made and "pixel size (um)" not in made:
            raise ProjectionsError(
                f"{log} describes projections, not slices",
                hint="the projections are opened by st.io.open_projections(path)",
            )
        name = tables.get("file name convention", {}).get("filename prefix", "")
        source = numbered_images(log.parent, name or _prefix(log), log)
        edge = length(number(made.get("pixel size (um)")), "um")
        step = number(made.get("section to section step", "1")) or 1.0
        spacing = None if edge is None else (edge * step, edge, edge)
        notes = []
        told = number(made.get("sections count"))
        if told is not None and told != source.count:
            notes.append(f"the log counts {told:.0f} sections, the folder holds {source.count}")
        return Volume(
            lazy_array(source),
            spacing=spacing,
            spacing_origin="tag" if spacing else "unknown",
            modality="xct",
            conditions=_conditions(tables),
            notes=tuple(notes),
        )

    def open_projections(self, path: Path, dataset: str | None = None) -> Projections:
        """Open the projections that a log describes, with their geometry.

        Parameters
        ----------
        path : Path
            The ``.log`` file beside the projections, or the folder that holds it.
        dataset : str or None
            Not used.

        Returns
        -------
        Projections
            Lazy images.
        """
        log = _log_of(path) if path.is_dir() else path
        assert log is not None
        tables = _tables(log)
        scan = tables["acquisition"]
        source = numbered_images(log.parent, scan.get("filename prefix", "") or _prefix(log), log)
        notes = [_TURN]
        told = number(scan.get("number of files"))
        if told is not None and told > source.count:
            notes.append(f"the log counts {told:.0f} files, {source.count} are there")
        geometry, origins = _geometry(log, scan)
        step = number(scan.get("rotation step (deg)"))
        start = number(scan.get("scanning start angle", "0")) or 0.0
        angles = None if step is None else np.deg2rad(start + step * np.arange(source.count))
        if angles is not None:
            origins["angles"] = "tag Rotation Step (deg)"
        corrected = scan.get("flat field correction", "").upper() == "ON"
        if corrected:
            notes.append("the images are divided by the flat field already, scaled to their type")
        return Projections(
            lazy_array(source),
            geometry,
            angles=angles,
            origins=origins,
            name=scan.get("filename prefix", ""),
            conditions=_conditions(tables),
            notes=tuple(notes),
        )


READER = SkyscanReader()


def _is_log(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(4096).lower()
    return b"[system]" in head and b"scanner" in head


def _log_of(folder: Path) -> Path | None:
    logs = sorted(entry for entry in folder.iterdir() if entry.suffix.lower() == ".log")
    found = [log for log in logs if log.is_file() and _is_log(log)]
    made = [log for log in found if log.stem.lower().endswith("_rec")]
    return next(iter(made or found), None)


def _tables(log: Path) -> dict[str, Table]:
    tables = ini_tables(read_text(log))
    if "acquisition" not in tables:
        raise FormatError(
            f"{log} has no section [Acquisition]", hint="it is no SkyScan log, or is cut off"
        )
    return tables


def _prefix(log: Path) -> str:
    """Guess the images' prefix from the name of the log: ``scan__rec.log`` has ``scan__rec``."""
    return log.stem


def _geometry(log: Path, scan: Table) -> tuple[Geometry, dict[str, str]]:
    near, far = (
        number(scan.get(key)) for key in ("object to source (mm)", "camera to source (mm)")
    )
    edge = length(number(scan.get("image pixel size (um)")), "um")
    origins = {"beam": "tag Object to Source (mm)"}
    if edge is not None:
        origins["pixel_size"] = "tag Image Pixel Size (um), at the object"
    parallel = near is not None and near >= _PARALLEL
    if parallel:
        return Geometry("parallel", None if edge is None else (edge, edge)), origins
    if near is None or far is None or not 0 < near <= far:
        raise FormatError(
            f"{log}: Object to Source (mm) = {near}, Camera to Source (mm) = {far} are no distances "
            "of a cone beam",
            hint="the log is damaged, or of another instrument; give the geometry by hand",
        )
    pixel = None
    if edge is not None:
        magnified = edge * far / near
        pixel = (magnified, magnified)
        origins["pixel_size"] += ", times the magnification"
    origins["distances"] = "tag Object to Source, Camera to Source (mm)"
    return Geometry("cone", pixel, near * 1e3, (far - near) * 1e3), origins


def _conditions(tables: dict[str, Table]) -> dict[str, str]:
    scan = tables.get("acquisition", {})
    keys = (
        ("voltage", "source voltage (kv)", "kV"),
        ("current", "source current (ua)", "uA"),
        ("filter", "filter", ""),
        ("exposure", "exposure (ms)", "ms"),
        ("optical_axis", "optical axis (line)", ""),
    )
    told = {what: f"{scan[key]} {unit}".strip() for what, key, unit in keys if scan.get(key)}
    scanner = tables.get("system", {}).get("scanner")
    return {**told, "instrument": scanner} if scanner else told
