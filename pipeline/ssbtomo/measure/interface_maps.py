"""Where an interface lies: as a volume, and as points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.blocks.engine import SERIAL, Engine
from ssbtomo.blocks.surface_map import area_map, surface_points
from ssbtomo.measure.sources import Names, Pair, cut, in_memory, paired
from ssbtomo.units import Spacing, check_spacing

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

__all__ = ["interface_map", "interface_points"]


def interface_map(
    labels: ArrayLike,
    spacing: Spacing,
    pair: Pair,
    phases: Names = None,
    *,
    engine: Engine = SERIAL,
) -> NDArray[np.float32]:
    """Show where the interface of two phases lies: its area per volume, voxel by voxel.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    pair : tuple of int or str
        The two phases; the area lies on the voxels of the first.
    phases : mapping of str to int, or sequence of int, optional
        All phases; all labels that occur if not given.
    engine : Engine
        Where the blocks are measured: here or in threads.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X)
        1/µm; times the volume of a voxel it sums to the contact area. Beside triple lines
        single voxels may be negative.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur, or there are fewer than two.
    InputDataError
        If the tasks run in other processes.
    """
    edges = check_spacing(spacing)
    source, order, own = paired(labels, pair, phases, engine)
    found: Any = in_memory(source, engine)("interface", np.dtype(np.float32))
    area_map(source, edges, order, cut(source, engine), engine, pair=own, sink=found)
    area: NDArray[np.float32] = found
    return area


def interface_points(
    labels: ArrayLike,
    spacing: Spacing,
    pair: Pair,
    phases: Names = None,
    *,
    engine: Engine = SERIAL,
) -> pd.DataFrame:
    """List the voxels along an interface with their share of its area, and its normal there.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    pair : tuple of int or str
        The two phases; the voxels are those of the first.
    phases : mapping of str to int, or sequence of int, optional
        All phases; all labels that occur if not given.
    engine : Engine
        Where the blocks are measured.

    Returns
    -------
    pandas.DataFrame
        ``z_um``, ``y_um``, ``x_um`` (centre of the voxel, from the outer corner of the
        volume), ``area_um2``, ``normal_z``, ``normal_y``, ``normal_x`` (from the first to the
        second phase), in the order of the voxels.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur, or there are fewer than two.
    """
    import pandas as pd

    edges = check_spacing(spacing)
    source, order, own = paired(labels, pair, phases, engine)
    parts = list(surface_points(source, edges, order, cut(source, engine), engine, pair=own))
    voxels, area, normals = (np.concatenate(column) for column in zip(*parts, strict=True))
    rows = np.lexsort(voxels.T[::-1])
    places = (voxels[rows] + 0.5) * np.array(edges)
    return pd.DataFrame(
        {
            **{f"{name}_um": places[:, k] for k, name in enumerate("zyx")},
            "area_um2": area[rows],
            **{f"normal_{name}": normals[rows, k] for k, name in enumerate("zyx")},
        }
    )
