"""What flat regions and the edges between them look like: measured, not assumed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.thresholds import Classes

__all__ = [
    "COARSE",
    "GRADIENT_LEVELS",
    "GREY_BINS",
    "Plateaus",
    "find_plateaus",
    "joint_histogram",
    "seed_tables",
]

Volume8 = NDArray[np.uint8]
Volume16 = NDArray[np.uint16]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

GRADIENT_LEVELS = 4096
GREY_BINS = 1024
COARSE = 8
_PEAK = math.sqrt(2 * math.pi)
_EDGE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Plateaus:
    """What flat regions and the edges between them look like in an image.

    Parameters
    ----------
    means, sds : ndarray of float64, shape (n,)
        Grey value of the plateau of each phase, and its deviation in the smoothed image.
    edge_width : float
        Standard deviation of the blur of an edge in the smoothed image, in voxels.
    ripple : float
        Gradient magnitude that noise makes on plateaus, in grey values per voxel.
    """

    means: Floats
    sds: Floats
    edge_width: float
    ripple: float

    @property
    def clarity(self) -> float:
        """How many times the faintest edge is steeper than the noise."""
        return float(
            np.diff(self.means).min() / (_PEAK * self.edge_width * max(self.ripple, 1e-30))
        )


@njit(nogil=True, cache=True)
def joint_histogram(smooth, levels, low, width):  # type: ignore[no-untyped-def]
    """Count voxels by grey value and gradient.

    Parameters
    ----------
    smooth : ndarray of float32, shape (Z, Y, X)
        The smoothed volume.
    levels : ndarray of uint16, shape (Z, Y, X)
        As from `gradient_levels`.
    low, width : float32
        Lower edge of the first grey bin, and width of each.

    Returns
    -------
    ndarray of int64, shape (1024, 512)
        Counts; they add over parts of a volume. Outliers are in the end bins.
    """
    counts = np.zeros((GREY_BINS, GRADIENT_LEVELS // COARSE), np.int64)
    nz, ny, nx = smooth.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                place = int((smooth[z, y, x] - low) / width)
                counts[min(max(place, 0), GREY_BINS - 1), levels[z, y, x] // COARSE] += 1
    return counts


def find_plateaus(
    joint: Counts, centres: Floats, classes: Classes, unit: float, *, narrowest: float
) -> Plateaus:
    """Measure plateau grey values, edge width and noise from a joint histogram.

    Parameters
    ----------
    joint : ndarray of int64
        As from `joint_histogram`.
    centres : ndarray of float64
        Grey value of each of its rows.
    classes : Classes
        Of the volume's histogram.
    unit : float
        Levels per grey value and voxel.
    narrowest : float
        Width that the smoothing alone gives to an edge, in voxels.

    Returns
    -------
    Plateaus
        A plateau is the flattest third of a class, its value the median (the mean of the class
        if smoothing left none of it). The edge width is the median over the voxels around a
        threshold, the widest of all thresholds; corners and thin features make it a
        little too large. The ripple is twice the first decile of the gradient in the whole
        volume: a phase of small features alone has no flat part that would show its noise.
    """
    of_class = np.searchsorted(classes.thresholds, centres, side="right")
    slopes: Floats = np.asarray((np.arange(joint.shape[1]) + 0.5) * COARSE / unit, np.float64)
    means, sds = classes.means.copy(), np.zeros(classes.means.size)
    for phase in range(means.size):
        rows = joint * (of_class == phase)[:, None]
        rank = np.cumsum(rows.sum(axis=0))
        if rank[-1] == 0:
            continue
        flat = int(np.searchsorted(rank, rank[-1] / 3))
        profile = rows[:, : flat + 1].sum(axis=1)
        low, means[phase], high = (_quantile(centres, profile, q) for q in (0.1587, 0.5, 0.8413))
        sds[phase] = (high - low) / 2
    widths = [narrowest]
    for below, cut in enumerate(classes.thresholds):
        gap = means[below + 1] - means[below]
        rows = joint[np.abs(centres - cut) <= max(0.04 * gap, centres[1] - centres[0])]
        if rows.any():
            widths.append(gap / (_PEAK * _quantile(slopes, rows.sum(axis=0), 0.5)))
    rank = np.cumsum(joint.sum(axis=0))
    calm = int(np.searchsorted(rank, rank[-1] / 10))
    return Plateaus(means, sds, float(max(widths)), 2 * float(slopes[calm]))


def _quantile(values: Floats, counts: Counts, share: float) -> float:
    rank = np.cumsum(counts)
    at = int(np.searchsorted(rank, share * rank[-1]))
    before = rank[at - 1] if at else 0
    inside = (share * rank[-1] - before) / max(counts[at], 1)
    return float(values[at] + (inside - 0.5) * (values[1] - values[0]))


def seed_tables(
    plateaus: Plateaus, centres: Floats, thresholds: Floats, unit: float
) -> tuple[Volume8, Volume16]:
    """Return, for each grey bin, the class and the gradient below which a voxel is a seed.

    Parameters
    ----------
    plateaus : Plateaus
        Of the image.
    centres : ndarray of float64
        Grey value of each bin.
    thresholds : ndarray of float64
        Between the classes.
    unit : float
        Levels per grey value and voxel.

    Returns
    -------
    classes : ndarray of uint8
        1 for the darkest phase.
    limits : ndarray of uint16
        Half the gradient that the flattest edge passing this grey value would have: an edge
        between phases i and j is steepest half-way, and there (m_j - m_i) / (sqrt(2 pi) * width).
    """
    means, width = plateaus.means, plateaus.edge_width
    classes = np.searchsorted(thresholds, centres, side="right")
    gaps = np.diff(means)
    nearest = np.minimum(np.append(gaps, np.inf), np.insert(gaps, 0, np.inf))
    limits = nearest[classes]
    for low in range(means.size):
        for high in range(low + 2, means.size):
            gap = means[high] - means[low]
            place = np.clip((centres - means[low]) / gap, 1e-6, 1 - 1e-6)
            crossing = (classes > low) & (classes < high)
            edge = gap * np.exp(-0.5 * ndtri(place) ** 2)
            limits = np.where(crossing, np.minimum(limits, edge), limits)
    levels = np.clip(_EDGE_SHARE * limits / (_PEAK * width) * unit, 1, GRADIENT_LEVELS - 1)
    return (classes + 1).astype(np.uint8), levels.astype(np.uint16)
