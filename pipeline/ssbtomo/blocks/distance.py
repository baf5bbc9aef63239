"""Exact Euclidean distance of a volume, block by block: certified halos, else two passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.passes import Allocate, Pass, passes
from ssbtomo.kernels.distance_passes import (
    across_planes,
    in_planes,
    squared_distance,
    squared_edges,
)
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Distances", "Scheme", "distance"]

Scheme = Literal["auto", "halo", "passes"]

_FIRST = 8.0  # smallest voxel edges: the halo that is tried first
_DEAREST = 1.5  # voxels read for each voxel of a block, before passes are cheaper
_PROBES = 8  # blocks that are tried before all


@dataclass(frozen=True, slots=True)
class Distances:
    """Squared distances of a volume.

    Parameters
    ----------
    squared : Sink
        float32, (Z, Y, X), in units of the smallest voxel edge squared: 0 outside the phase,
        ``inf`` everywhere if it fills the volume.
    largest : float
        The largest of them; 0 if the phase has no voxel.
    scheme : {"halo", "passes"}
        How they were found; the values do not depend on it.
    """

    squared: Sink
    largest: float
    scheme: Scheme


def distance(
    source: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    allocate: Allocate,
    phase: int | None = None,
    scheme: Scheme = "auto",
    on_block: Callable[[Block], None] | None = None,
) -> Distances:
    """Measure the squared distance from each voxel of a phase to the nearest one outside it.

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
        Makes the stores: ``"distance"`` (float32, the result) and, for passes,
        ``"distance-planes"`` (uint32, no longer needed afterwards).
    phase : int, optional
        Label of the phase; all that is not zero if not given.
    scheme : {"auto", "halo", "passes"}
        ``"halo"`` reads each block with as much around it as proves its distances exact: one
        pass, best where distances are small. ``"passes"`` works along x and y in slabs, then
        along z in columns of blocks. ``"auto"`` tries the first, and falls back on the second
        when a block needs more than half its voxels around it.
    on_block : callable, optional
        Told each finished block, slab or column.

    Returns
    -------
    Distances
        Bit for bit those of `ssbtomo.kernels.distance_passes.squared_distance`.

    Notes
    -----
    Memory of a task: with halos 6 bytes per voxel read (at most 1.5 times the block if
    ``"auto"``); with passes 6 bytes per voxel of a slab, then 8 of a column.
    """
    weights = squared_edges(spacing, grid.shape)
    sink = allocate("distance", np.dtype(np.float32))
    if scheme != "passes":
        most = _DEAREST if scheme == "auto" else float("inf")
        task = partial(
            _with_halo, source=source, sink=sink, weights=weights, phase=phase, most=most
        )
        largest = _try_halos(task, grid, engine, on_block)
        if largest is not None:
            return Distances(sink, largest, "halo")
    steps = [
        Pass(
            partial(_planes, weights=weights, phase=phase),
            allocate("distance-planes", np.dtype(np.uint32)),
            spans=(1, 2),
        ),
        Pass(partial(across_planes, weights=weights), sink, spans=(0,), summary=_largest),
    ]
    return Distances(sink, max(passes(source, steps, grid, engine, on_block=on_block)), "passes")


def _try_halos(
    task: Callable[[Block], float | None],
    grid: Grid,
    engine: Engine,
    on_block: Callable[[Block], None] | None,
) -> float | None:
    """Do all blocks, a few of them first; `None` as soon as a group has one that failed."""
    blocks = list(grid)
    step = max(len(blocks) // _PROBES, 1)
    probes = blocks[step // 2 :: step]
    tried = {block.index for block in probes}
    rest = [block for block in blocks if block.index not in tried]
    largest = 0.0
    for group in (probes, rest):
        found = _done(task, group, engine, on_block)
        if None in found:
            return None
        largest = max([largest, *(value for value in found if value is not None)])
    return largest


def _done(
    task: Callable[[Block], float | None],
    blocks: Sequence[Block],
    engine: Engine,
    on_block: Callable[[Block], None] | None,
) -> list[float | None]:
    """Do blocks, all to their end: none may still write when the passes begin."""
    found = []
    for block, value in zip(blocks, engine.map(task, blocks), strict=True):
        found.append(value)
        if on_block and value is not None:
            on_block(block)
    return found


def _with_halo(
    block: Block,
    *,
    source: Source,
    sink: Sink,
    weights: Spacing,
    phase: int | None,
    most: float,
) -> float | None:
    """Write a block's distances, once they are proven exact; `None` if that is too dear."""
    reach = _FIRST
    while True:
        z, y, x = (int(reach / weight**0.5) + 1 for weight in weights)
        window = block.window((z, y, x), (z, y, x))
        size = prod(cut.stop - cut.start for cut in window)
        if size > most * prod(block.shape):
            return None
        squared = squared_distance(_mask(source[window], phase), weights)
        own: NDArray[np.float32] = squared[block.inner((z, y, x))]
        largest = float(own.max())
        if largest <= _certain(block, window, weights):
            sink[block.core] = own
            return largest
        reach = 2 * reach if np.isinf(largest) else largest**0.5


def _certain(block: Block, window: tuple[slice, ...], weights: Spacing) -> float:
    """Return the squared distance up to which nothing beyond the window can be nearer."""
    known = float("inf")
    bounds = zip(block.start, block.stop, block.within, window, weights, strict=True)
    for start, stop, size, cut, weight in bounds:
        if cut.start > 0:
            known = min(known, weight * (start - cut.start + 1) ** 2)
        if cut.stop < size:
            known = min(known, weight * (cut.stop - stop + 1) ** 2)
    return known


def _planes(values: NDArray[Any], *, weights: Spacing, phase: int | None) -> NDArray[np.uint32]:
    return in_planes(_mask(values, phase), weights)


def _mask(values: NDArray[Any], phase: int | None) -> NDArray[np.bool_]:
    return np.asarray(values != 0 if phase is None else values == phase)


def _largest(squared: NDArray[np.float32]) -> float:
    return float(squared.max())
