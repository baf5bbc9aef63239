"""Geometric multigrid as a preconditioner: a hierarchy of grids and a W-cycle over it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.transport.halves import packed_kind, unpacked
from ssbtomo.kernels.transport.operator import STORED, Operator, inside, pitch_of, room, wrap
from ssbtomo.kernels.transport.sweeps import (
    FROM_COARSE,
    FROM_GUESS,
    FROM_ZERO,
    assemble,
    coarsen,
    restrict,
    smooth,
)
from ssbtomo.kernels.transport.team import Team, plane_sums

__all__ = ["Multigrid", "coarse_sizes", "halved_axes"]

_DIRECT = 400
"""Grids of at most so many cells are solved directly."""
_NEARLY = 1.5
"""Axes whose cells are at most so much longer than the shortest are coarsened together."""

_HOLD = 1e-3
"""Share of its conductance by which each cell of the coarsest grid is held where nothing else is."""

Field = NDArray[Any]
Edges = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Level:
    """One grid of the hierarchy.

    Parameters
    ----------
    op : Operator
        Its conduction operator.
    edges : tuple of ndarray of float64
        Widths of its cells along each axis.
    """

    op: Operator
    edges: Edges

    @property
    def cells(self) -> int:
        """Number of cells."""
        return math.prod(self.op.size)


class Multigrid:
    """A W-cycle of red-black sweeps: a symmetric, positive preconditioner.

    Coarse cells are boxes of two fine cells along each axis whose cells are not much longer
    than the shortest (so that anisotropic voxels become cubes first); a coarse conductance
    is the sum over the fine faces between two boxes, for the longer distance between them.

    Parameters
    ----------
    op : Operator
        The finest grid.
    spacing : tuple of float
        Edges of a cell; only their ratios matter.
    team : Team
        Who does the work.
    kind : type
        Precision of the fields, `numpy.float32` or `numpy.float64`.
    """

    def __init__(
        self,
        op: Operator,
        spacing: tuple[float, float, float],
        team: Team,
        kind: type[np.floating[Any]] = np.float32,
    ) -> None:
        self.kind = kind
        self.team = team
        self.check: Callable[[], None] = lambda: None
        z, y, x = (np.full(n, edge) for n, edge in zip(op.size, spacing, strict=True))
        self.levels = [Level(op, (z, y, x))]
        # Where the centres of the ghosts are held the potential is half a voxel farther off.
        far = [spacing[op.axis] / 2 * (end == 1) for end in op.edges]
        while self.levels[-1].cells > _DIRECT:
            self.levels.append(_coarser(self.levels[-1], team, (far[0], far[1])))
        self._inverse = _inverse(self.levels[-1]).astype(kind)
        rooms = [room(level.op.size) for level in self.levels[1:]]
        zeros = team.storage.zeros
        self._right = [zeros(shape, packed_kind(self.kind)) for shape in rooms]
        self._field = [zeros(shape, self.kind) for shape in rooms]

    @property
    def nbytes(self) -> int:
        """Bytes that the coarse grids take."""
        ops = [level.op for level in self.levels[1:]]
        arrays = [array for op in ops for array in (op.gz, op.gy, op.gx)]
        return sum(a.nbytes for a in [*arrays, *self._right, *self._field, self._inverse])

    def apply(self, right: Field, field: Field) -> float:
        """Write the approximate solution for a right-hand side.

        Parameters
        ----------
        right : ndarray, as stored
            Right-hand side, packed where the fields are of float32 (see `halves`).
        field : ndarray, as stored
            The solution, written; what it held does not matter.

        Returns
        -------
        float
            The sum of right-hand side × solution.
        """
        if len(self.levels) == 1:
            self._solve_directly(right, field)
            return float(np.einsum("ij,ij->", unpacked(right), field, dtype=np.float64))
        return self._cycle(0, right, field, FROM_ZERO)

    def _cycle(self, index: int, right: Field, field: Field, start: int) -> float:
        if index == len(self.levels) - 1:
            self._solve_directly(right, field)
            return 0.0
        level, below = self.levels[index], self.levels[index + 1]
        if index < 2:
            self.check()
        grids = (level.op, below.op)
        fields = (right, field, self._field[index])
        coarse = self._right[index]
        self._smooth(grids, fields, (start, 1))
        self.team.run(restrict, coarse, grids, (right, field, coarse))
        self._cycle(index + 1, coarse, fields[2], FROM_ZERO)
        if 3 * below.cells <= level.cells and index + 2 < len(self.levels):
            self._cycle(index + 1, coarse, fields[2], FROM_GUESS)
        return self._smooth(grids, fields, (FROM_COARSE, 0))

    def _smooth(
        self,
        grids: tuple[Operator, Operator],
        fields: tuple[Field, Field, Field],
        how: tuple[int, int],
    ) -> float:
        dots = plane_sums(fields[1])
        self.team.sweep(smooth, fields[1], (3, bool(grids[0].wraps[0])), grids, fields, how, dots)
        return float(dots.sum())

    def _solve_directly(self, right: Field, field: Field) -> None:
        op = self.levels[-1].op
        known = unpacked(inside(op, right))
        inside(op, field)[...] = (self._inverse @ known.ravel()).reshape(known.shape)
        wrap(op, field)


def _coarser(level: Level, team: Team, far: tuple[float, float]) -> Level:
    """Return the next coarser grid."""
    halved = halved_axes(level.edges)
    merged = [_merge(edges, half) for edges, half in zip(level.edges, halved, strict=True)]
    old = level.op
    size = (merged[0].size, merged[1].size, merged[2].size)
    wraps = old.wraps * (np.array(size) > 1)
    ratios = []
    for axis in range(3):
        ends = far if axis == old.axis else None
        fine = _distances(level.edges[axis], ends)
        at = np.minimum(np.arange(size[axis] + 1) * (1 + halved[axis]), old.size[axis])
        ratio = fine[at] / _distances(merged[axis], ends)
        # A single layer joined to itself has no faces that matter.
        ratios.append(ratio * (wraps[axis] or not old.wraps[axis]))
    gz, gy, gx = (team.storage.zeros(room(size), np.uint16) for _ in range(3))
    op = old._replace(
        mode=STORED,
        size=size,
        pitch=pitch_of(size),
        codes=np.zeros((1, 1), np.uint8),
        gz=gz,
        gy=gy,
        gx=gx,
        wraps=wraps,
    )
    team.run(coarsen, gz, (old, op), (ratios[0], ratios[1], ratios[2]))
    return Level(op, (merged[0], merged[1], merged[2]))


def halved_axes(edges: Edges) -> tuple[bool, ...]:
    """Tell along which axes cells are merged: those where they couple most strongly.

    Parameters
    ----------
    edges : tuple of ndarray of float64
        Widths of the cells along each axis.

    Returns
    -------
    tuple of bool
        One for each axis.
    """
    longest = [float(widths.max()) for widths in edges]
    shortest = min(edge for edge, widths in zip(longest, edges, strict=True) if widths.size > 1)
    return tuple(
        widths.size > 1 and edge <= _NEARLY * shortest
        for edge, widths in zip(longest, edges, strict=True)
    )


def coarse_sizes(edges: Edges) -> list[tuple[int, int, int]]:
    """Return the cells of the coarse grids along each axis.

    Parameters
    ----------
    edges : tuple of ndarray of float64
        Widths of the finest cells along each axis.

    Returns
    -------
    list of tuple of int
        The next coarser grid first.
    """
    sizes = []
    while math.prod(widths.size for widths in edges) > _DIRECT:
        z, y, x = (_merge(w, half) for w, half in zip(edges, halved_axes(edges), strict=True))
        edges = (z, y, x)
        sizes.append((z.size, y.size, x.size))
    return sizes


def _merge(edges: NDArray[np.float64], half: bool) -> NDArray[np.float64]:  # noqa: FBT001
    """Return the widths of cells merged two by two."""
    return np.add.reduceat(edges, np.arange(0, edges.size, 2)) if half else edges


def _distances(edges: NDArray[np.float64], ends: tuple[float, float] | None) -> NDArray[np.float64]:
    """Return the distance across each face; on electrodes to what is so far behind the face."""
    around = (edges[:1] + edges[-1:]) / 2
    first, last = (
        (around, around) if ends is None else (edges[:1] / 2 + ends[0], edges[-1:] / 2 + ends[1])
    )
    return np.concatenate([first, (edges[1:] + edges[:-1]) / 2, last])


def _inverse(level: Level) -> NDArray[np.float64]:
    """Return the inverse of the coarsest operator; zero for cells that do not conduct."""
    matrix = np.zeros((level.cells, level.cells))
    for axis in range(3):
        assemble(level.op, axis, matrix)
    if level.op.edges == (0.0, 0.0):  # nothing need be held: constants may be left free
        matrix[np.diag_indices_from(matrix)] *= 1 + _HOLD
    dead = np.flatnonzero(np.diagonal(matrix) <= 0)
    matrix[dead, dead] = 1.0
    inverse = np.linalg.inv(matrix)
    inverse[dead, dead] = 0.0
    return (inverse + inverse.T) / 2
