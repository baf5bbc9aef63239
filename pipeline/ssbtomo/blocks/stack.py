"""A cell as a stack: roles of its voxels, heights from the anode, maps over its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid, Window
from ssbtomo.blocks.passes import whole_lines
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.stack_columns import (
    CATHODE,
    ELECTROLYTE,
    LITHIUM,
    OTHER,
    VOID,
    Columns,
    scan_columns,
)
from ssbtomo.kernels.surface_plane import Plane

__all__ = ["Beyond", "Stack", "columns"]

_CODES = {"lithium": LITHIUM, "electrolyte": ELECTROLYTE, "void": VOID, "active": CATHODE}


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Roles of the voxels of a cell; worked out from the labels when a block is read.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    roles : mapping of int to str
        Label and role of each phase; the rest plays none.
    axis : int
        The stacking axis.
    high : bool
        Whether the anode is at its high end.
    """

    source: Source
    roles: Mapping[int, str]
    axis: int
    high: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return self.source.shape

    @property
    def dtype(self) -> Any:
        """Unsigned, of one byte."""
        return np.dtype(np.uint8)

    def __getitem__(self, window: Window) -> NDArray[np.uint8]:
        values = np.asarray(self.source[window])
        found = np.full(values.shape, OTHER, np.uint8)
        for label, role in self.roles.items():
            if role in _CODES:
                found[values == label] = _CODES[role]
        return found

    def has(self, role: str) -> bool:
        """Tell whether any phase plays a role.

        Parameters
        ----------
        role : str
            Such as ``"lithium"``.

        Returns
        -------
        bool
            Whether one does.
        """
        return role in self.roles.values()

    def heights(self, window: Window) -> NDArray[np.int64]:
        """Return the heights of a box's voxels from the anode's end, to be broadcast.

        Parameters
        ----------
        window : tuple of slice
            The box.

        Returns
        -------
        ndarray of int64
            One voxel wide along the other axes.
        """
        size, part = self.shape[self.axis], window[self.axis]
        height = np.arange(part.start, part.stop)
        return self._along(size - 1 - height if self.high else height, self.axis)

    def over(self, plane: Plane, window: Window) -> NDArray[np.float64]:
        """Return the height of a plane over a box's columns, to be broadcast.

        Parameters
        ----------
        plane : Plane
            The plane.
        window : tuple of slice
            The box.

        Returns
        -------
        ndarray of float64
            One voxel deep along the stacking axis.
        """
        v, u = (
            self._along(np.arange(window[k].start, window[k].stop), k)
            for k in range(3)
            if k != self.axis
        )
        return plane.heights(v, u)

    def flat(self, window: Window) -> tuple[slice, slice]:
        """Return where a box lies in a map over columns.

        Parameters
        ----------
        window : tuple of slice
            The box.

        Returns
        -------
        tuple of slice
            Indexes into the map.
        """
        v, u = (part for k, part in enumerate(window) if k != self.axis)
        return v, u

    @staticmethod
    def _along(values: NDArray[Any], axis: int) -> NDArray[Any]:
        return values.reshape([-1 if k == axis else 1 for k in range(3)])


@dataclass(frozen=True, slots=True, eq=False)
class Beyond:
    """Lithium whose voxels' centres lie beyond a plane, as numbers.

    Parameters
    ----------
    stack : Stack
        The cell.
    plane : Plane
        Heights in voxels.
    levels : bool
        Whether layers of voxels are told apart: 1 and 2 in turn; all are 1 if not.
    """

    stack: Stack
    plane: Plane
    levels: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return self.stack.shape

    @property
    def dtype(self) -> Any:
        """Unsigned, of one byte."""
        return np.dtype(np.uint8)

    def __getitem__(self, window: Window) -> NDArray[np.uint8]:
        bounds = [part.indices(size) for part, size in zip(window, self.shape, strict=True)]
        z, y, x = (slice(start, stop) for start, stop, _ in bounds)
        heights = self.stack.heights((z, y, x))
        beyond = self.stack[z, y, x] == LITHIUM
        beyond &= heights + 0.5 > self.stack.over(self.plane, (z, y, x))
        return np.asarray(beyond * (1 + heights % 2 * self.levels), np.uint8)


def columns(stack: Stack, grid: Grid, engine: Engine) -> Columns:
    """Walk along every column of a cell from the anode, in one read.

    Parameters
    ----------
    stack : Stack
        The cell.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.

    Returns
    -------
    Columns
        A task holds 4 bytes per voxel of a box of whole columns, see
        `ssbtomo.blocks.passes.whole_lines`; here are held 36 bytes per column.

    Raises
    ------
    InputDataError
        If the grid is not that of the volume.
    """
    if tuple(stack.shape) != tuple(grid.shape):
        raise InputDataError(f"the grid cuts {grid.shape} voxels, the volume has {stack.shape}")
    v, u = (size for k, size in enumerate(grid.shape) if k != stack.axis)
    maps = np.zeros((9, v, u), np.int32)
    boxes = whole_lines(grid, stack.axis)
    for box, found in zip(boxes, engine.map(partial(_walk, stack=stack), boxes), strict=True):
        maps[(slice(None), *stack.flat(box.core))] = found
    front, top, lithium, first, end, void, other, buried, solid = maps
    return Columns(
        front, top, lithium, first, end, void, other, buried, solid, grid.shape[stack.axis]
    )


def _walk(box: Block, *, stack: Stack) -> NDArray[np.int32]:
    roles = np.moveaxis(stack[box.core], stack.axis, 0)
    return scan_columns(roles[::-1] if stack.high else roles)
