"""Conjugate gradients in mixed precision: the potential and the residual's sums in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import CancelledError
from ssbtomo.kernels.transport.currents import advance, direct, layer_currents
from ssbtomo.kernels.transport.equilibrium import carry, leftover
from ssbtomo.kernels.transport.finest import length
from ssbtomo.kernels.transport.multigrid import Multigrid
from ssbtomo.kernels.transport.operator import Operator
from ssbtomo.kernels.transport.paths import find_paths, ranks
from ssbtomo.kernels.transport.team import plane_sums

__all__ = ["Checkpoint", "Gradients", "Outcome", "Steering", "iterate", "run_down"]

_LIMIT = 2000
_STALL = 100
"""Iterations without progress after which a solve counts as stalled."""
_FLOOR = 1e-12
"""Relative residual below which float64 has nothing more to say."""
_ROUNDING = 1e-12
"""What the bounds are moved outwards for the rounding of sums, relatively (see `_margin`)."""
_WIDER = 25.0
"""The distance of the bounds over the error of the upper one, as first expected."""


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


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where the iteration ended.

    Parameters
    ----------
    effective : float
        Effective conductivity by the Dirichlet energy.
    bounds : tuple of float
        Certified lower and upper bound of the effective conductivity: the energies of a
        current without sources (Thomson) and of the potential (Dirichlet).
    spread : float
        Spread of the layer currents over their mean.
    iterations : int
        Iterations taken.
    residual : float
        Norm of the true residual over that of the linear potential.
    converged : bool
        Whether the stop criterion was met.
    nbytes : int
        Bytes of all arrays of the solve.
    """

    effective: float
    bounds: tuple[float, float]
    spread: float
    iterations: int
    residual: float
    converged: bool
    nbytes: int


def iterate(op: Operator, grid: Multigrid, x: NDArray[np.float64], steering: Steering) -> Outcome:
    """Solve for the deviation of the potential from the linear one.

    The iteration stops when the estimated error of the energy is below the tolerance and the
    certified bounds are within ten times that of each other. Bounds are computed when the
    estimate promises that they are.

    Parameters
    ----------
    op : Operator
        The finest grid.
    grid : Multigrid
        Its preconditioner.
    x : ndarray of float64, as stored
        The deviation, zero at first; changed in place.
    steering : Steering
        Tolerance, progress, cancellation.

    Returns
    -------
    Outcome
        Bounds of the effective conductivity, spread of the currents, and how it went.
    """
    steering.check()
    run = Gradients(op, grid, x, steering)
    done = run_down(run)
    bounds = run.bounds or run.bound()
    mean, spread, _ = run.currents()
    lower, upper = bounds[0] * steering.unit, bounds[1] * steering.unit
    effective = (mean - run.product) * steering.unit
    done = done or upper - lower <= 10 * steering.tolerance * upper
    return Outcome(effective, (lower, upper), spread, run.count, run.relative, done, run.nbytes)


def run_down(run: Gradients) -> bool:
    """Iterate until the stop criterion is met or nothing more is gained.

    Parameters
    ----------
    run : Gradients
        The iteration.

    Returns
    -------
    bool
        Whether the criterion was met.
    """
    steering = run.steering
    done = run.relative <= _FLOOR
    moved, seen = run.count, (run.relative, run.energy)
    while not done and run.count < _LIMIT and run.count - moved <= _STALL:
        steering.check()
        if not run.step():
            break
        if steering.progress is not None:
            steering.progress(run.count, run.relative, run.energy * steering.unit)
        if steering.keep is not None:
            steering.keep(run.checkpoint())
        done = run.is_certain()
        if run.relative < 0.5 * seen[0] or abs(run.energy - seen[1]) > 1e-3 * seen[1]:
            moved, seen = run.count, (min(seen[0], run.relative), run.energy)
        if run.relative <= _FLOOR:
            break
    return done


class Gradients:
    """The state of a conjugate-gradient iteration.

    The potential is the linear one plus a deviation `x`, for a drop of 1 per voxel. The
    residual is computed from `x` in float64 at every step, so it cannot drift.

    Parameters
    ----------
    op : Operator
        The finest grid.
    grid : Multigrid
        Its preconditioner.
    x : ndarray of float64, as stored
        The deviation; changed in place.
    steering : Steering
        Tolerance, progress, cancellation.
    """

    def __init__(
        self, op: Operator, grid: Multigrid, x: NDArray[np.float64], steering: Steering
    ) -> None:
        self.op = op
        self.grid = grid
        self.x = x
        self.steering = steering
        self.r = np.zeros(x.shape, grid.kind)
        self._pair = np.zeros((2, *x.shape), grid.kind)
        self.z, self.p = self._pair
        self.nbytes = sum(a.nbytes for a in (x, self.r, self._pair, op.codes)) + grid.nbytes
        self.count = 0 if steering.start is None else steering.start.iterations
        self.product = 0.0
        grid.check = steering.check
        self.bounds: tuple[float, float] | None = None
        self._wider = _WIDER
        self._decreases: list[float] = []
        self._rz = 0.0
        self._joined = bool(op.wraps[0])
        start = now = self._advance(0.0)
        if steering.start is not None:
            start = steering.start.norm
        self._first = self.energy = self.energy_start()
        # Of a potential that already solves the problem only rounding is left.
        rounding = 1e-14 * math.sqrt(self.energy * op.table[np.isfinite(op.table)].max())
        self._start = max(start, rounding)
        self.relative = now / self._start if start > rounding else 0.0

    def checkpoint(self) -> Checkpoint:
        """Return where the iteration is."""
        return Checkpoint(self.x, self.count, self._start)

    def energy_start(self) -> float:
        """Return the energy of the potential at the start."""
        return self.currents()[0] - self.product

    def gain(self, change: float) -> None:
        """Take what an iteration finds from the energy."""
        self.energy -= change

    def step(self) -> bool:
        """Do one iteration; return False where rounding leaves no way down."""
        if self.bounds is not None:
            self._recover()
        rz = self.grid.apply(self.r, self.z)
        self.steering.check()
        sums = plane_sums(self.p)
        beta = rz / self._rz if self._rz else 0.0
        self.grid.team.sweep(
            direct, self.p, (2, self._joined), self.op, (self.z, self.p), beta, sums
        )
        curvature = float(sums.sum())
        if not (rz > 0 and curvature > 0):
            return False
        self._rz = rz
        self.relative = self._advance(rz / curvature) / self._start
        self.count += 1
        self._decreases.append(rz * rz / curvature)
        self.gain(self._decreases[-1])
        return True

    @property
    def error(self) -> float:
        """Estimated relative error of the energy.

        Each iteration takes from the energy a part of its error; the rest is that of a
        geometric series, with the slower ratio of the last two steps. As the iteration goes
        on a step is several iterations, so that a pause does not look like the end.
        """
        if self.relative <= _FLOOR:
            return 0.0
        falls = self._decreases
        count = len(falls)
        width = 1 + count // 8
        if count < 3 or self.energy <= 0:
            return math.inf
        last, before, first = (
            sum(falls[max(0, count - (i + 1) * width) : count - i * width]) for i in range(3)
        )
        ratio = min(0.98, max(last / before, before / first))
        return last * ratio / (1 - ratio) / self.energy

    def is_certain(self) -> bool:
        """Tell whether the estimate and the bounds meet the tolerance."""
        tolerance = self.steering.tolerance
        error = self.error
        if error > tolerance or self._wider * error > 10 * tolerance:
            return False
        lower, upper = self.bounds = self.bound()
        gap = (upper - lower) / upper
        self._wider = max(1.25 * gap / error if error else 0.0, 2.0)
        return gap <= 10 * tolerance

    def bound(self) -> tuple[float, float]:
        """Return certified bounds of the energy; `z`, `p` and `r` are used for it.

        The current of the potential and that which carries off what the potential leaves
        over have no sources together. The memory is that of the residual (for the order of
        the voxels), of the correction and the direction (for what is left over, in float64)
        and of the coarse fields (for the paths), so that none is added.
        """
        op, team, x = self.op, self.grid.team, self.x
        mean, _, last = self.currents()
        upper = mean - self.product
        rest, state, order = self.borrow()
        sums = plane_sums(x)
        team.run(leftover, x, op, (x, rest), sums)
        self.steering.check()
        found, seeds = find_paths(op, ranks(op), state, order)
        self.steering.check()
        own = carry(op, rest, state, order[:found], seeds)
        del state
        self.grid.resume()
        arrived = float(self._last_ghosts(rest).sum())
        # The carried currents pass these differences: of the deviation, and of the linear part.
        cross = self.product + length(op) * arrived - float(sums.sum())
        lower = (length(op) * (last + arrived)) ** 2 / (upper + 2 * cross + own)
        return self._margin(min(lower, upper), upper)

    def borrow(self) -> tuple[NDArray[np.float64], NDArray[np.uint8], NDArray[np.uint32]]:
        """Return memory for what is left over, for paths, and for the order of voxels."""
        self.grid.rest()
        shape = self.x.shape
        rest = self._pair.reshape(-1).view(np.float64)[: self.x.size].reshape(shape)
        return rest, np.empty(shape, np.uint8), self.r.reshape(-1).view(np.uint32)

    def currents(self) -> tuple[float, float, float]:
        """Return the mean of the layer currents as an energy, their spread, and the last."""
        size = self.op.size[self.op.axis]
        sums = plane_sums(self.x, size + 1)
        self.grid.team.run(layer_currents, self.x, self.op, self.x, sums)
        layers = sums.sum(axis=0)
        ends = layers[0] / self.op.edges[0] + layers[-1] / self.op.edges[1]
        energy = float(ends + layers[1:-1].sum())
        spread = float(layers.max() - layers.min()) * length(self.op)
        return energy, spread / energy if energy > 0 else math.inf, float(layers[-1])

    def _last_ghosts(self, field: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the ghosts of a field at the last electrode."""
        nz, ny, nx = self.op.size
        box = field.reshape(nz + 2, ny + 2, self.op.pitch)[:, :, : nx + 2]
        ghosts: NDArray[np.float64] = np.moveaxis(box, self.op.axis, 0)[-1]
        return ghosts

    def _margin(self, lower: float, upper: float) -> tuple[float, float]:
        """Move the bounds outwards by 1e-12, and by 1e-14 of the energy they began with."""
        room = _ROUNDING * (1 + 0.01 * self._first / upper) if upper > 0 else 0.0
        return lower * (1 - room), upper * (1 + room)

    def _recover(self) -> None:
        """Begin anew from the potential after the bounds were computed."""
        self.bounds = None
        self._pair[...] = 0
        self._rz = 0.0
        self._advance(0.0)

    def _advance(self, alpha: float) -> float:
        """Move the deviation, renew the residual, and return its norm."""
        sums = plane_sums(self.x, 2)
        self.grid.team.sweep(
            advance, self.x, (2, self._joined), self.op, (self.x, self.p, self.r), alpha, sums
        )
        square, self.product = (float(total) for total in sums.sum(axis=0))
        return math.sqrt(square)
