"""The peaks of a volume's flat parts: how many materials its grey values really show."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import Block, Source
from ssbtomo.kernels.filters import gaussian, gaussian_halo
from ssbtomo.kernels.histogram import Histogram
from ssbtomo.segment.bench import Bench
from ssbtomo.units import Spacing

__all__ = ["flat_modes", "modes_of"]

Floats = NDArray[np.float64]
_GREYS, _SLOPES = 1024, 256
_FLAT = 0.3  # share of the voxels that count: the flattest
_DIP = 0.7  # a valley this much below the lower of two peaks parts them
_LEAST = 0.003  # share of the flat voxels that a material must have


def flat_modes(image: Source, histogram: Histogram, spacing: Spacing, bench: Bench) -> Floats:
    """Find the grey values at which the flattest voxels of a volume gather.

    Parameters
    ----------
    image : Source
        Grey values, (Z, Y, X).
    histogram : Histogram
        Of the whole volume.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    bench : Bench
        Where the blocks are worked on: 24 bytes per voxel of a block and its halo of 5 voxels.

    Returns
    -------
    ndarray of float64, shape (n,)
        Their grey values, smoothed by one finest voxel edge, ascending.
    """
    coarse = histogram.coarse(_GREYS)
    low, width = coarse.low, coarse.width * coarse.counts.size / _GREYS
    z, y, x = (min(spacing) / edge for edge in spacing)
    task = partial(_count, image=image, sigma=(z, y, x), bins=(low, width))
    joint = np.zeros((_GREYS, _SLOPES), np.int64)
    for part in bench.engine.map(task, bench.grid):
        joint += part
    rank = np.cumsum(joint.sum(axis=0))
    flat = int(np.searchsorted(rank, _FLAT * rank[-1]))
    return modes_of(Histogram(joint[:, : flat + 1].sum(axis=1), low, width))


def _count(
    block: Block,
    *,
    image: Source,
    sigma: tuple[float, float, float],
    bins: tuple[float, float],
) -> NDArray[np.int64]:
    near = tuple(n + 1 for n in gaussian_halo(sigma))
    halo = near[0], near[1], near[2]
    smooth = gaussian(np.asarray(image[block.window(halo, halo)]), sigma)
    steep = np.zeros(smooth.shape, np.float32)
    for axis, size in enumerate(smooth.shape):
        if size > 1:
            steep += (np.gradient(smooth, axis=axis) * np.float32(sigma[axis])) ** 2
    own = block.inner(halo)
    low, width = bins
    grey = np.clip((smooth[own] - np.float32(low)) / np.float32(width), 0, _GREYS - 1)
    # a slope of a tenth of the range per voxel is the last bin; the square root parts small ones
    unit = np.float32(1 / (0.1 * _GREYS * width))
    slope = np.clip(np.sqrt(np.sqrt(steep[own]) * unit) * _SLOPES, 0, _SLOPES - 1)
    places = grey.astype(np.int64) * _SLOPES + slope.astype(np.int64)
    counts = np.bincount(places.ravel(), minlength=_GREYS * _SLOPES)
    return counts.reshape(_GREYS, _SLOPES)


def modes_of(histogram: Histogram) -> Floats:
    """Find the peaks of a histogram that valleys part.

    Parameters
    ----------
    histogram : Histogram
        At most some thousand bins.

    Returns
    -------
    ndarray of float64, shape (n,)
        Of peaks with a valley of at most 70 % of the lower one between them, and 0.3 % of the
        voxels or more; smoothed by a hundredth of the range first.
    """
    counts = np.convolve(histogram.counts, _taps(histogram.counts.size), mode="same")
    filled = np.pad(counts, 1, constant_values=-1.0)
    tops = np.flatnonzero(
        (filled[1:-1] > filled[:-2]) & (filled[1:-1] >= filled[2:]) & (counts > 0)
    )
    while tops.size > 1:
        dips = np.array([counts[a:b].min() for a, b in pairwise(tops)])
        ratio = dips / np.minimum(counts[tops[:-1]], counts[tops[1:]])
        thin = _shares(histogram.counts, counts, tops) < _LEAST
        if thin.any():
            tops = np.delete(tops, int(np.argmax(thin)))
        elif ratio.max() > _DIP:
            worst = int(np.argmax(ratio))
            tops = np.delete(tops, worst + int(counts[tops[worst]] >= counts[tops[worst + 1]]))
        else:
            break
    peaks: Floats = histogram.centres[tops]
    return peaks


def _valleys(counts: Floats, tops: NDArray[np.intp]) -> NDArray[np.intp]:
    pairs = pairwise(tops)
    return np.array([a + int(np.argmin(counts[a:b])) for a, b in pairs], np.intp)


def _shares(raw: NDArray[np.int64], counts: Floats, tops: NDArray[np.intp]) -> Floats:
    edges = np.concatenate([[0], _valleys(counts, tops), [raw.size]])
    sums = [raw[a:b].sum() for a, b in pairwise(edges)]
    return np.asarray(sums, np.float64) / max(int(raw.sum()), 1)


def _taps(size: int) -> Floats:
    sigma = max(size / 200, 1.0)
    reach = int(3 * sigma)
    taps: Floats = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(taps / taps.sum(), np.float64)
