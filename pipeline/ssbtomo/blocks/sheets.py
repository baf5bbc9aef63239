"""Objects of a volume taken as sheets, block by block: planes, sides and apertures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import each
from ssbtomo.kernels.cracks import OUTSIDE
from ssbtomo.kernels.particles import Moments
from ssbtomo.kernels.planes import Sheets, measured_sheets, principal_axes
from ssbtomo.kernels.sheets import face_sums, sheet_halo
from ssbtomo.units import Spacing

__all__ = ["sheets_of"]


def sheets_of(
    labels: Source,
    objects: tuple[NDArray[np.int64], Moments],
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    classes: Source | None = None,
    on_block: Callable[[Block], None] | None = None,
) -> Sheets:
    """Measure each object as a sheet, in one read.

    Parameters
    ----------
    labels : Source
        Objects from 1; 0 is none.
    objects : tuple
        Their labels, ascending, and the sums over their voxels.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it by a bit.
    engine : Engine
        Where the tasks run.
    classes : Source, optional
        Of the phase that the objects were cut from, as of
        `ssbtomo.kernels.cracks.void_classes`; tells which faces are open.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    Sheets
        One entry per object; see `ssbtomo.kernels.planes.measured_sheets`.

    Notes
    -----
    Memory of a task: 14 bytes per voxel of a block with `ssbtomo.kernels.sheets.sheet_halo`
    around it (13 voxels if they are cubes) and 5 per label up to the largest, and 0.2 GB for the
    part of it at work.
    """
    names, found = objects
    _, normals = principal_axes(found, spacing)
    task = partial(
        _add_faces, labels=labels, classes=classes, spacing=spacing, names=names, normals=normals
    )
    sums = np.zeros((names.size, 4), dtype=np.int64)
    for rows, part in each(task, grid, engine, on_block):
        sums[rows] += part
    return measured_sheets(found, sums, spacing)


def _add_faces(
    block: Block,
    *,
    labels: Source,
    classes: Source | None,
    spacing: Spacing,
    names: NDArray[np.int64],
    normals: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of the objects in a block, and the sums over their faces."""
    halo = sheet_halo(spacing)
    values = np.maximum(np.asarray(labels[block.window(halo, halo)]), 0)
    inner = block.inner(halo)
    if not values[inner].any():
        return np.zeros(0, dtype=np.int64), np.zeros((0, 4), dtype=np.int64)
    held = np.zeros(int(values.max()) + 1, dtype=bool)
    held[values] = True
    held[0] = False
    ranks = (np.cumsum(held, dtype=np.int32) * held)[values]
    rows = np.searchsorted(names, np.flatnonzero(held))
    phase = None
    if classes is not None:
        phase = np.asarray(classes[block.window(halo, halo)]) != OUTSIDE
    return rows, face_sums(ranks, spacing, normals[rows], phase, inner)
