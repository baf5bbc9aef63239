"""The composition of a graded phase, block by block: its map, histogram, profile and objects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import check_sink
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.errors import PhaseMissingError
from ssbtomo.kernels.filters import gaussian_halo
from ssbtomo.kernels.graded import OFFSET, SCALE, Grading, bin_values, graded, grading_values
from ssbtomo.kernels.histogram import Histogram, count_grey
from ssbtomo.kernels.masked import inside_halo

__all__ = ["GradedPhase", "end_members", "grade"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_BINS = 4096
_GROUP = 256


@dataclass(frozen=True, slots=True, eq=False)
class GradedPhase:
    """What is known of the composition of a phase; sums of integers, the same for any cut.

    Parameters
    ----------
    counts : ndarray of int64, shape (256,)
        Voxels by composition; see `ssbtomo.kernels.graded.bin_values`.
    slices : ndarray of int64, shape (n, 3)
        For each slice across the axis: voxels, sum of codes, sum of squared codes.
    objects : ndarray of int64, shape (m,)
        Objects with a voxel, ascending; empty without objects.
    by_object : ndarray of int64, shape (m, 256)
        As `counts`, of each.
    object_sums : ndarray of int64, shape (m,)
        Sum of codes of each.
    """

    counts: Ints
    slices: Ints
    objects: Ints
    by_object: Ints
    object_sums: Ints

    @property
    def mean(self) -> float:
        """Mean composition of the voxels that have one; NaN without any."""
        many = int(self.slices[:, 0].sum())
        return float(self.slices[:, 1].sum() / many * SCALE + OFFSET) if many else float("nan")

    def profile(self) -> tuple[Floats, Floats]:
        """Return the mean of each slice and its standard deviation; NaN where it has none."""
        many, total, squares = self.slices.T.astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = total / many
            spread = np.sqrt(np.maximum(squares / many - mean**2, 0))
        return mean * SCALE + OFFSET, spread * SCALE

    def quantile(self, share: float) -> float:
        """Return the composition below which a share of the voxels lies.

        Parameters
        ----------
        share : float
            From 0 to 1.

        Returns
        -------
        float
            To half a bin, 0.004; NaN without voxels.
        """
        return float(_quantiles(self.counts[None], share)[0])

    def object_rows(self) -> dict[str, NDArray[Any]]:
        """Return the table of objects.

        Returns
        -------
        dict of ndarray
            ``object``, ``voxels`` (with a value), ``mean``, ``q10``, ``q50``, ``q90``.
        """
        many = self.by_object.sum(axis=1)
        rows: dict[str, NDArray[Any]] = {
            "object": self.objects,
            "voxels": many,
            "mean": self.object_sums / np.maximum(many, 1) * SCALE + OFFSET,
        }
        for percent in (10, 50, 90):
            rows[f"q{percent}"] = _quantiles(self.by_object, percent / 100)
        return rows


def _quantiles(counts: Ints, share: float) -> Floats:
    rank = np.cumsum(counts, axis=1)
    place = (rank < share * rank[:, -1:]).sum(axis=1)
    found = bin_values()[np.minimum(place, counts.shape[1] - 1)]
    return np.where(rank[:, -1] > 0, found, np.nan)


def _halo(rule: Grading) -> tuple[int, int, int]:
    smooth, margin = gaussian_halo(rule.sigma), inside_halo(rule.margin)
    z, y, x = (a + b for a, b in zip(smooth, margin, strict=True))
    return z, y, x


def end_members(
    volume: tuple[Source, Source],
    phase: int,
    rule: Grading,
    grid: Grid,
    engine: Engine,
    *,
    bounds: tuple[float, float],
) -> tuple[float, float]:
    """Return grey values for 0 and 1 where none are given: the ends of the phase's own.

    Parameters
    ----------
    volume : tuple of Source
        Grey values and phases, (Z, Y, X).
    phase : int
        The label of the phase.
    rule : Grading
        Smoothing and margin.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    bounds : tuple of float
        Smallest and largest grey value of the volume.

    Returns
    -------
    tuple of float
        99th and 1st percentile of its smoothed grey values: 0 is bright, as before lithiation.

    Raises
    ------
    PhaseMissingError
        If no voxel of the phase lies well inside, or all have one grey value.
    """
    low, high = bounds
    width = max((high - low) / (_BINS - 1), 1e-9)
    task = partial(_smoothed, volume=volume, phase=phase, rule=rule, bins=(low, width))
    counts = np.sum(list(engine.map(task, grid)), axis=0)
    rank, centres = np.cumsum(counts), Histogram(counts, low, width).centres
    ends = [float(centres[np.searchsorted(rank, q * rank[-1])]) for q in (0.99, 0.01) if rank[-1]]
    if len(ends) < 2 or ends[0] == ends[1]:
        raise PhaseMissingError(
            f"the phase {phase} has no range of grey values well inside to grade it by",
            hint="give `zero` and `one`, or a smaller `margin`",
        )
    return ends[0], ends[1]


def _smoothed(
    block: Block,
    *,
    volume: tuple[Source, Source],
    phase: int,
    rule: Grading,
    bins: tuple[float, float],
) -> Ints:
    image, labels = volume
    halo = _halo(rule)
    window, own = block.window(halo, halo), block.inner(halo)
    mask = np.asarray(labels[window]) == phase
    if not mask.any():
        return np.zeros(_BINS, np.int64)
    grey, core = grading_values(np.asarray(image[window]), mask, rule)
    return count_grey(grey[own][core[own]], bins[0], bins[1], _BINS)


def grade(
    volume: tuple[Source, Source],
    phase: int,
    rule: Grading,
    grid: Grid,
    engine: Engine,
    *,
    axis: int = 0,
    objects: Source | None = None,
    sink: Sink | None = None,
) -> GradedPhase:
    """Map the composition of a graded phase, and sum it up.

    Parameters
    ----------
    volume : tuple of Source
        Grey values and phases, (Z, Y, X).
    phase : int
        The label of the phase.
    rule : Grading
        How grey values become a composition.
    grid : Grid
        How the volume is cut. The answer does not depend on it by a bit.
    engine : Engine
        Where the tasks run.
    axis : int
        Across which the slices of the profile lie.
    objects : Source, optional
        Object of each voxel, 0 for none.
    sink : Sink, optional
        Filled with codes (uint16); see `ssbtomo.kernels.graded.graded`.

    Returns
    -------
    GradedPhase
        36 bytes per voxel of a block and its halo; 2 kB per object here.
    """
    if sink is not None:
        check_sink(sink, grid, engine, source=volume[0])
    task = partial(
        _graded, volume=volume, phase=phase, rule=rule, axis=axis, objects=objects, sink=sink,
    )  # fmt: skip
    slices = np.zeros((grid.shape[axis], 3), np.int64)
    counts = np.zeros(bin_values().size, np.int64)
    parts = []
    for block, (own, along, some) in zip(grid, engine.map(task, grid), strict=True):
        counts += own
        slices[block.start[axis] : block.stop[axis]] += along
        parts.append(some)
    return GradedPhase(counts, slices, *_merged(parts, counts.size))


def _merged(parts: list[tuple[Ints, Ints, Ints]], bins: int) -> tuple[Ints, Ints, Ints]:
    names = np.concatenate([part[0] for part in parts])
    found, rows = np.unique(names, return_inverse=True)
    by_object = np.zeros((found.size, bins), np.int64)
    sums = np.zeros(found.size, np.int64)
    np.add.at(by_object, rows, np.concatenate([part[1] for part in parts]))
    np.add.at(sums, rows, np.concatenate([part[2] for part in parts]))
    return found.astype(np.int64), by_object, sums


def _graded(
    block: Block,
    *,
    volume: tuple[Source, Source],
    phase: int,
    rule: Grading,
    axis: int,
    objects: Source | None,
    sink: Sink | None,
) -> tuple[Ints, Ints, tuple[Ints, Ints, Ints]]:
    image, labels = volume
    halo = _halo(rule)
    window, own = block.window(halo, halo), block.inner(halo)
    mask = np.asarray(labels[window]) == phase
    codes = np.zeros(block.shape, np.uint16)
    if mask[own].any():
        codes = graded(np.asarray(image[window]), mask, rule)[own]
    check_wanted()
    if sink is not None:
        sink[block.core] = codes
    bins = bin_values().size
    valued = codes > 0
    others = tuple(k for k in range(3) if k != axis)
    wide = codes.astype(np.int64)
    along = np.stack([valued.sum(axis=others), wide.sum(axis=others), (wide**2).sum(axis=others)])
    counts = np.bincount((wide[valued] - 1) // _GROUP, minlength=bins)
    empty = np.zeros(0, np.int64), np.zeros((0, bins), np.int64), np.zeros(0, np.int64)
    if objects is None:
        return counts, along.T, empty
    return counts, along.T, _by_object(wide, np.asarray(objects[block.core]), bins)


def _by_object(codes: Ints, names: NDArray[Any], bins: int) -> tuple[Ints, Ints, Ints]:
    some = (codes > 0) & (names > 0)
    values = codes[some]
    found, rows = np.unique(names[some].astype(np.int64), return_inverse=True)
    table = np.zeros((found.size, bins), np.int64)
    np.add.at(table, (rows, (values - 1) // _GROUP), 1)
    sums = np.zeros(found.size, np.int64)
    np.add.at(sums, rows, values)
    return found, table, sums
