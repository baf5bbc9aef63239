"""Ways of steepest ascent, followed from block to block up to their peaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.passes import Allocate
from ssbtomo.errors import ResourceError
from ssbtomo.kernels import flooding as kernels

__all__ = ["Drainage", "Job", "drainage", "told"]

Ints = NDArray[np.int64]
Steps = tuple[float, float, float]
OnBlock = Callable[[Block], None]


@dataclass(frozen=True, slots=True)
class Job:
    """A block, and what its task needs to know of the others.

    Parameters
    ----------
    block : Block
        The block.
    tables : tuple of ndarray or None
        What the task needs.
    """

    block: Block
    tables: tuple[NDArray[Any] | None, ...] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Drainage:
    """Which peak each voxel of a volume drains to.

    Parameters
    ----------
    ends : Sink
        int32, (Z, Y, X): in each block, where the ascent from a voxel ends, from 1; 0 outside.
    offsets : ndarray of int64, shape (blocks + 1,)
        Ends in the blocks before each block.
    peak : ndarray of int64
        For each end of each block the peak that its way goes on to, from 0 in the order of
        the peaks' voxels.
    heights : ndarray of float32
        Of the peaks.
    firsts : ndarray of int64
        For each peak the first voxel (flat) that drains to it.
    """

    ends: Sink
    offsets: Ints
    peak: Ints
    heights: NDArray[np.float32]
    firsts: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Ends:
    """Where the ascents of a block end, or of all blocks: places in the volume (flat)."""

    place: Ints
    first: Ints
    height: NDArray[np.float32]
    leaves: NDArray[np.bool_]


def drainage(
    heights: Source,
    steps: Steps,
    grid: Grid,
    engine: Engine,
    *,
    allocate: Allocate,
    on_block: OnBlock | None = None,
) -> Drainage:
    """Follow the steepest ascent from each voxel of positive height.

    Parameters
    ----------
    heights : Source
        float32: positive inside, 0 outside; finite.
    steps : tuple of float
        Voxel edges along (Z, Y, X), in any unit.
    grid : Grid
        How the volume is cut. Peaks, and what drains to them, do not depend on it.
    engine : Engine
        Where the tasks run.
    allocate : callable
        Makes the store ``"drainage"``, int32.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    Drainage
        The ends of all blocks, and where they lead.

    Raises
    ------
    ResourceError
        If there are 2³¹ peaks or more.

    Notes
    -----
    Each voxel looks at its 26 neighbours, so a block needs one voxel around it to know the
    ways out of it.
    Memory: 12 bytes per voxel of a block for a task; here 50 bytes per end (a peak, or a
    voxel beyond the block where a way leaves it) while ways are followed.
    """
    sink = allocate("drainage", np.dtype(np.int32))
    task = partial(_drain, heights=heights, sink=sink, steps=steps)
    parts = list(told(grid, engine.map(task, grid), on_block))
    offsets = np.concatenate([[0], np.cumsum([part.place.size for part in parts])])
    ends = _together(parts)
    del parts
    peak, found = _followed(ends, _parents(ends, offsets, sink, grid, engine))
    firsts = np.full(found.size, np.iinfo(np.int64).max)
    np.minimum.at(firsts, peak, ends.first)
    return Drainage(sink, offsets, peak, ends.height[found], firsts)


def told(grid: Grid, results: Iterator[Any], on_block: OnBlock | None) -> Iterator[Any]:
    """Yield the results of the blocks, each after its block was told.

    Parameters
    ----------
    grid : Grid
        The blocks.
    results : iterator
        One for each.
    on_block : callable or None
        Told each finished block.

    Yields
    ------
    object
        The results.
    """
    for block, result in zip(grid, results, strict=True):
        if on_block:
            on_block(block)
        yield result


def _drain(block: Block, *, heights: Source, sink: Sink, steps: Steps) -> _Ends:
    """Write the ends of a block's ascents, and return where they are."""
    window, core = block.window(1, 1), block.inner(1)
    values = np.ascontiguousarray(heights[window], dtype=np.float32)
    labels, ends, firsts = kernels.drain(values, steps, core)
    sink[block.core] = labels
    corner = [cut.start for cut in window]
    here = np.stack(np.unravel_index(ends, values.shape))
    inside = [
        (cut.start <= along) & (along < cut.stop) for cut, along in zip(core, here, strict=True)
    ]
    return _Ends(
        _flat(here, corner, block.within),
        _flat(np.stack(np.unravel_index(firsts, values.shape)), corner, block.within),
        values.reshape(-1)[ends],
        ~np.logical_and.reduce(inside),
    )


def _flat(places: Ints, corner: Sequence[int], shape: Sequence[int]) -> Ints:
    """Return places in a window as places in the volume."""
    z, y, x = (along + start for along, start in zip(places, corner, strict=True))
    flat: Ints = (z * shape[1] + y) * shape[2] + x
    return flat


def _together(parts: Sequence[_Ends]) -> _Ends:
    return _Ends(
        np.concatenate([part.place for part in parts]),
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.height for part in parts]),
        np.concatenate([part.leaves for part in parts]),
    )


def _parents(ends: _Ends, offsets: Ints, drained: Sink, grid: Grid, engine: Engine) -> Ints:
    """Return for each end the one that it leads on to in the next block; itself at a peak."""
    parent = np.arange(ends.place.size)
    leaving = np.flatnonzero(ends.leaves)
    at = np.unravel_index(ends.place[leaving], grid.shape)
    owner = np.ravel_multi_index(
        tuple(along // edge for along, edge in zip(at, grid.block, strict=True)), grid.counts
    )
    order = np.argsort(owner, kind="stable")
    leaving = leaving[order]
    bounds = np.searchsorted(owner[order], np.arange(len(grid) + 1))
    wanted = [slice(a, b) for a, b in pairwise(bounds)]
    jobs = (
        Job(block, (ends.place[leaving[part]],))
        for block, part in zip(grid, wanted, strict=True)
        if part.stop > part.start
    )
    found = engine.map(partial(_look_up, drained=drained), jobs)
    for index, part in enumerate(wanted):
        if part.stop > part.start:
            parent[leaving[part]] = next(found) + (offsets[index] - 1)
    return parent


def _look_up(job: Job, *, drained: Source) -> Ints:
    """Return the ends that a block's ascents from some voxels lead to."""
    block, (places,) = job.block, job.tables
    labels = np.asarray(drained[block.core])
    at = np.unravel_index(places, block.within)  # type: ignore[arg-type]
    inside = tuple(along - start for along, start in zip(at, block.start, strict=True))
    return labels[inside].astype(np.int64)


def _followed(ends: _Ends, parent: Ints) -> tuple[Ints, Ints]:
    """Return the peak of each end, from 0 in the order of their voxels, and the peaks' ends."""
    while True:
        ahead = parent[parent]
        if np.array_equal(ahead, parent):
            break
        parent = ahead
    peaks = np.flatnonzero(~ends.leaves)
    peaks = peaks[np.argsort(ends.place[peaks], kind="stable")]
    if peaks.size >= 2**31 - 1:
        raise ResourceError(
            f"{peaks.size} basins are too many", hint="smooth the volume, or bin it first"
        )
    number = np.zeros(parent.size, dtype=np.int64)
    number[peaks] = np.arange(peaks.size)
    return number[parent], peaks
