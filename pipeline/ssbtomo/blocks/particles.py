"""Particles of a volume, block by block: cut at their necks, and their table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.basins import find_basins
from ssbtomo.blocks.distance import distance
from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.passes import Allocate
from ssbtomo.blocks.patterns import each
from ssbtomo.kernels.particles import Moments, check_necks, moments, particle_rows
from ssbtomo.units import Spacing

__all__ = ["Necks", "Particles", "label_moments", "particle_table", "separate"]

Table = dict[str, NDArray[Any]]
OnBlock = Callable[[Block], None]
Part = tuple[NDArray[np.int64], Moments]


@dataclass(frozen=True, slots=True)
class Necks:
    """What tells a neck between two particles.

    Parameters
    ----------
    depth : float, optional
        Smallest fall in µm from the radius of the smaller particle to that of the neck; the
        largest voxel edge if not given.
    neck : float
        Largest ratio of the radius of the neck to that of the smaller particle.
    """

    depth: float | None = None
    neck: float = 0.85


@dataclass(frozen=True, slots=True, eq=False)
class Particles:
    """The particles of a volume.

    Parameters
    ----------
    labels : Sink
        int32, (Z, Y, X): 0 outside the phase, else the particle; particles count from 1 in
        the order of their first voxel.
    table : dict of ndarray
        One row for each; see `ssbtomo.kernels.particles.particle_table`.
    """

    labels: Sink
    table: Table


_USUAL = Necks()


@dataclass(frozen=True, slots=True)
class _Roots:
    """Distances, read from a store of their squares."""

    squared: Source

    @property
    def shape(self) -> tuple[int, ...]:
        return self.squared.shape

    @property
    def dtype(self) -> Any:
        return np.dtype(np.float32)

    def __getitem__(self, window: Any) -> NDArray[np.float32]:
        return np.sqrt(np.asarray(self.squared[window], dtype=np.float32))


def separate(
    source: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    allocate: Allocate,
    phase: int | None = None,
    necks: Necks = _USUAL,
    on_block: OnBlock | None = None,
) -> Particles:
    """Cut a phase into particles at its necks, and measure each.

    Parameters
    ----------
    source : Source
        A mask, or labels.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it by a bit.
    engine : Engine
        Where the tasks run.
    allocate : callable
        Makes the stores: ``"particles"`` (int32, the result) and, no longer needed
        afterwards, those of `ssbtomo.blocks.distance.distance` and ``"drainage"`` (int32).
    phase : int, optional
        Label of the phase; all that is not zero if not given.
    necks : Necks
        Where particles are cut.
    on_block : callable, optional
        Told each finished block of each pass.

    Returns
    -------
    Particles
        Bit for bit those of `ssbtomo.kernels.particles.separate`, and their table.

    Raises
    ------
    InputDataError
        If the ratio of `necks` is not above 0 and at most 1, or its depth is negative.

    Notes
    -----
    Memory of a task: as for `ssbtomo.blocks.distance.distance`, then 16 bytes per voxel of a
    block; beside the tasks see `ssbtomo.blocks.basins.find_basins`, and 260 bytes for each
    particle of each block.
    """
    steps, fall = check_necks(spacing, necks.depth, necks.neck)
    found = distance(
        source, spacing, grid, engine, allocate=allocate, phase=phase, on_block=on_block
    )
    sink = allocate("particles", np.dtype(np.int32))
    if np.isinf(found.largest):  # the phase fills the volume: one particle
        task = partial(_fill, sink=sink)
        parts = each(task, grid, engine, on_block)
    else:
        divided = find_basins(
            _Roots(found.squared), steps, grid, engine,
            depth=fall, neck=necks.neck, allocate=allocate, on_block=on_block,
        )  # fmt: skip
        parts = divided.paint(sink, engine, summary=_sums, on_block=on_block)
    return Particles(sink, particle_rows(*_added(parts, grid), spacing))


def particle_table(
    labels: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    on_block: OnBlock | None = None,
) -> Table:
    """Measure each particle, in one read.

    Parameters
    ----------
    labels : Source
        Integers; 0 is no particle.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it by a bit.
    engine : Engine
        Where the tasks run.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    dict of ndarray
        As of `ssbtomo.kernels.particles.particle_table`.

    Notes
    -----
    Memory: as of `label_moments`.
    """
    return particle_rows(*label_moments(labels, grid, engine, on_block=on_block), spacing)


def label_moments(
    labels: Source, grid: Grid, engine: Engine, *, on_block: OnBlock | None = None
) -> Part:
    """Sum up the voxels of each label, in one read.

    Parameters
    ----------
    labels : Source
        Integers; 0 and less is no object.
    grid : Grid
        How the volume is cut. The result does not depend on it by a bit.
    engine : Engine
        Where the tasks run.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    names : ndarray of int64
        The labels that occur, ascending.
    found : Moments
        Their sums.

    Notes
    -----
    Memory: 8 bytes per voxel of a block and 5 per label up to the largest one for a task;
    260 bytes for each label of each block.
    """
    task = partial(_measure, labels=labels)
    return _added(each(task, grid, engine, on_block), grid)


def _fill(block: Block, *, sink: Sink) -> Part:
    labels = np.ones(block.shape, dtype=np.int32)
    sink[block.core] = labels
    return _sums(block, labels)


def _measure(block: Block, *, labels: Source) -> Part:
    return _sums(block, np.asarray(labels[block.core]))


def _sums(block: Block, labels: NDArray[Any]) -> Part:
    """Return the labels of a block, and the sums over their voxels."""
    held = np.zeros(int(labels.max(initial=0)) + 1, dtype=bool)
    held[np.maximum(labels, 0)] = True
    held[0] = False
    rank = np.cumsum(held, dtype=np.int32) * held
    found = moments(rank[np.maximum(labels, 0)], origin=block.start, within=block.within)
    return np.flatnonzero(held), found


def _added(parts: Sequence[Part], grid: Grid) -> Part:
    """Add the sums of all blocks."""
    every = np.concatenate([names for names, _ in parts])
    names, row = np.unique(every, return_inverse=True)
    sums = np.zeros((names.size, 10), dtype=np.int64)
    np.add.at(sums, row, np.concatenate([part.sums for _, part in parts]))
    boxes = np.concatenate([part.boxes for _, part in parts])
    near = np.full((names.size, 3), np.iinfo(np.int64).max)
    far = np.zeros((names.size, 3), dtype=np.int64)
    np.minimum.at(near, row, boxes[:, :3])
    np.maximum.at(far, row, boxes[:, 3:])
    return names, Moments(sums, np.hstack([near, far]), grid.shape)
