"""Voxel classification block by block: features and prediction in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid, Shape, Window
from ssbtomo.blocks.markers import Markers
from ssbtomo.blocks.patterns import check_sink
from ssbtomo.blocks.task import item_name
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.errors import InputDataError, OutputError
from ssbtomo.kernels.feature_list import Feature, feature_halo
from ssbtomo.kernels.features import FeatureBank, Place, normalised
from ssbtomo.kernels.forest import Forest, Logistic, entropy_of, quantised
from ssbtomo.kernels.settling import Settling, settled
from ssbtomo.units import Spacing

__all__ = ["Classifier", "classify", "features_at", "features_in"]

Float = NDArray[np.float32]
_SLAB = 2**18  # voxels whose features are held at once


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """What turns grey values into class probabilities.

    Parameters
    ----------
    features : tuple of Feature
        What is looked at.
    spacing : tuple of float
        Voxel edges of the volume along (Z, Y, X) in µm.
    levels : tuple of (float, float)
        Centre and width of the grey values of each channel.
    rule : Forest or Logistic
        What maps features to probabilities.
    settling : Settling, optional
        How edges take the phases beside them; not at all if absent.
    """

    features: tuple[Feature, ...]
    spacing: Spacing
    levels: tuple[tuple[float, float], ...]
    rule: Forest | Logistic
    settling: Settling | None = None

    def margins(self, within: Shape) -> tuple[Shape, Shape]:
        """Return the voxels that are read beyond a block, and those that are classified.

        Parameters
        ----------
        within : tuple of int
            Voxels of the volume.

        Returns
        -------
        halo, extra : tuple of int
            The features' halo, around what is classified; and the margin of that.
        """
        if self.settling is None:
            return feature_halo(self.features, self.spacing), (0, 0, 0)
        wanted = (*self.features, self.settling.feature)
        return feature_halo(wanted, self.spacing), self.settling.radii(self.spacing, within)

    def reach(self, within: Shape) -> Shape:
        """Return how far beyond a voxel its label looks.

        Parameters
        ----------
        within : tuple of int
            Voxels of the volume.

        Returns
        -------
        tuple of int
            Along (Z, Y, X).
        """
        z, y, x = (a + b for a, b in zip(*self.margins(within), strict=True))
        return z, y, x


def classify(
    sources: Sequence[Source],
    sinks: Sequence[Sink],
    grid: Grid,
    engine: Engine,
    classifier: Classifier,
    *,
    on_block: Callable[[Block], None] | None = None,
    markers: Markers | None = None,
) -> NDArray[np.int64]:
    """Classify every voxel of a volume.

    The result is the same bits for any cut, any scheduler and any number of workers.

    Parameters
    ----------
    sources : sequence of Source
        The scan, then its companions, all of one shape.
    sinks : sequence of Sink
        One for the labels (uint8); or those of the labels, of the probability of each class in
        steps of 1/255, and of the entropy (255 where all classes are equally probable).
    grid : Grid
        How the volume is cut.
    engine : Engine
        Where the tasks run.
    classifier : Classifier
        The features and the rule.
    on_block : callable, optional
        Told each block that was finished now.
    markers : Markers, optional
        Where finished blocks are marked; those of an earlier run are left as they are.

    Returns
    -------
    ndarray of int64, shape (classes,)
        Voxels of each label.

    Raises
    ------
    InputDataError
        If the channels do not fit each other or the features, or a value is not finite.
    OutputError
        If the stores are too few or too many, or do not fit the grid.

    Notes
    -----
    A task holds, per voxel of its block with margins, 4 bytes for each channel (8 where a local
    spread is wanted), 12 for each class if edges are settled, else 8, and the stores' bytes; and
    the features of 2.6e5 voxels at a time. Blocks of 128³ with 16 features and three classes: 0.2 GB.
    """
    _check_sources(sources, grid, classifier)
    classes = classifier.rule.classes
    if len(sinks) not in (1, classes + 2):
        raise OutputError(f"{classes} classes need 1 store or {classes + 2}, not {len(sinks)}")
    for sink in sinks:
        if np.dtype(sink.dtype) != np.uint8:
            raise OutputError(f"labels and probabilities are uint8, the store is {sink.dtype}")
        for source in sources:
            check_sink(sink, grid, engine, source=source)
    task = partial(_run, sources=tuple(sources), sinks=tuple(sinks), classifier=classifier)
    done = markers.finished() if markers else frozenset()
    total = np.zeros(classes, np.int64)
    for block, counts in zip(grid, engine.map(task, grid, markers=markers), strict=True):
        total += np.asarray(counts, np.int64)
        if on_block and item_name(block) not in done:
            on_block(block)
    return total


def features_at(
    sources: Sequence[Source],
    places: NDArray[np.intp],
    grid: Grid,
    engine: Engine,
    classifier: Classifier,
) -> Float:
    """Compute the features of some voxels.

    Parameters
    ----------
    sources : sequence of Source
        The scan, then its companions.
    places : ndarray of int, shape (n, 3)
        Voxels (z, y, x).
    grid : Grid
        How the volume is cut; only blocks with voxels are read, around those.
    engine : Engine
        Where the tasks run.
    classifier : Classifier
        Its features; the rule is not used.

    Returns
    -------
    ndarray of float32, shape (n, features)
        The same bits that `classify` sees.
    """
    _check_sources(sources, grid, classifier)
    owner = np.ravel_multi_index(tuple((places // np.asarray(grid.block)).T), grid.counts)
    order = np.argsort(owner, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(owner[order])) + 1)
    items = [places[group] for group in groups if group.size]
    task = partial(_look, sources=tuple(sources), classifier=classifier, within=grid.shape)
    out = np.empty((len(places), len(classifier.features)), np.float32)
    for group, values in zip(groups, engine.map(task, items), strict=True):
        out[group] = values
    return out


def features_in(block: Block, sources: Sequence[Source], classifier: Classifier) -> Float:
    """Compute the features of a box of voxels.

    Parameters
    ----------
    block : Block
        The box; only it and the features' halo are read.
    sources : sequence of Source
        The scan, then its companions.
    classifier : Classifier
        Its features; the rule is not used.

    Returns
    -------
    ndarray of float32, shape (features, Z, Y, X)
        The same bits that `classify` sees; 4 bytes for each feature of each voxel.
    """
    margins = feature_halo(classifier.features, classifier.spacing), (0, 0, 0)
    bank = _bank(tuple(sources), block, margins, classifier, classifier.features)
    parts = [bank.slab(first, last) for first, last in _slabs(block.shape)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _check_sources(sources: Sequence[Source], grid: Grid, classifier: Classifier) -> None:
    for number, source in enumerate(sources):
        if tuple(source.shape) != tuple(grid.shape):
            raise InputDataError(
                f"channel {number} has the shape {tuple(source.shape)}, the volume {grid.shape}",
                hint="companions must be registered and cut to the scan",
            )
    wanted = 1 + max(feature.channel for feature in classifier.features)
    if wanted > len(sources) or len(classifier.levels) < wanted:
        raise InputDataError(
            f"the features look at {wanted} channels, {len(sources)} were given",
            hint="give the companion channels in the order of the training",
        )


def _look(
    places: NDArray[np.intp],
    *,
    sources: tuple[Source, ...],
    classifier: Classifier,
    within: Shape,
) -> Float:
    low, high = places.min(0), places.max(0) + 1
    box = Block((0, 0, 0), tuple(low.tolist()), tuple(high.tolist()), within)
    out = np.empty((len(places), len(classifier.features)), np.float32)
    margins = feature_halo(classifier.features, classifier.spacing), (0, 0, 0)
    bank = _bank(sources, box, margins, classifier, classifier.features)
    z, y, x = (places - low).T
    for first, last in _slabs(box.shape):
        here = (z >= first) & (z < last)
        if here.any():
            out[here] = bank.slab(first, last)[:, z[here] - first, y[here], x[here]].T
    return out


def _slabs(shape: Shape) -> list[tuple[int, int]]:
    step = max(_SLAB // max(shape[1] * shape[2], 1), 1)
    return [(first, min(first + step, shape[0])) for first in range(0, shape[0], step)]


def _bank(
    sources: tuple[Source, ...],
    box: Block,
    margins: tuple[Shape, Shape],
    classifier: Classifier,
    features: tuple[Feature, ...],
) -> FeatureBank:
    """Read a box with margins and halo, mirrored where the volume ends."""
    halo, extra = margins
    core = box.window(extra, extra)
    margin: Shape = tuple(a + b for a, b in zip(extra, halo, strict=True))  # type: ignore[assignment]
    window = box.window(margin, margin)
    pads = [
        (h - (c.start - w.start), h - (w.stop - c.stop))
        for h, c, w in zip(halo, core, window, strict=True)
    ]
    values = []
    for source, level in zip(sources, classifier.levels, strict=False):
        grey = np.asarray(source[window])
        _check_finite(grey, window)
        values.append(np.pad(normalised(grey, *level), pads, mode="symmetric"))
    start = tuple(cut.start for cut in core)
    place = Place(start, box.within)
    return FeatureBank(values, halo, features, classifier.spacing, place)


def _check_finite(grey: NDArray[Any], window: Window) -> None:
    if grey.dtype.kind == "f" and not np.isfinite(grey).all():
        inside = np.unravel_index(int(np.argmin(np.isfinite(grey))), grey.shape)
        where = tuple(int(a) + cut.start for a, cut in zip(inside, window, strict=True))
        raise InputDataError(
            f"the voxel at (z, y, x) = {where} is NaN or infinite",
            hint="replace such voxels, or crop the volume to where it has values",
        )


def _run(
    block: Block,
    *,
    sources: tuple[Source, ...],
    sinks: tuple[Sink, ...],
    classifier: Classifier,
) -> list[int]:
    shares = _shares(block, sources, classifier)
    labels = np.argmax(shares, axis=0).astype(np.uint8)  # the first of equals
    check_wanted()
    sinks[0][block.core] = labels
    if len(sinks) > 1:
        steps = [quantised(share) for share in shares]
        for part, sink in zip(steps, sinks[1:-1], strict=True):
            sink[block.core] = part
        sinks[-1][block.core] = entropy_of(steps)
    return [int(n) for n in np.bincount(labels.reshape(-1), minlength=len(shares))]


def _shares(block: Block, sources: tuple[Source, ...], classifier: Classifier) -> NDArray[Any]:
    """Return the probability of each class, shape (classes, Z, Y, X)."""
    halo, extra = classifier.margins(block.within)
    settling, features = classifier.settling, classifier.features
    wanted = features if settling is None else (*features, settling.feature)
    bank = _bank(sources, block, (halo, extra), classifier, wanted)
    shape: Shape = bank.shape
    kind = np.float64 if settling is None else np.float32
    shares = np.empty((classifier.rule.classes, *shape), kind)
    gradient = np.empty(shape if settling else (0, 0, 0), np.float32)
    for first, last in _slabs(shape):
        check_wanted()
        found = bank.slab(first, last)
        flat = found[: len(features)].reshape(len(features), -1)
        parts = classifier.rule.probabilities(flat).T
        shares[:, first:last] = parts.reshape(-1, last - first, *shape[1:])
        if settling is not None:
            gradient[first:last] = found[-1]
    if settling is None:
        return shares
    pads = [
        (m - (b - w.start), m - (w.stop - e))
        for m, b, e, w in zip(
            extra, block.start, block.stop, block.window(extra, extra), strict=True
        )
    ]
    around = np.pad(shares, [(0, 0), *pads], mode="symmetric")
    steep = np.pad(gradient, pads, mode="symmetric")
    return settled(around, steep, settling, classifier.spacing, extra)
