"""By how much one slice is shifted against another, to a few hundredths of a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ssbtomo.kernels.fibsem.rings import rings_of
from ssbtomo.kernels.fibsem.slice_pair import Pair, high_pass_of, overlap, turns

__all__ = ["coarse_shift", "correlation", "refined_shift"]

_EFFECTIVE = (
    1.07  # root of <w^4>/<w^2>^2 per axis: the taper w makes neighbouring frequencies alike
)
_STEPS = 12
Floats = NDArray[np.float64]


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
    cross = pair.cross * high_pass_of(pair, high_pass)
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
        Pixels, and their standard errors, from the scatter of what single frequencies say: noise
        and change of the structure are in them, motion common to all frequencies is not. They
        are infinite where the pair tells nothing.
    """
    weight = weights[rings_of(pair)] * high_pass_of(pair, high_pass)
    weighted = pair.cross * weight * pair.doubled
    place = np.asarray(shift - pair.whole, np.float64)
    ky, kx = 2 * np.pi * pair.rows, 2 * np.pi * pair.columns
    begin = place.copy()
    hessian = np.zeros((2, 2))
    for _ in range(_STEPS):
        turned = weighted * turns(pair, place)
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
    scatter = (weighted * turns(pair, place)).imag ** 2 * (2 / pair.doubled)
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
