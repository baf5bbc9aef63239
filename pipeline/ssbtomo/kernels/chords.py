"""Chords: the stretches that lie in one phase, on the lines of voxels along an axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.compiling import njit

__all__ = ["CUT", "THROUGH", "WHOLE", "ChordCounts", "line_chords"]

Shape = tuple[int, int, int]

#: Kinds of chords: both ends inside the volume, one end cut by a face, both ends cut.
WHOLE, CUT, THROUGH = 0, 1, 2

_MOST_PHASES = 255


@dataclass(frozen=True, slots=True, eq=False)
class ChordCounts:
    """Chords by length, axis, phase and kind; integers, so that boxes of lines add exactly.

    Parameters
    ----------
    counts : tuple of three ndarrays of int64, shapes (phases, 3, size + 1)
        ``counts[axis][phase, kind, length]``: chords of `length` voxels; the kinds are
        `WHOLE`, `CUT` (by one face of the volume) and `THROUGH` (by both).
    shape : tuple of int
        Voxels of the volume along (Z, Y, X).

    References
    ----------
    .. [1] E. E. Underwood, *Quantitative Stereology*, Addison-Wesley, 1970, ch. 4.
    .. [2] B. Lu, S. Torquato, *Phys. Rev. A* 45 (1992) 922, doi:10.1103/PhysRevA.45.922.
    """

    counts: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    shape: Shape

    def mean(self, phase: int, axis: int) -> float:
        """Return the mean chord length, each chord counted once.

        Parameters
        ----------
        phase : int
            Its place in the order of the counts.
        axis : int
            0, 1 or 2.

        Returns
        -------
        float
            In voxels: the length of the lines in the phase over the chords begun on them,
            both per length of line [1]_. A chord's visible ends count one half each, so
            that cut chords do not bias it; ``nan`` if there is no end inside. The mean of
            the whole chords alone is too small, as long ones are cut more often.
        """
        chords = self.counts[axis][phase]
        size = self.shape[axis]
        ends = 2 * int(chords[WHOLE].sum()) + int(chords[CUT].sum())
        if ends == 0:
            return math.nan
        voxels = int(chords.sum(axis=0) @ np.arange(size + 1))
        return 2 * voxels / ends * (size - 1) / size

    def lineal_path(self, phase: int, axis: int) -> NDArray[np.float64]:
        """Return the probability that a stretch of a line lies wholly in a phase.

        Parameters
        ----------
        phase : int
            Its place in the order of the counts.
        axis : int
            0, 1 or 2.

        Returns
        -------
        ndarray of float64, shape (size,)
            At index k that of k + 1 voxels in a row [2]_; unbiased, cut chords included.
        """
        size = self.shape[axis]
        chords = self.counts[axis][phase].sum(axis=0)
        longer = np.cumsum(chords[::-1])[::-1]  # chords of at least so many voxels
        places = np.cumsum(longer[::-1])[::-1][1:]  # ways to lay so many voxels into them
        lines = math.prod(self.shape) // size
        share: NDArray[np.float64] = places / (lines * np.arange(size, 0, -1))
        return share

    def weighted_mean(self, phase: int, axis: int) -> float:
        """Return the mean chord length, each chord counted with its length.

        Parameters
        ----------
        phase : int
            Its place in the order of the counts.
        axis : int
            0, 1 or 2.

        Returns
        -------
        float
            In voxels: the mean length of the chord on which a random voxel of the phase
            lies, from the lineal path. Without bias by the border as long as no chord goes
            through the whole volume, too small else; ``nan`` if the phase is nowhere.
        """
        path = self.lineal_path(phase, axis)
        return float(2 * path.sum() / path[0] - 1) if path[0] else math.nan


def line_chords(labels: NDArray[np.integer], phases: Sequence[int], axis: int) -> NDArray[np.int64]:
    """Count the chords of each phase along one axis by their length.

    Counts add: over any set of boxes that are whole along the axis and share no line, they
    sum to those of the volume.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        A box of labels, whole along `axis`.
    phases : sequence of int
        The labels of the phases; other labels are left out, and end chords.
    axis : int
        0, 1 or 2.

    Returns
    -------
    ndarray of int64, shape (phases, 3, size + 1)
        See `ChordCounts`.

    Raises
    ------
    InputDataError
        If there are more than 255 phases.

    Notes
    -----
    2 bytes per voxel of the box beside the labels.
    """
    if len(phases) > _MOST_PHASES:
        raise InputDataError(f"{len(phases)} phases; chords are told apart for at most 255")
    codes = np.zeros(labels.shape, np.uint8)
    for code, phase in enumerate(phases, 1):
        codes[labels == phase] = code
    size: int = codes.shape[axis]
    inner = math.prod(codes.shape[axis + 1 :])
    counts = np.zeros((len(phases), 3, size + 1), np.int64)
    _count_chords(codes.reshape(-1, size, inner), counts)
    return counts


@njit(nogil=True, cache=True)
def _count_chords(codes, counts):  # type: ignore[no-untyped-def]
    outer, size, inner = codes.shape
    began = np.empty(inner, np.int64)
    for plane in range(outer):
        began[:] = 0
        for place in range(1, size):
            for line in range(inner):
                code = codes[plane, place - 1, line]
                if codes[plane, place, line] != code:
                    start = began[line]
                    began[line] = place
                    if code > 0:
                        kind = 1 if start == 0 else 0
                        counts[code - 1, kind, place - start] += 1
        for line in range(inner):
            code = codes[plane, size - 1, line]
            if code > 0:
                kind = 2 if began[line] == 0 else 1
                counts[code - 1, kind, size - began[line]] += 1
