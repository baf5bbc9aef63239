"""Cracks closed virtually, block by block, and the contact that comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid, Window
from ssbtomo.kernels.areas import default_sigma
from ssbtomo.kernels.closing import close_cracks
from ssbtomo.kernels.distance_passes import squared_edges
from ssbtomo.kernels.touching import normals_at, surface_margin
from ssbtomo.units import Spacing

__all__ = ["CrackAreas", "close", "crack_areas"]

Ints = NDArray[np.int64]
_FIXED = 2.0**32  # parts of a µm²: areas sum as integers


def close(
    source: Source,
    cracks: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    fillers: Sequence[int],
    reach: float,
    sink: Sink,
) -> None:
    """Write the labels with all cracks closed; see `ssbtomo.kernels.closing.close_cracks`.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    cracks : Source
        Cracks from 1; 0 is none.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it.
    engine : Engine
        Where the tasks run. A task holds 20 bytes per voxel of the box around the cracks of its
        block, with `reach` around it.
    fillers : sequence of int
        Phases that may fill them.
    reach : float
        In µm.
    sink : Sink
        What is written; its shards must coincide with the grid's blocks.
    """
    task = partial(
        _close, source=source, cracks=cracks, fillers=tuple(fillers), spacing=spacing,
        reach=reach, sink=sink,
    )  # fmt: skip
    for _ in engine.map(task, grid):
        pass


def _close(
    block: Block,
    *,
    source: Source,
    cracks: Source,
    fillers: tuple[int, ...],
    spacing: Spacing,
    reach: float,
    sink: Sink,
) -> None:
    labels = np.array(source[block.core])
    box = _box(np.asarray(cracks[block.core]) != 0)
    if box is not None:
        inner = _inside(block, box)
        halo = [int(reach / edge) + 1 for edge in spacing]
        window = inner.window((halo[0], halo[1], halo[2]), (halo[0], halo[1], halo[2]))
        found = close_cracks(
            np.asarray(source[window]), np.asarray(cracks[window]) != 0, fillers,
            squared_edges(spacing, block.within), reach / min(spacing),
        )  # fmt: skip
        labels[box] = found[inner.inner((halo[0], halo[1], halo[2]))]
    sink[block.core] = labels


def _box(mask: NDArray[np.bool_]) -> Window | None:
    """Return the bounding box of a mask."""
    if not mask.any():
        return None
    spans = []
    for axis in range(3):
        other = tuple(k for k in range(3) if k != axis)
        where = np.flatnonzero(mask.any(axis=other))
        spans.append(slice(int(where[0]), int(where[-1]) + 1))
    return spans[0], spans[1], spans[2]


def _inside(block: Block, box: Window) -> Block:
    start = tuple(a + part.start for a, part in zip(block.start, box, strict=True))
    stop = tuple(a + part.stop for a, part in zip(block.start, box, strict=True))
    return Block(block.index, start, stop, block.within)


@dataclass(frozen=True, slots=True, eq=False)
class CrackAreas:
    """Areas that belong to cracks, in µm².

    Parameters
    ----------
    names : ndarray of int64, shape (n,)
        Cracks that occur, rising.
    voxels : ndarray of int64, shape (n,)
        Their voxels.
    lost : ndarray of float64, shape (n,)
        Contact of the pair that closing the crack brings back.
    exposed : ndarray of float64, shape (n, 2)
        Surface of the first and of the second phase that the crack exposes.
    """

    names: Ints
    voxels: Ints
    lost: NDArray[np.float64]
    exposed: NDArray[np.float64]


def crack_areas(
    sources: tuple[Source, Source, Source],
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    pair: tuple[int, int],
    opened: Sequence[int],
) -> CrackAreas:
    """Measure the contact that each crack costs, and what it exposes.

    Parameters
    ----------
    sources : tuple of Source
        Labels with the cracks open, and closed by `close`; the cracks from 1, 0 is none.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    pair : tuple of int
        The two phases whose contact counts.
    opened : sequence of int
        Phases that fill the cracks as they are.

    Returns
    -------
    CrackAreas
        Estimator: voxel faces between the two phases in the closed volume with at least one of
        their voxels in the crack, each with the component of the smoothed normal across it (see
        `ssbtomo.kernels.touching.normals_at`); only boxes around cracks are looked at. Bias: where
        the middle of a crack is a voxel, two phases are equally near; a step of one voxel at the rim
        adds up to 4 % for a radius of 18 voxels. Exposed
        surface likewise, in the open volume. A face between two cracks belongs to that of the
        first phase's voxel. A task holds 60 bytes per voxel of the box around its cracks.
    """
    task = partial(_areas, sources=sources, pair=pair, spacing=spacing, opened=tuple(opened))
    parts = list(engine.map(task, grid))
    names, rows = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    sums = np.zeros((names.size, 4), np.int64)
    np.add.at(sums, rows, np.concatenate([part[1] for part in parts]))
    return CrackAreas(names, sums[:, 0], sums[:, 1] / _FIXED, sums[:, 2:] / _FIXED)


def _areas(
    block: Block,
    *,
    sources: tuple[Source, Source, Source],
    pair: tuple[int, int],
    spacing: Spacing,
    opened: tuple[int, ...],
) -> tuple[Ints, Ints]:
    """Return the cracks that matter in a block, and their voxels, contact lost, surface exposed."""
    source, closed, cracks = sources
    wide = block.window(1, 1)
    box = _box(np.asarray(cracks[wide]) != 0)
    if box is None:
        return np.zeros(0, np.int64), np.zeros((0, 4), np.int64)
    inner = _around_box(block, wide, box)
    reach = surface_margin(spacing)
    window, place = inner.window(reach, reach), inner.inner(reach)
    before, names = np.asarray(source[window]), np.asarray(cracks[window])
    after = np.asarray(closed[window])
    own = names[place]
    found, count = np.unique(own[own != 0], return_counts=True)
    tallies: list[tuple[Ints, ...]] = [
        (found.astype(np.int64), np.zeros(found.size, np.int64), count.astype(np.int64))
    ]
    joint = (after == pair[0], after == pair[1], names, False)
    void = np.isin(before, opened)
    walls = [(void, before == phase, names, True) for phase in pair]
    for number, faces in enumerate([joint, *walls], 1):
        crack, area = _face_areas(*faces, place, spacing)
        tallies.append((crack, np.full(crack.size, number), area))
    crack, column, value = (np.concatenate(parts) for parts in zip(*tallies, strict=True))
    all_names, rows = np.unique(crack, return_inverse=True)
    sums = np.zeros((all_names.size, 4), np.int64)
    np.add.at(sums, (rows, column), value)
    return all_names, sums


def _around_box(block: Block, wide: Window, box: Window) -> Block:
    """Return the part of a block that holds its cracks and what shares a face with one."""
    start, stop = [], []
    for axis in range(3):
        low = wide[axis].start + box[axis].start - 1
        high = wide[axis].start + box[axis].stop + 1
        start.append(max(low, block.start[axis]))
        stop.append(min(high, block.stop[axis]))
    return Block(block.index, tuple(start), tuple(stop), block.within)


def _face_areas(  # noqa: PLR0917 - the two sides, the cracks, and where
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    names: NDArray[Any],
    own: bool,  # noqa: FBT001
    place: Window,
    spacing: Spacing,
) -> tuple[Ints, Ints]:
    """List the area of each voxel face between two masks that belongs to a crack.

    With `own` it belongs to the crack of the first voxel; else also to that of the second.
    """
    crack: list[Ints] = []
    across: list[Ints] = []
    voxel: list[Ints] = []
    here = np.zeros(first.shape, np.bool_)
    here[place] = first[place]
    for axis in range(3):
        for step in (-1, 1):
            index = np.argwhere(here)
            there = index.copy()
            there[:, axis] += step
            inside = (there[:, axis] >= 0) & (there[:, axis] < first.shape[axis])
            index, there = index[inside], there[inside]
            mine, other = names[tuple(index.T)], names[tuple(there.T)]
            owner = mine if own else np.where(mine != 0, mine, other)
            chosen = second[tuple(there.T)] & (owner != 0)
            crack.append(owner[chosen].astype(np.int64))
            across.append(np.full(int(chosen.sum()), axis))
            voxel.append(np.ravel_multi_index(tuple(index[chosen].T), first.shape))
    where, axes = np.concatenate(voxel), np.concatenate(across)
    places = np.zeros(first.shape, np.bool_)
    places.ravel()[where] = True
    normals = normals_at(first, second, places, spacing, default_sigma(spacing))
    row = np.searchsorted(np.flatnonzero(places), where)
    faces = np.prod(spacing) / np.array(spacing)
    area = abs(normals[row, axes]) * faces[axes]
    return np.concatenate(crack), np.rint(area * _FIXED).astype(np.int64)
