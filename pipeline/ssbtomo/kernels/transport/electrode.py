"""The tortuosity factor of an electrode: one blocking side, and pores that end count."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import AxisError, InputDataError
from ssbtomo.kernels.transport.cells import Medium
from ssbtomo.kernels.transport.finest import Sides, finest
from ssbtomo.kernels.transport.gradients import Gradients, run_down
from ssbtomo.kernels.transport.joined import keep_joined
from ssbtomo.kernels.transport.multigrid import Multigrid
from ssbtomo.kernels.transport.operator import MASK, Operator, inside, room
from ssbtomo.kernels.transport.solve import encode, precision
from ssbtomo.kernels.transport.steering import Checkpoint, Steering, first_deviation
from ssbtomo.kernels.transport.storage import MEMORY, Storage
from ssbtomo.kernels.transport.team import Team
from ssbtomo.units import AXES, Spacing, check_spacing

__all__ = ["ElectrodeResult", "electrode"]


@dataclass(frozen=True, slots=True)
class ElectrodeResult:
    """Charging of the inner surface of an electrode at low frequency.

    Parameters
    ----------
    tau : float
        Electrode tortuosity factor; ``inf`` where nothing can be charged.
    bounds : tuple of float
        Certified lower and upper bound of `tau` of the discrete problem.
    fraction : float
        Volume fraction of all that conducts.
    surface : float
        Area that is charged, in the square of the unit of the spacing.
    charged : float
        Share of the inner surface that the held face reaches.
    iterations : int
        Conjugate-gradient iterations.
    warnings : tuple of str
        Reasons to doubt the numbers.
    tau_x : ndarray of float64, shape (layers,)
        Tortuosity factor from each layer of voxels to the next, the first from the held face;
        NaN where no current passes. See `electrode`.
    current_x : ndarray of float64, shape (layers,)
        Share of the current that passes there: what is still to be charged.
    """

    tau: float
    bounds: tuple[float, float]
    fraction: float
    surface: float
    charged: float
    iterations: int
    warnings: tuple[str, ...] = ()
    tau_x: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0), compare=False)
    current_x: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0), compare=False)


def electrode(  # noqa: PLR0913 - all but a few are options
    labels: NDArray[Any],
    spacing: Spacing,
    axis: int,
    conductivities: Mapping[int, float],
    *,
    reactive: tuple[int, ...] | None = None,
    convention: str | None = None,
    periodic: bool = False,
    tolerance: float = 1e-6,
    cancelled: Callable[[], bool] | None = None,
    keep: Callable[[Checkpoint], None] | None = None,
    start: Checkpoint | None = None,
    storage: Storage = MEMORY,
    threads: int | None = None,
) -> ElectrodeResult:
    """Solve for the ionic resistance of a blocking electrode.

    The first face across the axis is held, the last one insulates, and every face between a
    conducting voxel and a reactive one takes up the same current (that of a uniform double
    layer at low frequency) [1]_. Of a straight pore the resistance is a third of that of the
    pore; the electrode tortuosity factor is the ratio of both, times the volume fraction.
    Pores that end count, and pores without surface do not. Voxel faces overestimate the area
    of a slanted surface, but alike everywhere, and only ratios of area matter.

    ``tau_x`` tells where the resistance is: the porosity (mean conductivity) times the drop of
    the layers' mean potential, over the current density. Both are of the whole cross-section,
    so that a straight pore has 1 everywhere and a pore that narrows more where it is narrow.
    That is TauFactor's ``ElectrodeSolver.tau_x`` in the limit of low frequency.

    Parameters
    ----------
    labels : ndarray of int or bool, shape (Z, Y, X)
        Phase labels.
    spacing : tuple of float
        Voxel edges along (Z, Y, X); only their ratios matter.
    axis : {0, 1, 2}
        The transport axis; its first face is towards the separator.
    conductivities : mapping of int to float
        Conductivity of each label; labels that are not named are insulators.
    reactive : tuple of int, optional
        Labels whose surface is charged; by default all that do not conduct.
    convention : {"taufactor"}, optional
        Compare with a ladder of whole voxels as TauFactor's ``ImpedanceSolver`` does: (n + 1)
        (2n + 1) / 2n² times the resistance of the straight pore, at low frequency. For its test
        pores of 10 voxels' width in 100 layers, 75 deep and through, that is 0.5925 and 0.9870
        (0.5926 and 0.9870 at its lowest frequency, a quarter of its ``freq_0``), which its tests
        of 2026 round to 0.593 and 0.987. Those of 2023 had 0.594 and 0.986: values that its
        over-relaxation passes on the way, after 800 sweeps of the one and 900 to 1000 of the
        other, before both settle at 0.5926 and 0.9870 by 1500. The ``ElectrodeSolver`` of
        version 1.2.1 gives 0.6013 and 1.0463, with the potential held a whole voxel
        before the first centre, resistances from centre to surface, and charge on the outer
        sides of the box.
    periodic : bool
        Whether opposite sides are joined.
    tolerance : float
        Estimated relative error at which to stop; the bounds are within ten times as much.
    cancelled : callable, optional
        Asked between the parts of the solve; ``True`` ends it.
    keep, start, storage : various
        As of `ssbtomo.kernels.transport.solve`.
    threads : int, optional
        Threads to use.

    Returns
    -------
    ElectrodeResult
        Tortuosity factor with its bounds.

    Raises
    ------
    AxisError
        If there is no such axis or the labels are no volume.
    InputDataError
        If values are out of range or the convention is unknown.
    CancelledError
        If `cancelled` says so.

    References
    ----------
    .. [1] T.-T. Nguyen et al., "The electrode tortuosity factor: why the conventional tortuosity
       factor is not well suited for quantifying transport in porous Li-ion battery electrodes
       and what to use instead", npj Comput. Mater. 6 (2020) 123;
       doi:10.1038/s41524-020-00386-4
    """
    _check(axis, convention)
    edges = check_spacing(spacing)
    codes, medium = encode(labels, conductivities, storage=storage)
    means = _layer_means(codes, medium, axis)
    joined = [a for a in range(3) if periodic and a != axis]
    kinds = _kinds(labels, conductivities, reactive, joined)
    total = _area(kinds, edges)
    if not keep_joined(codes, axis, periodic=periodic, blocked=True):
        return _none(medium, f"no conducting voxel touches the first {AXES[axis]} face")
    kinds *= codes > 0
    surface = _area(kinds, edges)
    if surface == 0:
        return _none(medium, "no surface can be charged from the first face")
    with Team(threads, storage) as team:
        op = finest(codes, medium, Sides(axis, edges, periodic, (2.0, 0.0)), team)
        del codes
        op = op._replace(source=_stored(op, kinds), charge=_charges(edges) / surface)
        del kinds
        x = first_deviation(op, start, storage)
        grid = Multigrid(op, edges, team, precision(medium))
        run = _Charging(op, grid, x, Steering(tolerance, 1.0, None, cancelled, keep, start))
        converged = run_down(run)
    tau_x, current_x = _profile(op, x, means)
    size = labels.shape[axis]
    area = labels.size / size
    unit = 3 * medium.mean / medium.scale * area / size * float(op.weights[axis])
    if convention is not None:
        unit /= (size + 1) * (2 * size + 1) / (2 * size * size)
    lower, upper = run.bounds or run.bound()
    doubts = () if converged else ("the solve stalled; its bounds hold",)
    return ElectrodeResult(
        tau=unit * run.energy_now(),
        bounds=(unit * lower, unit * upper),
        fraction=medium.fraction,
        surface=surface,
        charged=surface / total,
        iterations=run.count,
        warnings=doubts,
        tau_x=tau_x,
        current_x=current_x,
    )


def _check(axis: int, convention: str | None) -> None:
    """Refuse questions that have no answer."""
    if axis not in {0, 1, 2}:
        raise AxisError(f"there is no axis {axis!r}", hint="0, 1 or 2 stand for z, y, x")
    if convention not in {None, "taufactor"}:
        raise InputDataError(
            f"there is no convention {convention!r} of electrodes", hint="choose 'taufactor'"
        )


def _layer_means(codes: NDArray[np.uint8], medium: Medium, axis: int) -> NDArray[np.float64]:
    """Return the mean conductivity of each layer, over the largest one."""
    worth = np.ones(256) if medium.mode == MASK else 0.5 / medium.table
    worth[0] = 0.0
    layers = np.moveaxis(codes, axis, 0)
    return np.array(
        [np.bincount(layer.ravel(), minlength=256) @ worth / layer.size for layer in layers]
    )


def _profile(
    op: Operator, x: NDArray[np.float64], means: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the tortuosity factor between layers, and the share of the current there."""
    parts = (np.moveaxis(inside(op, part), op.axis, 0) for part in (x, op.codes, op.source))
    potential, charged = np.zeros((2, means.size))
    for index, (level, codes, source) in enumerate(zip(*parts, strict=True)):
        live = np.count_nonzero(codes)
        potential[index] = float(level.sum(where=codes > 0)) / live if live else 0.0
        charged[index] = float(op.charge[source].sum())
    current = np.cumsum(charged[::-1])[::-1]
    current[current < 1e-12 * current[0]] = 0.0  # sums leave a rest
    drops = np.diff(potential, prepend=0.0)
    drops[0] *= 2  # over half a voxel
    faces = np.append(means[:1], (means[1:] + means[:-1]) / 2)
    area = float(np.prod(op.size)) / means.size
    with np.errstate(divide="ignore", invalid="ignore"):
        tau = faces * float(op.weights[op.axis]) * area * drops / current
    return np.where(current > 0, tau, np.nan), current / current[0]


class _Charging(Gradients):
    """Conjugate gradients for the potential of sources; the energy is the resistance."""

    def energy_start(self) -> float:
        """Return the resistance that the potential shows at the start."""
        return self.energy_now()

    def gain(self, change: float) -> None:
        """Add what an iteration finds to the resistance."""
        self.energy += change

    def energy_now(self) -> float:
        """Return a lower bound of the resistance: source × potential + residual × potential."""
        op, x = self.op, self.x
        planes = [float(op.charge[op.source[k]] @ x[k]) for k in range(1, op.size[0] + 1)]
        return math.fsum(planes) + self.product

    def bound(self) -> tuple[float, float]:
        """Return certified bounds of the resistance."""
        lower = self.energy_now()
        own = self.carried().own
        return lower * (1 - 1e-12), (lower + own) * (1 + 1e-12)


def _none(medium: Medium, reason: str) -> ElectrodeResult:
    return ElectrodeResult(
        math.inf, (math.inf, math.inf), medium.fraction, 0.0, 0.0, 0, (f"not charged: {reason}",)
    )


def _kinds(
    labels: NDArray[Any],
    conductivities: Mapping[int, float],
    reactive: tuple[int, ...] | None,
    joined: list[int],
) -> NDArray[np.uint8]:
    """Count the reactive faces of each conducting voxel: two bits for each axis."""
    conducting = [label for label, value in conductivities.items() if value > 0]
    here = np.isin(labels, conducting)
    charged = ~here if reactive is None else np.isin(labels, list(reactive)) & ~here
    kinds = np.zeros(labels.shape, np.uint8)
    for axis in range(3):
        near, far = (np.moveaxis(a, axis, 0) for a in (charged, kinds))
        step = np.uint8(4**axis)
        far[1:] += step * near[:-1]
        far[:-1] += step * near[1:]
        if axis in joined:
            far[0] += step * near[-1]
            far[-1] += step * near[0]
    return kinds * here


def _charges(spacing: Spacing) -> NDArray[np.float64]:
    """Return the reactive area of each kind of voxel."""
    dz, dy, dx = spacing
    kind = np.arange(256)
    faces = np.stack([kind & 3, kind >> 2 & 3, kind >> 4 & 3]) * (kind < 64)
    return np.asarray(np.array([dy * dx, dz * dx, dz * dy]) @ faces, np.float64)


def _area(kinds: NDArray[np.uint8], spacing: Spacing) -> float:
    """Return the reactive area of all voxels."""
    return float(_charges(spacing) @ np.bincount(kinds.ravel(), minlength=256))


def _stored(op: Operator, kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the kinds of voxels as fields are stored."""
    source = np.zeros(room(op.size), np.uint8)
    inside(op, source)[...] = kinds
    return source
