"""Coarser levels of a volume: means of grey values, the commonest of labels."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.io.zarr_arrays import ArrayFile, create_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ssbtomo.blocks.engine import Engine
    from ssbtomo.io.ome_metadata import Kind
    from ssbtomo.units import Spacing

__all__ = ["build_level", "coarsen", "level_steps"]

Step = tuple[int, int, int]
_COARSEST = 128  # the pyramid ends where no axis is longer
_EQUAL = 2**0.5  # edges within this ratio of the finest count as equally fine


def level_steps(shape: Sequence[int], spacing: Spacing | None) -> list[Step]:
    """Choose which axes each further level halves.

    Fine axes are halved first, until all voxel edges are alike: a FIB-SEM stack with
    thick slices keeps its slices until the pixels have caught up.

    Parameters
    ----------
    shape : sequence of int
        Voxels along (Z, Y, X).
    spacing : tuple of float or None
        Voxel edges along (Z, Y, X).

    Returns
    -------
    list of tuple of int
        1 or 2 along (Z, Y, X), for each level after the first.
    """
    sizes, edges = list(shape), list(spacing or (1.0, 1.0, 1.0))
    steps: list[Step] = []
    while max(sizes) > _COARSEST:
        finest = min(edge for edge, size in zip(edges, sizes, strict=True) if size > 1)
        step = tuple(
            2 if size > 1 and edge <= _EQUAL * finest else 1
            for edge, size in zip(edges, sizes, strict=True)
        )
        sizes = [-(-size // f) for size, f in zip(sizes, step, strict=True)]
        edges = [edge * f for edge, f in zip(edges, step, strict=True)]
        steps.append(step)  # type: ignore[arg-type]
    return steps


def build_level(source: ArrayFile, step: Step, kind: Kind, engine: Engine) -> ArrayFile:
    """Write the next level of a pyramid, shard by shard.

    Parameters
    ----------
    source : ArrayFile
        The level above.
    step : tuple of int
        1 or 2 along (Z, Y, X).
    kind : {"image", "labels"}
        Means of grey values, or the commonest label.
    engine : Engine
        Where the tasks run.

    Returns
    -------
    ArrayFile
        The new level.
    """
    shape = tuple(-(-n // f) for n, f in zip(source.shape, step, strict=True))
    sink = create_array(source.path, int(source.level) + 1, shape, source.dtype, source.shards)
    task = partial(_write_shard, source=source, sink=sink, step=step, kind=kind)
    for _ in engine.map(task, Grid(shape, sink.shards)):  # type: ignore[arg-type]
        pass
    return sink


def coarsen(values: NDArray[Any], step: Step, kind: Kind) -> NDArray[Any]:
    """Halve the axes of an array that `step` says.

    A last odd voxel stands for itself. Means of integers are rounded to the nearest
    (half up); among labels that are equally common the first in (Z, Y, X) order wins,
    so that no label is favoured.

    Parameters
    ----------
    values : ndarray, shape (Z, Y, X)
        Grey values or labels.
    step : tuple of int
        1 or 2 along (Z, Y, X).
    kind : {"image", "labels"}
        Means of grey values, or the commonest label.

    Returns
    -------
    ndarray
        The coarser array, of the same type.
    """
    pad = [(0, -n % f) for n, f in zip(values.shape, step, strict=True)]
    full = np.pad(values, pad, mode="edge") if any(p for _, p in pad) else values
    corners = [
        full[z :: step[0], y :: step[1], x :: step[2]] for z, y, x in product(*map(range, step))
    ]
    return _mean(corners) if kind == "image" else _mode(corners)


def _mean(corners: list[NDArray[Any]]) -> NDArray[Any]:
    dtype = corners[0].dtype
    if dtype.kind == "f":
        total: NDArray[Any] = corners[0] / dtype.type(len(corners))
        for corner in corners[1:]:
            total += corner / dtype.type(len(corners))
        return total
    wide = np.int32 if dtype.itemsize <= 2 else np.int64
    total = np.full(corners[0].shape, len(corners) // 2, dtype=wide)
    for corner in corners:
        total += corner
    return (total // len(corners)).astype(dtype)


def _mode(corners: list[NDArray[Any]]) -> NDArray[Any]:
    best = corners[0].copy()
    votes = np.zeros(best.shape, dtype=np.uint8)
    for here in corners:
        count = np.zeros(best.shape, dtype=np.uint8)
        for other in corners:
            count += here == other
        better = count > votes
        best[better] = here[better]
        votes[better] = count[better]
    return best


def _write_shard(
    block: Block, *, source: ArrayFile, sink: ArrayFile, step: Step, kind: Kind
) -> None:
    """Fill one shard from slabs of the level above, so that little is held at once."""
    out = np.empty(block.shape, dtype=sink.dtype)
    thick = sink.chunks[0]
    _, across, along = (
        slice(a * f, min(b * f, n))
        for a, b, f, n in zip(block.start, block.stop, step, source.shape, strict=True)
    )
    for z in range(block.start[0], block.stop[0], thick):
        stop = min(z + thick, block.stop[0])
        cut = slice(z * step[0], min(stop * step[0], source.shape[0]))
        slab = coarsen(source[cut, across, along], step, kind)
        out[z - block.start[0] : stop - block.start[0]] = slab
    sink[block.core] = out
