"""By how much one slice is shifted against another, to a few hundredths of a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = [
    "RINGS",
    "Pair",
    "RingSums",
    "Step",
    "coarse_shift",
    "correlation",
    "overlap",
    "refined_shift",
    "ring_sums",
    "ring_weights",
    "taper",
]

RINGS = 64
"""Rings of spatial frequency, up to that of Nyquist along an axis."""

_TAPER = 0.125  # share of an edge over which a slice fades out at either end
_EFFECTIVE = 1.26  # by how much the taper makes neighbouring frequencies say the same, per axis
_STEPS = 12
_LEAST = 16  # pixels that must overlap

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Step:
    """A shift and what it is worth.

    Parameters
    ----------
    shift : ndarray of float, shape (2,)
        Pixels (y, x) by which the second slice's content lies further than the first's.
    sigma : ndarray of float, shape (2,)
        Standard errors, from the scatter of what single frequencies say: noise and change of
        the structure are both in it, motion common to all frequencies is not.
    correlation : float
        Of the two slices, brought over each other by whole pixels.
    """

    shift: Floats
    sigma: Floats
    correlation: float


@dataclass(frozen=True, slots=True)
class RingSums:
    """Sums over frequency rings; those of several pairs add.

    Parameters
    ----------
    cross : ndarray of float, shape (RINGS,)
        Real part of the aligned cross spectra.
    power : ndarray of float, shape (RINGS,)
        Mean power of the two slices.
    count : ndarray of float, shape (RINGS,)
        Frequencies.
    """

    cross: Floats
    power: Floats
    count: Floats

    def __add__(self, other: RingSums) -> RingSums:
        return RingSums(
            self.cross + other.cross, self.power + other.power, self.count + other.count
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """Spectra of the overlap of two slices.

    Parameters
    ----------
    cross : ndarray of complex, shape (Y, X // 2 + 1)
        Spectrum of the first times that of the second conjugated.
    power : ndarray of float, shape (Y, X // 2 + 1)
        Mean power of both.
    rows, columns : ndarray of float
        Frequencies in cycles per pixel, as columns and rows to broadcast.
    whole : ndarray of int, shape (2,)
        Whole pixels by which the second was shifted back already.
    """

    cross: NDArray[np.complex128]
    power: Floats
    rows: Floats
    columns: Floats
    whole: NDArray[np.int64]

    @classmethod
    def of(cls, first: NDArray[Any], second: NDArray[Any], shift: Floats) -> Pair:
        """Cut out what two slices share at a shift, fade it out at the rims, transform it.

        Parameters
        ----------
        first, second : ndarray, shape (Y, X)
            Two slices.
        shift : ndarray of float, shape (2,)
            Known to a pixel or so.

        Returns
        -------
        Pair
            The peak is 48 bytes per pixel.
        """
        whole = np.rint(shift).astype(np.int64)
        a, b = overlap(first, second, whole)
        window = taper(a.shape[0])[:, None] * taper(a.shape[1])
        size = float((window**2).sum())
        spectra = []
        for part in (a, b):
            values = np.asarray(part, np.float64)
            mean = float((values * window).sum() / window.sum())
            spectra.append(scipy.fft.rfft2((values - mean) * window))
        one, two = spectra
        power = (0.5 / size) * (one.real**2 + one.imag**2 + two.real**2 + two.imag**2)
        rows, columns = _frequencies(a.shape)
        return cls(one * np.conj(two) / size, power, rows, columns, whole)

    @property
    def doubled(self) -> Floats:
        """How often each frequency stands for itself and its mirror image."""
        doubled = np.full(self.columns.shape, 2.0)
        doubled[..., 0] = 1.0
        if self.columns[0, -1] >= 0.5:
            doubled[..., -1] = 1.0
        return doubled


def overlap(
    first: NDArray[Any], second: NDArray[Any], whole: NDArray[np.int64]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the parts of two slices that show the same, by whole pixels.

    Parameters
    ----------
    first, second : ndarray, shape (Y, X)
        Slices.
    whole : ndarray of int, shape (2,)
        Shift of the second's content.

    Returns
    -------
    first, second : ndarray
        Views of one shape.
    """
    cuts_a, cuts_b = [], []
    for size, wanted in zip(first.shape, whole.tolist(), strict=True):
        by = max(min(wanted, size - min(_LEAST, size)), min(_LEAST, size) - size)
        cuts_a.append(slice(max(-by, 0), min(size, size - by)))
        cuts_b.append(slice(max(by, 0), min(size, size + by)))
    return first[tuple(cuts_a)], second[tuple(cuts_b)]


def coarse_shift(first: NDArray[Any], second: NDArray[Any], *, high_pass: float = 0.0) -> Floats:
    """Find a shift of any size by plain cross-correlation, to about a fifth of a pixel.

    The spectra are not normalised to phases: that would give noise and structure equal say.

    Parameters
    ----------
    first, second : ndarray, shape (Y, X)
        Slices.
    high_pass : float
        Standard deviation in pixels of the blur that is subtracted before; 0 for none.

    Returns
    -------
    ndarray of float, shape (2,)
        Pixels (y, x); up to half an edge.
    """
    pair = Pair.of(first, second, np.zeros(2))
    cross = pair.cross * _high_pass(pair, high_pass)
    surface = scipy.fft.irfft2(cross, s=first.shape)
    peak = np.array(np.unravel_index(int(surface.argmax()), surface.shape))
    sizes = np.array(surface.shape)
    found = np.empty(2)
    for axis in (0, 1):
        near = [tuple((peak + by * np.eye(2, dtype=int)[axis]) % sizes) for by in (-1, 0, 1)]
        before, here, after = (float(surface[place]) for place in near)
        bend = before - 2 * here + after
        found[axis] = peak[axis] + (0.5 * (before - after) / bend if bend < 0 else 0.0)
    found = np.where(found > sizes / 2, found - sizes, found)
    return -found  # the peak lies where the second must be moved to


def ring_sums(pair: Pair, shift: Floats) -> RingSums:
    """Sum the spectra of a pair over frequency rings, for the weights of all pairs.

    Parameters
    ----------
    pair : Pair
        Two slices.
    shift : ndarray of float, shape (2,)
        Of the pair, as known.

    Returns
    -------
    RingSums
        Of this pair.
    """
    ring = _rings(pair)
    aligned = (pair.cross * _phase(pair, shift - pair.whole)).real
    doubled = np.broadcast_to(pair.doubled, ring.shape).ravel()
    flat = ring.ravel()
    cross, power, count = (
        np.asarray(np.bincount(flat, values, RINGS), np.float64)
        for values in (aligned.ravel() * doubled, pair.power.ravel() * doubled, doubled)
    )
    return RingSums(cross, power, count)


def ring_weights(sums: RingSums) -> Floats:
    """Return Hannan and Thomson's weights: what each ring can tell, over its power [1]_.

    Parameters
    ----------
    sums : RingSums
        Of all pairs.

    Returns
    -------
    ndarray of float, shape (RINGS,)
        Coherence² / (1 - coherence²) / power: white noise and rings in which the structure
        has changed have little say, whatever their power.

    References
    ----------
    .. [1] E. J. Hannan and P. J. Thomson, Biometrika 60, 241 (1973), doi:10.1093/biomet/60.2.241.
    """
    power = np.maximum(sums.power, 1e-300)
    coherence = np.clip(sums.cross / power, 0.0, 0.999)
    # what chance alone gives a ring of so many frequencies
    chance = 1.0 / np.sqrt(np.maximum(sums.count, 1.0))
    coherence[coherence < chance] = 0.0
    weight = coherence**2 / (1 - coherence**2) / (power / np.maximum(sums.count, 1.0))
    weight[sums.count == 0] = 0.0
    return np.asarray(weight)


def refined_shift(
    pair: Pair, weights: Floats, shift: Floats, *, high_pass: float = 0.0
) -> tuple[Floats, Floats]:
    """Maximise the weighted correlation of a pair by Newton's method.

    Parameters
    ----------
    pair : Pair
        Two slices.
    weights : ndarray of float, shape (RINGS,)
        From `ring_weights`.
    shift : ndarray of float, shape (2,)
        Where to begin, to within a pixel or so.
    high_pass : float
        As of `coarse_shift`.

    Returns
    -------
    shift, sigma : ndarray of float, shape (2,)
        Pixels, and their standard errors; those are infinite where the pair tells nothing.
    """
    weight = weights[_rings(pair)] * _high_pass(pair, high_pass)
    weighted = pair.cross * weight * pair.doubled
    place = np.asarray(shift - pair.whole, np.float64)
    ky, kx = 2 * np.pi * pair.rows, 2 * np.pi * pair.columns
    begin = place.copy()
    hessian = np.zeros((2, 2))
    for _ in range(_STEPS):
        turned = weighted * _phase(pair, place)
        slope = np.array([(turned.imag * ky).sum(), (turned.imag * kx).sum()])
        real = turned.real
        hessian = np.array(
            [[(real * ky * ky).sum(), (real * ky * kx).sum()], [0.0, (real * kx * kx).sum()]]
        )
        hessian[1, 0] = hessian[0, 1]
        if hessian[0, 0] <= 0 or hessian[1, 1] <= 0 or np.linalg.det(hessian) <= 0:
            return np.asarray(shift, np.float64), np.full(2, np.inf)
        move = np.linalg.solve(hessian, slope)
        place = place + move * min(1.0, 0.5 / max(float(np.abs(move).max()), 1e-12))
        if np.abs(move).max() < 1e-5:
            break
    if np.abs(place - begin).max() > 3:
        return np.asarray(shift, np.float64), np.full(2, np.inf)
    scatter = (weighted * _phase(pair, place)).imag ** 2 * (2 / pair.doubled)
    spread = np.array(
        [
            [(scatter * ky * ky).sum(), (scatter * ky * kx).sum()],
            [(scatter * ky * kx).sum(), (scatter * kx * kx).sum()],
        ]
    )
    inverse = np.linalg.inv(hessian)
    covariance = inverse @ spread @ inverse
    return place + pair.whole, _EFFECTIVE * np.sqrt(np.diag(covariance))


def correlation(first: NDArray[Any], second: NDArray[Any], shift: Floats) -> float:
    """Return the correlation of two slices, brought over each other by whole pixels.

    Parameters
    ----------
    first, second : ndarray, shape (Y, X)
        Slices.
    shift : ndarray of float, shape (2,)
        Pixels.

    Returns
    -------
    float
        0 if one of them is constant.
    """
    a, b = overlap(first, second, np.rint(shift).astype(np.int64))
    a, b = (np.asarray(part, np.float64) - part.mean(dtype=np.float64) for part in (a, b))
    norm = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / norm) if norm > 0 else 0.0


def taper(size: int) -> Floats:
    """Return Tukey's window, by which a slice fades out at either end.

    Parameters
    ----------
    size : int
        Pixels.

    Returns
    -------
    ndarray of float
        1 but for an eighth at either end.
    """
    window = np.ones(size)
    rim = int(size * _TAPER)
    if rim:
        rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(rim) + 0.5) / rim)
        window[:rim], window[size - rim :] = rise, rise[::-1]
    return window


def _frequencies(shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    return (
        np.asarray(scipy.fft.fftfreq(shape[0])[:, None]),
        np.asarray(scipy.fft.rfftfreq(shape[1])[None]),
    )


def _rings(pair: Pair) -> NDArray[np.int64]:
    radius = np.hypot(pair.rows, pair.columns)
    return np.minimum((radius * (2 * RINGS)).astype(np.int64), RINGS - 1)


def _phase(pair: Pair, shift: Floats) -> NDArray[np.complex128]:
    """Return what turns the cross spectrum of a pair shifted by `shift` into that of an aligned one."""
    rows = np.exp(-2j * np.pi * pair.rows * shift[0])
    columns = np.exp(-2j * np.pi * pair.columns * shift[1])
    return np.asarray(rows * columns)


def _high_pass(pair: Pair, sigma: float) -> Floats | float:
    if not sigma:
        return 1.0
    squared = pair.rows**2 + pair.columns**2
    return np.asarray((1 - np.exp(-2 * (np.pi * sigma) ** 2 * squared)) ** 2)
