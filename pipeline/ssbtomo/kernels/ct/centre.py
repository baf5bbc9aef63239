"""Where the rotation axis is seen on the detector, with the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.ct.turns import turn_of

__all__ = ["Centre", "find_centre"]

_STEP = 0.1
"""Detector pixels between the candidates of the fine search."""
_COARSE_ANGLES = 256


@dataclass(frozen=True, slots=True)
class Centre:
    """The rotation axis, and how sure it is.

    Parameters
    ----------
    pixel : float
        Detector pixels from the centre of the first one: the median over the rows.
    spread : float
        1.4826 times the median distance of the rows' values from it; 0 for one row.
    by_row : tuple of float
        What each row says.
    candidates, scores : ndarray of float
        The last search around the result, and what it costs; the least is the best.
    """

    pixel: float
    spread: float
    by_row: tuple[float, ...]
    candidates: NDArray[np.float64]
    scores: NDArray[np.float64]


def find_centre(
    sinograms: NDArray[Any],
    angles: NDArray[np.float64],
    *,
    search: tuple[float, float] | None = None,
) -> Centre:
    """Find the rotation axis in a few sinograms.

    Half a turn, mirrored, must continue itself to a whole one: a wrong axis leaves a kink,
    seen in the double wedge of the transform where a whole sinogram has nothing [1]_. In a
    whole turn each projection is compared with the mirrored one from behind, over what both
    see, so that an axis near the detector's rim is found, too.

    Parameters
    ----------
    sinograms : ndarray, shape (rows, angles, U)
        Line integrals of some detector rows, stripes removed.
    angles : ndarray of float, shape (angles,)
        Radians, over half a turn or a whole one.
    search : tuple of float, optional
        Detector pixels between which the axis must be; by default the middle half of the
        detector for half a turn, all but its outer twentieths for a whole one.

    Returns
    -------
    Centre
        With the curve of the search.

    Raises
    ------
    InputDataError
        If the sinograms are flat, or the best candidate is at the end of the search.

    References
    ----------
    .. [1] N. T. Vo et al., Opt. Express 22, 19078 (2014), doi:10.1364/OE.22.019078.
    """
    width = sinograms.shape[2]
    whole = turn_of(angles) == "whole"
    rim = 0.05 if whole else 0.25
    low, high = search or (rim * (width - 1), (1 - rim) * (width - 1))
    found, scores, fine = [], np.zeros(0), np.zeros(0)
    total: NDArray[np.float64] | None = None
    for row in sinograms:
        thin = row[:: max(1, len(row) // _COARSE_ANGLES)].astype(np.float64)
        if not np.ptp(thin) > 0:
            raise InputDataError(
                "the sinogram is flat: there is nothing to find the rotation axis by",
                hint="choose detector rows that see the sample",
            )
        coarse = np.arange(np.ceil(2 * low), np.floor(2 * high) + 1) / 2
        found.append(_best(row, angles, coarse, whole=whole))
    rough = float(np.median(found))
    fine = rough + np.arange(-2.0, 2.0 + _STEP / 2, _STEP)
    by_row = []
    for row in sinograms:
        scores = _scores(row.astype(np.float64), angles, fine, whole=whole)
        scores = scores / max(float(np.ptp(scores)), 1e-30)
        total = scores if total is None else total + scores
        by_row.append(_vertex(fine, scores))
    if min(rough - low, high - rough) < 1:
        raise InputDataError(
            f"the best rotation axis, pixel {rough:.1f}, lies at the end of the search from "
            f"{low:.1f} to {high:.1f}",
            hint="give the axis, or a wider search; for an axis near the rim a whole turn is needed",
        )
    pixel = float(np.median(by_row))
    spread = 1.4826 * float(np.median(np.abs(np.asarray(by_row) - pixel)))
    assert total is not None
    return Centre(pixel, spread, tuple(by_row), fine, total / len(sinograms))


def _best(
    row: NDArray[Any], angles: NDArray[np.float64], candidates: NDArray[np.float64], *, whole: bool
) -> float:
    step = max(1, len(row) // _COARSE_ANGLES)
    thin = row[::step].astype(np.float64)
    return float(candidates[np.argmin(_scores(thin, angles[::step], candidates, whole=whole))])


def _scores(
    row: NDArray[np.float64],
    angles: NDArray[np.float64],
    candidates: NDArray[np.float64],
    *,
    whole: bool,
) -> NDArray[np.float64]:
    score = _mismatch if whole else _outside_wedge
    return np.array([score(row, angles, centre) for centre in candidates])


def _vertex(places: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    """Return the lowest point of the parabola through the lowest score and its neighbours."""
    best = int(np.argmin(scores))
    if best in {0, len(scores) - 1}:
        return float(places[best])
    before, least, after = scores[best - 1 : best + 2]
    bend = before - 2 * least + after
    shift = 0.5 * (before - after) / bend if bend > 0 else 0.0
    return float(places[best] + shift * (places[1] - places[0]))


def _mirrored(
    row: NDArray[np.float64], centre: float, *, nearest: bool = False
) -> NDArray[np.float64]:
    """Return ``row(2 centre - u)``, and NaN where that is not on the detector."""
    width = row.shape[1]
    place = 2 * centre - np.arange(width)
    first = np.clip(np.floor(place).astype(np.intp), 0, width - 2)
    far = np.round(place - first) if nearest else place - first
    out = row[:, first] * (1 - far) + row[:, first + 1] * far
    out[:, (place < 0) | (place > width - 1)] = np.nan
    return np.asarray(out)


def _outside_wedge(row: NDArray[np.float64], angles: NDArray[np.float64], centre: float) -> float:
    """Return the amplitude where the transform of a whole turn has none."""
    behind = _mirrored(row, centre)
    seen = np.isfinite(behind[0])
    both = np.concatenate([row[:, seen], behind[:, seen]])
    both -= both.mean(axis=1, keepdims=True)
    spectrum = scipy.fft.rfft2(both)
    energy = spectrum.real**2 + spectrum.imag**2
    turns = np.abs(scipy.fft.fftfreq(len(both), 1 / len(both)))[:, None]
    waves = np.arange(energy.shape[1])[None, :]
    # a sample of radius R pixels has up to 2 pi R waves / width turns; half of the row is R
    outside = (turns > np.pi * waves * 1.05 + 4) & (waves > 0)
    # A kink spreads its energy over the turns as 1 / turns², and over the waves as the sample
    # does: weighted so, little noise is counted with it.
    sample = energy.sum(axis=0)
    floor = float(np.median(sample[len(sample) // 2 :]))
    share = np.maximum(sample - floor, 0) / np.maximum(sample, 1e-30)
    weight = outside * share / np.maximum(turns, 1) ** 2
    return float((energy * weight).sum() / both.shape[1])


def _mismatch(row: NDArray[np.float64], angles: NDArray[np.float64], centre: float) -> float:
    """Compare the first half turn with the mirrored second one, over what both see."""
    half = np.flatnonzero(np.abs(angles - angles[0]) < np.pi - 1e-9)
    sign = np.sign(angles[-1] - angles[0])
    wanted = sign * angles[half] + np.pi
    place = np.interp(wanted, sign * angles, np.arange(len(angles)))
    first = np.minimum(place.astype(np.intp), len(angles) - 2)
    far = (place - first)[:, None]
    opposite = row[first] * (1 - far) + row[first + 1] * far
    behind = _mirrored(opposite, centre)
    seen = np.isfinite(behind[0])
    if seen.sum() < 8:
        return np.inf
    here, there = row[half][:, seen], behind[:, seen]
    # interpolation smooths noise, most so half-way between two pixels: scale by what is not
    rough = _mirrored(opposite, centre, nearest=True)[:, seen]
    scale = float(here.std() * rough.std())
    return 1.0 - float(((here - here.mean()) * there).mean()) / scale if scale > 0 else np.inf
