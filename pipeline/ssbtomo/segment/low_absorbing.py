"""What tells lithium from void inside the class of all that absorbs little, block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import Block, Markers, Sink, Source, check_sink
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.kernels.filters import gaussian
from ssbtomo.kernels.histogram import Histogram, count_grey
from ssbtomo.kernels.masked import masked_gaussian
from ssbtomo.kernels.separability import noise_below, two_classes
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.evidence import FAR, NEAR, Channel, Judged, Volume

__all__ = ["EVIDENCE_LIMIT", "Study", "study"]

Float32 = NDArray[np.float32]

EVIDENCE_LIMIT = 4.0  # chance clusters of smoothed noise reach 3.5
_BARE = 3.5  # where two peaks are bare, their own width is the noise
_WANTED = 6.0  # one voxel in 700 is then on the wrong side
_SIGMAS = (1.0, 1.5, 2.0)  # in finest voxel edges
_SHELL = 1e-5  # weight of what is beside other phases: it counts only where nothing else is near
# In a map of an element, what is beside other phases has about a third of the contrast, so a tenth of
# the information, and no wrong sign.
_MAPPED = 0.1
_BINS = 4096
_UNSEEN = 1e-4  # share of the weights that must lie inside for the grey value to decide
_MOST = 30.0


@dataclass(frozen=True, slots=True)
class Study:
    """How far a volume tells lithium from void.

    Parameters
    ----------
    judged : tuple of Judged
        The channels; the grey values first.
    volume : Volume
        What was studied.
    limit : float
        The d' of single voxels below which grey values are not split.
    """

    judged: tuple[Judged, ...]
    volume: Volume
    limit: float

    @property
    def dprime(self) -> float:
        """That of the grey values."""
        return self.judged[0].dprime

    @property
    def used(self) -> tuple[Judged, ...]:
        """The channels that reach their limit."""
        return tuple(item for item in self.judged if item.counts)

    @property
    def band(self) -> float:
        """Log odds within which a voxel is uncertain."""
        squared = sum(item.classes.dprime**2 for item in self.used)
        return min(max(2.0 / math.sqrt(max(squared, 1e-9)), 0.15), 0.45) * squared

    def split(
        self,
        tables: tuple[NDArray[np.uint8], NDArray[np.uint8]],
        sink: Sink,
        bench: Bench,
        *,
        merged: tuple[Source, Source] | None = None,
        joined: tuple[Source, float] | None = None,
        lean: float = 0.0,
        chance: Sink | None = None,
        markers: Markers | None = None,
    ) -> None:
        """Write labels in which the class is lithium or void.

        Parameters
        ----------
        tables : tuple of ndarray of uint8, shape (256,)
            New label of each label where lithium is less likely, and where it is likelier.
        sink : Sink
            Filled with labels (uint8).
        bench : Bench
            Where the blocks are worked on.
        merged : tuple of Source, optional
            Labels to split, with the surface of the class where it lies if it is void, and if
            it is lithium; those that were studied if not given.
        joined : tuple, optional
            A store that is 2 where the class is joined to the electrode and 3 where it is
            enclosed, and the log odds that this is worth.
        lean : float
            Added to the log odds: all that is uncertain becomes lithium with `band`, void with
            its negative.
        chance : Sink, optional
            Filled with the probability of lithium times 255 (uint8).
        markers : Markers, optional
            Where finished blocks are marked.

        Notes
        -----
        60 bytes per voxel of a block with a halo of 12 voxels.
        """
        check_sink(sink, bench.grid, bench.engine)
        volume = self.volume
        if merged is not None:
            volume = Volume(volume.image, merged[1], volume.label, volume.spacing)
        task = partial(
            _split, study=self, volumes=(volume.merged if merged is None else merged[0], volume),
            tables=tables, sinks=(sink, chance), joined=joined, lean=lean,
        )  # fmt: skip
        for _ in bench.engine.map(task, bench.grid, markers=markers):
            pass


def study(volume: Volume, channels: Sequence[Channel], bench: Bench, *, limit: float) -> Study:
    """Measure how far each channel tells two materials in a class apart.

    Parameters
    ----------
    volume : Volume
        The scan and its merged class.
    channels : sequence of Channel
        The grey values first.
    bench : Bench
        Where the blocks are worked on: 60 bytes per voxel of a block with a halo of 12 voxels.
    limit : float
        The d' of single voxels that grey values must reach.

    Returns
    -------
    Study
        The same for any cut: counts add. Bias: what is thinner than five voxels has no
        inside and is not measured; grey values that drift lower d'.
    """
    ranges = list(
        bench.engine.map(partial(_ranges, volume=volume, channels=tuple(channels)), bench.grid)
    )
    span = np.array(ranges, np.float64)
    lows, highs = span[:, 0].min(axis=0), span[:, 1].max(axis=0)
    lows, highs = np.where(np.isfinite(lows), lows, 0.0), np.where(np.isfinite(highs), highs, 1.0)
    for k, channel in enumerate(channels):
        if channel.kind == "fringe":  # a difference of averages of the grey values
            highs[k] = highs[k] - lows[k]
            lows[k] = -highs[k]
    widths = np.maximum((highs - lows) / (_BINS - 1), 1e-6)
    task = partial(
        _counts, volume=volume, channels=tuple(channels), bins=(lows.tolist(), widths.tolist())
    )
    counts = np.zeros((len(channels), 1 + len(_SIGMAS), _BINS), np.int64)
    for part in bench.engine.map(task, bench.grid):
        counts += part
    judged = tuple(
        _judge(channel, [Histogram(row, low, width) for row in rows], limit)
        for channel, rows, low, width in zip(
            channels, counts, lows.tolist(), widths.tolist(), strict=True
        )
    )
    return Study(judged, volume, limit)


def _judge(channel: Channel, histograms: list[Histogram], limit: float) -> Judged:
    fits = [two_classes(found) for found in histograms[1:]]
    if channel.kind == "grey":
        raw, smooth = histograms[0], fits[0]
        bare = two_classes(raw)
        noise = bare.sd if bare.dprime >= _BARE else noise_below(raw, smooth)
        value = (smooth.bright - smooth.dark) / noise if smooth.dprime else 0.0
        counts = value >= limit
    best = next((k for k, fit in enumerate(fits) if fit.dprime >= _WANTED), len(fits) - 1)
    if channel.kind != "grey":
        value = fits[best].dprime
        counts = value >= EVIDENCE_LIMIT
    return Judged(channel, fits[best], _SIGMAS[best], float(value), bool(counts))


def _empty(volume: Volume, window: Any) -> bool:
    return not (np.asarray(volume.merged[window]) == volume.label).any()


def _ranges(block: Block, *, volume: Volume, channels: tuple[Channel, ...]) -> Any:
    mask = np.asarray(volume.merged[block.core]) == volume.label
    if not mask.any():
        return [[math.inf] * len(channels), [-math.inf] * len(channels)]
    values = [channel.values(volume.image, block.core)[mask] for channel in channels]
    low, high = [float(v.min()) for v in values], [float(v.max()) for v in values]
    return [low, high]


def _smoothed(
    block: Block, volume: Volume, channel: Channel, sigma: float
) -> tuple[Float32, Float32, NDArray[np.bool_]]:
    """Return a channel smoothed inside the class, how much lies inside, and what counts."""
    halo = volume.halo(sigma)
    window, own = block.window(halo, halo), block.inner(halo)
    mask, core = volume.parts(window)
    values = channel.values(volume.image, window)
    if channel.kind == "fringe":
        values = gaussian(values, volume.voxels(NEAR)) - gaussian(values, volume.voxels(FAR))
        core = mask & ~core
    beside = _MAPPED if channel.kind == "companion" else _SHELL
    weights = np.where(core, np.float32(1), np.float32(beside)) * mask
    smooth, _ = masked_gaussian(values, weights, volume.voxels(sigma))
    seen = gaussian(core.astype(np.float32), volume.voxels(sigma))
    return smooth[own], seen[own], core[own]


def _counts(
    block: Block,
    *,
    volume: Volume,
    channels: tuple[Channel, ...],
    bins: tuple[list[float], list[float]],
) -> NDArray[np.int64]:
    found = np.zeros((len(channels), 1 + len(_SIGMAS), _BINS), np.int64)
    if _empty(volume, block.core):
        return found
    for k, channel in enumerate(channels):
        low, width = bins[0][k], bins[1][k]
        for row, sigma in enumerate(_SIGMAS, start=1):
            smooth, _, core = _smoothed(block, volume, channel, sigma)
            found[k, row] = count_grey(smooth[core], low, width, _BINS)
        if channel.kind != "fringe":
            raw = channel.values(volume.image, block.core)[core]
            found[k, 0] = count_grey(raw, low, width, _BINS)
    return found


def _split(
    block: Block,
    *,
    study: Study,
    volumes: tuple[Source, Volume],
    tables: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    sinks: tuple[Sink, Sink | None],
    joined: tuple[Source, float] | None,
    lean: float,
) -> None:
    volume = volumes[1]
    merged = np.asarray(volume.merged[block.core])
    mask = merged == volume.label
    labels = tables[0][np.asarray(volumes[0][block.core])]
    odds = np.zeros(block.shape, np.float32)
    if mask.any():
        odds = _odds(block, study, volume)
        if joined is not None:
            place, worth = np.asarray(joined[0][block.core]), np.float32(joined[1])
            odds += worth * (place == 2) - worth * (place == 3)
        likelier = mask & (odds + np.float32(lean) > 0)
        labels[likelier] = tables[1][merged[likelier]]
    check_wanted()
    sinks[0][block.core] = labels
    if sinks[1] is not None:
        share = 1 / (1 + np.exp(-np.clip(odds, -_MOST, _MOST)))
        sinks[1][block.core] = np.where(mask, np.rint(255 * share), 0).astype(np.uint8)


def _odds(block: Block, study: Study, volume: Volume) -> Float32:
    """Return the log odds of lithium: 0 where only blurred grey values could tell."""
    odds = np.zeros(block.shape, np.float32)
    for item in study.used:
        smooth, seen, _ = _smoothed(block, volume, item.channel, item.sigma)
        told = np.float32(item.slope) * (smooth - np.float32(item.middle))
        if item.channel.kind in ("grey", "fringe"):
            told[seen < _UNSEEN] = 0
        odds += told
    return odds
