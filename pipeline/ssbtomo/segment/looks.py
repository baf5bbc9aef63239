"""A volume seen at one scale of smoothing: its plateaus, gradients and seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import Block, Sink, Source, check_sink
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.kernels import plateaus as flat
from ssbtomo.kernels import repair
from ssbtomo.kernels.filters import gaussian, gaussian_halo
from ssbtomo.kernels.thresholds import Classes
from ssbtomo.segment.bench import Bench

__all__ = ["SCALES", "STENCIL", "Look", "Slopes"]

Floats = NDArray[np.float64]
Ratios = tuple[float, float, float]
Levels = NDArray[np.uint16]

SCALES = (0.7, 1.0, 1.4)  # of the smoothing, in finest voxel edges
STENCIL = 1 / 3  # variance that the central difference adds, in voxels squared
_CLEAR = 3.5  # how many times an edge must be steeper than the noise; the worst phase has more


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """Gradient levels of a smoothed volume, block by block and never stored.

    Parameters
    ----------
    smooth : Source
        The smoothed volume (float32).
    steps : tuple of float
        Half the finest voxel edge over the edge along (Z, Y, X).
    unit : float
        Levels per grey value and finest voxel edge.
    """

    smooth: Source
    steps: Ratios
    unit: float

    def __call__(self, block: Block) -> Levels:
        """Return the levels of the block's own voxels: 6 bytes per voxel."""
        return self.both(block)[1]

    def both(self, block: Block) -> tuple[NDArray[np.float32], Levels]:
        """Return the smoothed values and the levels of a block's own voxels.

        Parameters
        ----------
        block : Block
            The block.

        Returns
        -------
        smooth : ndarray of float32
            As stored.
        levels : ndarray of uint16
            As from `ssbtomo.kernels.repair.gradient_levels`.
        """
        smooth = np.ascontiguousarray(self.smooth[block.window(1, 1)])
        levels = np.empty(smooth.shape, np.uint16)
        z, y, x = map(np.float32, self.steps)
        repair.gradient_levels(smooth, (z, y, x), np.float32(self.unit), levels)
        inner = block.inner(1)
        return np.ascontiguousarray(smooth[inner]), np.ascontiguousarray(levels[inner])


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The volume seen at one scale of smoothing.

    Parameters
    ----------
    slopes : Slopes
        The smoothed volume and its gradients.
    plateaus : Plateaus
        What flat regions and edges look like in it.
    scale : float
        Standard deviation of the smoothing, in finest voxel edges.
    centres : ndarray of float64
        Grey values of the bins that plateaus are found in.
    """

    slopes: Slopes
    plateaus: flat.Plateaus
    scale: float
    centres: Floats

    @classmethod
    def at(
        cls,
        source: tuple[Source, Sink],
        ratios: Ratios,
        classes: Classes,
        scale: float,
        bench: Bench,
    ) -> Look:
        """Smooth a volume and measure its plateaus: two passes.

        Parameters
        ----------
        source : tuple of Source and Sink
            The image, and a store (float32) that is filled with the smoothed volume.
        ratios : tuple of float
            Finest voxel edge over the edge along (Z, Y, X).
        classes : Classes
            Of the volume's histogram.
        scale : float
            Standard deviation of the smoothing, in finest voxel edges.
        bench : Bench
            Where the blocks are worked on: 12 bytes per voxel of a block and its halo.

        Returns
        -------
        Look
            The same for any cut.
        """
        image, smooth = source
        z, y, x = ratios
        low, high = _smoothed(image, smooth, (scale * z, scale * y, scale * x), bench)
        width = (high - low) / flat.GREY_BINS
        unit = flat.GRADIENT_LEVELS * math.sqrt(2 * math.pi) * scale / (high - low)
        slopes = Slopes(smooth, (z / 2, y / 2, x / 2), unit)
        joint = np.zeros((flat.GREY_BINS, flat.GRADIENT_LEVELS // flat.COARSE), np.int64)
        for part in bench.engine.map(partial(_count, slopes=slopes, bins=(low, width)), bench.grid):
            joint += part
        centres: Floats = np.asarray(low + width * (np.arange(flat.GREY_BINS) + 0.5), np.float64)
        plateaus = flat.find_plateaus(
            joint, centres, classes, unit, narrowest=math.sqrt(scale**2 + STENCIL)
        )
        return cls(slopes, plateaus, scale, centres)

    def wanted_scale(self) -> float:
        """Return the scale that the image asks for; that of this look if it will do.

        Returns
        -------
        float
            First as smooth as the image itself is, then as its noise asks for.
        """
        wanted = self.scale
        if self.scale == SCALES[0]:
            blur = math.sqrt(max(self.plateaus.edge_width**2 - self.scale**2 - STENCIL, 0.0))
            wanted = round(min(max(self.scale, self.scale * blur), SCALES[-1]), 1)
        if self.plateaus.clarity < _CLEAR:
            wanted = max(wanted, min((s for s in SCALES if s > self.scale), default=wanted))
        return wanted

    def plant(self, thresholds: Floats, sink: Sink, bench: Bench) -> None:
        """Mark the voxels that certainly belong to the class of their grey value.

        Parameters
        ----------
        thresholds : ndarray of float64
            Between the classes.
        sink : Sink
            Filled with the class from 1, or 0 (uint8).
        bench : Bench
            Where the blocks are worked on: 13 bytes per voxel of a block.
        """
        tables = flat.seed_tables(self.plateaus, self.centres, thresholds, self.slopes.unit)
        width = self.centres[1] - self.centres[0]
        bins = float(self.centres[0] - width / 2), float(width)
        check_sink(sink, bench.grid, bench.engine)
        task = partial(_plant, slopes=self.slopes, bins=bins, tables=tables, sink=sink)
        for _ in bench.engine.map(task, bench.grid):
            pass


def _smoothed(image: Source, smooth: Sink, sigma: Ratios, bench: Bench) -> tuple[float, float]:
    """Smooth a volume; return the smallest and the largest value."""
    check_sink(smooth, bench.grid, bench.engine, source=image)
    task = partial(_smooth, source=image, sink=smooth, sigma=sigma)
    lows, highs = zip(*bench.engine.map(task, bench.grid), strict=True)
    return min(lows), max(highs)


def _smooth(
    block: Block, *, source: Source, sink: Sink, sigma: tuple[float, float, float]
) -> tuple[float, float]:
    halo = gaussian_halo(sigma)
    values = gaussian(np.asarray(source[block.window(halo, halo)]), sigma)[block.inner(halo)]
    check_wanted()
    sink[block.core] = values
    return float(values.min()), float(values.max())


def _count(block: Block, *, slopes: Slopes, bins: tuple[float, float]) -> NDArray[np.int64]:
    smooth, levels = slopes.both(block)
    low, width = map(np.float32, bins)
    counts: NDArray[np.int64] = flat.joint_histogram(smooth, levels, low, width)
    return counts


def _plant(
    block: Block, *, slopes: Slopes, bins: tuple[float, float], tables: tuple[Any, ...], sink: Sink
) -> None:
    smooth, levels = slopes.both(block)
    seeds = np.empty(smooth.shape, np.uint8)
    low, width = map(np.float32, bins)
    repair.plant_seeds(smooth, levels, (low, width), tables, seeds)
    check_wanted()
    sink[block.core] = seeds
