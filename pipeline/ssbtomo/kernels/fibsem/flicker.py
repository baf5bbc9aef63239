"""Brightness that changes from slice to slice, told apart from a structure that does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.fibsem.curtains import class_levels

__all__ = ["flicker_factors", "remove_shading"]

_NEAR = 8

Floats = NDArray[np.float64]


def flicker_factors(levels: Floats, used: NDArray[np.bool_]) -> Floats:
    """Return factor and offset that bring each slice's classes to those of the slices around it.

    Levels of classes are compared, not means or percentiles: a slice with more of the bright
    phase stays brighter. What changes slowly along the stack stays, too.

    Parameters
    ----------
    levels : ndarray of float, shape (Z, classes)
        Median grey value of each class of each slice.
    used : ndarray of bool, shape (Z,)
        Slices that can be believed.

    Returns
    -------
    ndarray of float, shape (Z, 2)
        The corrected slice is factor times the slice, plus the offset.
    """
    factors = np.tile([1.0, 0.0], (len(levels), 1))
    for index in np.flatnonzero(used).tolist():
        near = np.arange(max(index - _NEAR, 0), min(index + _NEAR + 1, len(levels)))
        goal = np.median(levels[near[used[near]]], axis=0)
        here = levels[index]
        spread = float(((here - here.mean()) ** 2).sum())
        shared = float(((here - here.mean()) * (goal - goal.mean())).sum())
        factor = float(np.clip(shared / spread, 0.7, 1.4)) if spread > 0 else 1.0
        factors[index] = factor, goal.mean() - factor * here.mean()
    return factors


def remove_shading(image: NDArray[Any], levels: Floats, *, order: int = 2) -> NDArray[np.float32]:
    """Take a smooth shading of a slice away, as the classes show it.

    A polynomial in y and x is fitted to what pixels are off the level of their class: a gradient
    of the phase fractions leaves it flat.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        A slice.
    levels : ndarray of float, shape (classes,)
        Grey values of its classes, roughly.
    order : int
        Of the polynomial.

    Returns
    -------
    ndarray of float32, shape (Y, X)
        A copy with the same mean level of its classes.
    """
    from scipy import ndimage as ndi

    values = np.array(image, np.float32)
    shade = np.zeros_like(values)
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in values.shape)
    powers = [(i, j) for i in range(order + 1) for j in range(order + 1 - i) if i + j]
    for _ in range(3):
        flat = values - shade
        levels = class_levels(flat, levels)
        smooth = ndi.gaussian_filter(flat, 1.5)
        classes = np.digitize(smooth, (levels[1:] + levels[:-1]) / 2)
        off = values - levels[classes].astype(np.float32)
        rest = np.abs(off - shade)
        held = rest <= 3 * 1.4826 * np.median(rest)
        row, column = np.nonzero(held)
        step = max(len(row) // 20_000, 1)
        row, column = row[::step], column[::step]
        terms = np.stack([np.ones(len(row)), *(y[row] ** i * x[column] ** j for i, j in powers)], 1)
        fit = np.linalg.lstsq(terms, off[row, column].astype(np.float64), rcond=None)[0]
        shade = np.zeros_like(values)
        for share, (i, j) in zip(fit[1:].tolist(), powers, strict=True):
            middle = float((y**i).mean()) * float((x**j).mean())
            shade += np.float32(share) * (y[:, None] ** i * x[None, :] ** j - np.float32(middle))
    return np.asarray(values - shade, np.float32)
