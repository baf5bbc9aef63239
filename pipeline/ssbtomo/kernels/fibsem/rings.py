"""Rings of spatial frequency: what each tells of a shift, by the coherence of slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.fibsem.slice_pair import Pair, turns

__all__ = ["RINGS", "RingSums", "ring_sums", "ring_weights", "rings_of"]

RINGS = 48
"""Rings of spatial frequency: quarters of octaves, the last of which ends in the corner."""

_OCTAVE = 4

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RingSums:
    """Sums over frequency rings; those of several pairs add.

    Parameters
    ----------
    cross : ndarray of float, shape (RINGS,)
        Real part of the aligned cross spectra.
    power : ndarray of float, shape (RINGS,)
        Mean power of the two slices.
    count : ndarray of float, shape (RINGS,)
        Frequencies.
    """

    cross: Floats
    power: Floats
    count: Floats

    def __add__(self, other: RingSums) -> RingSums:
        return RingSums(
            self.cross + other.cross, self.power + other.power, self.count + other.count
        )


def ring_sums(pair: Pair, shift: Floats) -> RingSums:
    """Sum the spectra of a pair over frequency rings, for the weights of all pairs.

    Parameters
    ----------
    pair : Pair
        Two slices.
    shift : ndarray of float, shape (2,)
        Of the pair, as known.

    Returns
    -------
    RingSums
        Of this pair.
    """
    ring = rings_of(pair)
    aligned = (pair.cross * turns(pair, shift - pair.whole)).real
    doubled = np.broadcast_to(pair.doubled, ring.shape).ravel()
    flat = ring.ravel()
    cross, power, count = (
        np.asarray(np.bincount(flat, values, RINGS), np.float64)
        for values in (aligned.ravel() * doubled, pair.power.ravel() * doubled, doubled)
    )
    return RingSums(cross, power, count)


def ring_weights(sums: RingSums) -> Floats:
    """Return Hannan and Thomson's weights: what each ring can tell, over its power [1]_.

    Parameters
    ----------
    sums : RingSums
        Of all pairs.

    Returns
    -------
    ndarray of float, shape (RINGS,)
        Coherence² / (1 - coherence²) / power: white noise and rings in which the structure
        has changed have little say, whatever their power.

    References
    ----------
    .. [1] E. J. Hannan and P. J. Thomson, Biometrika 60, 241 (1973), doi:10.1093/biomet/60.2.241.
    """
    power = np.maximum(sums.power, 1e-300)
    coherence = np.clip(sums.cross / power, 0.0, 0.999)
    # what chance alone gives a ring of so many frequencies
    chance = 1.0 / np.sqrt(np.maximum(sums.count, 1.0))
    coherence[coherence < chance] = 0.0
    weight = coherence**2 / (1 - coherence**2) / (power / np.maximum(sums.count, 1.0))
    weight[sums.count == 0] = 0.0
    return np.asarray(weight)


def rings_of(pair: Pair) -> NDArray[np.int64]:
    """Return the ring of each frequency of a pair.

    Parameters
    ----------
    pair : Pair
        Two slices.

    Returns
    -------
    ndarray of int, shape (Y, X // 2 + 1)
        From 0, lowest frequencies first; all that lie lower are in ring 0, too.
    """
    squared = pair.rows**2 + pair.columns**2
    below = 0.5 * _OCTAVE * np.log2(2 * np.maximum(squared, 1e-12))  # 0 in the corner
    return np.asarray(np.clip(np.ceil(below).astype(np.int64) + RINGS - 1, 0, RINGS - 1))
