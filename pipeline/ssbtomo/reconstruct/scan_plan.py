"""What is to be done to a scan: checked, and with its rotation axis found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Source
from ssbtomo.blocks.tomography import (
    Images,
    Phase,
    Slices,
)
from ssbtomo.errors import InputDataError, VoxelSizeError
from ssbtomo.kernels.ct.centre import Centre, find_centre
from ssbtomo.kernels.ct.normalise import reference
from ssbtomo.kernels.ct.stripes import remove_stripes
from ssbtomo.kernels.ct.turns import turn_of
from ssbtomo.model.tomography import Tomography

if TYPE_CHECKING:
    from ssbtomo.projections import Projections


__all__ = [
    "Samples",
    "angles_of",
    "check_scan",
    "chosen_rows",
    "cropped",
    "found_axis",
    "images_of",
    "pixel_of",
    "slices_of",
    "stripe_width_of",
    "tomogram_size",
]

_ROWS = 15
"""Detector rows by which the rotation axis is found and the grey window is chosen."""
_RIM = 0.12
"""Share of the detector by which the axis of a whole turn must be off its middle to widen."""


class Samples:
    """Lazy images as a source of blocks, with the rows that were asked for.

    Parameters
    ----------
    array : dask.array.Array, shape (angles, V, U)
        The images.
    rows : tuple of int or None
        First row and the one after the last; all if ``None``.
    """

    def __init__(self, array: Any, rows: tuple[int, int] | None) -> None:
        self.array = cropped(array, rows)
        images, rows_, columns = self.array.shape
        self.shape = (int(images), int(rows_), int(columns))
        self.dtype = self.array.dtype

    def __getitem__(self, window: Any) -> NDArray[Any]:
        return np.asarray(self.array[window])


def cropped(array: Any, rows: tuple[int, int] | None) -> Any:
    """Return the rows of images that were asked for.

    Parameters
    ----------
    array : array, shape (images, V, U)
        The images.
    rows : tuple of int or None
        First row and the one after the last; all if ``None``.

    Returns
    -------
    array
        A view.
    """
    if rows is None:
        return array
    if rows[1] > array.shape[1]:
        raise InputDataError(
            f"rows {list(rows)} were asked for, and the detector has {array.shape[1]}",
            hint="rows: [first, one after the last], from 0",
        )
    return array[:, rows[0] : rows[1]]


def check_scan(scan: Projections, asked: Tomography) -> NDArray[np.float64]:
    """Return the angles of a scan that can be reconstructed, before anything is read.

    Parameters
    ----------
    scan : Projections
        The scan.
    asked : Tomography
        The options.

    Returns
    -------
    ndarray of float, shape (angles,)
        Radians.

    Raises
    ------
    InputDataError
        If the beam is a cone, or the angles do not do.
    """
    if scan.geometry.beam != "parallel":
        raise InputDataError(
            f"{scan.source or scan.name}: the beam is a cone (magnification "
            f"{scan.geometry.magnification:.3g}), and this is for parallel beams",
            hint="st.reconstruct.cone_beam(scan) reconstructs it (with the extra ssbtomo[recon])",
        )
    angles = angles_of(scan, asked)
    turn_of(angles)
    return angles


def angles_of(scan: Projections, asked: Tomography) -> NDArray[np.float64]:
    """Return the angles of a scan, those of the options before those of the file.

    Parameters
    ----------
    scan : Projections
        The scan.
    asked : Tomography
        The options.

    Returns
    -------
    ndarray of float, shape (angles,)
        Radians.

    Raises
    ------
    InputDataError
        If neither tells them.
    """
    if asked.angles is None:
        return np.asarray(scan.needed_angles(), np.float64)
    return np.deg2rad(np.linspace(*asked.angles, len(scan.data)))


def images_of(scan: Projections, asked: Tomography) -> Images:
    """Read the dark and flat frames, and say what is to be done to the images.

    Parameters
    ----------
    scan : Projections
        The scan.
    asked : Tomography
        The options.

    Returns
    -------
    Images
        For `ssbtomo.blocks.tomography.normalise_images`.

    Raises
    ------
    InputDataError
        If phase retrieval lacks its energy or distance.
    VoxelSizeError
        If it lacks the pixel size.
    """
    shape = Samples(scan.data, asked.rows).shape[1:]
    frames = [
        None if part is None or scan.normalised else np.asarray(cropped(part, asked.rows))
        for part in (scan.darks, scan.flats)
    ]
    seen = reference(frames[0], frames[1], (shape[0], shape[1]))
    phase = _phase(scan, asked)
    return Images(seen, asked.flash, scan.shifts, scan.geometry.axis_tilt, phase)


def _phase(scan: Projections, asked: Tomography) -> Phase | None:
    how = asked.phase
    if how is None:
        return None
    energy = how.energy or _kev(scan.conditions.get("energy", ""))
    distance = how.distance or scan.geometry.object_detector
    if not energy or not distance:
        lacking = "energy" if not energy else "distance to the detector"
        raise InputDataError(
            f"phase retrieval needs the {lacking}, and the scan does not tell it",
            hint="give it: phase: {delta_beta: 500, energy: 25, distance: 100 mm}",
        )
    pixel = pixel_of(scan, asked)
    if pixel is None:
        raise VoxelSizeError(
            "phase retrieval needs the size of a detector pixel, and the scan does not tell it",
            hint="give it: pixel_size: 0.65 um",
        )
    return Phase(pixel, energy, distance, how.delta_beta)


def _kev(text: str) -> float | None:
    """Read an energy such as ``"25 keV"``."""
    value, _, unit = text.strip().partition(" ")
    try:
        return float(value) * {"eV": 1e-3, "keV": 1.0, "MeV": 1e3}[unit.strip()]
    except (ValueError, KeyError):
        return None


def pixel_of(scan: Projections, asked: Tomography) -> float | None:
    """Return the edge of a voxel that a detector column is worth, in µm.

    Parameters
    ----------
    scan : Projections
        The scan.
    asked : Tomography
        The options; its pixel size overrules the scan's.

    Returns
    -------
    float or None
        ``None`` if nothing tells it.
    """
    return asked.pixel_size or scan.voxel_size


def stripe_width_of(asked: Tomography, columns: int) -> int:
    """Return the window of the stripe filter.

    Parameters
    ----------
    asked : Tomography
        The options.
    columns : int
        Of the detector.

    Returns
    -------
    int
        Odd number of detector pixels; a fiftieth of the detector, and 5 at least, by default.
    """
    return asked.stripe_width or max(5, columns // 100 * 2 + 1)


def slices_of(
    lines: Source, angles: NDArray[np.float64], asked: Tomography, scan: Projections
) -> tuple[Slices, Centre | None]:
    """Find the rotation axis if it is not given, and say what is to be done to the rows.

    Parameters
    ----------
    lines : Source
        Line integrals, (angles, V, U).
    angles : ndarray of float, shape (angles,)
        Radians.
    asked : Tomography
        The options.
    scan : Projections
        The scan: its pixel size.

    Returns
    -------
    slices : Slices
        For `ssbtomo.blocks.tomography.reconstruct_slices`.
    centre : Centre or None
        The search, if there was one.
    """
    centre = None
    if asked.axis is None:
        rows = chosen_rows(lines.shape[1])
        centre = found_axis(np.stack([lines[:, row] for row in rows], 1), angles, asked)
    axis = asked.axis if centre is None else centre.pixel
    assert axis is not None
    width = lines.shape[2]
    if axis > width - 1:
        raise InputDataError(f"axis: {axis} lies beyond the detector's {width} columns")
    wide = asked.wide
    if wide is None:
        off = abs(axis - (width - 1) / 2) > _RIM * width
        wide = off and turn_of(angles) == "whole"
    pixel = pixel_of(scan, asked)
    return Slices(
        angles,
        axis,
        wide,
        asked.stripes,
        stripe_width_of(asked, width),
        asked.stripe_strength,
        asked.hardening,
        asked.window,
        asked.padding,
        asked.field,
        1e4 / pixel if pixel else 1.0,
    ), centre


def chosen_rows(rows: int) -> list[int]:
    """Choose evenly spaced detector rows by which axis and grey window are found.

    Parameters
    ----------
    rows : int
        Of the detector.

    Returns
    -------
    list of int
        Up to 15.
    """
    count = min(_ROWS, rows)
    return sorted({round((n + 0.5) * rows / count - 0.5) for n in range(count)})


def found_axis(lines: NDArray[Any], angles: NDArray[np.float64], asked: Tomography) -> Centre:
    """Find the rotation axis in some rows, after their stripes were removed.

    Parameters
    ----------
    lines : ndarray, shape (angles, rows, U)
        Line integrals.
    angles : ndarray of float, shape (angles,)
        Radians.
    asked : Tomography
        The options.

    Returns
    -------
    Centre
        With the curve of the search.
    """
    method = "sorting" if asked.stripes == "none" else asked.stripes
    rows = [np.ascontiguousarray(lines[:, n]) for n in range(lines.shape[1])]
    seen = [row for row in rows if np.ptp(row) > 0]
    if not seen:
        raise InputDataError(
            "the projections are flat: there is nothing to find the rotation axis by",
            hint="look at the images; were flats taken for projections?",
        )
    window = stripe_width_of(asked, lines.shape[2])
    clean = np.stack([remove_stripes(row, method, width=window) for row in seen])
    return find_centre(clean, angles, search=asked.search)


def tomogram_size(scan: Projections, asked: Tomography) -> tuple[int, int, int]:
    """Return the shape that the volume will have.

    Parameters
    ----------
    scan : Projections
        The scan.
    asked : Tomography
        The options.

    Returns
    -------
    tuple of int
        (Z, Y, X). Where the axis is yet to be found it is taken to be in the middle.
    """
    _, rows, columns = Samples(scan.data, asked.rows).shape
    axis = (columns - 1) / 2 if asked.axis is None else asked.axis
    side = Slices(np.zeros(0), axis, bool(asked.wide), field=asked.field).size(columns)
    return rows, side, side
