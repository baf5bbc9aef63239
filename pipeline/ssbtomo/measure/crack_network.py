"""The crack network of a phase: which cracks there are, and how much of them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.blocks.cracks import PASSES, CrackRules, crack_table, split_cracks
from ssbtomo.blocks.engine import Engine
from ssbtomo.blocks.grid import Grid
from ssbtomo.kernels.thickness import Cancelled, Progress
from ssbtomo.measure.sizes import phase_mask
from ssbtomo.units import AXES, Spacing, check_spacing

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

__all__ = ["CrackSummary", "Cracks", "cracks"]

_BLOCK = 128


@dataclass(frozen=True, slots=True)
class CrackSummary:
    """The crack network in a few numbers.

    Parameters
    ----------
    count : int
        Cracks.
    area_per_volume_um2_um3 : float
        Middle surface of all cracks per volume of the region (P32).
    volume_fraction : float
        Volume of all cracks per volume of the region.
    aperture_mean_um : float
        Mean aperture, weighted by area; ``nan`` without cracks.
    spanning : tuple of str
        Axes along which one crack joins both faces of the volume.
    unresolved : int
        Cracks whose aperture is below 3 voxels.
    """

    count: int
    area_per_volume_um2_um3: float
    volume_fraction: float
    aperture_mean_um: float
    spanning: tuple[str, ...]
    unresolved: int


@dataclass(frozen=True, slots=True, repr=False)
class Cracks:
    """The cracks of a phase.

    Parameters
    ----------
    facets : pandas.DataFrame
        One row per connected crack (crossing cracks are one, not yet cut at their
        intersections); columns as in `ssbtomo.kernels.crack_table.crack_rows`.
    labels : ndarray of int32, shape (Z, Y, X)
        0 where there is no crack, else the crack.
    summary : CrackSummary
        The network in a few numbers.
    """

    facets: pd.DataFrame
    labels: NDArray[np.int32]
    summary: CrackSummary

    def __repr__(self) -> str:
        found = self.summary
        return (
            f"Cracks: {found.count}, {found.area_per_volume_um2_um3:.4g} µm²/µm³, "
            f"mean aperture {found.aperture_mean_um:.4g} µm, "
            f"spanning {', '.join(found.spanning) or 'no axis'}"
        )


def cracks(
    labels: ArrayLike,
    spacing: Spacing,
    *,
    phase: int = 0,
    max_aperture: float | None = None,
    min_extent: float | None = None,
    aspect: float = 3.0,
    cancelled: Cancelled | None = None,
    progress: Progress | None = None,
) -> Cracks:
    """Find and measure the cracks of a phase.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phase : int
        Label of the phase that fills the cracks.
    max_aperture, min_extent, aspect : float, optional
        What is a crack; see `ssbtomo.kernels.cracks.CrackRules`.
    cancelled : callable, optional
        Asked between blocks; true stops the work.
    progress : callable, optional
        Told ``(done, total)`` blocks of all passes.

    Returns
    -------
    Cracks
        The table (one row per connected crack), the labelled volume and a summary.

    Raises
    ------
    PhaseMissingError
        If the phase does not occur.
    InputDataError
        If a size is not positive.
    CancelledError
        If `cancelled` said so.

    Notes
    -----
    Estimators and bias: see `ssbtomo.blocks.cracks.split_cracks` and
    `ssbtomo.kernels.crack_table.crack_rows`. Memory: 13 bytes per voxel at most beside the
    labels, and about 0.2 GB for the block at work.
    """
    import pandas as pd

    edges = check_spacing(spacing)
    void = phase_mask(labels, phase)
    shape = (void.shape[0], void.shape[1], void.shape[2])
    grid = Grid(shape, (_BLOCK, _BLOCK, _BLOCK))
    engine = Engine(cancel=_Asked(cancelled) if cancelled else None)
    steps, total = count(1), PASSES * len(grid)
    found = split_cracks(
        void,
        edges,
        grid,
        engine,
        allocate=lambda _, dtype: np.empty(shape, dtype),
        rules=CrackRules(max_aperture, min_extent, aspect),
        on_block=lambda _: progress(next(steps), total) if progress else None,
    )
    facets = pd.DataFrame(crack_table(found.labels, edges, grid, engine))
    instances = np.asarray(found.labels)
    return Cracks(facets, instances, _summary(facets, instances.size * float(np.prod(edges))))


class _Asked(threading.Event):
    """A cancel switch that asks the caller."""

    def __init__(self, cancelled: Cancelled) -> None:
        super().__init__()
        self._cancelled = cancelled

    def is_set(self) -> bool:
        return self._cancelled()


def _summary(facets: pd.DataFrame, region: float) -> CrackSummary:
    area, volume = float(facets["area_um2"].sum()), float(facets["volume_um3"].sum())
    return CrackSummary(
        count=len(facets),
        area_per_volume_um2_um3=area / region,
        volume_fraction=volume / region,
        aperture_mean_um=volume / area if area > 0 else float("nan"),
        spanning=tuple(axis for axis in AXES if _spans(facets, axis)),
        unresolved=int((~facets["resolved"].astype(bool)).sum()),
    )


def _spans(facets: pd.DataFrame, axis: str) -> bool:
    wanted = {f"{axis}-min", f"{axis}-max"}
    return any(wanted <= set(faces.split("+")) for faces in facets["touches"])
