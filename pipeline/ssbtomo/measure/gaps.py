"""How thick the gap is that parts two phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.blocks.engine import SERIAL, Engine
from ssbtomo.blocks.gaps import Gap, GapCounts, gap_counts
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.gaps import BINS
from ssbtomo.kernels.normals import FIXED_POINT
from ssbtomo.kernels.particles import weighted_percentile
from ssbtomo.kernels.resolution import least_size
from ssbtomo.measure.sources import (
    Names,
    Pair,
    cut,
    in_memory,
    label_of,
    label_source,
    named_phases,
)
from ssbtomo.units import Spacing, check_spacing

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["GapThickness", "gap_thickness", "thickness_of", "usual_widest"]


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class GapThickness:
    """How wide a gap is, weighted by the area of the first phase.

    Parameters
    ----------
    thickness_um, area_um2 : ndarray of float64, shape (n,)
        Each thickness that occurs, and how much of the surface has it.
    surface_um2 : float
        Surface of the first phase on what may lie between, gap or pore.
    unresolved : float
        Share of the gap's area that is thinner than three voxels; nan without a gap.
    map_um : ndarray of float32, shape (Z, Y, X), or None
        Thickness in the first phase's voxels at the gap; 0 elsewhere.
    """

    thickness_um: NDArray[np.float64]
    area_um2: NDArray[np.float64]
    surface_um2: float
    unresolved: float
    map_um: NDArray[np.float32] | None = None

    @property
    def mean(self) -> float:
        """Mean thickness in µm; nan without a gap."""
        total = float(self.area_um2.sum())
        return float((self.thickness_um * self.area_um2).sum()) / total if total else float("nan")

    @property
    def share(self) -> float:
        """Share of the surface on what may lie between that faces the second phase."""
        return float(self.area_um2.sum()) / self.surface_um2 if self.surface_um2 else float("nan")

    def percentile(self, percent: float) -> float:
        """Return the thickness below which so much of the gap's area lies.

        Parameters
        ----------
        percent : float
            From 0 to 100.

        Returns
        -------
        float
            Micrometres; nan without a gap.
        """
        return weighted_percentile(self.thickness_um, self.area_um2, percent)

    def __repr__(self) -> str:
        return (
            f"GapThickness: mean {self.mean:.4g} µm over {self.share:.0%} of the surface, "
            f"{self.unresolved:.0%} of it thinner than 3 voxels"
        )


def gap_thickness(
    labels: ArrayLike,
    spacing: Spacing,
    pair: Pair,
    through: Sequence[int | str],
    phases: Names = None,
    *,
    widest: float | None = None,
    engine: Engine = SERIAL,
) -> GapThickness:
    """Measure how thick the gap is where void, carbon or lithium parts two phases.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    pair : tuple of int or str
        The phases on either side; the gap is measured from the first.
    through : sequence of int or str
        The phases that may lie between.
    phases : mapping of str to int, or sequence of int, optional
        All phases; all labels that occur if not given.
    widest : float, optional
        Thickness in µm above which it is called a pore; twelve of the largest voxel edge if
        not given.
    engine : Engine
        Where the blocks are measured: here or in threads.

    Returns
    -------
    GapThickness
        Definition and bias: `ssbtomo.kernels.gaps.gap_counts`.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur.
    InputDataError
        If the tasks run in other processes, or nothing may lie between.
    """
    edges = check_spacing(spacing)
    source = label_source(labels)
    named = named_phases(source, phases, engine, least=2)
    first, second = (label_of(phase, named) for phase in pair)
    between = tuple(label_of(phase, named) for phase in through)
    if not between or {first, second} & {*between} or first == second:
        raise InputDataError(
            f"a gap from {pair[0]!r} to {pair[1]!r} through {list(through)} is none",
            hint="give two phases, and others that may lie between them",
        )
    gap = Gap(first, second, between, widest or usual_widest(edges))
    grid = cut(source, engine)
    thickness: Any = in_memory(source, engine)("gap", np.dtype(np.float32))
    counts = gap_counts(source, gap, edges, grid, engine, sink=thickness)
    return thickness_of(counts, edges, thickness)


def usual_widest(spacing: Spacing) -> float:
    """Return the thickness up to which a void is called a gap, if nothing else was asked.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    float
        Twelve of the largest voxel edge, in µm.
    """
    return 12.0 * max(spacing)


def thickness_of(
    counts: GapCounts, spacing: Spacing, thickness: NDArray[np.float32] | None = None
) -> GapThickness:
    """Turn the counts of a whole volume into thicknesses and areas.

    Parameters
    ----------
    counts : GapCounts
        Sums over all blocks.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    thickness : ndarray of float32, optional
        The map.

    Returns
    -------
    GapThickness
        In µm.
    """
    unit = float(np.prod(spacing)) / min(spacing) / FIXED_POINT
    width = np.asarray(counts.bins * (min(spacing) / BINS), np.float64)
    area = np.asarray(counts.areas * unit, np.float64)
    total = float(area.sum())
    thin = float(area[width < least_size(spacing)].sum())
    share = thin / total if total else float("nan")
    return GapThickness(width, area, counts.surface * unit, share, thickness)
