"""Lithium in the electrolyte: how far, how much, where, and what it is joined to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ssbtomo.blocks.engine import SERIAL, Engine, Source
from ssbtomo.blocks.filaments import ANODE, CATHODE_SIDE, Filaments, Planes, find_filaments
from ssbtomo.blocks.grid import Grid
from ssbtomo.blocks.passes import Allocate
from ssbtomo.blocks.stack import Stack, columns
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.stack_columns import Columns
from ssbtomo.kernels.surface_plane import Plane, fit_plane
from ssbtomo.measure.sources import Names, in_memory, label_source
from ssbtomo.measure.stacking import Roles, Side, stack_of
from ssbtomo.units import AXES, Spacing

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from ssbtomo.kernels.runs import Neighbours

__all__ = [
    "LithiumPenetration",
    "Penetration",
    "lithium_penetration",
    "penetration_of",
    "planes_of",
]

Rows = dict[str, "NDArray[Any]"]


@dataclass(frozen=True, slots=True, repr=False)
class LithiumPenetration:
    """Lithium beyond the surface of its electrode.

    Parameters
    ----------
    filaments : pandas.DataFrame
        One row per connected piece beyond the surface; columns as in `penetration_of`.
    labels : ndarray of uint32, shape (Z, Y, X)
        Filaments, 0 where there is none.
    depth_um : float
        Largest depth of those joined to the anode; 0 without.
    depth_share : float
        The same, over the thickness of the electrolyte.
    short : bool
        Whether one piece of lithium joins anode and cathode.
    volume_um3, dead_um3, under_um3 : float
        Lithium beyond the surface; lithium joined to neither side; lithium under the surface.
    surface_um, electrolyte_um, tolerance_um : float
        Mean height of the electrode's surface; mean thickness of the electrolyte; how far beyond
        the surface lithium is a filament and not roughness.
    """

    filaments: pd.DataFrame
    labels: NDArray[np.uint32]
    depth_um: float
    depth_share: float
    short: bool
    volume_um3: float
    dead_um3: float
    under_um3: float
    surface_um: float
    electrolyte_um: float
    tolerance_um: float

    def __repr__(self) -> str:
        return (
            f"LithiumPenetration: {len(self.filaments)} filaments, {self.depth_share:.1%} of the "
            f"electrolyte deep, {'short' if self.short else 'no short'}, "
            f"dead lithium {self.dead_um3:.4g} µm³"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Penetration:
    """What `penetration_of` found, in numbers and columns.

    Parameters
    ----------
    rows : dict of ndarray
        The table of filaments.
    found : Filaments
        What they follow from.
    planes : Planes
        The ends of the electrolyte, in voxels.
    surface_um, electrolyte_um, tolerance_um : float
        As in `LithiumPenetration`.
    voxel_um3 : float
        Volume of a voxel.
    """

    rows: Rows
    found: Filaments
    planes: Planes
    surface_um: float
    electrolyte_um: float
    tolerance_um: float
    voxel_um3: float

    @property
    def deepest(self) -> int | None:
        """Row of the filament, joined to the anode, that is deepest for the electrolyte there."""
        joined = (self.found.joined & ANODE) > 0
        return int(np.argmax(np.where(joined, self.found.share, -1.0))) if joined.any() else None

    @property
    def short(self) -> bool:
        """Whether one piece of lithium joins anode and cathode."""
        return bool((self.found.lithium.joined == ANODE | CATHODE_SIDE).any())

    @property
    def dead_um3(self) -> float:
        """Volume of lithium that is joined to neither side."""
        lithium = self.found.lithium
        return float(lithium.voxels[lithium.joined == 0].sum()) * self.voxel_um3

    @property
    def under_um3(self) -> float:
        """Volume of lithium under the surface (and its roughness)."""
        return float(self.found.lithium.under.sum()) * self.voxel_um3

    @property
    def volume_um3(self) -> float:
        """Volume of lithium beyond it."""
        return float(self.found.pieces.size.sum()) * self.voxel_um3


def lithium_penetration(  # noqa: PLR0913 - a verb is one call
    labels: ArrayLike,
    spacing: Spacing,
    roles: Roles,
    *,
    axis: str = "z",
    anode: Side = "low",
    phases: Names = None,
    cracks: ArrayLike | None = None,
    surface: float | Literal["plane", "median"] = "plane",
    electrolyte_thickness: float | None = None,
    tolerance: float | None = None,
    neighbours: Neighbours = 26,
    engine: Engine = SERIAL,
) -> LithiumPenetration:
    """Measure how far lithium has grown into the electrolyte.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    roles : mapping
        Role of each phase, by its name or label: ``"lithium"``, ``"electrolyte"``, ``"void"``,
        ``"active"`` (the cathode), or any other.
    axis : {"z", "y", "x"}
        The stacking axis.
    anode : {"low", "high"}
        At which end of it the anode is.
    phases : mapping of str to int, or sequence of int, optional
        Names and labels of the phases; all labels that occur if not given.
    cracks : array_like of int, shape (Z, Y, X), optional
        Cracks, filled or not; 0 where there is none.
    surface : float or {"plane", "median"}
        The electrode's surface: the plane of least absolute distances from the first voxel of each
        column that is not lithium, their median, or a height in µm from the anode's end.
    electrolyte_thickness : float, optional
        In µm; from the surface to the cathode (the plane of least absolute distances from its
        first voxels), or to the end of the volume, if not given.
    tolerance : float, optional
        How far beyond the surface lithium is roughness, in µm; 3 robust standard deviations of
        the surface if not given: 0 for a flat one.
    neighbours : {6, 18, 26}
        Voxels of lithium that touch by a face, also by an edge, or also by a corner.
    engine : Engine
        Where the blocks are measured: here or in threads.

    Returns
    -------
    LithiumPenetration
        Depths are along the axis, to the far face of the deepest voxel; bias: half a voxel, and
        what the segmentation lost of a tip thinner than a voxel. 5 bytes per voxel are held.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur or has no role, or none is lithium or electrolyte.
    InputDataError
        If there is no such axis or side, or no column with lithium before the electrolyte.
    """
    import pandas as pd

    stack, edges, grid = stack_of(labels, spacing, roles, (axis, anode), (phases, engine))
    crack_source = None if cracks is None else label_source(cracks)
    if crack_source is not None and tuple(crack_source.shape) != tuple(stack.shape):
        raise InputDataError(
            f"the cracks are {tuple(crack_source.shape)}, the labels {tuple(stack.shape)}",
            hint="pass the cracks that were found in these labels",
        )
    planes = planes_of(
        columns(stack, grid, engine), edges[stack.axis],
        surface=surface, thickness=electrolyte_thickness, tolerance=tolerance,
    )  # fmt: skip
    found = penetration_of(
        stack, planes, edges, grid, engine,
        allocate=in_memory(stack.source, engine), cracks=crack_source, neighbours=neighbours,
    )  # fmt: skip
    row = found.deepest
    return LithiumPenetration(
        pd.DataFrame(found.rows), np.asarray(found.found.labels),
        0.0 if row is None else float(found.rows["depth_um"][row]),
        0.0 if row is None else float(found.rows["depth_share"][row]),
        found.short, found.volume_um3, found.dead_um3, found.under_um3,
        found.surface_um, found.electrolyte_um, found.tolerance_um,
    )  # fmt: skip


def planes_of(
    found: Columns,
    edge: float,
    *,
    surface: float | Literal["plane", "median"] = "plane",
    thickness: float | None = None,
    tolerance: float | None = None,
) -> Planes:
    """Estimate the two ends of the electrolyte.

    Parameters
    ----------
    found : Columns
        Of the cell.
    edge : float
        Voxel edge along the stacking axis in µm.
    surface, thickness, tolerance : optional
        As in `lithium_penetration`.

    Returns
    -------
    Planes
        In voxels.

    Raises
    ------
    InputDataError
        If there is no surface.
    """
    if isinstance(surface, str):
        near = fit_plane(found.front, found.front >= 0, tilted=surface == "plane")
    else:
        near = Plane(surface / edge)
    slack = 3 * near.spread if tolerance is None else tolerance / edge
    above = Plane(near.offset + slack, near.along_v, near.along_u)
    cathode = found.end < found.length
    if thickness is not None:
        far = Plane(near.offset + thickness / edge, near.along_v, near.along_u)
    elif cathode.any():
        far = fit_plane(found.end, cathode, tilted=True)
    else:
        far = Plane(float(found.length))
    return Planes(near, above, far)


def penetration_of(
    stack: Stack,
    planes: Planes,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    allocate: Allocate,
    cracks: Source | None = None,
    neighbours: Neighbours = 26,
) -> Penetration:
    """Measure filaments, and arrange them as a table.

    Parameters
    ----------
    stack : Stack
        The cell.
    planes : Planes
        The ends of the electrolyte.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    allocate : callable
        As for `ssbtomo.blocks.filaments.find_filaments`.
    cracks : Source, optional
        Cracks, 0 where there is none.
    neighbours : {6, 18, 26}
        Voxels of lithium that touch.

    Returns
    -------
    Penetration
        Its rows have ``filament``, ``volume_um3``, ``depth_um`` and ``depth_share`` (of the tip),
        ``tip_z_um`` …, ``branches`` (ends that pass their fork by three voxels or more),
        ``joined_to`` (``anode``, ``cathode``, ``both``: a short, ``none``: dead), ``path``
        (``crack``, ``pore``, ``cathode`` or ``bulk``), ``crack_share`` (of its voxels and of its
        surface on other voxels of cracks, the larger), ``void_share``, ``electrolyte_share`` (of
        its surface on void, electrolyte), ``touches_border``.
    """
    found = find_filaments(
        stack, planes, spacing, grid, engine,
        allocate=allocate, cracks=cracks, neighbours=neighbours,
    )  # fmt: skip
    middle = [(n - 1) / 2 for k, n in enumerate(grid.shape) if k != stack.axis]
    at = [float(p.heights(*np.array(middle)[:, None])[0]) for p in _three(planes)]
    edge = spacing[stack.axis]
    voxel = float(np.prod(spacing))
    return Penetration(
        _filament_rows(found, spacing, stack, voxel), found, planes,
        at[0] * edge, (at[2] - at[0]) * edge, (at[1] - at[0]) * edge, voxel,
    )  # fmt: skip


def _three(planes: Planes) -> tuple[Plane, Plane, Plane]:
    return planes.surface, planes.cut, planes.far


_PATH_SHARE = (
    0.05  # of the surface on cracks, or on pores, from which a filament is said to be in them
)
_JOINED = np.array(["none", "anode", "cathode", "both"])


def _filament_rows(found: Filaments, spacing: Spacing, stack: Stack, voxel: float) -> Rows:
    size = found.pieces.size
    total = found.faces_um2.sum(axis=1)
    share = found.faces_um2 / np.where(total > 0, total, 1.0)[:, None]
    crack = np.maximum(share[:, 1], found.in_crack / np.maximum(size, 1))
    path = np.select(
        [crack >= _PATH_SHARE, share[:, 0] >= _PATH_SHARE, share[:, 3] > share[:, 2]],
        ["crack", "pore", "cathode"], "bulk",
    )  # fmt: skip
    tips = (found.tip + 0.5) * np.array(spacing)
    z, y, x = stack.shape
    sides = np.delete(found.pieces.touches((z, y, x)), stack.axis, axis=1)
    border = np.asarray(sides.any(axis=(1, 2)))
    return {
        "filament": np.arange(1, size.size + 1), "volume_um3": size * voxel,
        "depth_um": found.depth * spacing[stack.axis], "depth_share": found.share,
        **{f"tip_{name}_um": tips[:, k] for k, name in enumerate(AXES)},
        "branches": found.ends, "joined_to": _JOINED[found.joined], "path": path,
        "crack_share": crack, "void_share": share[:, 0], "electrolyte_share": share[:, 2],
        "touches_border": border,
    }  # fmt: skip
