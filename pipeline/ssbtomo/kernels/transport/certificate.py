"""What it takes to make the current of a potential one without sources."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.transport.boxes import BOX, Boxes, Strip, ranks, split
from ssbtomo.kernels.transport.equilibrium import leftover, route, survey
from ssbtomo.kernels.transport.network import settle
from ssbtomo.kernels.transport.operator import Operator
from ssbtomo.kernels.transport.team import Team

__all__ = ["Carried", "carry"]

_STRIP = 2**18
"""Voxels of a strip, about: few enough for the cache, enough to make a call worthwhile."""
_CROWDED = 64
"""Voxels per piece below which classes of conductors are merged, to keep pieces few."""

Nodes = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]


class Carried(NamedTuple):
    """Sums over the currents that carry off what a potential leaves over.

    Parameters
    ----------
    own : float
        Their dissipation.
    arrived : float
        The current that they bring to the last electrode.
    moment : float
        The sum of what was left over × voxels from the first potential.
    """

    own: float
    arrived: float
    moment: float


def carry(
    op: Operator,
    x: NDArray[np.float64],
    scratch: NDArray[Any],
    team: Team,
    check: Callable[[], None],
) -> Carried:
    """Carry off what a potential leaves over in each voxel.

    Parameters
    ----------
    op : Operator
        The finest grid.
    x : ndarray of float64, as stored
        Deviation of the potential from the linear one.
    scratch : ndarray, as stored
        A field whose memory is used: two bytes per voxel.
    team : Team
        Who does the work.
    check : callable
        Called now and then; raises to stop.

    Returns
    -------
    Carried
        The sums; they do not depend on the number of threads.
    """
    boxes = _boxes(op, scratch, team)
    check()
    count = int(boxes.bases[-1])
    nodes = (np.zeros(count), np.zeros(count), np.zeros(count, np.uint8))
    strips = list(_strips(op, boxes))

    def look(strip: Strip) -> tuple[NDArray[np.int32], NDArray[np.float64], float]:
        part: tuple[NDArray[np.int64], NDArray[np.float64], float]
        part = survey(op, boxes, _rest(op, x, strip), nodes)
        return *_merged(part[0], part[1], count), part[2]

    found = team.map(look, strips, check)
    moment = math.fsum(part[2] for part in found)
    level = _settled(found, nodes)

    def send(strip: Strip) -> tuple[float, float]:
        part: tuple[float, float] = route(op, boxes, _rest(op, x, strip), (nodes[0], level))
        return part

    own, arrived = zip(*team.map(send, strips, check), strict=True)
    return Carried(math.fsum(own), math.fsum(arrived), moment)


def _boxes(op: Operator, scratch: NDArray[Any], team: Team) -> Boxes:
    """Find the pieces; where there are too many, of fewer classes of conductors."""
    nz, ny, nx = (-(-n // BOX) for n in op.size)
    planes, area = scratch.shape
    pieces = scratch.reshape(-1).view(np.uint16)[: planes * area].reshape(planes, area)
    number = np.zeros(nz * ny * nx, np.int64)
    rank = ranks(op)
    while True:
        boxes = Boxes((nz, ny, nx), rank, bool(rank.any()), pieces, np.zeros(1, np.int64))
        team.share(split, nz, op, boxes, number)
        if number.sum() <= math.prod(op.size) / _CROWDED or not boxes.mixed:
            bases = np.concatenate([[0], np.cumsum(number)])
            return boxes._replace(bases=bases.astype(np.int64))
        rank = (rank // 2).astype(np.uint8)


def _strips(op: Operator, boxes: Boxes) -> list[Strip]:
    layers, rows, _ = boxes.counts
    each = max(1, _STRIP // (BOX * BOX * op.pitch))
    return [
        (layer, first, min(first + each, rows))
        for layer, first in itertools.product(range(layers), range(0, rows, each))
    ]


def _rest(op: Operator, x: NDArray[np.float64], strip: Strip) -> tuple[Strip, NDArray[np.float64]]:
    rest = np.empty((BOX, (strip[2] - strip[1]) * BOX * op.pitch))
    leftover(op, x, strip, rest)
    return strip, rest


def _merged(
    pairs: NDArray[np.int64], values: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return each pair of pieces once, with the sum of its conductances."""
    keys, places = np.unique(pairs[:, 0] * count + pairs[:, 1], return_inverse=True)
    sums = np.asarray(np.bincount(places.ravel(), values, keys.size), np.float64)
    once = np.empty((keys.size, 2), np.int32)
    np.floor_divide(keys, count, out=once[:, 0], casting="same_kind")
    np.remainder(keys, count, out=once[:, 1], casting="same_kind")
    return once, sums


def _settled(
    found: list[tuple[NDArray[np.int32], NDArray[np.float64], float]], nodes: Nodes
) -> NDArray[np.int64]:
    """Carry the sums of the pieces to the electrodes; return how far off each one is."""
    pairs = np.concatenate([part[0] for part in found])
    values = np.concatenate([part[1] for part in found])
    found.clear()
    level = np.zeros(nodes[0].size, np.int64)
    settle((pairs, values), nodes, level)
    return level
