"""How much of each phase is joined to the faces of a volume, without labelling it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.cleanup import keep
from ssbtomo.blocks.components import Allocate, Wanted, find_components
from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.errors import PhaseMissingError
from ssbtomo.kernels.connectivity import Connectivity, shares
from ssbtomo.kernels.pieces import Pieces
from ssbtomo.kernels.runs import Neighbours

__all__ = ["Connectivity", "connectivities", "connectivity", "percolating"]


def connectivities(
    source: Source,
    grid: Grid,
    engine: Engine,
    *,
    phases: Collection[int] | None = None,
    neighbours: Neighbours = 6,
    on_block: Callable[[Block], None] | None = None,
) -> dict[int, Connectivity]:
    """Measure which share of each phase is joined to the faces, all phases in one read.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    phases : collection of int, optional
        Which labels; all that occur if not given.
    neighbours : {6, 18, 26}
        Voxels that touch by a face, also by an edge, or also by a corner. Transport by
        finite volumes sees 6.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    dict of int to Connectivity
        For each phase that occurs; see `ssbtomo.kernels.connectivity.connectivity` for the
        estimator and its bias. Memory as for `ssbtomo.blocks.components.find_components`.
    """
    wanted = Wanted(neighbours=neighbours)
    table = find_components(source, grid, engine, wanted, on_block=on_block).table
    present = np.unique(table.label).tolist()
    return {
        int(phase): shares(table.take(table.label == phase), grid.shape)
        for phase in present
        if phases is None or phase in phases
    }


def connectivity(
    source: Source,
    phase: int,
    grid: Grid,
    engine: Engine,
    *,
    neighbours: Neighbours = 6,
) -> Connectivity:
    """Measure which share of a phase is joined to the faces of the volume.

    Parameters
    ----------
    source : Source
        Labels or a mask, (Z, Y, X).
    phase : int
        Label of the phase; 1 for a mask.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    neighbours : {6, 18, 26}
        Voxels that touch by a face, also by an edge, or also by a corner.

    Returns
    -------
    Connectivity
        Equal to `ssbtomo.kernels.connectivity.connectivity` of the whole. Read once, nothing
        is written.

    Raises
    ------
    PhaseMissingError
        If the phase does not occur: a share of nothing is not a number.
    """
    wanted = Wanted(phase, neighbours=neighbours)
    table = find_components(source, grid, engine, wanted).table
    if not len(table):
        raise PhaseMissingError(
            f"the phase {phase} has no voxel, so no share of it can be connected",
            hint="check the label of the phase against the segmentation",
        )
    return shares(table, grid.shape)


def percolating(
    source: Source,
    phase: int,
    axis: int,
    grid: Grid,
    engine: Engine,
    *,
    neighbours: Neighbours = 6,
    allocate: Allocate,
) -> Sink:
    """Write the mask of the part of a phase that joins both faces across an axis.

    Parameters
    ----------
    source : Source
        Labels or a mask, (Z, Y, X).
    phase : int
        Label of the phase; 1 for a mask.
    axis : int
        0, 1 or 2 for Z, Y or X.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    neighbours : {6, 18, 26}
        Voxels that touch by a face, also by an edge, or also by a corner.
    allocate : callable
        Called as ``allocate("kept", bool)``: makes what is written.

    Returns
    -------
    Sink
        True in the components that span; nowhere if the phase does not percolate.
    """
    wanted = Wanted(phase, neighbours=neighbours)
    chosen = partial(_spans, axis=axis, grid=grid)
    return keep(source, chosen, grid, engine, wanted, allocate=allocate)


def _spans(table: Pieces, *, axis: int, grid: Grid) -> NDArray[np.bool_]:
    return np.asarray(table.touches(grid.shape)[:, axis].all(axis=1))
