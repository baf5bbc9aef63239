"""The slice thickness that the project file of a FIB-SEM run tells."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree as ET

from ssbtomo.errors import FormatError
from ssbtomo.io.headers import length, number, read_text
from ssbtomo.io.sem_metadata import SemMetadata
from ssbtomo.volume import Volume

__all__ = ["ProjectThickness", "project_thickness", "with_metadata"]

# Where Atlas' versions keep the two numbers, newest first.
_THICKNESS = (
    "Settings/Imaging/DefaultAcquisition/Interval/Distance/Interval",
    "Settings/Imaging/Interval",
)
_PIXEL = (
    "Settings/Imaging/DefaultAcquisition/PixelSize",
    "Settings/Imaging/FibicsRasterInfo/PixelSizeX",
)


@dataclass(frozen=True, slots=True)
class ProjectThickness:
    """What a project file tells.

    Parameters
    ----------
    thickness : float or None
        Distance of the slices in µm, as it was set, not measured.
    note : str
        Where it comes from, or why it is unknown.
    """

    thickness: float | None
    note: str


def project_thickness(folder: Path, pixel: tuple[float, float]) -> ProjectThickness | None:
    """Look for Atlas' project file in a folder of slices and the one above.

    The file gives numbers without a unit. It holds the pixel size too, and the images tell that
    with a unit: the unit in which both agree is the file's.

    Parameters
    ----------
    folder : Path
        The folder of the slices.
    pixel : tuple of float
        Edges (dy, dx) in µm that the images tell.

    Returns
    -------
    ProjectThickness or None
        None if there is no project file.
    """
    places = [*sorted(folder.glob("*.a3d-setup")), *sorted(folder.parent.glob("*.a3d-setup"))]
    files = [place for place in places if place.is_file()]
    if not files:
        return None
    project = files[0]
    values = _values(project)
    if values is None:
        return ProjectThickness(None, f"{project.name} tells no slice thickness")
    interval, edge = values
    for unit in ("um", "nm"):
        same = length(edge, unit)
        if same is not None and math.isclose(same, pixel[1], rel_tol=0.05):
            found = length(interval, unit)
            return ProjectThickness(
                found, f"the slice thickness is the one set in {project.name}, not measured"
            )
    return ProjectThickness(
        None,
        f"{project.name} gives a slice thickness of {interval:.6g} and a pixel of {edge:.6g}, which "
        f"is not that of the images, {pixel[1]:.6g} µm; its unit is unknown",
    )


def with_metadata(volume: Volume, told: SemMetadata | None, folder: Path) -> Volume:
    """Add what a microscope tells to a volume whose voxel size is unknown.

    Parameters
    ----------
    volume : Volume
        A stack of images.
    told : SemMetadata or None
        What its images tell.
    folder : Path
        Where they lie; the project file is looked for here and in the folder above.

    Returns
    -------
    Volume
        With the pixel size; with the voxel size too, if a project file tells the thickness.
    """
    if told is None:
        return volume
    notes = [*volume.notes, *told.notes]
    conditions = {**volume.conditions, **told.conditions}
    if told.pixel_size is None:
        return replace(volume, notes=tuple(notes), conditions=conditions)
    dy, dx = told.pixel_size
    notes.append(f"the pixel size is from: {told.origin}")
    project = project_thickness(folder, told.pixel_size)
    if project is not None:
        notes.append(project.note)
    volume = replace(volume, notes=tuple(notes), conditions=conditions, pixel_size=told.pixel_size)
    if project is None or project.thickness is None:
        return volume
    return volume.with_spacing((project.thickness, dy, dx), "sidecar")


def _values(project: Path) -> tuple[float, float] | None:
    try:
        text = read_text(project)
        if "<!DOCTYPE" in text or "<!ENTITY" in text:  # nothing that expands belongs here
            return None
        root = ET.fromstring(text[max(text.find("?>") + 2, 0) if "?>" in text[:200] else 0 :])
    except (FormatError, ET.ParseError, ValueError):
        return None
    interval, edge = (
        next((v for path in paths if (v := number(root.findtext(path))) is not None), None)
        for paths in (_THICKNESS, _PIXEL)
    )
    return None if interval is None or edge is None else (interval, edge)
