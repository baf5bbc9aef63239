"""How far class probabilities can be believed: confusion, reliability, one correction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError

__all__ = [
    "Reliability",
    "best_temperature",
    "class_confusion",
    "confusion_by_slice",
    "entropy",
    "reliability",
    "reliability_table",
    "tempered",
]

Floats = NDArray[np.float64]
_SMALL = 1e-9


def class_confusion(
    truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: int
) -> NDArray[np.int64]:
    """Count voxels by true and predicted class.

    Parameters
    ----------
    truth, predicted : ndarray of int
        Class of each voxel, from 0.
    classes : int
        How many there are.

    Returns
    -------
    ndarray of int64, shape (classes, classes)
        Rows are true classes.

    Raises
    ------
    InputDataError
        If the shapes differ, or a class is out of range.
    """
    true, found = np.asarray(truth).ravel(), np.asarray(predicted).ravel()
    if true.shape != found.shape:
        raise InputDataError(f"{true.size} true classes, {found.size} predicted ones")
    for values in (true, found):
        if values.size and not 0 <= int(values.min()) <= int(values.max()) < classes:
            raise InputDataError(
                f"classes go from {values.min()} to {values.max()}, not from 0 to {classes - 1}"
            )
    counts = np.bincount(true.astype(np.int64) * classes + found, minlength=classes**2)
    return counts.reshape(classes, classes).astype(np.int64)


def confusion_by_slice(
    truth: NDArray[np.integer],
    predicted: NDArray[np.integer],
    slices: NDArray[np.integer],
    classes: int,
) -> dict[int, NDArray[np.int64]]:
    """Count voxels by true and predicted class, one annotated slice at a time.

    Voxels of one slice are alike: a score over random voxels, some of them trained on, flatters.

    Parameters
    ----------
    truth, predicted : ndarray of int
        Class of each voxel; the prediction by a model that has not seen its slice.
    slices : ndarray of int
        Slice of each voxel.
    classes : int
        How many classes there are.

    Returns
    -------
    dict of int to ndarray of int64
        The confusion of each slice; they add.
    """
    where = np.asarray(slices).ravel()
    true, found = np.asarray(truth).ravel(), np.asarray(predicted).ravel()
    return {
        int(one): class_confusion(true[where == one], found[where == one], classes)
        for one in np.unique(where)
    }


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often a class was right, by the probability that it was given.

    Parameters
    ----------
    edges : ndarray of float64, shape (n + 1,)
        Ends of the bins of probability.
    confidence, accuracy : ndarray of float64, shape (n,)
        Mean probability of the most probable class, and how often that was the true one; NaN
        in an empty bin.
    voxels : ndarray of int64, shape (n,)
        Voxels in each bin.
    """

    edges: Floats
    confidence: Floats
    accuracy: Floats
    voxels: NDArray[np.int64]

    @property
    def expected_error(self) -> float:
        """Expected calibration error: mean distance of accuracy and confidence over the voxels [1]_.

        References
        ----------
        .. [1] M. P. Naeini et al., *AAAI*, 2015, doi:10.1609/aaai.v29i1.9602.
        """
        total = int(self.voxels.sum())
        if not total:
            return math.nan
        apart = np.abs(self.accuracy - self.confidence)
        return float(np.nansum(apart * self.voxels) / total)

    @property
    def columns(self) -> dict[str, list[Any]]:
        """The bins as columns of a table."""
        return {
            "from": self.edges[:-1].tolist(), "to": self.edges[1:].tolist(),
            "confidence": self.confidence.tolist(), "accuracy": self.accuracy.tolist(),
            "voxels": self.voxels.tolist(),
        }  # fmt: skip


def reliability(
    truth: NDArray[np.integer], probabilities: NDArray[Any], *, bins: int = 10
) -> Reliability:
    """Compare the probabilities of classes with how often they are right.

    Parameters
    ----------
    truth : ndarray of int, shape (m,)
        True class of each voxel, from 0. Use voxels that the model has not seen, by slice.
    probabilities : ndarray, shape (m, classes)
        From 0 to 1, or uint8 in steps of 1/255.
    bins : int
        Equal bins of the probability of the most probable class, from 1/classes to 1.

    Returns
    -------
    Reliability
        A probability of 0.8 should be right in 8 of 10 voxels.

    Raises
    ------
    InputDataError
        If the shapes do not fit, or probabilities are none.
    """
    shares = _shares(truth, probabilities)
    true = np.asarray(truth).ravel()
    chosen = shares.argmax(axis=1)
    highest = shares[np.arange(len(shares)), chosen]
    edges = np.linspace(1 / shares.shape[1], 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, highest, side="right") - 1, 0, bins - 1)
    voxels = np.bincount(place, minlength=bins)
    confidence, right = (
        np.bincount(place, weights=values, minlength=bins) for values in (highest, chosen == true)
    )
    share = np.where(voxels > 0, voxels, math.nan)
    return Reliability(edges, confidence / share, right / share, voxels.astype(np.int64))


def reliability_table(
    left_out: Mapping[str, tuple[NDArray[np.integer], NDArray[Any]]], *, bins: int = 10
) -> dict[str, list[Any]]:
    """Lay the reliability of several predictions under one another, as the report draws it.

    Parameters
    ----------
    left_out : mapping of str to (truth, probabilities)
        As for `reliability`, by what the model had not seen: ``"voxels"`` out of bag,
        ``"slices"`` annotated slices left out in turn.
    bins : int
        As for `reliability`.

    Returns
    -------
    dict of str to list
        Columns ``left_out``, ``from``, ``to``, ``confidence``, ``accuracy``, ``voxels``.
    """
    names = ("left_out", "from", "to", "confidence", "accuracy", "voxels")
    table: dict[str, list[Any]] = {name: [] for name in names}
    for kind, (truth, probabilities) in left_out.items():
        columns = reliability(truth, probabilities, bins=bins).columns
        for name, column in {"left_out": [kind] * bins, **columns}.items():
            table[name].extend(column)
    return table


def best_temperature(truth: NDArray[np.integer], probabilities: NDArray[Any]) -> float:
    """Return the temperature that makes probabilities fit best to what is true.

    Parameters
    ----------
    truth : ndarray of int, shape (m,)
        True class of each voxel, from 0.
    probabilities : ndarray, shape (m, classes)
        As for `reliability`.

    Returns
    -------
    float
        Above 1 if the probabilities are too sure of themselves, below 1 if too modest; 1/20 to
        20. The most probable class does not change [1]_.

    References
    ----------
    .. [1] C. Guo et al., *ICML*, 2017, arXiv:1706.04599.
    """
    from scipy.optimize import minimize_scalar

    shares = _shares(truth, probabilities)
    true = np.asarray(truth).ravel().astype(np.int64)

    def surprise(log_temperature: float) -> float:
        fitted = tempered(shares, math.exp(log_temperature))
        own = fitted[np.arange(len(true)), true]
        return -float(np.log(np.maximum(own, _SMALL)).mean())

    limit = math.log(20)
    found = minimize_scalar(surprise, bounds=(-limit, limit), method="bounded")
    return float(math.exp(found.x))


def tempered(probabilities: NDArray[Any], temperature: float) -> Floats:
    """Make probabilities surer or more modest.

    Parameters
    ----------
    probabilities : ndarray, shape (..., classes)
        From 0 to 1.
    temperature : float
        Probabilities are raised to the power of its inverse and made to sum to 1.

    Returns
    -------
    ndarray of float64
        The same shape.
    """
    if not temperature > 0:
        raise InputDataError(f"a temperature is positive, not {temperature}")
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), _SMALL)) / temperature
    shares = np.exp(logs - logs.max(axis=-1, keepdims=True))
    fitted: Floats = shares / shares.sum(axis=-1, keepdims=True)
    return fitted


def entropy(probabilities: NDArray[Any]) -> Floats:
    """Return how undecided probabilities are.

    Parameters
    ----------
    probabilities : ndarray, shape (..., classes)
        From 0 to 1, or uint8 in steps of 1/255.

    Returns
    -------
    ndarray of float64
        Shannon's entropy over that of equal probabilities: 0 certain, 1 no idea.
    """
    shares = _as_shares(probabilities)
    classes = shares.shape[-1]
    if classes < 2:
        return np.zeros(shares.shape[:-1])
    logs = np.log(np.where(shares > 0, shares, 1.0))
    found: Floats = np.maximum(-(shares * logs).sum(axis=-1) / math.log(classes), 0.0)
    return found


def _as_shares(probabilities: NDArray[Any]) -> Floats:
    values = np.asarray(probabilities)
    shares = values.astype(np.float64)
    if values.dtype == np.uint8:
        total = shares.sum(axis=-1, keepdims=True)
        shares = shares / np.where(total > 0, total, 1.0)
    return shares


def _shares(truth: NDArray[np.integer], probabilities: NDArray[Any]) -> Floats:
    shares = _as_shares(probabilities)
    if shares.ndim != 2 or len(shares) != np.asarray(truth).size:
        raise InputDataError(
            f"{np.asarray(truth).size} true classes do not fit to probabilities of the shape "
            f"{shares.shape}",
            hint="give one row per voxel, one column per class",
        )
    if not np.isfinite(shares).all() or (shares < 0).any() or (shares > 1 + _SMALL).any():
        raise InputDataError("probabilities must be numbers from 0 to 1, or uint8")
    class_confusion(truth, np.zeros_like(np.asarray(truth)), shares.shape[1])
    return shares
