"""The values of scans that hold labels already."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["count_values", "few", "relabelled"]

_SHOWN = 64  # values without a phase that a block tells of


def count_values(
    image: Any, *, inner: tuple[slice, slice, slice], wanted: tuple[float, ...]
) -> dict[float, int]:
    """Count the values of a block: all that are wanted, and the smallest of the others.

    Parameters
    ----------
    image : array
        The block with its margin.
    inner : tuple of slice
        Where the block itself lies.
    wanted : tuple of float
        The values of the phases.

    Returns
    -------
    dict of float to int
        Voxels by value.
    """
    values, counts = np.unique(np.asarray(image)[inner], return_counts=True)
    known = np.isin(values, wanted)
    kept = known | (np.cumsum(~known) <= _SHOWN)
    return dict(zip(values[kept].tolist(), counts[kept].tolist(), strict=True))


def relabelled(image: Any, *, values: tuple[float, ...]) -> NDArray[np.uint8]:
    """Return the places of values in a list as labels.

    Parameters
    ----------
    image : array
        Values.
    values : tuple of float
        That of each phase.

    Returns
    -------
    ndarray of uint8
        Labels.
    """
    labels = np.zeros(np.shape(image), np.uint8)
    for label, value in enumerate(values):
        labels[image == value] = label
    return labels


def few(values: Any) -> str:
    """Return the first of some values as a text.

    Parameters
    ----------
    values : sequence of float
        The values.

    Returns
    -------
    str
        Eight at most.
    """
    shown = [f"{value:g}" for value in list(values)[:8]]
    return ", ".join(shown) + (", ..." if len(values) > 8 else "")
