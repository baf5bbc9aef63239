"""What single slices look like: which are blanked or charged, and must not be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PROPERTIES", "SliceState", "odd_slices", "slice_properties"]

PROPERTIES = ("mean", "contrast", "bands", "noise", "extreme")
"""Mean, spread between the 5th and 95th percentile, scatter of the row means from row to row,
noise from second differences along x, share of pixels at the slice's own extremes."""

_NEAR = 8
_SIGMAS = 8.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SliceState:
    """Whether a slice can be used.

    Parameters
    ----------
    index : int
        The slice.
    reason : str
        ``"blank"``, ``"charged"`` or ``"unlike its neighbours"``.
    detail : str
        What was seen, with the number.
    """

    index: int
    reason: str
    detail: str


def slice_properties(image: NDArray[Any]) -> Floats:
    """Measure what tells a spoiled slice from a good one.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        A slice.

    Returns
    -------
    ndarray of float, shape (5,)
        In the order of `PROPERTIES`, in grey values.
    """
    values = np.asarray(image, np.float32)
    low, high = np.percentile(values, [5, 95])
    rows = values.mean(axis=1, dtype=np.float64)
    bands = float(np.median(np.abs(np.diff(rows)))) if len(rows) > 1 else 0.0
    steps = float(np.abs(np.diff(rows)).max()) if len(rows) > 1 else 0.0
    noise = 0.0
    if values.shape[1] > 2:
        bends = values[:, 2:] - 2 * values[:, 1:-1] + values[:, :-2]
        noise = float(np.median(np.abs(bends))) * 1.4826 / np.sqrt(6.0)
    extremes = float(np.mean((values <= values.min()) | (values >= values.max())))
    return np.array([values.mean(dtype=np.float64), high - low, bands + steps, noise, extremes])


def odd_slices(properties: Floats) -> tuple[SliceState, ...]:
    """Find the slices that differ from those around them more than slices here differ.

    Parameters
    ----------
    properties : ndarray of float, shape (Z, 5)
        One row of `slice_properties` per slice.

    Returns
    -------
    tuple of SliceState
        Those that are blank or charged, in order. Of fewer than five slices, only blank ones.
    """
    contrast = properties[:, 1]
    usual = float(np.median(contrast))
    found: dict[int, SliceState] = {}
    bare = np.maximum(0.15 * usual, np.minimum(4 * properties[:, 3], 0.5 * usual))
    for index in np.flatnonzero(contrast <= bare).tolist():
        found[index] = SliceState(
            index, "blank", f"contrast {contrast[index]:.3g}, {usual:.3g} elsewhere"
        )
    if len(properties) < 5 or usual <= 0:
        return tuple(found[index] for index in sorted(found))
    limits = {
        0: ("mean", 0.2 * usual), 1: ("contrast", 0.35 * usual), 2: ("row bands", 0.12 * usual),
        3: ("noise", 0.5 * float(np.median(properties[:, 3])) + 0.01 * usual),
        4: ("share of extreme pixels", 0.02),
    }  # fmt: skip
    usable = np.ones(len(properties), bool)
    usable[list(found)] = False
    for column, (name, floor) in limits.items():
        apart = _apart(properties[:, column], usable)
        spread = 1.4826 * float(np.median(np.abs(apart[usable]))) if usable.any() else 0.0
        for index in np.flatnonzero(np.abs(apart) > max(_SIGMAS * spread, floor)).tolist():
            if index not in found:
                found[index] = SliceState(
                    index, "charged", f"{name} {apart[index]:+.3g} against its neighbours"
                )
    return tuple(found[index] for index in sorted(found))


def _apart(values: Floats, usable: NDArray[np.bool_]) -> Floats:
    """Return by how much each value is off the median of those around it."""
    apart = np.zeros(len(values))
    for index in range(len(values)):
        near = np.arange(max(index - _NEAR, 0), min(index + _NEAR + 1, len(values)))
        near = near[usable[near] & (near != index)]
        if len(near) >= 3:
            apart[index] = values[index] - np.median(values[near])
    return apart
