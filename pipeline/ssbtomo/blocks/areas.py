"""Contact areas and triple lines of a volume, block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.additive import measure_all
from ssbtomo.blocks.cells import cells_of, divide, runs_between
from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid, Shape
from ssbtomo.kernels import areas as kernels
from ssbtomo.kernels.areas import AreaCounts, AreaSums, InterfaceAreas
from ssbtomo.units import Spacing, check_spacing

__all__ = ["ContactCounts", "Contacts", "InterfaceAreas", "interface_areas"]


@dataclass(frozen=True, slots=True, eq=False)
class ContactCounts:
    """Contact areas and triple lines: of the whole volume, and of its parts.

    Parameters
    ----------
    whole : InterfaceAreas
        Of the whole volume, by all estimators.
    by_cell : AreaSums
        For each cell; its rows are in the order (Z, Y, X) of the cells. They sum to the whole.
    by_slice : AreaSums
        For each slice across the measure's axis; no rows if it has none.
    by_object : AreaSums
        For each of `objects`.
    objects : ndarray of int64, shape (n,)
        Numbers of the objects that occur, 0 for what is none of them; empty if none were given.
    voxels : ndarray of int64, shape (n,)
        Voxels of each of `objects`.
    """

    whole: InterfaceAreas
    by_cell: AreaSums
    by_slice: AreaSums
    by_object: AreaSums
    objects: NDArray[np.int64]
    voxels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Contacts:
    """Additive measure: areas of all pairs of phases, lines of all triples.

    See `ssbtomo.kernels.areas.area_counts` for the estimator and its bias, `area_sums` there
    for the memory; objects add 9 bytes per voxel.

    Parameters
    ----------
    phases : tuple of int
        The labels of the phases; other labels are left out.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    cells : Grid
        The cells over which counts are kept.
    axis : int, optional
        Axis across whose slices counts are kept too.
    sigma : float, optional
        Width of the smoothing of the normals in micrometres; two of the largest voxel edge
        if not given.
    within : int, optional
        Label of the phase that the objects belong to: elsewhere there are none.
    left_out : tuple of int
        Slices along Z whose faces, edges and neighbours are not counted; they are looked at as the
        surroundings of the others.
    """

    phases: tuple[int, ...]
    spacing: Spacing
    cells: Grid
    axis: int | None = None
    sigma: float | None = None
    within: int | None = None
    left_out: tuple[int, ...] = ()

    @property
    def margin(self) -> Shape:
        """Voxels around a block that the normals of its faces depend on."""
        return kernels.margin(self.spacing, self.sigma)

    @property
    def divisions(self) -> tuple[Grid, ...]:
        """The cells, and the slices if there is an axis."""
        if self.axis is None:
            return (self.cells,)
        z, y, x = (1 if k == self.axis else size for k, size in enumerate(self.cells.shape))
        return self.cells, Grid(self.cells.shape, (z, y, x))

    def count(
        self, labels: Any, block: Block, margin: Shape, objects: Any | None
    ) -> tuple[AreaSums, NDArray[np.int64], NDArray[np.int64]]:
        """Count the faces, edges and neighbours that the block owns.

        Parameters
        ----------
        labels : ndarray of int
            The block with its margin.
        block : Block
            What is owned.
        margin : tuple of int
            With which it was read.
        objects : ndarray of int or None
            Objects, of the same shape.

        Returns
        -------
        sums : AreaSums
            Rows of the objects, then of the parts of each division.
        objects : ndarray of int64
            Numbers of the objects in the block.
        voxels : ndarray of int64
            Voxels of each that the block owns.
        """
        numbers = voxels = np.zeros(0, dtype=np.int64)
        inner = block.inner(margin)
        compact = None
        if objects is not None:
            if self.within is not None:
                objects = np.where(labels == self.within, objects, 0)
            numbers, compact = _compact(objects)
            voxels = np.bincount(compact[inner].ravel(), minlength=len(numbers))
        places = divide(block, margin, self.divisions, compact, len(numbers) - 1)
        runs = runs_between(self.left_out, block.core[0], inner[0])
        sums = reduce(
            add,
            (
                kernels.area_sums(
                    labels, self.phases, self.spacing, places,
                    inner=(run, inner[1], inner[2]), sigma=self.sigma,
                )
                for run in runs
            ),
        )  # fmt: skip
        return sums, numbers, voxels.astype(np.int64)

    def begin(self, grid: Grid) -> _ContactSums:
        """Return sums with nothing in them.

        Parameters
        ----------
        grid : Grid
            How the volume is cut.

        Returns
        -------
        Sums
            Their result is a `ContactCounts`.
        """
        return _ContactSums(self)


class _ContactSums:
    def __init__(self, measure: Contacts) -> None:
        self._measure = measure
        pairs = len(measure.phases) * (len(measure.phases) - 1) // 2
        triples = pairs * (len(measure.phases) - 2) // 3
        self._neighbours = np.zeros((pairs, 13), dtype=np.int64)
        self._shapes = (pairs, 3), (triples, 3), (pairs, 3, 3)
        self._parts = [self._zeros(grid.counts) for grid in measure.divisions]
        self._found: list[tuple[NDArray[np.int64], NDArray[np.int64], AreaSums]] = []

    def _zeros(self, rows: Shape | tuple[int]) -> list[NDArray[np.int64]]:
        return [np.zeros((*rows, *shape), dtype=np.int64) for shape in self._shapes]

    def add(
        self, block: Block, part: tuple[AreaSums, NDArray[np.int64], NDArray[np.int64]]
    ) -> None:
        sums, numbers, voxels = part
        self._neighbours += sums.neighbours
        first = len(numbers)
        if first:
            self._found.append((numbers, voxels, sums.rows(0, first)))
        for grid, totals in zip(self._measure.divisions, self._parts, strict=True):
            where = cells_of(grid, block)
            counts = [box.stop - box.start for box in where]
            count = counts[0] * counts[1] * counts[2]
            here = sums.rows(first, first + count)
            for total, own in zip(totals, (here.normals, here.lines, here.strips), strict=True):
                total[where] += own.reshape(*counts, *own.shape[1:])
            first += count

    def result(self) -> ContactCounts:
        measure = self._measure
        flat = [self._flat(part) for part in self._parts]
        slices = flat[1] if len(flat) > 1 else AreaSums(self._neighbours, *self._zeros((0,)))
        cells = flat[0]
        counts = AreaCounts(
            cells.normals.sum(axis=0), self._neighbours, cells.lines.sum(axis=0),
            cells.strips.sum(axis=0, keepdims=True), self._zeros((0,))[0],
        )  # fmt: skip
        whole = kernels.areas_from_counts(
            counts, measure.phases, measure.spacing, sigma=measure.sigma
        )
        return ContactCounts(whole, cells, slices, *self._objects())

    def _flat(self, part: list[NDArray[np.int64]]) -> AreaSums:
        rows = math.prod(part[0].shape[:3])
        return AreaSums(self._neighbours, *(one.reshape(rows, *one.shape[3:]) for one in part))

    def _objects(self) -> tuple[AreaSums, NDArray[np.int64], NDArray[np.int64]]:
        numbers = np.unique(np.concatenate([np.zeros(0, np.int64), *(f[0] for f in self._found)]))
        voxels = np.zeros(len(numbers), dtype=np.int64)
        totals = self._zeros((len(numbers),))
        for own, count, sums in self._found:
            rows = np.searchsorted(numbers, own)
            voxels[rows] += count
            for total, part in zip(totals, (sums.normals, sums.lines, sums.strips), strict=True):
                total[rows] += part
        return AreaSums(self._neighbours, *totals), numbers, voxels


def _compact(objects: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the objects of a block, and where each is by its place among them."""
    largest = int(objects.max(initial=0))
    if largest > 2 * objects.size + 1000:
        numbers, places = np.unique(np.append(objects.ravel(), 0), return_inverse=True)
        return numbers.astype(np.int64), places[:-1].reshape(objects.shape).astype(np.int32)
    present = np.zeros(largest + 1, dtype=bool)
    present[objects.ravel()] = present[0] = True
    table = (np.cumsum(present) - 1).astype(np.int32)
    return np.flatnonzero(present), table[objects]


def interface_areas(
    source: Source,
    spacing: Spacing,
    phases: Sequence[int],
    grid: Grid,
    engine: Engine,
    *,
    sigma: float | None = None,
    on_block: Callable[[Block], None] | None = None,
) -> InterfaceAreas:
    """Measure the areas of all pairs and the lines of all triples, block by block.

    Parameters
    ----------
    source : Source
        Labels, (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    phases : sequence of int
        The labels of the phases, in the order wanted; other labels are left out, and a
        phase that does not occur has areas of 0.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    sigma : float, optional
        Width of the smoothing of the normals in micrometres; two of the largest voxel edge
        if not given.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    InterfaceAreas
        See `ssbtomo.kernels.areas.area_counts` for the estimator and its bias.
    """
    order = tuple(int(phase) for phase in phases)
    cells = Grid(grid.shape, grid.shape)
    measure = Contacts(order, check_spacing(spacing), cells, sigma=sigma)
    counts: ContactCounts = measure_all(source, [measure], grid, engine, on_block=on_block)[0]
    return counts.whole
