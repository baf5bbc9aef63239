"""Numbers of crack voxels, such as their facets, painted into a volume block by block."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.crack_points import points_in
from ssbtomo.blocks.engine import SERIAL, Engine, Sink
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import check_sink, each
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.kernels.crack_points import Points

__all__ = ["paint_points"]


def paint_points(
    points: Points, values: NDArray[np.int32], sink: Sink, grid: Grid, engine: Engine
) -> None:
    """Write a number for each crack voxel, and zero elsewhere.

    Parameters
    ----------
    points : Points
        The voxels.
    values : ndarray of int32, shape (n,)
        What is written at each.
    sink : Sink
        What is written to; its shards must coincide with the grid's blocks.
    grid : Grid
        How the volume is cut. The result does not depend on it.
    engine : Engine
        Where the tasks run; here, if its workers do not share the memory of this process.

    Notes
    -----
    Memory of a task: 4 bytes per voxel of a block.
    """
    place = SERIAL if engine.remote else engine
    check_sink(sink, grid, place)
    each(partial(_paint, points=points, values=values, sink=sink), grid, place)


def _paint(block: Block, *, points: Points, values: NDArray[np.int32], sink: Sink) -> None:
    check_wanted()
    rows = points_in(block, points)
    painted = np.zeros(block.shape, dtype=np.int32)
    painted[tuple((points.places[rows] - np.asarray(block.start)).T)] = values[rows]
    sink[block.core] = painted
