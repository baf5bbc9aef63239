"""Stripes of sinograms, which are the rings of slices."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.compiling import njit

__all__ = ["STRIPES", "Stripes", "remove_stripes", "running_median", "stripe_energy"]

Stripes = Literal["none", "profile", "sorting", "large"]
STRIPES: tuple[Stripes, ...] = get_args(Stripes)

_FAR = 0.05
"""Share of the mean row's range by which a large stripe is off, at least."""


def remove_stripes(
    sinogram: NDArray[Any],
    method: Stripes = "sorting",
    *,
    width: int = 21,
    strength: float = 1.0,
) -> NDArray[np.float32]:
    """Take away what a detector pixel adds to all its samples.

    ``profile``: the mean over the angles, less its running median along U, is subtracted from
    every projection; right for pixels that are off by a constant. ``sorting`` [1]_: every
    pixel's samples are sorted, the running median along U is taken at equal rank, and the
    order is undone; stripes that come and go or depend on the intensity go, too. ``large``:
    ``sorting``, after pixels that do not respond or that are far off over a wide stripe were
    scaled to, or bridged by, their neighbours.

    Parameters
    ----------
    sinogram : ndarray, shape (angles, U)
        Line integrals.
    method : {"none", "profile", "sorting", "large"}
        How.
    width : int
        Odd number of detector pixels of the running median: wider than any stripe, narrower
        than what must not be smoothed at its rims.
    strength : float
        Share of the found stripes that is taken away, in (0, 1].

    Returns
    -------
    ndarray of float32, shape (angles, U)
        A copy. The peak beside it is 16 bytes per sample.

    Raises
    ------
    InputDataError
        If an option is out of range.

    References
    ----------
    .. [1] N. T. Vo, R. C. Atwood and M. Drakopoulos, Opt. Express 26, 28396 (2018),
       doi:10.1364/OE.26.028396, algorithms 3 to 6.
    """
    if method not in STRIPES:
        raise InputDataError(f"there is no method {method!r}", hint=f"one of {', '.join(STRIPES)}")
    if width < 3 or width % 2 == 0 or not 0 < strength <= 1:
        raise InputDataError(
            f"width = {width!r} and strength = {strength!r} do not work",
            hint="width: an odd number from 3; strength: above 0, up to 1",
        )
    rows = np.array(sinogram, np.float32, ndmin=2)
    if method == "none" or rows.shape[1] < width:
        return rows
    if method == "profile":
        mean = rows.mean(axis=0, dtype=np.float64)[None]
        stripe = mean - running_median(mean.astype(np.float32), width)
        return np.asarray(rows - np.float32(strength) * stripe.astype(np.float32))
    if method == "large":
        rows = _bridge_silent(_level_large(rows, width), width)
    clean = _by_rank(rows, width)
    return clean if strength == 1.0 else rows + np.float32(strength) * (clean - rows)


def stripe_energy(sinogram: NDArray[Any], width: int = 21) -> float:
    """Return how strong the stripes are: the deviation of the mean row from its running median.

    Parameters
    ----------
    sinogram : ndarray, shape (angles, U)
        Line integrals.
    width : int
        Of the running median, odd.

    Returns
    -------
    float
        Root mean square, in the unit of the sinogram. The edges of the sample add a little.
    """
    mean = np.asarray(sinogram, np.float64).mean(axis=0)[None].astype(np.float32)
    return float(np.sqrt(np.mean((mean - running_median(mean, width)) ** 2)))


def _by_rank(rows: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    columns = np.ascontiguousarray(rows.T)
    order = np.argsort(columns, axis=1)
    ranked = np.take_along_axis(columns, order, axis=1)
    smooth = running_median(np.ascontiguousarray(ranked.T), width)
    np.put_along_axis(columns, order, np.ascontiguousarray(smooth.T), axis=1)
    return np.ascontiguousarray(columns.T)


def _level_large(rows: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Shift the pixels that are far off, over stripes as wide as the median sees."""
    wide = min(4 * width + 1, (rows.shape[1] - 1) // 2 * 2 + 1)
    mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    # a slope that goes on beyond the ends is its own median; a mirrored one is not
    going_on = np.pad(mean, wide // 2, mode="reflect", reflect_type="odd")[None]
    off = mean - running_median(going_on, wide)[0, wide // 2 : wide // 2 + len(mean)]
    usual = 1.4826 * float(np.median(np.abs(off - np.median(off))))
    far = np.abs(off) > max(6 * usual, _FAR * float(np.ptp(mean)))
    return np.asarray(rows - np.where(far, off, 0).astype(np.float32))


def _bridge_silent(rows: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Interpolate pixels that vary far less, or far more, from angle to angle than others."""
    change = np.abs(np.diff(rows, axis=0)).mean(axis=0, dtype=np.float64).astype(np.float32)[None]
    usual = np.maximum(running_median(change, width)[0], 1e-12)
    ratio = change[0] / usual
    bad = (ratio < 0.1) | (ratio > 10)
    good = np.flatnonzero(~bad)
    if not bad.any() or len(good) < 2:
        return rows
    gone = np.flatnonzero(bad)
    right = np.clip(np.searchsorted(good, gone), 1, len(good) - 1)
    left, right = good[right - 1], good[right]
    far = np.clip((gone - left) / (right - left), 0, 1).astype(np.float32)
    out = rows.copy()
    out[:, gone] = rows[:, left] * (1 - far) + rows[:, right] * far
    return out


def running_median(rows: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Return the median of a window around each sample of each row, mirrored at the ends.

    Parameters
    ----------
    rows : ndarray of float32, shape (rows, samples)
        Finite values.
    width : int
        Odd number of samples.

    Returns
    -------
    ndarray of float32
        Of the same shape.
    """
    reach = width // 2
    padded = np.pad(rows, ((0, 0), (reach, reach)), mode="symmetric")
    out = np.empty(rows.shape, np.float32)
    _slide(padded, width, out)
    return out


@njit(nogil=True, cache=True)
def _slide(padded: NDArray[np.float32], width: int, out: NDArray[np.float32]) -> None:
    """Keep the window sorted; each step replaces one value by the next."""
    window = np.empty(width, np.float32)
    middle = width // 2
    for row in range(len(padded)):
        values = padded[row]
        window[:] = np.sort(values[:width])
        out[row, 0] = window[middle]
        for i in range(1, out.shape[1]):
            old, new = values[i - 1], values[i + width - 1]
            if old == new:
                out[row, i] = window[middle]
                continue
            at = 0
            while window[at] != old:
                at += 1
            while at + 1 < width and window[at + 1] < new:
                window[at] = window[at + 1]
                at += 1
            while at > 0 and window[at - 1] > new:
                window[at] = window[at - 1]
                at -= 1
            window[at] = new
            out[row, i] = window[middle]
