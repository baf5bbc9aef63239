"""The form of a definition in the glossary."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Definition"]


class Definition(NamedTuple):
    """What a reader needs in order to judge a quantity.

    Parameters
    ----------
    title : str
        The quantity's name in plain words.
    definition : str
        What it is.
    unit : str
        ASCII unit, as in the results table.
    estimator : str
        How it is obtained from voxels.
    bias : str
        In which direction, and when, the number is off.
    source : str
        Where the definition or the estimator comes from.
    """

    title: str
    definition: str
    unit: str
    estimator: str
    bias: str
    source: str
