"""What each crack costs: contact of active material and electrolyte, and what it cuts off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.blocks.areas import interface_areas
from ssbtomo.blocks.closing import CrackAreas, close, crack_areas
from ssbtomo.blocks.crack_joins import CrackJoins, crack_joins
from ssbtomo.blocks.engine import SERIAL, Engine, Source
from ssbtomo.blocks.grid import Grid
from ssbtomo.blocks.passes import Allocate
from ssbtomo.errors import InputDataError, PhaseMissingError
from ssbtomo.measure.active import roles_by_label
from ssbtomo.measure.activity import Cell, Role
from ssbtomo.measure.sources import Names, cut, in_memory, label_source, named_phases
from ssbtomo.units import AXES, Spacing, check_spacing

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

__all__ = ["REACH", "ContactLost", "CrackCosts", "contact_lost", "costs_of"]

#: Largest voxel edges within which a phase may fill a crack.
REACH = 12.0
_OPEN = {"void", "lithium"}


@dataclass(frozen=True, slots=True, repr=False)
class ContactLost:
    """What each crack costs.

    Parameters
    ----------
    cracks : pandas.DataFrame
        One row per crack, the most harmful first; columns as in `costs_of`.
    contact_area_um2 : float
        Contact of active material and electrolyte as it is.
    contact_lost_um2 : float
        What all cracks together cost.
    electrolyte_joined, active_joined : float
        Share of the electrolyte that is joined to the separator's face, and of active material
        (and carbon) to the collector's; ``nan`` without such phases.
    electrolyte_gain, active_gain : float
        What these shares would gain if all cracks were closed.
    """

    cracks: pd.DataFrame
    contact_area_um2: float
    contact_lost_um2: float
    electrolyte_joined: float
    active_joined: float
    electrolyte_gain: float
    active_gain: float

    def __repr__(self) -> str:
        whole = self.contact_area_um2 + self.contact_lost_um2
        share = self.contact_lost_um2 / whole if whole else float("nan")
        return f"ContactLost: {len(self.cracks)} cracks cost {share:.1%} of the contact"


@dataclass(frozen=True, slots=True, eq=False)
class CrackCosts:
    """What `costs_of` found.

    Parameters
    ----------
    rows : dict of ndarray
        The table.
    contact_um2 : float
        Contact as it is.
    areas : CrackAreas
        Areas of each crack.
    ions, electrons : CrackJoins or None
        What cracks cut off; ``None`` without such phases.
    """

    rows: dict[str, NDArray[Any]]
    contact_um2: float
    areas: CrackAreas
    ions: CrackJoins | None
    electrons: CrackJoins | None


def contact_lost(
    labels: ArrayLike,
    spacing: Spacing,
    cracks: ArrayLike,
    roles: Mapping[str | int, Role],
    *,
    axis: str = "z",
    phases: Names = None,
    reach: float | None = None,
    engine: Engine = SERIAL,
) -> ContactLost:
    """Close each crack virtually, and measure what comes back.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    cracks : array_like of int, shape (Z, Y, X)
        Cracks from 1, 0 where there is none; for example ``measure.cracks(...).labels``.
    roles : mapping
        Role of each phase, by its name or label, as for `active_contacts`. Void and lithium may
        fill cracks; all others may close them.
    axis : {"z", "y", "x"}
        From the separator (low end) to the collector (high end).
    phases : mapping of str to int, or sequence of int, optional
        Names and labels of the phases; all labels that occur if not given.
    reach : float, optional
        Phases further than this from a crack's voxel do not fill it, in µm; 12 largest voxel
        edges if not given.
    engine : Engine
        Where the blocks are measured: here or in threads.

    Returns
    -------
    ContactLost
        The table, the most harmful crack first. 10 bytes per voxel are held.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur or has no role, or none is active material or electrolyte.
    InputDataError
        If there is no such axis, or the cracks do not fit the labels.
    """
    import pandas as pd

    if axis not in AXES:
        raise InputDataError(f"there is no axis {axis!r}", hint="take z, y or x")
    edges = check_spacing(spacing)
    source, crack_source = label_source(labels), label_source(cracks)
    if tuple(crack_source.shape) != tuple(source.shape):
        raise InputDataError(
            f"the cracks are {tuple(crack_source.shape)}, the labels {tuple(source.shape)}",
            hint="pass the cracks that were found in these labels",
        )
    own = roles_by_label(roles, named_phases(source, phases, engine, least=2))
    found = costs_of(
        source, crack_source, edges, cut(source, engine), engine,
        cell=Cell(own, AXES.index(axis)), allocate=in_memory(source, engine), reach=reach,
    )  # fmt: skip
    table = pd.DataFrame(found.rows).sort_values("rank", ignore_index=True)
    return ContactLost(
        table, found.contact_um2, float(found.areas.lost.sum()),
        _share(found.ions), _share(found.electrons), _gain(found.ions), _gain(found.electrons),
    )  # fmt: skip


def costs_of(
    source: Source,
    cracks: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    cell: Cell,
    allocate: Allocate,
    reach: float | None = None,
) -> CrackCosts:
    """Measure what each crack costs, block by block.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    cracks : Source
        Cracks from 1; 0 is none.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    cell : Cell
        Roles and axis.
    allocate : callable
        Makes the stores ``"closed"`` (as the labels), and those of
        `ssbtomo.blocks.closing.crack_joins`; none is needed afterwards.
    reach : float, optional
        As for `contact_lost`.

    Returns
    -------
    CrackCosts
        Its rows have ``crack``, ``volume_um3``, ``exposed_active_um2``,
        ``exposed_electrolyte_um2``, ``contact_lost_um2``, ``contact_lost_share`` (of the contact
        with all cracks closed), ``electrolyte_cut_off`` and ``active_cut_off`` (share of the
        phase that closing this crack alone joins to its terminal), ``harm`` (the sum of the
        three shares: a convention) and ``rank`` (1 is the most harmful), by rising crack.

    Raises
    ------
    PhaseMissingError
        If no phase is active material, or none is electrolyte.
    """
    active, electrolyte = cell.first("active"), cell.first("electrolyte")
    if active is None or electrolyte is None:
        raise PhaseMissingError(
            "contact is lost between active material and electrolyte; one of them is missing",
            hint="give one phase the role 'active' and one 'electrolyte'",
        )
    opened = [label for label, role in cell.roles.items() if role in _OPEN]
    fillers = [label for label in cell.phases if label not in opened]
    closed = allocate("closed", np.dtype(source.dtype))
    close(
        source, cracks, spacing, grid, engine,
        fillers=fillers, reach=reach or REACH * max(spacing), sink=closed,
    )  # fmt: skip
    pair = (active, electrolyte)
    sources = (source, closed, cracks)
    areas = crack_areas(sources, spacing, grid, engine, pair=pair, opened=opened)
    found = interface_areas(source, spacing, cell.phases, grid, engine)
    contact = next(area for key, area in found.area_um2.items() if {*key} == {*pair})
    joins: list[CrackJoins | None] = [None, None]
    for network in cell.networks():
        kind = 0 if electrolyte in network.phases else 1 if active in network.phases else None
        if kind is not None:
            joins[kind] = crack_joins(
                source, closed, cracks, grid, engine, network=network, allocate=allocate
            )
    rows = _rows(areas, contact, joins, float(np.prod(spacing)))
    return CrackCosts(rows, contact, areas, *joins)


def _rows(
    areas: CrackAreas, contact: float, joins: list[CrackJoins | None], voxel: float
) -> dict[str, NDArray[Any]]:
    whole = contact + float(areas.lost.sum())
    lost = areas.lost / whole if whole > 0 else np.zeros(areas.names.size)
    cut_off = [_each(found, areas.names) for found in joins]
    harm = lost + cut_off[0] + cut_off[1]
    rank = np.empty(harm.size, np.int64)
    rank[np.argsort(-harm, kind="stable")] = np.arange(1, harm.size + 1)
    return {
        "crack": areas.names, "volume_um3": areas.voxels * voxel,
        "exposed_active_um2": areas.exposed[:, 0], "exposed_electrolyte_um2": areas.exposed[:, 1],
        "contact_lost_um2": areas.lost, "contact_lost_share": lost,
        "electrolyte_cut_off": cut_off[0], "active_cut_off": cut_off[1],
        "harm": harm, "rank": rank,
    }  # fmt: skip


def _each(found: CrackJoins | None, names: NDArray[np.int64]) -> NDArray[np.float64]:
    if found is None or not found.total:
        return np.zeros(names.size)
    return np.array([found.gained.get(name, 0) for name in names.tolist()]) / found.total


def _share(found: CrackJoins | None) -> float:
    return found.joined / found.total if found and found.total else float("nan")


def _gain(found: CrackJoins | None) -> float:
    return found.gained_by_all / found.total if found and found.total else float("nan")
