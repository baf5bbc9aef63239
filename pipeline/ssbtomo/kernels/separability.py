"""How far two classes of grey values lie apart, measured where nothing else mixes in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ssbtomo.kernels.histogram import Histogram

__all__ = ["TwoClasses", "noise_below", "two_classes"]

Floats = NDArray[np.float64]

_ROUNDS = 400
_SMALL = 1e-300
_LEAST = 0.002  # share of the voxels below which a class is the tail of the other


@dataclass(frozen=True, slots=True)
class TwoClasses:
    """Two Gaussian classes of equal deviation.

    Parameters
    ----------
    dark, bright : float
        Their means.
    sd : float
        The deviation of both.
    bright_share : float
        Share of the brighter class among the voxels that belong to one of them.
    """

    dark: float
    bright: float
    sd: float
    bright_share: float

    @property
    def dprime(self) -> float:
        """Distance of the means over the deviation; 0 if one class is all there is."""
        if not _LEAST <= self.bright_share <= 1 - _LEAST or self.sd <= 0:
            return 0.0
        return (self.bright - self.dark) / self.sd


def two_classes(histogram: Histogram) -> TwoClasses:
    """Fit two Gaussians of one deviation, and the voxels that hold both, to a histogram.

    Parameters
    ----------
    histogram : Histogram
        Grey values of voxels that hold one of two materials; more than 1024 bins are joined.

    Returns
    -------
    TwoClasses
        The likeliest of three fits (halves of the range above and below the median, the first
        and the last tenth against the rest); no randomness.

    Notes
    -----
    Expectation maximisation. Bias: at a d' of 2 or less the shape of the histogram hardly tells
    two classes from one; smooth the volume first, so that it does. Grey values that drift over
    the volume widen the deviation, and d' comes out too small.
    """
    coarse = histogram.coarse()
    grey, mass = coarse.centres, coarse.counts / max(coarse.total, 1)
    middle = float(mass @ grey)
    spread = float(np.sqrt(mass @ (grey - middle) ** 2))
    floor = coarse.width / np.sqrt(12)
    if coarse.total < 2 or spread <= floor:
        return TwoClasses(middle, middle, max(spread, floor), 0.0)
    ranks = np.cumsum(mass)
    fits = [
        _fit(grey, mass, grey[min(int(np.searchsorted(ranks, at)), grey.size - 1)], floor)
        for at in (0.1, 0.5, 0.9)
    ]
    return max(fits, key=lambda fit: fit[0])[1]


def _fit(grey: Floats, mass: Floats, cut: float, floor: float) -> tuple[float, TwoClasses]:
    low = grey <= cut
    shares = np.array([mass[low].sum(), mass[~low].sum(), 0.05]) + 1e-6
    means = np.array([mass[low] @ grey[low], mass[~low] @ grey[~low]]) / np.maximum(
        shares[:2], 1e-9
    )
    sd = max(float(np.sqrt(mass @ (grey - np.where(low, *means)) ** 2)), floor)
    shares /= shares.sum()
    likelihood = -np.inf
    for _ in range(_ROUNDS):
        density = shares[:, None] * _densities(grey, means, sd)
        total = density.sum(axis=0) + _SMALL
        belongs = density / total * mass
        shares = belongs.sum(axis=1)
        pure = np.maximum(shares[:2], 1e-12)
        means = belongs[:2] @ grey / pure
        squares = (belongs[:2] * (grey - means[:, None]) ** 2).sum()
        sd = max(float(np.sqrt(squares / pure.sum())), floor)
        now = float(mass @ np.log(total))
        if now - likelihood < 1e-10:
            break
        likelihood = now
    dark, bright = np.argsort(means, kind="stable")
    share = float(shares[bright] / max(shares[:2].sum(), 1e-12))
    return likelihood, TwoClasses(float(means[dark]), float(means[bright]), sd, share)


def _densities(grey: Floats, means: Floats, sd: float) -> Floats:
    pure = np.exp(-0.5 * ((grey - means[:, None]) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
    gap = float(abs(means[1] - means[0]))
    if gap < 1e-3 * sd:
        return np.vstack([pure, np.zeros_like(grey)])
    bridge = (ndtr((grey - means.min()) / sd) - ndtr((grey - means.max()) / sd)) / gap
    return np.vstack([pure, bridge])


def noise_below(histogram: Histogram, found: TwoClasses) -> float:
    """Return the deviation of a histogram without what two classes add to it.

    Parameters
    ----------
    histogram : Histogram
        Of the volume as it is.
    found : TwoClasses
        The classes, from the same voxels of the smoothed volume.

    Returns
    -------
    float
        Standard deviation of a voxel within a class: noise, and the drift of grey values.
    """
    mass = histogram.counts / max(histogram.total, 1)
    mean = float(mass @ histogram.centres)
    variance = float(mass @ (histogram.centres - mean) ** 2)
    between = found.bright_share * (1 - found.bright_share) * (found.bright - found.dark) ** 2
    return float(np.sqrt(max(variance - between, histogram.width**2 / 12)))
