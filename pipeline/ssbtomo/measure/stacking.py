"""A cell as a stack, as users give it: checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from ssbtomo.blocks.grid import Grid
from ssbtomo.blocks.stack import Stack
from ssbtomo.errors import InputDataError, PhaseMissingError
from ssbtomo.measure.active import roles_by_label
from ssbtomo.measure.sources import Names, cut, label_source, named_phases
from ssbtomo.units import AXES, Spacing, check_spacing

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ssbtomo.blocks.engine import Engine
    from ssbtomo.measure.activity import Role

__all__ = ["Roles", "Side", "stack_of"]

Roles = Mapping["str | int", "Role"]
Side = Literal["low", "high"]


def stack_of(
    labels: ArrayLike,
    spacing: Spacing,
    roles: Roles,
    place: tuple[str, str],
    given: tuple[Names, Engine],
) -> tuple[Stack, Spacing, Grid]:
    """Check what a verb was given.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    roles : mapping
        Role of each phase, by its name or label.
    place : tuple of str
        Stacking axis, and the end at which the anode is.
    given : tuple
        Phases, or ``None``, and the engine.

    Returns
    -------
    stack : Stack
        The cell.
    edges : tuple of float
        The spacing, checked.
    grid : Grid
        How it is cut.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur or has no role, or none is lithium or electrolyte.
    InputDataError
        If there is no such axis or end.
    """
    (axis, anode), (phases, engine) = place, given
    if axis not in AXES:
        raise InputDataError(f"there is no axis {axis!r}", hint="take z, y or x")
    if anode not in {"low", "high"}:
        raise InputDataError(f"there is no end {anode!r}", hint="the anode is at 'low' or 'high'")
    edges = check_spacing(spacing)
    source = label_source(labels)
    own = roles_by_label(roles, named_phases(source, phases, engine, least=2))
    for role in ("lithium", "electrolyte"):
        if role not in own.values():
            raise PhaseMissingError(
                f"no phase has the role {role!r}",
                hint="give one phase that role; dark phases may be void or lithium",
            )
    return Stack(source, own, AXES.index(axis), anode == "high"), edges, cut(source, engine)
