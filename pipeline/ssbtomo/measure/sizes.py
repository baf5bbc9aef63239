"""Sizes: particles of a phase, and the continuous size distribution of a phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ssbtomo.errors import PhaseMissingError
from ssbtomo.kernels import thickness
from ssbtomo.kernels.particles import particle_table, separate, weighted_percentile
from ssbtomo.kernels.thickness import Cancelled, Progress, SizeDistribution
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Particles", "particles", "phase_mask", "size_distribution"]


@dataclass(frozen=True, slots=True, repr=False)
class Particles:
    """The particles of a phase.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per particle; columns as in `ssbtomo.kernels.particles.particle_table`.
    labels : ndarray of int32, shape (Z, Y, X)
        0 outside the phase, else the particle.
    """

    table: pd.DataFrame
    labels: NDArray[np.int32]

    def diameter(
        self, percent: float, *, by: Literal["volume", "number"] = "volume", whole: bool = False
    ) -> float:
        """Return a percentile of the equivalent diameters.

        Parameters
        ----------
        percent : float
            From 0 to 100.
        by : {"volume", "number"}
            How particles count.
        whole : bool
            Leave out particles that the border of the volume cuts. They read too small;
            without them large ones, which it cuts more often, are too rare.

        Returns
        -------
        float
            Diameter in µm; ``nan`` if no particle is left.
        """
        rows = self.table[~self.table["touches_border"]] if whole else self.table
        weights = rows["volume_um3"] if by == "volume" else None
        return weighted_percentile(rows["diameter_um"], weights, percent)

    def __repr__(self) -> str:
        sizes = ", ".join(f"d{p} {self.diameter(p):.4g} µm" for p in (10, 50, 90))
        cut = int(self.table["touches_border"].sum())
        return f"Particles: {len(self.table)} ({cut} cut by the border), by volume {sizes}"


def particles(
    labels: ArrayLike,
    spacing: Spacing,
    phase: int,
    *,
    depth: float | None = None,
    neck: float = 0.85,
    cancelled: Cancelled | None = None,
) -> Particles:
    """Cut a phase into particles at its necks and measure each.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phase : int
        Label of the phase.
    depth, neck : float, optional
        What is a neck; see `ssbtomo.kernels.particles.separate`.
    cancelled : callable, optional
        Asked between steps; true stops the work.

    Returns
    -------
    Particles
        The table and the labelled volume.

    Raises
    ------
    PhaseMissingError
        If the phase does not occur.

    Notes
    -----
    Estimators and bias: see `ssbtomo.kernels.particles`.
    """
    import pandas as pd

    mask = phase_mask(labels, phase)
    found = separate(mask, spacing, depth=depth, neck=neck, cancelled=cancelled)
    return Particles(pd.DataFrame(particle_table(found, spacing)), found)


def size_distribution(
    labels: ArrayLike,
    spacing: Spacing,
    phase: int,
    *,
    radii: Sequence[float] | None = None,
    cancelled: Cancelled | None = None,
    progress: Progress | None = None,
) -> SizeDistribution:
    """Measure the continuous size distribution (local thickness) of a phase.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phase : int
        Label of the phase.
    radii : sequence of float, optional
        Radii in µm that are told apart.
    cancelled, progress : callable, optional
        See `ssbtomo.kernels.thickness.size_distribution`.

    Returns
    -------
    SizeDistribution
        ``diameter_um``, ``volume_fraction`` (finer), ``d10``, ``d50``, ``d90``, ``mean``.

    Raises
    ------
    PhaseMissingError
        If the phase does not occur.

    Notes
    -----
    Estimator and bias: see `ssbtomo.kernels.thickness.size_distribution`.
    """
    mask = phase_mask(labels, phase)
    return thickness.size_distribution(mask, spacing, radii, cancelled=cancelled, progress=progress)


def phase_mask(labels: ArrayLike, phase: int) -> NDArray[np.bool_]:
    """Return where a phase is, or say that it is nowhere.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    phase : int
        Label of the phase.

    Returns
    -------
    ndarray of bool
        True in the phase.

    Raises
    ------
    PhaseMissingError
        If the phase does not occur.
    """
    values: NDArray[Any] = np.asarray(labels)
    mask = np.asarray(values == phase)
    if not mask.any():
        present = np.unique(values)
        shown = ", ".join(map(str, present[:10])) + (", …" if present.size > 10 else "")
        raise PhaseMissingError(
            f"phase {phase} does not occur in the labels, which hold {shown}",
            hint="check the phase's label against the segmentation",
        )
    return mask
