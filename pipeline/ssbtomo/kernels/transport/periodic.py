"""The effective conductivity of a periodic cell: a mean gradient, and all sides joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import CancelledError
from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.transport.cells import Medium
from ssbtomo.kernels.transport.currents import count_faces
from ssbtomo.kernels.transport.finest import Sides, finest
from ssbtomo.kernels.transport.operator import (
    KERNEL,
    MASK,
    Operator,
    face_row,
    inside,
    wrap,
)
from ssbtomo.kernels.transport.relaxation import Cell, drive, relax
from ssbtomo.kernels.transport.solve import encode, precision
from ssbtomo.kernels.transport.team import Team, plane_sums
from ssbtomo.kernels.transport.tensor import EffectiveTensor
from ssbtomo.units import AXES, Spacing, check_spacing

__all__ = ["periodic_tensor"]


def periodic_tensor(
    labels: NDArray[Any],
    spacing: Spacing,
    conductivities: Mapping[int, float],
    *,
    contacts: Mapping[tuple[int, int], float] | None = None,
    tolerance: float = 1e-6,
    cancelled: Callable[[], bool] | None = None,
    threads: int | None = None,
) -> EffectiveTensor:
    """Solve the cell problem of a periodic medium for its effective tensor.

    The potential is a linear one, along each axis in turn, plus a periodic one; the box is
    continued by itself across all six faces [1]_. No face is held, so nothing disturbs the
    elements off the diagonal: of a periodic medium the tensor is exact (of the voxels) and
    symmetric. Of a piece of a random medium it is an estimate between those with held and
    with given currents on all faces; a phase that meets insulators across the joined faces
    loses paths there, so that small pieces read too little.

    About 70 bytes per voxel, with the whole volume held.

    Parameters
    ----------
    labels, spacing, conductivities, contacts : various
        As of `ssbtomo.kernels.transport.solve`.
    tolerance : float
        Error of all elements over the largest, about.
    cancelled : callable, optional
        Asked before each iteration; ``True`` ends the solve.
    threads : int, optional
        Threads to use.

    Returns
    -------
    EffectiveTensor
        The tensor, in the unit of the conductivities. Its bounds are one-sided: 0, and the
        energy of the potential found.

    Raises
    ------
    AxisError
        If the labels are no volume.
    InputDataError
        If values are out of range.
    ConvergenceError
        If the iteration does not converge.
    CancelledError
        If `cancelled` says so.

    References
    ----------
    .. [1] S. Torquato, *Random Heterogeneous Materials*, Springer, 2002, ch. 13;
       doi:10.1007/978-1-4757-6355-3

    Examples
    --------
    >>> labels = np.repeat([[[1]], [[2]]], 4, axis=2)
    >>> tensor = periodic_tensor(labels, (1.0, 1.0, 1.0), {1: 1.0, 2: 3.0})
    >>> np.diagonal(tensor.effective).round(6).tolist()
    [1.5, 2.0, 2.0]
    """
    edges = check_spacing(spacing)
    codes, medium = encode(labels, conductivities, None, contacts)
    for axis, size in enumerate(codes.shape):
        if size == 1:  # two equal layers are the same medium, and have a face between them
            codes = np.repeat(codes, 2, axis=axis)

    def check() -> None:
        if cancelled is not None and cancelled():
            raise CancelledError("the transport solve was cancelled", hint="start it again")

    full = np.zeros((3, 3))
    doubts: list[str] = []
    for axis in range(3):
        check()
        kept = codes.copy()
        if not _keep_crossing(kept, axis):
            doubts.append(f"not percolating: nothing crosses the joined {AXES[axis]} faces")
            continue
        with Team(threads) as team:
            cell = Cell(_wrapped(kept, medium, (axis, edges), team), (), edges, team)
            full[:, axis] = _column(cell, medium, tolerance, check)
    largest = float(np.abs(full).max())
    diagonal = np.diagonal(full).tolist()
    return EffectiveTensor(
        effective=(full + full.T) / 2,
        asymmetry=float(np.abs(full - full.T).max()) / largest if largest else 0.0,
        bounds=tuple((0.0, value) for value in diagonal),
        fraction=medium.fraction,
        tau=tuple(max(1.0, medium.mean / value) if value > 0 else np.inf for value in diagonal),
        warnings=tuple(doubts),
    )


def _column(
    cell: Cell, medium: Medium, tolerance: float, check: Callable[[], None]
) -> NDArray[np.float64]:
    """Return the mean current density along each axis for a gradient along the cell's."""
    op, edges = cell.op, np.array(cell.spacing)
    drives = [drive(_along(cell, axis)) for axis in range(3)]
    sums = plane_sums(op.codes)
    cell.team.run(conductances, op.codes, op, sums)
    linear = float(sums.sum())
    right = drives[op.axis]
    grid = cell.preconditioner(precision(medium))
    # Elements off the diagonal are as far off as the potential: the root of the energy's error.
    fine = max(tolerance * tolerance, 1e-13)
    x, rest = relax(cell, right, grid, energy=(linear, -1.0), tolerance=fine, check=check)
    del grid
    flows = np.array([-float(np.einsum("ij,ij->", b, x)) for b in drives])
    flows[op.axis] += linear - float(np.einsum("ij,ij->", rest, x))
    # Relative conductances are face area over distance; densities are per face area.
    unit = edges[op.axis] * edges / edges.min() ** 2 / float(np.prod(op.size))
    return np.asarray(medium.scale * unit * flows, np.float64)


def _along(cell: Cell, axis: int) -> Cell:
    return Cell(cell.op._replace(axis=axis), cell.held, cell.spacing, cell.team)


@njit(**KERNEL)
def conductances(op: Operator, sums: NDArray[np.float64], near: int, far: int) -> None:
    """Sum, plane by plane, the conductances of the faces after each voxel along the axis.

    Parameters
    ----------
    op : Operator
        The finest grid.
    sums : ndarray of float64, shape (Z + 2, 1)
        Written.
    near, far : int
        Planes to write, from `near` to ``far - 1``.
    """
    row = np.empty(op.size[2] + 1)
    for k in range(near, far):
        for j in range(1, op.size[1] + 1):
            face_row(op, op.axis, k, j, row)
            for i in range(1, op.size[2] + 1):
                sums[k, 0] += row[i]


def _wrapped(
    codes: NDArray[np.uint8], medium: Medium, where: tuple[int, Spacing], team: Team
) -> Operator:
    """Return the operator of a box that is joined to itself along all axes."""
    axis, edges = where
    op = finest(codes, medium, Sides(axis, edges, periodic=True, edges=(0.0, 0.0)), team)
    op = op._replace(wraps=np.ones(3, np.int64), edges=(1.0, 1.0))
    inside(op, op.codes)[...] = codes
    wrap(op, op.codes)
    if op.mode == MASK:
        team.run(count_faces, op.codes, op, op.codes.copy())
        wrap(op, op.codes)
    return op


def _keep_crossing(codes: NDArray[np.uint8], axis: int) -> bool:
    """Remove the clusters that do not come back to themselves a period further along an axis."""
    import cc3d

    clusters = cc3d.connected_components(codes, connectivity=6, binary_image=True)
    steps: dict[int, list[tuple[int, int]]] = {}
    for side in range(3):
        faces = np.moveaxis(clusters, side, 0)
        near, far = faces[0].ravel(), faces[-1].ravel()
        both = (near > 0) & (far > 0)
        if not both.any():
            continue
        periods = int(side == axis)
        for one, two in np.unique(np.stack([far[both], near[both]]), axis=1).T.tolist():
            steps.setdefault(one, []).append((two, periods))
            steps.setdefault(two, []).append((one, -periods))
    keep = np.zeros(int(clusters.max()) + 1, bool)
    keep[_winding(steps)] = True
    for k in range(len(codes)):
        codes[k] *= keep[clusters[k]]
    return bool(keep.any())


def _winding(steps: dict[int, list[tuple[int, int]]]) -> list[int]:
    """Return the clusters of all groups in which some way leads back a period further."""
    period: dict[int, int] = {}
    found: list[int] = []
    for root in steps:
        if root in period:
            continue
        period[root] = 0
        group, winds = [root], False
        for here in group:  # grows while it is walked along
            for there, more in steps[here]:
                if there not in period:
                    period[there] = period[here] + more
                    group.append(there)
                winds |= period[there] != period[here] + more
        found += group if winds else []
    return found
