"""Beam hardening: line integrals that do not grow in proportion to the path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError

__all__ = ["cupping", "linearise", "radial_profile"]


def linearise(integrals: NDArray[Any], coefficients: Sequence[float]) -> NDArray[np.float32]:
    """Apply a polynomial ``c1 p + c2 p² + ...`` to line integrals.

    Parameters
    ----------
    integrals : ndarray
        Line integrals of a polychromatic beam.
    coefficients : sequence of float
        c1, c2, ...; ``(1,)`` changes nothing.

    Returns
    -------
    ndarray of float32
        As of a monochromatic beam, where the coefficients are right.

    Raises
    ------
    InputDataError
        If the polynomial falls somewhere between 0 and the largest integral: two paths would
        then give one value.
    """
    numbers = np.asarray(coefficients, np.float64)
    if numbers.ndim != 1 or not len(numbers) or not np.isfinite(numbers).all():
        raise InputDataError(f"{coefficients!r} are no coefficients of a polynomial")
    top = float(np.max(integrals, initial=0.0))
    path = np.linspace(0.0, max(top, 1e-6), 64)
    slope = sum((n + 1) * c * path**n for n, c in enumerate(numbers))
    if np.min(slope) <= 0:
        raise InputDataError(
            f"the polynomial {tuple(numbers)} falls below an integral of {top:.3g}",
            hint="choose coefficients that rise over the whole range of the data",
        )
    out = np.zeros(integrals.shape, np.float32)
    for number in numbers[::-1].astype(np.float32):
        out += number
        out *= integrals
    return out


def radial_profile(
    slices: NDArray[Any], mask: NDArray[np.bool_], bins: int = 32
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean grey value of a phase over its distance from the middle.

    Parameters
    ----------
    slices : ndarray, shape (Z, Y, X)
        Grey values.
    mask : ndarray of bool, shape (Z, Y, X)
        Voxels that count: of one phase, away from its edges.
    bins : int
        Rings of equal area up to the inscribed circle.

    Returns
    -------
    radius, mean : ndarray of float, shape (bins,)
        Radius as a share of the inscribed circle's; NaN where nothing counts.
    """
    _, height, width = slices.shape
    y = (np.arange(height) - (height - 1) / 2)[:, None]
    x = (np.arange(width) - (width - 1) / 2)[None, :]
    area = (y * y + x * x) / (min(height, width) / 2) ** 2
    ring = np.broadcast_to(np.minimum((area * bins).astype(np.intp), bins), slices.shape)[mask]
    counts = np.bincount(ring, minlength=bins + 1)[:bins]
    sums = np.bincount(ring, slices[mask].astype(np.float64), minlength=bins + 1)[:bins]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums / counts
    return np.sqrt((np.arange(bins) + 0.5) / bins), mean


def cupping(slices: NDArray[Any], mask: NDArray[np.bool_], bins: int = 32) -> float:
    """Return how much darker a phase is in the middle than at the rim.

    A line is fitted to the phase's mean grey value over the square of the radius.

    Parameters
    ----------
    slices, mask, bins : various
        As of `radial_profile`.

    Returns
    -------
    float
        Rise from the middle to the inscribed circle over the mean; 0 without cupping.

    Raises
    ------
    InputDataError
        If the phase is in fewer than three rings.
    """
    radius, mean = radial_profile(slices, mask, bins)
    good = np.isfinite(mean)
    if good.sum() < 3:
        raise InputDataError(
            f"the phase is in {int(good.sum())} of {bins} rings, too few to tell cupping",
            hint="choose a phase that fills the field of view",
        )
    slope, _ = np.polyfit(radius[good] ** 2, mean[good], 1)
    return float(slope / np.mean(mean[good]))
