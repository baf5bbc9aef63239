"""How much of a phase is connected, and to what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssbtomo.errors import InputDataError, PhaseMissingError
from ssbtomo.kernels import connectivity as kernels
from ssbtomo.kernels.connectivity import Connectivity, Neighbours
from ssbtomo.measure.sources import whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["Connectivity", "connectivity"]


def connectivity(labels: ArrayLike, phase: int, *, neighbours: Neighbours = 6) -> Connectivity:
    """Measure which share of a phase is joined to the faces of the volume.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask. It is read as a whole.
    phase : int
        Label of the phase.
    neighbours : {6, 18, 26}
        Voxels that touch by a face, also by an edge, or also by a corner.

    Returns
    -------
    Connectivity
        Shares joined to each face, spanning each axis, open and closed; number of
        components. Shares are of the phase's voxels.

    Raises
    ------
    PhaseMissingError
        If the phase does not occur.
    InputDataError
        If `neighbours` is none of 6, 18 and 26.
    """
    if neighbours not in {6, 18, 26}:
        raise InputDataError(
            f"{neighbours} neighbours do not exist in 3-D", hint="take 6, 18 or 26"
        )
    mask = whole(labels) == phase
    if not mask.any():
        raise PhaseMissingError(
            f"label {phase} does not occur in the labels",
            hint="check the phase against the segmentation",
        )
    return kernels.connectivity(mask, neighbours)
