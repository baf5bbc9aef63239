"""Areas and lines by the definitions of other programs, to see why numbers differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from ssbtomo.blocks.area_compat import contact_counts, gradient_areas, mesh_areas
from ssbtomo.blocks.engine import SERIAL, Engine
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.area_compat import COUNTED, LINES_COUNTED, contact_density, line_density
from ssbtomo.measure.sources import Names, cut, label_source, named_phases
from ssbtomo.units import Spacing, check_spacing

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from ssbtomo.blocks.engine import Source

__all__ = ["AREA_PEERS", "LINE_PEERS", "SurfaceEstimator", "peer_areas", "peer_lines",
           "surface_areas"]  # fmt: skip

AREA_PEERS = (*COUNTED, "porespy")
"""Programs whose contact areas can be reproduced."""

LINE_PEERS = LINES_COUNTED
"""Programs whose triple lines can be reproduced."""

SurfaceEstimator = Literal["taufactor", "porespy"]


def surface_areas(
    labels: ArrayLike,
    spacing: Spacing,
    estimator: SurfaceEstimator,
    phases: Names = None,
    *,
    engine: Engine = SERIAL,
) -> pd.DataFrame:
    """Return the surface of each phase as another program gives it.

    It is there to compare with published numbers; for a number to use, sum the contacts of
    `contact_areas`.

    ============= ============================================ =============================
    `estimator`   what it returns                              bias, measured
    ============= ============================================ =============================
    ``taufactor`` ``specific_surface_area`` by gradients of    planes -0.9 to +1.3 %, to
                  smoothed masks, its default                  +12 % at 4 : 1; balls of
                                                               radius 4 voxels -4 %
    ``porespy``   ``region_surface_areas``: marching cubes of  balls of radius 4 voxels -4 %,
                  blurred regions; the end of the volume       16 voxels +1 %, +6 % at 4 : 1
                  counts as surface; needs scikit-image
    ============= ============================================ =============================

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    estimator : {"taufactor", "porespy"}
        Whose definition; the numbers agree with the program's to 1e-4. PoreSpy leaves out
        the label 0: here each phase is a region.
    phases : mapping of str to int, or sequence of int, optional
        Names and labels, or labels, of the phases; all labels that occur if not given.
    engine : Engine
        Where the blocks are measured.

    Returns
    -------
    pandas.DataFrame
        Columns ``phase``, ``area_um2``, ``area_per_volume_um2_um3``.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur.
    InputDataError
        If the estimator does not exist, or what it needs is not installed.
    """
    import pandas as pd

    if estimator not in {"taufactor", "porespy"}:
        raise InputDataError(
            f"there is no surface estimator {estimator!r}", hint="take taufactor or porespy"
        )
    edges = check_spacing(spacing)
    source = label_source(labels)
    named = named_phases(source, phases, engine)
    order, grid = list(named.values()), cut(source, engine)
    if estimator == "taufactor":
        area = gradient_areas(source, edges, order, grid, engine)
    else:
        area = mesh_areas(source, edges, order, grid, engine)[0]
    volume = _volume(source, edges)
    return pd.DataFrame(
        {"phase": list(named), "area_um2": area, "area_per_volume_um2_um3": area / volume}
    )


def peer_areas(
    source: Source, spacing: Spacing, phases: Sequence[int], estimator: str, engine: Engine
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the contact area of each pair as another program gives it.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phases : sequence of int
        The labels of the phases.
    estimator : str
        One of `AREA_PEERS`.
    engine : Engine
        Where the blocks are measured.

    Returns
    -------
    areas, densities : ndarray of float64, shape (pairs,)
        For ``combinations(phases, 2)``; see `ssbtomo.kernels.area_compat.contact_density`.
    """
    grid = cut(source, engine)
    if estimator == "porespy":
        area = mesh_areas(source, spacing, phases, grid, engine)[1]
        return area, area / _volume(source, spacing)
    counts = contact_counts(source, phases, grid, engine)
    voxels = int(np.prod(source.shape, dtype=np.int64))
    return contact_density(counts, spacing, voxels, estimator)


def peer_lines(
    source: Source, spacing: Spacing, phases: Sequence[int], estimator: str, engine: Engine
) -> NDArray[np.float64]:
    """Return the triple line of each triple as another program gives it.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phases : sequence of int
        The labels of the phases.
    estimator : str
        One of `LINE_PEERS`.
    engine : Engine
        Where the blocks are measured.

    Returns
    -------
    ndarray of float64, shape (triples,)
        For ``combinations(phases, 3)``; see `ssbtomo.kernels.area_compat.line_density`.
    """
    counts = contact_counts(source, phases, cut(source, engine), engine)
    return line_density(counts, spacing, source.shape, estimator)


def _volume(source: Source, spacing: Spacing) -> float:
    return float(np.prod(source.shape, dtype=np.int64)) * float(np.prod(spacing))
