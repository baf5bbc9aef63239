"""Where the current flows and where it is resisted, voxel by voxel and layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.transport.operator import DEVICE, INLINE, KERNEL, Operator, edge, face_row
from ssbtomo.kernels.transport.potential import slice_axes
from ssbtomo.kernels.transport.team import Team

__all__ = ["Local", "crossing", "flux_slice", "localized"]


@dataclass(frozen=True, slots=True)
class Local:
    """Maps of a solve.

    Parameters
    ----------
    flux : ndarray of float32, shape (Z, Y, X)
        Magnitude of the current density over its mean along the axis through the whole box:
        the local focusing of the current. 0 where nothing flows.
    resistance : ndarray of float32, shape (Z, Y, X)
        Dissipation density over its mean in the whole box: the local share of the resistance.
    layers : ndarray of float64, shape (layers,)
        Share of the resistance of each layer across the transport axis; the sum is 1.
    """

    flux: NDArray[np.float32]
    resistance: NDArray[np.float32]
    layers: NDArray[np.float64]


@njit(**DEVICE)
def _currents(
    op: Operator,
    x: NDArray[np.float64],
    where: tuple[int, int, int],
    row: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Write the currents through a row of faces, and leave their conductances in `row`."""
    axis, k, j = where
    nx = op.size[2]
    at = j * op.pitch
    face_row(op, axis, k, j, row)
    to = at + (op.pitch if axis == 1 else (1 if axis == 2 else 0))
    here, there = x[k, at : at + nx + 1], x[k + 1 if axis == 0 else k, to : to + nx + 1]
    drop = 0.0
    if axis == op.axis:
        drop = 1.0 / edge(op, axis, k if axis == 0 else (j if axis == 1 else 1))
    for i in range(nx + 1):
        out[i] = row[i] * (here[i] - there[i] + drop)
    if axis == 2 and op.axis == 2:
        for i in (0, nx):
            out[i] = row[i] * (here[i] - there[i] + 1.0 / edge(op, axis, i))


@njit(**INLINE)
def _share(op: Operator, where: tuple[int, int, int], current: float, g: float) -> float:
    """Return what a face dissipates in the voxel on one side of it: all of an outer face."""
    axis, index, _ = where
    if g <= 0.0:
        return 0.0
    outer = axis == op.axis and (index == 0 or index == op.size[axis])
    return (1.0 if outer else 0.5) * current * current / g


@njit(**KERNEL)
def localize(
    op: Operator,
    fields: tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]],
    frame: tuple[NDArray[np.float64], tuple[int, int]],
    near: int,
    far: int,
) -> None:
    """Write the current density and the dissipation of every voxel of some rows.

    Parameters
    ----------
    op : Operator
        The finest grid.
    fields : tuple of ndarray
        Deviation of the potential from the linear one, float64 as stored; magnitude of the
        current density (mean of the two faces of each axis) and dissipation (half that of
        each face), float32 of as many planes and rows as are wanted, written.
    frame : tuple
        Voxel edges along (Z, Y, X); the first of the planes and of the rows that are wanted,
        counted from 1.
    near, far : int
        Planes to write, from `near` to ``far - 1``.
    """
    x, flux, heat = fields
    edges, corner = frame
    nx = op.size[2]
    rows, currents = np.empty((2, nx + 1)), np.empty((2, nx + 1))
    square, warmth = np.empty(nx), np.empty(nx)
    for k in range(near, far):
        for j in range(corner[1], corner[1] + flux.shape[1]):
            square[:] = 0.0
            warmth[:] = 0.0
            for axis in range(3):
                _currents(
                    op, x, (axis, k - int(axis == 0), j - int(axis == 1)), rows[0], currents[0]
                )
                _currents(op, x, (axis, k, j), rows[1], currents[1])
                for i in range(1, nx + 1):
                    index = k if axis == 0 else (j if axis == 1 else i)
                    one = i - int(axis == 2)
                    before, after = currents[0, one], currents[1, i]
                    mean = 0.5 * (before + after) * edges[axis]
                    square[i - 1] += mean * mean
                    warmth[i - 1] += _share(op, (axis, index - 1, i), before, rows[0, one])
                    warmth[i - 1] += _share(op, (axis, index, i), after, rows[1, i])
            for i in range(nx):
                flux[k - corner[0], j - corner[1], i] = np.sqrt(square[i])
                heat[k - corner[0], j - corner[1], i] = warmth[i]


@njit(**KERNEL)
def cross_currents(
    op: Operator, x: NDArray[np.float64], sums: NDArray[np.float64], near: int, far: int
) -> None:
    """Add up, plane by plane, the currents through all faces of each axis.

    Parameters
    ----------
    op : Operator
        The finest grid.
    x : ndarray of float64, shape (Z + 2, area)
        Deviation of the potential from the linear one.
    sums : ndarray of float64, shape (Z + 2, 3)
        The sums over the faces after the voxels of each plane, and before the first voxel on
        the transport axis; those on electrodes count by their distance. Written.
    near, far : int
        Planes to write, from `near` to ``far - 1``.
    """
    nx = op.size[2]
    row, currents = np.empty(nx + 1), np.empty(nx + 1)
    for k in range(near - int(near == 1 and op.axis == 0), far):
        for j in range(0 if op.axis == 1 else 1, op.size[1] + 1):
            for axis in range(3):
                if (k == 0 and axis != 0) or (j == 0 and axis != 1):
                    continue
                _currents(op, x, (axis, k, j), row, currents)
                for i in range(0 if axis == 2 and op.axis == 2 else 1, nx + 1):
                    index = k if axis == 0 else (j if axis == 1 else i)
                    sums[k, axis] += currents[i] / edge(op, axis, index)


def crossing(
    op: Operator, x: NDArray[np.float64], spacing: tuple[float, float, float], team: Team
) -> NDArray[np.float64]:
    """Return the mean current density along each axis, for a gradient of 1.

    Parameters
    ----------
    op : Operator
        The finest grid.
    x : ndarray of float64, as stored
        Deviation of the potential from the linear one.
    spacing : tuple of float
        Voxel edges along (Z, Y, X).
    team : Team
        Who does the work.

    Returns
    -------
    ndarray of float64, shape (3,)
        A column of the effective tensor, for a conductivity of 1.
    """
    edges = np.array(spacing, float)
    sums = np.zeros((x.shape[0], 3))
    team.run(cross_currents, x, op, x, sums)
    unit = edges[op.axis] * edges / edges.min() ** 2 / float(np.prod(op.size))
    return np.asarray(unit * sums.sum(axis=0), np.float64)


def localized(
    op: Operator, x: NDArray[np.float64], spacing: tuple[float, float, float], team: Team
) -> Local:
    """Return the maps of a solve.

    Parameters
    ----------
    op : Operator
        The finest grid.
    x : ndarray of float64, as stored
        Deviation of the potential from the linear one.
    spacing : tuple of float
        Voxel edges along (Z, Y, X).
    team : Team
        Who does the work.

    Returns
    -------
    Local
        Current density, dissipation density, and the resistance of each layer; 8 bytes per
        voxel.
    """
    edges = np.array(spacing, float)
    flux, heat = (np.empty(op.size, np.float32) for _ in range(2))
    team.run(localize, x, op, (x, flux, heat), (edges, (1, 1)))
    mean = crossing(op, x, spacing, team)[op.axis]
    # `crossing` is a density for a gradient of 1; here the drop is 1 per voxel.
    flux /= np.float32(mean * edges.min() ** 2 / edges[op.axis])
    others = tuple(axis for axis in range(3) if axis != op.axis)
    layers = heat.sum(axis=others, dtype=np.float64)
    heat /= np.float32(layers.sum() / heat.size)
    return Local(flux, heat, layers / layers.sum())


def flux_slice(
    op: Operator, x: NDArray[np.float64], spacing: tuple[float, float, float], mean: float
) -> NDArray[np.float32]:
    """Return the current density in the middle slice that contains the transport axis.

    Parameters
    ----------
    op : Operator
        The finest grid.
    x : ndarray of float64, as stored
        Deviation of the potential from the linear one.
    spacing : tuple of float
        Voxel edges along (Z, Y, X).
    mean : float
        Mean current density for a gradient of 1, of a conductivity of 1.

    Returns
    -------
    ndarray of float32, 2-D
        Its magnitude over the mean along the axis; rows follow the transport axis.
    """
    edges = np.array(spacing, float)
    nz, ny, nx = op.size
    across = 3 - sum(slice_axes(op.axis))
    middle = op.size[across] // 2 + 1
    corner, shape = ((1, middle), (nz, 1, nx)) if across else ((middle, 1), (1, ny, nx))
    flux, heat = (np.empty(shape, np.float32) for _ in range(2))
    localize(op, (x, flux, heat), (edges, corner), corner[0], corner[0] + shape[0])
    flux /= np.float32(mean * edges.min() ** 2 / edges[op.axis])
    field = np.squeeze(flux, across)
    return np.ascontiguousarray(field.T) if op.axis == 2 else field
