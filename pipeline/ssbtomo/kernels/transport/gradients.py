"""Conjugate gradients in mixed precision: the potential and the residual's sums in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.transport.certificate import Carried, carry
from ssbtomo.kernels.transport.currents import advance, direct, layer_currents
from ssbtomo.kernels.transport.finest import length
from ssbtomo.kernels.transport.halves import packed_kind
from ssbtomo.kernels.transport.multigrid import Multigrid
from ssbtomo.kernels.transport.operator import Operator
from ssbtomo.kernels.transport.steering import Checkpoint, Steering
from ssbtomo.kernels.transport.team import plane_sums

__all__ = ["Gradients", "Outcome", "iterate", "run_down"]

_LIMIT = 2000
_STALL = 100
"""Iterations without progress after which a solve counts as stalled."""
_GAIN = 0.01
"""What must be gained meanwhile, over the tolerance: pockets behind poor conductors take long."""
_FLOOR = 1e-12
"""Relative residual below which float64 has nothing more to say."""
_ROUNDING = 1e-12
"""What the bounds are moved outwards for the rounding of sums, relatively (see `_margin`)."""
_IDLE = 0.1
"""What an iteration gains, over the tolerance, below which it may pause or be at its end."""
_PATIENCE = 4
"""Iterations from one look at the bounds to the next while it pauses."""
_WIDER = 25.0
"""The distance of the bounds over the error of the upper one, as first expected."""


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
        gained = abs(run.energy - seen[1]) > _GAIN * steering.tolerance * abs(seen[1])
        if run.relative < 0.5 * seen[0] or gained:
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
        zeros = grid.team.storage.zeros
        self.r = zeros(x.shape, packed_kind(grid.kind))
        self.z = zeros(x.shape, grid.kind)
        self.p = zeros(x.shape, np.int16 if grid.kind is np.float32 else np.int32)
        self._curved = plane_sums(x, 2)
        arrays = (x, self.r, self.z, self.p, op.codes, op.source, op.faces)
        self.nbytes = sum(a.nbytes for a in arrays) + grid.nbytes
        self.count = 0 if steering.start is None else steering.start.iterations
        self.product = 0.0
        grid.check = steering.check
        self.bounds: tuple[float, float] | None = None
        self._wider = _WIDER
        self._decreases: list[float] = []
        self._rz = self._slope = 0.0
        self._asked = 0
        self._layers: tuple[float, float, float] | None = None
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
        self.bounds = None
        rz = self.grid.apply(self.r, self.z)
        self.steering.check()
        beta = rz / self._rz if self._rz else 0.0
        fields = (self.z, self.p)
        self.grid.team.sweep(direct, self.z, (2, self._joined), self.op, fields, beta, self._curved)
        curvature = float(self._curved[:, 0].sum())
        if not (rz > 0 and curvature > 0):
            return False
        self._rz = rz
        alpha = rz / curvature
        self.relative = self._advance(alpha) / self._start
        self.count += 1
        # `rz` is that of a rounded residual; what is left along the step tells what it gained.
        change = alpha * (2 * self._slope + alpha * curvature)
        self._decreases.append(max(change, 0.0))
        self.gain(change)
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
        steady = before > 0 and first > 0
        ratio = min(0.98, max(last / before, before / first)) if steady else 0.98
        return last * ratio / (1 - ratio) / self.energy

    def is_certain(self) -> bool:
        """Tell whether the estimate and the bounds meet the tolerance, or the bounds alone.

        The estimate cannot tell a pause from the end; bounds can, and are asked now and then
        while little is gained.
        """
        tolerance, error = self.steering.tolerance, self.error
        small = error <= tolerance
        near = small and self._wider * error <= 10 * tolerance
        idle = self._decreases[-1] <= _IDLE * tolerance * self.energy
        if not near and not (idle and self.count >= self._asked + _PATIENCE):
            return False
        lower, upper = self.bounds = self.bound()
        gap = (upper - lower) / upper
        self._asked = self.count
        if small:
            self._wider = max(1.25 * gap / error if error else 0.0, 2.0)
        return gap <= (10 * tolerance if small else tolerance)

    def bound(self) -> tuple[float, float]:
        """Return certified bounds of the energy; what `z` holds is lost.

        The current of the potential and that which carries off what the potential leaves
        over have no sources together.
        """
        mean, _, last = self.currents()
        upper = mean - self.product
        own, arrived, moment = self.carried()
        # The carried currents pass these differences: of the deviation, and of the linear part.
        cross = self.product + length(self.op) * arrived - moment
        lower = (length(self.op) * (last + arrived)) ** 2 / (upper + 2 * cross + own)
        return self._margin(min(lower, upper), upper)

    def carried(self) -> Carried:
        """Return the sums over what carries off what the potential leaves over."""
        team = self.grid.team

        def pause() -> None:
            team.release((self.x, self.z, self.op))
            self.steering.check()

        carried = carry(self.op, self.x, self.z, team, pause)
        for plane in self.z:
            plane[...] = 0
        team.release((self.x, self.z, self.op))
        return carried

    def currents(self) -> tuple[float, float, float]:
        """Return the mean of the layer currents as an energy, their spread, and the last."""
        if self._layers is not None:
            return self._layers
        size = self.op.size[self.op.axis]
        sums = plane_sums(self.x, size + 1)
        self.grid.team.run(layer_currents, self.x, self.op, self.x, sums)
        layers = sums.sum(axis=0)
        ends = layers[0] / self.op.edges[0] + layers[-1] / self.op.edges[1]
        energy = float(ends + layers[1:-1].sum())
        spread = float(layers.max() - layers.min()) * length(self.op)
        spread = spread / energy if energy > 0 else math.inf
        self._layers = energy, spread, float(layers[-1])
        return self._layers

    def _margin(self, lower: float, upper: float) -> tuple[float, float]:
        """Move the bounds outwards by 1e-12, and by 1e-14 of the energy they began with."""
        room = _ROUNDING * (1 + 0.01 * self._first / upper) if upper > 0 else 0.0
        return lower * (1 - room), upper * (1 + room)

    def _advance(self, alpha: float) -> float:
        """Move the deviation, renew the residual, and return its norm."""
        self._layers = None
        sums = plane_sums(self.x, 3)
        fields = (self.x, self.z, self.p, self.r)
        how = (alpha, self._curved)
        self.grid.team.sweep(advance, self.x, (2, self._joined), self.op, fields, how, sums)
        square, self.product, self._slope = (float(total) for total in sums.sum(axis=0))
        return math.sqrt(square)
