"""Conjugate gradients in mixed precision: float64 potential and residual, float32 the rest."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numba
import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import CancelledError
from ssbtomo.kernels.transport.currents import advance, direct, layer_currents
from ssbtomo.kernels.transport.multigrid import Multigrid
from ssbtomo.kernels.transport.operator import Operator

__all__ = ["Iteration", "Outcome", "iterate"]

Progress = Callable[[int, float, float], None]
Cancelled = Callable[[], bool]

_LIMIT = 1000
_STALL = 60
"""Iterations without a tenfold smaller residual after which a solve counts as stalled."""
_LOCK = threading.Lock()
"""One solve at a time: each takes all threads."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where the iteration ended.

    Parameters
    ----------
    energy : float
        Dirichlet energy over the square of the number of voxels along the axis: an upper
        bound of the conductance of the box.
    spread : float
        Spread of the layer currents over their mean.
    iterations : int
        Iterations taken.
    residual : float
        Norm of the true residual over that of the linear potential.
    error : float
        Estimate of the relative error of the energy.
    converged : bool
        Whether the stop criterion was met.
    nbytes : int
        Bytes of all arrays of the solve.
    """

    energy: float
    spread: float
    iterations: int
    residual: float
    error: float
    converged: bool
    nbytes: int


@dataclass(slots=True)
class Iteration:
    """What steers the iteration.

    Parameters
    ----------
    tolerance : float
        Relative error of the effective conductivity at which to stop.
    progress : callable or None
        Called after each iteration with its number, the relative residual, and the
        conductance so far.
    cancelled : callable or None
        Asked before each iteration.
    decreases : list of float
        By how much each iteration lowered the energy.
    """

    tolerance: float
    progress: Progress | None = None
    cancelled: Cancelled | None = None
    decreases: list[float] = field(default_factory=list)

    def check(self) -> None:
        """Stop here if the caller wants it.

        Raises
        ------
        CancelledError
            If `cancelled` says so.
        """
        if self.cancelled is not None and self.cancelled():
            raise CancelledError("the transport solve was cancelled", hint="start it again")

    def error(self, energy: float) -> float:
        """Estimate the relative error of the energy.

        The energy falls by what each iteration takes from its error; the rest is that of a
        geometric series with the slowest ratio of the last iterations.

        Parameters
        ----------
        energy : float
            The energy now.

        Returns
        -------
        float
            Estimated relative distance to the energy of the solution.
        """
        last = self.decreases[-4:]
        if not last or energy <= 0:
            return math.inf
        if last[-1] <= 0:
            return 0.0
        if len(last) == 1:
            return last[-1] / energy
        ratios = [b / a for a, b in zip(last, last[1:], strict=False) if a > 0]
        ratio = min(max(*ratios, ratios[-1]), 0.98)
        return last[-1] * ratio / (1 - ratio) / energy


def iterate(
    op: Operator, grid: Multigrid, x: NDArray[np.float64], steering: Iteration
) -> Outcome:
    """Solve for the deviation of the potential from the linear one.

    Parameters
    ----------
    op : Operator
        The finest grid.
    grid : Multigrid
        Its preconditioner.
    x : ndarray of float64, padded
        The deviation, zero at first; changed in place.
    steering : Iteration
        Tolerance, progress, cancellation.

    Returns
    -------
    Outcome
        Energy, spread, and how it went.
    """
    with _LOCK:
        return _iterate(op, grid, x, steering)


def _iterate(
    op: Operator, grid: Multigrid, x: NDArray[np.float64], steering: Iteration
) -> Outcome:
    slabs = numba.get_num_threads()
    r, z, p = (np.zeros(x.shape, np.float32) for _ in range(3))
    nbytes = sum(a.nbytes for a in (x, r, z, p, op.codes)) + grid.nbytes
    square, product = advance(op, x, p, 0.0, r, slabs)
    start = math.sqrt(square)
    energy, spread, mean = _energy(op, x, product)
    still = start <= 1e-12 * energy
    residual, count, rz, best = 1.0, 0, 0.0, (0, 1.0)
    while not still and count < _LIMIT:
        steering.check()
        fresh = grid.apply(r, z)
        curvature = direct(op, z, p, fresh / rz if rz else 0.0, slabs)
        if not (fresh > 0 and curvature > 0):
            break
        rz = fresh
        square, product = advance(op, x, p, rz / curvature, r, slabs)
        count += 1
        residual = math.sqrt(square) / start
        energy -= rz * rz / curvature
        steering.decreases.append(rz * rz / curvature)
        if steering.progress is not None:
            steering.progress(count, residual, energy)
        if steering.error(energy) <= steering.tolerance and residual <= 1e-2:
            energy, spread, mean = _energy(op, x, product)
            agree = abs(mean - energy) <= 10 * steering.tolerance * energy
            if agree and spread <= 1e3 * steering.tolerance:
                still = True
        if residual < 0.1 * best[1]:
            best = (count, residual)
        if residual < 1e-13 or count - best[0] > _STALL:
            break
    energy, spread, mean = _energy(op, x, product)
    error = 0.0 if count == 0 else steering.error(energy)
    return Outcome(energy, spread, count, residual, error, still, nbytes)


def _energy(op: Operator, x: NDArray[np.float64], product: float) -> tuple[float, float, float]:
    """Return the energy, the spread of the layer currents, and their mean as an energy."""
    currents = layer_currents(op, x)
    size = currents.size - 1
    mean = float((currents[0] + currents[-1]) / 2 + currents[1:-1].sum()) / size
    spread = float(currents.max() - currents.min()) / mean if mean > 0 else math.inf
    return mean * size - product, spread, mean * size
