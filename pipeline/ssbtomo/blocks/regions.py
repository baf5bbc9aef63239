"""Areas of every object by itself, block by block: particles, patches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.errors import InputDataError
from ssbtomo.kernels import areas as kernels
from ssbtomo.kernels.areas import AreaCounts, InterfaceAreas
from ssbtomo.units import Spacing, check_spacing

__all__ = ["RegionAreas", "region_areas", "region_voxels"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RegionAreas:
    """Areas of a volume, and of each object in it.

    Parameters
    ----------
    whole : InterfaceAreas
        Those of the volume.
    names : ndarray of int64, shape (n,)
        Objects that occur, rising; 0 is not among them.
    area_um2 : dict of ndarray, shape (n,)
        For each pair of phases the area on each object.
    totals : AreaCounts
        The integers of the volume; row 0 of its objects is all of them.
    counts : AreaCounts
        The integers of each object, row 0: of none. Those of faces with an object on one side
        only sum to those of the volume.
    """

    whole: InterfaceAreas
    names: Ints
    area_um2: dict[tuple[int, int], NDArray[np.float64]]
    totals: AreaCounts
    counts: AreaCounts


def region_areas(
    source: Source,
    spacing: Spacing,
    phases: Sequence[int],
    grid: Grid,
    engine: Engine,
    *,
    objects: Source,
    sigma: float | None = None,
    on_block: Callable[[Block], None] | None = None,
) -> RegionAreas:
    """Measure the areas of all pairs of phases, in total and for each object.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    phases : sequence of int
        The labels of the phases, in the order wanted; other labels are left out.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    objects : Source
        Object of each voxel, 0 for none.
    sigma : float, optional
        Width of the smoothing of the normals in micrometres.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    RegionAreas
        Estimator and bias: see `ssbtomo.kernels.areas.area_counts`. A task holds the block
        with its margin, 16 bytes per voxel, and 100 bytes per pair and object in it; here are
        held as many for every object.

    Raises
    ------
    InputDataError
        If the objects do not fit the labels.
    """
    if tuple(objects.shape) != tuple(source.shape):
        raise InputDataError(
            f"the objects are {tuple(objects.shape)}, the labels {tuple(source.shape)}",
            hint="pass the objects that were found in these labels",
        )
    edges = check_spacing(spacing)
    order = [int(phase) for phase in phases]
    kernel = partial(kernels.area_counts, phases=order, spacing=edges, sigma=sigma)
    reach = kernels.margin(edges, sigma)
    task = partial(_count, source=source, objects=objects, kernel=kernel, margin=reach)
    parts = []
    totals: AreaCounts | None = None
    for block, (names, counts, total) in zip(grid, engine.map(task, grid), strict=True):
        totals = total if totals is None else totals + total
        parts.append((names, counts))
        if on_block:
            on_block(block)
    assert totals is not None  # a volume has a block
    found, counts = _merged(parts, totals)
    area = kernels.region_areas(counts, edges)[1:]
    pairs = list(combinations(order, 2))
    return RegionAreas(
        kernels.areas_from_counts(totals, order, edges, sigma=sigma),
        found,
        {pair: area[:, row] for row, pair in enumerate(pairs)},
        totals,
        counts,
    )


def region_voxels(
    source: Source, objects: Source, phases: Sequence[int], grid: Grid, engine: Engine
) -> tuple[Ints, Ints]:
    """Count the voxels of each object in each phase.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    objects : Source
        Object of each voxel, 0 for none.
    phases : sequence of int
        The labels of the phases.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.

    Returns
    -------
    names : ndarray of int64, shape (n,)
        Objects that occur, rising; 0 is not among them.
    voxels : ndarray of int64, shape (n, phases)
        A task holds 20 bytes per voxel of a block.
    """
    task = partial(_tally, source=source, objects=objects, phases=tuple(map(int, phases)))
    parts = list(engine.map(task, grid))
    names = np.concatenate([part for part, _ in parts])
    found, rows = np.unique(names, return_inverse=True)
    voxels = np.zeros((found.size, len(phases)), dtype=np.int64)
    np.add.at(voxels, rows, np.concatenate([part for _, part in parts]))
    return found, voxels


def _count(
    block: Block,
    *,
    source: Source,
    objects: Source,
    kernel: Callable[..., AreaCounts],
    margin: tuple[int, int, int],
) -> tuple[Ints, AreaCounts, AreaCounts]:
    """Count one block; only the objects that lie in it, or beside it, are numbered."""
    labels = np.asarray(source[block.window(margin, margin)])
    inner = block.inner(margin)
    near = np.asarray(objects[block.window(0, 1)])
    names = np.unique(near).astype(np.int64)
    names = names[names > 0]
    regions = np.zeros(labels.shape, dtype=np.int32)
    place = tuple(
        slice(part.start, part.start + size) for part, size in zip(inner, near.shape, strict=True)
    )
    regions[place] = np.where(near > 0, np.searchsorted(names, near) + 1, 0)
    counts = kernel(labels, inner=inner, regions=regions, region_count=names.size)
    whole = replace(
        counts, strips=counts.strips.sum(axis=0, keepdims=True), by_region=counts.by_region[:0]
    )
    some = np.zeros(names.size + 1, dtype=np.bool_)
    some[np.unique(regions[inner])] = True  # an object without a surface has a row of zeros
    some |= counts.by_region.any(axis=(1, 2)) | counts.strips.any(axis=(1, 2, 3))
    some[0] = True
    rows = replace(
        counts,
        by_region=counts.by_region[some],
        strips=counts.strips[some],
    )
    return names[some[1:]], rows, whole


def _merged(parts: list[tuple[Ints, AreaCounts]], totals: AreaCounts) -> tuple[Ints, AreaCounts]:
    found, rows = np.unique(
        np.concatenate([np.append(np.int64(0), names) for names, _ in parts]), return_inverse=True
    )
    counts: dict[str, Any] = {}
    for name in ("by_region", "strips"):
        values = np.concatenate([getattr(part, name) for _, part in parts])
        total = np.zeros((found.size, *values.shape[1:]), dtype=np.int64)
        np.add.at(total, rows, values)
        counts[name] = total
    return found[1:], replace(totals, **counts)


def _tally(
    block: Block, *, source: Source, objects: Source, phases: tuple[int, ...]
) -> tuple[Ints, Ints]:
    labels, names = np.asarray(source[block.core]), np.asarray(objects[block.core])
    some = names > 0
    labels, names = labels[some], names[some].astype(np.int64)
    found, rows = np.unique(names, return_inverse=True)
    voxels = np.zeros((found.size, len(phases)), dtype=np.int64)
    for k, phase in enumerate(phases):
        voxels[:, k] = np.bincount(rows[labels == phase], minlength=found.size)
    return found, voxels
