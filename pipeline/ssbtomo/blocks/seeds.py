"""Small seeds between a darker and a brighter phase removed, block by block."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.components import Components, Wanted, find_components
from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.passes import Allocate
from ssbtomo.kernels.repair import between_phases, nearby_phases

__all__ = ["remove_stray_seeds"]

Radius = tuple[int, int, int]
_WANTED = Wanted(background=0)


def remove_stray_seeds(
    seeds: Source,
    box: tuple[int, int, Radius],
    grid: Grid,
    engine: Engine,
    *,
    allocate: Allocate,
) -> tuple[Source, NDArray[np.int64]]:
    """Remove small seeds of a phase that lie between a darker and a brighter one.

    Parameters
    ----------
    seeds : Source
        1 for the darkest phase, 0 for no seed (uint8).
    box : tuple
        Number of phases; how many voxels a seed has that stays in any case; and how far around a
        seed other phases are looked for, in voxels along (Z, Y, X).
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    allocate : callable
        Called, where any is removed, as ``allocate("seeds-kept", uint8)``.

    Returns
    -------
    kept : Source
        The seeds that stay; `seeds` themselves where all do.
    counts : ndarray of int64, shape (phases,)
        Voxels of each phase in them.

    Notes
    -----
    What has only darker, or only brighter phases around it cannot be the blur of an edge, and
    stays however small it is. Memory as for `ssbtomo.blocks.components.find_components`, and 5
    bytes per voxel of a block.
    """
    phases, smallest, radius = box
    found = find_components(seeds, grid, engine, _WANTED)
    label, size = found.table.label, found.table.size
    suspect = (size < smallest) & (label > 1) & (label < phases)
    stray = np.zeros(len(found), np.bool_)
    if suspect.any():
        stray = suspect & _between(found, seeds, radius, grid, engine)
    kept = seeds
    if stray.any():
        kept = allocate("seeds-kept", np.dtype(np.uint8))
        found.paint(seeds, np.where(stray, 0, -1).astype(np.int16), kept, engine, over=True)
    counts = np.zeros(phases + 1, np.int64)
    np.add.at(counts, label[~stray], size[~stray])
    return kept, counts[1:]


def _between(
    found: Components, seeds: Source, radius: Radius, grid: Grid, engine: Engine
) -> NDArray[np.bool_]:
    """Tell which components have a voxel with darker and brighter phases around it."""
    between = np.zeros(len(found), np.bool_)
    task = partial(_touched, seeds=seeds, radius=radius)
    for number, pieces in enumerate(engine.map(task, grid)):
        rows = found.rows[found.offsets[number] : found.offsets[number + 1]]
        between[rows[pieces]] = True
    return between


def _touched(block: Block, *, seeds: Source, radius: Radius) -> NDArray[np.bool_]:
    window = np.asarray(seeds[block.window(radius, radius)])
    inner = block.inner(radius)
    own = np.ascontiguousarray(window[inner])
    marked = between_phases(own, nearby_phases(window, radius)[inner])
    return _WANTED.runs(own).any_of(marked)
