"""Two-point correlation: how often two voxels at a distance lie in two given phases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.units import Spacing

__all__ = ["PairCounts", "line_pairs"]

Shape = tuple[int, int, int]

_NOISE = 0.05  # a covariance that rises from below this has met its noise
_WORDS = 128  # of 64 voxels: a stretch of each plane, short enough for the second cache


@dataclass(frozen=True, slots=True, eq=False)
class PairCounts:
    """Pairs of voxels by lag, axis and phases; integers, so that boxes of lines add exactly.

    Parameters
    ----------
    counts : tuple of three ndarrays of int64, shapes (lags + 1, phases + 1, phases + 1)
        ``counts[axis][lag, i, j]``: voxels of phase i whose neighbour `lag` voxels further
        along the axis is in the volume and of phase j. The last row and the last column
        stand for a voxel of any label.
    shape : tuple of int
        Voxels of the volume along (Z, Y, X).

    References
    ----------
    .. [1] S. Torquato, *Random Heterogeneous Materials*, Springer, 2002, ch. 2,
       doi:10.1007/978-1-4757-6355-3.
    .. [2] T. Kanit et al., *Int. J. Solids Struct.* 40 (2003) 3647,
       doi:10.1016/S0020-7683(03)00143-4.
    .. [3] C. Lantuéjoul, *J. Microsc.* 161 (1991) 387, doi:10.1111/j.1365-2818.1991.tb03099.x.
    .. [4] P. Debye, H. R. Anderson, H. Brumberger, *J. Appl. Phys.* 28 (1957) 679,
       doi:10.1063/1.1722830.
    """

    counts: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
    shape: Shape

    def pairs(self, axis: int) -> NDArray[np.int64]:
        """Return how many pairs of voxels the volume holds at each lag.

        Parameters
        ----------
        axis : int
            0, 1 or 2.

        Returns
        -------
        ndarray of int64, shape (lags + 1,)
            What the counts of all labels sum to.
        """
        return self.counts[axis][:, -1, -1]

    def probability(self, axis: int) -> NDArray[np.float64]:
        """Return the two-point correlation S2 of all pairs of phases along an axis.

        Parameters
        ----------
        axis : int
            0, 1 or 2.

        Returns
        -------
        ndarray of float64, shape (lags + 1, phases, phases)
            The share of the pairs at each lag whose first voxel is of phase i and whose
            second one is of phase j [1]_. Nothing is wrapped around: unbiased for a
            stationary structure; long lags rest on few, dependent pairs.
        """
        return self._shares(axis)[:, :-1, :-1]

    def _shares(self, axis: int) -> NDArray[np.float64]:
        counts = self.counts[axis]
        return np.asarray(counts / counts[:, -1:, -1:], np.float64)

    def fraction(self, phase: int) -> float:
        """Return the share of the volume that a phase fills.

        Parameters
        ----------
        phase : int
            Its place in the order of the counts.

        Returns
        -------
        float
            From 0 to 1.
        """
        return float(self.probability(0)[0, phase, phase])

    def autocorrelation(self, phase: int, axis: int) -> NDArray[np.float64]:
        """Return the normalised covariance of a phase along an axis.

        Parameters
        ----------
        phase : int
            Its place in the order of the counts.
        axis : int
            0, 1 or 2.

        Returns
        -------
        ndarray of float64, shape (lags + 1,)
            (S2 - f g) / sqrt(f (1 - f) g (1 - g)), where f and g are the fractions of the phase
            among the first and among the second voxels of the pairs: 1 at lag 0, about 0
            where voxels know nothing of each other; ``nan`` where f or g is 0 or 1. As f and
            g come from the same volume, values are a little low: by the variance of the
            fraction between such volumes over f (1 - f).
        """
        shares = self._shares(axis)
        first, second = shares[:, phase, -1], shares[:, -1, phase]
        scale = np.sqrt(first * (1 - first) * second * (1 - second))
        covariance = shares[:, phase, phase] - first * second
        out = np.full(len(shares), np.nan)
        np.divide(covariance, scale, out=out, where=scale > 0)
        return out

    def correlation_length(self, phase: int, axis: int, edge: float) -> float:
        """Return half the one-dimensional integral range of a phase.

        Parameters
        ----------
        phase : int
            Its place in the order of the counts.
        axis : int
            0, 1 or 2.
        edge : float
            Voxel edge along the axis in micrometres.

        Returns
        -------
        float
            Integral of the normalised covariance over the distance, from 0 to its end, in
            micrometres [3]_; a for exp(-r / a). The end is its first zero, or its first
            minimum below 0.05; ``nan`` if there is none within the lags that were counted. Low, as the covariance is, in volumes of few
            correlation lengths.
        """
        return _integral(self.autocorrelation(phase, axis), edge, power=0)

    def integral_range(self, phase: int, spacing: Spacing) -> float:
        """Return the integral range of a phase, for a structure alike in all directions.

        Parameters
        ----------
        phase : int
            Its place in the order of the counts.
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in micrometres.

        Returns
        -------
        float
            A3 = 4 pi times the integral of r² times the normalised covariance, averaged over
            the three axes, from 0 to its end, in cubic micrometres [2]_, [3]_; for the end
            see `correlation_length`.
            The variance of the phase's fraction f between volumes V is f (1 - f) A3 / V for
            V far above A3. ``nan`` if there is no end within the lags of all axes. The r²
            makes the tail weigh: low in volumes of few correlation lengths; for a structure
            with a direction it is an order of magnitude only.
        """
        step = min(spacing)
        reach = min((len(part) - 1) * edge for part, edge in zip(self.counts, spacing, strict=True))
        distance = np.arange(int(reach / step * (1 + 1e-9)) + 1) * step
        curves = [
            np.interp(distance, np.arange(len(part)) * edge, self.autocorrelation(phase, axis))
            for axis, (part, edge) in enumerate(zip(self.counts, spacing, strict=True))
        ]
        return 4 * math.pi * _integral(np.mean(curves, axis=0), step, power=2)

    def surface_density(self, phase: int, spacing: Spacing) -> float:
        """Return the surface of a phase per volume from the slope of S2 at 0.

        Parameters
        ----------
        phase : int
            Its place in the order of the counts.
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in micrometres.

        Returns
        -------
        float
            -4 times the slope of S2 between the lags 0 and 1, averaged over the axes, in
            1/µm [4]_: twice the share of neighbours of which just one is in the phase, over
            their distance; ``nan`` if an axis has one voxel only. Right for randomly oriented
            surfaces, 2/3 of the truth for flat ones across an axis; low where features are
            of few voxels, as the slope falls within the first voxel.
        """
        if min(map(len, self.counts)) == 1:
            return math.nan
        slopes = []
        for axis, edge in enumerate(spacing):
            shares = self._shares(axis)[1]
            in_one = shares[phase, -1] + shares[-1, phase] - 2 * shares[phase, phase]
            slopes.append(in_one / 2 / edge)
        return 4 * float(np.mean(slopes))


def line_pairs(
    labels: NDArray[np.integer], phases: Sequence[int], lags: int, axis: int
) -> NDArray[np.int64]:
    """Count the pairs of voxels of each two phases along one axis, at lags from 0 up.

    Counts add: over any set of boxes that are whole along the axis and share no line, they
    sum to those of the volume.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        A box of labels, whole along `axis`.
    phases : sequence of int
        The labels of the phases; other labels are left out.
    lags : int
        The longest lag in voxels; pairs that do not fit into the box are none.
    axis : int
        0, 1 or 2.

    Returns
    -------
    ndarray of int64, shape (lags + 1, phases + 1, phases + 1)
        See `PairCounts`; the last row and column are those of any label.

    Notes
    -----
    One bit per voxel and phase; 64 pairs are compared at once. With n phases 3 + n / 8 bytes
    per voxel of the box beside the labels.
    """
    planes = np.ascontiguousarray(np.moveaxis(np.asarray(labels), axis, 0))
    planes = planes.reshape(planes.shape[0], -1)
    size, width = planes.shape
    bits = np.zeros((len(phases), size, -(-width // 64)), np.uint64)
    for plane, phase in zip(bits.view(np.uint8), phases, strict=True):
        plane[:, : -(-width // 8)] = np.packbits(planes == phase, axis=1)
    counts = np.zeros((lags + 1, len(phases) + 1, len(phases) + 1), np.int64)
    _count_pairs(bits, counts)
    voxels = np.bitwise_count(bits).sum(axis=2, dtype=np.int64)
    for lag in range(min(lags + 1, size)):
        counts[lag, :-1, -1] = voxels[:, : size - lag].sum(axis=1)
        counts[lag, -1, :-1] = voxels[:, lag:].sum(axis=1)
        counts[lag, -1, -1] = (size - lag) * width
    return counts


@njit(nogil=True, cache=True)
def _count_pairs(bits, counts):  # type: ignore[no-untyped-def]
    phases, size, words = bits.shape
    for start in range(0, words, _WORDS):
        stop = min(start + _WORDS, words)
        for place in range(size):
            for lag in range(min(len(counts), size - place)):
                for first in range(phases):
                    here = bits[first, place, start:stop]
                    for second in range(phases):
                        there = bits[second, place + lag, start:stop]
                        counts[lag, first, second] += _common(here, there)


@njit(nogil=True, cache=True)
def _common(here, there):  # type: ignore[no-untyped-def]
    # Bits set in both; the compiler knows this pattern and uses the machine's own count.
    total = np.uint64(0)
    for index in range(here.size):
        word = here[index] & there[index]
        word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
        word = (word & np.uint64(0x3333333333333333)) + (
            (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
        )
        word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        total += (word * np.uint64(0x0101010101010101)) >> np.uint64(56)
    return np.int64(total)


def _integral(curve: NDArray[np.float64], step: float, power: int) -> float:
    """Integrate r**power times a covariance from 0 to its end; nan if it has none."""
    rising = np.append(np.diff(curve) > 0, False)
    ends = np.flatnonzero(~(curve > 0) | ((curve < _NOISE) & rising))
    if ends.size == 0 or math.isnan(curve[ends[0]]):
        return math.nan
    last = int(ends[0])
    above = max(float(curve[last]), 0.0)
    drop = curve[last - 1] - curve[last]
    end = last if above else last - 1 + curve[last - 1] / drop
    places = np.append(np.arange(last), end) * step
    heights = np.append(curve[:last], above) * places**power
    return float(np.trapezoid(heights, places))
