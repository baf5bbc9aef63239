"""What a classifier would say of one slice, again and again while labels are being painted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import SERIAL, Block, Engine, Grid, Source
from ssbtomo.blocks.classify import Classifier, features_at, features_in
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.feature_list import feature_halo
from ssbtomo.kernels.forest import Forest, Logistic, entropy_table, quantised
from ssbtomo.segment.feature_sets import chosen_features
from ssbtomo.segment.held_planes import HeldPlanes
from ssbtomo.segment.inputs import check_source
from ssbtomo.segment.learning import Learner
from ssbtomo.segment.prediction import typical_grey
from ssbtomo.segment.scribbles import Scribbles
from ssbtomo.units import Spacing, check_spacing

__all__ = ["SlicePreview", "SliceView", "slice_block", "slice_uncertainty"]

Float = NDArray[np.float32]
_UNKNOWN = Logistic(np.zeros((2, 1)), np.zeros(2))
_KEPT = 3  # slices whose features are held
_MOST = 3000  # labelled voxels of a preview
_TILE = 256  # edge of a piece of a slice
_PIECE = 2**16  # voxels that are classified at once
_PATCH = 96  # edge of the patches by which the uncertainty of a slice is judged


@dataclass(frozen=True, slots=True, eq=False)
class SliceView:
    """A classified slice.

    Parameters
    ----------
    labels : ndarray of uint8, shape (Z, Y, X)
        The most probable phase of each voxel, from 0; one voxel thick along the slice's axis.
    entropy : ndarray of uint8, shape (Z, Y, X)
        0 where a phase is certain, 255 where all are equally probable.
    rule : Forest or Logistic
        What classified it.
    """

    labels: NDArray[np.uint8]
    entropy: NDArray[np.uint8]
    rule: Forest | Logistic


class SlicePreview:
    """Logistic regression on the slice in view, from the labels that there are so far.

    Features are computed once for a slice and once for a labelled voxel, so that a stroke of the
    brush costs a fit and a weighted sum. Bias: nothing is settled at edges, so that blurred
    edges between a dark and a bright phase show films that `train` with `settle` removes.

    Parameters
    ----------
    image : Source, shape (Z, Y, X)
        Grey values.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    features : str or sequence of Feature
        As of `ssbtomo.segment.train`.
    companions : sequence of Source
        Further channels.
    engine : Engine
        Where the pieces of a slice are computed; threads.

    Notes
    -----
    Holds the features of three slices: 59 MB each for 1024² voxels and 14 features; and of a
    store the planes that features look at: 27 of them, or as many as come with the same chunks
    if that is less than 256 MiB.
    """

    def __init__(
        self,
        image: Any,
        spacing: Spacing,
        *,
        features: Any = "default",
        companions: Sequence[Any] = (),
        engine: Engine = SERIAL,
    ) -> None:
        self._held = tuple(
            HeldPlanes(check_source(source), engine) for source in (image, *companions)
        )
        self.sources: tuple[Source, ...] = self._held
        self.spacing = check_spacing(spacing)
        self.shape = _shape(self.sources[0])
        self._features = chosen_features(features, self.spacing)
        self._engine = engine
        self._ready: Classifier | None = None
        self._slices: OrderedDict[tuple[int, int], Float] = OrderedDict()
        self._known = np.zeros(0, np.int64)
        self._looks = np.zeros((0, len(self._features)), np.float32)

    @property
    def classifier(self) -> Classifier:
        """The features with the grey scale of the image; its rule knows nothing."""
        if self._ready is None:
            levels = []
            for source in self.sources:
                low, middle, high = typical_grey(source)
                levels.append((middle, max(high - low, 1e-6 * max(abs(middle), 1e-30))))
            self._ready = Classifier(self._features, self.spacing, tuple(levels), _UNKNOWN)
        return self._ready

    def view(self, axis: int, index: int, marks: Scribbles, phases: int) -> SliceView:
        """Learn from the labelled voxels, and classify a slice.

        Parameters
        ----------
        axis : int
            What the slice is normal to: 0, 1 or 2 for z, y or x.
        index : int
            Its number.
        marks : Scribbles
            All labelled voxels, or the more telling ones.
        phases : int
            How many there are; those without a label are not considered.

        Returns
        -------
        SliceView
            The slice.

        Raises
        ------
        InputDataError
            If fewer than two phases are labelled, or the slice is not in the volume.
        """
        seen = np.unique(marks.labels)
        if seen.size < 2 or seen.max() >= phases:
            raise InputDataError(
                "a preview needs labels of two phases" if seen.size < 2 else "a label has no phase",
                hint="paint a few strokes in each phase",
            )
        found = self._slice(axis, index)
        looks, labels = self._learnt_from(marks)
        fitted = Learner("logistic").fit(looks, np.searchsorted(seen, labels), seen.size).rule
        rule = fitted if seen.size == phases else _spread(fitted, seen, phases)
        return self._classified(found, rule)

    def classified(self, axis: int, index: int, rule: Forest | Logistic) -> SliceView:
        """Classify a slice with a rule that was learnt before, in `view`.

        Parameters
        ----------
        axis, index : int
            The slice.
        rule : Forest or Logistic
            The rule.

        Returns
        -------
        SliceView
            The slice.
        """
        return self._classified(self._slice(axis, index), rule)

    def _classified(self, found: Float, rule: Forest | Logistic) -> SliceView:
        """Classify a slice in pieces, side by side."""
        shape = found.shape[1:]
        flat = found.reshape(len(found), -1)
        cuts = [slice(a, a + _PIECE) for a in range(0, flat.shape[1], _PIECE)]
        task = partial(_classified_piece, flat=flat, rule=rule)
        parts = list(self._engine.map(task, cuts))
        labels, entropy = (np.concatenate(part) for part in zip(*parts, strict=True))
        return SliceView(labels.reshape(shape), entropy.reshape(shape), rule)

    def _slice(self, axis: int, index: int) -> Float:
        """Return the features of a slice, (features, Z, Y, X)."""
        key = axis, index
        if key not in self._slices:
            block = slice_block(self.shape, axis, index)
            self._hold(axis, index)
            tiles = list(_tiles(block, axis))
            task = partial(features_in, sources=self.sources, classifier=self.classifier)
            out = self._room((len(self._features), *block.shape))
            for tile, part in zip(tiles, self._engine.map(task, tiles), strict=True):
                cut = (
                    slice(a - b, c - b)
                    for a, b, c in zip(tile.start, block.start, tile.stop, strict=True)
                )
                out[(slice(None), *cut)] = part
            self._slices[key] = out
        self._slices.move_to_end(key)
        return self._slices[key]

    def _room(self, shape: tuple[int, ...]) -> Float:
        """Return an array for a slice: that of the one seen longest ago, if it fits."""
        while len(self._slices) >= _KEPT:
            _, oldest = self._slices.popitem(last=False)
            if oldest.shape == shape and len(self._slices) < _KEPT:
                return oldest
        return np.empty(shape, np.float32)

    def _hold(self, axis: int, index: int) -> None:
        """Read what the features of a slice look at."""
        reach = feature_halo(self._features, self.spacing)[axis]
        for held in self._held:
            held.hold(axis, index - reach, index + reach + 1)

    def _learnt_from(self, marks: Scribbles) -> tuple[Float, NDArray[np.intp]]:
        """Return features and labels of the labelled voxels, or of as many as a preview takes."""
        chosen = _drawn(marks.labels)
        places, labels = marks.places[chosen], marks.labels[chosen]
        flat = np.ravel_multi_index(tuple(places.T), self.shape).astype(np.int64)
        strange = ~np.isin(flat, self._known)
        if strange.any():
            self._learn(places[strange], flat[strange])
        return self._looks[np.searchsorted(self._known, flat)], labels

    def _learn(self, places: NDArray[np.intp], flat: NDArray[np.int64]) -> None:
        """Keep the features of some voxels: those of slices that were seen cost nothing."""
        looks = np.empty((len(flat), len(self._features)), np.float32)
        left = np.ones(len(flat), bool)
        for (axis, index), found in self._slices.items():
            here = left & (places[:, axis] == index)
            inside = places[here].copy()
            inside[:, axis] = 0
            looks[here] = found[(slice(None), *inside.T)].T
            left &= ~here
        if left.any():
            z, y, x = (min(n, 64) for n in self.shape)
            grid = Grid(self.shape, (z, y, x))
            looks[left] = features_at(
                self.sources, places[left], grid, self._engine, self.classifier
            )
        order = np.argsort(np.concatenate([self._known, flat]), kind="stable")
        self._known = np.concatenate([self._known, flat])[order]
        self._looks = np.concatenate([self._looks, looks])[order]


def slice_uncertainty(
    sources: Sequence[Source], classifier: Classifier, axis: int, index: int
) -> float:
    """Return how uncertain a classifier is about a slice, judged by patches of it.

    Parameters
    ----------
    sources : sequence of Source
        The scan, then its companions.
    classifier : Classifier
        Features and rule; nothing is settled.
    axis, index : int
        The slice.

    Returns
    -------
    float
        Mean entropy of at most nine patches of 96² voxels, evenly spread: 0 where all is certain,
        1 where all phases are equally probable.
    """
    block = slice_block(_shape(sources[0]), axis, index)
    total = count = 0.0
    for patch in _patches(block, axis):
        found = features_in(patch, sources, classifier)
        flat = found.reshape(len(found), -1)
        _, entropy = _classified_piece(slice(None), flat=flat, rule=classifier.rule)
        total += float(entropy.sum(dtype=np.int64))
        count += entropy.size
    return total / (255.0 * count)


def slice_block(shape: tuple[int, int, int], axis: int, index: int) -> Block:
    """Return a slice as a box of voxels.

    Parameters
    ----------
    shape : tuple of int
        Voxels of the volume.
    axis, index : int
        The slice.

    Returns
    -------
    Block
        One voxel thick.

    Raises
    ------
    InputDataError
        If there is no such slice.
    """
    if axis not in range(3) or not 0 <= index < shape[axis]:
        raise InputDataError(f"slice {index} across axis {axis} is outside of {shape} voxels")
    start = tuple(index if k == axis else 0 for k in range(3))
    stop = tuple(index + 1 if k == axis else n for k, n in enumerate(shape))
    return Block((0, 0, 0), start, stop, shape)  # type: ignore[arg-type]


def _shape(source: Source) -> tuple[int, int, int]:
    z, y, x = (int(n) for n in source.shape)
    return z, y, x


def _tiles(block: Block, axis: int) -> list[Block]:
    """Cut a slice into pieces."""
    edge = tuple(1 if k == axis else _TILE for k in range(3))
    tiles = []
    for tile in Grid(block.shape, edge):  # type: ignore[arg-type]
        start = tuple(a + b for a, b in zip(block.start, tile.start, strict=True))
        stop = tuple(a + b for a, b in zip(block.start, tile.stop, strict=True))
        tiles.append(Block(tile.index, start, stop, block.within))  # type: ignore[arg-type]
    return tiles


def _patches(block: Block, axis: int) -> list[Block]:
    ranges = []
    for k, (low, high) in enumerate(zip(block.start, block.stop, strict=True)):
        size = min(_PATCH, high - low)
        room = high - low - size
        count = 1 if k == axis else min(3, (high - low) // size)
        ranges.append([(low + room * (2 * n + 1) // (2 * count), size) for n in range(count)])
    return [
        Block((0, 0, 0), (z, y, x), (z + dz, y + dy, x + dx), block.within)
        for z, dz in ranges[0]
        for y, dy in ranges[1]
        for x, dx in ranges[2]
    ]


def _drawn(labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Choose at most so many voxels, evenly from each phase."""
    if labels.size <= _MOST:
        return np.arange(labels.size)
    classes = np.unique(labels)
    chosen = []
    for value in classes:
        members = np.flatnonzero(labels == value)
        step = -(-members.size * classes.size // _MOST)
        chosen.append(members[::step])
    return np.sort(np.concatenate(chosen))


def _spread(rule: Forest | Logistic, seen: NDArray[np.intp], phases: int) -> Logistic:
    """Give a rule of the phases that were seen the others, too, with no chance."""
    assert isinstance(rule, Logistic)
    weights = np.zeros((phases, rule.weights.shape[1]))
    bias = np.full(phases, -1e4)
    weights[seen], bias[seen] = rule.weights, rule.bias
    return Logistic(weights, bias)


def _classified_piece(
    cut: slice, *, flat: Float, rule: Forest | Logistic
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return labels and entropy of some voxels."""
    shares = rule.probabilities(flat[:, cut])
    table = entropy_table(rule.classes)
    entropy = np.zeros(len(shares))
    for share in shares.T:
        entropy += table[quantised(share)]
    labels = shares.argmax(1).astype(np.uint8)
    return labels, np.minimum(np.floor(entropy + 0.5), 255.0).astype(np.uint8)
