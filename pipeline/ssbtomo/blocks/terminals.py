"""Phases told apart by whether they are joined to their terminals: ions here, electrons there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.components import Allocate, Wanted, find_components
from ssbtomo.blocks.derived import MaskOf, Split
from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.fractions import phase_counts
from ssbtomo.blocks.grid import Grid

__all__ = ["Joined", "Network", "join"]


@dataclass(frozen=True, slots=True)
class Network:
    """Phases that conduct together, and the faces of the volume that they must reach.

    Parameters
    ----------
    phases : tuple of int
        Labels.
    faces : tuple of (int, int)
        Axis and end (0: low, 1: high) of each face; to reach one of them is enough.
    helpers : tuple of int
        Phases that carry on the way, too, and are told apart by a network of their own.
    """

    phases: tuple[int, ...]
    faces: tuple[tuple[int, int], ...]
    helpers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """A volume whose phases are told apart by what they are joined to.

    Parameters
    ----------
    labels : Split
        Phase number ``k`` is ``2 k`` where it is isolated, ``2 k + 1`` where it is joined.
    voxels : ndarray of int64, shape (phases, 2)
        Isolated and joined voxels of each phase.
    isolated : tuple of ndarray of int64
        For each phase the voxels of each piece of its isolated part.
    """

    labels: Split
    voxels: NDArray[np.int64]
    isolated: tuple[NDArray[np.int64], ...]

    @property
    def codes(self) -> list[int]:
        """Labels that occur."""
        return [int(code) for code in np.flatnonzero(self.voxels.ravel())]


def join(
    source: Source,
    phases: Sequence[int],
    networks: Sequence[Network],
    grid: Grid,
    engine: Engine,
    *,
    allocate: Allocate,
) -> Joined:
    """Tell apart what is joined to its terminals and what is isolated.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    phases : sequence of int
        The labels of the phases.
    networks : sequence of Network
        A phase is in one network at most; one in none counts as joined.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    allocate : callable
        Called as ``allocate("joined-0", bool)``, one for each network: makes the masks, which
        are needed as long as the answer is read.

    Returns
    -------
    Joined
        Estimator: pieces joined over voxel faces, as transport by finite volumes sees them.
        Bias: necks below the voxel are cut, blurred gaps are bridged; a small volume cuts off
        pieces that are joined outside it. Memory as for
        `ssbtomo.blocks.components.find_components`.
    """
    order = tuple(int(phase) for phase in phases)
    masks: dict[int, Sink] = {}
    for number, network in enumerate(networks):
        mask = MaskOf(source, (*network.phases, *network.helpers))
        found = find_components(mask, grid, engine, Wanted(1))
        touches = found.table.touches(grid.shape)
        reached = np.zeros(len(found), dtype=np.bool_)
        for axis, end in network.faces:
            reached |= touches[:, axis, end]
        sink = allocate(f"joined-{number}", np.dtype(np.bool_))
        found.paint(mask, reached, sink, engine)
        masks.update(dict.fromkeys(network.phases, sink))
    labels = Split(source, order, tuple(masks.get(phase) for phase in order))
    codes = range(2 * len(order))
    voxels = phase_counts(labels, codes, grid, engine).total.reshape(-1, 2)
    isolated = []
    for number, (cut_off, _) in enumerate(voxels):
        sizes = np.zeros(0, dtype=np.int64)
        if cut_off:
            sizes = find_components(labels, grid, engine, Wanted(2 * number)).table.size
        isolated.append(sizes)
    return Joined(labels, voxels, tuple(isolated))
