"""How alike two images of the same thing are, wave by wave (Fourier ring correlation)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ssbtomo.errors import AxisError

__all__ = ["RingCorrelation", "ring_correlation"]


@dataclass(frozen=True, slots=True)
class RingCorrelation:
    """Correlation of two images over spatial frequency.

    Parameters
    ----------
    frequency : ndarray of float
        In periods per pixel, up to 0.5.
    correlation : ndarray of float
        Of each ring, -1 to 1.
    limit : ndarray of float
        The half-bit criterion: where the correlation falls below it, the images hold too
        little information.
    resolution : float
        Period in pixels at which it first does; 2 where it never does, NaN where it does
        from the first ring on.
    """

    frequency: NDArray[np.float64]
    correlation: NDArray[np.float64]
    limit: NDArray[np.float64]
    resolution: float


def ring_correlation(first: NDArray[Any], second: NDArray[Any]) -> RingCorrelation:
    """Correlate two independent images of the same field, ring by ring of their spectra.

    Both are cut to their middle square and faded out at its rims. The threshold is the
    half-bit curve for the halves of a data set [1]_.

    Parameters
    ----------
    first, second : ndarray, shape (Y, X)
        Images with independent noise, such as from the even and from the odd projections.

    Returns
    -------
    RingCorrelation
        The curve, and the resolution of the *whole* data set.

    Raises
    ------
    AxisError
        If the shapes differ, or are too small.

    References
    ----------
    .. [1] M. van Heel and M. Schatz, J. Struct. Biol. 151, 250 (2005),
       doi:10.1016/j.jsb.2005.05.009.
    """
    if first.shape != second.shape or first.ndim != 2 or min(first.shape) < 16:
        raise AxisError(
            f"images of shape {first.shape} and {second.shape} cannot be compared",
            hint="both must be (Y, X), of one shape, with 16 pixels or more",
        )
    side = min(first.shape)
    a, b = (_spectrum(image, side) for image in (first, second))
    y, x = scipy.fft.fftfreq(side, 1 / side)[:, None], np.arange(side // 2 + 1)[None]
    ring = np.rint(np.hypot(y, x)).astype(np.intp)
    rings = side // 2 + 1
    twice = np.where((x > 0) & (2 * x < side), 2.0, 1.0) * np.ones_like(ring)
    keep = ring < rings

    def total(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(ring[keep], (values * twice)[keep], minlength=rings), float)

    both = total((a * b.conj()).real)
    scale = np.sqrt(total(np.abs(a) ** 2) * total(np.abs(b) ** 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.where(scale > 0, both / scale, 0.0)
    waves = np.sqrt(np.maximum(total(np.ones(ring.shape)) / 2, 1.0))  # independent ones
    limit = (0.2071 + 1.9102 / waves) / (1.2071 + 0.9102 / waves)
    frequency = np.arange(rings) / side
    below = np.flatnonzero((correlation < limit)[1:]) + 1
    resolution = 2.0
    if len(below):
        resolution = 1 / _crossing(below[0], frequency, correlation - limit)
    return RingCorrelation(frequency[1:], correlation[1:], limit[1:], resolution)


def _crossing(at: int, frequency: NDArray[np.float64], above: NDArray[np.float64]) -> float:
    if at == 1:
        return float("nan")
    before, after = above[at - 1], above[at]
    share = before / (before - after)
    return float(frequency[at - 1] + share * (frequency[at] - frequency[at - 1]))


def _spectrum(image: NDArray[Any], side: int) -> NDArray[np.complex128]:
    top, left = ((n - side) // 2 for n in image.shape)
    square = image[top : top + side, left : left + side].astype(np.float64)
    fade = np.hanning(side + 2)[1:-1]
    return np.asarray(scipy.fft.rfft2((square - square.mean()) * fade[:, None] * fade))
