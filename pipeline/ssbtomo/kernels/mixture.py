"""A Gaussian mixture fitted to a histogram, with room for partial-volume voxels."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ssbtomo.kernels.histogram import Histogram
from ssbtomo.kernels.thresholds import Classes, classes_between, multi_otsu

__all__ = ["gaussian_mixture"]

Floats = NDArray[np.float64]

_ROUNDS = 500
_SMALL = 1e-300
_MOSTLY_PURE = 0.5


def gaussian_mixture(histogram: Histogram, classes: int, *, partial_volume: bool = True) -> Classes:
    """Fit one Gaussian per class to a histogram, and put the thresholds where they cross.

    Parameters
    ----------
    histogram : Histogram
        Of the whole volume; more than 1024 bins are joined to 1024 first.
    classes : int
        Number of classes, 2 to 5.
    partial_volume : bool, optional
        Whether to add, for each pair of classes, a component for voxels that hold both: all
        mixtures equally often, blurred by the noise [1]_. Without it, edges widen the Gaussians.
        Left out again where they would take more than half of the voxels.

    Returns
    -------
    Classes
        Means, deviations and shares of the Gaussians (edge voxels left out of the
        shares). A threshold is where two neighbours are equally probable.

    Raises
    ------
    InputDataError
        If the classes cannot be told apart at all (as for `multi_otsu`).

    Notes
    -----
    Expectation maximisation from the multi-Otsu classes, at most 500 rounds, no randomness. A
    rare phase pulls its threshold towards its own mean: the crossing of the posteriors errs least
    per voxel, not per surface.

    References
    ----------
    .. [1] D. H. Laidlaw et al., "Partial-volume Bayesian classification of material
       mixtures in MR volume data", 1998, doi:10.1109/42.668696.
    """
    start = multi_otsu(histogram, classes)
    coarse = histogram.coarse()
    pairs = list(combinations(range(classes), 2)) if partial_volume else []
    means, sds, shares = _fit(coarse, start, pairs)
    if shares.sum() < _MOSTLY_PURE:
        means, sds, shares = _fit(coarse, start, [])
    cuts = _crossings(means, sds, shares)
    eta = classes_between(coarse, cuts).variance_share
    return Classes(cuts, means, sds, shares / shares.sum(), eta)


def _fit(
    histogram: Histogram, start: Classes, pairs: list[tuple[int, int]]
) -> tuple[Floats, Floats, Floats]:
    grey, mass = histogram.centres, histogram.counts / histogram.total
    classes, floor = start.means.size, histogram.width / np.sqrt(12)
    means, sds = start.means, np.maximum(start.sds, floor)
    weights = np.concatenate([start.weights * 0.9, np.full(len(pairs), 0.1 / max(len(pairs), 1))])
    weights /= weights.sum()
    previous = -np.inf
    for _ in range(_ROUNDS):
        density = weights[:, None] * _densities(grey, means, sds, pairs)
        total = density.sum(axis=0) + _SMALL
        belongs = density / total * mass
        weights = belongs.sum(axis=1)
        pure, share = belongs[:classes], np.maximum(weights[:classes], 1e-12)
        means = pure @ grey / share
        spread = (pure * (grey - means[:, None]) ** 2).sum(axis=1) / share
        sds = np.maximum(np.sqrt(spread), floor)
        likelihood = float(mass @ np.log(total))
        if likelihood - previous < 1e-9:
            break
        previous = likelihood
    order = np.argsort(means, kind="stable")
    return means[order], sds[order], weights[:classes][order]


def _densities(grey: Floats, means: Floats, sds: Floats, pairs: list[tuple[int, int]]) -> Floats:
    pure = np.exp(-0.5 * ((grey - means[:, None]) / sds[:, None]) ** 2) / (
        sds[:, None] * np.sqrt(2 * np.pi)
    )
    mixed = [_bridge(grey, means[[a, b]], sds[[a, b]]) for a, b in pairs]
    return np.vstack([pure, *mixed])


def _bridge(grey: Floats, means: Floats, sds: Floats) -> Floats:
    gap = abs(means[1] - means[0])
    spread = np.sqrt((sds**2).mean())
    if gap < 1e-3 * spread:
        return np.zeros_like(grey)
    bridge: Floats = (
        ndtr((grey - means.min()) / spread) - ndtr((grey - means.max()) / spread)
    ) / gap
    return bridge


def _crossings(means: Floats, sds: Floats, shares: Floats) -> Floats:
    cuts = []
    for low in range(means.size - 1):
        grey = np.linspace(means[low], means[low + 1], 4097)
        odds = _log_odds(grey, means[low : low + 2], sds[low : low + 2], shares[low : low + 2])
        crossed = np.flatnonzero((odds[:-1] <= 0) & (odds[1:] > 0))
        at = int(crossed[0]) if crossed.size else 2048
        cuts.append((grey[at] + grey[min(at + 1, 4096)]) / 2)
    return np.array(cuts)


def _log_odds(grey: Floats, means: Floats, sds: Floats, shares: Floats) -> Floats:
    log = -0.5 * ((grey - means[:, None]) / sds[:, None]) ** 2 - np.log(sds[:, None])
    log += np.log(np.maximum(shares[:, None], _SMALL))
    odds: Floats = log[1] - log[0]
    return odds
