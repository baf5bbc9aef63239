"""The potential, from the deviation that was solved for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    size = op.size[op.axis]
    heights = 1 - (np.arange(size) + 0.5) / size
    heights = np.expand_dims(heights, [a for a in range(3) if a != op.axis])
    linear = np.broadcast_to(heights, op.size)[box]
    part, codes = inside(op, deviation)[box], inside(op, op.codes)[box]
    field = np.empty(part.shape, np.float32)
    for k in range(len(field)):
        field[k] = np.where(codes[k] > 0, linear[k] + part[k] / size, np.nan)
    return field
