"""Cells whose whole surface is given: linear systems with other boundaries than two electrodes.

The operator of such a cell is that of the voxels, plus half faces to what is held around it;
it may leave constants free. Conjugate gradients in float64 with the multigrid of the stored
conductances as preconditioner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import ConvergenceError
from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.transport.multigrid import Multigrid
from ssbtomo.kernels.transport.operator import (
    KERNEL,
    STORED,
    Operator,
    face_row,
    inside,
    room,
    wrap,
)
from ssbtomo.kernels.transport.stencil import add_drive, rows_per_run, stencil
from ssbtomo.kernels.transport.team import Team
from ssbtomo.units import Spacing

__all__ = ["Cell", "drive", "relax"]

_LIMIT = 1000
_ROUNDING = 1e-13
_NOTHING = 1e-9
"""Share of the energy of no potential that counts as none."""

Check = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell and what it is surrounded by.

    Parameters
    ----------
    op : Operator
        The operator of its voxels.
    held : tuple of ndarray of float64, or empty
        Conductances of the half faces to what is held around the cell: of the first and the
        last layer along each axis, two for each axis, or nothing at all.
    spacing : tuple of float
        Voxel edges along (Z, Y, X).
    team : Team
        Who does the work.
    """

    op: Operator
    held: tuple[NDArray[np.float64], ...]
    spacing: Spacing
    team: Team

    def apply(self, x: NDArray[np.float64], out: NDArray[np.float64]) -> None:
        """Write the net current out of every voxel for a potential.

        Parameters
        ----------
        x : ndarray of float64, as stored
            The potential; its ghosts are refreshed.
        out : ndarray of float64, as stored
            Written.
        """
        wrap(self.op, x)
        self.team.run(applied, x, self.op, x, out)
        if self.held:
            here, net = inside(self.op, x), inside(self.op, out)
            for index, part in enumerate(self.held):
                near = np.moveaxis(here, index // 2, 0)[-(index % 2)]
                np.moveaxis(net, index // 2, 0)[-(index % 2)] += part * near

    def preconditioner(self, kind: type[np.floating[Any]]) -> Multigrid:
        """Return the multigrid of the stored conductances; 12 bytes per voxel and its own.

        Parameters
        ----------
        kind : type
            Precision of its fields.

        Returns
        -------
        Multigrid
            A symmetric preconditioner, positive but for constants.
        """
        op = self.op
        gz, gy, gx = (np.zeros(room(op.size), np.float32) for _ in range(3))
        self.team.run(stored, gz, op, (gz, gy, gx))
        for index, part in enumerate(self.held):
            axis, last = index // 2, index % 2
            box = (gz, gy, gx)[axis].reshape(op.size[0] + 2, op.size[1] + 2, op.pitch)
            faces = np.moveaxis(box[:, :, : op.size[2] + 2], axis, 0)
            faces[op.size[axis] if last else 0, 1:-1, 1:-1] += part
        grid = op._replace(
            mode=STORED, axis=2, edges=(0.0, 0.0), codes=np.zeros((1, 1), np.uint8),
            gz=_as_stored(gz, op), gy=_as_stored(gy, op), gx=_as_stored(gx, op),
        )  # fmt: skip
        # Rounded right-hand sides would not sum to zero, as they must where nothing is held.
        return Multigrid(grid, self.spacing, self.team, np.float64 if kind is np.float32 else kind)


@njit(**KERNEL)
def applied(
    op: Operator, x: NDArray[np.float64], out: NDArray[np.float64], near: int, far: int
) -> None:
    """Write the net current out of every voxel.

    Parameters
    ----------
    op : Operator
        The finest grid.
    x, out : ndarray of float64, shape (Z + 2, area)
        The potential, and the currents, written.
    near, far : int
        Planes to write, from `near` to ``far - 1``.
    """
    rows, pitch, end = rows_per_run(op), op.pitch, (op.size[1] + 1) * op.pitch
    buffer = np.empty((2, rows * pitch), np.float64)
    work = np.empty((2, (rows + 2) * pitch), np.float64)
    for k in range(near, far):
        for first in range(pitch, end, rows * pitch):
            last = min(first + rows * pitch, end)
            total, diagonal = buffer[0, : last - first], buffer[1, : last - first]
            stencil(op, x, (k, first, last), (total, diagonal), work)
            here, net = x[k, first:last], out[k, first:last]
            for i in range(here.size):
                net[i] = diagonal[i] * here[i] - total[i] if diagonal[i] > 0.0 else 0.0


@njit(**KERNEL)
def driven_by_gradient(op: Operator, out: NDArray[np.float64], near: int, far: int) -> None:
    """Write the net current that the linear potential drives into every voxel.

    Parameters
    ----------
    op : Operator
        The finest grid; the potential falls by 1 per voxel along its axis.
    out : ndarray of float64, shape (Z + 2, area)
        Written where voxels conduct.
    near, far : int
        Planes to write, from `near` to ``far - 1``.
    """
    pitch = op.pitch
    for k in range(near, far):
        for j in range(1, op.size[1] + 1):
            first = j * pitch + 1
            last = first + op.size[2]
            add_drive(op, (k, first, last), out[k, first:last])
            for at in range(first, last):
                if op.codes[k, at] == 0:
                    out[k, at] = 0.0


@njit(**KERNEL)
def stored(
    op: Operator,
    out: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    near: int,
    far: int,
) -> None:
    """Write the conductances of the faces after each voxel and before the first ones.

    Parameters
    ----------
    op : Operator
        The finest grid.
    out : tuple of ndarray of float32, shape (Z + 2, area)
        Conductances along Z, Y and X, written.
    near, far : int
        Planes to write, from `near` to ``far - 1``; the first also those before it.
    """
    _, ny, nx = op.size
    row = np.empty(nx + 1)
    for k in range(near - int(near == 1), far):
        for axis in range(3):
            field = out[0] if axis == 0 else (out[1] if axis == 1 else out[2])
            for j in range(0 if axis == 1 else 1, ny + 1):
                if k > 0 or axis == 0:
                    face_row(op, axis, k, j, row)
                    for i in range(0 if axis == 2 else 1, nx + 1):
                        field[k, j * op.pitch + i] = row[i]


def _as_stored(field: NDArray[Any], op: Operator) -> NDArray[Any]:
    """Return numbers as grids store them: float32, or its upper half in two bytes."""
    if op.gz.dtype != np.uint16:
        return field
    words = np.ascontiguousarray(field, np.float32).view(np.uint32)
    return ((words + np.uint32(0x8000)) >> np.uint32(16)).astype(np.uint16)


def drive(cell: Cell) -> NDArray[np.float64]:
    """Return the net current that a linear potential drives into every voxel.

    Parameters
    ----------
    cell : Cell
        The potential falls by 1 per voxel along the axis of its operator.

    Returns
    -------
    ndarray of float64, as stored
        The right-hand side for the deviation from the linear potential.
    """
    out = np.zeros(cell.op.codes.shape)
    cell.team.run(driven_by_gradient, out, cell.op, out)
    return out


def relax(
    cell: Cell,
    right: NDArray[np.float64],
    grid: Multigrid,
    *,
    energy: tuple[float, float],
    tolerance: float,
    check: Check = lambda: None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Solve for the potential of given currents.

    Parameters
    ----------
    cell : Cell
        The cell; about 60 bytes per voxel with its preconditioner.
    right : ndarray of float64, as stored
        Net current into every voxel. Where nothing holds a cluster its sum must be zero.
    grid : Multigrid
        The preconditioner.
    energy : tuple of float
        The energy of no potential, and 1 or -1 for one that grows or falls to that of the
        solution.
    tolerance : float
        Relative error of the energy, about, at which to stop.
    check : callable
        Called before each iteration; may raise.

    Returns
    -------
    x, rest : ndarray of float64, as stored
        The potential, and the currents that it leaves over.

    Raises
    ------
    ConvergenceError
        If it does not converge.
    """
    shape = right.shape
    x, p, q = (np.zeros(shape) for _ in range(3))
    r = right.copy()
    z = np.zeros(shape, grid.kind)
    before = 0.0
    now, sign = energy
    least = _NOTHING * abs(now)
    floor = _ROUNDING * float(np.abs(right).max(initial=0.0)) if right.size else 0.0
    for _ in range(_LIMIT):
        if float(np.abs(r).max()) <= floor:
            return x, r
        check()
        near = r.astype(grid.kind)
        grid.apply(near if grid.kind is np.float64 else _as_stored(near, cell.op), z)
        rz = float(np.einsum("ij,ij->", r, z, dtype=np.float64))
        if rz <= 0.1 * tolerance * max(now, least):  # with a good preconditioner rz is the error
            return x, r
        p *= rz / before if before else 0.0
        p += z
        cell.apply(p, q)
        curvature = float(np.einsum("ij,ij->", p, q))
        if not curvature > 0:
            return x, r
        x += rz / curvature * p
        r -= rz / curvature * q
        now += sign * rz * rz / curvature
        before = rz
    raise ConvergenceError(
        f"a cell of {cell.op.size} voxels did not converge in {_LIMIT} iterations",
        hint="this is an error of the program; please report it with the volume",
    )
