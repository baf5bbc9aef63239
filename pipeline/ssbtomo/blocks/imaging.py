"""Image labels again, block by block: what the same instrument would make of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.histogram import grey_summary
from ssbtomo.blocks.patterns import check_sink, each
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.kernels.filters import gaussian_halo
from ssbtomo.kernels.histogram import count_grey
from ssbtomo.kernels.imaging import (
    Imaging,
    ResidualCounts,
    count_residuals,
    imaged,
    imaging_from,
)
from ssbtomo.units import Spacing

__all__ = ["EveryOther", "error_correlation", "image_again", "measure_imaging"]

Sigma = tuple[float, float, float]
_AROUND = 2.0  # finest voxel edges: how far errors of a classification reach without noise


def measure_imaging(
    image: Source,
    labels: Source,
    means: NDArray[np.float64],
    grid: Grid,
    engine: Engine,
    *,
    blur: Sigma,
) -> Imaging:
    """Read the grey values and the noise of the phases off an image.

    Parameters
    ----------
    image, labels : Source
        Grey values, and the phases found in them (uint8).
    means : ndarray of float64, shape (n,)
        Grey values of the phases, nearly.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run: 18 bytes per voxel of a block and its halo.
    blur : tuple of float
        Standard deviation of the blur of edges, in voxels along (Z, Y, X).

    Returns
    -------
    Imaging
        See `ssbtomo.kernels.imaging.imaging_from`.
    """
    task = partial(_residuals, image=image, labels=labels, means=means, blur=blur)
    none = np.zeros((3, means.size), np.int64)
    total = ResidualCounts(*none)
    for part in each(task, grid, engine):
        total += part
    return imaging_from(total, means, blur)


def error_correlation(
    image: Source, labels: Source, classes: int, grid: Grid, engine: Engine, *, spacing: Spacing
) -> Sigma:
    """Tell over how many voxels the errors of a classification are alike.

    Parameters
    ----------
    image, labels : Source
        Grey values, and the classes found in them (uint8).
    classes : int
        How many there are.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    tuple of float
        Standard deviation in voxels along (Z, Y, X): that of the smoothing that the noise deep
        inside the classes has, and in squares twice the finest voxel edge, about which
        instruments blur and features look around.
    """
    histogram = grey_summary(image, grid, engine).check()
    bins = histogram.low, histogram.width, histogram.counts.size
    counts = np.zeros((classes, bins[2]), np.int64)
    for part in each(
        partial(_greys, volume=(image, labels), bins=bins, classes=classes), grid, engine
    ):
        counts += part
    total = np.maximum(counts.sum(axis=1), 1)
    z, y, x = (min(spacing) / edge for edge in spacing)
    found = measure_imaging(
        image, labels, counts @ histogram.centres / total, grid, engine, blur=(z, y, x)
    )
    a, b, c = (
        math.hypot(one, _AROUND * edge)
        for one, edge in zip(found.correlation, (z, y, x), strict=True)
    )
    return a, b, c


def image_again(
    labels: Source, model: Imaging, sink: Sink, grid: Grid, engine: Engine, *, seed: int = 0
) -> None:
    """Write the image that the instrument would make of labels.

    Parameters
    ----------
    labels : Source
        Phases (uint8).
    model : Imaging
        The instrument.
    sink : Sink
        Filled with grey values; rounded and clipped if it holds integers.
    grid : Grid
        How the volume is cut. No voxel depends on it.
    engine : Engine
        Where the tasks run: 24 bytes per voxel of a block and its halo.
    seed : int
        Of the noise.
    """
    check_sink(sink, grid, engine, source=labels)
    each(partial(_image, labels=labels, model=model, sink=sink, seed=seed), grid, engine)


@dataclass(frozen=True, slots=True)
class EveryOther:
    """Every other voxel of a volume along each axis: the same seen with half the resolution.

    Parameters
    ----------
    source : Source
        The volume; an axis of a single voxel keeps it.
    """

    source: Source

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along (Z, Y, X): half as many, rounded up."""
        return tuple((size + 1) // 2 for size in self.source.shape)

    @property
    def dtype(self) -> Any:
        """Type of a voxel."""
        return self.source.dtype

    def __getitem__(self, window: Any) -> NDArray[Any]:
        """Read a box."""
        spans = [part.indices(size) for part, size in zip(window, self.shape, strict=True)]
        wide = tuple(slice(2 * a, max(2 * b - 1, 2 * a)) for a, b, _ in spans)
        return np.ascontiguousarray(np.asarray(self.source[wide])[::2, ::2, ::2])


def _greys(
    block: Block, *, volume: tuple[Source, Source], bins: tuple[float, float, int], classes: int
) -> NDArray[np.int64]:
    image, labels = (np.asarray(one[block.core]) for one in volume)
    return np.stack([count_grey(image[labels == k], *bins) for k in range(classes)])


def _residuals(
    block: Block, *, image: Source, labels: Source, means: NDArray[np.float64], blur: Sigma
) -> ResidualCounts:
    z, y, x = (reach + 1 for reach in gaussian_halo(blur))
    window = block.window((z, y, x), (z, y, x))
    return count_residuals(
        np.asarray(image[window]), np.ascontiguousarray(labels[window]), means, blur,
        inner=block.inner((z, y, x)),
    )  # fmt: skip


def _image(block: Block, *, labels: Source, model: Imaging, sink: Sink, seed: int) -> None:
    halo = model.halo
    around = np.ascontiguousarray(labels[block.window(halo, halo)])
    grey: NDArray[Any] = imaged(around, model, block.start, seed, block.inner(halo))
    dtype = np.dtype(sink.dtype)
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        grey = np.clip(np.rint(grey), limits.min, limits.max)
    check_wanted()
    sink[block.core] = grey.astype(dtype)
