"""What each crack cuts off a network, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.components import Wanted, find_components
from ssbtomo.blocks.derived import MaskOf
from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid, Window
from ssbtomo.blocks.passes import Allocate
from ssbtomo.blocks.terminals import Network
from ssbtomo.kernels.runs import Runs

__all__ = ["CrackJoins", "crack_joins"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
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
    grid: Grid,
    engine: Engine,
    *,
    network: Network,
    allocate: Allocate,
) -> CrackJoins:
    """Find what each crack cuts off a network.

    Parameters
    ----------
    source, closed : Source
        Labels with the cracks open, and closed.
    cracks : Source
        Cracks from 1; 0 is none.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    network : Network
        Phases that conduct together and the faces that they must reach; voxels of its helpers
        do not count.
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
    return CrackJoins(int(size.sum()), int(size[joined].sum()), alone, sum(together.values()))


def _gains(links: Ints, groups: Ints, size: Ints, joined: NDArray[np.bool_]) -> dict[int, int]:
    """Unite pieces and fillings, group by group; return the voxels that become joined."""
    from scipy import sparse
    from scipy.sparse import csgraph

    if not len(links):
        return {}
    places, node = np.unique(np.column_stack([groups, links[:, 1]]), axis=0, return_inverse=True)
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
