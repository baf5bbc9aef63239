"""An interface as a volume: how much of it lies on each voxel, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import check_sink
from ssbtomo.kernels import touching as kernels
from ssbtomo.kernels.areas import default_sigma
from ssbtomo.units import Spacing, check_spacing

__all__ = ["area_map", "surface_points"]

Pair = tuple[int, int]


def area_map(
    source: Source,
    spacing: Spacing,
    phases: Sequence[int],
    grid: Grid,
    engine: Engine,
    *,
    pair: Pair,
    sink: Sink,
    on_block: Callable[[Block], None] | None = None,
) -> None:
    """Write the area of an interface per volume, voxel by voxel.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    phases : sequence of int
        All phases.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run; for memory see `ssbtomo.kernels.touching.voxel_areas`.
    pair : tuple of int
        The two phases; the area lies on the voxels of the first.
    sink : Sink
        float32, 1/um: times the volume of a voxel, it sums to the area of the pair. Its
        shards must coincide with the grid's blocks. A mean over voxels stays right.
    on_block : callable, optional
        Told each finished block.
    """
    check_sink(sink, grid, engine, source=source)
    edges = check_spacing(spacing)
    order = tuple(int(phase) for phase in phases)
    task = partial(_write, source=source, pair=pair, phases=order, spacing=edges, sink=sink)
    for block, _ in zip(grid, engine.map(task, grid), strict=True):
        if on_block:
            on_block(block)


def surface_points(
    source: Source,
    spacing: Spacing,
    phases: Sequence[int],
    grid: Grid,
    engine: Engine,
    *,
    pair: Pair,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]:
    """List the voxels of an interface with area and normal, block after block.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    phases : sequence of int
        All phases.
    grid : Grid
        How the volume is cut; only the order of the points depends on it.
    engine : Engine
        Where the tasks run.
    pair : tuple of int
        The two phases; the voxels are those of the first.

    Yields
    ------
    voxels : ndarray of int64, shape (n, 3)
        Indexes along (Z, Y, X).
    area : ndarray of float64, shape (n,)
        Square micrometres.
    normals : ndarray of float64, shape (n, 3)
        Unit vectors from the first to the second phase.
    """
    edges = check_spacing(spacing)
    order = tuple(int(phase) for phase in phases)
    task = partial(_list, source=source, pair=pair, phases=order, spacing=edges)
    yield from engine.map(task, grid)


def _areas(
    block: Block, source: Source, pair: Pair, phases: tuple[int, ...], spacing: Spacing
) -> tuple[NDArray[np.integer], NDArray[np.float64]]:
    reach = kernels.surface_margin(spacing)
    labels = np.asarray(source[block.window(reach, reach)])
    return labels, kernels.voxel_areas(labels, pair, phases, spacing, inner=block.inner(reach))


def _write(
    block: Block,
    *,
    source: Source,
    pair: Pair,
    phases: tuple[int, ...],
    spacing: Spacing,
    sink: Sink,
) -> None:
    _, area = _areas(block, source, pair, phases, spacing)
    sink[block.core] = (area / float(np.prod(spacing))).astype(np.float32)


def _list(
    block: Block, *, source: Source, pair: Pair, phases: tuple[int, ...], spacing: Spacing
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    labels, area = _areas(block, source, pair, phases, spacing)
    places = np.zeros(labels.shape, dtype=np.bool_)
    own = places[block.inner(kernels.surface_margin(spacing))]
    own[...] = area != 0
    sigma = default_sigma(spacing)
    normals = kernels.normals_at(labels == pair[0], labels == pair[1], places, spacing, sigma)
    return np.argwhere(own) + np.array(block.start), area[own], normals
