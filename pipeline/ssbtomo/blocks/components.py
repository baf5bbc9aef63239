"""Connected components of a volume, block by block: tables, labels, masks of some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.seams import Seams
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.pieces import Pieces
from ssbtomo.kernels.runs import Neighbours, Rims, Runs, find_runs

__all__ = [
    "Allocate",
    "Components",
    "Wanted",
    "components",
    "find_components",
]

Allocate = Callable[[str, DTypeLike], Sink]
OnBlock = Callable[[Block], None]
Ints = NDArray[np.int64]
Measure = Callable[[NDArray[Any], Runs, Block], Ints]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which voxels are in pieces, and which of them are joined.

    Parameters
    ----------
    phase : int, optional
        The only label wanted; pieces of every label if not given, and pieces of different
        labels are never joined.
    background : int, optional
        A label without pieces, where every other is wanted.
    neighbours : {6, 18, 26}
        Voxels that touch by a face, also by an edge, or also by a corner.
    inverted : bool
        Whether all but `phase` is wanted, as one.
    """

    phase: int | None = None
    background: int | None = None
    neighbours: Neighbours = 6
    inverted: bool = False

    def runs(self, labels: NDArray[Any]) -> Runs:
        """Find the pieces of one block.

        Parameters
        ----------
        labels : ndarray of int, shape (Z, Y, X)
            The block.

        Returns
        -------
        Runs
            See `ssbtomo.kernels.runs.find_runs`.
        """
        if self.inverted:
            return find_runs(labels != self.phase, self.neighbours, background=0)
        return find_runs(labels, self.neighbours, phase=self.phase, background=self.background)


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """The connected components of a volume, found without a volume of labels.

    Parameters
    ----------
    table : Pieces
        One row per component. The component in row ``i`` has the id ``i + 1``: its rank by the
        smallest linear index of its voxels, whatever the blocks were.
    wanted : Wanted
        What was looked for.
    grid : Grid
        The blocks.
    offsets : ndarray of int64, shape (blocks + 1,)
        Pieces in the blocks before each block.
    rows : ndarray of int64
        For each piece of each block the row of its component.
    extra : ndarray of int64, shape (len(table), columns)
        What was measured beside the table, added up; no column if nothing was.
    """

    table: Pieces
    wanted: Wanted
    grid: Grid
    offsets: Ints
    rows: Ints
    extra: Ints

    def __len__(self) -> int:
        return len(self.table)

    def paint(
        self,
        source: Source,
        values: NDArray[Any],
        sink: Sink,
        engine: Engine,
        *,
        over: bool = False,
        on_block: OnBlock | None = None,
    ) -> None:
        """Write one value per component into a store, in a second read of the volume.

        Parameters
        ----------
        source : Source
            What the components were found in.
        values : ndarray, shape (len(self),)
            What to write for each component.
        sink : Sink
            What is written; its shards must coincide with the grid's blocks.
        engine : Engine
            Where the tasks run.
        over : bool
            Whether voxels in no component, or where `values` is negative, keep their label;
            if not, voxels in no component become 0.
        on_block : callable, optional
            Told each finished block.
        """
        task = partial(_paint, source=source, sink=sink, wanted=self.wanted, over=over)
        done = engine.map(task, self._jobs(values))
        for block, _ in zip(self.grid, done, strict=True):
            if on_block:
                on_block(block)

    def _jobs(self, values: NDArray[Any]) -> Iterator[_Job]:
        for number, block in enumerate(self.grid):
            here = slice(self.offsets[number], self.offsets[number + 1])
            yield _Job(block, values[self.rows[here]])


@dataclass(frozen=True, slots=True)
class _Job:
    block: Block
    values: NDArray[Any] = field(repr=False, compare=False)


def find_components(
    source: Source,
    grid: Grid,
    engine: Engine,
    wanted: Wanted | None = None,
    *,
    measure: Measure | None = None,
    on_block: OnBlock | None = None,
) -> Components:
    """Find the connected components of a volume and measure them, in one read of it.

    Each block is labelled by itself; the labels on its six faces are joined with those of
    its neighbours, over edges and corners too if `wanted` says so, and the blocks' tables
    are merged. A task holds the block, as many bytes again for one phase, and 25 bytes per run
    of equal voxels along X (1 to 3 bytes per voxel of a resolved structure); here are held
    one plane of the volume and 112 bytes per piece of each block.

    Parameters
    ----------
    source : Source
        Labels or a mask, (Z, Y, X).
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    wanted : Wanted, optional
        Which voxels; pieces of every label, joined over faces, if not given.
    measure : callable, optional
        Called as ``measure(labels, runs, block)``, returns a row of int64 for each piece of a
        block; rows of one component are added.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    Components
        The table, and what it takes to paint them.

    Raises
    ------
    InputDataError
        If there are no such neighbours, the labels are not integers, or the grid is not
        that of the volume.
    """
    if tuple(source.shape) != tuple(grid.shape):
        raise InputDataError(f"the grid cuts {grid.shape} voxels, the volume has {source.shape}")
    choice = wanted or Wanted()
    seams = Seams(grid, choice.neighbours)
    tables, offsets, measured = [], [], []
    task = partial(_label, source=source, wanted=choice, measure=measure)
    for block, (rims, table, more) in zip(grid, engine.map(task, grid), strict=True):
        offsets.append(seams.add(block, rims, table.label))
        tables.append(table)
        measured.append(more)
        if on_block:
            on_block(block)
    groups, count = seams.groups()
    offsets.append(groups.size)
    table = Pieces.joined(tables).merged(groups, count)
    order = np.argsort(table.first, kind="stable")
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count)
    rows, more = rank[groups], np.concatenate(measured)
    extra = np.zeros((count, more.shape[1]), np.int64)
    np.add.at(extra, rows, more)
    return Components(table.take(order), choice, grid, np.asarray(offsets), rows, extra)


def components(
    source: Source,
    grid: Grid,
    engine: Engine,
    wanted: Wanted | None = None,
    *,
    allocate: Allocate,
    on_block: OnBlock | None = None,
) -> tuple[Sink, Components]:
    """Label the connected components of a volume.

    The volume is read twice and written once; nothing is kept in between, because finding
    a block's pieces again takes less time than reading them.

    Parameters
    ----------
    source : Source
        Labels or a mask, (Z, Y, X).
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    wanted : Wanted, optional
        Which voxels; pieces of every label, joined over faces, if not given.
    allocate : callable
        Called as ``allocate("components", uint32)``: makes what is written.
    on_block : callable, optional
        Told each finished block, twice.

    Returns
    -------
    labels : Sink
        Ids from 1, ranked by the smallest linear index of the component's voxels; 0 outside.
    found : Components
        Row ``i`` of its table is the component ``i + 1``.

    Raises
    ------
    InputDataError
        If there are more components than uint32 can tell apart.
    """
    found = find_components(source, grid, engine, wanted, on_block=on_block)
    if len(found) >= 2**32:
        raise InputDataError(
            f"{len(found)} components are more than 32 bits can number",
            hint="remove noise first, or take 26 neighbours",
        )
    sink = allocate("components", np.uint32)
    ids = np.arange(1, len(found) + 1, dtype=np.uint32)
    found.paint(source, ids, sink, engine, on_block=on_block)
    return sink, found


def _label(
    block: Block, *, source: Source, wanted: Wanted, measure: Measure | None
) -> tuple[Rims, Pieces, Ints]:
    labels = np.asarray(source[block.core])
    runs = wanted.runs(labels)
    more = measure(labels, runs, block) if measure else np.zeros((runs.count, 0), np.int64)
    return runs.rims(), runs.table(block.start, block.within), more


def _paint(job: _Job, *, source: Source, sink: Sink, wanted: Wanted, over: bool) -> None:
    labels = np.asarray(source[job.block.core])
    painted = np.full(labels.shape, -1 if over else 0, job.values.dtype)
    wanted.runs(labels).paint(job.values, painted)
    if over:
        painted = np.where(painted < 0, labels, painted).astype(labels.dtype)
    sink[job.block.core] = painted
