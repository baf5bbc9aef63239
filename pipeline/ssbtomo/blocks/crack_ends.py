"""What belongs to cracks beside their flat parts: where they cross, and where crossings end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.components import Wanted, find_components
from ssbtomo.blocks.derived import MaskOf
from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import each
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.kernels.cracks import ENDS, JOIN, OUTSIDE, Limits, near_voxels
from ssbtomo.kernels.runs import Runs
from ssbtomo.kernels.spheres import sphere_reach
from ssbtomo.units import Spacing

__all__ = ["FLAT", "NEAR", "Stores", "write_joined"]

#: Voxels of pieces in the making: all of them, and the flat ones.
NEAR, FLAT = 1, 2
_BESIDE, _OPEN = 3, 4  # voxels beside cracks, and those among them that lead to pores


class Stores(NamedTuple):
    """What a search for cracks has written.

    Parameters
    ----------
    labels : Sink
        Pieces from 1.
    classes, flat : Sink
        Thickness classes; flat voxels.
    pieces : Sink
        Pieces in the making.
    """

    labels: Sink
    classes: Sink
    flat: Sink
    pieces: Sink


def write_joined(
    stores: Stores,
    chosen: NDArray[np.bool_],
    limits: tuple[Limits, Spacing],
    grid: Grid,
    engine: Engine,
    *,
    on_block: Callable[[Block], None] | None = None,
) -> None:
    """Write the thin voxels near chosen cracks as pieces, and what lies closed in beside them.

    Parameters
    ----------
    stores : Stores
        All are read; `pieces` is written, and `labels` is no longer needed afterwards.
    chosen : ndarray of bool
        Which of the labels, from 0, are cracks.
    limits : tuple
        What a crack is, and the squared voxel edges as of
        `ssbtomo.kernels.distance_passes.squared_edges`.
    grid : Grid
        How the volume is cut. The result does not depend on it.
    engine : Engine
        Where the tasks run.
    on_block : callable, optional
        Told each finished block of each of four passes.

    Notes
    -----
    Where cracks cross nothing is flat, and least of all at the two ends of the line along which
    they do. What is thin and connected there, reaches no further than the box that tells
    flatness, and touches no pore, is part of the cracks. Memory: 9 bytes per voxel of a
    block with its halo, and 170 bytes for each part of each block.
    """
    rules, weights = limits
    task = partial(
        _beside,
        stores=stores,
        chosen=chosen,
        reach=(rules.reach(JOIN), rules.reach(ENDS)),
        weights=weights,
        thin=rules.radii.size,
    )
    each(task, grid, engine, on_block)
    beside = MaskOf(stores.pieces, (_BESIDE, _OPEN))
    own, wanted = (grid, engine), Wanted(1, neighbours=26)
    count = partial(_opened, pieces=stores.pieces)
    found = find_components(beside, *own, wanted, measure=count, on_block=on_block)
    closed = (found.extra[:, 0] == 0).astype(np.int32)
    found.paint(beside, closed, stores.labels, engine, on_block=on_block)
    each(partial(_merge, stores=stores), grid, engine, on_block)


def _beside(
    block: Block,
    *,
    stores: Stores,
    chosen: NDArray[np.bool_],
    reach: tuple[float, float],
    weights: Spacing,
    thin: int,
) -> None:
    """Write what lies near cracks as pieces, and what lies beside those by where it leads."""
    # what goes on further has at least one voxel in a shell so thick
    outer = reach[1] + sum(weights) ** 0.5
    halo = sphere_reach(outer, weights)
    around = chosen[np.asarray(stores.labels[block.window(halo, halo)])]
    made = np.zeros(block.shape, dtype=np.uint8)
    if around.any():
        core = block.inner(halo)
        here = np.asarray(stores.classes[block.core])
        near, inner, far = (near_voxels(around, r, weights, core) for r in (*reach, outer))
        made[far & (here != OUTSIDE)] = _OPEN
        made[inner & (here < thin)] = _BESIDE
        level = np.asarray(stores.flat[block.core]) > 0
        near &= here < thin
        made[near] = np.where(level, FLAT, NEAR)[near]
    check_wanted()
    stores.pieces[block.core] = made


def _merge(block: Block, *, stores: Stores) -> None:
    """Add what is closed in to the pieces, and leave out the rest beside them."""
    made = np.asarray(stores.pieces[block.core]).copy()
    made[made >= _BESIDE] = 0
    made[np.asarray(stores.labels[block.core]) > 0] = NEAR
    check_wanted()
    stores.pieces[block.core] = made


def _opened(
    values: NDArray[np.bool_], runs: Runs, block: Block, *, pieces: Source
) -> NDArray[np.int64]:
    """Return for each part beside cracks how many of its voxels lead to pores."""
    if not runs.count:
        return np.zeros((0, 1), dtype=np.int64)
    local = np.zeros(values.shape, dtype=np.int32)
    runs.paint(np.arange(1, runs.count + 1, dtype=np.int32), local)
    led = local[np.asarray(pieces[block.core]) == _OPEN]
    return np.bincount(led, minlength=runs.count + 1)[1:, None].astype(np.int64)
