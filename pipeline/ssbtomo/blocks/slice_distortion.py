"""Shear and stretch of the slices of a stack: pairs of neighbours are tasks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.markers import Markers
from ssbtomo.blocks.slice_tasks import chunks_of, members_of, read_slice
from ssbtomo.kernels.fibsem.distortion import Bends, Kind, bend_of, bends_of, parts_of
from ssbtomo.kernels.fibsem.rings import RingSums, ring_sums, ring_weights
from ssbtomo.kernels.fibsem.slice_pair import Pair
from ssbtomo.kernels.fibsem.slice_shift import refined_shift

__all__ = ["slice_bends"]

Floats = NDArray[np.float64]


def slice_bends(
    source: Source,
    good: NDArray[np.int64],
    places: Floats,
    kind: Kind,
    engine: Engine,
    *,
    marked: Callable[[str], Markers | None] = lambda name: None,
) -> Bends:
    """Find what bends the slices of a stack beside their drift.

    Parameters
    ----------
    source : Source
        The stack, cleaned.
    good : ndarray of int
        Slices to be used, rising.
    places : ndarray of float, shape (Z, 2)
        Pixels by which each slice drifted, as measured.
    kind : str
        ``none``, ``shear`` or ``affine``.
    engine : Engine
        Where the tasks run; each holds two slices and about 25 bytes per pixel of one.
    marked : callable, optional
        Gives the markers of a pass by its name.

    Returns
    -------
    Bends
        Of the slices of `good`; the same bits for any engine.
    """
    count = len(good)
    if kind == "none" or count < 4:
        return Bends(np.zeros((count, 2, 2)), np.zeros((2, 2)), np.full((2, 2), np.nan))
    steps = np.diff(places[good], axis=0)
    seen = partial(_spectra, source=source, good=good, steps=steps)
    chunks = chunks_of(len(steps))
    sums = list(engine.map(seen, chunks, markers=marked("parts")))
    task = partial(
        _bends, source=source, good=good, steps=steps, weights=ring_weights(reduce(add, sums)),
        kind=kind,
    )  # fmt: skip
    told = list(engine.map(task, chunks, markers=marked("bends")))
    return bends_of(*(np.concatenate([pair[n] for pair in told]) for n in (0, 1)))


def _spectra(chunk: int, *, source: Source, good: NDArray[np.int64], steps: Floats) -> RingSums:
    found = [
        ring_sums(Pair.of(first, second, steps[number]), steps[number])
        for number in members_of(chunk, len(steps))
        for first, second in _parts(source, good, number)
    ]
    return reduce(add, found)


def _bends(
    chunk: int,
    *,
    source: Source,
    good: NDArray[np.int64],
    steps: Floats,
    weights: Floats,
    kind: Kind,
) -> tuple[Floats, Floats]:
    shape = source.shape[1], source.shape[2]
    middles = np.array(
        [[(p.start + p.stop - n) / 2 for p, n in zip(part, shape, strict=True)]
         for part in parts_of(shape)]
    )  # fmt: skip
    bends, variances = [], []
    for number in members_of(chunk, len(steps)):
        told = [
            refined_shift(Pair.of(first, second, steps[number]), weights, steps[number])
            for first, second in _parts(source, good, number)
        ]
        shifts, sigmas = (np.array([pair[n] for pair in told]) for n in (0, 1))
        bend, variance = bend_of(shifts, sigmas, middles, kind)
        bends.append(bend)
        variances.append(variance)
    return np.array(bends), np.array(variances)


def _parts(
    source: Source, good: NDArray[np.int64], number: int
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    first, second = (read_slice(source, good[number + k]) for k in (0, 1))
    return [(first[part], second[part]) for part in parts_of(first.shape)]
