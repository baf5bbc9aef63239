"""Partial-volume repair of a volume: prepared once, settled for any thresholds, in blocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import Block, Markers, Sink, Source, check_sink
from ssbtomo.blocks.flood import flood
from ssbtomo.blocks.imaging import measure_imaging
from ssbtomo.blocks.seeds import remove_stray_seeds
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.errors import CancelledError
from ssbtomo.kernels import repair
from ssbtomo.kernels.plateaus import Plateaus
from ssbtomo.kernels.refine import refine, refine_halo
from ssbtomo.kernels.thresholds import Classes
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.looks import SCALES, STENCIL, Look
from ssbtomo.units import Spacing

__all__ = ["Step", "Surfaces", "find_surfaces", "image_blur", "purified", "stop_if"]

Floats = NDArray[np.float64]
Float32 = NDArray[np.float32]
Radius = tuple[int, int, int]
Step = Callable[[], None]
Trio = tuple[Source, Source, Source]

_SWEEPS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Surfaces:
    """A volume whose phases were found from plateaus; its surfaces can still move a little.

    Parameters
    ----------
    smooth : Source
        The smoothed grey values that decide (float32).
    grown : Source
        Seeds from 1, grown voxels plus 128 (uint8).
    nearby : Source
        Phases around each voxel, as bits (uint8).
    plateaus : Plateaus
        Grey values of the plateaus, and the width of the edges.
    scale : float
        Standard deviation of the smoothing, in finest voxel edges.
    lost : tuple of int
        Phases without any plateau.
    blur : tuple of float
        Standard deviation of the blur of edges in `smooth`, in voxels along (Z, Y, X).
    bench : Bench
        Where the blocks are worked on.
    """

    smooth: Source
    grown: Source
    nearby: Source
    plateaus: Plateaus
    scale: float
    lost: tuple[int, ...]
    blur: tuple[float, float, float]
    bench: Bench

    def labels(self, places: Floats, sink: Sink, markers: Markers | None = None) -> None:
        """Write the phases with each surface at its place between the plateaus.

        Parameters
        ----------
        places : ndarray of float64, shape (n - 1,)
            Where the surface between neighbours k and k + 1 lies: 0 at the grey value of the
            darker plateau, 1 at that of the brighter, 0.5 half-way. Phases that are not
            neighbours in grey value take the mean place of the thresholds between them.
        sink : Sink
            Filled with 0 for the darkest phase (uint8).
        markers : Markers, optional
            Where finished blocks are marked; those of an earlier run are left as they are.

        Notes
        -----
        One pass; 21 bytes per voxel of a block and its halo, which is 3 voxels and what
        `ssbtomo.kernels.refine.refine_halo` says.
        """
        check_sink(sink, self.bench.grid, self.bench.engine, source=self.grown)
        limits = self._boundaries(places)
        lifts = limits - self._boundaries(np.full_like(places, 0.5))
        task = partial(
            _settled, volume=(self.smooth, self.grown, self.nearby), sink=sink, blur=self.blur,
            means=self.plateaus.means.astype(np.float32), limits=limits, lifts=lifts,
        )  # fmt: skip
        for _ in self.bench.engine.map(task, self.bench.grid, markers=markers):
            pass

    def _boundaries(self, places: Floats) -> Float32:
        means = self.plateaus.means
        limits = np.zeros((means.size + 1, means.size + 1), np.float32)
        for low in range(means.size):
            for high in range(low + 1, means.size):
                place = places[low:high].mean()
                limits[low + 1, high + 1] = means[low] + place * (means[high] - means[low])
        return limits


def find_surfaces(
    image: Source, spacing: Spacing, classes: Classes, bench: Bench, step: Step = lambda: None
) -> Surfaces:
    """Find the phases of a blurred volume from their plateaus.

    Parameters
    ----------
    image : Source
        Grey values (Z, Y, X), denoised or not.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm; only their ratios matter here.
    classes : Classes
        Of the volume's histogram.
    bench : Bench
        Where the blocks are worked on. Its stores are ``smooth`` (float32), ``seeds``,
        ``seeds-kept``, ``grown``, ``restored`` and ``nearby`` (uint8).
    step : callable, optional
        Called between parts of the work; may raise to stop it.

    Returns
    -------
    Surfaces
        The same for any cut. Its stores hold 6 bytes per voxel; those of the work 7.
    """
    fine = min(spacing)
    z, y, x = (fine / edge for edge in spacing)
    smooth = bench.allocate("smooth", np.dtype(np.float32))
    view = Look.at((image, smooth), (z, y, x), classes, SCALES[0], bench)
    while (scale := view.wanted_scale()) > view.scale:
        step()
        view = Look.at((image, smooth), (z, y, x), classes, scale, bench)
    step()
    return _Growth(view, (z, y, x), bench).surfaces(classes.thresholds, step)


def image_blur(width: float, scale: float, spacing: Spacing) -> tuple[float, float, float]:
    """Return how blurred an image is, from the edges of the same image smoothed.

    Parameters
    ----------
    width : float
        Standard deviation of the blur of edges after smoothing, in finest voxel edges.
    scale : float
        That of the smoothing.
    spacing : tuple of float
        Voxel edges along (Z, Y, X); only their ratios matter.

    Returns
    -------
    tuple of float
        Standard deviation of the blur in voxels along (Z, Y, X), the same length along each.
    """
    blur = math.sqrt(max(width**2 - scale**2 - STENCIL, 0.0))
    z, y, x = (blur * min(spacing) / edge for edge in spacing)
    return z, y, x


def purified(surfaces: Surfaces, image: Source, spacing: Spacing) -> Surfaces:
    """Read the grey values of the phases anew, deep inside them.

    What lies half-way between two plateaus depends on their grey values, and that of a phase
    of small pieces is pulled towards what is around it: most of its voxels are within the
    blur. Where the blurred labels are flat there is no such pull.

    Parameters
    ----------
    surfaces : Surfaces
        As found.
    image : Source
        The grey values that they were found in.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    Surfaces
        With other means; a phase without 400 voxels deep inside keeps its own. Two passes; its
        store ``labels-first`` (uint8) is not needed afterwards.
    """
    bench, plateaus = surfaces.bench, surfaces.plateaus
    labels = bench.allocate("labels-first", np.dtype(np.uint8))
    surfaces.labels(np.full(plateaus.means.size - 1, 0.5), labels)
    blur = image_blur(plateaus.edge_width, surfaces.scale, spacing)
    found = measure_imaging(image, labels, plateaus.means, bench.grid, bench.engine, blur=blur)
    return replace(surfaces, plateaus=replace(plateaus, means=found.means))


@dataclass(frozen=True, slots=True, eq=False)
class _Growth:
    """What grows from the plateaus of a look at a volume."""

    view: Look
    ratios: tuple[float, float, float]
    bench: Bench

    def surfaces(self, thresholds: Floats, step: Step) -> Surfaces:
        plateaus, scale = self.view.plateaus, self.view.scale
        grown, held = self._grown(thresholds, step)
        step()
        labels, nearby = self._restored(grown)
        lost = tuple(int(phase) for phase in np.flatnonzero(held == 0))
        sigma = math.sqrt(max(plateaus.edge_width**2 - STENCIL, scale**2))
        z, y, x = (sigma * ratio for ratio in self.ratios)
        smooth = self.view.slopes.smooth
        return Surfaces(smooth, labels, nearby, plateaus, scale, lost, (z, y, x), self.bench)

    @property
    def radius(self) -> Radius:
        """How far phases count as nearby."""
        width = self.view.plateaus.edge_width
        z, y, x = (max(math.ceil(1.5 * width * ratio), 1) for ratio in self.ratios)
        return z, y, x

    def _grown(self, thresholds: Floats, step: Step) -> tuple[Source, NDArray[np.int64]]:
        """Return the flooded labels, and how many seeds each phase has."""
        bench, width = self.bench, self.view.plateaus.edge_width
        seeds = bench.allocate("seeds", np.dtype(np.uint8))
        self.view.plant(thresholds, seeds, bench)
        step()
        smallest = math.ceil((2 * width) ** 3 * math.prod(self.ratios))
        box = (thresholds.size + 1, smallest, self.radius)
        kept, held = remove_stray_seeds(
            seeds, box, bench.grid, bench.engine, allocate=bench.allocate
        )
        del seeds  # an array in memory makes room
        step()
        grown = bench.allocate("grown", np.dtype(np.uint8))
        flood(self.view.slopes, kept, grown, bench.grid, bench.engine)
        return grown, held

    def _restored(self, grown: Source) -> tuple[Source, Source]:
        """Give back what is too thin for a seed; return the labels and the phases nearby."""
        means, bench = self.view.plateaus.means, self.bench
        middles = ((means[1:] + means[:-1]) / 2).astype(np.float32)
        labels, nearby = (bench.allocate(n, np.dtype(np.uint8)) for n in ("restored", "nearby"))
        check_sink(labels, bench.grid, bench.engine, source=grown)
        task = partial(
            _restore, volume=(self.view.slopes.smooth, grown), sinks=(labels, nearby),
            radius=self.radius, middles=middles,
        )  # fmt: skip
        for _ in bench.engine.map(task, bench.grid):
            pass
        return labels, nearby


def _restore(
    block: Block,
    *,
    volume: tuple[Source, Source],
    sinks: tuple[Sink, Sink],
    radius: Radius,
    middles: Float32,
) -> None:
    z, y, x = radius
    halo = 2 * z, 2 * y, 2 * x  # what is nearby once more, of what depends on what is nearby
    smooth = np.ascontiguousarray(volume[0][block.window(halo, halo)])
    labels = np.array(volume[1][block.window(halo, halo)], order="C")
    nearby = repair.nearby_phases(labels, radius)
    if repair.restore_thin(smooth, nearby, middles, labels):
        nearby = repair.nearby_phases(labels, radius)
    inner = block.inner(halo)
    check_wanted()
    for sink, values in zip(sinks, (labels, nearby), strict=True):
        sink[block.core] = values[inner]


def _settled(
    block: Block,
    *,
    volume: Trio,
    sink: Sink,
    blur: tuple[float, float, float],
    means: Float32,
    limits: Float32,
    lifts: Float32,
) -> None:
    z, y, x = (reach + _SWEEPS for reach in refine_halo(blur))
    window, inner = block.window((z, y, x), (z, y, x)), block.inner((z, y, x))
    smooth, now, nearby = (np.ascontiguousarray(part[window]) for part in volume)
    now, then = now.copy(), np.empty_like(now)
    for _ in range(_SWEEPS):
        changed = repair.settle(smooth, now, nearby, limits, then)
        now, then = then, now
        if not changed:
            break
    del then
    # Then for their curvature; a second step would follow the noise.
    moved, _ = refine((smooth, now, nearby), means, lifts, blur, inner=inner)
    moved &= 127
    moved -= 1
    check_wanted()
    sink[block.core] = moved


def stop_if(cancelled: Callable[[], bool] | None) -> None:
    """Stop here if the user asked for it.

    Parameters
    ----------
    cancelled : callable or None
        Returns whether to stop.

    Raises
    ------
    CancelledError
        If it returns true.
    """
    if cancelled is not None and cancelled():
        raise CancelledError("the segmentation was cancelled", hint="start it again when you like")
