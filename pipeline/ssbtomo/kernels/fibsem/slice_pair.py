"""Two slices and their spectra, brought over each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = ["Pair", "faded_spectra", "high_pass_of", "overlap", "taper", "turns"]

_TAPER = 0.0625  # share of an edge over which a slice fades out at either end
_LEAST = 16  # pixels that must overlap

Floats = NDArray[np.float64]


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
        one, two = faded_spectra(*overlap(first, second, whole))
        power = 0.5 * (one.real**2 + one.imag**2 + two.real**2 + two.imag**2)
        rows, columns = _frequencies(overlap(first, second, whole)[0].shape)
        return cls(one * np.conj(two), power, rows, columns, whole)

    @property
    def doubled(self) -> Floats:
        """How often each frequency stands for itself and its mirror image."""
        doubled = np.full(self.columns.shape, 2.0)
        doubled[..., 0] = 1.0
        if self.columns[0, -1] >= 0.5:
            doubled[..., -1] = 1.0
        return doubled


def faded_spectra(
    first: NDArray[Any], second: NDArray[Any]
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Fade two images out at the rims and transform them, white noise of variance 1 to power 1.

    Parameters
    ----------
    first, second : ndarray, shape (Y, X)
        Of one shape.

    Returns
    -------
    first, second : ndarray of complex, shape (Y, X // 2 + 1)
        Their spectra.
    """
    window = taper(first.shape[0])[:, None] * taper(first.shape[1])
    scale = 1 / np.sqrt(float((window**2).sum()))
    spectra = []
    for image in (first, second):
        values = np.asarray(image, np.float64)
        mean = float((values * window).sum() / window.sum())
        spectra.append(np.asarray(scipy.fft.rfft2((values - mean) * (window * scale))))
    return spectra[0], spectra[1]


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


def taper(size: int) -> Floats:
    """Return Tukey's window, by which a slice fades out at either end.

    Parameters
    ----------
    size : int
        Pixels.

    Returns
    -------
    ndarray of float
        1 but for a sixteenth at either end.
    """
    window = np.ones(size)
    rim = int(size * _TAPER)
    if rim:
        rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(rim) + 0.5) / rim)
        window[:rim], window[size - rim :] = rise, rise[::-1]
    return window


def turns(pair: Pair, shift: Floats) -> NDArray[np.complex128]:
    """Return what turns the cross spectrum of a pair shifted by `shift` into that of an aligned one.

    Parameters
    ----------
    pair : Pair
        Two slices.
    shift : ndarray of float, shape (2,)
        Pixels.

    Returns
    -------
    ndarray of complex, shape (Y, X // 2 + 1)
        Of modulus 1.
    """
    rows = np.exp(-2j * np.pi * pair.rows * shift[0])
    columns = np.exp(-2j * np.pi * pair.columns * shift[1])
    return np.asarray(rows * columns)


def high_pass_of(pair: Pair, sigma: float) -> Floats | float:
    """Return what a high pass leaves of the power at each frequency.

    Parameters
    ----------
    pair : Pair
        Two slices.
    sigma : float
        Standard deviation in pixels of the blur that is subtracted; 0 for none.

    Returns
    -------
    ndarray of float, shape (Y, X // 2 + 1), or float
        From 0 to 1.
    """
    if not sigma:
        return 1.0
    squared = pair.rows**2 + pair.columns**2
    return np.asarray((1 - np.exp(-2 * (np.pi * sigma) ** 2 * squared)) ** 2)


def _frequencies(shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    return (
        np.asarray(scipy.fft.fftfreq(shape[0])[:, None]),
        np.asarray(scipy.fft.rfftfreq(shape[1])[None]),
    )
