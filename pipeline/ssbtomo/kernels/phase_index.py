"""Labels as small numbers: the phases from 0 on, and one number for everything else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError

__all__ = ["pair_table", "phase_index", "triple_table"]

_MOST_PHASES = 64


def phase_index(labels: NDArray[np.integer], phases: Sequence[int]) -> NDArray[np.uint8]:
    """Give the phases numbers from 0, and ``len(phases)`` to everything else.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        Segmented block.
    phases : sequence of int
        The labels of the phases.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X)
        Position of each label in `phases`; 1 byte per voxel is all that is held.

    Raises
    ------
    InputDataError
        If there are more than 64 phases.
    """
    if len(phases) > _MOST_PHASES:
        raise InputDataError(
            f"{len(phases)} phases were asked for; at most {_MOST_PHASES} are measured at once",
            hint="these may be particle numbers: segment phases first",
        )
    if labels.dtype == np.uint8:
        table = np.full(256, len(phases), dtype=np.uint8)
        for number, label in enumerate(phases):
            if 0 <= label < 256:
                table[label] = number
        found: NDArray[np.uint8] = table[labels]
        return found
    index = np.full(labels.shape, len(phases), dtype=np.uint8)
    for number, label in enumerate(phases):
        index[labels == label] = number
    return index


def pair_table(phases: int) -> NDArray[np.int32]:
    """Give each pair of phases a number.

    Parameters
    ----------
    phases : int
        How many phases there are.

    Returns
    -------
    ndarray of int32, shape (phases + 1, phases + 1)
        Place of each pair among ``combinations(range(phases), 2)``; the number of pairs for
        what is none.
    """
    pairs = list(combinations(range(phases), 2))
    table = np.full((phases + 1, phases + 1), len(pairs), dtype=np.int32)
    for row, (a, b) in enumerate(pairs):
        table[a, b] = table[b, a] = row
    return table


def triple_table(phases: int) -> NDArray[np.int32]:
    """Give each triple of phases a number.

    Parameters
    ----------
    phases : int
        How many phases there are.

    Returns
    -------
    ndarray of int32, shape (phases + 1, phases + 1, phases + 1)
        Place of each triple among ``combinations(range(phases), 3)``; the number of triples
        for what is none.
    """
    triples = list(combinations(range(phases), 3))
    table = np.full((phases + 1,) * 3, len(triples), dtype=np.int32)
    for row, triple in enumerate(triples):
        for order in permutations(triple):
            table[order] = row
    return table
