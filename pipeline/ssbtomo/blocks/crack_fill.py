"""Cracks that something has filled, wholly or in part: of the void, and of the void with its filling."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.components import Wanted, find_components
from ssbtomo.blocks.cracks import Cracks, split_cracks
from ssbtomo.blocks.derived import MaskOf
from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Grid, Window
from ssbtomo.blocks.passes import Allocate
from ssbtomo.units import Spacing

__all__ = ["filled_cracks"]

_LAYER = 0.5  # share of an end of the stack from which what covers it is an electrode, no crack


def filled_cracks(
    source: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    allocate: Allocate,
    phases: tuple[int, int],
    axis: int,
) -> Cracks:
    """Find the cracks of a void phase, and those that another phase fills wholly or in part.

    Parameters
    ----------
    source : Source
        Labels.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it by a bit.
    engine : Engine
        Where the tasks run.
    allocate : callable
        Makes the stores: ``"cracks"`` (int32, the result), and those of two searches, their
        names begun with ``void-`` and ``filled-``, no longer needed afterwards.
    phases : tuple of int
        Labels of the void and of what fills cracks.
    axis : int
        Stack axis.

    Returns
    -------
    Cracks
        Labels (26-connected) count from 1 in the order of their first voxel.

    Notes
    -----
    Two searches by `ssbtomo.blocks.cracks.split_cracks`, one in the void, where a gap before
    thick lithium is a crack, and one in both phases together; what either finds is united. Of the second
    what covers more than half of an end of the stack is left out: a thin electrode is no
    crack. Memory beside that of the searches: a plane of the volume.
    """
    place = spacing, grid, engine
    void = split_cracks(source, *place, allocate=partial(_named, allocate, "void"), phase=phases[0])
    both = split_cracks(
        MaskOf(source, phases), *place, allocate=partial(_named, allocate, "filled")
    )
    labels = allocate("cracks", np.dtype(np.int32))
    kept = _apart(both, grid.shape, axis)
    union = _Either(void.labels, both.labels, kept)
    found = find_components(union, grid, engine, Wanted(phase=0, neighbours=26, inverted=True))
    found.paint(union, np.arange(1, len(found) + 1, dtype=np.int32), labels, engine)
    return Cracks(labels, len(found), absent=void.absent)


def _named(allocate: Allocate, prefix: str, name: str, dtype: Any) -> Sink:
    return allocate(f"{prefix}-{name}", dtype)


def _apart(cracks: Cracks, shape: tuple[int, ...], axis: int) -> NDArray[np.bool_]:
    """Tell which cracks do not cover an end of the stack; of the background no."""
    keep = np.ones(cracks.count + 1, dtype=bool)
    keep[0] = False
    for place in (0, shape[axis] - 1):
        window = tuple(slice(place, place + 1) if k == axis else slice(None) for k in range(3))
        plane = np.asarray(cracks.labels[window])
        keep &= np.bincount(plane.ravel(), minlength=keep.size) <= _LAYER * plane.size
    return keep


@dataclass(frozen=True, slots=True, eq=False)
class _Either:
    """1 where one of two searches found a crack."""

    first: Source
    second: Source
    kept: NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along (Z, Y, X)."""
        return self.first.shape

    @property
    def dtype(self) -> Any:
        """Type of a voxel."""
        return np.dtype(np.uint8)

    def __getitem__(self, window: Window) -> NDArray[np.uint8]:
        """Read a box."""
        either = (np.asarray(self.first[window]) > 0) | self.kept[np.asarray(self.second[window])]
        return np.asarray(either, dtype=np.uint8)
