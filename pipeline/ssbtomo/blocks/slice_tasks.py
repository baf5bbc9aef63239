"""How the slices of a stack, or pairs of them, are dealt to tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Source

__all__ = ["chunks_of", "members_of", "read_slice"]

_CHUNK = 16  # pairs of a task


def chunks_of(count: int) -> range:
    """Return the numbers of the tasks that so many slices, or pairs, are dealt to.

    Parameters
    ----------
    count : int
        Slices or pairs.

    Returns
    -------
    range
        From 0.
    """
    return range(-(-count // _CHUNK))


def members_of(chunk: int, count: int) -> range:
    """Return the slices, or pairs, of a task.

    Parameters
    ----------
    chunk : int
        Number of the task.
    count : int
        Slices or pairs in all.

    Returns
    -------
    range
        Their numbers.
    """
    return range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, count))


def read_slice(source: Source, index: int) -> NDArray[Any]:
    """Read a slice.

    Parameters
    ----------
    source : Source
        The stack.
    index : int
        Its number.

    Returns
    -------
    ndarray, shape (Y, X)
        The slice.
    """
    image: NDArray[Any] = np.asarray(source[int(index) : int(index) + 1, :, :])[0]
    return image
