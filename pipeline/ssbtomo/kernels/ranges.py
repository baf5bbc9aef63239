"""The nominal 95 % range of a number, from what it becomes when the segmentation is varied."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

__all__ = ["AGAIN", "PLACE_ERROR", "Evidence", "Halves", "nominal_range"]

PLACE_ERROR = 0.015
"""Standard error of where a threshold lies, in units of the contrast between its phases."""

AGAIN = 1 / (math.sqrt(2) - 1)
"""How much more a blur costs, in proportion to its width, than an equal one after it adds."""

_NORMAL = 1.96
_EVENLY = 0.95  # of a length: what is anywhere along it lies within, 95 times of 100
# An error in proportion to the voxel edge is what it grows by when the edge is doubled.
_HALVED = 1.0
# A classifier rounds edges at about a voxel edge: it loses once more what voxels do.
_ROUNDED = 2.0
# A smooth surface through the staircase takes three fifths and more of the staircase's error away
# (accuracy_transport.py: most lattices of spheres, solid shares 0.1 to 0.5).
_SMOOTHED = 1 / 0.6


@dataclass(frozen=True, slots=True)
class Evidence:
    """Values of one number on variants of the segmentation; NaN where a variant has none.

    Parameters
    ----------
    thresholds : sequence of (float, float)
        Each threshold moved down and up alone.
    again : sequence of float
        Labels imaged again, with fresh noise, and segmented again.
    halved : sequence of float
        The labels with half the resolution.
    smooth : sequence of float
        The labels with a smooth surface through their staircase.
    draws : sequence of float
        Labels drawn from class probabilities.
    offsets : sequence of float
        How far each threshold lies from half-way between the grey values deep inside its two
        phases, in units of the contrast; 0 where that is not known.
    """

    thresholds: Sequence[tuple[float, float]] = ()
    again: Sequence[float] = ()
    halved: Sequence[float] = ()
    smooth: Sequence[float] = ()
    draws: Sequence[float] = ()
    offsets: Sequence[float] = ()

    @property
    def values(self) -> list[float]:
        """All of them."""
        moved = [value for pair in self.thresholds for value in pair]
        return [*moved, *self.again, *self.halved, *self.smooth, *self.draws]


@dataclass(frozen=True, slots=True)
class Halves:
    """Half widths of the range by what they are for, at 95 %; 0 where nothing was varied.

    Parameters
    ----------
    thresholds : float
        Thresholds that lie elsewhere.
    imaging : float
        Blur and noise: what the segmentation makes of an image of its own labels.
    scatter : float
        Fresh noise, from image to image.
    resolution : float
        Voxels: what the estimator misses.
    classes : float
        Class probabilities: what other likely labels give.
    """

    thresholds: float = 0.0
    imaging: float = 0.0
    scatter: float = 0.0
    resolution: float = 0.0
    classes: float = 0.0

    @property
    def total(self) -> float:
        """All together, as independent errors."""
        return math.hypot(*(getattr(self, one.name) for one in fields(self)))


def nominal_range(
    value: float,
    evidence: Evidence,
    *,
    shift: float,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> tuple[float, float, Halves]:
    """Return a range that is meant to hold the true number in 95 of 100 volumes.

    Parameters
    ----------
    value : float
        The number at the chosen segmentation.
    evidence : Evidence
        The same on the variants.
    shift : float
        How far the thresholds were moved, in units of the contrast.
    bounds : tuple of float
        What the number cannot pass.

    Returns
    -------
    low, high : float
        The range; ``inf`` where a variant is. NaN if there is no evidence, or no value.
    halves : Halves
        What it is made of.

    Notes
    -----
    Independent errors, each by how the number answers to it. *Thresholds*: 1.96 standard
    errors of 1.5 % of the contrast, and of a threshold that may lie anywhere between where it is
    and half-way between the grey values deep in its phases. *Imaging*: the labels are taken for the truth, imaged with
    the blur and noise of the scan and segmented by the same steps; the change is the error that
    these make on such a structure [1]_. As the labels have lost once already what blur takes
    (corners, ends of wedges), the change is multiplied by 1 / (sqrt(2) - 1) = 2.4: so much
    larger is a loss in proportion to the blur than what a second, equal blur adds.
    *Scatter*: between such images, Student's t. *Resolution*: the change when every other
    voxel is left out, as for errors in proportion to the voxel edge [2]_; twice that for labels of a classifier.
    Of conduction, if that is more, the change by a smooth surface through the staircase, over 0.6. *Classes*: Student's t times the root mean square
    deviation of draws. The error of one number may well be of one sign; the range is symmetric.

    A run widens the range of a contact area by a term of its own: triple line times half the film
    limit, as nobody sees where a wedge thinner than that ends.

    The range is about the volume that was scanned. What it does not hold: how far this volume
    is from the material (table ``representative``), a wrong voxel size, phases that the
    grey values do not show, and artefacts beyond blur and noise.

    References
    ----------
    .. [1] B. Efron and R. J. Tibshirani, *An Introduction to the Bootstrap*, 1993, ch. 6 and 10.
    .. [2] L. F. Richardson, 1911, doi:10.1098/rsta.1911.0009.
    """
    known = [one for one in evidence.values if not math.isnan(one)]
    if math.isnan(value) or not known:
        return math.nan, math.nan, Halves()
    halves = Halves(
        thresholds=_of_thresholds(value, evidence, shift),
        imaging=AGAIN * abs(_mean_change(value, evidence.again)),
        scatter=_scatter(evidence.again),
        resolution=_of_voxels(value, evidence),
        classes=_of_draws(value, evidence.draws),
    )
    if not math.isfinite(value):
        return min(known), value, halves
    low, high = max(value - halves.total, bounds[0]), min(value + halves.total, bounds[1])
    return min(low, value), (math.inf if math.inf in known else max(high, value)), halves


def _finite(values: Sequence[float]) -> list[float]:
    return [one for one in values if math.isfinite(one)]


def _of_thresholds(value: float, evidence: Evidence, shift: float) -> float:
    if shift <= 0 or not math.isfinite(value):
        return 0.0
    offsets = [*evidence.offsets, *[0.0] * (len(evidence.thresholds) - len(evidence.offsets))]
    errors = []
    for pair, offset in zip(evidence.thresholds, offsets, strict=True):
        ends = _finite(pair)
        step = (ends[-1] - (ends[0] if len(ends) == 2 else value)) / len(ends) if ends else 0.0
        errors.append(step / shift * math.hypot(_NORMAL * PLACE_ERROR, _EVENLY * offset))
    return math.hypot(*errors)


def _of_voxels(value: float, evidence: Evidence) -> float:
    coarse = (_ROUNDED if evidence.draws else _HALVED) * _mean_change(value, evidence.halved)
    return max(abs(coarse), _SMOOTHED * abs(_mean_change(value, evidence.smooth)))


def _mean_change(value: float, variants: Sequence[float]) -> float:
    found = _finite(variants)
    return math.fsum(found) / len(found) - value if found and math.isfinite(value) else 0.0


def _scatter(variants: Sequence[float]) -> float:
    found = _finite(variants)
    if len(found) < 2:
        return 0.0
    return _student(len(found) - 1) * float(np.std(found, ddof=1))


def _of_draws(value: float, draws: Sequence[float]) -> float:
    found = _finite(draws)
    if not found or not math.isfinite(value):
        return 0.0
    square = math.fsum((one - value) ** 2 for one in found) / len(found)
    return _student(len(found)) * math.sqrt(square)


def _student(freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))
