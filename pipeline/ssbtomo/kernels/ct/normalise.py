"""From counts on the detector to line integrals of the attenuation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import AxisError, InputDataError

__all__ = ["Reference", "line_integrals", "reference", "remove_zingers", "transmission"]

_FAINT = 0.05
"""Share of the usual gain below which a pixel counts as dead."""
_DRIFT = 12.0
"""Robust standard deviations by which the flats of a pixel may change between their halves."""
_LEAST = 1e-3
"""Transmission below which nothing can be told: an attenuation of 6.9."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a detector sees without a sample, and which of its pixels to trust.

    Parameters
    ----------
    dark : ndarray of float32, shape (V, U)
        Counts without beam.
    gain : ndarray of float32, shape (V, U)
        Counts with beam but without sample, above the dark ones; 1 at bad pixels.
    bad : ndarray of bool, shape (V, U)
        Dead, saturated and drifting pixels.
    """

    dark: NDArray[np.float32]
    gain: NDArray[np.float32]
    bad: NDArray[np.bool_]

    def rows(self, first: int, stop: int) -> Reference:
        """Return the part of some detector rows.

        Parameters
        ----------
        first, stop : int
            Rows.

        Returns
        -------
        Reference
            Views.
        """
        part = slice(first, stop)
        return Reference(self.dark[part], self.gain[part], self.bad[part])


def reference(
    darks: NDArray[Any] | None, flats: NDArray[Any] | None, shape: tuple[int, int]
) -> Reference:
    """Combine dark and flat frames by their medians, and find the pixels not to trust.

    A pixel is bad if its gain is below 5 % of the detector's median, not finite, or changed
    between the first and the last half of the flats by more than 12 robust standard deviations
    of what the others changed by.

    Parameters
    ----------
    darks, flats : ndarray, shape (frames, V, U), or None
        Frames without beam, and without sample. Without flats the projections are taken as
        transmissions already.
    shape : tuple of int
        (V, U).

    Returns
    -------
    Reference
        12 bytes per detector pixel.

    Raises
    ------
    AxisError
        If the frames have another shape.
    InputDataError
        If the flats are no brighter than the darks.
    """
    for name, frames in (("dark", darks), ("flat", flats)):
        if frames is not None and (frames.ndim != 3 or frames.shape[1:] != shape):
            raise AxisError(
                f"the {name} frames have the shape {frames.shape}, the projections (V, U) = {shape}",
                hint="they must come from the same detector, with the same binning and crop",
            )
    dark = np.zeros(shape) if darks is None or not len(darks) else np.median(darks, axis=0)
    if flats is None or not len(flats):
        clean = np.zeros(shape, np.bool_)
        return Reference(dark.astype(np.float32), np.ones(shape, np.float32), clean)
    gain = np.median(flats, axis=0) - dark
    usual = float(np.median(gain[np.isfinite(gain)])) if np.isfinite(gain).any() else 0.0
    if not usual > 0:
        raise InputDataError(
            f"the flat frames are no brighter than the dark ones (median difference {usual:.4g})",
            hint="were flats and darks swapped, or the beam off?",
        )
    bad = ~(np.isfinite(gain) & (gain > _FAINT * usual)) | _drifting(flats)
    return Reference(dark.astype(np.float32), np.where(bad, 1.0, gain).astype(np.float32), bad)


def _drifting(flats: NDArray[Any]) -> NDArray[np.bool_]:
    """Find the pixels whose flats change as no other's do."""
    if len(flats) < 4:
        return np.zeros(flats.shape[1:], np.bool_)
    half = len(flats) // 2
    early, late = (np.median(part, axis=0) for part in (flats[:half], flats[-half:]))
    change = (late - early) / np.maximum(0.5 * (np.abs(late) + np.abs(early)), 1e-12)
    change -= np.median(change)
    spread = 1.4826 * float(np.median(np.abs(change)))
    return np.asarray(np.abs(change) > _DRIFT * max(spread, 1e-6) + 0.01)


def transmission(counts: NDArray[Any], seen: Reference) -> NDArray[np.float32]:
    """Return the share of the beam that came through.

    Parameters
    ----------
    counts : ndarray, shape (angles, V, U)
        As measured.
    seen : Reference
        Of the same rows and columns. Its bad pixels are bridged along U.

    Returns
    -------
    ndarray of float32, shape (angles, V, U)
        Not clipped. A copy of 4 bytes per sample.
    """
    share = counts.astype(np.float32)
    share -= seen.dark
    share /= seen.gain
    _bridge(share, seen.bad)
    return share


def _bridge(values: NDArray[np.float32], bad: NDArray[np.bool_]) -> None:
    """Interpolate bad pixels linearly between the good ones of their row."""
    for row in np.flatnonzero(bad.any(axis=1)):
        gone = np.flatnonzero(bad[row])
        good = np.flatnonzero(~bad[row])
        if not len(good):
            values[:, row] = 1.0
            continue
        after = np.searchsorted(good, gone)
        right = good[np.minimum(after, len(good) - 1)]
        left = good[np.maximum(after - 1, 0)]
        far = np.where(right > left, (gone - left) / np.maximum(right - left, 1), 0.0)
        far = np.clip(far, 0.0, 1.0).astype(np.float32)
        values[:, row, gone] = values[:, row, left] * (1 - far) + values[:, row, right] * far


def remove_zingers(
    share: NDArray[np.float32], threshold: float = 0.1, inner: slice = slice(None)
) -> int:
    """Replace flashes: samples that are brighter than before and after, by their median.

    Parameters
    ----------
    share : ndarray of float32, shape (angles, V, U)
        Transmissions, changed in place; with fewer than three angles nothing is.
    threshold : float
        Transmission above the median of five neighbouring angles that is a flash.
    inner : slice
        The angles to mend; the others are looked at only.

    Returns
    -------
    int
        Samples that were replaced.
    """
    count = len(share)
    if count < 3:
        return 0
    reach = 2 if count >= 5 else 1
    angles = range(*inner.indices(count))
    usual = np.empty((len(angles), *share.shape[1:]), np.float32)
    for place, angle in enumerate(angles):
        first = min(max(angle - reach, 0), count - 2 * reach - 1)
        usual[place] = _median(share[first : first + 2 * reach + 1])
    mended = share[inner]
    flash = mended - usual > threshold
    mended[flash] = usual[flash]
    return int(np.count_nonzero(flash))


def _median(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median of three or five frames by exchanges: ten times as fast as sorting."""
    if len(frames) == 3:
        a, b, c = frames
        return np.asarray(np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c)))
    a, b, c, d, e = frames
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))  # neither the least nor, thrown out,
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))  # the greatest of the first four
    return np.asarray(np.maximum(np.minimum(low, high), np.minimum(np.maximum(low, high), e)))


def line_integrals(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn transmissions into line integrals, in place.

    Parameters
    ----------
    share : ndarray of float32
        Transmissions; below 0.001, and where not finite, 0.001 is taken.

    Returns
    -------
    ndarray of float32
        The same array: minus the natural logarithm.
    """
    np.nan_to_num(share, copy=False, nan=_LEAST, posinf=1.0, neginf=_LEAST)
    np.maximum(share, np.float32(_LEAST), out=share)
    np.log(share, out=share)
    return np.negative(share, out=share)
