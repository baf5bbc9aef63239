"""Grey-value histograms as integer counts that add over any cut of a volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.compiling import njit

__all__ = ["GreyRange", "Histogram", "count_grey", "grey_range"]

_FLOAT_BINS = 4096


@dataclass(frozen=True, slots=True)
class GreyRange:
    """Smallest and largest finite grey value, and how many values are not finite.

    Parameters
    ----------
    low, high : float
        Of the finite values; ``inf`` and ``-inf`` if there is none.
    bad : int
        Values that are NaN or infinite.
    first_bad : tuple of int or None
        Where the first of them lies, in the order of the array (Z, Y, X).
    """

    low: float
    high: float
    bad: int = 0
    first_bad: tuple[int, int, int] | None = None

    def __add__(self, other: GreyRange) -> GreyRange:
        places = [place for place in (self.first_bad, other.first_bad) if place is not None]
        return GreyRange(
            min(self.low, other.low),
            max(self.high, other.high),
            self.bad + other.bad,
            min(places) if places else None,
        )


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often each grey value occurs.

    Parameters
    ----------
    counts : ndarray of int64
        Voxels per bin.
    low : float
        Lower edge of the first bin.
    width : float
        Width of a bin. For integer images a bin is one value, and the edges lie half-way
        between the values.
    """

    counts: NDArray[np.int64]
    low: float
    width: float

    @property
    def centres(self) -> NDArray[np.float64]:
        """Grey value in the middle of each bin."""
        return np.asarray(self.low + self.width * (np.arange(self.counts.size) + 0.5), np.float64)

    @property
    def edges(self) -> NDArray[np.float64]:
        """Grey values between the bins, one more than there are bins."""
        return np.asarray(self.low + self.width * np.arange(self.counts.size + 1), np.float64)

    @property
    def total(self) -> int:
        """Voxels counted."""
        return int(self.counts.sum())

    @classmethod
    def of(cls, image: NDArray[Any]) -> Histogram:
        """Count the grey values of an array in memory.

        Parameters
        ----------
        image : ndarray
            Grey values.

        Returns
        -------
        Histogram
            Trimmed to the occupied bins.

        Raises
        ------
        InputDataError
            If a value is not finite.
        """
        span = grey_range(image)
        if span.bad:
            raise InputDataError(
                f"{span.bad} voxels are NaN or infinite, the first at (z, y, x) = {span.first_bad}",
                hint="replace them, or crop the volume, before it is segmented",
            )
        return cls.empty(image.dtype, span).filled(image)

    @classmethod
    def empty(cls, dtype: np.dtype[Any], span: GreyRange) -> Histogram:
        """Return the bins for a volume of this type and range, with no counts yet.

        Parameters
        ----------
        dtype : numpy.dtype
            Type of a voxel.
        span : GreyRange
            Of the whole volume.

        Returns
        -------
        Histogram
            One bin per value where at most 65536 values fit; else 4096 equal bins.
        """
        low, high = span.low, span.high
        if np.dtype(dtype).kind in "uib" and high - low < 65536:
            return cls(np.zeros(int(high - low) + 1, np.int64), low - 0.5, 1.0)
        width = (high - low) / _FLOAT_BINS if high > low else 1.0
        return cls(np.zeros(_FLOAT_BINS if high > low else 1, np.int64), low, width)

    def filled(self, image: NDArray[Any]) -> Histogram:
        """Return the counts of `image` in these bins.

        Parameters
        ----------
        image : ndarray
            Grey values within the range of the bins.

        Returns
        -------
        Histogram
            Same bins; the old counts are not added.
        """
        return Histogram(
            count_grey(image, self.low, self.width, self.counts.size), self.low, self.width
        )

    def coarse(self, bins: int = 1024) -> Histogram:
        """Join bins so that at most `bins` remain, rare outliers gathered in the end bins.

        Parameters
        ----------
        bins : int
            Most bins to keep.

        Returns
        -------
        Histogram
            The range that holds all but a hundred-thousandth of the voxels at either end is cut
            into equal groups of bins; the rest is counted in the first and last.
        """
        if self.counts.size <= bins:
            return self
        rank = np.cumsum(self.counts)
        tail = rank[-1] * 1e-5
        first = int(np.searchsorted(rank, tail, side="right"))
        last = int(np.searchsorted(rank, rank[-1] - tail, side="left"))
        group = -(-(last - first + 1) // bins)
        index = np.clip((np.arange(self.counts.size) - first) // group, 0, (last - first) // group)
        counts = np.zeros(int(index[-1]) + 1, np.int64)
        np.add.at(counts, index, self.counts)
        return Histogram(counts, self.low + first * self.width, self.width * group)


def grey_range(image: NDArray[Any]) -> GreyRange:
    """Return the range of the finite values, and where the others begin.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values, of any real type.

    Returns
    -------
    GreyRange
        Ranges of parts of a volume add (shift `first_bad` to the volume first).
    """
    if image.dtype.kind in "uib":
        return GreyRange(float(image.min()), float(image.max()))
    finite = np.isfinite(image)
    if finite.all():
        return GreyRange(float(image.min()), float(image.max()))
    good = image[finite]
    place = np.unravel_index(int(np.argmin(finite)), image.shape)
    low, high = (float(good.min()), float(good.max())) if good.size else (np.inf, -np.inf)
    where = tuple(int(p) for p in place)
    return GreyRange(low, high, int(finite.size - good.size), where)  # type: ignore[arg-type]


def count_grey(image: NDArray[Any], low: float, width: float, bins: int) -> NDArray[np.int64]:
    """Count grey values in equal bins.

    Parameters
    ----------
    image : ndarray
        Grey values; what lies outside the bins is counted in the first or last.
    low, width : float
        Lower edge of the first bin, and width of each.
    bins : int
        Number of bins.

    Returns
    -------
    ndarray of int64, shape (bins,)
        Counts of parts of a volume add.
    """
    counts = np.zeros(bins, np.int64)
    values = image.view(np.uint8) if image.dtype == np.bool_ else image
    _count(np.ascontiguousarray(values).reshape(-1), float(low), float(width), counts)
    return counts


@njit(nogil=True, cache=True)
def _count(values, low, width, counts):  # type: ignore[no-untyped-def]
    last = counts.size - 1
    for value in values:
        position = int((float(value) - low) / width)
        counts[min(max(position, 0), last)] += 1
