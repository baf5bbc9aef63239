"""The effective conductivity as a tensor: one solve along each axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.transport.finest import Sides, driven, finest
from ssbtomo.kernels.transport.gradients import iterate
from ssbtomo.kernels.transport.joined import keep_joined
from ssbtomo.kernels.transport.local import crossing
from ssbtomo.kernels.transport.multigrid import Multigrid
from ssbtomo.kernels.transport.openings import opened
from ssbtomo.kernels.transport.operator import OPEN
from ssbtomo.kernels.transport.solve import encode, precision
from ssbtomo.kernels.transport.steering import Checkpoint, Steering, first_deviation
from ssbtomo.kernels.transport.storage import MEMORY, Storage
from ssbtomo.kernels.transport.team import Team
from ssbtomo.units import AXES, Spacing, check_spacing

__all__ = ["EffectiveTensor", "tensor"]


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
    keep: Callable[[int, Checkpoint], None] | None = None,
    start: Callable[[int], Checkpoint | None] | None = None,
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
        Asked before each iteration; ``True`` ends the solve.
    keep : callable, optional
        Given the axis and a `Checkpoint` after each iteration; see `solve`.
    start : callable, optional
        Asked for each axis for the checkpoint to go on from, or ``None``.
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
    full = np.zeros((3, 3))
    bounds: list[tuple[float, float]] = []
    doubts: list[str] = []
    mean = fraction = 0.0
    for axis in range(3):
        codes, medium = encode(labels, conductivities, fractions, contacts, storage)
        mean, fraction = medium.mean, medium.fraction
        if not keep_joined(codes, axis, periodic=periodic):
            bounds.append((0.0, 0.0))
            doubts.append(f"not percolating: no path joins the two {AXES[axis]} faces")
            continue
        with Team(threads, storage) as team:
            op = finest(codes, medium, Sides(axis, edges, periodic), team)
            if medium.mode == OPEN:
                op, unresolved = opened(op, medium.fraction, team)
                doubts += [doubt for doubt in unresolved if doubt not in doubts]
            begun = None if start is None else start(axis)
            store = None if keep is None else partial(keep, axis)
            unit = medium.scale / driven(op)
            steering = Steering(tolerance, unit, None, cancelled, store, begun)
            x = first_deviation(op, begun, storage)
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
