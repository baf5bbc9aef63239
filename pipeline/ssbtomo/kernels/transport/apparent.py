"""Apparent conductivities of a cell: the brackets of what a larger volume would have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import AxisError, CancelledError
from ssbtomo.kernels.transport.cells import Medium
from ssbtomo.kernels.transport.finest import Sides, driven, finest
from ssbtomo.kernels.transport.joined import keep_joined
from ssbtomo.kernels.transport.local import crossing
from ssbtomo.kernels.transport.operator import inside
from ssbtomo.kernels.transport.relaxation import Cell, drive, relax
from ssbtomo.kernels.transport.solve import encode, precision, solve
from ssbtomo.kernels.transport.team import Team
from ssbtomo.units import Spacing, check_spacing

__all__ = ["Apparent", "apparent"]


@dataclass(frozen=True, slots=True)
class Apparent:
    """Apparent conductivities of one cell along one axis, the smallest first.

    Parameters
    ----------
    current : float
        With the same current into every conducting voxel face of the first layer and out of
        the last one, and none through the sides; 0 where no path joins both.
    faces : float
        With both faces across the axis held at a potential, and no current through the sides.
    gradient : float
        With the linear potential on the whole surface.
    uniform : bool
        Whether both faces conduct everywhere and are joined as a whole: then `current` is
        that of a uniform current through the whole surface.
    fraction : float
        Volume fraction of all that conducts.
    mean : float
        Volume average of the conductivity.
    """

    current: float
    faces: float
    gradient: float
    uniform: bool
    fraction: float
    mean: float


def apparent(
    labels: NDArray[Any],
    spacing: Spacing,
    axis: int,
    conductivities: Mapping[int, float],
    *,
    contacts: Mapping[tuple[int, int], float] | None = None,
    tolerance: float = 1e-6,
    cancelled: Callable[[], bool] | None = None,
    threads: int | None = None,
) -> Apparent:
    """Solve a cell with uniform current, held faces and uniform gradient on its surface.

    For any cell the three are in this order: less freedom for the current resists more, less
    freedom for the potential dissipates more. Over cells that grow, the first and the last
    close in on the effective conductivity of the medium [1]_ [2]_; how far they are apart
    tells whether a cell of that size represents it. The order of averages over cells with
    that of the whole volume holds for a uniform current and a uniform gradient on the whole
    surface; where a face meets an insulator a uniform current cannot enter, and `current` is
    that of a uniform current into the conducting part of the face, cluster by cluster: still
    the least of the three for the cell itself.

    About 70 bytes per voxel of the cell.

    Parameters
    ----------
    labels, spacing, axis, conductivities, contacts : various
        As of `ssbtomo.kernels.transport.solve`.
    tolerance : float
        Relative error of each, about.
    cancelled : callable, optional
        Asked before each iteration; ``True`` ends the solve.
    threads : int, optional
        Threads to use.

    Returns
    -------
    Apparent
        In the unit of the conductivities.

    Raises
    ------
    AxisError
        If there is no such axis or the labels are no volume.
    InputDataError
        If values are out of range.
    ConvergenceError
        If an iteration does not converge.
    CancelledError
        If `cancelled` says so.

    References
    ----------
    .. [1] C. Huet, "Application of variational concepts to size effects in elastic
       heterogeneous bodies", J. Mech. Phys. Solids 38 (1990) 813;
       doi:10.1016/0022-5096(90)90041-2
    .. [2] S. Hazanov and C. Huet, "Order relationships for boundary conditions effect in
       heterogeneous bodies smaller than the representative volume", J. Mech. Phys. Solids 42
       (1994) 1995-2011.

    Examples
    --------
    >>> labels = np.repeat([[[1]], [[2]]], 4, axis=2)  # two layers across the current
    >>> found = apparent(labels, (1.0, 1.0, 1.0), 0, {1: 1.0, 2: 3.0})
    >>> found.current == found.faces < found.gradient
    True
    """
    if axis not in {0, 1, 2}:
        raise AxisError(f"there is no axis {axis!r}", hint="0, 1 or 2 stand for z, y, x")

    def check() -> None:
        if cancelled is not None and cancelled():
            raise CancelledError("the transport solve was cancelled", hint="start it again")

    edges = check_spacing(spacing)
    how = {"contacts": contacts, "tolerance": tolerance, "cancelled": cancelled}
    between = solve(labels, edges, axis, conductivities, threads=threads, **how)  # type: ignore[arg-type]
    codes, medium = encode(labels, conductivities, None, contacts)
    with Team(threads) as team:
        box = _Box(codes, medium, axis, edges, team, tolerance, check)
        high = box.gradient()
        low, uniform = box.current()
    middle = between.effective
    return Apparent(
        # Each is solved to the tolerance: rounding must not turn equal ones around.
        min(low, middle), middle, max(high, middle), uniform, medium.fraction, medium.mean,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Box:
    """A cell to be solved for."""

    codes: NDArray[np.uint8]
    medium: Medium
    axis: int
    edges: Spacing
    team: Team
    tolerance: float
    check: Callable[[], None]

    def gradient(self) -> float:
        """Return the conductivity with the linear potential on all sides."""
        if not self.codes.any():
            return 0.0
        op = finest(self.codes, self.medium, Sides(self.axis, self.edges), self.team)
        held: list[NDArray[np.float64]] = []
        for side in range(3):
            layers = np.moveaxis(self.codes, side, 0)
            faces = [self._half_faces(layers[end], side) for end in (0, -1)]
            held += [0 * part for part in faces] if side == self.axis else faces
        cell = Cell(op, tuple(held), self.edges, self.team)
        unit = driven(op)
        grid = cell.preconditioner(precision(self.medium))
        right = drive(cell)
        linear = unit * float(crossing(op, np.zeros_like(right), self.edges, self.team)[self.axis])
        x, rest = relax(
            cell, right, grid,
            energy=(linear, -1.0), tolerance=self.tolerance, check=self.check,
        )  # fmt: skip
        mean = float(crossing(op, x, self.edges, self.team)[self.axis])
        return self.medium.scale * (mean - float(np.einsum("ij,ij->", rest, x)) / unit)

    def current(self) -> tuple[float, bool]:
        """Return the conductivity with a uniform current through both faces."""
        import cc3d

        codes = self.codes.copy()
        if not keep_joined(codes, self.axis, periodic=False):
            return 0.0, False
        clusters = cc3d.connected_components(codes, connectivity=6, binary_image=True)
        ends = [np.moveaxis(clusters, self.axis, 0)[end] for end in (0, -1)]
        count = int(clusters.max()) + 1
        areas = [np.bincount(end.ravel(), minlength=count).astype(float) for end in ends]
        whole = np.minimum(*areas)  # the current of each cluster; all of them resist alike then
        whole[0] = 0.0
        op = finest(codes, self.medium, Sides(self.axis, self.edges, edges=(0.0, 0.0)), self.team)
        cell = Cell(op, (), self.edges, self.team)
        right = np.zeros(op.codes.shape)
        layers = np.moveaxis(inside(op, right), self.axis, 0)
        energy = np.zeros(count)
        for index, sign in ((0, 1.0), (-1, -1.0)):
            flow = (whole / np.maximum(areas[index], 1.0))[ends[index]]
            layers[index] += sign * flow
            half = self._half_faces(np.moveaxis(codes, self.axis, 0)[index], self.axis)
            loss = flow * flow / np.where(half > 0, half, 1.0)
            energy += np.bincount(ends[index].ravel(), loss.ravel(), minlength=count)
        grid = cell.preconditioner(precision(self.medium))
        x, _ = relax(
            cell, right, grid,
            energy=(float(energy.sum()), 1.0), tolerance=self.tolerance, check=self.check,
        )  # fmt: skip
        work = layers * np.moveaxis(inside(op, x), self.axis, 0)
        energy += np.bincount(
            np.moveaxis(clusters, self.axis, 0).ravel(), work.ravel(), minlength=count
        )
        conductance = float((whole[1:] ** 2 / energy[1:]).sum())
        size = codes.shape[self.axis]
        full = float(op.weights[self.axis]) * codes.size / size / size
        uniform = count == 2 and all((end > 0).all() for end in ends)
        return self.medium.scale * conductance / full, uniform

    def _half_faces(self, layer: NDArray[np.uint8], side: int) -> NDArray[np.float64]:
        """Return the conductances from the centres of voxels to their faces."""
        inverse = 1 / np.square(np.array(self.edges))
        with np.errstate(divide="ignore"):
            half = np.where(layer > 0, 1.0 / self.medium.table[layer], 0.0)
        return np.asarray(inverse[side] / inverse.max() * half, np.float64)
