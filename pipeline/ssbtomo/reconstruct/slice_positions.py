"""Positions of slices that are not evenly far apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError

__all__ = ["read_positions"]

Floats = NDArray[np.float64]


def read_positions(path: Path, slices: int) -> Floats:
    """Read the positions of the slices.

    Parameters
    ----------
    path : Path
        A text file with one number per line, in µm.
    slices : int
        How many there must be.

    Returns
    -------
    ndarray of float, shape (slices,)
        Rising.

    Raises
    ------
    InputDataError
        If they are too few or many, not numbers, or do not rise.
    """
    try:
        words = path.read_text("utf-8").split()
        values = np.array([float(word) for word in words])
    except (OSError, ValueError) as error:
        raise InputDataError(
            f"{path}: the positions of the slices cannot be read: {error}",
            hint="one number per line, in µm, for each slice",
        ) from error
    if len(values) != slices or not np.isfinite(values).all() or (np.diff(values) <= 0).any():
        raise InputDataError(
            f"{path} holds {len(values)} positions for {slices} slices, or they do not rise",
            hint="one number per line, in µm, for each slice, each above the one before",
        )
    return values
