"""Small components removed, large ones kept and holes filled, block by block."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.components import Allocate, Wanted, find_components
from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.pieces import Pieces
from ssbtomo.kernels.runs import Neighbours

__all__ = ["fill_holes", "keep", "keep_large", "remove_small"]

_ROUNDS = 10


def keep(
    source: Source,
    chosen: Callable[[Pieces], NDArray[np.bool_]],
    grid: Grid,
    engine: Engine,
    wanted: Wanted,
    *,
    allocate: Allocate,
) -> Sink:
    """Write the mask of the components that are chosen from their table.

    Parameters
    ----------
    source : Source
        Labels or a mask, (Z, Y, X).
    chosen : callable
        Given the table, returns which of its rows are kept.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    wanted : Wanted
        Which voxels.
    allocate : callable
        Called as ``allocate("kept", bool)``: makes what is written.

    Returns
    -------
    Sink
        True in the chosen components. Read twice, written once; memory as for
        `ssbtomo.blocks.components.find_components`, and 1 byte per voxel of a block.
    """
    found = find_components(source, grid, engine, wanted)
    sink = allocate("kept", np.dtype(np.bool_))
    found.paint(source, np.asarray(chosen(found.table), np.bool_), sink, engine)
    return sink


def keep_large(
    source: Source,
    smallest: int,
    grid: Grid,
    engine: Engine,
    wanted: Wanted,
    *,
    allocate: Allocate,
) -> Sink:
    """Write the mask of the components of at least `smallest` voxels.

    Parameters
    ----------
    source : Source
        Labels or a mask, (Z, Y, X).
    smallest : int
        Voxels of the smallest component that is kept.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    wanted : Wanted
        Which voxels.
    allocate : callable
        Called as ``allocate("kept", bool)``: makes what is written.

    Returns
    -------
    Sink
        True in the large components; see `keep` for memory.
    """
    return keep(source, lambda t: t.size >= smallest, grid, engine, wanted, allocate=allocate)


def fill_holes(
    source: Source,
    grid: Grid,
    engine: Engine,
    phase: int = 1,
    *,
    neighbours: Neighbours = 6,
    allocate: Allocate,
) -> Sink:
    """Give what a phase encloses to the phase.

    A hole is a component of all that is not the phase, and touches no face of the volume.

    Parameters
    ----------
    source : Source
        Labels or a mask, (Z, Y, X).
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    phase : int
        The label that is filled; 1 for a mask.
    neighbours : {6, 18, 26}
        Voxels of a hole touch by a face, also by an edge, or also by a corner.
    allocate : callable
        Called as ``allocate("filled", source.dtype)``: makes what is written.

    Returns
    -------
    Sink
        The labels with their holes filled; for a mask equal to
        `scipy.ndimage.binary_fill_holes`. Read twice, written once; memory as for
        `ssbtomo.blocks.components.find_components`, and 5 bytes per voxel of a block.
    """
    wanted = Wanted(phase, neighbours=neighbours, inverted=True)
    found = find_components(source, grid, engine, wanted)
    holes = ~found.table.touches(grid.shape).any(axis=(1, 2))
    sink = allocate("filled", np.dtype(source.dtype))
    values = np.where(holes, phase, -1).astype(np.int32)
    found.paint(source, values, sink, engine, over=True)
    return sink


def remove_small(
    source: Source,
    smallest: int,
    grid: Grid,
    engine: Engine,
    *,
    phases: Collection[int] | None = None,
    allocate: Allocate,
) -> Sink:
    """Give pieces of fewer than `smallest` voxels to the phase that surrounds them.

    Parameters
    ----------
    source : Source
        Labels of uint8, 0 to 254, (Z, Y, X).
    smallest : int
        A piece (voxels of one phase joined through faces) of at least so many voxels stays.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    phases : collection of int, optional
        Phases that lose their small pieces; all if not given.
    allocate : callable
        Called for ``"small"`` (uint32) and, where needed, for ``"cleaned"`` and
        ``"cleaned-again"`` (as the source), each once; makes what is written.

    Returns
    -------
    Sink
        Equal to `ssbtomo.kernels.cleanup.remove_small`; one of the last two, or the source
        itself if nothing is small. Each of at most ten rounds, mostly one, reads the volume
        three times. Memory as for `ssbtomo.blocks.components.find_components`, and 20 bytes
        per voxel of a block.

    Raises
    ------
    InputDataError
        If `smallest` is negative.
    """
    if smallest < 0:
        raise InputDataError(f"the smallest object has {smallest} voxels; it must be zero or more")
    made: dict[str, Sink] = {}

    def sink(name: str, dtype: np.dtype[np.generic]) -> Sink:
        return made[name] if name in made else made.setdefault(name, allocate(name, dtype))

    current = source
    for turn in range(_ROUNDS if smallest > 1 else 0):
        found = find_components(current, grid, engine)
        small = found.table.size < smallest
        if phases is not None:
            small &= np.isin(found.table.label, list(phases))
        if not small.any():
            break
        names = (np.cumsum(small) * small).astype(np.uint32)
        named = sink("small", np.dtype(np.uint32))
        found.paint(current, names, named, engine)
        takes = _surrounding(named, current, int(small.sum()), grid, engine)
        if (takes < 0).all():
            break
        cleaned = sink("cleaned-again" if turn % 2 else "cleaned", np.dtype(source.dtype))
        values = np.full(len(found), -1, np.int32)
        values[small] = takes
        found.paint(current, values, cleaned, engine, over=True)
        current = cleaned
    return current  # type: ignore[return-value]  # the source, where nothing was small


def _surrounding(
    named: Source, labels: Source, count: int, grid: Grid, engine: Engine
) -> NDArray[np.int64]:
    """Return the label that shares most faces with each small piece; -1 where none stays."""
    faces = np.zeros((count, 256), np.int64)
    task = partial(_count_faces, named=named, labels=labels)
    for names, values, counts in engine.map(task, grid):
        np.add.at(faces, (names, values), counts)
    takes: NDArray[np.int64] = np.where(faces.any(axis=1), faces.argmax(axis=1), -1)
    return takes


def _count_faces(
    block: Block, *, named: Source, labels: Source
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Count the faces of the small pieces with voxels that stay: (piece, label, count)."""
    window = block.window(0, 1)
    pieces, values = np.asarray(named[window]), np.asarray(labels[window])
    keys = [np.zeros(0, np.int64)]
    for axis, size in enumerate(block.shape):
        own = [slice(0, n) for n in block.shape]
        own[axis] = slice(0, min(size, pieces.shape[axis] - 1))
        far = list(own)
        far[axis] = slice(1, own[axis].stop + 1)
        for one, other in ((tuple(own), tuple(far)), (tuple(far), tuple(own))):
            here = (pieces[one] > 0) & (pieces[other] == 0)
            keys.append((pieces[one][here].astype(np.int64) - 1) * 256 + values[other][here])
    found, counts = np.unique(np.concatenate(keys), return_counts=True)
    return found // 256, found % 256, counts
