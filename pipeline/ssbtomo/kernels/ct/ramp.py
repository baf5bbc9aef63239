"""The ramp filter of filtered back-projection."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError

__all__ = ["WINDOWS", "Window", "filter_rows", "ramp"]

Window = Literal["ram-lak", "shepp-logan", "cosine", "hamming", "hann"]
WINDOWS: tuple[Window, ...] = get_args(Window)


def ramp(width: int, window: Window = "ram-lak") -> NDArray[np.float32]:
    """Return the transfer function of the band-limited ramp for rows of a given width.

    It is the transform of the sampled kernel of the ramp (1/4 in the middle, ``-1 / (pi n)²`` at
    odd n) rather than ``abs(f)`` itself, which takes away the mean of the slice [1]_.

    Parameters
    ----------
    width : int
        Samples of a row; the filter is for rows padded to at least twice as many.
    window : {"ram-lak", "shepp-logan", "cosine", "hamming", "hann"}
        What damps the high frequencies; ``ram-lak`` leaves them.

    Returns
    -------
    ndarray of float32, shape (padded // 2 + 1,)
        Per detector pixel.

    Raises
    ------
    InputDataError
        If there is no such window.

    References
    ----------
    .. [1] A. C. Kak and M. Slaney, *Principles of Computerized Tomographic Imaging*, SIAM,
       2001, ch. 3.3; doi:10.1137/1.9780898719277.
    """
    if window not in WINDOWS:
        raise InputDataError(f"there is no window {window!r}", hint=f"one of {', '.join(WINDOWS)}")
    padded = _padded(width)
    odd = np.arange(1, padded // 2, 2)
    kernel = np.zeros(padded)
    kernel[0] = 0.25
    kernel[odd] = kernel[-odd] = -1.0 / (np.pi * odd) ** 2
    share = np.linspace(0.0, 1.0, padded // 2 + 1)  # of the Nyquist frequency
    damping = {
        "ram-lak": np.ones_like(share),
        "shepp-logan": np.sinc(share / 2),
        "cosine": np.cos(np.pi * share / 2),
        "hamming": 0.54 + 0.46 * np.cos(np.pi * share),
        "hann": 0.5 + 0.5 * np.cos(np.pi * share),
    }[window]
    return np.asarray(scipy.fft.rfft(kernel).real * damping, np.float32)


def filter_rows(
    rows: NDArray[Any], window: Window = "ram-lak", *, padding: Literal["edge", "zero"] = "edge"
) -> NDArray[np.float32]:
    """Apply the ramp along the last axis.

    Parameters
    ----------
    rows : ndarray, shape (..., U)
        Line integrals.
    window : {"ram-lak", "shepp-logan", "cosine", "hamming", "hann"}
        As of `ramp`.
    padding : {"edge", "zero"}
        What lies beyond the detector: its outermost sample, faded out to the far end (for
        samples wider than the field of view; no bright rim then), or nothing.

    Returns
    -------
    ndarray of float32, shape (..., U)
        Filtered. The peak beside it is 8 times the bytes of one row's float32, per row.
    """
    width = rows.shape[-1]
    transfer = ramp(width, window)
    padded = _padded(width)
    out = np.empty(rows.shape, np.float32)
    for index in np.ndindex(rows.shape[:-2]):
        sheet = np.zeros((rows.shape[-2], padded), np.float32)
        sheet[:, :width] = rows[index]
        if padding == "edge":
            _fade(sheet, width)
        spectrum = scipy.fft.rfft(sheet, axis=-1)
        spectrum *= transfer
        out[index] = scipy.fft.irfft(spectrum, n=padded, axis=-1)[:, :width]
    return out


def _padded(width: int) -> int:
    return int(scipy.fft.next_fast_len(2 * width, real=True) + 1) // 2 * 2


def _fade(sheet: NDArray[np.float32], width: int) -> None:
    """Continue both edges into the padding, half of it each, falling to nothing."""
    room = sheet.shape[1] - width
    right = room // 2
    sheet[:, width : width + right] = sheet[:, width - 1 : width] * _fall(right)
    sheet[:, width + right :] = sheet[:, :1] * _fall(room - right)[::-1]


def _fall(count: int) -> NDArray[np.float32]:
    return (0.5 + 0.5 * np.cos(np.pi * (np.arange(count) + 0.5) / max(count, 1))).astype(np.float32)
