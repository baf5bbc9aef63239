"""Ways from thresholds to labels that look at the voxels around: Potts, hysteresis, watershed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import Block, Markers, Sink, Source, check_sink, halo_map
from ssbtomo.blocks.components import Wanted, find_components
from ssbtomo.blocks.flood import flood
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.potts import iterate, potts_energies, potts_halo
from ssbtomo.kernels.runs import Runs
from ssbtomo.kernels.thresholds import Classes
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.looks import Look
from ssbtomo.units import Spacing

__all__ = ["Kind", "Regular"]

Floats = NDArray[np.float64]
Float32 = NDArray[np.float32]
Place = tuple[Sink, Bench, Markers | None]
Kind = Literal["potts", "hysteresis", "watershed"]

_BINS = 4096


@dataclass(frozen=True, slots=True)
class Regular:
    """How voxels near a threshold are decided.

    Parameters
    ----------
    kind : {"potts", "hysteresis", "watershed"}
        By their neighbours; by being joined to surely brighter ones; or by growing from sure
        voxels along the gradient.
    strength : float
        potts: what an equal neighbour is worth, in units of log likelihood.
    sweeps : int
        potts: number of sweeps.
    band : float
        hysteresis, watershed: voxels within this share of the distance of two means from the
        threshold between them are unsure.
    """

    kind: Kind
    strength: float = 1.0
    sweeps: int = 6
    band: float = 0.2

    def labels(
        self,
        image: Source,
        spacing: Spacing,
        how: tuple[Floats, Classes],
        place: Place,
    ) -> None:
        """Write labels.

        Parameters
        ----------
        image : Source
            Grey values, (Z, Y, X).
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in µm; only their ratios matter.
        how : tuple
            Thresholds between the classes, and Gaussians of the classes.
        place : tuple of Sink, Bench and Markers or None
            What is filled with 0 for the darkest class (uint8); where the blocks are worked on,
            with stores ``hysteresis-1`` … (uint8), or ``smooth`` (float32), ``flat``, ``seeds``
            and ``grown`` (uint8); and where finished blocks are marked.

        Raises
        ------
        InputDataError
            If no voxel is sure.

        Notes
        -----
        The same for any cut. Held per voxel of a block: 16 bytes with a halo of two voxels per
        sweep (potts), 30 bytes (hysteresis), 20 bytes (watershed).
        """
        if self.kind == "potts":
            _potts(image, spacing, how, self, place)
        elif self.kind == "hysteresis":
            _hysteresis(image, how, self, place)
        else:
            _watershed(image, spacing, how, self, place)


def _potts(
    image: Source, spacing: Spacing, how: tuple[Floats, Classes], rule: Regular, place: Place
) -> None:
    sink, bench, markers = place
    thresholds, classes = how
    reach = 6 * float(classes.sds.max())
    low = float(classes.means.min()) - reach
    width = (float(classes.means.max()) + reach - low) / _BINS
    grey = np.asarray(low + width * (np.arange(_BINS) + 0.5), np.float64)
    energies = potts_energies(grey, classes, thresholds)
    edges = np.asarray(spacing)
    near = (edges.min() / edges).astype(np.float32)
    task = partial(
        _iterated, image=image, sink=sink, energies=energies, bins=(low, width),
        weights=np.float32(rule.strength) * near, sweeps=rule.sweeps,
    )  # fmt: skip
    check_sink(sink, bench.grid, bench.engine, source=image)
    for _ in bench.engine.map(task, bench.grid, markers=markers):
        pass


def _iterated(
    block: Block,
    *,
    image: Source,
    sink: Sink,
    energies: Float32,
    bins: tuple[float, float],
    weights: Float32,
    sweeps: int,
) -> None:
    halo = potts_halo(sweeps)
    window = block.window(halo, halo)
    low, width = bins
    places = np.clip((np.asarray(image[window]) - low) / width, 0, _BINS - 1).astype(np.uint16)
    origin = sum(int(part.start) for part in window)
    labels = iterate(places, energies, weights, origin, sweeps)
    check_wanted()
    sink[block.core] = labels[block.inner(halo)]


@dataclass(frozen=True, slots=True)
class _Above:
    """A mask of the voxels from a grey value on, made as it is read."""

    image: Source
    grey: float

    @property
    def shape(self) -> tuple[int, ...]:
        return self.image.shape

    @property
    def dtype(self) -> Any:
        return np.dtype(np.uint8)

    def __getitem__(self, window: Any) -> NDArray[np.uint8]:
        return (np.asarray(self.image[window]) >= self.grey).astype(np.uint8)


def _hysteresis(image: Source, how: tuple[Floats, Classes], rule: Regular, place: Place) -> None:
    """Each threshold by itself: what it lets in is nested, as its limits are."""
    sink, bench, markers = place
    thresholds, classes = how
    bands = rule.band * np.diff(classes.means)
    parts = []
    for k, (cut, band) in enumerate(zip(thresholds.tolist(), bands.tolist(), strict=True)):
        weak = _Above(image, cut - band)
        measure = partial(_sure, image=image, grey=cut + band)
        found = find_components(weak, bench.grid, bench.engine, Wanted(1), measure=measure)
        part = bench.allocate(f"hysteresis-{k + 1}", np.dtype(np.uint8))
        found.paint(weak, (found.extra[:, 0] > 0).astype(np.uint8), part, bench.engine)
        parts.append(part)
    check_sink(sink, bench.grid, bench.engine, source=image)
    task = partial(_summed, parts=tuple(parts), sink=sink)
    for _ in bench.engine.map(task, bench.grid, markers=markers):
        pass


def _sure(labels: Any, runs: Runs, block: Block, *, image: Source, grey: float) -> Any:
    mask = np.ascontiguousarray(np.asarray(image[block.core]) >= grey)
    return runs.any_of(mask).astype(np.int64)[:, None]


def _summed(block: Block, *, parts: Sequence[Source], sink: Sink) -> None:
    labels = np.zeros(block.shape, np.uint8)
    for part in parts:
        labels += np.asarray(part[block.core])
    check_wanted()
    sink[block.core] = labels


def _watershed(
    image: Source, spacing: Spacing, how: tuple[Floats, Classes], rule: Regular, place: Place
) -> None:
    sink, bench, markers = place
    thresholds, classes = how
    z, y, x = (min(spacing) / edge for edge in spacing)
    smooth = bench.allocate("smooth", np.dtype(np.float32))
    view = Look.at((image, smooth), (z, y, x), classes, 1.0, bench)
    flat, seeds, grown = (
        bench.allocate(name, np.dtype(np.uint8)) for name in ("flat", "seeds", "grown")
    )
    view.plant(thresholds, flat, bench)
    task = partial(
        _seeds, sources=(smooth, flat), sink=seeds, thresholds=thresholds,
        bands=rule.band * np.diff(classes.means),
    )  # fmt: skip
    for _ in bench.engine.map(task, bench.grid):
        pass
    flood(view.slopes, seeds, grown, bench.grid, bench.engine)
    halo_map(_shown, grown, sink, bench.grid, bench.engine, markers=markers)


def _seeds(
    block: Block, *, sources: tuple[Source, Source], sink: Sink, thresholds: Floats, bands: Floats
) -> None:
    grey, seeds = (np.asarray(source[block.core]) for source in sources)
    seeds = seeds.copy()
    for cut, band in zip(thresholds, bands, strict=True):
        seeds[np.abs(grey - np.float32(cut)) < np.float32(band)] = 0
    check_wanted()
    sink[block.core] = seeds


def _shown(grown: Any) -> NDArray[np.uint8]:
    labels = np.asarray(grown) & np.uint8(127)
    if not labels.all():
        raise InputDataError(
            "no voxel is far enough from the thresholds to grow from",
            hint="make segment.band smaller",
        )
    return labels - np.uint8(1)
