"""Which contacts, lines and particles take part: joined to both terminals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.blocks.engine import SERIAL, Engine
from ssbtomo.errors import InputDataError, PhaseMissingError
from ssbtomo.kernels.resolution import check_particles
from ssbtomo.measure.activity import Activity, Cell, Role, find_activity
from ssbtomo.measure.sources import Names, cut, in_memory, label_of, label_source, named_phases
from ssbtomo.units import AXES, Spacing, check_spacing

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

__all__ = ["ActiveContacts", "active_contacts", "roles_by_label"]


@dataclass(frozen=True, slots=True, repr=False)
class ActiveContacts:
    """Contacts, lines and particles, and which of them take part.

    Parameters
    ----------
    areas : pandas.DataFrame
        ``phase_a``, ``phase_b``, ``area_um2``, ``active_area_um2`` and both per volume.
    lines : pandas.DataFrame
        ``phase_a``, ``phase_b``, ``phase_c``, ``length_um``, ``active_length_um`` and both per
        volume.
    isolated : pandas.DataFrame
        ``phase``, ``isolated_fraction``, ``isolated_pieces``: connected pieces of that part.
    particles : pandas.DataFrame
        ``particle``, ``volume_um3``, ``area_um2``, ``active_area_um2`` (on electrolyte),
        ``joined`` (to the collector), ``used``, ``resolved`` (its diameter is three voxels or more).
    utilisation : float
        Share of the active material in particles that are used; nan without any.
    """

    areas: pd.DataFrame
    lines: pd.DataFrame
    isolated: pd.DataFrame
    particles: pd.DataFrame
    utilisation: float

    def __repr__(self) -> str:
        return (
            f"ActiveContacts: utilisation ceiling {self.utilisation:.3g}, "
            f"{int((~self.particles['joined']).sum())} of {len(self.particles)} particles isolated"
        )


def active_contacts(
    labels: ArrayLike,
    spacing: Spacing,
    roles: Mapping[str | int, Role],
    *,
    axis: str = "z",
    phases: Names = None,
    particles: ArrayLike | None = None,
    collector: str | int | None = None,
    engine: Engine = SERIAL,
) -> ActiveContacts:
    """Measure which contacts, triple lines and particles are joined to both terminals.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    roles : mapping
        Role of each phase, by its name or label: ``"void"``, ``"electrolyte"``,
        ``"active"``, ``"lithium"``, ``"carbon"`` or ``"other"``.
    axis : {"z", "y", "x"}
        From the separator (low end) to the collector (high end).
    phases : mapping of str to int, or sequence of int, optional
        Names and labels, or labels, of the phases; all labels that occur if not given.
    particles : array_like of int, shape (Z, Y, X), optional
        Particles of the active material; its connected pieces if not given.
    collector : str or int, optional
        The phase that is the current collector, if the volume shows it.
    engine : Engine
        Where the blocks are measured: here or in threads.

    Returns
    -------
    ActiveContacts
        Electrolyte is joined if it reaches the separator's face through electrolyte and lithium
        (the anode, if the volume shows it); active material and carbon
        together, if they reach the collector's; lithium, if it reaches either; void, if it
        reaches any face; other phases always. Masks of one byte per voxel and network are
        held.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur, or has no role.
    InputDataError
        If there is no such axis, or the tasks run in other processes.
    """
    if axis not in AXES:
        raise InputDataError(f"there is no axis {axis!r}", hint="take z, y or x")
    edges = check_spacing(spacing)
    source = label_source(labels)
    named = named_phases(source, phases, engine, least=2)
    cell = Cell(
        roles_by_label(roles, named),
        AXES.index(axis),
        None if collector is None else label_of(collector, named),
    )
    found = find_activity(
        source, cell, edges, cut(source, engine), engine,
        allocate=in_memory(source, engine),
        particles=None if particles is None else label_source(particles),
    )  # fmt: skip
    volume = float(np.prod(source.shape, dtype=np.int64)) * float(np.prod(edges))
    return ActiveContacts(
        _contact_table(found, named, volume),
        _line_table(found, named, volume),
        _isolated_table(found, named),
        _particle_table(found, edges),
        found.utilisation,
    )


def roles_by_label(
    roles: Mapping[str | int, Role], named: Mapping[str | int, int]
) -> dict[int, str]:
    """Return the role of each label.

    Parameters
    ----------
    roles : mapping
        Role of each phase, by its name or label.
    named : mapping
        Names and labels of the phases.

    Returns
    -------
    dict of int to str
        Label and role, in the order of the phases.

    Raises
    ------
    PhaseMissingError
        If a phase has no role.
    """
    given = {label_of(name, named): role for name, role in roles.items()}
    lacking = [str(name) for name, label in named.items() if label not in given]
    if lacking:
        raise PhaseMissingError(
            f"no role is given for {', '.join(lacking)}",
            hint="give each phase a role; 'other' takes part in nothing",
        )
    return {label: given[label] for label in named.values()}


def _contact_table(found: Activity, named: Mapping[Any, int], volume: float) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for a, b in combinations(named, 2):
        area = found.area(named[a], named[b])
        active = found.area(named[a], named[b], active=True)
        rows.append([a, b, area, active, area / volume, active / volume])
    columns = ["phase_a", "phase_b", "area_um2", "active_area_um2",
               "area_per_volume_um2_um3", "active_area_per_volume_um2_um3"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _line_table(found: Activity, named: Mapping[Any, int], volume: float) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for triple in combinations(named, 3):
        labels = [named[name] for name in triple]
        length = found.length(*labels)
        active = found.length(*labels, active=True)
        rows.append([*triple, length, active, length / volume, active / volume])
    columns = ["phase_a", "phase_b", "phase_c", "length_um", "active_length_um",
               "length_per_volume_um_um3", "active_length_per_volume_um_um3"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _isolated_table(found: Activity, named: Mapping[Any, int]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        [name, found.isolated_fraction(label), len(found.isolated_pieces(label))]
        for name, label in named.items()
    ]
    return pd.DataFrame(rows, columns=["phase", "isolated_fraction", "isolated_pieces"])


def _particle_table(found: Activity, spacing: Spacing) -> pd.DataFrame:
    import pandas as pd

    others = [label for label in found.cell.phases if label != found.cell.first("active")]
    partners = [label for label in others if found.cell.roles[label] == "electrolyte"]
    none = np.zeros(found.regions.names.size)
    volume = found.voxels.sum(axis=1) * float(np.prod(spacing))
    return pd.DataFrame(
        {
            "particle": found.regions.names,
            "volume_um3": volume,
            "area_um2": sum((found.on_particles(label) for label in others), none),
            "active_area_um2": sum(
                (found.on_particles(label, active=True) for label in partners), none
            ),
            "joined": found.voxels[:, 1] > 0,
            "used": found.used,
            "resolved": check_particles(np.cbrt(6 * volume / np.pi), spacing),
        }
    )
