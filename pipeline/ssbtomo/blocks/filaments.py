"""Lithium beyond the electrode's surface, block by block: pieces, depths, surroundings, ends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.components import Components, Wanted, find_components
from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid, Window
from ssbtomo.blocks.passes import Allocate
from ssbtomo.blocks.stack import Beyond, Stack
from ssbtomo.kernels.merge_tree import count_ends
from ssbtomo.kernels.pieces import Pieces
from ssbtomo.kernels.runs import Neighbours, Runs
from ssbtomo.kernels.stack_columns import CATHODE, ELECTROLYTE, LITHIUM, VOID
from ssbtomo.kernels.surface_plane import Plane

__all__ = ["ANODE", "CATHODE_SIDE", "Filaments", "Lithium", "Planes", "find_filaments"]

Ints = NDArray[np.int64]

#: What a piece of lithium is joined to: bits.
ANODE, CATHODE_SIDE = 1, 2
_FACES = 4  # void, crack, electrolyte, cathode
_LEAST_END = 3  # layers by which an end stands out


@dataclass(frozen=True, slots=True)
class Planes:
    """The two ends of the electrolyte, in voxels from the anode's end.

    Parameters
    ----------
    surface : Plane
        The electrode's surface.
    cut : Plane
        Beyond it, lithium is a filament: the surface and its roughness.
    far : Plane
        Where the cathode begins, or the volume ends.
    """

    surface: Plane
    cut: Plane
    far: Plane


@dataclass(frozen=True, slots=True, eq=False)
class Lithium:
    """The connected pieces of all lithium.

    Parameters
    ----------
    voxels : ndarray of int64, shape (n,)
        Voxels of each piece.
    under : ndarray of int64, shape (n,)
        Those under the cut plane.
    joined : ndarray of uint8, shape (n,)
        Bits `ANODE` and `CATHODE_SIDE`; 0 is dead.
    """

    voxels: Ints
    under: Ints
    joined: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Filaments:
    """The connected pieces of lithium beyond the cut plane, in the order of their first voxels.

    Parameters
    ----------
    pieces : Pieces
        Voxels, sums of indexes and boxes.
    depth : ndarray of float64, shape (n,)
        Voxels from the surface plane to the far face of the deepest voxel, along the axis.
    share : ndarray of float64, shape (n,)
        The largest depth over the electrolyte's thickness in the same column.
    tip : ndarray of int64, shape (n, 3)
        The deepest voxel; the first of several.
    joined : ndarray of uint8, shape (n,)
        What the lithium that it is part of is joined to, as in `Lithium`.
    faces_um2 : ndarray of float64, shape (n, 4)
        Sum of its voxel faces on void, crack, electrolyte, cathode.
    in_crack : ndarray of int64, shape (n,)
        Its voxels that belong to a crack.
    ends : ndarray of int64, shape (n,)
        See `ssbtomo.kernels.merge_tree.count_ends`.
    labels : Sink
        uint32: filaments count from 1.
    lithium : Lithium
        All pieces of lithium.
    """

    pieces: Pieces
    depth: NDArray[np.float64]
    share: NDArray[np.float64]
    tip: Ints
    joined: NDArray[np.uint8]
    faces_um2: NDArray[np.float64]
    in_crack: Ints
    ends: Ints
    labels: Sink
    lithium: Lithium


def find_filaments(
    stack: Stack,
    planes: Planes,
    spacing: tuple[float, float, float],
    grid: Grid,
    engine: Engine,
    *,
    allocate: Allocate,
    cracks: Source | None = None,
    neighbours: Neighbours = 26,
) -> Filaments:
    """Find lithium beyond a plane, and what it is joined to.

    Parameters
    ----------
    stack : Stack
        The cell.
    planes : Planes
        The ends of the electrolyte.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    allocate : callable
        Makes the stores ``"filaments"`` (uint32, the result), ``"lithium-joined"`` (uint8) and
        ``"filament-levels"`` (uint32), both no longer needed afterwards.
    cracks : Source, optional
        Cracks, 0 where there is none; they may hold lithium.
    neighbours : {6, 18, 26}
        Voxels of lithium that touch by a face, also by an edge, or also by a corner.

    Returns
    -------
    Filaments
        Estimator: lithium is joined to the anode if its piece reaches the anode's end of the
        volume, or is the piece with the most voxels under the cut plane; to the cathode, if it
        shares a voxel face with it, or reaches the far end of a volume that shows none.
        Five reads of the labels; a task holds 20 bytes per voxel of a block, the rest as
        for `ssbtomo.blocks.components.find_components`; 200 bytes per filament and 60 per piece
        of a layer of one.
    """
    lithium, joined = _join(stack, planes, grid, engine, allocate=allocate, neighbours=neighbours)
    wanted = Wanted(1, neighbours=neighbours)
    beyond = Beyond(stack, planes.cut)
    found = find_components(beyond, grid, engine, wanted)
    labels = allocate("filaments", np.dtype(np.uint32))
    found.paint(beyond, np.arange(1, len(found) + 1, dtype=np.uint32), labels, engine)
    read = _Read(stack, planes, labels, joined, cracks, neighbours)
    sums = _Sums.empty(len(found))
    for part in engine.map(partial(_measure, read=read), grid):
        sums.add(part)
    z, y, x = spacing
    faces = np.array([y * x, z * x, z * y])
    return Filaments(
        found.table,
        sums.depth,
        sums.share,
        np.column_stack(np.unravel_index(sums.tip, grid.shape)).astype(np.int64),
        sums.joined,
        (sums.counts[:, :-1].reshape(-1, _FACES, 3) * faces).sum(axis=2),
        sums.counts[:, -1],
        _ends(read, len(found), grid, engine, allocate),
        labels,
        lithium,
    )


def _join(
    stack: Stack,
    planes: Planes,
    grid: Grid,
    engine: Engine,
    *,
    allocate: Allocate,
    neighbours: Neighbours,
) -> tuple[Lithium, Sink]:
    """Find the pieces of all lithium, and write what each is joined to."""
    wanted = Wanted(LITHIUM, neighbours=neighbours)
    measure = partial(_under_and_cathode, stack=stack, cut=planes.cut)
    found = find_components(stack, grid, engine, wanted, measure=measure)
    touches = found.table.touches(grid.shape)[:, stack.axis]
    under = found.extra[:, 0]
    anode = touches[:, int(stack.high)].copy()
    if len(found):
        anode[np.argmax(under)] |= under.max() > 0
    far = found.extra[:, 1] > 0 if stack.has("active") else touches[:, int(not stack.high)]
    state = (anode * ANODE + far * CATHODE_SIDE).astype(np.uint8)
    sink = allocate("lithium-joined", np.dtype(np.uint8))
    found.paint(stack, state, sink, engine)
    return Lithium(found.table.size, under, state), sink


def _under_and_cathode(
    values: NDArray[np.uint8], runs: Runs, block: Block, *, stack: Stack, cut: Plane
) -> Ints:
    """Count for each piece its voxels under the plane, and its faces on the cathode."""
    if not runs.count:
        return np.zeros((0, 2), np.int64)
    local = np.zeros(values.shape, np.int32)
    runs.paint(np.arange(1, runs.count + 1, dtype=np.int32), local)
    under = stack.heights(block.core) + 0.5 <= stack.over(cut, block.core)
    near = stack[block.window(1, 1)] == CATHODE
    touching = sum(shifted.astype(np.int64) for _, shifted in _around(near, block))
    counts = (under.astype(np.int64), np.asarray(touching))
    return np.column_stack([_by_piece(local, count, runs.count) for count in counts])


def _by_piece(local: NDArray[np.int32], weight: Ints, count: int) -> Ints:
    whole = np.bincount(
        local.ravel(), np.broadcast_to(weight, local.shape).ravel(), minlength=count + 1
    )
    return np.asarray(whole[1:], np.int64)  # sums of small integers: exact in float64


def _around(values: NDArray[Any], block: Block) -> list[tuple[int, NDArray[Any]]]:
    """Return, for each axis and side, the values behind a block's faces; 0 outside the volume."""
    pads = [
        (int(start == 0), int(stop == size))
        for start, stop, size in zip(block.start, block.stop, block.within, strict=True)
    ]
    padded = np.pad(values, pads)
    centre = slice(1, -1)
    return [
        (axis, padded[tuple(side if k == axis else centre for k in range(3))])
        for axis in range(3)
        for side in (slice(0, -2), slice(2, None))
    ]


@dataclass(frozen=True, slots=True)
class _Read:
    """What a filament is measured from."""

    stack: Stack
    planes: Planes
    labels: Source
    joined: Source
    cracks: Source | None
    neighbours: Neighbours

    def kinds(self, block: Block) -> NDArray[np.uint8]:
        """Return what is around: 1 void, 2 crack, 3 electrolyte, 4 cathode; 0 lithium, other."""
        window = block.window(1, 1)
        roles = self.stack[window]
        kinds = np.zeros(roles.shape, np.uint8)
        for kind, role in enumerate((VOID, ELECTROLYTE, CATHODE), 1):
            kinds[roles == role] = kind + (kind > 1)
        if self.cracks is not None:
            kinds[(np.asarray(self.cracks[window]) != 0) & (roles != LITHIUM)] = 2
        return kinds


@dataclass(slots=True)
class _Sums:
    """What the filaments of a block, or of all, sum up to."""

    names: Ints
    counts: Ints
    depth: NDArray[np.float64]
    share: NDArray[np.float64]
    tip: Ints
    joined: NDArray[np.uint8]

    @classmethod
    def empty(cls, count: int) -> _Sums:
        """Return those of filaments without voxels."""
        return cls(
            np.arange(1, count + 1), np.zeros((count, 3 * _FACES + 1), np.int64),
            np.full(count, -np.inf), np.full(count, -np.inf),
            np.zeros(count, np.int64), np.zeros(count, np.uint8),
        )  # fmt: skip

    def add(self, part: _Sums) -> None:
        """Add a block's."""
        rows = part.names - 1
        self.counts[rows] += part.counts
        self.joined[rows] |= part.joined
        self.share[rows] = np.maximum(self.share[rows], part.share)
        deeper = part.depth > self.depth[rows]
        deeper |= (part.depth == self.depth[rows]) & (part.tip < self.tip[rows])
        self.depth[rows[deeper]] = part.depth[deeper]
        self.tip[rows[deeper]] = part.tip[deeper]


def _measure(block: Block, *, read: _Read) -> _Sums:
    names = np.asarray(read.labels[block.core])
    where = np.nonzero(names)
    found, rows = np.unique(names[where], return_inverse=True)
    sums = _Sums.empty(found.size)
    sums.names = found.astype(np.int64)
    if not found.size:
        return sums
    voxels = [index + start for index, start in zip(where, block.start, strict=True)]
    depth, share = _depths(read, block.core, where)
    np.maximum.at(sums.share, rows, share)
    linear = np.ravel_multi_index(voxels, block.within)
    order = np.lexsort((-linear, depth))  # the deepest last, of those the first voxel
    sums.depth[rows[order]], sums.tip[rows[order]] = depth[order], linear[order]
    np.bitwise_or.at(sums.joined, rows, np.asarray(read.joined[block.core])[where])
    for axis, kind in _around(read.kinds(block), block):
        for k in range(_FACES):
            column = 3 * k + axis
            hits = np.bincount(rows, kind[where] == k + 1, minlength=found.size)
            sums.counts[:, column] += hits.astype(np.int64)
    if read.cracks is not None:
        cracked = np.asarray(read.cracks[block.core])[where] != 0
        sums.counts[:, -1] = np.bincount(rows, cracked, minlength=found.size)
    return sums


def _depths(
    read: _Read, window: Window, where: tuple[Any, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far the far faces of voxels are beyond the surface: in voxels, and as a share."""
    stack, planes = read.stack, read.planes
    surface, far = stack.over(planes.surface, window), stack.over(planes.far, window)
    shape = tuple(part.stop - part.start for part in window)
    depth = np.broadcast_to(stack.heights(window) + 1 - surface, shape)[where]
    thickness = np.broadcast_to(np.maximum(far - surface, 1e-9), shape)[where]
    return depth, depth / thickness


def _ends(read: _Read, count: int, grid: Grid, engine: Engine, allocate: Allocate) -> Ints:
    """Count the ends of each filament from the pieces of its layers."""
    layers = Beyond(read.stack, read.planes.cut, levels=True)
    nodes = find_components(layers, grid, engine, Wanted(background=0, neighbours=read.neighbours))
    if not len(nodes):
        return np.zeros(count, np.int64)
    levels = allocate("filament-levels", np.dtype(np.uint32))
    names = np.arange(1, len(nodes) + 1, dtype=np.uint32)
    nodes.paint(layers, names, levels, engine)
    task = partial(_links, levels=levels, read=read)
    links, owners = zip(*engine.map(task, grid), strict=True)
    piece = np.zeros(len(nodes), np.int64)
    for node, owner in owners:
        piece[node - 1] = owner - 1
    pairs = np.unique(np.concatenate(links), axis=0) - 1
    height = _height(nodes, read.stack)
    low = height[pairs[:, 0]] < height[pairs[:, 1]]
    pairs = np.where(low[:, None], pairs, pairs[:, ::-1])
    return count_ends(height, piece, pairs, count, _LEAST_END)


def _height(nodes: Components, stack: Stack) -> Ints:
    height: Ints = nodes.table.start[:, stack.axis]
    return stack.shape[stack.axis] - 1 - height if stack.high else height


def _links(block: Block, *, levels: Source, read: _Read) -> tuple[Ints, tuple[Ints, Ints]]:
    """List the touching pieces of neighbouring layers, and the filament of each piece."""
    axis, here = read.stack.axis, np.asarray(levels[block.core])
    owner = np.asarray(read.labels[block.core])
    own, first = np.unique(here, return_index=True)
    owners = (own[own > 0].astype(np.int64), owner.ravel()[first[own > 0]].astype(np.int64))
    wide = np.asarray(levels[block.window(1, 1)])
    pads = [
        (int(start == 0), int(stop == size))
        for start, stop, size in zip(block.start, block.stop, block.within, strict=True)
    ]
    wide = np.pad(wide, pads)
    pairs = [np.zeros((0, 2), np.int64)]
    for step in _steps(axis, read.neighbours):
        there = wide[tuple(slice(1 + s, 1 + s + n) for s, n in zip(step, here.shape, strict=True))]
        both = (here > 0) & (there > 0)
        pairs.append(np.unique(np.column_stack([here[both], there[both]]), axis=0).astype(np.int64))
    return np.concatenate(pairs), owners


def _steps(axis: int, neighbours: Neighbours) -> list[tuple[int, ...]]:
    """Return the steps to the neighbours in the next layer of voxels."""
    most = {6: 1, 18: 2, 26: 3}[neighbours]
    steps = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    chosen = steps[(steps[:, axis] == 1) & (abs(steps).sum(axis=1) <= most)]
    return [tuple(int(part) for part in step) for step in chosen]
