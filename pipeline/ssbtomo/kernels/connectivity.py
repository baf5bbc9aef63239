"""Connected components of a phase, and which faces of the volume they join."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import PhaseMissingError
from ssbtomo.kernels.pieces import Pieces, Shape
from ssbtomo.kernels.runs import Neighbours, find_runs
from ssbtomo.units import AXES

__all__ = ["Connectivity", "Neighbours", "components", "connectivity", "shares"]


@dataclass(frozen=True, slots=True)
class Connectivity:
    """Shares of a phase's voxels, by what their component is joined to.

    Parameters
    ----------
    joined : dict of str to float
        Share joined to each face of the volume, ``"z-min"`` to ``"x-max"``.
    spanning : dict of str to float
        Share in components that join both faces along ``"z"``, ``"y"``, ``"x"``.
    open_fraction : float
        Share joined to any face of the volume. What is open only at a side of a small
        volume may well be closed in a larger one: see `joined` for the transport faces.
    closed_fraction : float
        Share joined to no face: ``1 - open_fraction``.
    largest : float
        Share in the largest component.
    components : int
        Number of components.
    voxels : int
        Voxels of the phase.
    """

    joined: dict[str, float]
    spanning: dict[str, float]
    open_fraction: float
    closed_fraction: float
    largest: float
    components: int
    voxels: int


def components(
    mask: NDArray[np.bool_], connectivity: Neighbours = 6
) -> tuple[NDArray[np.uint32], int]:
    """Label the connected components of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        The phase.
    connectivity : {6, 18, 26}
        Voxels that touch by a face, also by an edge, or also by a corner.

    Returns
    -------
    labels : ndarray of uint32, shape (Z, Y, X)
        0 outside; pieces are numbered from 1 in the order of their first voxels. 4 bytes per
        voxel, and those of `ssbtomo.kernels.runs.find_runs`.
    count : int
        Number of components.
    """
    runs = find_runs(np.asarray(mask, np.bool_), connectivity, background=0)
    labels = np.zeros(runs.shape, np.uint32)
    runs.paint(np.arange(1, runs.count + 1, dtype=np.uint32), labels)
    return labels, runs.count


def connectivity(mask: NDArray[np.bool_], neighbours: Neighbours = 6) -> Connectivity:
    """Measure which share of a phase is joined to the faces of the volume.

    Estimator: voxel counts of connected components. Bias: thin necks below the voxel are cut,
    blurred gaps are bridged; ``neighbours=26`` bounds the share from above. Holds about 25
    bytes per run of voxels along X beyond the mask: 1 to 3 bytes per voxel where the phase is
    resolved.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        The phase.
    neighbours : {6, 18, 26}
        Voxels that touch by a face, also by an edge, or also by a corner. Transport by
        finite volumes sees 6.

    Returns
    -------
    Connectivity
        Shares of the phase's voxels.

    Raises
    ------
    PhaseMissingError
        If the mask is empty: a share of nothing is not a number.
    """
    table = find_runs(np.asarray(mask, np.bool_), neighbours, background=0).table()
    if not len(table):
        raise PhaseMissingError(
            "the phase has no voxel, so no share of it can be connected",
            hint="check the label of the phase against the segmentation",
        )
    z, y, x = mask.shape
    return shares(table, (z, y, x))


def shares(table: Pieces, shape: Shape) -> Connectivity:
    """Tell which shares of a phase its components hold, by the faces that they touch.

    Parameters
    ----------
    table : Pieces
        The phase's components; at least one.
    shape : tuple of int
        Voxels of the volume.

    Returns
    -------
    Connectivity
        Shares of the voxels in the table.
    """
    total = int(table.size.sum())
    touches = table.touches(shape)

    def share(rows: Any) -> float:
        return int(table.size[rows].sum()) / total

    is_open = touches.any(axis=(1, 2))
    return Connectivity(
        {
            f"{name}-{end}": share(touches[:, axis, place])
            for axis, name in enumerate(AXES)
            for place, end in enumerate(("min", "max"))
        },
        {name: share(touches[:, axis].all(axis=1)) for axis, name in enumerate(AXES)},
        share(is_open),
        share(~is_open),
        int(table.size.max()) / total,
        len(table),
        total,
    )
