"""How slices are sheared and stretched against one another, from the shifts of their parts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = ["Bends", "Kind", "bend_of", "bends_of", "parts_of"]

Kind = Literal["none", "shear", "affine"]

_PARTS = 3  # per axis, each half as long as the slice
_SURE = 2.5  # standard errors by which a distortion must show
_FEWEST = 8  # steps
_MORE = 1.45  # by which the errors of steps exceed what the scatter of the parts says
_SPREAD = 0.7  # standard deviation of the logarithm of that, squared
_RATIOS = np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 121)])  # of the variances
_ALIKE = np.array([0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9])  # correlation of apparent steps

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bends:
    """What bends each slice, beside its drift.

    Parameters
    ----------
    bends : ndarray of float, shape (slices, 2, 2)
        Content at r from the middle of the slice lies further by ``bends @ r`` than it should;
        pixels (y, x) per pixel.
    scatter : ndarray of float, shape (2, 2)
        Standard deviation of the distortions from slice to slice; 0 where none could be told.
    noise : ndarray of float, shape (2, 2)
        Standard error of a step from one slice to the next.
    """

    bends: Floats
    scatter: Floats
    noise: Floats


def parts_of(shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Cut a slice into overlapping parts.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.

    Returns
    -------
    list of tuple of slice
        Nine, each half as long as the slice.
    """
    rows, columns = (
        [slice(k * size // 4, k * size // 4 + size // 2) for k in range(_PARTS)] for size in shape
    )
    return [(y, x) for y in rows for x in columns]


def bend_of(shifts: Floats, sigmas: Floats, middles: Floats, kind: Kind) -> tuple[Floats, Floats]:
    """Fit what bends a slice against another to the shifts of its parts.

    Parameters
    ----------
    shifts, sigmas : ndarray of float, shape (parts, 2)
        Pixels (y, x), and their standard errors; infinite ones are not used.
    middles : ndarray of float, shape (parts, 2)
        Of the parts, from the middle of the slice.
    kind : str
        ``shear``: what drift during a scan along x does, shear along x and stretch along y;
        ``affine``: any.

    Returns
    -------
    bend : ndarray of float, shape (2, 2)
        Pixels per pixel; 0 where too few parts tell.
    variance : ndarray of float, shape (2, 2)
        Of the error, as the scatter of the parts has it; NaN where it is not known.
    """
    bend, variance = np.zeros((2, 2)), np.full((2, 2), np.nan)
    columns = [0] if kind == "shear" else [0, 1]
    for axis in (0, 1):
        told = np.isfinite(sigmas[:, axis])
        if told.sum() < len(columns) + 2:
            continue
        weight = 1.0 / np.maximum(sigmas[told, axis], 1e-3)
        design = np.column_stack([np.ones(told.sum()), middles[told][:, columns]])
        design, aim = design * weight[:, None], shifts[told, axis] * weight
        found, _, rank, _ = np.linalg.lstsq(design, aim, rcond=None)
        if rank < design.shape[1]:
            continue  # all that tell lie side by side
        rest = ((aim - design @ found) ** 2).sum() / (len(aim) - len(found))
        bend[axis, columns] = found[1:]
        variance[axis, columns] = (rest * np.diag(np.linalg.inv(design.T @ design)))[1:]
    return bend, variance


def bends_of(steps: Floats, variances: Floats) -> Bends:
    """Tell each slice's own distortion from the steps between neighbours.

    Parameters
    ----------
    steps : ndarray of float, shape (slices - 1, 2, 2)
        From each slice to the next.
    variances : ndarray of float, shape (slices - 1, 2, 2)
        Of their errors, as the scatter within the slices has them.

    Returns
    -------
    Bends
        Zero where nothing can be told.

    Notes
    -----
    A slice that is distorted by itself makes a step and its way back: neighbouring steps are
    anticorrelated. The apparent motion of the structure makes them alike, with a correlation that
    falls off geometrically, and its errors are 1.45 times (1.0 to 2.1, in phantoms) what the scatter
    of the parts says. Of all variances and correlations the most probable ones are taken, if their
    ratio to those without distortion is that of two and a half standard errors, and then the most
    probable distortions of independent slices. What distorts slices alike, or slowly along the
    stack, cannot be told from an inclined structure, and stays.
    """
    count = len(steps) + 1
    bends, scatter, noise = np.zeros((count, 2, 2)), np.zeros((2, 2)), np.zeros((2, 2))
    for place in np.ndindex(2, 2):
        bends[(slice(None), *place)], scatter[place], noise[place] = _own(
            np.asarray(steps[(slice(None), *place)], np.float64),
            variances[(slice(None), *place)],
        )
    return Bends(bends, scatter, noise)


def _own(step: Floats, variance: Floats) -> tuple[Floats, float, float]:
    """Return distortions, their standard deviation, and that of the errors of the steps."""
    whole = float(np.sqrt((step**2).mean())) if len(step) else 0.0
    nothing = np.zeros(len(step) + 1), 0.0, whole
    if len(step) < _FEWEST or whole == 0.0:
        return nothing
    # sines are the eigenvectors of the covariance of the steps, but for its ends
    found = scipy.fft.dst(step, type=1, norm="ortho")
    turn = np.cos(np.pi * np.arange(1, len(step) + 1) / (len(step) + 1))
    alike = _ALIKE[:, None, None]
    error = (1 - alike**2) / (1 - 2 * alike * turn + alike**2)
    spectra = error + 2 * _RATIOS[:, None] * (1 - turn)
    level = (found**2 / spectra).mean(axis=2)
    unlikely = len(step) * np.log(level) + np.log(spectra).sum(axis=2)
    known = variance[np.isfinite(variance) & (variance > 0)]
    if len(known):
        usual = 2 * math.log(_MORE) + math.log(float(np.median(known)))
        unlikely += ((np.log(level) - usual) / _SPREAD) ** 2
    best = np.unravel_index(int(unlikely.argmin()), unlikely.shape)
    if unlikely[:, 0].min() - unlikely[best] < _SURE**2:
        return nothing
    ratio = float(_RATIOS[best[1]])
    told = ratio * scipy.fft.dst(found / spectra[best], type=1, norm="ortho")
    bend = np.concatenate([[0.0], told]) - np.concatenate([told, [0.0]])
    return bend, float(np.sqrt(ratio * level[best])), float(np.sqrt(level[best]))
