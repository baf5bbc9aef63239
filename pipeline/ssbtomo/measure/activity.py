"""What is joined to its terminals, and what is isolated: areas, lines and particles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ssbtomo.blocks.components import Allocate, Wanted, components
from ssbtomo.blocks.derived import MaskOf, ObjectsOf
from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Grid
from ssbtomo.blocks.regions import RegionAreas, region_areas, region_voxels
from ssbtomo.blocks.terminals import Joined, Network, join
from ssbtomo.units import Spacing, check_spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Activity", "Cell", "Role", "find_activity"]

Role = Literal["void", "electrolyte", "active", "lithium", "carbon", "other"]


@dataclass(frozen=True, slots=True)
class Cell:
    """Which part each phase plays, and where the terminals are.

    Parameters
    ----------
    roles : mapping of int to str
        Label and role of each phase, in the order of the phases.
    axis : int
        The transport axis: the separator is at its low end, the collector at its high end.
    collector : int, optional
        Label of the current collector, if the volume shows it.
    """

    roles: Mapping[int, str]
    axis: int
    collector: int | None = None

    @property
    def phases(self) -> tuple[int, ...]:
        """Labels, in their order."""
        return tuple(self.roles)

    def first(self, role: Role) -> int | None:
        """Return the label of the first phase that plays a role.

        Parameters
        ----------
        role : str
            Such as ``"active"``.

        Returns
        -------
        int or None
            Its label, if there is one.
        """
        return next((label for label, its in self.roles.items() if its == role), None)

    def networks(self) -> list[Network]:
        """Return what conducts together, and the faces that it must reach.

        Returns
        -------
        list of Network
            Electrolyte: the separator's face, through electrolyte or lithium (so that an anode
            may lie between). Active material and carbon (and the collector), as one: the
            collector's face. Lithium: either of the two. Void: any face of the volume. Other
            phases have no terminal.
        """
        low, high = (self.axis, 0), (self.axis, 1)
        sides = tuple((axis, end) for axis in range(3) for end in (0, 1))
        lithium = tuple(label for label, role in self.roles.items() if role == "lithium")
        kinds: list[tuple[set[str], tuple[tuple[int, int], ...]]] = [
            ({"electrolyte"}, (low,)),
            ({"active", "carbon"}, (high,)),
            ({"lithium"}, (low, high)),
            ({"void"}, sides),
        ]
        found = []
        for roles, faces in kinds:
            own = {label for label, role in self.roles.items() if role in roles}
            own -= {self.collector}
            if "active" in roles and self.collector is not None:
                own |= {self.collector}
            if own:
                helpers = lithium if "electrolyte" in roles else ()
                found.append(Network(tuple(k for k in self.phases if k in own), faces, helpers))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """What takes part, in numbers.

    Parameters
    ----------
    cell : Cell
        What was asked.
    joined : Joined
        The volume split by what is joined.
    regions : RegionAreas
        Areas of the split volume, in total and for each particle.
    voxels : ndarray of int64, shape (particles, 2)
        Isolated and joined voxels of each particle.
    """

    cell: Cell
    joined: Joined
    regions: RegionAreas
    voxels: NDArray[np.int64]

    def area(self, a: int, b: int, *, active: bool = False) -> float:
        """Return the area between two phases.

        Parameters
        ----------
        a, b : int
            Labels.
        active : bool
            Only where both are joined to their terminals.

        Returns
        -------
        float
            Square micrometres.
        """
        areas = self.regions.whole.area_um2
        return float(sum(areas[key] for key in self._keys((a, b), 2, active=active)))

    def length(self, a: int, b: int, c: int, *, active: bool = False) -> float:
        """Return the length of the line where three phases meet.

        Parameters
        ----------
        a, b, c : int
            Labels.
        active : bool
            Only where all three are joined to their terminals.

        Returns
        -------
        float
            Micrometres.
        """
        lines = self.regions.whole.triple_um
        return float(sum(lines[key] for key in self._keys((a, b, c), 3, active=active)))

    def on_particles(self, other: int, *, active: bool = False) -> NDArray[np.float64]:
        """Return the area of each particle on another phase.

        Parameters
        ----------
        other : int
            Label.
        active : bool
            Only where both are joined to their terminals.

        Returns
        -------
        ndarray of float64, shape (particles,)
            Square micrometres.
        """
        own = self.cell.first("active")
        total = np.zeros(self.regions.names.size)
        for key in self._keys((own if own is not None else -1, other), 2, active=active):
            total += self.regions.area_um2[key]
        return total

    def isolated_fraction(self, phase: int) -> float:
        """Return the share of a phase that reaches no terminal.

        Parameters
        ----------
        phase : int
            Label.

        Returns
        -------
        float
            nan if the phase does not occur.
        """
        isolated, joined = self.joined.voxels[self.cell.phases.index(phase)]
        return float(isolated / (isolated + joined)) if isolated + joined else float("nan")

    def isolated_pieces(self, phase: int) -> NDArray[np.int64]:
        """Return the voxels of each piece of the isolated part of a phase.

        Parameters
        ----------
        phase : int
            Label.

        Returns
        -------
        ndarray of int64
            Empty if the phase has no terminal.
        """
        return self.joined.isolated[self.cell.phases.index(phase)]

    @property
    def used(self) -> NDArray[np.bool_]:
        """Whether each particle is joined to the collector and touches joined electrolyte."""
        used = np.zeros(self.regions.names.size, dtype=np.bool_)
        for label, role in self.cell.roles.items():
            if role == "electrolyte":
                used |= self.on_particles(label, active=True) > 0
        return used & (self.voxels[:, 1] > 0)

    @property
    def utilisation(self) -> float:
        """Share of the active material in particles that are used; nan without any."""
        total = int(self.voxels.sum())
        return float(self.voxels[self.used, 1].sum() / total) if total else float("nan")

    def _keys(self, labels: tuple[int, ...], size: int, *, active: bool) -> list[Any]:
        """List the pairs or triples of codes that stand for some phases."""
        wanted = sorted(self.cell.phases.index(label) for label in labels)
        return [
            key
            for key in combinations(self.joined.codes, size)
            if sorted(code // 2 for code in key) == wanted
            and (not active or all(code % 2 for code in key))
        ]


def find_activity(
    source: Source,
    cell: Cell,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    allocate: Allocate,
    particles: Source | None = None,
) -> Activity:
    """Tell apart what is joined to its terminals, and measure areas, lines and particles.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    cell : Cell
        Roles of the phases, and the terminals.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    allocate : callable
        Makes the masks ``"joined-0"`` … and, without particles, ``"components"``.
    particles : Source, optional
        Particles of the active material; its pieces joined over faces if not given.

    Returns
    -------
    Activity
        See `ssbtomo.blocks.terminals.join` and `ssbtomo.kernels.areas.area_counts` for
        estimators, bias and memory.
    """
    edges = check_spacing(spacing)
    joined = join(source, cell.phases, cell.networks(), grid, engine, allocate=allocate)
    active = cell.first("active")
    if active is None:
        objects: Source = MaskOf(source, ())
    elif particles is None:
        mask = MaskOf(source, (active,))
        objects, _ = components(mask, grid, engine, Wanted(1), allocate=allocate)
    else:
        objects = ObjectsOf(particles, source, active)
    split = joined.labels
    regions = region_areas(split, edges, joined.codes, grid, engine, objects=objects)
    codes = [] if active is None else [2 * cell.phases.index(active) + k for k in (0, 1)]
    _, voxels = region_voxels(split, objects, codes or [0, 1], grid, engine)
    return Activity(cell, joined, regions, voxels)
