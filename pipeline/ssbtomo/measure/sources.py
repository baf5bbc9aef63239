"""Labels as they come from users: checked, and readable block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.blocks.grid import Grid, Window
from ssbtomo.errors import AxisError, InputDataError, PhaseMissingError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ssbtomo.blocks.engine import Engine, Source
    from ssbtomo.blocks.passes import Allocate

__all__ = [
    "Names",
    "Pair",
    "cut",
    "in_memory",
    "label_of",
    "label_source",
    "named_phases",
    "paired",
    "whole",
]

Names = Mapping[str, int] | Sequence[int] | None
Pair = tuple[int | str, int | str]

_BLOCK = 160


class _Lazy:
    """Compute a block of a lazy array when it is read."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape = tuple(int(size) for size in array.shape)
        self.dtype = array.dtype

    def __getitem__(self, window: Window) -> NDArray[np.integer]:
        return np.asarray(self._array[window])


def label_source(labels: ArrayLike) -> Source:
    """Check that an array can be labels, without computing it if it is lazy.

    Parameters
    ----------
    labels : array_like of int or bool, shape (Z, Y, X)
        NumPy, Dask or Zarr array.

    Returns
    -------
    Source
        What blocks are read from.

    Raises
    ------
    AxisError
        If there are not three axes.
    InputDataError
        If the values are not integers, or there are none.
    """
    array: Any = labels if hasattr(labels, "dtype") else np.asarray(labels)
    if array.ndim != 3:
        raise AxisError(
            f"the labels have {array.ndim} axes, {tuple(array.shape)}; three are needed, (Z, Y, X)",
            hint="a single slice is not enough: areas and connections in 3-D differ from 2-D",
        )
    if array.dtype.kind not in "iub":
        raise InputDataError(
            f"the labels are {array.dtype}, not integers",
            hint="segment the grey values first; or labels.astype('uint8') if they are whole",
        )
    if not all(array.shape):
        raise InputDataError(f"the labels are empty, {tuple(array.shape)}", hint="check the crop")
    source: Source = array if isinstance(array, np.ndarray) else _Lazy(array)
    return source


def cut(source: Source, engine: Engine) -> Grid:
    """Choose blocks: one for an array in memory and one worker, else boxes of 160 voxels.

    Parameters
    ----------
    source : Source
        Labels.
    engine : Engine
        Where the tasks run.

    Returns
    -------
    Grid
        The choice changes no number.
    """
    z, y, x = source.shape
    if isinstance(source, np.ndarray) and engine.pool is None:
        return Grid((z, y, x), (z, y, x))
    return Grid((z, y, x), (min(z, _BLOCK), min(y, _BLOCK), min(x, _BLOCK)))


def named_phases(
    source: Source, phases: Names, engine: Engine, *, least: int = 1
) -> dict[str | int, int]:
    """Return the phases to measure: those asked for, or all that occur.

    Parameters
    ----------
    source : Source
        Labels.
    phases : mapping of str to int, sequence of int, or None
        Names and labels, or labels, of the phases; ``None`` for all labels that occur.
    engine : Engine
        Where the tasks run.
    least : int
        How many phases the measurement needs.

    Returns
    -------
    dict
        Name (the label itself where none was given) and label of each phase.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur, or there are too few.
    """
    present: set[int] = set()
    for found in engine.map(_Labels(source), cut(source, engine)):
        present |= found
    asked: dict[str | int, int]
    if phases is None:
        asked = {label: label for label in sorted(present)}
    elif isinstance(phases, Mapping):
        asked = {name: int(label) for name, label in phases.items()}
    else:
        asked = {int(label): int(label) for label in phases}
    for name, label in asked.items():
        if label not in present:
            said = f"phase {name!r} (label {label})" if name != label else f"label {label}"
            raise PhaseMissingError(
                f"{said} does not occur in the labels, which hold {_listed(present)}",
                hint="check the phases against the segmentation",
            )
    if len(set(asked.values())) < max(least, len(asked)):
        raise PhaseMissingError(
            f"{least} different phases are needed, there is only {_listed(set(asked.values()))}"
            if len(asked) < least
            else f"two names stand for one label in {dict(asked)}",
            hint="check the phases against the segmentation",
        )
    return asked


def label_of(phase: int | str, named: Mapping[str | int, int]) -> int:
    """Return the label of a phase that was given by name or label.

    Parameters
    ----------
    phase : int or str
        Its label, or its name.
    named : mapping
        Names and labels, from `named_phases`.

    Returns
    -------
    int
        The label.

    Raises
    ------
    PhaseMissingError
        If it is none of them.
    """
    if phase in named:
        return named[phase]
    if phase in named.values():
        return int(phase)
    raise PhaseMissingError(
        f"the phase {phase!r} is none of {', '.join(map(str, named))}",
        hint="give the label or the name of one of the phases",
    )


def paired(
    labels: ArrayLike, pair: Pair, phases: Names, engine: Engine
) -> tuple[Source, list[int], tuple[int, int]]:
    """Check labels and the two phases whose interface is asked for.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        NumPy, Dask or Zarr array.
    pair : tuple of int or str
        Labels, or names, of the two phases.
    phases : mapping of str to int, sequence of int, or None
        As for `named_phases`.
    engine : Engine
        Where the tasks run.

    Returns
    -------
    source : Source
        What blocks are read from.
    order : list of int
        Labels of all phases.
    own : tuple of int
        Labels of the two.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur.
    InputDataError
        If the two are one.
    """
    source = label_source(labels)
    named = named_phases(source, phases, engine, least=2)
    first, second = (label_of(phase, named) for phase in pair)
    if first == second:
        raise InputDataError(f"{pair[0]!r} and {pair[1]!r} are one phase; an interface needs two")
    return source, list(named.values()), (first, second)


def in_memory(source: Source, engine: Engine) -> Allocate:
    """Return a maker of arrays for what a measure needs on its way.

    Parameters
    ----------
    source : Source
        The volume.
    engine : Engine
        Where the tasks run.

    Returns
    -------
    callable
        Called as ``allocate(name, dtype)``; the arrays have the shape of the volume.

    Raises
    ------
    InputDataError
        If the tasks run in other processes, which would see none of these arrays.
    """
    if engine.remote:
        raise InputDataError(
            "this measure keeps volumes in this process's memory, and the tasks run in others",
            hint="use threads here; a run from a recipe keeps them on disk",
        )
    return partial(_zeros, tuple(source.shape))


def _zeros(shape: tuple[int, ...], name: str, dtype: Any) -> Any:
    return np.zeros(shape, dtype)


def whole(labels: ArrayLike) -> NDArray[np.integer]:
    """Read all labels into memory.

    Parameters
    ----------
    labels : array_like of int or bool, shape (Z, Y, X)
        NumPy, Dask or Zarr array.

    Returns
    -------
    ndarray
        The labels.
    """
    return np.asarray(label_source(labels)[...])


class _Labels:
    """List the labels of a block; a class, so that workers can be sent it."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __call__(self, block: Any) -> set[int]:
        return {int(label) for label in np.unique(self._source[block.core])}


def _listed(labels: set[int]) -> str:
    shown = ", ".join(str(label) for label in sorted(labels)[:12])
    return shown + (f" and {len(labels) - 12} more" if len(labels) > 12 else "")
