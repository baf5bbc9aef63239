"""How well labels agree with the truth: scores from counts that add over any cut."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Contingency",
    "ObjectScore",
    "Overlap",
    "Steps",
    "SurfaceScore",
    "count_pairs",
    "object_score",
    "overlap_of",
    "surface_score",
    "surface_voxels",
]

Counts = NDArray[np.int64]
UNKNOWN = 255
"""The index of a voxel that is not compared."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Scores of one phase from a confusion matrix; NaN where nothing is there to score.

    Parameters
    ----------
    dice, iou, precision, recall : float
        Twice the overlap over the sum of both volumes; the overlap over their union; over the
        volume found; over the true one.
    """

    dice: float
    iou: float
    precision: float
    recall: float


def overlap_of(confusion: Counts) -> list[Overlap]:
    """Score each phase.

    Parameters
    ----------
    confusion : ndarray of int64, shape (n, n + 1)
        Voxels by true phase (row) and found phase (column); the last column are those that
        were given none of the phases.

    Returns
    -------
    list of Overlap
        One for each phase.
    """
    size = len(confusion)
    hits = np.diagonal(confusion[:, :size])
    true, found = confusion.sum(axis=1), confusion[:, :size].sum(axis=0)
    return [
        Overlap(
            _ratio(2 * int(h), int(t) + int(f)),
            _ratio(int(h), int(t) + int(f) - int(h)),
            _ratio(int(h), int(f)),
            _ratio(int(h), int(t)),
        )
        for h, t, f in zip(hits, true, found, strict=True)
    ]


def surface_voxels(index: NDArray[np.uint8], phase: int) -> NDArray[np.bool_]:
    """Mark the voxels of a phase that share a face with another phase.

    Parameters
    ----------
    index : ndarray of uint8, shape (Z, Y, X)
        Number of the phase of each voxel; 255 where it is not known.
    phase : int
        Number of the phase.

    Returns
    -------
    ndarray of bool
        What is unknown is no other phase, and nor is what lies beyond the array: the outermost
        layer of a block is only right at the ends of the volume. 4 bytes per voxel.
    """
    own = index == phase
    other = ~own & (index != UNKNOWN)
    beside = np.zeros_like(own)
    for axis in range(3):
        near: list[slice] = [slice(None)] * 3
        far: list[slice] = [slice(None)] * 3
        near[axis], far[axis] = slice(None, -1), slice(1, None)
        here, there = tuple(near), tuple(far)
        beside[here] |= other[there]
        beside[there] |= other[here]
    surface: NDArray[np.bool_] = own & beside
    return surface


@dataclass(frozen=True, slots=True)
class Steps:
    """How often each distance from one surface to another occurs.

    Parameters
    ----------
    squared : ndarray of float64, ascending
        Squared distances.
    counts : ndarray of int64
        Surface voxels at each.
    """

    squared: NDArray[np.float64]
    counts: Counts

    @classmethod
    def merged(cls, parts: list[Steps]) -> Steps:
        """Add up what blocks counted; the same for any cut.

        Parameters
        ----------
        parts : list of Steps
            One for each block.

        Returns
        -------
        Steps
            Of the whole volume.
        """
        values = np.concatenate([part.squared for part in parts])
        counts = np.concatenate([part.counts for part in parts])
        unique, where = np.unique(values, return_inverse=True)
        total = np.zeros(len(unique), np.int64)
        np.add.at(total, where, counts)
        return cls(unique, total)

    @property
    def total(self) -> int:
        """Surface voxels counted."""
        return int(self.counts.sum())

    def percentile(self, percent: float) -> float:
        """Return the distance that so many percent of the voxels do not pass, interpolated.

        Parameters
        ----------
        percent : float
            From 0 to 100.

        Returns
        -------
        float
            As ``numpy.percentile``; in the unit of the distances; NaN without voxels.
        """
        if self.total == 0:
            return math.nan
        rank = np.cumsum(self.counts)
        place = percent / 100 * (self.total - 1)
        low, high = math.floor(place), math.ceil(place)
        below, above = (
            math.sqrt(self.squared[np.searchsorted(rank, k, side="right")]) for k in (low, high)
        )
        return below if below == above else below + (above - below) * (place - low)

    def sum(self) -> float:
        """Return the sum of the distances."""
        return math.fsum(
            math.sqrt(s) * c
            for s, c in zip(self.squared.tolist(), self.counts.tolist(), strict=True)
        )

    def within(self, reach: float) -> int:
        """Return how many voxels lie at most so far away.

        Parameters
        ----------
        reach : float
            In the unit of the distances.

        Returns
        -------
        int
            Voxels; a hair more than `reach` is within it.
        """
        return int(self.counts[self.squared <= (reach * (1 + 1e-6)) ** 2].sum())


@dataclass(frozen=True, slots=True)
class SurfaceScore:
    """How far two surfaces are apart; NaN if neither exists, ``inf`` if one is missing.

    Parameters
    ----------
    boundary_f1 : float
        Harmonic mean of the shares of either surface within the tolerance of the other [1]_.
    hausdorff95 : float
        The larger of the two 95th percentiles of the distance from one to the other.
    mean_distance : float
        Mean over the voxels of both surfaces.

    References
    ----------
    .. [1] G. Csurka et al., *BMVC*, 2013, doi:10.5244/C.27.32.
    """

    boundary_f1: float
    hausdorff95: float
    mean_distance: float


def surface_score(found: Steps, true: Steps, edge: float, tolerance: float) -> SurfaceScore:
    """Score a surface by the distances between it and the true one.

    Parameters
    ----------
    found : Steps
        From the surface found to the true one, in units of `edge`.
    true : Steps
        From the true one to the one found.
    edge : float
        Length of a unit in µm.
    tolerance : float
        In µm.

    Returns
    -------
    SurfaceScore
        Distances in µm.
    """
    if found.total == 0 and true.total == 0:
        return SurfaceScore(math.nan, math.nan, math.nan)
    if found.total == 0 or true.total == 0:
        return SurfaceScore(0.0, math.inf, math.inf)
    precision, recall = (part.within(tolerance / edge) / part.total for part in (found, true))
    f1 = 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0
    return SurfaceScore(
        f1,
        edge * max(found.percentile(95), true.percentile(95)),
        edge * (found.sum() + true.sum()) / (found.total + true.total),
    )


@dataclass(frozen=True, slots=True)
class Contingency:
    """How many voxels each pair of a true and a found object shares.

    Parameters
    ----------
    true, found : ndarray of int64, shape (n,)
        Numbers of the objects of each pair, in rising order.
    counts : ndarray of int64, shape (n,)
        Voxels that they share.
    """

    true: Counts
    found: Counts
    counts: Counts

    @classmethod
    def merged(cls, parts: list[Contingency]) -> Contingency:
        """Add up what blocks counted; the same for any cut.

        Parameters
        ----------
        parts : list of Contingency
            One for each block.

        Returns
        -------
        Contingency
            Of the whole volume.
        """
        pairs = np.concatenate([np.stack([part.true, part.found]) for part in parts], axis=1)
        counts = np.concatenate([part.counts for part in parts])
        unique, where = np.unique(pairs, axis=1, return_inverse=True)
        total = np.zeros(unique.shape[1], np.int64)
        np.add.at(total, where.ravel(), counts)
        return cls(unique[0], unique[1], total)


def count_pairs(true: NDArray[np.integer], found: NDArray[np.integer], ignore: int) -> Contingency:
    """Count which objects share voxels.

    Parameters
    ----------
    true, found : ndarray of int
        Numbers of the objects.
    ignore : int
        Voxels with this number in `true` are left out.

    Returns
    -------
    Contingency
        16 bytes per voxel meanwhile.
    """
    kept = true != ignore
    pairs = np.stack([true[kept].astype(np.int64), found[kept].astype(np.int64)])
    if pairs.shape[1] == 0:
        nothing = np.zeros(0, np.int64)
        return Contingency(nothing, nothing, nothing)
    order = np.lexsort((pairs[1], pairs[0]))
    pairs = pairs[:, order]
    first = np.concatenate([[True], (np.diff(pairs) != 0).any(axis=0)])
    starts = np.flatnonzero(first)
    counts = np.diff(np.append(starts, pairs.shape[1]))
    return Contingency(pairs[0, starts], pairs[1, starts], counts.astype(np.int64))


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """How well objects agree.

    Parameters
    ----------
    split, merge : float
        Variation of information [1]_ in bits: what is not known of the found objects where the
        true ones are (true objects that fell apart), and the other way round (objects that
        grew together).
    rand_error : float
        Adapted Rand error [2]_: one less the harmonic mean of the next two.
    rand_precision, rand_recall : float
        Share of pairs of voxels in one found object that are in one true object; and the other
        way round.
    true_objects, found_objects : int
        How many there are, where the truth is known.

    References
    ----------
    .. [1] M. Meilă, *J. Multivar. Anal.* 98 (2007) 873, doi:10.1016/j.jmva.2006.11.013.
    .. [2] I. Arganda-Carreras et al., *Front. Neuroanat.* 9 (2015) 142,
       doi:10.3389/fnana.2015.00142.
    """

    split: float
    merge: float
    rand_error: float
    rand_precision: float
    rand_recall: float
    true_objects: int
    found_objects: int


def object_score(pairs: Contingency) -> ObjectScore:
    """Score objects by the voxels they share.

    Parameters
    ----------
    pairs : Contingency
        Of the whole volume.

    Returns
    -------
    ObjectScore
        NaN if no voxel is compared.
    """
    total = int(pairs.counts.sum())
    true, found = _sums(pairs.true, pairs.counts), _sums(pairs.found, pairs.counts)
    both = pairs.counts
    if total == 0:
        none = math.nan
        return ObjectScore(none, none, none, none, none, 0, 0)
    joint, own, other = (_entropy(counts, total) for counts in (both, true, found))
    together, in_true, in_found = (_couples(counts) for counts in (both, true, found))
    middle = (in_true + in_found) / 2
    return ObjectScore(
        split=max(joint - own, 0.0),
        merge=max(joint - other, 0.0),
        rand_error=1 - together / middle if middle else 0.0,
        rand_precision=together / in_found if in_found else 1.0,
        rand_recall=together / in_true if in_true else 1.0,
        true_objects=len(true),
        found_objects=int(np.count_nonzero(np.unique(pairs.found))),
    )


def _sums(numbers: Counts, counts: Counts) -> Counts:
    unique, where = np.unique(numbers, return_inverse=True)
    sums = np.zeros(len(unique), np.int64)
    np.add.at(sums, where, counts)
    return sums


def _entropy(counts: Counts, total: int) -> float:
    return -math.fsum(c / total * math.log2(c / total) for c in counts.tolist())


def _couples(counts: Counts) -> int:
    return sum(c * (c - 1) for c in counts.tolist())


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
