"""Parallel-beam tomography in two passes: images by images, then rows by rows.

What concerns whole images (references, flashes, shifts, phase retrieval) is done over slabs of
angles; what concerns single rows (stripes, beam hardening, back-projection) over slabs of slices.
Each slab's result depends on nothing but its own samples: any cut gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.markers import Markers
from ssbtomo.blocks.patterns import check_sink, each
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.ct.backprojection import LANES, back_project
from ssbtomo.kernels.ct.hardening import linearise
from ssbtomo.kernels.ct.normalise import Reference, line_integrals, remove_zingers, transmission
from ssbtomo.kernels.ct.phase import paganin
from ssbtomo.kernels.ct.ramp import Window, filter_rows
from ssbtomo.kernels.ct.stripes import Stripes, remove_stripes
from ssbtomo.kernels.ct.turns import angle_weights, stitch

__all__ = ["Field", "Images", "Phase", "Slices", "coded", "normalise_images", "reconstruct_slices"]

Field = Literal["square", "circle", "full"]
_FLASH_HALO = 4


@dataclass(frozen=True, slots=True)
class Phase:
    """What phase retrieval needs to know.

    Parameters
    ----------
    pixel_um : float
        Edge of a detector pixel over the magnification.
    energy_kev : float
        Photon energy.
    distance_um : float
        From sample to detector, over the magnification.
    delta_beta : float
        Ratio of refractive index decrement to absorption index.
    """

    pixel_um: float
    energy_kev: float
    distance_um: float
    delta_beta: float


@dataclass(frozen=True, slots=True)
class Images:
    """What is done to whole images.

    Parameters
    ----------
    reference : Reference
        Dark and flat frames, bad pixels.
    flash : float
        Transmission above that of the neighbouring angles that is a flash; 0 leaves all.
    shifts : ndarray of float, shape (angles, 2), or None
        Pixels (rows, columns) by which each image is moved.
    tilt : float
        Radians by which the rotation axis leans in the image; it is turned upright.
    phase : Phase or None
        Phase retrieval.
    """

    reference: Reference
    flash: float = 0.1
    shifts: NDArray[np.float64] | None = None
    tilt: float = 0.0
    phase: Phase | None = None


@dataclass(frozen=True, slots=True)
class Slices:
    """What is done row by row, and what becomes of it.

    Parameters
    ----------
    angles : ndarray of float, shape (angles,)
        Radians.
    centre : float
        Detector pixel of the rotation axis.
    wide : bool
        Join the halves of a whole turn: the axis is near a rim of the detector.
    stripes : {"none", "profile", "sorting", "large"}
        How rings are removed.
    stripe_width : int
        Detector pixels of the running median.
    stripe_strength : float
        Share of the found stripes that is taken away.
    hardening : tuple of float
        Coefficients of the polynomial that makes line integrals linear.
    window : {"ram-lak", "shepp-logan", "cosine", "hamming", "hann"}
        What damps the high frequencies.
    padding : {"edge", "zero"}
        What lies beyond the detector.
    field : {"square", "circle", "full"}
        What is kept of each slice: the square inside the circle that all projections see; the
        square around it, with the lowest value outside; or that without a mask.
    unit : float
        What an attenuation per detector pixel is multiplied by.
    grey : tuple of float or None
        Lowest and highest value, stored as 0 and 65535 in 16 bits; floats if ``None``.
    """

    angles: NDArray[np.float64] = field(repr=False)
    centre: float
    wide: bool = False
    stripes: Stripes = "sorting"
    stripe_width: int = 21
    stripe_strength: float = 1.0
    hardening: tuple[float, ...] = (1.0,)
    window: Window = "ram-lak"
    padding: Literal["edge", "zero"] = "edge"
    field: Field = "square"
    unit: float = 1.0
    grey: tuple[float, float] | None = None

    def size(self, width: int) -> int:
        """Return the pixels along an edge of a slice.

        Parameters
        ----------
        width : int
            Pixels of a detector row.

        Returns
        -------
        int
            Of what is kept.
        """
        sides = (self.centre, width - 1 - self.centre)
        if self.field == "full" and not self.wide:
            return width
        across = int(np.floor(2 * (max(sides) if self.wide else min(sides)))) + 1
        return max(int(across / np.sqrt(2)), 1) if self.field == "square" else across


def normalise_images(
    source: Source,
    sink: Sink,
    images: Images,
    grid: Grid,
    engine: Engine,
    *,
    markers: Markers | None = None,
    on_block: Callable[[Block], None] | None = None,
) -> int:
    """Turn images into line integrals, slab by slab of angles.

    Parameters
    ----------
    source : Source
        Counts, (angles, V, U).
    sink : Sink
        Float32 of the same shape; its shards are the slabs.
    images : Images
        What is done.
    grid : Grid
        Slabs of whole images; about 16 bytes per sample of a slab with 8 more images.
    engine : Engine
        Where the slabs are done.
    markers : Markers, optional
        Of finished slabs.
    on_block : callable, optional
        Told each slab that was finished now.

    Returns
    -------
    int
        Flashes that were removed.
    """
    check_sink(sink, grid, engine, source=source)
    task = partial(_normalise, source=source, sink=sink, images=images)
    return sum(each(task, grid, engine, on_block, markers=markers))


def reconstruct_slices(
    source: Source,
    sink: Sink,
    slices: Slices,
    grid: Grid,
    engine: Engine,
    *,
    markers: Markers | None = None,
    on_block: Callable[[Block], None] | None = None,
) -> tuple[float, float]:
    """Turn line integrals into slices, slab by slab of detector rows.

    Parameters
    ----------
    source : Source
        Line integrals, (angles, V, U).
    sink : Sink
        The volume, (V, size, size); its shards are the slabs.
    slices : Slices
        What is done.
    grid : Grid
        Slabs of whole slices. Up to 64 rows are done at once: about ``64 (16 angles U + 8
        size²)`` bytes whatever the slab, and its own output.
    engine : Engine
        Where the slabs are done.
    markers : Markers, optional
        Of finished slabs.
    on_block : callable, optional
        Told each slab that was finished now.

    Returns
    -------
    low, high : float
        Extremes of the slices, before they were stored in 16 bits.
    """
    check_sink(sink, grid, engine)
    task = partial(_reconstruct, source=source, sink=sink, slices=slices)
    found = list(each(task, grid, engine, on_block, markers=markers))
    return min(low for low, _ in found), max(high for _, high in found)


def reconstruct_rows(rows: NDArray[Any], slices: Slices) -> NDArray[np.float32]:
    """Reconstruct some detector rows.

    Parameters
    ----------
    rows : ndarray, shape (angles, V, U)
        Line integrals.
    slices : Slices
        What is done; `grey` is left aside.

    Returns
    -------
    ndarray of float32, shape (V, size, size)
        Attenuations, in the unit asked for.
    """
    sinograms = np.array(np.moveaxis(rows, 1, 0), np.float32, order="C")  # never the caller's own
    if slices.stripes != "none":
        for sinogram in sinograms:
            sinogram[:] = remove_stripes(
                sinogram,
                slices.stripes,
                width=slices.stripe_width,
                strength=slices.stripe_strength,
            )
    if slices.hardening != (1.0,):
        sinograms = linearise(sinograms, slices.hardening)
    angles, centre = slices.angles, slices.centre
    size = slices.size(sinograms.shape[2])
    if slices.wide:
        sinograms, angles, centre = stitch(sinograms, angles, centre)
    filtered = filter_rows(sinograms, slices.window, padding=slices.padding)
    volume = back_project(filtered, angles, centre, size, angle_weights(angles))
    volume *= np.float32(slices.unit)
    if slices.field == "circle":
        _mask(volume)
    return volume


def _mask(volume: NDArray[np.float32]) -> None:
    """Give what no projection sees throughout the lowest value inside, slice by slice."""
    size = volume.shape[1]
    place = np.arange(size) - (size - 1) / 2
    outside = place[:, None] ** 2 + place[None] ** 2 > (size / 2) ** 2
    for image in volume:
        image[outside] = image[~outside].min()


def _normalise(block: Block, *, source: Source, sink: Sink, images: Images) -> int:
    halo = _FLASH_HALO if images.flash > 0 else 0
    wanted, kept = block.window((halo, 0, 0), (halo, 0, 0)), block.inner((halo, 0, 0))[0]
    share = transmission(np.asarray(source[wanted]), images.reference)
    flashes = remove_zingers(share, images.flash, kept) if images.flash > 0 else 0
    share = share[kept]
    _straighten(share, images, block.start[0])
    if images.phase is not None:
        how = images.phase
        share = paganin(
            share,
            how.pixel_um,
            energy_kev=how.energy_kev,
            distance_um=how.distance_um,
            delta_beta=how.delta_beta,
        )
    values = line_integrals(share)
    check_wanted()
    sink[block.core] = values
    return flashes


def _straighten(share: NDArray[np.float32], images: Images, first: int) -> None:
    """Move each image by its shift and turn the axis upright, in one interpolation."""
    if images.shifts is None and not images.tilt:
        return
    middle = (np.asarray(share.shape[1:]) - 1) / 2
    cosine, sine = np.cos(images.tilt), np.sin(images.tilt)
    # where an upright image's (row, column) is found: the axis leans by tilt, columns grow with rows
    turn = np.array([[cosine, -sine], [sine, cosine]])
    for number, image in enumerate(share):
        move = np.zeros(2) if images.shifts is None else images.shifts[first + number]
        offset = middle - turn @ middle - move
        scipy.ndimage.affine_transform(
            image.copy(), turn, offset, output=image, order=1, mode="nearest"
        )


def _reconstruct(
    block: Block, *, source: Source, sink: Sink, slices: Slices
) -> tuple[float, float]:
    first, stop = block.start[0], block.stop[0]
    out = np.empty(block.shape, sink.dtype)
    extremes = []
    for begin in range(first, stop, LANES):
        end = min(begin + LANES, stop)
        volume = reconstruct_rows(np.asarray(source[:, begin:end]), slices)
        if not np.isfinite(volume).all():
            raise InputDataError(
                f"slices {begin} to {end - 1} came out with values that are not finite",
                hint="look at the projections of these detector rows, and at the flat frames",
            )
        extremes.append((float(volume.min()), float(volume.max())))
        out[begin - first : end - first] = coded(volume, slices.grey)
        check_wanted()
    sink[block.core] = out
    return min(low for low, _ in extremes), max(high for _, high in extremes)


def coded(volume: NDArray[np.float32], grey: tuple[float, float] | None) -> NDArray[Any]:
    """Return values as they are stored.

    Parameters
    ----------
    volume : ndarray of float32
        Attenuations.
    grey : tuple of float or None
        Values that become 0 and 65535; ``None`` leaves floats.

    Returns
    -------
    ndarray of uint16 or float32
        Beyond the two, 0 and 65535.
    """
    if grey is None:
        return volume
    low, high = grey
    scaled = (volume - np.float32(low)) * np.float32(65535.0 / (high - low))
    return np.asarray(np.clip(np.rint(scaled), 0, 65535), np.uint16)
