"""Cracks of a void phase, block by block: found, told from the pores, and measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.components import Components, Wanted, find_components
from ssbtomo.blocks.crack_ends import FLAT, NEAR, Stores, write_joined
from ssbtomo.blocks.distance import distance
from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.particles import label_moments
from ssbtomo.blocks.passes import Allocate
from ssbtomo.blocks.patterns import check_sink, each
from ssbtomo.blocks.sheets import sheets_of
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.kernels.crack_table import crack_rows
from ssbtomo.kernels.cracks import (
    RIM,
    CrackRules,
    Limits,
    flat_voxels,
    near_voxels,
    void_classes,
)
from ssbtomo.kernels.distance_passes import squared_edges
from ssbtomo.kernels.particles import Moments, moments
from ssbtomo.kernels.planes import Sheets
from ssbtomo.kernels.runs import Runs
from ssbtomo.kernels.sheets import sheet_halo
from ssbtomo.kernels.spheres import sphere_reach
from ssbtomo.units import Spacing, check_spacing

__all__ = ["PASSES", "CrackRules", "Cracks", "crack_table", "split_cracks"]

Table = dict[str, NDArray[Any]]
OnBlock = Callable[[Block], None]
Result = TypeVar("Result")

#: Times that `split_cracks` goes over all blocks after the distances, if there are cracks.
PASSES = 16

_JOINED = Wanted(phase=0, neighbours=26, inverted=True)


@dataclass(frozen=True, slots=True, eq=False)
class Cracks:
    """The cracks of a phase.

    Parameters
    ----------
    labels : Sink
        int32, (Z, Y, X): 0 where there is no crack; cracks (26-connected) count from 1 in the
        order of their first voxel.
    count : int
        How many there are.
    absent : bool
        Whether the phase itself has no voxel.
    """

    labels: Sink
    count: int
    absent: bool = False


def split_cracks(
    source: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    allocate: Allocate,
    phase: int | None = None,
    rules: CrackRules | None = None,
    on_block: OnBlock | None = None,
) -> Cracks:
    """Find the cracks of a void phase; what is left are its pores.

    Parameters
    ----------
    source : Source
        A mask, or labels.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it by a bit.
    engine : Engine
        Where the tasks run.
    allocate : callable
        Makes the stores: ``"cracks"`` (int32, the result) and, no longer needed afterwards,
        those of `ssbtomo.blocks.distance.distance`, ``"crack-classes"``, ``"crack-flat"`` and
        ``"crack-pieces"`` (uint8).
    phase : int, optional
        Label of the void (or of any phase that fills cracks); all that is not zero if not given.
    rules : CrackRules, optional
        What a crack is; the usual ones if not given.
    on_block : callable, optional
        Told each finished block of each of the `PASSES` after the distances; of fewer where
        there turns out to be no crack.

    Returns
    -------
    Cracks
        Their labels and their number.

    Raises
    ------
    InputDataError
        If a size in the rules is not positive.

    Notes
    -----
    Estimator, in this order: what a sphere wider than `max_aperture` covers is a pore (a
    morphological opening by exact distances); of the rest, voxels are kept where the
    structure tensor says sheet; pieces are kept that are large enough, wide for their own
    aperture, and closed to the pores on their sides (the edges of pores are not); they are
    joined where they cross, and places that hold a sphere 1.5 times as wide as the crack are
    given back to the pores.
    Bias: cracks lose up to two voxels where they meet a pore, and all of themselves where
    they are bent within some 8 voxels or nearer than that to each other. Pennies of radius 16
    to 32 voxels and 1 to 6 wide are found whole; among round pores 0.3 % of the crack volume
    found was false. In a bed of grains narrow gaps look like cracks: they added 0.00006 voxel
    faces per voxel where there was no crack, but gaps that open into a true crack added up to
    half of its volume. A slice (one axis of one voxel) is a cut through cracks that go on; a
    column tells nothing.
    Memory of a task: as for `ssbtomo.blocks.distance.distance`; then 14 bytes per voxel of a
    block with the largest sphere around it; then as for `ssbtomo.blocks.sheets.sheets_of`.
    Beside the tasks: 170 bytes for each piece of each block, and a plane of the volume. In the
    stores 7 bytes per voxel beside those of the distances.
    """
    limits = (rules or CrackRules()).on(spacing)
    weights = squared_edges(limits.spacing, grid.shape)
    found = distance(source, limits.spacing, grid, engine, allocate=allocate, phase=phase)
    labels = _store("cracks", np.int32, allocate, grid, engine)
    search = _Search(limits, weights, grid, engine, on_block, labels)
    if found.largest in {0.0, float("inf")} or grid.shape.count(1) > 1:
        search.each(partial(_fill, sink=labels))
        return Cracks(labels, 0, absent=found.largest == 0)
    search = search.begun(found.squared, found.largest, allocate)
    del found  # in memory, the distances are large
    return Cracks(labels, search.run())


@dataclass(frozen=True, slots=True)
class _Search:
    """The stores of one search, and its passes over them."""

    limits: Limits
    weights: Spacing
    grid: Grid
    engine: Engine
    on_block: OnBlock | None
    labels: Sink
    classes: Any = None
    flat: Any = None
    pieces: Any = None

    def begun(self, squared: Source, largest: float, allocate: Allocate) -> _Search:
        """Return the search with its stores: thickness classes, flat voxels, pieces."""
        classes, flat, pieces = (
            _store(f"crack-{name}", np.uint8, allocate, self.grid, self.engine)
            for name in ("classes", "flat", "pieces")
        )
        limits, weights = self.limits, self.weights
        # no sphere is larger than the largest distance: larger radii need no wider halo
        radius = min(float(limits.radii[-1]), largest**0.5) + limits.margin
        self.each(
            partial(
                _classify,
                squared=squared,
                sink=classes,
                limits=limits,
                weights=weights,
                halo=sphere_reach(radius, weights),
            )
        )
        self.each(partial(_flatten, classes=classes, sink=flat, limits=limits))
        return replace(self, classes=classes, flat=flat, pieces=pieces)

    def run(self) -> int:
        """Grow pieces from the flat voxels, choose, join and choose again; return the count."""
        self._grow(self.flat, np.array([0, 1], dtype=bool), RIM)
        found = self._label()
        if not found.sums.size:
            return 0
        keep = self.limits.closed(self._measure(found), whole=False)
        stores = Stores(self.labels, self.classes, self.flat, self.pieces)
        own = self.limits, self.weights
        write_joined(
            stores, np.append([False], keep), own, self.grid, self.engine, on_block=self.on_block
        )
        found = self._label()
        sheets = self._measure(found)
        keep = self.limits.closed(sheets, whole=True)
        # the class from which a place in each crack is a pore's: all of it where it is dropped
        bounds = np.where(keep, self.limits.pore_class(sheets.aperture_um), 0)
        self.each(
            partial(
                _give_back,
                labels=self.labels,
                classes=self.classes,
                flat=self.flat,
                sink=self.pieces,
                bounds=np.append([0], bounds).astype(np.uint8),
            )
        )
        return len(self._label().sums)

    def each(self, task: Callable[[Block], Result]) -> list[Result]:
        """Run a task on every block."""
        return each(task, self.grid, self.engine, self.on_block)

    def _grow(self, seeds: Source, chosen: NDArray[np.bool_], edges: float) -> None:
        """Write the thin voxels within reach of the chosen seeds as pieces in the making."""
        reach = self.limits.reach(edges)
        self.each(
            partial(
                _grow,
                seeds=seeds,
                classes=self.classes,
                flat=self.flat,
                sink=self.pieces,
                chosen=chosen,
                reach=reach,
                weights=self.weights,
                thin=self.limits.radii.size,
            )
        )

    def _label(self) -> Moments:
        """Label the pieces that are flat and wide; return the sums over their voxels."""
        found = find_components(
            self.pieces, self.grid, self.engine, _JOINED, measure=_sums, on_block=self.on_block
        )
        sums = _moments(found)
        keep = self.limits.wide(sums, found.extra[:, -1])
        names = (np.cumsum(keep) * keep).astype(np.int32)
        found.paint(self.pieces, names, self.labels, self.engine, on_block=self.on_block)
        return Moments(sums.sums[keep], sums.boxes[keep], sums.shape)

    def _measure(self, found: Moments) -> Sheets:
        names = np.arange(1, len(found.sums) + 1)
        return sheets_of(
            self.labels,
            (names, found),
            self.limits.spacing,
            self.grid,
            self.engine,
            classes=self.classes,
            on_block=self.on_block,
        )


def crack_table(
    labels: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    on_block: OnBlock | None = None,
) -> Table:
    """Measure each crack, in two reads.

    Parameters
    ----------
    labels : Source
        Cracks from 1; 0 is none.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it by a bit.
    engine : Engine
        Where the tasks run.
    on_block : callable, optional
        Told each finished block of each read.

    Returns
    -------
    dict of ndarray
        As of `ssbtomo.kernels.crack_table.crack_rows`.

    Notes
    -----
    Memory of a task: see `ssbtomo.blocks.particles.label_moments` and
    `ssbtomo.blocks.sheets.sheets_of`.
    """
    edges = check_spacing(spacing)
    names, found = label_moments(labels, grid, engine, on_block=on_block)
    sheets = sheets_of(labels, (names, found), edges, grid, engine, on_block=on_block)
    return crack_rows(names, sheets, edges)


def _store(name: str, dtype: Any, allocate: Allocate, grid: Grid, engine: Engine) -> Sink:
    sink = allocate(name, np.dtype(dtype))
    check_sink(sink, grid, engine)
    return sink


def _write(sink: Sink, block: Block, values: NDArray[Any]) -> None:
    check_wanted()
    sink[block.core] = values


def _fill(block: Block, *, sink: Sink) -> None:
    _write(sink, block, np.zeros(block.shape, dtype=np.int32))


def _classify(
    block: Block,
    *,
    squared: Source,
    sink: Sink,
    limits: Limits,
    weights: Spacing,
    halo: tuple[int, int, int],
) -> None:
    distances = np.sqrt(np.asarray(squared[block.window(halo, halo)], dtype=np.float32))
    _write(sink, block, void_classes(distances, weights, limits, block.inner(halo)))


def _flatten(block: Block, *, classes: Source, sink: Sink, limits: Limits) -> None:
    halo = sheet_halo(limits.spacing)
    values = np.asarray(classes[block.window(halo, halo)])
    _write(sink, block, flat_voxels(values, limits, block.inner(halo)))


def _grow(  # noqa: PLR0913 - the stores of one pass
    block: Block,
    *,
    seeds: Source,
    classes: Source,
    flat: Source,
    sink: Sink,
    chosen: NDArray[np.bool_],
    reach: float,
    weights: Spacing,
    thin: int,
) -> None:
    halo = sphere_reach(reach, weights)
    around = chosen[np.asarray(seeds[block.window(halo, halo)])]
    near = near_voxels(around, reach, weights, block.inner(halo))
    near &= np.asarray(classes[block.core]) < thin
    _write(sink, block, _made(near, flat, block))


def _give_back(
    block: Block,
    *,
    labels: Source,
    classes: Source,
    flat: Source,
    sink: Sink,
    bounds: NDArray[np.uint8],
) -> None:
    """Keep of each crack the places that are thinner than a pore beside it would be."""
    limit = bounds[np.asarray(labels[block.core])]
    _write(sink, block, _made(np.asarray(classes[block.core]) < limit, flat, block))


def _made(mask: NDArray[np.bool_], flat: Source, block: Block) -> NDArray[np.uint8]:
    if not mask.any():
        return np.zeros(block.shape, dtype=np.uint8)
    level = np.asarray(flat[block.core]) > 0
    return np.where(level, FLAT, NEAR).astype(np.uint8) * mask


def _sums(values: NDArray[np.uint8], runs: Runs, block: Block) -> NDArray[np.int64]:
    """Return for each piece of a block the six second moments, and the flat voxels."""
    if not runs.count:
        return np.zeros((0, 7), dtype=np.int64)
    local = np.zeros(values.shape, dtype=np.int32)
    runs.paint(np.arange(1, runs.count + 1, dtype=np.int32), local)
    second = moments(local, origin=block.start, within=block.within).sums[:, 4:]
    level = np.bincount(local[values == FLAT], minlength=runs.count + 1)[1:]
    return np.column_stack([second, level])


def _moments(found: Components) -> Moments:
    table = found.table
    sums = np.column_stack([table.size, table.sums, found.extra[:, :6]])
    return Moments(sums, np.hstack([table.start, table.stop]), found.grid.shape)
