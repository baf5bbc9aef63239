"""Compare labels with the truth block by block: confusion, surface distances, objects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.distance import distance
from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid, Window
from ssbtomo.blocks.passes import Allocate
from ssbtomo.blocks.patterns import each
from ssbtomo.kernels import agreement as kernels
from ssbtomo.kernels.agreement import Contingency, Steps
from ssbtomo.units import Spacing

__all__ = ["Known", "confusion", "contingency", "surface_steps"]

Volume8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Known:
    """Labels as numbers of phases, where the truth is known; made as blocks are read.

    Parameters
    ----------
    labels : Source
        Labels of any integer type.
    truth : Source
        True labels of the same shape.
    phases : tuple of int
        Labels of the phases, at most 254; the truth of a voxel with another label is not known.
    """

    labels: Source
    truth: Source
    phases: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along (Z, Y, X)."""
        return tuple(self.labels.shape)

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Always uint8."""
        return np.dtype(np.uint8)

    def __getitem__(self, window: Window) -> Volume8:
        """Read a box: position of the phase in `phases`, 255 for none or not known."""
        found = _numbered(np.asarray(self.labels[window]), self.phases)
        if self.truth is not self.labels:
            known = _numbered(np.asarray(self.truth[window]), self.phases)
            found[known == kernels.UNKNOWN] = kernels.UNKNOWN
        return found


@dataclass(frozen=True, slots=True)
class _BesideSurface:
    """All voxels but those at the surface of a phase: a mask, made as blocks are read."""

    source: Known
    phase: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[np.bool_]:
        return np.dtype(np.bool_)

    def __getitem__(self, window: Window) -> NDArray[np.bool_]:
        return ~_surface(self.source, self.phase, window)


def confusion(labels: Known, truth: Known, grid: Grid, engine: Engine) -> NDArray[np.int64]:
    """Count voxels by true and found phase.

    Parameters
    ----------
    labels, truth : Known
        What was found, and what is true.
    grid : Grid
        How the volume is cut.
    engine : Engine
        Where the tasks run: 6 bytes per voxel of a block.

    Returns
    -------
    ndarray of int64, shape (n, n + 1)
        Rows are true phases; the last column holds what was given none of them.
    """
    task = partial(_confused, labels=labels, truth=truth)
    size = len(truth.phases)
    total = np.zeros((size, size + 1), np.int64)
    for part in each(task, grid, engine):
        total += part
    return total


def surface_steps(
    pair: tuple[Known, Known],
    phase: int,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    allocate: Allocate,
) -> Steps:
    """Measure how far each surface voxel of a phase is from its surface in other labels.

    Parameters
    ----------
    pair : tuple of Known
        Labels whose surface voxels are asked, and those in which the nearest one is sought.
    phase : int
        Number of the phase.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    allocate : callable
        Makes the stores of `ssbtomo.blocks.distance.distance`: 8 bytes per voxel.

    Returns
    -------
    Steps
        Exact distances between voxel centres, in units of the smallest voxel edge; ``inf``
        if there is nothing to be near to.
    """
    start, goal = pair
    away = distance(_BesideSurface(goal, phase), spacing, grid, engine, allocate=allocate).squared
    task = partial(_stepped, start=start, away=away, phase=phase)
    return Steps.merged(each(task, grid, engine))


def contingency(
    labels: Source, truth: Source, grid: Grid, engine: Engine, *, ignore: int = 0
) -> Contingency:
    """Count which objects share voxels.

    Parameters
    ----------
    labels, truth : Source
        Numbers of the objects found, and of the true ones.
    grid : Grid
        How the volume is cut.
    engine : Engine
        Where the tasks run: 40 bytes per voxel of a block.
    ignore : int
        Voxels with this number in the truth are left out.

    Returns
    -------
    Contingency
        Of the whole volume.
    """
    task = partial(_paired, labels=labels, truth=truth, ignore=ignore)
    return Contingency.merged(each(task, grid, engine))


def _numbered(labels: NDArray[Any], phases: tuple[int, ...]) -> Volume8:
    index = np.full(labels.shape, kernels.UNKNOWN, np.uint8)
    for number, label in enumerate(phases):
        index[labels == label] = number
    return index


def _confused(block: Block, *, labels: Known, truth: Known) -> NDArray[np.int64]:
    true, found = truth[block.core], labels[block.core]
    size = len(truth.phases)
    known = true != kernels.UNKNOWN
    rows, columns = true[known].astype(np.int64), np.minimum(found[known], size)
    counts = np.bincount(rows * (size + 1) + columns, minlength=size * (size + 1))
    return counts.reshape(size, size + 1).astype(np.int64)


def _surface(source: Known, phase: int, window: Window) -> NDArray[np.bool_]:
    """Mark surface voxels in a box, which is read with a voxel around it."""
    first = [part.indices(size) for part, size in zip(window, source.shape, strict=True)]
    wide = tuple(
        slice(max(a - 1, 0), min(b + 1, size))
        for (a, b, _), size in zip(first, source.shape, strict=True)
    )
    inner = tuple(
        slice(a - part.start, b - part.start) for (a, b, _), part in zip(first, wide, strict=True)
    )
    found = kernels.surface_voxels(source[wide], phase)  # type: ignore[index]
    return np.ascontiguousarray(found[inner])


def _stepped(block: Block, *, start: Known, away: Source, phase: int) -> Steps:
    at = _surface(start, phase, block.core)
    values, counts = np.unique(np.asarray(away[block.core])[at], return_counts=True)
    return Steps(values.astype(np.float64), counts.astype(np.int64))


def _paired(block: Block, *, labels: Source, truth: Source, ignore: int) -> Contingency:
    return kernels.count_pairs(
        np.asarray(truth[block.core]), np.asarray(labels[block.core]), ignore
    )
