"""From the projections of a parallel beam to a volume."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Grid
from ssbtomo.blocks.tomography import (
    Images,
    Phase,
    Slices,
    normalise_images,
    reconstruct_rows,
    reconstruct_slices,
)
from ssbtomo.errors import InputDataError, VoxelSizeError
from ssbtomo.kernels.ct.centre import Centre, find_centre
from ssbtomo.kernels.ct.normalise import reference
from ssbtomo.kernels.ct.stripes import remove_stripes, stripe_energy
from ssbtomo.kernels.ct.turns import turn_of
from ssbtomo.kernels.ring_correlation import RingCorrelation, ring_correlation
from ssbtomo.model.tomography import Tomography
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    from ssbtomo.projections import Projections

__all__ = [
    "Quality",
    "Samples",
    "Tomogram",
    "centre_of_rotation",
    "check_scan",
    "grey_window",
    "images_of",
    "look_closer",
    "pixel_of",
    "slices_of",
    "stripe_width_of",
    "sweep",
    "tomogram_size",
    "tomography",
    "volume_of",
]

_ROWS = 15
"""Detector rows by which the rotation axis is found and the grey window is chosen."""
_RIM = 0.12
"""Share of the detector by which the axis of a whole turn must be off its middle to widen."""
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a reconstruction is, from one of its slices.

    Parameters
    ----------
    row : int
        The detector row.
    stripes_before, stripes_after : float
        Root mean square of the stripes in its sinogram; see `stripe_energy`.
    halves : RingCorrelation
        Even against odd projections.
    noise : float
        Standard deviation of the noise in the slice, from half the difference of the two.
    signal_to_noise : float
        Standard deviation of the slice over that.
    """

    row: int
    stripes_before: float
    stripes_after: float
    halves: RingCorrelation
    noise: float
    signal_to_noise: float


@dataclass(frozen=True, slots=True)
class Tomogram:
    """A reconstructed volume and how it came about.

    Parameters
    ----------
    volume : Volume
        Attenuation in 1/cm where the pixel size is known, else per pixel; in 16 bits it is
        ``offset + slope`` times the stored value.
    slope, offset : float
        1 and 0 for floats.
    centre : Centre or None
        The search for the rotation axis; ``None`` where it was given.
    slices : Slices
        What was done row by row, with the axis.
    bad_pixels, flashes : int
        Detector pixels that were bridged, samples that were replaced.
    quality : Quality or None
        Of the middle slice; of a cone beam not measured.
    """

    volume: Volume
    slope: float
    offset: float
    centre: Centre | None
    slices: Slices
    bad_pixels: int
    flashes: int
    quality: Quality | None


def tomography(
    scan: Projections,
    options: Tomography | None = None,
    *,
    workers: int | None = None,
) -> Tomogram:
    """Reconstruct a volume from the projections of a parallel beam, in memory.

    Dark and flat frames, bad pixels, flashes, shifts, phase retrieval if asked for, stripes,
    rotation axis, filtered back-projection. A run from a recipe does the same from disk to
    disk.

    Parameters
    ----------
    scan : Projections
        As of `ssbtomo.io.open_projections`.
    options : Tomography, optional
        As of the recipe: ``ssbtomo.model.Tomography(axis=511.5, stripes="large")``.
    workers : int, optional
        Threads; the number of cores if not given.

    Returns
    -------
    Tomogram
        The volume, (V, size, size), and what is known about it. The peak is 4 bytes per
        sample of the projections, the volume, and 300 MB or so per worker at 1024 columns.

    Raises
    ------
    InputDataError
        If the beam is a cone, the angles are unknown or cover neither 180 nor 360 degrees, or
        the axis cannot be found.
    """
    asked = options or Tomography()
    angles = check_scan(scan, asked)
    source = Samples(scan.data, asked.rows)
    lines = np.empty(source.shape, np.float32)
    images = images_of(scan, asked)
    with Engine.start("threads", workers) as engine:
        slabs = Grid.slabs(source.shape, _BATCH)
        flashes = normalise_images(source, lines, images, slabs, engine)
        slices, centre = slices_of(lines, angles, asked, scan)
        window = grey_window(lines, slices)
        grey = window if asked.bits == 16 else None
        side = slices.size(source.shape[2])
        shape = (source.shape[1], side, side)
        voxels = np.empty(shape, np.uint16 if grey else np.float32)
        slabs = Grid.slabs(shape, min(64, -(-shape[0] // engine.workers)))
        reconstruct_slices(lines, voxels, replace(slices, grey=grey), slabs, engine)
    slope, offset = ((window[1] - window[0]) / 65535.0, window[0]) if grey else (1.0, 0.0)
    return Tomogram(
        volume_of(voxels, scan),
        slope,
        offset,
        centre,
        slices,
        int(images.reference.bad.sum()),
        flashes,
        look_closer(lines, slices),
    )


def centre_of_rotation(scan: Projections, options: Tomography | None = None) -> Centre:
    """Find the detector column of the rotation axis, without reconstructing the volume.

    Parameters
    ----------
    scan : Projections
        As of `ssbtomo.io.open_projections`.
    options : Tomography, optional
        As of the recipe.

    Returns
    -------
    Centre
        The column, what each of fifteen detector rows says, and the curve of the search.

    Raises
    ------
    InputDataError
        If the angles are unknown, or the axis cannot be found.
    """
    asked = (options or Tomography()).model_copy(update={"axis": None, "phase": None})
    angles = check_scan(scan, asked)
    source = Samples(scan.data, asked.rows)
    rows = _chosen(source.shape[1])
    chosen = replace(
        scan,
        data=source.array[:, rows],
        flats=None if scan.flats is None else _cropped(scan.flats, asked.rows)[:, rows],
        darks=None if scan.darks is None else _cropped(scan.darks, asked.rows)[:, rows],
        shifts=None,
    )
    asked = asked.model_copy(update={"rows": None})
    lines = np.empty(chosen.shape, np.float32)
    with Engine.start("threads") as engine:
        slabs = Grid.slabs(chosen.shape, _BATCH)
        normalise_images(Samples(chosen.data, None), lines, images_of(chosen, asked), slabs, engine)
    return _found(lines, angles, asked)


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
        self.array = _cropped(array, rows)
        images, rows_, columns = self.array.shape
        self.shape = (int(images), int(rows_), int(columns))
        self.dtype = self.array.dtype

    def __getitem__(self, window: Any) -> NDArray[Any]:
        return np.asarray(self.array[window])


def _cropped(array: Any, rows: tuple[int, int] | None) -> Any:
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
    if asked.angles is None:
        angles = scan.needed_angles()
    else:
        angles = np.deg2rad(np.linspace(*asked.angles, len(scan.data)))
    turn_of(angles)
    return np.asarray(angles, np.float64)


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
        None if part is None or scan.normalised else np.asarray(_cropped(part, asked.rows))
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
        rows = _chosen(lines.shape[1])
        centre = _found(np.stack([lines[:, row] for row in rows], 1), angles, asked)
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


def _chosen(rows: int) -> list[int]:
    count = min(_ROWS, rows)
    return sorted({round((n + 0.5) * rows / count - 0.5) for n in range(count)})


def _found(lines: NDArray[Any], angles: NDArray[np.float64], asked: Tomography) -> Centre:
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


def grey_window(lines: Source, slices: Slices) -> tuple[float, float]:
    """Choose the values that 16 bits are to span, from a few slices.

    Parameters
    ----------
    lines : Source
        Line integrals, (angles, V, U).
    slices : Slices
        How they are reconstructed.

    Returns
    -------
    low, high : float
        The 0.01 and 99.99 percentiles, and a quarter of the span between them to either side.
    """
    values = np.concatenate(
        [reconstruct_rows(lines[:, n : n + 1], slices).ravel() for n in _chosen(lines.shape[1])]
    )
    low, high = (float(v) for v in np.percentile(values, [0.01, 99.99]))
    room = 0.25 * (high - low) or 1.0
    return low - room, high + room


def look_closer(lines: Source, slices: Slices) -> Quality:
    """Measure stripes, noise and resolution in the middle slice.

    Parameters
    ----------
    lines : Source
        Line integrals, (angles, V, U).
    slices : Slices
        How they are reconstructed.

    Returns
    -------
    Quality
        From the halves of the projections, each reconstructed alone.
    """
    row = lines.shape[1] // 2
    sample = np.ascontiguousarray(lines[:, row])
    after = remove_stripes(
        sample, slices.stripes, width=slices.stripe_width, strength=slices.stripe_strength
    )
    square = replace(slices, field="square", stripes="none", grey=None)
    even, odd = (
        reconstruct_rows(after[part::2, None], replace(square, angles=slices.angles[part::2]))[0]
        for part in (0, 1)
    )
    noise = float(np.std(0.5 * (even - odd)))
    total = float(np.std(0.5 * (even + odd)))
    return Quality(
        row,
        stripe_energy(sample, slices.stripe_width),
        stripe_energy(after, slices.stripe_width),
        ring_correlation(even, odd),
        noise,
        total / noise if noise > 0 else np.inf,
    )


def sweep(
    lines: Source, slices: Slices, offsets: tuple[float, ...] = (-4, -2, -1, 0, 1, 2, 4)
) -> NDArray[np.float32]:
    """Reconstruct the middle slice with the axis moved, for the eye to judge.

    Parameters
    ----------
    lines : Source
        Line integrals, (angles, V, U).
    slices : Slices
        How they are reconstructed.
    offsets : tuple of float
        Detector pixels by which the axis is moved.

    Returns
    -------
    ndarray of float32, shape (offsets, size, size)
        The slices.
    """
    row = lines.shape[1] // 2
    sample = np.asarray(lines[:, row : row + 1])
    images = [
        reconstruct_rows(sample, replace(slices, centre=slices.centre + by, wide=False, grey=None))
        for by in offsets
    ]
    side = min(image.shape[1] for image in images)
    first = [(image.shape[1] - side) // 2 for image in images]
    return np.concatenate(
        [image[:, n : n + side, n : n + side] for n, image in zip(first, images, strict=True)]
    )


def volume_of(voxels: NDArray[Any], scan: Projections) -> Volume:
    """Wrap a reconstructed volume.

    Parameters
    ----------
    voxels : ndarray, shape (Z, Y, X)
        Grey values.
    scan : Projections
        Where they came from.

    Returns
    -------
    Volume
        With the scan's voxel size and story.
    """
    import dask.array as da

    origin = "unknown" if scan.spacing is None else "tag"
    if "user" in scan.origins.get("pixel_size", ""):
        origin = "user"
    return Volume(
        da.from_array(voxels, chunks=(64, -1, -1)),
        scan.spacing,
        origin,  # type: ignore[arg-type]
        name=scan.name,
        modality=scan.modality or "xct",
        conditions=dict(scan.conditions),
        source=scan.source,
        notes=scan.notes,
    )
