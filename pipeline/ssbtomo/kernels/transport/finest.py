"""The operator of the finest grid, made from codes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.transport.cells import Medium
from ssbtomo.kernels.transport.currents import count_faces
from ssbtomo.kernels.transport.operator import MASK, OPEN, Operator, inside, pitch_of, room, wrap
from ssbtomo.kernels.transport.team import Team
from ssbtomo.units import Spacing

__all__ = ["driven", "finest"]


def finest(
    codes: NDArray[np.uint8], medium: Medium, how: tuple[int, bool, Spacing], team: Team
) -> Operator:
    """Return the operator of the finest grid, with its ghost layer.

    Parameters
    ----------
    codes : ndarray of uint8, shape (Z, Y, X)
        One code per voxel, 0 where nothing conducts.
    medium : Medium
        What the codes mean.
    how : tuple
        The transport axis, whether the sides are joined, and the voxel edges.
    team : Team
        Who does the work.

    Returns
    -------
    Operator
        It holds a copy of the codes.
    """
    axis, periodic, spacing = how
    size = (codes.shape[0], codes.shape[1], codes.shape[2])
    # A single layer has two electrodes, four half faces: too many for the packed counts.
    mode = OPEN if medium.mode == MASK and size[axis] == 1 else medium.mode
    inverse = 1 / np.square(np.array(spacing))
    dummy = np.zeros((1, 1), np.float32)
    op = Operator(
        mode,
        axis,
        size,
        pitch_of(size),
        np.zeros(room(size), np.uint8),
        medium.table,
        inverse / inverse.max(),
        dummy,
        dummy,
        dummy,
        np.array([periodic and a != axis and n > 1 for a, n in enumerate(size)], np.int64),
    )
    inside(op, op.codes)[...] = codes
    _fill_ghosts(op)
    if mode == MASK:
        team.run(count_faces, op.codes, op, op.codes.copy())
        _fill_ghosts(op)
    return op


def driven(op: Operator) -> float:
    """Return the energy of a full block of conductivity 1, for 1 per voxel of potential drop.

    Parameters
    ----------
    op : Operator
        The finest grid.

    Returns
    -------
    float
        What energies are divided by to make conductivities.
    """
    return float(op.weights[op.axis]) * math.prod(op.size)


def _fill_ghosts(op: Operator) -> None:
    """Mirror the codes at the electrodes; wrap them where sides are joined."""
    nz, ny, nx = op.size
    faces = np.moveaxis(op.codes.reshape(nz + 2, ny + 2, op.pitch)[:, :, : nx + 2], op.axis, 0)
    faces[0], faces[-1] = faces[1], faces[-2]
    wrap(op, op.codes)
