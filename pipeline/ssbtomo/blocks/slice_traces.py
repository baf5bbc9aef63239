"""What every slice of a stack looks like in a few numbers, slab by slab."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.kernels.fibsem.curtains import stripe_strength
from ssbtomo.kernels.fibsem.sharpness import slice_sharpness
from ssbtomo.kernels.fibsem.slice_state import PROPERTIES, slice_properties

__all__ = ["TRACES", "trace_slices"]

TRACES = (*PROPERTIES, "sharpness", "curtains")
"""Those of `ssbtomo.kernels.fibsem.slice_state`, the steepness of edges in 1/pixel, and the
strength of curtains in grey values."""

Floats = NDArray[np.float64]


def trace_slices(
    source: Source, levels: Floats | None, grid: Grid, engine: Engine
) -> Iterator[Floats]:
    """Measure every slice for itself.

    Parameters
    ----------
    source : Source
        The stack.
    levels : ndarray of float or None
        Grey values of its classes, which curtains are told by; without them they are NaN.
    grid : Grid
        Slabs of whole slices; a task holds its slab and about 60 bytes per pixel of a slice.
    engine : Engine
        Where the slabs are done.

    Yields
    ------
    ndarray of float, shape (slices, 7)
        One slab after the other, in order, as they are done; columns as in `TRACES`. The same
        bits for any grid and engine.
    """
    yield from engine.map(partial(_trace, source=source, levels=levels), grid)


def _trace(block: Block, *, source: Source, levels: Floats | None) -> Floats:
    rows = []
    for image in np.asarray(source[block.core]):
        check_wanted()
        values = np.asarray(image, np.float32)
        curtains = np.nan if levels is None else stripe_strength(values, levels)
        rows.append([*slice_properties(values), slice_sharpness(values), curtains])
    return np.array(rows, np.float64).reshape(-1, len(TRACES))
