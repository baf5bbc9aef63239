"""Class probabilities with two classes as one, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.markers import Markers
from ssbtomo.blocks.patterns import check_sink, each
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.kernels.forest import entropy_of

__all__ = ["join_classes"]


def join_classes(
    shares: Sequence[Source],
    pair: tuple[int, int],
    sinks: Sequence[Sink],
    grid: Grid,
    engine: Engine,
    *,
    on_block: Callable[[Block], None] | None = None,
    markers: Markers | None = None,
) -> NDArray[np.int64]:
    """Write labels, probabilities and entropy with two neighbouring classes as one.

    Parameters
    ----------
    shares : sequence of Source
        Probability of each class (uint8, in steps of 1/255).
    pair : tuple of int
        The two classes, neighbours; the joint one takes the smaller number.
    sinks : sequence of Sink
        Those of the labels, of each probability, and of the entropy (uint8).
    grid : Grid
        How the volume is cut.
    engine : Engine
        Where the tasks run: 13 bytes per voxel of a block, and two for each class.
    on_block : callable, optional
        Told each block that was finished now.
    markers : Markers, optional
        Where finished blocks are marked; those of an earlier run are left as they are.

    Returns
    -------
    ndarray of int64, shape (classes - 1,)
        Voxels of each label. A voxel takes the most probable class, the first of equals: it may be of the joint
        one where each of the two is less probable than a third.
    """
    for sink in sinks:
        check_sink(sink, grid, engine)
    task = partial(_join, shares=tuple(shares), first=min(pair), sinks=tuple(sinks))
    counts = each(task, grid, engine, on_block, markers=markers)
    total: NDArray[np.int64] = np.sum(np.asarray(counts, np.int64), axis=0)
    return total


def _join(
    block: Block, *, shares: tuple[Source, ...], first: int, sinks: tuple[Sink, ...]
) -> list[int]:
    steps = [np.asarray(one[block.core]) for one in shares]
    other = steps.pop(first + 1)
    steps[first] = np.minimum(steps[first].astype(np.uint16) + other, 255).astype(np.uint8)
    labels = np.argmax(np.stack(steps), axis=0).astype(np.uint8)
    check_wanted()
    for sink, values in zip(sinks, (labels, *steps, entropy_of(steps)), strict=True):
        sink[block.core] = values
    return [int(n) for n in np.bincount(labels.reshape(-1), minlength=len(steps))]
