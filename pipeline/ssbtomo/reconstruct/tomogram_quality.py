"""How good a tomogram is, and the grey values that it spans."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Source
from ssbtomo.blocks.tomography import (
    Slices,
    reconstruct_rows,
)
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.ct.hardening import cupping
from ssbtomo.kernels.ct.stripes import remove_stripes, stripe_energy
from ssbtomo.kernels.filters import gaussian
from ssbtomo.kernels.histogram import Histogram
from ssbtomo.kernels.ring_correlation import RingCorrelation, ring_correlation
from ssbtomo.kernels.thresholds import multi_otsu
from ssbtomo.reconstruct.scan_plan import chosen_rows

__all__ = ["Quality", "grey_window", "look_closer", "sweep"]

_BINS = 256
_EDGE = 3  # pixels from the edges of the material


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
    cupping_before, cupping_after : float
        Rise of the brightest material's grey value from the middle of the slice to the inscribed
        circle over its mean, without and with the correction of beam hardening; NaN where that
        material is too rare to tell.
    """

    row: int
    stripes_before: float
    stripes_after: float
    halves: RingCorrelation
    noise: float
    signal_to_noise: float
    cupping_before: float
    cupping_after: float


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
        [reconstruct_rows(lines[:, n : n + 1], slices).ravel() for n in chosen_rows(lines.shape[1])]
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
        _cupping(reconstruct_rows(after[:, None], replace(square, hardening=(1.0,)))),
        _cupping(0.5 * (even + odd)[None]),
    )


def _cupping(image: NDArray[np.float32]) -> float:
    """Return the cupping of what is brighter than Otsu's threshold, away from its edges."""
    smooth = gaussian(image, (0.0, 1.0, 1.0))
    span = float(smooth.min()), float(smooth.max())
    if span[0] >= span[1]:
        return math.nan
    counts, edges = np.histogram(smooth, _BINS, span)
    histogram = Histogram(counts.astype(np.int64), span[0], float(edges[1] - edges[0]))
    bright = smooth > multi_otsu(histogram, 2).thresholds[0]
    inside = ndi.binary_erosion(bright[0], iterations=_EDGE)[None]
    try:
        return cupping(image, inside)
    except InputDataError:
        return math.nan


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
