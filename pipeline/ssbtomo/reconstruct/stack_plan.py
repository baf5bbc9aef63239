"""What is to be done to a FIB-SEM stack: which slices are used, where they go, how large a voxel is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.fib_sem import Cleaning, Placed, SliceStory, likenesses, stack_levels
from ssbtomo.blocks.slice_alignment import Aligning, Marked, align_slices
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.fibsem.distortion import Bends
from ssbtomo.kernels.fibsem.drift import Drift, canvas_of, widened
from ssbtomo.kernels.fibsem.flicker import flicker_factors
from ssbtomo.kernels.fibsem.resample import even_planes, foreshortening, view_drift
from ssbtomo.kernels.fibsem.slice_state import SliceState, odd_slices
from ssbtomo.kernels.fibsem.thickness import SliceThickness, slice_thickness
from ssbtomo.model.fib_sem import FibSem
from ssbtomo.units import Spacing, format_length

__all__ = [
    "Geometry",
    "cleaning_of",
    "drift_found",
    "flagged",
    "geometry_of",
    "placed_stack",
    "states_of",
    "thickness_of",
]

_SMALLEST = 8  # rows and columns that all slices must show

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Geometry:
    """The true size of a voxel.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges (dz, dy, dx) of the slices as recorded, in µm.
    stretch : float
        By how much rows are further apart on the face than in the image.
    thickness : SliceThickness or None
        The estimate, where one was asked for.
    notes : tuple of str
        What a user should know.
    """

    spacing: Spacing
    stretch: float = 1.0
    thickness: SliceThickness | None = None
    notes: tuple[str, ...] = ()


def states_of(properties: Floats, asked: FibSem) -> tuple[SliceState, ...]:
    """Return the slices that are not to be used, and why.

    Parameters
    ----------
    properties : ndarray of float, shape (Z, 5)
        Of all slices.
    asked : FibSem
        The options.

    Returns
    -------
    tuple of SliceState
        In order.

    Raises
    ------
    InputDataError
        If a slice that is to be left out does not exist, or fewer than two are left.
    """
    wrong = [n for n in asked.left_out if n >= len(properties)]
    if wrong:
        raise InputDataError(
            f"left_out names slice {wrong[0]}, and the stack has {len(properties)}",
            hint="slices are counted from 0",
        )
    found = {s.index: s for s in (odd_slices(properties) if asked.flag_slices else ())}
    for index in asked.left_out:
        found.setdefault(index, SliceState(index, "left out", "by the user"))
    if len(properties) - len(found) < 2:
        raise InputDataError(
            f"{len(found)} of {len(properties)} slices are blank or charged",
            hint="look at them; flag_slices: false uses all that are not named in left_out",
        )
    return tuple(found[index] for index in sorted(found))


def flagged(states: tuple[SliceState, ...], drift: Drift) -> tuple[SliceState, ...]:
    """Return all slices that were not used: those that looked spoiled, and those unlike all others.

    Parameters
    ----------
    states : tuple of SliceState
        From `states_of`.
    drift : Drift
        Of the stack.

    Returns
    -------
    tuple of SliceState
        In order.
    """
    found = {state.index: state for state in states}
    for index in drift.left_out:
        found.setdefault(
            index, SliceState(index, "unlike its neighbours", "correlation under half the usual")
        )
    return tuple(found[index] for index in sorted(found))


def cleaning_of(
    source: Source, good: NDArray[np.int64], asked: FibSem, phases: int
) -> Cleaning | None:
    """Say what is done to single slices, or that nothing is.

    Parameters
    ----------
    source : Source
        The stack.
    good : ndarray of int
        Slices that can be believed.
    asked : FibSem
        The options.
    phases : int
        Phases of the sample.

    Returns
    -------
    Cleaning or None
        ``None`` if neither curtains nor shading nor flicker are to be removed.
    """
    if not (asked.curtains or asked.shading or asked.flicker):
        return None
    return Cleaning(
        stack_levels(source, good, asked.classes or min(max(phases, 2), 5)),
        curtains=asked.curtains,
        strength=asked.curtain_strength,
        length=asked.curtain_length or 0.0,
        rows=asked.charged_rows,
        shading=asked.shading,
    )


def geometry_of(asked: FibSem, spacing: Spacing, conditions: Mapping[str, str]) -> Geometry:
    """Return the true height of a pixel on the face, unless the microscope saw to it.

    Parameters
    ----------
    asked : FibSem
        The options.
    spacing : tuple of float
        Voxel edges as given, in µm.
    conditions : mapping of str to str
        What the microscope told.

    Returns
    -------
    Geometry
        With notes where something is in doubt.
    """
    told = conditions.get("tilt_correction", "")
    on = told.startswith("on") if asked.tilt_corrected is None else asked.tilt_corrected
    notes: tuple[str, ...] = ()
    if asked.view_angle is None:
        if not on and told.startswith("off"):
            notes = (
                "the microscope's tilt correction was off and no view_angle is given: heights may "
                "be too small (1.27 times at 52 degrees)",
            )
        return Geometry(spacing, notes=notes)
    angle = re.search(r"(-?\d+(?:\.\d+)?)", told) if told.startswith("on") else None
    if not on:
        stretch = foreshortening(asked.view_angle)
    elif angle is None:
        stretch = 1.0
    else:
        stretch = foreshortening(asked.view_angle, float(angle[1]))
    if on and abs(stretch - 1) > 0.005:
        notes = (
            f"the microscope's tilt correction ({told}) is not that of a cross-section seen at "
            f"{asked.view_angle:g} degrees ({90 - asked.view_angle:g} deg): heights were corrected "
            f"by {stretch:.4g}",
        )
    dz, dy, dx = spacing
    return Geometry((dz, dy * stretch, dx), stretch, notes=notes)


def thickness_of(
    source: Source, good: NDArray[np.int64], drift: Drift, geometry: Geometry, engine: Engine
) -> Geometry:
    """Estimate the slice thickness, and return the geometry with it.

    Parameters
    ----------
    source : Source
        The stack, cleaned.
    good : ndarray of int
        Slices that can be believed.
    drift : Drift
        Of the stack.
    geometry : Geometry
        With the true pixel.
    engine : Engine
        Where the work is done.

    Returns
    -------
    Geometry
        With the estimate as dz.
    """
    _, dy, dx = geometry.spacing
    parts = likenesses(source, good, drift.found, engine)
    found = slice_thickness(parts, (dy, dx))
    note = (
        f"the slice thickness of {format_length(found.value)} ± {format_length(found.sigma)} is an "
        "estimate from the correlation of the slices, for an isotropic structure"
    )
    return Geometry((found.value, dy, dx), geometry.stretch, found, (*geometry.notes, note))


def drift_found(
    source: Source,
    good: NDArray[np.int64],
    asked: FibSem,
    geometry: Geometry,
    engine: Engine,
    *,
    marked: Marked = lambda name: None,
) -> Drift:
    """Find the drift, or know it from the view, or take it as none.

    Parameters
    ----------
    source : Source
        The stack, cleaned.
    good : ndarray of int
        Slices that can be believed.
    asked : FibSem
        The options.
    geometry : Geometry
        The true pixel.
    engine : Engine
        Where the work is done.
    marked : callable, optional
        Gives the markers of a pass.

    Returns
    -------
    Drift
        Places of all slices.
    """
    if asked.align:
        how = Aligning(asked.region, asked.high_pass, asked.template, asked.keep_aligned)
        return align_slices(source, good, how, engine, marked=marked)
    slices = source.shape[0]
    places = np.zeros((slices, 2))
    if asked.fixed_beam and asked.view_angle is not None:
        rows = view_drift(asked.view_angle, geometry.spacing[0], geometry.spacing[1])
        places[:, 0] = -rows * (np.arange(slices) - good[0])
    nothing = np.zeros((slices, 2))
    left_out = tuple(sorted(set(range(slices)) - set(good.tolist())))
    alike = np.full(slices, np.nan)
    return Drift(places, nothing, alike, left_out, (), not asked.fixed_beam, places)


def placed_stack(
    shape: tuple[int, ...],
    good: NDArray[np.int64],
    drift: Drift,
    asked: FibSem,
    geometry: Geometry,
    *,
    stories: list[SliceStory] | None = None,
    positions: Floats | None = None,
    bends: Bends | None = None,
) -> tuple[Placed, Spacing, tuple[int, ...]]:
    """Compose all transforms.

    Parameters
    ----------
    shape : tuple of int
        Of the stack.
    good : ndarray of int
        Slices that are used.
    drift : Drift
        Their places.
    asked : FibSem
        The options.
    geometry : Geometry
        The true voxel.
    stories : list of SliceStory or None, optional
        The levels of their classes, for the flicker.
    positions : ndarray of float, optional
        Of all slices along z, in µm.
    bends : Bends, optional
        Shear and stretch of the slices that are used.

    Returns
    -------
    placed : Placed
        What becomes of the stack.
    spacing : tuple of float
        Voxel edges of the volume, in µm.
    synthetic : tuple of int
        Slices of the volume that no good slice is near to.

    Raises
    ------
    InputDataError
        If the slices have no rectangle in common.
    """
    grown = asked.canvas == "grown"
    canvas = canvas_of(drift.place[good], (shape[1], shape[2]), grown=grown)
    turns = None
    if bends is not None and bends.bends.any():
        turns = bends.bends
        canvas = widened(canvas, turns, (shape[1], shape[2]), grown=grown)
    if min(canvas.shape) < _SMALLEST:
        far = np.ptp(drift.place[good], axis=0)
        raise InputDataError(
            f"all slices have {canvas.shape[0]} x {canvas.shape[1]} pixels in common: they drift by "
            f"{far[0]:.0f} rows and {far[1]:.0f} columns",
            hint="canvas: grown keeps what any slice shows; or give a region with a mark",
        )
    dz, dy, dx = geometry.spacing
    if positions is not None:
        dz = float((positions[good[-1]] - positions[good[0]]) / (good[-1] - good[0]))
    heights = good.astype(np.float64) if positions is None else positions[good] / dz
    edges = (dz, dy, dx) if asked.cubic_voxels is None else (asked.cubic_voxels,) * 3
    planes = even_planes(heights, edges[0] / dz)
    factors = np.tile([1.0, 0.0], (len(good), 1))
    if stories is not None and asked.flicker:
        levels = np.array([stories[n].levels for n in good.tolist()])
        factors = flicker_factors(levels, np.ones(len(good), bool))
    placed = Placed(
        good, heights, planes, drift.place[good], factors, canvas,
        (edges[1] / dy, edges[2] / dx) if asked.cubic_voxels is not None else (1.0, 1.0),
        3 if asked.interpolation == "cubic" else 1,
        0.0 if grown else None,
        turns,
    )  # fmt: skip
    return placed, edges, _synthetic(planes, heights, good)


def _synthetic(planes: Floats, heights: Floats, good: NDArray[np.int64]) -> tuple[int, ...]:
    found = []
    for number, height in enumerate(planes.tolist()):
        upper = min(int(np.searchsorted(heights, height)), len(heights) - 1)
        on_it = heights[upper] == height or upper == 0
        if not on_it and good[upper] - good[upper - 1] > 1:
            found.append(number)
    return tuple(found)
