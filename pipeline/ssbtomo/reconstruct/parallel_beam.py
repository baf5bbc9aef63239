"""From the projections of a parallel beam to a volume."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine
from ssbtomo.blocks.grid import Grid
from ssbtomo.blocks.tomography import (
    Slices,
    normalise_images,
    reconstruct_slices,
)
from ssbtomo.kernels.ct.centre import Centre
from ssbtomo.model.tomography import Tomography
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    from ssbtomo.projections import Projections

from ssbtomo.reconstruct.scan_plan import (
    Samples,
    check_scan,
    chosen_rows,
    cropped,
    found_axis,
    images_of,
    slices_of,
)
from ssbtomo.reconstruct.tomogram_quality import Quality, grey_window, look_closer

__all__ = ["Tomogram", "centre_of_rotation", "tomography", "volume_of"]

_BATCH = 16


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
    rows = chosen_rows(source.shape[1])
    chosen = replace(
        scan,
        data=source.array[:, rows],
        flats=None if scan.flats is None else cropped(scan.flats, asked.rows)[:, rows],
        darks=None if scan.darks is None else cropped(scan.darks, asked.rows)[:, rows],
        shifts=None,
    )
    asked = asked.model_copy(update={"rows": None})
    lines = np.empty(chosen.shape, np.float32)
    with Engine.start("threads") as engine:
        slabs = Grid.slabs(chosen.shape, _BATCH)
        normalise_images(Samples(chosen.data, None), lines, images_of(chosen, asked), slabs, engine)
    return found_axis(lines, angles, asked)


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
