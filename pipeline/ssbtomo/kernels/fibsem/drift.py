"""The drift of a stack, from the shifts of its slices against one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Canvas", "Drift", "canvas_of", "drift_of"]

_UNLIKE = 0.5  # share of the usual correlation below which a step is doubted
_FINE = 0.15  # pixels: rms of the steps below which a stack may be aligned already

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """Where the slices lie.

    Parameters
    ----------
    place : ndarray of float, shape (Z, 2)
        Pixels (y, x) by which each slice's content lies further than that of the first good one.
    sigma : ndarray of float, shape (Z, 2)
        Standard error of the step to each slice from the good one before it (in region mode, of
        the place itself); 0 for the first, infinite where the step was interpolated.
    correlation : ndarray of float, shape (Z,)
        Of each slice with the good one before it; NaN for the first and for slices left out.
    left_out : tuple of int
        Slices whose image is not used.
    doubtful : tuple of int
        Slices whose step could not be measured, and was interpolated.
    aligned : bool
        Whether the stack was aligned already: `place` is zero then.
    found : ndarray of float, shape (Z, 2)
        The places as measured, also where the stack was left untouched.
    """

    place: Floats
    sigma: Floats
    correlation: Floats
    left_out: tuple[int, ...]
    doubtful: tuple[int, ...]
    aligned: bool
    found: Floats


@dataclass(frozen=True, slots=True)
class Canvas:
    """The part of the plane, in pixels of the first slice, that a stack is brought to.

    Parameters
    ----------
    start : tuple of int
        First row and column; negative where the canvas grew.
    shape : tuple of int
        Rows and columns.
    """

    start: tuple[int, int]
    shape: tuple[int, int]


def widened(canvas: Canvas, bends: Floats, shape: tuple[int, int], *, grown: bool) -> Canvas:
    """Return the canvas that holds all bent slices, or that all of them fill.

    Parameters
    ----------
    canvas : Canvas
        Of straight slices.
    bends : ndarray of float, shape (slices, 2, 2)
        See `ssbtomo.kernels.fibsem.distortion.Bends`.
    shape : tuple of int
        Rows and columns of a slice.
    grown : bool
        Whether it holds all.

    Returns
    -------
    Canvas
        By whole pixels larger or smaller.
    """
    reach = np.abs(bends) @ (np.array(shape) / 2)
    y, x = (int(np.ceil(most)) * (-1 if grown else 1) for most in reach.max(axis=0))
    (top, left), (rows, columns) = canvas.start, canvas.shape
    return Canvas((top + y, left + x), (rows - 2 * y, columns - 2 * x))


def drift_of(
    slices: int,
    good: NDArray[np.int64],
    steps: Floats,
    sigmas: Floats,
    correlations: Floats,
    *,
    test: bool = True,
) -> Drift:
    """Add steps up to places, bridging what could not be measured.

    Parameters
    ----------
    slices : int
        Number of slices.
    good : ndarray of int
        Those that are used, rising.
    steps, sigmas : ndarray of float, shape (good - 1, 2)
        Shift of each good slice against the one before, and its standard error.
    correlations : ndarray of float, shape (good - 1,)
        Of the same pairs.
    test : bool
        Leave the stack as it is if the steps are no larger than chance and the change of the
        structure make them.

    Returns
    -------
    Drift
        Places of all slices; those left out lie between their neighbours.
    """
    usual = float(np.median(correlations)) if len(correlations) else 1.0
    bad = ~np.isfinite(sigmas).all(axis=1) | (correlations < _UNLIKE * usual)
    gaps = np.diff(good).astype(np.float64)
    paces = steps / gaps[:, None] if len(steps) else steps
    filled = paces.copy()
    for index in np.flatnonzero(bad).tolist():
        near = np.flatnonzero(~bad)
        near = near[np.abs(near - index) <= 3]
        filled[index] = np.median(paces[near], axis=0) if len(near) else 0.0
    errors = sigmas.copy()
    errors[bad] = np.inf
    places = np.vstack([np.zeros((1, 2)), np.cumsum(filled * gaps[:, None], axis=0)])
    every = np.arange(slices)
    found = np.stack([np.interp(every, good, places[:, axis]) for axis in (0, 1)], axis=1)
    sigma, correlation = np.zeros((slices, 2)), np.full(slices, np.nan)
    sigma[good[1:]], correlation[good[1:]] = errors, correlations
    left_out = tuple(sorted(set(range(slices)) - set(good.tolist())))
    sigma[list(left_out)] = np.inf
    aligned = test and _still(filled[~bad], sigmas[~bad])
    return Drift(
        np.zeros_like(found) if aligned else found,
        sigma,
        correlation,
        left_out,
        tuple(good[1:][bad].tolist()),
        aligned,
        found,
    )


def _still(steps: Floats, sigmas: Floats) -> bool:
    """Tell whether steps are what chance and change of the structure make of an aligned stack.

    Standard errors hold the noise and the change frequency by frequency, not what structure
    moves as a whole: that is allowed twice as much again.
    """
    if len(steps) < 3:
        return False
    rms = np.sqrt((steps**2).mean(axis=0))
    error = np.sqrt(np.median(sigmas**2, axis=0))
    quiet = (rms <= np.minimum(np.maximum(3 * error, 0.02), _FINE)).all()
    # a slow, even drift hides in small steps: what they add up to must be chance, too
    total = np.abs(steps.sum(axis=0))
    chance = 4 * np.maximum(rms, 0.01) * np.sqrt(3.0 * len(steps))
    return bool(quiet and (total <= chance).all())


def canvas_of(places: Floats, shape: tuple[int, int], *, grown: bool = False) -> Canvas:
    """Return the rectangle that all slices show, or the one that any does.

    Parameters
    ----------
    places : ndarray of float, shape (Z, 2)
        Of the slices that are used.
    shape : tuple of int
        Rows and columns of a slice.
    grown : bool
        Keep all that any slice shows.

    Returns
    -------
    Canvas
        Empty, with a shape of 0, if no rectangle is shared.
    """
    low, high = -places.max(axis=0), -places.min(axis=0)
    if not grown:
        low, high = high, low
    start = (np.floor(low) if grown else np.ceil(low)).astype(int)
    end = np.asarray(shape) - 1 + (np.ceil(high) if grown else np.floor(high)).astype(int)
    size = np.maximum(end - start + 1, 0)
    return Canvas((int(start[0]), int(start[1])), (int(size[0]), int(size[1])))
