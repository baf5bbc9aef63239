"""Contacts in detail: per volume of active material, in patches, lost between two states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.blocks.areas import interface_areas
from ssbtomo.blocks.engine import SERIAL, Engine, Source
from ssbtomo.blocks.fractions import phase_counts
from ssbtomo.blocks.patches import patches
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.resolution import least_size
from ssbtomo.measure.interfaces import coverage
from ssbtomo.measure.sources import (
    Names,
    Pair,
    cut,
    in_memory,
    label_of,
    label_source,
    named_phases,
    paired,
)
from ssbtomo.units import Spacing, check_spacing

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

__all__ = ["contact_loss", "contact_patches", "least_patch", "specific_contact_area"]

_PER_CM = 1e4  # cm2/cm3 in 1/um


def specific_contact_area(
    labels: ArrayLike,
    spacing: Spacing,
    active: int | str,
    phases: Names = None,
    *,
    engine: Engine = SERIAL,
) -> pd.DataFrame:
    """Measure contact areas per volume of the active material, beside their bound.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    active : int or str
        Label, or name, of the active material.
    phases : mapping of str to int, or sequence of int, optional
        All phases; all labels that occur if not given.
    engine : Engine
        Where the blocks are measured.

    Returns
    -------
    pandas.DataFrame
        For each other ``phase``: ``area_um2``, ``per_um`` (1/µm), ``cm2_per_cm3``, and
        ``bound_per_um``: the whole surface of the active material per its volume, which full
        coverage would give (6/d for spheres of diameter d).

    Raises
    ------
    PhaseMissingError
        If a phase does not occur, or there are fewer than two.
    """
    import pandas as pd

    edges = check_spacing(spacing)
    source = label_source(labels)
    named = named_phases(source, phases, engine, least=2)
    own, grid = label_of(active, named), cut(source, engine)
    areas = interface_areas(source, edges, list(named.values()), grid, engine).area_um2
    volume = int(phase_counts(source, [own], grid, engine).total[0]) * float(np.prod(edges))
    others = {name: label for name, label in named.items() if label != own}
    area = np.array([_between(areas, own, label) for label in others.values()])
    return pd.DataFrame(
        {
            "phase": list(others),
            "area_um2": area,
            "per_um": area / volume,
            "cm2_per_cm3": area / volume * _PER_CM,
            "bound_per_um": float(area.sum()) / volume,
        }
    )


def contact_patches(
    labels: ArrayLike,
    spacing: Spacing,
    pair: Pair,
    phases: Names = None,
    *,
    engine: Engine = SERIAL,
) -> pd.DataFrame:
    """Find the connected pieces of an interface: how many, how large, how far apart.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    pair : tuple of int or str
        The two phases; patches are seen from the first.
    phases : mapping of str to int, or sequence of int, optional
        All phases; all labels that occur if not given.
    engine : Engine
        Where the blocks are measured: here or in threads.

    Returns
    -------
    pandas.DataFrame
        One row per patch: ``patch``, ``area_um2``, ``voxels``, ``z_um``, ``y_um``, ``x_um``
        (its centre, from the outer corner of the volume), ``nearest_um`` (to the nearest
        other centre), ``touches_border``, ``resolved`` (as wide as three voxels). The areas sum to
        the contact area. Definition and bias: `ssbtomo.blocks.patches.patches`.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur, or there are fewer than two.
    InputDataError
        If the tasks run in other processes.
    """
    import pandas as pd

    edges = check_spacing(spacing)
    source, order, own = paired(labels, pair, phases, engine)
    found = patches(
        source, edges, order, cut(source, engine), engine,
        pair=own, allocate=in_memory(source, engine),
    )  # fmt: skip
    return pd.DataFrame(
        {
            "patch": np.arange(1, found.voxels.size + 1),
            "area_um2": found.area_um2,
            "voxels": found.voxels,
            **{f"{name}_um": found.centre_um[:, k] for k, name in enumerate("zyx")},
            "nearest_um": found.nearest_um,
            "touches_border": found.touches_border,
            "resolved": found.area_um2 >= least_patch(edges),
        }
    )


def least_patch(spacing: Spacing) -> float:
    """Return the area of the smallest patch that is resolved: a disc three voxels wide.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    float
        Square micrometres.
    """
    return float(np.pi / 4) * least_size(spacing) ** 2


def contact_loss(
    before: ArrayLike,
    after: ArrayLike,
    spacing: Spacing,
    active: int | str,
    phases: Names = None,
    *,
    particles: ArrayLike | None = None,
    engine: Engine = SERIAL,
) -> pd.DataFrame:
    """Compare the contacts of the active material in two states of one place.

    Parameters
    ----------
    before, after : array_like of int, shape (Z, Y, X)
        Two segmented volumes, registered on one grid; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    active : int or str
        Label, or name, of the active material.
    phases : mapping of str to int, or sequence of int, optional
        All phases; those that occur in either state if not given. One that occurs in only
        one state has no area in the other.
    particles : array_like of int, shape (Z, Y, X), optional
        Particles that keep their number in both states; the rows are then given for each that
        occurs in either.
    engine : Engine
        Where the blocks are measured.

    Returns
    -------
    pandas.DataFrame
        ``phase``, ``area_before_um2``, ``area_after_um2``, ``change_um2``, ``change`` (relative to
        before), ``coverage_before``, ``coverage_after``; before them ``particle`` if particles
        were given. What was lost is negative.

    Raises
    ------
    InputDataError
        If the two states differ in shape.
    """
    import pandas as pd

    states = [label_source(before), label_source(after)]
    if tuple(states[0].shape) != tuple(states[1].shape):
        raise InputDataError(
            f"the states differ in shape: {tuple(states[0].shape)} and {tuple(states[1].shape)}",
            hint="register one on the other's grid first",
        )
    named = _either(states, phases, engine)
    own = label_of(active, named)
    keys = ["phase"] if particles is None else ["particle", "phase"]
    tables = []
    for volume, state in zip((before, after), states, strict=True):
        there = named_phases(state, None, engine, least=1)
        here: Any = {name: label for name, label in named.items() if label in there}
        if own not in here.values() or len(here) < 2:
            tables.append(pd.DataFrame(columns=[*keys, "area_um2", "coverage"]))
            continue
        found = coverage(volume, spacing, particles, active=own, phases=here, engine=engine)
        tables.append(found)
    table = tables[0].merge(tables[1], on=keys, how="outer", suffixes=("_before", "_after"))
    area = {when: table[f"area_um2_{when}"].fillna(0.0).astype(float) for when in _STATES}
    change = area["after"] - area["before"]
    order = {name: k for k, name in enumerate(named)}
    found = pd.DataFrame(
        {
            **{key: table[key] for key in keys},
            **{f"area_{when}_um2": area[when] for when in _STATES},
            "change_um2": change,
            "change": change / area["before"].where(area["before"] > 0),
            **{f"coverage_{when}": _covered(table, area, keys, when) for when in _STATES},
        }
    )
    ranked = found.assign(rank=found["phase"].map(order))
    return ranked.sort_values([*keys[:-1], "rank"]).drop(columns="rank").reset_index(drop=True)


_STATES = ("before", "after")


def _between(areas: dict[tuple[int, int], float], a: int, b: int) -> float:
    return areas[a, b] if (a, b) in areas else areas[b, a]


def _either(states: Sequence[Source], phases: Names, engine: Engine) -> dict[str | int, int]:
    """Name the phases that occur in either state."""
    present: dict[str | int, int] = {}
    for state in states:
        present |= named_phases(state, None, engine, least=1)
    if phases is None:
        return dict(sorted(present.items()))
    if hasattr(phases, "items"):
        return {name: int(label) for name, label in phases.items()}
    return {int(label): int(label) for label in phases}


def _covered(table: Any, area: dict[str, Any], keys: list[str], when: str) -> Any:
    """Return the coverage of a state; a phase that is not in it covers nothing."""
    own = area[when]
    total = own.groupby(table["particle"]).transform("sum") if len(keys) > 1 else own.sum()
    return own / (total.where(total > 0) if len(keys) > 1 else total or float("nan"))
