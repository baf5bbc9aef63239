"""Thresholds from a histogram: exact multi-Otsu, and what the classes then look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.histogram import Histogram

__all__ = ["Classes", "check_classes", "classes_between", "classify", "multi_otsu"]

Floats = NDArray[np.float64]

_MOST_CLASSES = 5


@dataclass(frozen=True, slots=True)
class Classes:
    """Grey-value classes, darkest first, and the thresholds between them.

    Parameters
    ----------
    thresholds : ndarray of float64, shape (n - 1,)
        A grey value below the first belongs to class 0, and so on; one that equals a threshold
        belongs to the class above it.
    means, sds, weights : ndarray of float64, shape (n,)
        Mean, standard deviation and share of each class.
    variance_share : float
        Variance between the classes over the variance of the image (Otsu's eta, 0 to 1).
    """

    thresholds: Floats
    means: Floats
    sds: Floats
    weights: Floats
    variance_share: float

    @property
    def separability(self) -> Floats:
        """Distance of neighbouring means in units of their root mean square deviation (d')."""
        spread = np.sqrt((self.sds[1:] ** 2 + self.sds[:-1] ** 2) / 2)
        gap = np.diff(self.means)
        ratio = np.full(gap.shape, np.inf)
        np.divide(gap, spread, out=ratio, where=spread > 0)
        return ratio


def check_classes(histogram: Histogram, classes: int) -> None:
    """Refuse a number of classes that the histogram cannot hold.

    Parameters
    ----------
    histogram : Histogram
        Of the whole volume.
    classes : int
        Wanted classes.

    Raises
    ------
    InputDataError
        If `classes` is not 2 to 5, the image is constant, or it has fewer values than classes.
    """
    if classes not in range(2, _MOST_CLASSES + 1):
        raise InputDataError(
            f"{classes} classes were asked for; grey-value segmentation takes 2 to {_MOST_CLASSES}",
            hint="name two to five phases, or bring labels of your own",
        )
    values = int(np.count_nonzero(histogram.counts))
    if values == 1:
        raise InputDataError(
            f"the image is constant: every voxel is {histogram.centres[histogram.counts > 0][0]:g}",
            hint="check that the right file, channel and dataset were read",
        )
    if values < classes:
        raise InputDataError(
            f"the image has {values} distinct grey values, fewer than the {classes} classes",
            hint="if these are labels, use segment: {method: labels}",
        )


def multi_otsu(histogram: Histogram, classes: int) -> Classes:
    """Split grey values so that the variance between the classes is largest.

    Parameters
    ----------
    histogram : Histogram
        Of the whole volume; more than 1024 bins are joined to 1024 first.
    classes : int
        Number of classes, 2 to 5.

    Returns
    -------
    Classes
        The exact optimum over all cuts of the (joined) bins, by dynamic programming [2]_.

    Raises
    ------
    InputDataError
        As `check_classes`.

    Notes
    -----
    Each threshold lies half-way between the means of its classes. Classes of very
    different size pull it towards the larger; blurred edges pull the means towards each other.
    The deviations are those of the cut-off classes, smaller than those of the phases.

    References
    ----------
    .. [1] N. Otsu, 1979, doi:10.1109/TSMC.1979.4310076.
    .. [2] P.-S. Liao et al., "A fast algorithm for multilevel thresholding", 2001,
       doi:10.6688/JISE.2001.17.5.1.
    """
    check_classes(histogram, classes)
    coarse = histogram.coarse()
    check_classes(coarse, classes)
    return classes_between(coarse, _best_cuts(coarse, classes))


def _best_cuts(histogram: Histogram, classes: int) -> list[float]:
    # gain[i, j] is the share of the bins i..j-1 in the variance between classes; a path of
    # `classes` steps from 0 to the end collects the most.
    centres = histogram.centres - histogram.centres.mean()
    mass = np.concatenate([[0.0], np.cumsum(histogram.counts / histogram.total)])
    moment = np.concatenate([[0.0], np.cumsum(histogram.counts / histogram.total * centres)])
    share = mass[None, :] - mass[:, None]
    gain = np.full(share.shape, -np.inf)
    np.divide((moment[None, :] - moment[:, None]) ** 2, share, out=gain, where=share > 0)
    best, steps = gain[0], []
    for _ in range(classes - 1):
        paths = best[:, None] + gain
        came_from = np.argmax(paths, axis=0)
        best = np.take_along_axis(paths, came_from[None], axis=0)[0]
        steps.append(came_from)
    cuts, at = [], mass.size - 1
    for came_from in reversed(steps):
        at = int(came_from[at])
        cuts.append(_mid_gap(histogram, at))
    return cuts[::-1]


def _mid_gap(histogram: Histogram, cut: int) -> float:
    # Empty bins beside a cut make it arbitrary: take the middle between the filled ones.
    filled = np.flatnonzero(histogram.counts)
    below, above = filled[filled < cut][-1], filled[filled >= cut][0]
    return float(histogram.centres[below] + histogram.centres[above]) / 2


def classes_between(histogram: Histogram, thresholds: Sequence[float] | Floats) -> Classes:
    """Describe the classes that given thresholds make.

    Parameters
    ----------
    histogram : Histogram
        Of the whole volume.
    thresholds : sequence of float
        Grey values, ascending.

    Returns
    -------
    Classes
        A bin is counted in the class of its centre.

    Raises
    ------
    InputDataError
        If the thresholds do not ascend, or a class is empty.
    """
    cuts = np.asarray(thresholds, np.float64)
    if cuts.ndim != 1 or not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
        raise InputDataError(f"the thresholds {list(thresholds)} must be ascending grey values")
    centres = histogram.centres
    index = np.searchsorted(cuts, centres, side="right")
    sums = np.bincount(index, histogram.counts, minlength=cuts.size + 1)
    if (sums == 0).any():
        low, high = centres[np.flatnonzero(histogram.counts)[[0, -1]]]
        raise InputDataError(
            f"no voxel belongs to class {int(np.argmin(sums))} with the thresholds {cuts.tolist()}; "
            f"grey values go from {low:g} to {high:g}",
            hint="move the thresholds, or ask for fewer classes",
        )
    means = np.bincount(index, histogram.counts * centres, minlength=sums.size) / sums
    inside = np.bincount(
        index, histogram.counts * (centres - means[index]) ** 2, minlength=sums.size
    )
    weights = sums / sums.sum()
    between = float(weights @ (means - weights @ means) ** 2)
    within = float(inside.sum() / sums.sum())
    return Classes(cuts, means, np.sqrt(inside / sums), weights, between / (between + within))


def classify(image: NDArray[Any], thresholds: Sequence[float] | Floats) -> NDArray[np.uint8]:
    """Label each voxel by the class of its grey value.

    Parameters
    ----------
    image : ndarray
        Grey values.
    thresholds : sequence of float
        Grey values, ascending.

    Returns
    -------
    ndarray of uint8
        0 for the darkest class. One byte per voxel, and two while it runs.
    """
    labels = np.zeros(image.shape, np.uint8)
    for threshold in thresholds:
        labels += image >= threshold
    return labels
