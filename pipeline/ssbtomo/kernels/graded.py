"""A phase whose grey value tells its composition: a number for each voxel, as an integer code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.masked import inside, masked_gaussian

__all__ = ["CODES", "OFFSET", "SCALE", "Grading", "bin_values", "graded", "grading_values"]

Bools = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Radius = tuple[float, float, float]

CODES = 65534  # 1 to 65534; 0: no value
_LOW, _HIGH = -0.5, 1.5
SCALE = (_HIGH - _LOW) / (CODES - 1)
OFFSET = _LOW - SCALE
_GROUP = 256


@dataclass(frozen=True, slots=True)
class Grading:
    """How grey values become a composition.

    Parameters
    ----------
    zero, one : float
        Grey values that stand for 0 and for 1; they differ.
    sigma : tuple of float
        Of the smoothing inside the phase, in voxels along (Z, Y, X).
    margin : tuple of float
        How far from other phases a voxel must lie, in voxels along (Z, Y, X).
    """

    zero: float
    one: float
    sigma: Radius
    margin: Radius


def grading_values(image: NDArray[Any], mask: Bools, rule: Grading) -> tuple[Float32, Bools]:
    """Smooth grey values inside a phase, and tell where they are its own.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values.
    mask : ndarray of bool, shape (Z, Y, X)
        The phase.
    rule : Grading
        Smoothing and margin.

    Returns
    -------
    grey : ndarray of float32
        Averages over voxels well inside only: no partial volume, no other phase.
    core : ndarray of bool
        Where they hold. 24 bytes per voxel.
    """
    core = inside(mask, rule.margin)
    grey, _ = masked_gaussian(image, core.astype(np.float32), rule.sigma)
    return grey, core


def graded(image: NDArray[Any], mask: Bools, rule: Grading) -> NDArray[np.uint16]:
    """Return the composition of each voxel of a phase, as a code.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values.
    mask : ndarray of bool, shape (Z, Y, X)
        The phase.
    rule : Grading
        Grey values of 0 and 1, smoothing and margin.

    Returns
    -------
    ndarray of uint16
        ``SCALE * code + OFFSET`` is the composition, from -0.5 to 1.5; 0 is no value: outside,
        or too near to another phase.

    Notes
    -----
    Linear in the grey value: right for X-ray attenuation of two end members that mix by volume,
    an ordering only for electron contrast. Bias: smoothing flattens gradients shorter than
    its width; noise makes the tails longer than they are.
    """
    grey, core = grading_values(image, mask, rule)
    value = (grey - np.float32(rule.zero)) / np.float32(rule.one - rule.zero)
    code = np.rint((value - np.float32(OFFSET)) / np.float32(SCALE))
    return np.where(core, np.clip(code, 1, CODES), 0).astype(np.uint16)


def bin_values() -> NDArray[np.float64]:
    """Return the compositions that the 256 bins of a histogram of codes stand for.

    Returns
    -------
    ndarray of float64, shape (256,)
        Middles; a code's bin is ``(code - 1) // 256``.
    """
    middle = np.arange(-(-CODES // _GROUP)) * _GROUP + (_GROUP + 1) / 2
    return np.asarray(middle * SCALE + OFFSET, np.float64)
