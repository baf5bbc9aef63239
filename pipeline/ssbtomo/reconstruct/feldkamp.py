"""From the projections of a cone beam to a volume, through RTK."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Grid
from ssbtomo.blocks.tomography import Slices, coded, normalise_images
from ssbtomo.errors import InputDataError, ResourceError, VoxelSizeError
from ssbtomo.kernels.ct.centre import Centre, find_centre
from ssbtomo.kernels.ct.hardening import linearise
from ssbtomo.kernels.ct.stripes import remove_stripes
from ssbtomo.kernels.ct.turns import turn_of
from ssbtomo.model.tomography import Tomography
from ssbtomo.reconstruct.parallel_beam import Tomogram, volume_of
from ssbtomo.reconstruct.scan_plan import Samples, angles_of, images_of, stripe_width_of

if TYPE_CHECKING:
    from ssbtomo.projections import Projections

__all__ = ["check_cone", "cone_beam", "cone_slices", "feldkamp", "volume_window"]

_MIDDLE = 5
"""Detector rows around the middle one, by which the axis is found."""


def cone_beam(
    scan: Projections, options: Tomography | None = None, *, workers: int | None = None
) -> Tomogram:
    """Reconstruct a volume from the projections of a cone beam over a whole turn, in memory.

    Feldkamp, Davis and Kress' filtered back-projection [1]_, by RTK. It is exact in the plane
    of the source, and reads low away from it by some per cent at 5 degrees.

    Parameters
    ----------
    scan : Projections
        As of `ssbtomo.io.open_projections`.
    options : Tomography, optional
        As of the recipe; `wide`, `padding` and `window` are not looked at.
    workers : int, optional
        Threads for the images; RTK takes all.

    Returns
    -------
    Tomogram
        Voxels as large as a detector pixel over the magnification. The peak is 12 bytes per
        sample of the projections and 8 per voxel; as much is written to the folder of temporary
        files.

    Raises
    ------
    InputDataError
        If RTK is not installed, the beam is parallel, or the angles are no whole turn.

    References
    ----------
    .. [1] L. A. Feldkamp, L. C. Davis and J. W. Kress, J. Opt. Soc. Am. A 1, 612 (1984),
       doi:10.1364/JOSAA.1.000612.
    """
    asked = options or Tomography()
    angles = check_cone(scan, asked)
    source = Samples(scan.data, asked.rows)
    lines = np.empty(source.shape, np.float32)
    images = images_of(scan, asked)
    with Engine.start("threads", workers) as engine:
        flashes = normalise_images(source, lines, images, Grid.slabs(source.shape, 16), engine)
    slices, centre = cone_slices(lines, angles, asked, scan)
    volume = feldkamp(lines, scan, slices, asked)
    low, high = volume_window(volume)
    grey = (low, high) if asked.bits == 16 else None
    slope, offset = ((high - low) / 65535.0, low) if grey else (1.0, 0.0)
    return Tomogram(
        volume_of(coded(volume, grey), scan),
        slope,
        offset,
        centre,
        slices,
        int(images.reference.bad.sum()),
        flashes,
        None,
    )


def check_cone(scan: Projections, asked: Tomography) -> NDArray[np.float64]:
    """Return the angles of a cone-beam scan that can be reconstructed, before anything is read.

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
        If RTK is not installed, the beam is parallel, or the angles are no whole turn.
    VoxelSizeError
        If nothing tells the size of a detector pixel.
    """
    _check_rtk()
    if scan.geometry.beam != "cone":
        raise InputDataError(
            f"{scan.source or scan.name}: the beam is parallel",
            hint="st.reconstruct.tomography(scan) reconstructs it",
        )
    if scan.geometry.pixel_size is None:
        raise VoxelSizeError(
            "a cone beam cannot be reconstructed without the size of a detector pixel",
            hint="give it: pixel_size: 13 um",
        )
    angles = angles_of(scan, asked)
    if turn_of(angles) != "whole":
        raise InputDataError(
            f"the projections of this cone beam cover {np.degrees(np.ptp(angles)):.0f} degrees",
            hint="short scans need Parker's weights, which are not there yet; take a whole turn",
        )
    return angles


def cone_slices(
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
        Its distances.

    Returns
    -------
    slices : Slices
        With the axis.
    centre : Centre or None
        The search, if there was one.
    """
    told = scan.geometry.axis_column if asked.axis is None else asked.axis
    _, rows, columns = lines.shape
    window = stripe_width_of(asked, columns)
    centre = None
    if told is None:
        first = max(rows // 2 - _MIDDLE // 2, 0)
        middle = np.asarray(lines[:, first : first + _MIDDLE])
        method = "sorting" if asked.stripes == "none" else asked.stripes
        clean = np.stack([remove_stripes(middle[:, n], method, width=window)
                          for n in range(middle.shape[1])])  # fmt: skip
        sid, pixel = _distances(scan)
        centre = find_centre(clean, angles, search=asked.search, fan=sum(sid) / pixel[1])
        told = centre.pixel
    edge = scan.voxel_size
    assert edge is not None
    slices = Slices(
        angles,
        told,
        stripes=asked.stripes,
        stripe_width=window,
        stripe_strength=asked.stripe_strength,
        hardening=asked.hardening,
        field=asked.field,
        unit=1e4 / edge,
    )
    return slices, centre


def feldkamp(
    lines: NDArray[np.float32], scan: Projections, slices: Slices, asked: Tomography
) -> NDArray[np.float32]:
    """Reconstruct the volume with RTK.

    Parameters
    ----------
    lines : ndarray of float32, shape (angles, V, U)
        Line integrals; stripes are removed in place.
    scan : Projections
        Its distances and pixels.
    slices : Slices
        What is done to the rows, and the axis.
    asked : Tomography
        The options: the rows that were taken.

    Returns
    -------
    ndarray of float32, shape (V, size, size)
        Attenuation in 1/cm.
    """
    _check_rtk()
    for row in range(lines.shape[1]):
        clean = remove_stripes(
            lines[:, row],
            slices.stripes,
            width=slices.stripe_width,
            strength=slices.stripe_strength,
        )
        lines[:, row] = linearise(clean, slices.hardening)
    (source, detector), (dv, du) = _distances(scan)
    first = 0 if asked.rows is None else asked.rows[0]
    shape = {
        "source": source,
        "detector": source + detector,
        "pixel": [du, dv],
        "axis": slices.centre,
        "middle": (scan.shape[1] - 1) / 2 - first,  # row in which the source lies
        "side": slices.size(lines.shape[2]),
        "degrees": np.degrees(slices.angles).tolist(),
    }
    return _elsewhere(lines, shape)


def _elsewhere(lines: NDArray[np.float32], shape: dict[str, Any]) -> NDArray[np.float32]:
    """Run RTK in a process of its own: ITK's libraries and Qt's do not bear each other."""
    with tempfile.TemporaryDirectory(prefix="ssbtomo-cone-") as name:
        folder = Path(name)
        np.save(folder / "lines.npy", lines)
        (folder / "shape.json").write_text(json.dumps(shape), encoding="utf-8")
        command = [sys.executable, "-m", "ssbtomo.reconstruct.rtk_process", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise ResourceError(
                f"RTK could not reconstruct the volume: {said[-1]}",
                hint="it holds projections and volume in memory: take fewer rows at a time "
                "(rows: [0, 256])",
            )
        return np.asarray(np.load(folder / "volume.npy"))


def volume_window(volume: NDArray[np.float32]) -> tuple[float, float]:
    """Choose the values that 16 bits are to span.

    Parameters
    ----------
    volume : ndarray of float32, shape (Z, Y, X)
        Attenuations.

    Returns
    -------
    low, high : float
        The 0.01 and 99.99 percentiles of some slices, and a quarter of the span to either side.
    """
    some = volume[:: max(1, len(volume) // 15)]
    low, high = (float(v) for v in np.percentile(some, [0.01, 99.99]))
    room = 0.25 * (high - low) or 1.0
    return low - room, high + room


def _distances(scan: Projections) -> tuple[tuple[float, float], tuple[float, float]]:
    geometry = scan.geometry
    assert geometry.source_object is not None
    assert geometry.object_detector is not None
    assert geometry.pixel_size is not None
    return (geometry.source_object, geometry.object_detector), geometry.pixel_size


def _check_rtk() -> None:
    if find_spec("itk") is None:
        raise InputDataError(
            "cone beams are reconstructed by RTK, which is not installed",
            hint="pip install 'ssbtomo[recon]'",
        )
