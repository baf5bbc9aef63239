"""Where two label volumes differ."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import SERIAL, Block, Engine, Grid, Source
from ssbtomo.errors import InputDataError
from ssbtomo.segment.corrections import MOST_CORRECTED

__all__ = ["changed_voxels"]


def changed_voxels(
    before: Source, after: Source, grid: Grid, engine: Engine = SERIAL
) -> tuple[NDArray[np.intp], NDArray[Any], NDArray[Any]]:
    """Find the voxels in which two label volumes differ.

    Parameters
    ----------
    before, after : Source, shape (Z, Y, X)
        Labels; read in blocks.
    grid : Grid
        How the volume is cut.
    engine : Engine
        Where the blocks are read.

    Returns
    -------
    places : ndarray of int, shape (n, 3)
        Voxels (z, y, x), block by block.
    old, new : ndarray of int, shape (n,)
        Their labels.

    Raises
    ------
    InputDataError
        If the shapes differ, or too many voxels do.
    """
    if not tuple(before.shape) == tuple(after.shape) == tuple(grid.shape):
        raise InputDataError(
            f"the labels have the shapes {tuple(before.shape)} and {tuple(after.shape)}",
            hint="correct a copy of the labels themselves",
        )
    parts, total = [], 0
    for part in engine.map(partial(_differing, before=before, after=after), grid):
        total += len(part[0])
        if total > MOST_CORRECTED:
            raise InputDataError(
                f"more than {MOST_CORRECTED} voxels were changed by hand",
                hint="segment anew instead: corrections are for what a segmentation missed",
            )
        parts.append(part)
    places, old, new = (np.concatenate(found) for found in zip(*parts, strict=True))
    return places, old, new


def _differing(block: Block, *, before: Source, after: Source) -> tuple[Any, Any, Any]:
    old, new = np.asarray(before[block.core]), np.asarray(after[block.core])
    here = np.argwhere(old != new)
    index = tuple(here.T)
    return here + np.asarray(block.start), old[index], new[index]
