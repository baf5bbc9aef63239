"""A look at a stack before it is reconstructed: traces of its slices, the odd ones, the drift."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.fib_sem import stack_levels
from ssbtomo.blocks.grid import Grid
from ssbtomo.blocks.slice_alignment import Aligning, align_slices
from ssbtomo.blocks.slice_traces import TRACES, trace_slices
from ssbtomo.errors import AxisError, InputDataError
from ssbtomo.kernels.fibsem.drift import Drift
from ssbtomo.kernels.fibsem.slice_state import PROPERTIES, SliceState, odd_slices

__all__ = ["SliceTraces", "slice_traces"]

_SLAB = 4

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SliceTraces:
    """What is known of the slices of a stack so far.

    Parameters
    ----------
    values : ndarray of float, shape (Z, 7)
        Columns as in `ssbtomo.blocks.slice_traces.TRACES`; NaN where nothing was measured yet.
    done : int
        Slices that were measured.
    odd : tuple of SliceState
        Those that look blank or charged, once all were measured.
    drift : Drift or None
        Where they lie, once it was found.
    """

    values: Floats
    done: int = 0
    odd: tuple[SliceState, ...] = ()
    drift: Drift | None = None

    def trace(self, name: str) -> Floats:
        """Return one number of every slice.

        Parameters
        ----------
        name : str
            One of `TRACES`, or ``"drift y"``, ``"drift x"`` in pixels.

        Returns
        -------
        ndarray of float, shape (Z,)
            NaN where it is not known.
        """
        if name in TRACES:
            column: Floats = self.values[:, TRACES.index(name)]
            return column
        if self.drift is None:
            return np.full(len(self.values), np.nan)
        return np.asarray(self.drift.found[:, ("drift y", "drift x").index(name)])


def slice_traces(
    stack: Source, engine: Engine, *, phases: int = 3, drift: bool = True
) -> Iterator[SliceTraces]:
    """Look at every slice of a stack, and tell more and more of it.

    Parameters
    ----------
    stack : Source, shape (Z, Y, X)
        The slices along z; read twice, and a third time for the drift.
    engine : Engine
        Where the work is done; its `cancel` ends it.
    phases : int
        Grey classes that the slices show, two to five: curtains are told by them.
    drift : bool
        Whether the drift is found, too.

    Yields
    ------
    SliceTraces
        After each slab of 4 slices, after all of them with the odd ones, and with the drift.

    Raises
    ------
    AxisError
        If it is no stack.
    CancelledError
        If the engine's `cancel` was set.
    """
    if len(stack.shape) != 3 or min(stack.shape) < 1:
        raise AxisError(
            f"a stack has three axes, (Z, Y, X), none of them empty; this one is {stack.shape}",
            hint="pick a volume",
        )
    z, y, x = (int(n) for n in stack.shape)
    grid = Grid.slabs((z, y, x), _SLAB)
    found = SliceTraces(np.full((z, len(TRACES)), np.nan))
    for rows in trace_slices(stack, _levels(stack, phases), grid, engine):
        values = found.values.copy()
        values[found.done : found.done + len(rows)] = rows
        found = SliceTraces(values, found.done + len(rows))
        yield found
    found = replace(found, odd=odd_slices(found.values[:, : len(PROPERTIES)]))
    yield found
    good = np.setdiff1d(np.arange(z), [state.index for state in found.odd]).astype(np.int64)
    if drift and len(good) > 1:
        yield replace(found, drift=align_slices(stack, good, Aligning(), engine))


def _levels(stack: Source, phases: int) -> Floats | None:
    """Return the grey values of the classes, if the slices have any."""
    try:
        return stack_levels(stack, np.arange(stack.shape[0]), phases)
    except InputDataError:  # constant
        return None
