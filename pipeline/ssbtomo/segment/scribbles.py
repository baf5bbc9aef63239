"""Sparse labels to train from: label images, and JSON of points, lines, boxes and discs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import SERIAL, Engine, Grid, Source
from ssbtomo.blocks.grid import Block
from ssbtomo.errors import FormatError, InputDataError
from ssbtomo.units import AXES

__all__ = ["Scribbles", "read_scribbles", "scribbles_from_labels", "scribbles_from_marks"]

Shape = tuple[int, int, int]
_MOST = 50_000_000  # labelled voxels
_COUNT = "voxels are counted from 0 along (Z, Y, X); scribble on the scan itself, not on a crop"
_FORM = '{"marks": [{"phase": "void", "axis": "z", "slice": 12, "points": [[y, x]]}]}'


@dataclass(frozen=True, slots=True, eq=False)
class Scribbles:
    """Some voxels and their phases.

    Parameters
    ----------
    places : ndarray of int, shape (n, 3)
        Voxels (z, y, x), in the order of the volume.
    labels : ndarray of int, shape (n,)
        Phase of each, from 0.
    """

    places: NDArray[np.intp]
    labels: NDArray[np.intp]


def scribbles_from_labels(
    labels: Source, values: Sequence[int], *, engine: Engine = SERIAL
) -> Scribbles:
    """Collect the labelled voxels of a label image.

    Parameters
    ----------
    labels : Source, shape (Z, Y, X)
        Integers; read in blocks.
    values : sequence of int
        The value of each phase; 0 is unlabelled unless it is one of them.
    engine : Engine
        Where the blocks are read.

    Returns
    -------
    Scribbles
        All voxels with one of the values.

    Raises
    ------
    InputDataError
        If the image holds other values, or is not of integers.
    """
    dtype = np.dtype(labels.dtype)
    if dtype.kind not in "uib" or len(labels.shape) != 3:
        raise InputDataError(
            f"the scribbles are a {len(labels.shape)}-dimensional image of {dtype}; they must be "
            "integers in (Z, Y, X), 0 where nothing is labelled"
        )
    z, y, x = (int(n) for n in labels.shape)
    grid = Grid((z, y, x), (min(z, 64) or 1, min(y, 256) or 1, min(x, 256) or 1))
    parts = list(engine.map(partial(_marked, labels=labels), grid))
    places = np.concatenate([part[0] for part in parts])
    found = np.concatenate([part[1] for part in parts])
    strange = sorted(set(np.unique(found).tolist()) - set(values) - {0})
    if strange:
        raise InputDataError(
            f"the scribbles hold the values {strange[:8]}; the phases have {list(values)}, and 0 "
            "is unlabelled",
            hint="name the value of each phase: --phases void=1,electrolyte=2",
        )
    labelled = np.full(found.size, -1, np.intp)
    for label, value in enumerate(values):
        labelled[found == value] = label
    return _ordered(places[labelled >= 0], labelled[labelled >= 0])


def _marked(block: Block, *, labels: Source) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    values = np.asarray(labels[block.core])
    here = np.argwhere(values)
    return here + np.asarray(block.start), values[tuple(here.T)].astype(np.int64)


def _ordered(places: NDArray[np.intp], labels: NDArray[np.intp]) -> Scribbles:
    if len(places) > _MOST:
        raise InputDataError(f"{len(places)} labelled voxels are too many; {_MOST} at most")
    order = np.lexsort(places.T[::-1])
    return Scribbles(places[order].astype(np.intp), labels[order].astype(np.intp))


def scribbles_from_marks(content: Any, phases: Sequence[str], shape: Shape) -> Scribbles:
    """Draw marks as a JSON file lists them.

    Parameters
    ----------
    content : object
        ``{"marks": [{"phase": "void", "axis": "z", "slice": 12, "points": [[y, x], ...],
        "lines": [[[y, x], [y, x], ...]], "width": 3, "boxes": [[y0, x0, y1, x1]],
        "discs": [[y, x, radius]]}]}``: all in voxels, in a slice across `axis` (z if absent);
        boxes include both corners. `phase` is a name, or a number from 1.
    phases : sequence of str
        Names in the order of the labels.
    shape : tuple of int
        Voxels of the volume.

    Returns
    -------
    Scribbles
        Where two marks overlap, the later one counts.

    Raises
    ------
    FormatError
        If it is not of that form.
    InputDataError
        If a mark lies outside of the volume, or names no phase.
    """
    marks = content.get("marks") if isinstance(content, Mapping) else None
    if not isinstance(marks, list) or not marks:
        raise FormatError("the scribbles hold no list of marks", hint=_FORM)
    drawn: dict[tuple[int, int], NDArray[np.int16]] = {}
    for number, mark in enumerate(marks):
        try:
            axis, index, label = _where(mark, phases, shape)
            size = tuple(n for k, n in enumerate(shape) if k != axis)
            plane = drawn.setdefault((axis, index), np.full(size, -1, np.int16))
            for area in _areas(mark, size):
                plane[area] = label
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            if isinstance(error, InputDataError):
                raise
            raise FormatError(
                f"mark {number} of the scribbles is not understood: {type(error).__name__}: {error}",
                hint=_FORM,
            ) from None
    return _of_planes(drawn)


def _of_planes(drawn: Mapping[tuple[int, int], NDArray[np.int16]]) -> Scribbles:
    """Collect what was drawn in slices, keyed by axis and number."""
    chosen: dict[tuple[int, ...], int] = {}
    for (axis, index), plane in drawn.items():
        for spot in np.argwhere(plane >= 0):
            place = [int(n) for n in spot]
            place.insert(axis, index)
            chosen[tuple(place)] = int(plane[tuple(spot)])
    if not chosen:
        raise InputDataError("the marks of the scribbles hold no voxel", hint=_FORM)
    return _ordered(np.asarray(list(chosen), np.intp), np.asarray(list(chosen.values()), np.intp))


def _where(mark: Mapping[str, Any], phases: Sequence[str], shape: Shape) -> tuple[int, int, int]:
    axis, index, phase = AXES.index(mark.get("axis", "z")), int(mark["slice"]), mark["phase"]
    if not 0 <= index < shape[axis]:
        raise InputDataError(
            f"slice {index} is outside of the volume of {shape} voxels", hint=_COUNT
        )
    if phase in phases:
        return axis, index, list(phases).index(phase)
    if isinstance(phase, int) and not isinstance(phase, bool) and 1 <= phase <= len(phases):
        return axis, index, phase - 1
    raise InputDataError(
        f"a mark names the phase {str(phase)[:40]!r}", hint=f"the phases are {', '.join(phases)}"
    )


def _areas(mark: Mapping[str, Any], size: tuple[int, ...]) -> Iterator[Any]:
    """Yield what a mark covers in its slice, as indexes or masks."""
    u, v = np.ogrid[: size[0], : size[1]]
    for a, b in mark.get("points", ()):
        _inside(a, b, size)
        yield round(a), round(b)
    for a0, b0, a1, b1 in mark.get("boxes", ()):
        _inside(a0, b0, size)
        _inside(a1, b1, size)
        yield (u >= min(a0, a1)) & (u <= max(a0, a1)) & (v >= min(b0, b1)) & (v <= max(b0, b1))
    for a, b, radius in mark.get("discs", ()):
        _inside(a, b, size)
        yield (u - a) ** 2 + (v - b) ** 2 <= radius**2
    width = float(mark.get("width", 1))
    for line in mark.get("lines", ()):
        for one, two in pairwise(line):
            _inside(one[0], one[1], size)
            _inside(two[0], two[1], size)
            yield _near_segment(u, v, one, two, max(width / 2, 0.5))


def _inside(a: float, b: float, size: tuple[int, ...]) -> None:
    if not (0 <= a <= size[0] - 0.5 and 0 <= b <= size[1] - 0.5):
        raise InputDataError(
            f"the point ({a}, {b}) of a mark is outside of its slice of {size}", hint=_COUNT
        )


def _near_segment(
    u: NDArray[Any], v: NDArray[Any], one: Sequence[float], two: Sequence[float], far: float
) -> NDArray[np.bool_]:
    da, db = two[0] - one[0], two[1] - one[1]
    along = ((u - one[0]) * da + (v - one[1]) * db) / max(da * da + db * db, 1e-12)
    along = np.clip(along, 0.0, 1.0)
    return np.asarray((u - one[0] - along * da) ** 2 + (v - one[1] - along * db) ** 2 <= far * far)


def read_scribbles(
    path: str | Path,
    phases: Sequence[str],
    shape: Shape,
    *,
    values: Sequence[int] | None = None,
    engine: Engine = SERIAL,
) -> Scribbles:
    """Read scribbles: a JSON file of marks, or any label image that can be opened.

    Parameters
    ----------
    path : str or pathlib.Path
        JSON, TIFF, OME-Zarr, NPY, HDF5, ...
    phases : sequence of str
        Names in the order of the labels.
    shape : tuple of int
        Voxels of the volume.
    values : sequence of int, optional
        Value of each phase in a label image; 1, 2, ... if absent.
    engine : Engine
        Where blocks are read.

    Returns
    -------
    Scribbles
        The labelled voxels.

    Raises
    ------
    FormatError
        If the file is not understood.
    InputDataError
        If it does not fit the volume or the phases.
    """
    place = Path(path)
    if place.suffix.lower() == ".json":
        try:
            content = json.loads(place.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise FormatError(
                f"{place} cannot be read as JSON: {error}",
                hint=_FORM,
            ) from None
        return scribbles_from_marks(content, phases, shape)
    from ssbtomo import io

    volume = io.open_volume(place)
    if volume.shape != tuple(shape):
        raise InputDataError(
            f"{place}: the scribbles have {volume.shape} voxels, the scan {tuple(shape)}",
            hint="scribble on the scan itself, without cropping or binning",
        )
    return scribbles_from_labels(volume.data, values or range(1, len(phases) + 1), engine=engine)
