"""The global histogram of a volume, and whether its values can be used at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import tally
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.histogram import GreyRange, Histogram, count_grey, grey_range

__all__ = ["GreySummary", "grey_summary"]


@dataclass(frozen=True, slots=True, eq=False)
class GreySummary:
    """Range and histogram of a volume, the same however it is cut.

    Parameters
    ----------
    span : GreyRange
        Smallest and largest finite value, and what is not finite.
    histogram : Histogram or None
        Counts; ``None`` if a value is not finite.
    """

    span: GreyRange
    histogram: Histogram | None

    @property
    def constant(self) -> bool:
        """Whether all finite voxels have the same value."""
        return self.span.low >= self.span.high

    def check(self) -> Histogram:
        """Return the histogram, or say why the volume cannot be used.

        Returns
        -------
        Histogram
            Of all voxels.

        Raises
        ------
        InputDataError
            If the volume holds NaN or infinities, or is constant.
        """
        if self.span.bad or self.histogram is None:
            raise InputDataError(
                f"{self.span.bad} voxels are NaN or infinite, the first at (z, y, x) = "
                f"{self.span.first_bad}",
                hint="replace them, or crop the volume to where it has values",
            )
        if self.constant:
            raise InputDataError(
                f"the image is constant: every voxel is {self.span.low:g}",
                hint="check that the right file, channel and dataset were read",
            )
        return self.histogram


def grey_summary(
    source: Source,
    grid: Grid,
    engine: Engine,
    *,
    on_block: Callable[[Block], None] | None = None,
) -> GreySummary:
    """Count the grey values of a volume.

    Parameters
    ----------
    source : Source
        Grey values.
    grid : Grid
        How the volume is cut; the result does not depend on it.
    engine : Engine
        Where the tasks run.
    on_block : callable, optional
        Told each finished block of the last pass.

    Returns
    -------
    GreySummary
        One bin per value for integers of up to 16 bits, in one pass; else 4096 bins (or one
        per value where 65536 suffice) between the extremes, which a first pass finds.
    """
    dtype = np.dtype(source.dtype)
    if dtype.kind in "uib" and dtype.itemsize <= 2:
        low, bins = _full_range(dtype)
        counts = _counts(
            source, grid, engine, Histogram(np.zeros(bins, np.int64), low, 1.0), on_block
        )
        filled = np.flatnonzero(counts)
        first, last = int(filled[0]), int(filled[-1])
        span = GreyRange(low + 0.5 + first, low + 0.5 + last)
        return GreySummary(span, Histogram(counts[first : last + 1], low + first, 1.0))
    parts = tally(_range, source, grid, engine)
    span = reduce(add, (_placed(part, block) for part, block in zip(parts, grid, strict=True)))
    if span.bad:
        return GreySummary(span, None)
    bins_of = Histogram.empty(dtype, span)
    counts = _counts(source, grid, engine, bins_of, on_block)
    return GreySummary(span, replace(bins_of, counts=counts))


def _full_range(dtype: np.dtype[Any]) -> tuple[float, int]:
    if dtype.kind == "b":
        return -0.5, 2
    limits = np.iinfo(dtype)
    return limits.min - 0.5, int(limits.max) - int(limits.min) + 1


def _counts(
    source: Source,
    grid: Grid,
    engine: Engine,
    bins: Histogram,
    on_block: Callable[[Block], None] | None,
) -> NDArray[np.int64]:
    kernel = partial(_count, low=bins.low, width=bins.width, bins=bins.counts.size)
    parts = tally(kernel, source, grid, engine, on_block=on_block)
    total: NDArray[np.int64] = np.sum(parts, axis=0, dtype=np.int64)
    return total


def _count(
    values: Any,
    *,
    inner: tuple[slice, slice, slice],
    low: float,
    width: float,
    bins: int,
) -> NDArray[np.int64]:
    return count_grey(np.asarray(values)[inner], low, width, bins)


def _range(values: Any, *, inner: tuple[slice, slice, slice]) -> GreyRange:
    return grey_range(np.asarray(values)[inner])


def _placed(part: GreyRange, block: Block) -> GreyRange:
    if part.first_bad is None:
        return part
    z, y, x = (a + b for a, b in zip(part.first_bad, block.start, strict=True))
    return replace(part, first_bad=(z, y, x))
