"""The effective conductivity as a tensor: one solve along each axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.transport.finest import Sides, driven, finest
from ssbtomo.kernels.transport.gradients import iterate
from ssbtomo.kernels.transport.joined import keep_joined
from ssbtomo.kernels.transport.local import crossing
from ssbtomo.kernels.transport.multigrid import Multigrid
from ssbtomo.kernels.transport.solve import encode, precision
from ssbtomo.kernels.transport.steering import Checkpoint, Steering, first_deviation
from ssbtomo.kernels.transport.storage import MEMORY, Storage
from ssbtomo.kernels.transport.team import Team
from ssbtomo.units import AXES, Spacing, check_spacing

__all__ = ["EffectiveTensor", "TensorCheckpoint", "tensor"]


@dataclass(frozen=True, slots=True)
class EffectiveTensor:
    """The effective conductivity in three dimensions.

    Parameters
    ----------
    effective : ndarray of float64, shape (3, 3)
        Effective conductivity, rows and columns in the order (Z, Y, X): the symmetric part.
    asymmetry : float
        Largest difference of two transposed elements before, over the largest element: how
        far the sides of the box disturb the off-diagonal elements.
    bounds : tuple of tuple of float
        Certified lower and upper bound of each diagonal element.
    fraction : float
        Volume fraction of all that conducts.
    tau : tuple of float
        Tortuosity factor along each axis; ``inf`` where no path joins the two faces.
    warnings : tuple of str
        Reasons to doubt the numbers.
    """

    effective: NDArray[np.float64]
    asymmetry: float
    bounds: tuple[tuple[float, float], ...]
    fraction: float
    tau: tuple[float, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TensorCheckpoint:
    """Where the solves of a tensor were, so that another process can go on from there.

    Parameters
    ----------
    columns : ndarray of float64, shape (3, 3)
        Columns of the axes that are done.
    bounds : tuple of tuple of float
        Their bounds.
    warnings : tuple of str
        Their warnings.
    inner : Checkpoint or None
        Where the solve of the next axis was.
    """

    columns: NDArray[np.float64]
    bounds: tuple[tuple[float, float], ...]
    warnings: tuple[str, ...]
    inner: Checkpoint | None


def _within(
    state: TensorCheckpoint, keep: Callable[[TensorCheckpoint], None] | None
) -> Callable[[Checkpoint], None] | None:
    """Return what takes the checkpoints of one axis."""
    return None if keep is None else lambda inner: keep(replace(state, inner=inner))


def tensor(  # noqa: PLR0913 - all but a few are options
    labels: NDArray[Any],
    spacing: Spacing,
    conductivities: Mapping[int, float],
    *,
    fractions: NDArray[Any] | None = None,
    contacts: Mapping[tuple[int, int], float] | None = None,
    periodic: bool = False,
    tolerance: float = 1e-6,
    cancelled: Callable[[], bool] | None = None,
    keep: Callable[[TensorCheckpoint], None] | None = None,
    start: TensorCheckpoint | None = None,
    storage: Storage = MEMORY,
    threads: int | None = None,
) -> EffectiveTensor:
    """Solve along each axis and take the mean current density along all three.

    The diagonal elements are those of `ssbtomo.kernels.transport.solve`. Elements off the
    diagonal are the mean current densities across the driven axis; insulating sides weaken
    them near the sides, joined sides (`periodic`, where the box is periodic) do not, but the
    driven faces still do. They converge with the volume; the asymmetry tells how far.

    Parameters
    ----------
    labels, spacing, conductivities, fractions, contacts, periodic, tolerance : various
        As of `ssbtomo.kernels.transport.solve`.
    cancelled : callable, optional
        Asked between the parts of the solve; ``True`` ends it.
    keep : callable, optional
        Given a `TensorCheckpoint` after each iteration, to be stored at once or not at all.
    start : TensorCheckpoint, optional
        Where earlier solves of the same voxels were; they go on from there.
    storage : Storage
        As of `ssbtomo.kernels.transport.solve`.
    threads : int, optional
        Threads to use.

    Returns
    -------
    EffectiveTensor
        The tensor, in the unit of the conductivities.

    Raises
    ------
    AxisError
        If the labels are no volume.
    InputDataError
        If shapes differ or values are out of range.
    CancelledError
        If `cancelled` says so.
    """
    edges = check_spacing(spacing)
    done = TensorCheckpoint(np.zeros((3, 3)), (), (), None) if start is None else start
    full, bounds, doubts = done.columns.copy(), list(done.bounds), list(done.warnings)
    mean = fraction = 0.0
    for axis in range(3):
        codes, medium = encode(labels, conductivities, fractions, contacts, storage)
        mean, fraction = medium.mean, medium.fraction
        if axis < len(done.bounds):
            continue
        if not keep_joined(codes, axis, periodic=periodic):
            bounds.append((0.0, 0.0))
            doubts.append(f"not percolating: no path joins the two {AXES[axis]} faces")
            continue
        state = TensorCheckpoint(full.copy(), tuple(bounds), tuple(doubts), None)
        inner = done.inner if axis == len(done.bounds) else None
        with Team(threads, storage) as team:
            op = finest(codes, medium, Sides(axis, edges, periodic), team)
            steering = Steering(
                tolerance, medium.scale / driven(op), None, cancelled, _within(state, keep), inner
            )
            x = first_deviation(op, inner, storage)
            outcome = iterate(op, Multigrid(op, edges, team, precision(medium)), x, steering)
            full[:, axis] = medium.scale * crossing(op, x, edges, team)
        full[axis, axis] = outcome.effective
        bounds.append(outcome.bounds)
        if not outcome.converged:
            doubts.append(f"the solve along {AXES[axis]} stalled; its bounds hold")
    largest = float(np.abs(full).max())
    return EffectiveTensor(
        effective=(full + full.T) / 2,
        asymmetry=float(np.abs(full - full.T).max()) / largest if largest else 0.0,
        bounds=tuple(bounds),
        fraction=fraction,
        tau=tuple(max(1.0, mean / v) if v > 0 else np.inf for v in np.diagonal(full).tolist()),
        warnings=tuple(doubts),
    )
