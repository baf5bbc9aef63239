"""The numbers in the names of slices: their natural order, and the gaps in it."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["gaps", "natural_key", "slice_numbers"]

_DIGITS = re.compile(r"(\d+)")


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return the key that sorts ``slice_2`` before ``slice_10``.

    Parameters
    ----------
    name : str
        A file name.

    Returns
    -------
    tuple
        For ``sorted(key=...)``.
    """
    parts = _DIGITS.split(name)
    return tuple((1, int(p), p) if p.isdigit() else (0, 0, p.lower()) for p in parts)


def slice_numbers(names: Sequence[str]) -> list[int] | None:
    """Read the number of each slice from its name.

    Of several numbers in the names, that which takes the most values counts the slices;
    of equals, the one that goes up in the most even steps.

    Parameters
    ----------
    names : sequence of str
        File names, sorted.

    Returns
    -------
    list of int or None
        One number per name; None if the names do not follow one pattern.
    """
    runs = [[int(run) for run in _DIGITS.findall(name.rpartition(".")[0])] for name in names]
    if len({len(run) for run in runs}) != 1 or not runs[0]:
        return None
    columns = [list(column) for column in zip(*runs, strict=True)]
    return max(columns, key=lambda column: (len(set(column)), _evenness(column)))


def gaps(numbers: Iterable[int]) -> tuple[list[int], list[int]]:
    """Find missing and repeated numbers.

    Parameters
    ----------
    numbers : iterable of int
        The numbers of the slices.

    Returns
    -------
    missing : list of int
        What lacks in the sequence, whose step is the commonest difference.
    repeated : list of int
        What occurs more than once.
    """
    counts = Counter(numbers)
    present = sorted(counts)
    steps = Counter(b - a for a, b in itertools.pairwise(present))
    step = min(steps, key=lambda s: (-steps[s], s)) if steps else 1
    missing = [
        number for a, b in itertools.pairwise(present) for number in range(a + step, b, step)
    ]
    return missing, sorted(number for number, count in counts.items() if count > 1)


def _evenness(column: list[int]) -> int:
    steps = Counter(b - a for a, b in itertools.pairwise(column))
    return steps.get(1, 0)
