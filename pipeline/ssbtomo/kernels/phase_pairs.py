"""Numbers of phases, and of the pairs and triples that they form."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError

__all__ = ["pair_table", "pairs_of", "phase_index", "slots", "triple_table"]

_MOST = 64


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
    ndarray of uint8
        1 byte per voxel, and as much again meanwhile.

    Raises
    ------
    InputDataError
        If there are more than 64 phases.
    """
    if len(phases) > _MOST:
        raise InputDataError(
            f"{len(phases)} phases were asked for; at most {_MOST} are measured at once",
            hint="these may be particle numbers: segment phases, or pass them as `particles`",
        )
    if labels.dtype == np.uint8:
        table = np.full(256, len(phases), dtype=np.uint8)
        for number, label in enumerate(phases):
            if 0 <= label < 256:
                table[label] = number
        looked_up: NDArray[np.uint8] = table[labels]
        return looked_up
    index = np.full(labels.shape, len(phases), dtype=np.uint8)
    for number, label in enumerate(phases):
        index[labels == label] = number
    return index


def pair_table(phases: int) -> NDArray[np.int32]:
    """Give each pair of phases a number.

    Parameters
    ----------
    phases : int
        How many phases there are; this index itself is for all other labels.

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


def triple_table(phases: int, none: int) -> NDArray[np.int32]:
    """Give each triple of phases a number.

    Parameters
    ----------
    phases : int
        How many phases there are; this index itself is for all other labels.
    none : int
        What stands for three indices that are no triple.

    Returns
    -------
    ndarray of int32, shape (phases + 1, phases + 1, phases + 1)
        Place of each triple among ``combinations(range(phases), 3)``, in any order of the three.
    """
    table = np.full((phases + 1,) * 3, none, dtype=np.int32)
    for row, triple in enumerate(combinations(range(phases), 3)):
        for order in permutations(triple):
            table[order] = row
    return table


def pairs_of(
    pairs: list[tuple[int, int]], triples: list[tuple[int, int, int]]
) -> NDArray[np.int32]:
    """Return the numbers of the pairs (a, b), (b, c) and (a, c) of each triple.

    Parameters
    ----------
    pairs : list of tuple of int
        Phase indices.
    triples : list of tuple of int
        Phase indices.

    Returns
    -------
    ndarray of int32, shape (triples, 3)
        Numbers in `pairs`.
    """
    rows = [[pairs.index((a, b)), pairs.index((b, c)), pairs.index((a, c))] for a, b, c in triples]
    return np.array(rows, dtype=np.int32).reshape(-1, 3)


def slots(pair: tuple[int, int], triples: list[tuple[int, int, int]]) -> NDArray[np.int64]:
    """Say where the pair's normal goes for each triple: 0, 1 or 2, or -1 for nowhere.

    Parameters
    ----------
    pair : tuple of int
        Phase indices.
    triples : list of tuple of int
        Phase indices.

    Returns
    -------
    ndarray of int64, shape (triples,)
        Position of the pair in `pairs_of`.
    """
    return np.array(
        [
            [(a, b), (b, c), (a, c)].index(pair) if {*pair} <= {a, b, c} else -1
            for a, b, c in triples
        ],
        dtype=np.int64,
    )
