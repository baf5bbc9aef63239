"""Connected components of a volume, block by block: tables, labels, masks of some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
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
        kept: Sequence[Runs | None] = (),
        on_block: OnBlock | None = None,
    ) -> None:
        """Write one value per component into a store, in a second read of the volume.

        Into an array in memory the runs are written directly; for a store a task holds its
        block of `values` too.

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
        kept : sequence, optional
            The runs of each block, ``None`` where they are to be found again.
        on_block : callable, optional
            Told each finished block.
        """
        task = partial(_paint, source=source, sink=sink, wanted=self.wanted, over=over)
        done = engine.map(task, self._jobs(values, kept))
        for block, _ in zip(self.grid, done, strict=True):
            if on_block:
                on_block(block)

    def _jobs(self, values: NDArray[Any], kept: Sequence[Runs | None]) -> Iterator[_Job]:
        for number, (block, runs) in enumerate(zip_longest(self.grid, kept)):
            here = slice(self.offsets[number], self.offsets[number + 1])
            yield _Job(block, values[self.rows[here]], runs)


@dataclass(frozen=True, slots=True)
class _Job:
    block: Block
    values: NDArray[Any] = field(repr=False, compare=False)
    runs: Runs | None = field(repr=False, compare=False)


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
    return _find(source, grid, engine, wanted, measure=measure, on_block=on_block)[0]


def _find(
    source: Source,
    grid: Grid,
    engine: Engine,
    wanted: Wanted | None,
    *,
    measure: Measure | None = None,
    on_block: OnBlock | None = None,
    spare: int = 0,
) -> tuple[Components, list[Runs | None]]:
    """Find components, and keep the runs of the first blocks in up to `spare` bytes."""
    choice = wanted or Wanted()
    seams = Seams(grid, choice.neighbours)
    tables, offsets, measured = [], [], []
    kept: list[Runs | None] = []
    task = partial(_label, source=source, wanted=choice, measure=measure, keep=spare > 0)
    for block, (rims, table, more, runs) in zip(grid, engine.map(task, grid), strict=True):
        spare -= runs.nbytes if runs else 0
        kept.append(runs if spare >= 0 else None)
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
    return Components(table.take(order), choice, grid, np.asarray(offsets), rows, extra), kept


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

    The volume is read twice and written once. Of a volume on disk nothing is kept in between;
    of an array in memory the runs are, as long as all of them take no more bytes than the array,
    if the tasks run in this process. Where they take more, they are found again.

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
    memory = source.nbytes if isinstance(source, np.ndarray) and not engine.remote else 0
    found, kept = _find(source, grid, engine, wanted, on_block=on_block, spare=memory)
    if len(found) >= 2**32:
        raise InputDataError(
            f"{len(found)} components are more than 32 bits can number",
            hint="remove noise first, or take 26 neighbours",
        )
    sink = allocate("components", np.uint32)
    ids = np.arange(1, len(found) + 1, dtype=np.uint32)
    found.paint(source, ids, sink, engine, kept=kept, on_block=on_block)
    return sink, found


def _label(
    block: Block, *, source: Source, wanted: Wanted, measure: Measure | None, keep: bool
) -> tuple[Rims, Pieces, Ints, Runs | None]:
    labels = np.asarray(source[block.core])
    runs = wanted.runs(labels)
    more = measure(labels, runs, block) if measure else np.zeros((runs.count, 0), np.int64)
    return runs.rims(), runs.table(block.start, block.within), more, runs if keep else None


def _paint(job: _Job, *, source: Source, sink: Sink, wanted: Wanted, over: bool) -> None:
    core = job.block.core
    runs = job.runs
    if over or runs is None:
        labels = np.asarray(source[core])
        runs = runs or wanted.runs(labels)
    if over:
        painted = np.full(job.block.shape, -1, job.values.dtype)
        runs.paint(job.values, painted)
        sink[core] = np.where(painted < 0, labels, painted).astype(source.dtype)
    elif isinstance(sink, np.ndarray) and sink.flags.c_contiguous:
        runs.fill(job.values.astype(sink.dtype, copy=False), sink, job.block.start)
    else:
        painted = np.empty(job.block.shape, job.values.dtype)
        runs.fill(job.values, painted)
        sink[core] = painted
