"""What a transport solve returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.transport.local import Local

__all__ = ["TransportResult"]


@dataclass(frozen=True, slots=True)
class TransportResult:
    """Steady conduction (or diffusion) through a volume along one axis.

    Parameters
    ----------
    tau : float
        Tortuosity factor, volume-averaged conductivity / effective conductivity: for one
        conducting phase ``fraction * conductivity / effective``, with the *total* fraction
        of the phase. Never below 1; ``inf`` where no path joins the two faces.
    effective : float
        Effective conductivity, in the unit of the conductivities given.
    macmullin : float
        MacMullin number: largest conductivity given / effective conductivity.
    fraction : float
        Volume fraction of all that conducts.
    flux_spread : float
        (largest − smallest) / mean of the currents through the layers of voxel faces.
    energy_bounds : tuple of float
        Certified lower and upper bound of `effective` of the discrete problem: the energies
        of a current without sources (Thomson) and of the potential (Dirichlet), moved
        outwards by 1e-12 for rounding. They hold whether the solve converged or not.
    iterations : int
        Conjugate-gradient iterations.
    seconds : float
        Wall time of the solve, compilation included where it was needed.
    bytes_per_voxel : float
        Largest memory that the solve held at a time, over the voxels of the whole box;
        the caller's arrays do not count.
    warnings : tuple of str
        Reasons to doubt the numbers.
    field : ndarray of float32, shape (Z, Y, X), or None
        Potential, from 1 at the first face to 0 at the last; NaN where nothing conducts or
        no path joins both faces.
    field_slice : ndarray of float32, 2-D, or None
        The middle slice of `field` that contains the transport axis; its rows follow it.
    flux_slice : ndarray of float32, 2-D, or None
        The current density over its mean along the axis in the same slice; 0 where nothing
        flows.
    field_slice_axes : tuple of int
        Axes of the rows and of the columns of `field_slice`.
    local : Local or None
        Where the current focuses and where it is resisted.
    """

    tau: float
    effective: float
    macmullin: float
    fraction: float
    flux_spread: float
    energy_bounds: tuple[float, float]
    iterations: int
    seconds: float
    bytes_per_voxel: float
    warnings: tuple[str, ...] = ()
    field: NDArray[np.float32] | None = None
    field_slice: NDArray[np.float32] | None = None
    flux_slice: NDArray[np.float32] | None = None
    field_slice_axes: tuple[int, int] = (0, 2)
    local: Local | None = None
