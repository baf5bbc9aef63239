"""Intrinsic volumes of phases."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from ssbtomo.blocks.engine import SERIAL, Engine
from ssbtomo.blocks.intrinsic import intrinsic_volumes as measured
from ssbtomo.measure.sources import Names, cut, label_source, named_phases
from ssbtomo.units import Spacing, check_spacing

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

__all__ = ["intrinsic_volumes"]

_COLUMNS = {
    "fraction": "volume_fraction",
    "area_per_volume": "area_per_volume_um2_um3",
    "mean_curvature_per_volume": "mean_curvature_per_volume_um_um3",
    "euler_per_volume": "euler_per_volume_um3",
}


def intrinsic_volumes(
    labels: ArrayLike,
    spacing: Spacing,
    phases: Names = None,
    *,
    connectivity: Literal[26, 6] = 26,
    engine: Engine = SERIAL,
) -> pd.DataFrame:
    """Measure volume, surface, mean curvature and Euler number of each phase.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phases : mapping of str to int, or sequence of int, optional
        Names and labels, or labels, of the phases; all labels that occur if not given.
    connectivity : {26, 6}
        26: voxels of a phase that share only an edge or a corner are connected. 6: only
        those that share a face are. What is not the phase is connected the other way.
    engine : Engine
        Where the blocks are measured.

    Returns
    -------
    pandas.DataFrame
        Columns ``phase``, then of the phase as one object ``volume_um3``, ``area_um2``,
        ``mean_curvature_um``, ``euler_number`` (components minus tunnels plus cavities),
        then per volume and edge-corrected ``volume_fraction``,
        ``area_per_volume_um2_um3``, ``mean_curvature_per_volume_um_um3``,
        ``euler_per_volume_um3``. As an object the phase ends with the volume, and that end
        is surface; the densities are those of a structure that goes on. For the area of
        contacts take `contact_areas`, which has no error on flat faces.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur.
    """
    import pandas as pd

    edges = check_spacing(spacing)
    source = label_source(labels)
    named = named_phases(source, phases, engine)
    found = measured(
        source, edges, list(named.values()), cut(source, engine), engine, connectivity=connectivity
    )
    rows = [{"phase": name, **asdict(one)} for name, one in zip(named, found, strict=True)]
    return pd.DataFrame(rows).rename(columns=_COLUMNS)
