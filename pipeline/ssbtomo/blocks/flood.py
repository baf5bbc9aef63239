"""Seeds grown over a volume, block by block: the labels of the whole, whatever the cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.drainage import Job
from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import check_sink
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.kernels.flood import MOST_LABELS, Keys, Levels, grown_labels
from ssbtomo.kernels.flood import flood as grow

__all__ = ["flood"]

LevelsOf = Callable[[Block], Levels]
Index = tuple[int, int, int]
Rims = tuple["_Rim | None", ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Rim:
    """The voxels of a block on one of its faces, where it has a neighbour.

    Parameters
    ----------
    keys : ndarray of uint32
        What was found.
    followed : ndarray of uint32
        The key that each follows; 0 for a seed.
    leans : ndarray of bool
        Whether that is the key behind the face.
    """

    keys: Keys
    followed: Keys
    leans: NDArray[np.bool_]


_SIDES = tuple((axis, far) for axis in range(3) for far in (0, 1))


def flood(levels: LevelsOf, seeds: Source, sink: Sink, grid: Grid, engine: Engine) -> int:
    """Grow seeds over a volume, flattest voxels first.

    Each block floods its own voxels from its seeds and from the voxels of its neighbours next
    to it, as far as these are known. It returns what it found on its faces, and is flooded
    anew as long as a neighbour has a smaller key than it knew of, or a larger one where it followed it: two
    to four times, mostly.

    Parameters
    ----------
    levels : callable
        Given a block, returns the height of its voxels (uint16, below 4096); picklable.
    seeds : Source
        Labels from 1 to 14, else 0 (uint8).
    sink : Sink
        Filled with the labels of `ssbtomo.kernels.flood.grown_labels`; not `seeds`.
    grid : Grid
        How the volume is cut. The result does not depend on it by a bit.
    engine : Engine
        Where the tasks run.

    Returns
    -------
    int
        How many times a block was flooded.

    Notes
    -----
    A task holds 14 bytes per voxel of the block, and what `levels` needs; here are held 9
    bytes per voxel on either side of each face between blocks.
    """
    check_sink(sink, grid, engine, source=seeds)
    task = partial(_flood, levels=levels, seeds=seeds, sink=sink, counts=grid.counts)
    rims: dict[Index, Rims] = {}
    waiting, floods = list(grid), 0
    while waiting:
        changed = set()
        for block, found in zip(waiting, engine.map(task, _jobs(waiting, rims)), strict=True):
            if _differ(rims.get(block.index), found):
                changed.add(block.index)
            rims[block.index] = found
        floods += len(waiting)
        waiting = [block for block in grid if _must_change(block, rims, changed)]
    return floods


def _jobs(blocks: list[Block], rims: dict[Index, Rims]) -> Iterator[Job]:
    """Yield each block with its neighbours' keys as they are known when its turn comes."""
    for block in blocks:
        yield Job(block, tuple(_beyond(block, side, rims) for side in range(len(_SIDES))))


def _beyond(block: Block, side: int, rims: dict[Index, Rims]) -> Keys | None:
    """Return the keys of the voxels behind a face of a block."""
    rim = rims.get(_neighbour(block.index, side))
    facing = None if rim is None else rim[side ^ 1]
    return None if facing is None else facing.keys


def _neighbour(index: Index, side: int) -> Index:
    axis, far = _SIDES[side]
    z, y, x = (i + (2 * far - 1) * (axis == k) for k, i in enumerate(index))
    return z, y, x


def _differ(before: Rims | None, now: Rims) -> bool:
    return before is None or any(
        old is not None and new is not None and not np.array_equal(old.keys, new.keys)
        for old, new in zip(before, now, strict=True)
    )


def _must_change(block: Block, rims: dict[Index, Rims], changed: set[Index]) -> bool:
    for side, rim in enumerate(rims[block.index]):
        if rim is None or _neighbour(block.index, side) not in changed:
            continue
        beyond = _beyond(block, side, rims)
        if beyond is None:
            continue
        if ((beyond < rim.followed) | (rim.leans & (beyond > rim.followed))).any():
            return True
    return False


def _flood(job: Job, *, levels: LevelsOf, seeds: Source, sink: Sink, counts: Index) -> Rims:
    keys = grow(levels(job.block), np.asarray(seeds[job.block.core]), job.tables)
    check_wanted()
    sink[job.block.core] = grown_labels(keys)
    inside = (
        0 <= _neighbour(job.block.index, side)[axis] < counts[axis]
        for side, (axis, _) in enumerate(_SIDES)
    )
    return tuple(_rim(keys, side) if there else None for side, there in enumerate(inside))


def _rim(keys: Keys, side: int) -> _Rim:
    axis, far = _SIDES[side]
    lines = np.moveaxis(keys, axis, 0)
    outside, face, inside = lines[::-1][:3] if far else lines[:3]
    across = (face[2:, 1:-1], face[:-2, 1:-1], face[1:-1, 2:], face[1:-1, :-2])
    beyond, own = outside[1:-1, 1:-1], face[1:-1, 1:-1]
    lowest = reduce(np.minimum, (*across, inside[1:-1, 1:-1], beyond))
    followed = np.where(own <= MOST_LABELS, np.uint32(0), lowest)
    return _Rim(own.copy(), followed, beyond == followed)
