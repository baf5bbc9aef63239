"""Slices of a FIB-SEM stack, slab by slab: looked at, cleaned one by one, brought to their places.

Every slice is cleaned whole and for itself, and placed from whole slices: any cut into slabs, and
any scheduler, gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.markers import Markers
from ssbtomo.blocks.patterns import check_sink, each
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.fibsem.curtains import class_levels, remove_curtains
from ssbtomo.kernels.fibsem.drift import Canvas
from ssbtomo.kernels.fibsem.flicker import remove_shading
from ssbtomo.kernels.fibsem.resample import Placing, placed_slice, source_planes
from ssbtomo.kernels.fibsem.slice_state import slice_properties
from ssbtomo.kernels.fibsem.thickness import Likeness, likeness_of
from ssbtomo.kernels.histogram import Histogram
from ssbtomo.kernels.thresholds import multi_otsu

__all__ = [
    "Cleaning",
    "Placed",
    "SliceStory",
    "clean_slices",
    "likenesses",
    "look_at_slices",
    "place_slices",
    "stack_levels",
]

_SAMPLE, _PIXELS = 24, 200_000  # slices that tell the grey classes, pixels of each
_STARTS, _SIDE = 48, 1024  # slices that tell the thickness, pixels of their middle

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What is done to single slices.

    Parameters
    ----------
    levels : ndarray of float, shape (classes,)
        Grey value of each class of the stack.
    curtains : bool
        Remove curtains.
    strength : float
        Share of them that is taken away.
    length : float
        Pixels of the window along a curtain; a tenth of the slice if 0.
    rows : bool
        Level charged rows.
    shading : bool
        Remove smooth shading.
    """

    levels: Floats = field(repr=False)
    curtains: bool = True
    strength: float = 1.0
    length: float = 0.0
    rows: bool = True
    shading: bool = False


@dataclass(frozen=True, slots=True)
class SliceStory:
    """What was found in a slice.

    Parameters
    ----------
    levels : ndarray of float
        Grey values of its classes, after cleaning.
    before, after : float
        Strength of its curtains in grey values.
    rows : int
        Rows that were levelled.
    """

    levels: Floats
    before: float
    after: float
    rows: int


@dataclass(frozen=True, slots=True)
class Placed:
    """How a stack is brought to its places.

    Parameters
    ----------
    good : ndarray of int
        Slices that are used, rising.
    heights : ndarray of float
        Where they lie along z, in any unit.
    planes : ndarray of float
        Where the slices to be made lie, in the same unit.
    places : ndarray of float, shape (good, 2)
        Pixels by which the content of each used slice is off.
    factors : ndarray of float, shape (good, 2)
        Factor and offset of their grey values.
    canvas : Canvas
        The part of the plane, in pixels of the first slice.
    step : tuple of float
        Pixels of a slice, along y and x, per voxel to be made.
    order : int
        3 for cubic splines, 1 for linear interpolation within slices.
    outside : float or None
        Value of what a slice does not show; ``None`` where the canvas has no such part.
    bends : ndarray of float, shape (good, 2, 2), or None
        Shear and stretch of each used slice about its middle, in pixels per pixel.
    """

    good: NDArray[np.int64]
    heights: Floats
    planes: Floats
    places: Floats
    factors: Floats
    canvas: Canvas
    step: tuple[float, float] = (1.0, 1.0)
    order: int = 3
    outside: float | None = None
    bends: Floats | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the volume that is made."""
        rows, columns = (
            int(np.floor((n - 1) / s + 1e-6)) + 1
            for n, s in zip(self.canvas.shape, self.step, strict=True)
        )
        return len(self.planes), rows, columns


def look_at_slices(
    source: Source, grid: Grid, engine: Engine, *, markers: Markers | None = None
) -> Floats:
    """Measure the properties that tell spoiled slices; see `slice_properties`.

    Parameters
    ----------
    source : Source
        The stack.
    grid : Grid
        Slabs of whole slices; a task holds its slab and 12 bytes per pixel of a slice.
    engine : Engine
        Where the slabs are done.
    markers : Markers, optional
        Of finished slabs.

    Returns
    -------
    ndarray of float, shape (Z, 5)
        One row per slice.
    """
    task = partial(_look, source=source)
    return np.concatenate(list(engine.map(task, grid, markers=markers)))


def stack_levels(source: Source, good: NDArray[np.int64], classes: int) -> Floats:
    """Return the grey values of the classes of a stack, from some of its slices.

    Parameters
    ----------
    source : Source
        The stack.
    good : ndarray of int
        Slices that can be believed.
    classes : int
        Number of phases, two to five.

    Returns
    -------
    ndarray of float, shape (classes,)
        Rising.

    Raises
    ------
    InputDataError
        If the slices are constant.
    """
    chosen = good[np.unique(np.linspace(0, len(good) - 1, _SAMPLE).astype(int))]
    values = []
    for index in chosen.tolist():
        image = np.asarray(source[index : index + 1, :, :])[0].astype(np.float32)
        smooth = scipy.ndimage.gaussian_filter(image, 1.5)
        step = max(int(np.sqrt(smooth.size / _PIXELS)), 1)
        values.append(smooth[::step, ::step].ravel())
    found = multi_otsu(Histogram.of(np.concatenate(values)[None, None]), classes)
    return np.asarray(found.means, np.float64)


def clean_slices(
    source: Source,
    sink: Sink,
    cleaning: Cleaning,
    grid: Grid,
    engine: Engine,
    *,
    markers: Markers | None = None,
    on_block: Callable[[Block], None] | None = None,
) -> list[SliceStory]:
    """Clean every slice for itself.

    Parameters
    ----------
    source : Source
        The stack.
    sink : Sink
        Of the same shape and type; its shards are the slabs.
    cleaning : Cleaning
        What is done.
    grid : Grid
        Slabs of whole slices; a task holds its slab and about 80 bytes per pixel of a slice.
    engine : Engine
        Where the slabs are done.
    markers : Markers, optional
        Of finished slabs.
    on_block : callable, optional
        Told each slab that was finished now.

    Returns
    -------
    list of SliceStory
        One per slice.
    """
    check_sink(sink, grid, engine, source=source)
    task = partial(_clean, source=source, sink=sink, cleaning=cleaning)
    return [one for slab in each(task, grid, engine, on_block, markers=markers) for one in slab]


def place_slices(
    source: Source,
    sink: Sink,
    placed: Placed,
    grid: Grid,
    engine: Engine,
    *,
    markers: Markers | None = None,
    on_block: Callable[[Block], None] | None = None,
) -> None:
    """Bring the slices to their places: drift, flicker, missing slices and scale in one step.

    Parameters
    ----------
    source : Source
        The stack.
    sink : Sink
        The volume; its shards are the slabs.
    placed : Placed
        Where slices go.
    grid : Grid
        Slabs of the volume; a task holds its slab and about 40 bytes per pixel of a slice.
    engine : Engine
        Where the slabs are done.
    markers : Markers, optional
        Of finished slabs.
    on_block : callable, optional
        Told each slab that was finished now.
    """
    check_sink(sink, grid, engine)
    task = partial(_place, source=source, sink=sink, placed=placed)
    each(task, grid, engine, on_block, markers=markers)


def likenesses(
    source: Source, good: NDArray[np.int64], places: Floats, engine: Engine
) -> list[Likeness]:
    """Measure how slices resemble themselves and those that follow, for `slice_thickness`.

    Parameters
    ----------
    source : Source
        The stack, cleaned.
    good : ndarray of int
        Slices that can be believed.
    places : ndarray of float, shape (Z, 2)
        Of all slices.
    engine : Engine
        Where the tasks run; each holds eight slices of at most 1024 x 1024 pixels.

    Returns
    -------
    list of Likeness
        Of up to 48 slices all over the stack.

    Raises
    ------
    InputDataError
        If the stack has too few slices in a row.
    """
    usable = set(good.tolist())
    for lags in (6, 4, 2, 1):
        starts = [k for k in good.tolist() if all(k + n in usable for n in range(lags + 1))]
        if len(starts) >= 2:
            break
    else:
        raise InputDataError(
            "the slice thickness cannot be estimated: there are not three good slices in a row",
            hint="give the thickness",
        )
    chosen = np.unique(np.linspace(0, len(starts) - 1, _STARTS).astype(int))
    task = partial(_likeness, source=source, places=places, lags=lags)
    return list(engine.map(task, [starts[n] for n in chosen.tolist()]))


def _look(block: Block, *, source: Source) -> Floats:
    return np.array([slice_properties(image) for image in np.asarray(source[block.core])])


def _clean(
    block: Block, *, source: Source, sink: Sink, cleaning: Cleaning
) -> tuple[SliceStory, ...]:
    out = np.empty(block.shape, sink.dtype)
    stories = []
    for number, image in enumerate(np.asarray(source[block.core])):
        values = np.asarray(image, np.float32)
        if cleaning.shading:
            values = remove_shading(values, cleaning.levels)
        if cleaning.curtains:
            found = remove_curtains(
                values, cleaning.levels, length=cleaning.length,
                strength=cleaning.strength, rows=cleaning.rows,
            )  # fmt: skip
            values = found.image
            stories.append(SliceStory(found.levels, found.before, found.after, found.rows))
        else:
            stories.append(SliceStory(class_levels(values, cleaning.levels), 0.0, 0.0, 0))
        out[number] = _stored(values, out.dtype)
        check_wanted()
    sink[block.core] = out
    return tuple(stories)


def _place(block: Block, *, source: Source, sink: Sink, placed: Placed) -> None:
    out = np.empty(block.shape, sink.dtype)
    kept: dict[int, NDArray[np.float32]] = {}
    for number in range(block.start[0], block.stop[0]):
        sources = source_planes(float(placed.planes[number]), placed.heights)
        wanted = {index for index, weight in sources if weight}
        kept = {index: image for index, image in kept.items() if index in wanted}
        for index in wanted - set(kept):
            kept[index] = _brought(index, source, placed)
        mixed = sum(np.float32(weight) * kept[index] for index, weight in sources if weight)
        out[number - block.start[0]] = _stored(np.asarray(mixed), out.dtype)
        check_wanted()
    sink[block.core] = out


def _brought(index: int, source: Source, placed: Placed) -> NDArray[np.float32]:
    number = int(placed.good[index])
    image = np.asarray(source[number : number + 1, :, :])[0].astype(np.float32)
    factor, offset = placed.factors[index]
    if (factor, offset) != (1.0, 0.0):
        image = image * np.float32(factor) + np.float32(offset)
    _, rows, columns = placed.shape
    first = np.array(placed.canvas.start, np.float64)
    start, turn = first + placed.places[index], None
    if placed.bends is not None:
        bend = placed.bends[index]
        start = start + bend @ (first - (np.array(image.shape) - 1) / 2)
        turn = (np.eye(2) + bend) * np.array(placed.step)
    y, x = start.tolist()
    return placed_slice(
        image, Placing((y, x), placed.step, (rows, columns), placed.order, placed.outside, turn)
    )


def _likeness(start: int, *, source: Source, places: Floats, lags: int) -> Likeness:
    _, height, width = source.shape
    y, x = (max((n - _SIDE) // 2, 0) for n in (height, width))
    images = np.asarray(source[start : start + lags + 1, y : y + _SIDE, x : x + _SIDE])
    pixels = max(min(images.shape[1:]) // 4, 2)
    return likeness_of(list(images), places[start : start + lags + 1], lags=lags, pixels=pixels)


def _stored(values: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "f":
        return values.astype(dtype)
    info = np.iinfo(dtype)
    return np.clip(np.rint(values.astype(np.float64)), info.min, info.max).astype(dtype)
