"""What each crack costs, block by block: contact that closing it would bring back, pieces it cuts off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.components import Wanted, find_components
from ssbtomo.blocks.derived import MaskOf
from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid, Window
from ssbtomo.blocks.passes import Allocate
from ssbtomo.blocks.terminals import Network
from ssbtomo.kernels.areas import default_sigma
from ssbtomo.kernels.closing import close_cracks
from ssbtomo.kernels.distance_passes import squared_edges
from ssbtomo.kernels.runs import Runs
from ssbtomo.kernels.touching import normals_at, surface_margin
from ssbtomo.units import Spacing

__all__ = ["CrackAreas", "CrackJoins", "close", "crack_areas", "crack_joins"]

Ints = NDArray[np.int64]
_FIXED = 2.0**32  # parts of a µm²: areas sum as integers


def close(
    source: Source,
    cracks: Source,
    fillers: Sequence[int],
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
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
    fillers : sequence of int
        Phases that may fill them.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it.
    engine : Engine
        Where the tasks run. A task holds 20 bytes per voxel of the box around the cracks of its
        block, with `reach` around it.
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


def _close(  # noqa: PLR0913 - the stores of one pass
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
    return Block(block.index, start, stop, block.within)  # type: ignore[arg-type]


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
    source: Source,
    closed: Source,
    cracks: Source,
    pair: tuple[int, int],
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    opened: Sequence[int],
) -> CrackAreas:
    """Measure the contact that each crack costs, and what it exposes.

    Parameters
    ----------
    source, closed : Source
        Labels with the cracks open, and closed by `close`.
    cracks : Source
        Cracks from 1; 0 is none.
    pair : tuple of int
        The two phases whose contact counts.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    opened : sequence of int
        Phases that fill the cracks as they are.

    Returns
    -------
    CrackAreas
        Estimator: voxel faces between the two phases in the closed volume with at least one of
        their voxels in the crack, each with the component of the smoothed normal across it (see
        `ssbtomo.kernels.touching.normals_at`); only boxes around cracks are looked at. Exposed
        surface likewise, in the open volume. A face between two cracks belongs to that of the
        first phase's voxel. A task holds 60 bytes per voxel of the box around its cracks.
    """
    task = partial(
        _areas, sources=(source, closed, cracks), pair=pair, spacing=spacing, opened=tuple(opened)
    )
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
    tallies = [(found.astype(np.int64), np.zeros(found.size, np.int64), count.astype(np.int64))]
    joint = (after == pair[0], after == pair[1], names, False)
    void = np.isin(before, opened)
    walls = [(void, before == phase, names, True) for phase in pair]
    for column, faces in enumerate([joint, *walls], 1):
        crack, area = _face_areas(*faces, place, spacing)
        tallies.append((crack, np.full(crack.size, column), area))
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
    return Block(block.index, tuple(start), tuple(stop), block.within)  # type: ignore[arg-type]


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


@dataclass(frozen=True, slots=True, eq=False)
class CrackJoins:
    """What closing cracks joins to a network.

    Parameters
    ----------
    total : int
        Voxels of the network's phases.
    joined : int
        Those that are joined to its face.
    gained : dict of int to int
        For each crack the voxels that closing it alone joins; cracks that join none are absent.
    gained_by_all : int
        Voxels that closing all of them joins.
    """

    total: int
    joined: int
    gained: dict[int, int]
    gained_by_all: int


def crack_joins(
    source: Source,
    closed: Source,
    cracks: Source,
    network: Network,
    grid: Grid,
    engine: Engine,
    *,
    allocate: Allocate,
) -> CrackJoins:
    """Find what each crack cuts off a network.

    Parameters
    ----------
    source, closed : Source
        Labels with the cracks open, and closed.
    cracks : Source
        Cracks from 1; 0 is none.
    network : Network
        Phases that conduct together and the faces that they must reach; voxels of its helpers
        do not count.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    allocate : callable
        Makes the stores ``"network-pieces"`` and ``"network-fill"`` (uint32), no longer needed
        afterwards.

    Returns
    -------
    CrackJoins
        The pieces of the network and those of the filling of each crack are joined where they
        share voxel faces: one union of sets for each crack, over the pieces that it touches.
        Memory as for `ssbtomo.blocks.components.components`.
    """
    phases = (*network.phases, *network.helpers)
    mask = MaskOf(source, phases)
    count = partial(_count, source=source, phases=network.phases)
    pieces = find_components(mask, grid, engine, Wanted(1), measure=count)
    touches = pieces.table.touches(grid.shape)
    joined = np.zeros(len(pieces), np.bool_)
    for axis, end in network.faces:
        joined |= touches[:, axis, end]
    filling = _Filling(closed, cracks, phases)
    fill = find_components(filling, grid, engine, Wanted(background=0))
    stores = []
    for name, found, what in (("pieces", pieces, mask), ("fill", fill, filling)):
        sink = allocate(f"network-{name}", np.dtype(np.uint32))
        found.paint(what, np.arange(1, len(found) + 1, dtype=np.uint32), sink, engine)
        stores.append(sink)
    links = np.concatenate(
        list(engine.map(partial(_touching, pieces=stores[0], fill=stores[1]), grid))
    )
    links = np.unique(links, axis=0) - 1
    size = pieces.extra[:, 0]
    alone = _gains(links, fill.table.label[links[:, 0]], size, joined)
    together = _gains(links, np.zeros(len(links), np.int64), size, joined)
    return CrackJoins(
        int(size.sum()), int(size[joined].sum()), alone, sum(together.values())
    )


def _gains(links: Ints, groups: Ints, size: Ints, joined: NDArray[np.bool_]) -> dict[int, int]:
    """Unite pieces and fillings, group by group; return the voxels that become joined."""
    from scipy import sparse
    from scipy.sparse import csgraph

    if not len(links):
        return {}
    places, node = np.unique(
        np.column_stack([groups, links[:, 1]]), axis=0, return_inverse=True
    )
    node = node.ravel()
    count = len(places) + int(links[:, 0].max()) + 1
    graph = sparse.coo_array(
        (np.ones(len(links), np.bool_), (node, len(places) + links[:, 0])), (count, count)
    )
    sets = csgraph.connected_components(graph, directed=False)[1][: len(places)]
    piece = places[:, 1]
    reached = np.zeros(sets.max() + 1, np.bool_)
    reached[sets[joined[piece]]] = True
    new = reached[sets] & ~joined[piece]
    gained: dict[int, int] = {}
    for group, voxels in zip(places[new, 0].tolist(), size[piece[new]].tolist(), strict=True):
        gained[group] = gained.get(group, 0) + voxels
    return gained


def _count(
    values: NDArray[Any], runs: Runs, block: Block, *, source: Source, phases: tuple[int, ...]
) -> Ints:
    if not runs.count:
        return np.zeros((0, 1), np.int64)
    local = np.zeros(values.shape, np.int32)
    runs.paint(np.arange(1, runs.count + 1, dtype=np.int32), local)
    own = MaskOf(source, phases)[block.core]
    return np.bincount(local[own], minlength=runs.count + 1)[1:, None].astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Filling:
    """The cracks, where their filling belongs to a network."""

    closed: Source
    cracks: Source
    phases: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return self.cracks.shape

    @property
    def dtype(self) -> Any:
        """That of the cracks."""
        return self.cracks.dtype

    def __getitem__(self, window: Window) -> NDArray[Any]:
        names = np.asarray(self.cracks[window])
        return np.where(MaskOf(self.closed, self.phases)[window], names, names.dtype.type(0))


def _touching(block: Block, *, pieces: Source, fill: Source) -> Ints:
    """List which fillings share a face with which pieces, the block's far faces included."""
    window = block.window(0, 1)
    filling = np.asarray(fill[window])
    pairs = [np.zeros((0, 2), np.int64)]
    if not filling.any():
        return pairs[0]
    piece = np.asarray(pieces[window])
    for axis in range(3):
        near = tuple(slice(0, -1 if k == axis else None) for k in range(3))
        far = tuple(slice(1 if k == axis else 0, None) for k in range(3))
        for one, other in ((near, far), (far, near)):
            both = (filling[one] > 0) & (piece[other] > 0)
            found = np.column_stack([filling[one][both], piece[other][both]])
            pairs.append(np.unique(found, axis=0).astype(np.int64))
    return np.unique(np.concatenate(pairs), axis=0)
