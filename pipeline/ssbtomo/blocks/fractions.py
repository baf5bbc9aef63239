"""Voxels of each phase of a volume, counted block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.additive import measure_all
from ssbtomo.blocks.cells import boxes_in, cells_of
from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid, Shape
from ssbtomo.kernels import fractions as kernels
from ssbtomo.kernels.fractions import PhaseCounts

__all__ = ["Fractions", "PhaseCounts", "VoxelCounts", "phase_counts"]


@dataclass(frozen=True, slots=True, eq=False)
class VoxelCounts:
    """Voxels of each phase: of the whole volume, and by cell.

    Parameters
    ----------
    whole : PhaseCounts
        In total and in each slice along each axis.
    by_cell : ndarray of int64, shape (phases, cells along Z, along Y, along X)
        They sum to those of the whole.
    """

    whole: PhaseCounts
    by_cell: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fractions:
    """Additive measure: voxels of each phase. 1 byte per voxel beyond the labels.

    Parameters
    ----------
    phases : tuple of int
        The labels of the phases; other labels are left out.
    cells : Grid
        The cells over which counts are kept.
    left_out : tuple of int
        Slices along Z that are not counted.
    """

    phases: tuple[int, ...]
    cells: Grid
    left_out: tuple[int, ...] = ()

    @property
    def margin(self) -> Shape:
        """No voxels around a block."""
        return 0, 0, 0

    def count(
        self, labels: Any, block: Block, margin: Shape, objects: Any | None
    ) -> list[PhaseCounts]:
        """Count the part of the block in each cell.

        Parameters
        ----------
        labels : ndarray of int
            The block with its margin.
        block : Block
            What is owned.
        margin : tuple of int
            With which it was read.
        objects : None
            Not used.

        Returns
        -------
        list of PhaseCounts
            In the order of `boxes_in`.
        """
        window = block.window(margin, margin)
        shown = self._shown(labels, window[0])
        found = []
        for _, box in boxes_in(self.cells, block):
            z, y, x = (
                slice(part.start - read.start, part.stop - read.start)
                for part, read in zip(box, window, strict=True)
            )
            found.append(kernels.phase_counts(shown, self.phases, (z, y, x)))
        return found

    def _shown(self, labels: Any, planes: slice) -> Any:
        places = [k - planes.start for k in self.left_out if planes.start <= k < planes.stop]
        if not places:
            return labels
        shown = np.array(labels)
        shown[places] = max(self.phases) + 1  # no phase
        return shown

    def begin(self, grid: Grid) -> _VoxelSums:
        """Return sums with nothing in them.

        Parameters
        ----------
        grid : Grid
            How the volume is cut.

        Returns
        -------
        Sums
            Their result is a `VoxelCounts`.
        """
        return _VoxelSums(self, grid.shape)


class _VoxelSums:
    def __init__(self, measure: Fractions, shape: Shape) -> None:
        rows = len(measure.phases)
        self._cells = measure.cells
        self._total = np.zeros(rows, dtype=np.int64)
        z, y, x = (np.zeros((rows, size), dtype=np.int64) for size in shape)
        self._along = z, y, x
        self._by_cell = np.zeros((rows, *measure.cells.counts), dtype=np.int64)

    def add(self, block: Block, part: list[PhaseCounts]) -> None:
        own = self._by_cell[(slice(None), *cells_of(self._cells, block))]
        for (place, box), counts in zip(boxes_in(self._cells, block), part, strict=True):
            self._total += counts.total
            own[(slice(None), *place)] += counts.total
            for whole, here, where in zip(self._along, counts.along, box, strict=True):
                whole[:, where] += here

    def result(self) -> VoxelCounts:
        return VoxelCounts(PhaseCounts(self._total, self._along), self._by_cell)


def phase_counts(
    source: Source,
    phases: Sequence[int],
    grid: Grid,
    engine: Engine,
    *,
    on_block: Callable[[Block], None] | None = None,
) -> PhaseCounts:
    """Count the voxels of each phase, in total and in each slice along each axis.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    phases : sequence of int
        The labels of the phases; other labels are left out.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    PhaseCounts
        Of the whole volume; see `ssbtomo.kernels.fractions.phase_counts`.
    """
    measure = Fractions(tuple(int(phase) for phase in phases), Grid(grid.shape, grid.shape))
    counts: VoxelCounts = measure_all(source, [measure], grid, engine, on_block=on_block)[0]
    return counts.whole
