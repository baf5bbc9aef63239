"""The potential, from the deviation that was solved for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.transport.finest import length
from ssbtomo.kernels.transport.operator import Operator, inside

__all__ = ["middle_slice", "potential", "slice_axes"]


def slice_axes(axis: int) -> tuple[int, int]:
    """Return the axes of the rows and the columns of the middle slice.

    Parameters
    ----------
    axis : int
        The transport axis.

    Returns
    -------
    tuple of int
        The transport axis, and the last of the others.
    """
    return axis, 1 if axis == 2 else 2


def middle_slice(op: Operator, deviation: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the middle slice that contains the transport axis.

    Parameters
    ----------
    op : Operator
        The finest grid.
    deviation : ndarray of float64, as stored
        Deviation of the potential from the linear one, for 1 of drop per voxel.

    Returns
    -------
    ndarray of float32, 2-D
        Potential as by `potential`; its rows follow the transport axis.
    """
    across = 3 - sum(slice_axes(op.axis))
    middle = op.size[across] // 2
    box = [slice(None)] * 3
    box[across] = slice(middle, middle + 1)
    field = np.squeeze(_values(op, deviation, tuple(box)), across)
    return np.ascontiguousarray(field.T) if op.axis == 2 else field


def potential(op: Operator, deviation: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the potential of every voxel.

    Parameters
    ----------
    op : Operator
        The finest grid.
    deviation : ndarray of float64, as stored
        Deviation of the potential from the linear one, for 1 of drop per voxel.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X)
        From 1 at the first face to 0 at the last; NaN where no current can flow.
    """
    return _values(op, deviation, (slice(None),) * 3)


def _values(
    op: Operator, deviation: NDArray[np.float64], box: tuple[slice, ...]
) -> NDArray[np.float32]:
    across = [a for a in range(3) if a != op.axis]
    size, drops = op.size[op.axis], length(op)
    start = 1 / op.edges[0] - 1
    heights = np.expand_dims(1 - (np.arange(size) + 1 + start) / drops, across)
    linear = np.broadcast_to(heights, op.size)[box]
    part, codes = inside(op, deviation)[box], inside(op, op.codes)[box]
    field = np.empty(part.shape, np.float32)
    for k in range(len(field)):
        field[k] = np.where(codes[k] > 0, linear[k] + part[k] / drops, np.nan)
    return _with_held(op, field, box)


def _with_held(
    op: Operator, field: NDArray[np.float32], box: tuple[slice, ...]
) -> NDArray[np.float32]:
    """Add the layers whose centres are held."""
    nz, ny, nx = op.size
    codes = op.codes.reshape(nz + 2, ny + 2, op.pitch)[:, :, : nx + 2]
    ghosts = np.moveaxis(codes, op.axis, 0)[:, 1:-1, 1:-1]
    rest = tuple(part for a, part in enumerate(box) if a != op.axis)
    layers = [np.moveaxis(field, op.axis, 0)]
    for index, (edge, value) in enumerate(zip(op.edges, (1.0, 0.0), strict=True)):
        if edge == 1:
            held = np.where(ghosts[-index][rest] > 0, value, np.nan)[None].astype(np.float32)
            layers = [*layers, held] if index else [held, *layers]
    return np.moveaxis(np.concatenate(layers), 0, op.axis) if len(layers) > 1 else field
