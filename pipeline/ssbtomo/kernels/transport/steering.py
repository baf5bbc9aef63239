"""What steers an iteration, and from where it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import CancelledError, InputDataError
from ssbtomo.kernels.transport.operator import Operator
from ssbtomo.kernels.transport.storage import Storage

__all__ = ["Checkpoint", "Steering", "first_deviation"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where an iteration was, so that another process can go on from there.

    Parameters
    ----------
    deviation : ndarray of float64, as stored
        Deviation of the potential from the linear one.
    iterations : int
        Iterations taken.
    norm : float
        Norm of the residual at the very start.
    """

    deviation: NDArray[np.float64]
    iterations: int
    norm: float


def first_deviation(
    op: Operator, start: Checkpoint | None, storage: Storage
) -> NDArray[np.float64]:
    """Return the deviation to begin with.

    Parameters
    ----------
    op : Operator
        The finest grid.
    start : Checkpoint or None
        Where an earlier solve was.
    storage : Storage
        Where the field lies.

    Returns
    -------
    ndarray of float64, as stored
        That of the checkpoint itself; zeros without one.

    Raises
    ------
    InputDataError
        If the checkpoint is of another volume.
    """
    shape = op.codes.shape
    if start is not None and start.deviation.shape != shape:
        raise InputDataError("the checkpoint is of another volume", hint="start without it")
    if start is not None:
        return start.deviation
    zeros: NDArray[np.float64] = storage.zeros(shape, np.float64)
    return zeros


@dataclass(frozen=True, slots=True)
class Steering:
    """What steers the iteration.

    Parameters
    ----------
    tolerance : float
        Relative error of the effective conductivity at which to stop.
    unit : float
        Effective conductivity for an energy of 1.
    progress : callable or None
        Called after each iteration with its number, the relative residual, and the
        effective conductivity so far.
    cancelled : callable or None
        Asked before each iteration, and within it.
    keep : callable or None
        Given a checkpoint after each iteration; its deviation changes with the next one.
    start : Checkpoint or None
        Where to go on from; its deviation is the one that is iterated.
    """

    tolerance: float
    unit: float
    progress: Callable[[int, float, float], None] | None = None
    cancelled: Callable[[], bool] | None = None
    keep: Callable[[Checkpoint], None] | None = None
    start: Checkpoint | None = None

    def check(self) -> None:
        """Stop here if the caller wants it.

        Raises
        ------
        CancelledError
            If `cancelled` says so.
        """
        if self.cancelled is not None and self.cancelled():
            raise CancelledError("the transport solve was cancelled", hint="start it again")
