"""The operator of the finest grid, made from codes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.transport.cells import Medium
from ssbtomo.kernels.transport.currents import count_faces
from ssbtomo.kernels.transport.operator import (
    MASK,
    OPEN,
    Operator,
    inside,
    pitch_of,
    room,
    wrap,
)
from ssbtomo.kernels.transport.team import Team
from ssbtomo.units import Spacing

__all__ = ["Sides", "driven", "finest", "length"]


@dataclass(frozen=True, slots=True)
class Sides:
    """What happens at the sides of a box.

    Parameters
    ----------
    axis : int
        The transport axis.
    spacing : tuple of float
        Voxel edges along (Z, Y, X).
    periodic : bool
        Whether the sides along the other axes are joined.
    edges : tuple of float
        For the first and the last face: 2 where it is held at a potential; 1 where the
        centres of the outer voxels are held, which then are no unknowns; 0 where it
        insulates.
    """

    axis: int
    spacing: Spacing
    periodic: bool = False
    edges: tuple[float, float] = (2.0, 2.0)


def finest(codes: NDArray[np.uint8], medium: Medium, sides: Sides, team: Team) -> Operator:
    """Return the operator of the finest grid, with its ghost layer.

    Parameters
    ----------
    codes : ndarray of uint8, shape (Z, Y, X)
        One code per voxel, 0 where nothing conducts.
    medium : Medium
        What the codes mean.
    sides : Sides
        The transport axis, and what happens at the sides.
    team : Team
        Who does the work.

    Returns
    -------
    Operator
        It holds a copy of the codes.
    """
    axis = sides.axis
    cut = [slice(None)] * 3
    cut[axis] = slice(int(sides.edges[0] == 1), codes.shape[axis] - int(sides.edges[1] == 1))
    within = codes[tuple(cut)]
    size = (within.shape[0], within.shape[1], within.shape[2])
    # A single layer has two electrodes, four half faces: too many for the packed counts.
    mode = OPEN if medium.mode == MASK and size[axis] == 1 else medium.mode
    inverse = 1 / np.square(np.array(sides.spacing))
    dummy = np.zeros((1, 1), np.uint16)
    contact = None if mode == MASK else np.zeros((3, 1))
    if medium.contact is not None:
        contact = medium.contact.ravel() / np.array(sides.spacing)[:, None]
    wraps = [sides.periodic and a != axis and n > 1 for a, n in enumerate(size)]
    op = Operator(
        mode,
        axis,
        size,
        pitch_of(size),
        team.storage.zeros(room(size), np.uint8),
        medium.table,
        inverse / inverse.max(),
        dummy,
        dummy,
        dummy,
        np.array(wraps, np.int64),
        sides.edges,
        contact,
        np.zeros((1, 1), np.uint8),
        np.zeros(256),
        np.zeros((3, 1, 1), np.uint8),
        np.zeros((3, 1)),
    )
    held = inside(op, op.codes)
    for k in range(size[0]):
        held[k] = within[k]
    _fill_ghosts(op, codes)
    if mode == MASK:
        mask = team.storage.zeros(op.codes.shape, np.uint8)
        for k in range(len(mask)):
            mask[k] = op.codes[k]
        team.run(count_faces, op.codes, op, mask)
        _fill_ghosts(op, codes)
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
    area = math.prod(op.size) / op.size[op.axis]
    return float(op.weights[op.axis]) * area * length(op)


def length(op: Operator) -> float:
    """Return the distance between the two potentials.

    Parameters
    ----------
    op : Operator
        The finest grid.

    Returns
    -------
    float
        In voxels.
    """
    return op.size[op.axis] - 1 + sum(1 / edge for edge in op.edges if edge)


def _fill_ghosts(op: Operator, codes: NDArray[np.uint8]) -> None:
    """Mirror the codes at held faces, take those of held voxels; wrap them at joined sides."""
    nz, ny, nx = op.size
    faces = np.moveaxis(op.codes.reshape(nz + 2, ny + 2, op.pitch)[:, :, : nx + 2], op.axis, 0)
    given = np.moveaxis(codes, op.axis, 0)
    for ghost, inner, edge in ((0, 1, op.edges[0]), (-1, -2, op.edges[1])):
        if edge == 2:
            faces[ghost] = faces[inner]
        else:
            faces[ghost, 1:-1, 1:-1] = given[0 if ghost == 0 else -1] if edge else 0
    wrap(op, op.codes)
