"""The operator of the finest grid, made from codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.transport.cells import Medium
from ssbtomo.kernels.transport.currents import count_faces
from ssbtomo.kernels.transport.operator import MASK, OPEN, Operator
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
        Its codes are a padded copy.
    """
    axis, periodic, spacing = how
    wraps = np.array([periodic and a != axis and n > 1 for a, n in enumerate(codes.shape)], np.int64)
    padded = np.zeros(tuple(n + 2 for n in codes.shape), np.uint8)
    padded[1:-1, 1:-1, 1:-1] = codes
    _fill_ghosts(padded, axis, wraps)
    # A single layer has two electrodes, four half faces: too many for the packed counts.
    mode = OPEN if medium.mode == MASK and codes.shape[axis] == 1 else medium.mode
    table = medium.table
    if medium.mode == MASK:
        table = np.full(256, 0.5)
        table[0] = 0.0
    if mode == MASK:
        mask, padded = padded, np.zeros_like(padded)
        team.run(count_faces, mask, mask, axis, padded)
        _fill_ghosts(padded, axis, wraps)
    inverse = 1 / np.square(np.array(spacing))
    dummy = np.zeros((1, 1, 1), np.float32)
    return Operator(mode, axis, padded, table, inverse / inverse.max(), dummy, dummy, dummy, wraps)


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
    z, y, x = op.codes.shape
    return float(op.weights[op.axis]) * (z - 2) * (y - 2) * (x - 2)


def _fill_ghosts(padded: NDArray[np.uint8], axis: int, wraps: NDArray[np.int64]) -> None:
    """Mirror the codes at the electrodes; wrap them where sides are joined."""
    for a in range(3):
        faces = np.moveaxis(padded, a, 0)
        if a == axis:
            faces[0], faces[-1] = faces[1], faces[-2]
        elif wraps[a]:
            faces[0], faces[-1] = faces[-2], faces[1]
