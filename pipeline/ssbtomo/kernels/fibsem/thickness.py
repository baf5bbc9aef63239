"""How thick the slices are, from how fast their images stop resembling one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.fibsem.slice_pair import Pair, taper

__all__ = ["Likeness", "SliceThickness", "likeness_of", "slice_thickness"]

_RANGE = (0.15, 0.93)  # of the structure's variance: lags in between tell the thickness
_GROUPS = 8
_FLOOR = 0.02  # the estimate assumes an isotropic structure; it is not believed to better than this

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Likeness:
    """Covariances of the structure between pixels of a slice, and between slices.

    Parameters
    ----------
    rows, columns : ndarray of float, shape (lags,)
        Covariance of pixels 1, 2, ... rows (columns) apart, free of white noise.
    slices : ndarray of float, shape (lags,)
        Covariance of pixels at one place 1, 2, ... slices apart.
    """

    rows: Floats
    columns: Floats
    slices: Floats


@dataclass(frozen=True, slots=True)
class SliceThickness:
    """An estimate of the distance of the slices.

    Parameters
    ----------
    value, sigma : float
        In the unit of the pixel edges. The error holds the scatter between parts of the stack
        and the difference between both axes of the slice.
    along_rows, along_columns : float
        From the correlation along y, and along x, alone.
    lags : tuple of int
        Distances in slices that were used.
    """

    value: float
    sigma: float
    along_rows: float
    along_columns: float
    lags: tuple[int, ...]


def likeness_of(images: list[NDArray[Any]], places: Floats, *, lags: int, pixels: int) -> Likeness:
    """Measure how a slice resembles itself, moved, and those that follow.

    Noise of one slice is not in another, and white noise only in a pixel with itself: neither
    covariance holds it.

    Parameters
    ----------
    images : list of ndarray, shape (Y, X)
        A slice and `lags` that follow.
    places : ndarray of float, shape (lags + 1, 2)
        Pixels by which their content lies further than in the first.
    lags : int
        Slices.
    pixels : int
        Largest distance within the slice.

    Returns
    -------
    Likeness
        Of this slice.
    """
    along = []
    for number in range(1, lags + 1):
        shift = places[number] - places[0]
        pair = Pair.of(images[0], images[number], shift)
        rest = shift - pair.whole
        turn = np.exp(-2j * np.pi * (pair.rows * rest[0] + pair.columns * rest[1]))
        total = float(((pair.cross * turn).real * pair.doubled).sum())
        along.append(total / _size(pair))
    own = Pair.of(images[0], images[0], np.zeros(2))
    height, width = images[0].shape
    plane = scipy.fft.irfft2(own.power, s=(height, width))
    seen = _window_overlap(height), _window_overlap(width)
    rows = plane[1 : pixels + 1, 0] / seen[0][1 : pixels + 1]
    columns = plane[0, 1 : pixels + 1] / seen[1][1 : pixels + 1]
    return Likeness(rows, columns, np.array(along))


def _size(pair: Pair) -> float:
    """Return the number of frequencies, which the transform does not divide by."""
    return float(pair.doubled.sum() * pair.rows.size)


def _window_overlap(size: int) -> Floats:
    """Return the autocorrelation of the taper along one axis, 1 at 0."""
    window = taper(size)
    found = scipy.fft.irfft(np.abs(scipy.fft.rfft(window)) ** 2, size)
    return np.asarray(found / found[0])


def slice_thickness(parts: list[Likeness], edges: tuple[float, float]) -> SliceThickness:
    """Estimate the distance of the slices of an isotropic structure.

    Parameters
    ----------
    parts : list of Likeness
        Of slices all over the stack.
    edges : tuple of float
        Height and width of a pixel.

    Returns
    -------
    SliceThickness
        The distance at which pixels of a slice are as alike as those of neighbouring slices.

    Raises
    ------
    InputDataError
        If no lag tells: neighbouring slices have nothing in common, or nothing changes.
    """
    whole = _mean(parts)
    lags = _lags(whole)
    if not lags:
        share = whole.slices / max(float(whole.columns[0]), 1e-300)
        raise InputDataError(
            "the slice thickness cannot be estimated: neighbouring slices have "
            f"{share[0]:.0%} of their variance in common",
            hint="15 % to 93 % are needed at some distance; align the stack, or give the thickness",
        )
    count = min(_GROUPS, len(parts))
    groups = [parts[n::count] for n in range(count)]
    left = [_mean([p for k, g in enumerate(groups) if k != n for p in g]) for n in range(count)]
    jack = np.array([_values(one, edges, lags) for one in left]) if count > 1 else None
    values = _values(whole, edges, lags)  # (lags, 2)
    if jack is None:
        weights = np.ones(len(lags))
        scatter = 0.0
    else:
        spread = (jack.mean(axis=2).std(axis=0) * np.sqrt(count - 1.0)) ** 2
        weights = 1.0 / (spread + (0.01 * values.mean()) ** 2)
        weights /= weights.sum()
        scatter = float((jack.mean(axis=2) @ weights).std() * np.sqrt(count - 1.0))
    weights = weights / weights.sum()
    rows, columns = (float(v) for v in weights @ values)
    value = 0.5 * (rows + columns)
    error = np.hypot(scatter, 0.5 * (rows - columns))
    return SliceThickness(value, float(np.hypot(error, _FLOOR * value)), rows, columns, lags)


def _mean(parts: list[Likeness]) -> Likeness:
    rows, columns, slices = (
        np.mean([getattr(part, name) for part in parts], axis=0)
        for name in ("rows", "columns", "slices")
    )
    return Likeness(rows, columns, slices)


def _lags(whole: Likeness) -> tuple[int, ...]:
    """Choose the distances at which the likeness falls, and within what a slice shows."""
    top = 0.5 * float(whole.rows[0] + whole.columns[0])
    if top <= 0:
        return ()
    least = max(float(whole.rows.min()), float(whole.columns.min()), _RANGE[0] * top)
    share = whole.slices
    chosen = []
    for number, value in enumerate(share, 1):
        if value <= least:
            break
        if value < _RANGE[1] * top:
            chosen.append(number)
    return tuple(chosen)


def _values(part: Likeness, edges: tuple[float, float], lags: tuple[int, ...]) -> Floats:
    """Return the thickness that each lag gives, along rows and along columns."""
    found = np.empty((len(lags), 2))
    for axis, (curve, edge) in enumerate(zip((part.rows, part.columns), edges, strict=True)):
        for place, lag in enumerate(lags):
            found[place, axis] = _crossing(curve, float(part.slices[lag - 1])) * edge / lag
    return found


def _crossing(curve: Floats, value: float) -> float:
    """Return where a falling curve, told at 1, 2, ..., first has a value."""
    below = np.flatnonzero(curve < value)
    if not len(below):
        return float(len(curve))
    after = int(below[0])
    if after == 0:  # nearer than one pixel: on with the slope of the first two
        slope = max(float(curve[0] - curve[1]), 1e-300)
        return float(max(1 - (value - curve[0]) / slope, 0.0))
    high, low = float(curve[after - 1]), float(curve[after])
    return after + (high - value) / (high - low)
