"""From the slices of a FIB-SEM run to an aligned volume, in memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine
from ssbtomo.blocks.fib_sem import (
    Cleaning,
    Placed,
    SliceStory,
    clean_slices,
    look_at_slices,
    place_slices,
    stack_levels,
)
from ssbtomo.blocks.grid import Grid
from ssbtomo.blocks.slice_distortion import slice_bends
from ssbtomo.errors import VoxelSizeError
from ssbtomo.kernels.fibsem.drift import Drift
from ssbtomo.kernels.fibsem.slice_state import SliceState
from ssbtomo.kernels.fibsem.thickness import SliceThickness
from ssbtomo.model.fib_sem import FibSem
from ssbtomo.reconstruct.stack_plan import (
    Geometry,
    cleaning_of,
    drift_found,
    flagged,
    geometry_of,
    placed_stack,
    states_of,
    thickness_of,
)
from ssbtomo.volume import Volume

__all__ = ["AlignedStack", "align", "fib_sem", "remove_curtains", "slice_thickness"]

_SLAB = 16
_NOTHING = {"curtains": False, "flicker": False, "shading": False}


@dataclass(frozen=True, slots=True)
class AlignedStack:
    """An aligned volume and how it came about.

    Parameters
    ----------
    volume : Volume
        The volume.
    drift : Drift
        Where the slices lay, with standard errors and correlations.
    flagged : tuple of SliceState
        Slices that were not used, and why.
    synthetic : tuple of int
        Slices of `volume` that were interpolated across flagged ones.
    stories : tuple of SliceStory
        Curtains and class levels of each slice; empty if nothing was cleaned.
    geometry : Geometry
        The true voxel, with the estimate of the thickness and notes.
    placed : Placed
        All transforms.
    """

    volume: Volume
    drift: Drift
    flagged: tuple[SliceState, ...]
    synthetic: tuple[int, ...]
    stories: tuple[SliceStory, ...]
    geometry: Geometry
    placed: Placed


def fib_sem(
    stack: Volume,
    options: FibSem | None = None,
    *,
    phases: int = 3,
    workers: int | None = None,
    cancel: threading.Event | None = None,
) -> AlignedStack:
    """Make an aligned volume without curtains from the slices of a FIB-SEM run, in memory.

    Spoiled slices are found; curtains, charged rows and flicker removed as grey classes show them;
    the drift found; heights corrected for the view; all brought to its place in one interpolation.
    A run from a recipe does the same from disk to disk.

    Parameters
    ----------
    stack : Volume
        The slices along z.
    options : FibSem, optional
        As of the recipe: ``ssbtomo.model.FibSem(view_angle=52)``.
    phases : int
        Grey classes that the slices show, two to five.
    workers : int, optional
        Threads; the number of cores if not given.
    cancel : threading.Event, optional
        Set it to stop, with `CancelledError`.

    Returns
    -------
    AlignedStack
        The volume and what is known about it. The peak is three times the stack, and some 100
        bytes per pixel of a slice and worker.

    Raises
    ------
    InputDataError
        If too few slices can be used, or they have nothing in common.
    """
    asked = options or FibSem()
    spacing = stack.needed_spacing()
    raw = np.asarray(stack.data)
    slabs = Grid.slabs(stack.shape, _SLAB)
    with Engine.start("threads", workers, cancel=cancel) as engine:
        states = states_of(look_at_slices(raw, slabs, engine), asked)
        good = _good(len(raw), states)
        cleaning = cleaning_of(raw, good, asked, phases)
        clean, stories = raw, None
        if cleaning is not None:
            clean = np.empty_like(raw)
            stories = clean_slices(raw, clean, cleaning, slabs, engine)
        geometry = geometry_of(asked, spacing, stack.conditions)
        drift = drift_found(clean, good, asked, geometry, engine)
        states = flagged(states, drift)
        good = _good(len(raw), states)
        if asked.thickness == "estimate":
            geometry = thickness_of(clean, good, drift, geometry, engine)
        bends = slice_bends(clean, good, drift.found, asked.distortion, engine)
        placed, edges, synthetic = placed_stack(
            raw.shape, good, drift, asked, geometry, stories=stories, bends=bends
        )
        voxels = np.empty(placed.shape, raw.dtype)
        place_slices(clean, voxels, placed, Grid.slabs(placed.shape, _SLAB), engine)
    volume = _wrapped(voxels, stack).with_spacing(edges, stack.spacing_origin)
    volume = replace(volume, notes=(*stack.notes, *geometry.notes))
    told = tuple(stories or ())
    return AlignedStack(volume, drift, states, synthetic, told, geometry, placed)


def align(
    stack: Volume, options: FibSem | None = None, *, workers: int | None = None
) -> AlignedStack:
    """Align the slices of a stack, and do nothing else to them.

    Parameters
    ----------
    stack : Volume
        The slices along z; curtains should be removed before.
    options : FibSem, optional
        As of the recipe; curtains, flicker and shading are left alone.
    workers : int, optional
        Threads; the number of cores if not given.

    Returns
    -------
    AlignedStack
        The volume and the drift, with its standard errors.

    Raises
    ------
    InputDataError
        If too few slices can be used, or they have nothing in common.
    """
    asked = (options or FibSem()).model_copy(update=_NOTHING)
    return fib_sem(stack, asked, workers=workers)


def remove_curtains(
    stack: Volume,
    *,
    phases: int = 3,
    strength: float = 1.0,
    length: float | None = None,
    workers: int | None = None,
) -> Volume:
    """Remove curtains along y, slice by slice; see `ssbtomo.kernels.fibsem.curtains`.

    Parameters
    ----------
    stack : Volume
        The slices along z.
    phases : int
        Grey classes that the slices show, two to five.
    strength : float
        Share of the found curtains that is taken away, in (0, 1].
    length : float, optional
        Pixels along which a curtain hardly changes; a tenth of the slice if absent.
    workers : int, optional
        Threads; the number of cores if not given.

    Returns
    -------
    Volume
        Of the same type. Slices without curtains are unchanged, blank ones too.
    """
    asked = FibSem(curtain_strength=strength, curtain_length=length, classes=phases)
    raw = np.asarray(stack.data)
    slabs = Grid.slabs(stack.shape, _SLAB)
    with Engine.start("threads", workers) as engine:
        good = _good(len(raw), states_of(look_at_slices(raw, slabs, engine), asked))
        levels = stack_levels(raw, good, phases)
        clean = np.empty_like(raw)
        how = Cleaning(levels, strength=strength, length=length or 0.0)
        clean_slices(raw, clean, how, slabs, engine)
    clean[np.setdiff1d(np.arange(len(raw)), good)] = raw[np.setdiff1d(np.arange(len(raw)), good)]
    return _wrapped(clean, stack)


def slice_thickness(
    stack: Volume, options: FibSem | None = None, *, workers: int | None = None
) -> SliceThickness:
    """Estimate the distance of the slices from how fast they stop resembling one another.

    Pixels of a slice that are a slice thickness apart are as alike as those at one place in two
    neighbouring slices, if the structure is isotropic. Neither noise nor drift matters; curtains
    do: remove them before.

    Parameters
    ----------
    stack : Volume
        The slices along z; its pixel size must be known, its spacing along z is not looked at.
    options : FibSem, optional
        How the slices are aligned, and the angle of view.
    workers : int, optional
        Threads; the number of cores if not given.

    Returns
    -------
    SliceThickness
        In µm, with its standard error.

    Raises
    ------
    InputDataError
        If neighbouring slices have nothing in common, or do not differ.
    VoxelSizeError
        If the pixel size is not known.
    """
    asked = options or FibSem()
    if stack.spacing is None and stack.pixel_size is None:
        raise VoxelSizeError(
            f"{stack.source or stack.name or 'the stack'} does not tell its pixel size",
            hint="st.open(path, voxel_size=['1 nm', '5 nm', '5 nm']); the first is not looked at",
        )
    edges = stack.pixel_size if stack.spacing is None else stack.spacing[1:]
    assert edges is not None
    raw = np.asarray(stack.data)
    with Engine.start("threads", workers) as engine:
        slabs = Grid.slabs(stack.shape, _SLAB)
        good = _good(len(raw), states_of(look_at_slices(raw, slabs, engine), asked))
        geometry = geometry_of(asked, (1.0, *edges), stack.conditions)
        drift = drift_found(raw, good, asked, geometry, engine)
        good = np.setdiff1d(good, drift.left_out)
        found = thickness_of(raw, good, drift, geometry, engine).thickness
    assert found is not None
    return found


def _good(slices: int, states: tuple[SliceState, ...]) -> NDArray[np.int64]:
    return np.setdiff1d(np.arange(slices), [state.index for state in states]).astype(np.int64)


def _wrapped(voxels: NDArray[Any], stack: Volume) -> Volume:
    import dask.array as da

    return replace(stack, data=da.from_array(voxels, chunks=(64, -1, -1)))
