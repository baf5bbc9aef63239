"""Where lithium touches the electrolyte at the anode, and the voids between them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.blocks.engine import SERIAL, Engine
from ssbtomo.blocks.stack import Stack, columns
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.anode_maps import (
    CONTACT,
    GAP_VOID,
    NO_INTERFACE,
    Texture,
    contact_map,
    pierced,
    texture,
    void_table,
)
from ssbtomo.kernels.stack_columns import Columns
from ssbtomo.measure.sources import Names
from ssbtomo.measure.stacking import Roles, Side, stack_of
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "LITHIUM_UM_PER_CHARGE",
    "STATES",
    "AnodeInterface",
    "anode_interface",
    "check_states",
    "interface_of",
]

#: Dense lithium per charge: 1 / (3860 mAh/g x 0.534 g/cm3), in µm per mAh/cm².
LITHIUM_UM_PER_CHARGE = 1e4 / (3860 * 0.534)
#: Contact fractions at and above which an interface is stable, and in transition. A convention.
STATES = (0.9, 0.5)


@dataclass(frozen=True, slots=True, repr=False)
class AnodeInterface:
    """The interface of lithium and electrolyte, as maps over its columns.

    Parameters
    ----------
    voids : pandas.DataFrame or dict
        One row per void; columns as in `ssbtomo.kernels.anode_maps.void_table`.
    kinds : ndarray of uint8, shape (V, U)
        0 no interface, 1 contact, 2 void between, 3 another phase between.
    void_labels : ndarray of int32, shape (V, U)
        The void in each column.
    gap_um, lithium_um, electrolyte_um : ndarray of float32, shape (V, U)
        Thickness of what is between, of the lithium (its voxels), of the electrolyte (its voxels
        before the cathode); ``nan`` where there is no interface.
    contact_fraction : float
        Share of the interface in contact.
    state : {"stable", "transition", "contact failure"}
        By the thresholds.
    void_um, buried_um : float
        Volume of the voids between per area of the interface; of those within the lithium.
    lithium_texture, electrolyte_texture : Texture
        Roughness of the two surfaces.
    charge : float or None
        In mAh/cm².
    lithium_expected_um : float
        Thickness of dense lithium for the charge; ``nan`` without.
    heights : Columns
        The maps that all follow from, in voxels.
    """

    voids: Any
    kinds: NDArray[np.uint8]
    void_labels: NDArray[np.int32]
    gap_um: NDArray[np.float32]
    lithium_um: NDArray[np.float32]
    electrolyte_um: NDArray[np.float32]
    contact_fraction: float
    state: str
    void_um: float
    buried_um: float
    lithium_texture: Texture
    electrolyte_texture: Texture
    charge: float | None
    lithium_expected_um: float
    heights: Columns

    @property
    def lithium_share(self) -> float:
        """Mean thickness of the lithium over that of dense lithium for the charge."""
        return float(np.nanmean(self.lithium_um)) / self.lithium_expected_um

    @property
    def void_share(self) -> float:
        """Volume of the voids per area over the thickness of dense lithium for the charge."""
        return (self.void_um + self.buried_um) / self.lithium_expected_um

    def __repr__(self) -> str:
        return (
            f"AnodeInterface: contact {self.contact_fraction:.1%} ({self.state}), "
            f"{self.void_labels.max(initial=0)} voids, {self.void_um:.4g} µm³/µm²"
        )


def anode_interface(  # noqa: PLR0913 - a verb is one call
    labels: ArrayLike,
    spacing: Spacing,
    roles: Roles,
    *,
    axis: str = "z",
    anode: Side = "low",
    phases: Names = None,
    states: tuple[float, float] = STATES,
    cutoff: float | None = None,
    charge: float | None = None,
    engine: Engine = SERIAL,
) -> AnodeInterface:
    """Map where lithium touches the electrolyte, and the voids between them.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    roles : mapping
        Role of each phase, as for `lithium_penetration`.
    axis : {"z", "y", "x"}
        The stacking axis.
    anode : {"low", "high"}
        At which end of it the anode is.
    phases : mapping of str to int, or sequence of int, optional
        Names and labels of the phases; all labels that occur if not given.
    states : tuple of float
        Contact fractions at and above which the interface is ``stable``, and in ``transition``;
        below the second is ``contact failure``. The values are a convention of ours: no source
        gives any.
    cutoff : float, optional
        Wavelength that parts roughness and waviness, in µm; a fifth of the shorter side if not
        given.
    charge : float, optional
        Charge of lithium plated, in mAh/cm².
    engine : Engine
        Where the blocks are measured.

    Returns
    -------
    AnodeInterface
        Column by column along the axis: exact for these voxels, and for any blocks. A surface
        steeper than a voxel per column is seen from the anode only: overhangs are hidden.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur or has no role, or none is lithium or electrolyte.
    InputDataError
        If there is no such axis or side, no column has an interface, or the thresholds do not
        fall from 1 to 0.
    """
    import pandas as pd

    check_states(states)
    stack, edges, grid = stack_of(labels, spacing, roles, (axis, anode), (phases, engine))
    found = interface_of(
        columns(stack, grid, engine), stack, edges, states=states, cutoff=cutoff, charge=charge
    )
    return replace(found, voids=pd.DataFrame(found.voids))


def check_states(states: tuple[float, float]) -> None:
    """Check the thresholds between the states of an interface.

    Parameters
    ----------
    states : tuple of float
        Least contact fraction of a stable one, and of one in transition.

    Raises
    ------
    InputDataError
        If they do not fall, or are no shares.
    """
    stable, transition = states
    if not 0 <= transition <= stable <= 1:
        raise InputDataError(
            f"the states begin at contact fractions of {stable} and {transition}",
            hint="give two shares that fall, such as (0.9, 0.5)",
        )


def interface_of(
    found: Columns,
    stack: Stack,
    spacing: Spacing,
    *,
    states: tuple[float, float] = STATES,
    cutoff: float | None = None,
    charge: float | None = None,
) -> AnodeInterface:
    """Work out the interface from the maps over columns.

    Parameters
    ----------
    found : Columns
        Of the cell.
    stack : Stack
        The cell.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    states, cutoff, charge : optional
        As for `anode_interface`.

    Returns
    -------
    AnodeInterface
        With columns instead of a data frame.

    Raises
    ------
    InputDataError
        If no column has an interface.
    """
    kinds = contact_map(found)
    known = kinds != NO_INTERFACE
    if not known.any() or not found.lithium.any():
        raise InputDataError(
            "no column holds electrolyte behind lithium, so there is no interface",
            hint="check the phases' roles, the stacking axis and on which side the anode is",
        )
    edge = spacing[stack.axis]
    v, u = (e for k, e in enumerate(spacing) if k != stack.axis)
    edges = (edge, (v, u))
    rows, labels = void_table(found, kinds, edges)
    share = float(np.count_nonzero(kinds == CONTACT)) / float(np.count_nonzero(known))
    usual = known & ~pierced(found)
    area = np.count_nonzero(known)
    return AnodeInterface(
        rows, kinds, labels,
        _map(found.void + found.other, known, edge), _map(found.lithium, known, edge),
        _map(found.solid, known, edge), share, _state(share, states),
        float(found.void[kinds == GAP_VOID].sum()) / area * edge,
        float(found.buried[known].sum()) / area * edge,
        texture(found.top, usual & (found.top > 0), edges, cutoff),
        texture(found.electrolyte, usual, edges, cutoff),
        charge, LITHIUM_UM_PER_CHARGE * charge if charge else float("nan"), found,
    )  # fmt: skip


def _state(share: float, states: tuple[float, float]) -> str:
    if share >= states[0]:
        return "stable"
    return "transition" if share >= states[1] else "contact failure"


def _map(voxels: NDArray[np.int32], known: NDArray[np.bool_], edge: float) -> NDArray[np.float32]:
    return np.where(known, voxels * edge, np.nan).astype(np.float32)
