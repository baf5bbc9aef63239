"""Scribbles grown to the edges around them: what a classifier learns from once more.

Strokes keep away from edges, so that a forest has to guess where between two phases the boundary
lies. Around the strokes, voxels that it is sure of on level ground become seeds, as the strokes are,
and grow over the gradient until they meet, on its ridges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from ssbtomo.blocks import Engine, Grid, Source
from ssbtomo.blocks.classify import Classifier, features_at
from ssbtomo.blocks.grid import Block
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.feature_list import Feature
from ssbtomo.kernels.flood import MOST_LABELS, flood, grown_labels
from ssbtomo.kernels.forest import Forest, Logistic
from ssbtomo.kernels.plateaus import GRADIENT_LEVELS
from ssbtomo.segment.learning import Lessons

__all__ = ["Ground", "grown_lessons", "missing_lessons", "ridge_feature"]

Rule = Forest | Logistic

_RIDGE = 0.7  # voxel edges: scale of the gradient that seeds grow over
_TILE = 128  # voxels along its edge
_SURE = 0.8
_SMOOTH = 1.0  # voxels: of the probabilities before they are believed
_DEEP = 4  # voxels: farther from an edge, none is lacking
_BY_CHANCE = 2.33  # standard deviations of a count: random labels fall so low once in a hundred
_FINE = 64  # heights of level ground


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Where scribbles grow.

    Parameters
    ----------
    sources : tuple of Source
        The scan, then its companions.
    places : ndarray of int, shape (n, 3)
        Labelled voxels.
    labels, groups : ndarray of int, shape (n,)
        Class and annotated slice of each.
    axis : int
        Across which the annotated slices lie.
    """

    sources: tuple[Source, ...]
    places: NDArray[np.intp]
    labels: NDArray[np.intp]
    groups: NDArray[np.intp]
    axis: int

    @property
    def grid(self) -> Grid:
        """The volume cut into tiles, one voxel thick across the slices."""
        z, y, x = (int(n) for n in self.sources[0].shape)
        edges = [1 if k == self.axis else min(_TILE, n) for k, n in enumerate((z, y, x))]
        return Grid((z, y, x), (edges[0], edges[1], edges[2]))

    def tiles(self, most: int) -> list[Block]:
        """Return the tiles of annotated slices that hold most labelled voxels.

        Parameters
        ----------
        most : int
            How many at most.

        Returns
        -------
        list of Block
            In the order of the volume.
        """
        grid = self.grid
        index = tuple((self.places // np.asarray(grid.block)).T)
        tiles, counts = np.unique(np.ravel_multi_index(index, grid.counts), return_counts=True)
        chosen = np.sort(tiles[np.argsort(-counts, kind="stable")[:most]])
        blocks = list(grid)
        return [blocks[k] for k in chosen]


def ridge_feature(edge: float) -> Feature:
    """Return the gradient that seeds grow over.

    Parameters
    ----------
    edge : float
        Voxel edge in µm.

    Returns
    -------
    Feature
        At a finer scale than those that classify: the ridge of a small object lies on its edge.
    """
    return Feature.of("gradient", _RIDGE * edge)


def grown_lessons(
    ground: Ground, classifier: Classifier, level: float, engine: Engine, *, tiles: int, seed: int
) -> Lessons:
    """Label the voxels around scribbles up to the edges, and draw those that the scribbles lack.

    Parameters
    ----------
    ground : Ground
        The scribbles.
    classifier : Classifier
        What was learnt from them; the gradient of `ridge_feature` is its last feature, which its
        rule does not know.
    level : float
        That gradient up to which the ground is level.
    engine : Engine
        Where features are computed.
    tiles : int
        Tiles of 128 x 128 voxels that are looked at, at most.
    seed : int
        Of the draw.

    Returns
    -------
    Lessons
        Voxels of these tiles that are not labelled, not level, and reached by a seed: see
        `missing_lessons`.

    Raises
    ------
    InputDataError
        If there are more phases than seeds can have.

    Notes
    -----
    Seeds are scribbles, and voxels of which the rule is 80 % sure, with neighbours of the same
    class, on level ground; a seeded watershed over the gradient labels the rest. 60 bytes per
    voxel of a tile, and 4 for each feature of all tiles: 60 MB for 48 tiles.
    """
    rule = classifier.rule
    if rule.classes > MOST_LABELS:
        raise InputDataError(
            f"{rule.classes} phases are too many to grow scribbles of, {MOST_LABELS} at most",
            hint="train with grow: false",
        )
    boxes = ground.tiles(tiles)
    places = [_voxels(box) for box in boxes]
    looks = features_at(ground.sources, np.concatenate(places), ground.grid, engine, classifier)
    ends = np.cumsum([len(part) for part in places])[:-1]
    found = [
        _grown(ground, rule, level, (box, values))
        for box, values in zip(boxes, np.split(looks, ends), strict=True)
    ]
    everything = Lessons.joined([part for part, _ in found])
    depth, marked = np.concatenate([facts for _, facts in found], axis=1)
    known = depth * np.where(looks[:, -1] > level, 1, -1)
    times = ground.labels.size / max(int(np.count_nonzero(marked)), 1)
    return missing_lessons(everything, known, marked > 0, times=times, seed=seed)


def missing_lessons(
    everything: Lessons,
    depth: NDArray[np.int8],
    marked: NDArray[np.bool_],
    *,
    times: float = 1.0,
    seed: int = 0,
) -> Lessons:
    """Draw the voxels near edges that labels lack, beside as many voxels taken at random.

    Parameters
    ----------
    everything : Lessons
        Voxels of slices, with the class that they were labelled as, or that grew to them; -1 where none did.
    depth : ndarray of int, shape (n,)
        How many voxels each lies from another class in its slice, 1 at an edge, up to 4; its
        negative where the ground is level, and nothing is to be drawn.
    marked : ndarray of bool, shape (n,)
        Which were labelled by hand.
    times : float
        How many voxels were labelled by hand, for each that is among these.
    seed : int
        Of the draw.

    Returns
    -------
    Lessons
        In their order. Of a class of which n voxels were labelled, n voxels taken at random would
        hold a certain number on edges, one voxel away, and so on: as many are drawn as the
        labels hold less. None where labels hold about as many on edges as voxels taken at random
        would, but for chance: such labels tell better where edges lie than what grows.
    """
    rng = np.random.default_rng(seed)
    steps = np.abs(depth)
    new = ~marked & (depth > 0)
    chosen = [np.zeros(0, np.intp)]
    expected = np.count_nonzero(marked) * float(np.mean(steps == 1))
    avoided = np.count_nonzero(steps[marked] == 1) < expected - _BY_CHANCE * expected**0.5
    for label in np.unique(everything.labels[marked]) if avoided else ():
        own = everything.labels == label
        there = np.bincount(steps[own], minlength=_DEEP + 1)
        here = np.bincount(steps[own & marked], minlength=_DEEP + 1)
        lacking = times * (here.sum() * there / there.sum() - here)
        for step in np.flatnonzero(lacking >= 1):
            members = np.flatnonzero(own & new & (steps == step))
            count = min(int(lacking[step]), members.size)
            chosen.append(rng.choice(members, count, replace=False))
    return everything.at(np.sort(np.concatenate(chosen)))


def _voxels(box: Block) -> NDArray[np.intp]:
    ranges = (np.arange(a, b) for a, b in zip(box.start, box.stop, strict=True))
    return np.stack(np.meshgrid(*ranges, indexing="ij"), -1).reshape(-1, 3)


def _grown(
    ground: Ground, rule: Rule, level: float, tile: tuple[Block, NDArray[np.float32]]
) -> tuple[Lessons, NDArray[np.int8]]:
    """Grow the seeds of one tile; return its voxels, how deep they lie, and if they were labelled."""
    box, looks = tile
    inside = ((ground.places >= box.start) & (ground.places < box.stop)).all(1)
    marked = np.zeros(box.shape, np.uint8)
    marked[tuple((ground.places[inside] - box.start).T)] = ground.labels[inside] + 1
    gradient = looks[:, -1].reshape(box.shape)
    sure = _sure(rule, looks[:, :-1], gradient <= level)
    heights = np.minimum(gradient * (_FINE / level), GRADIENT_LEVELS - 1).astype(np.uint16)
    grown = _reached(heights, np.where(marked > 0, marked, sure))
    depth = _depth(_reached(heights, sure))  # a label reaches all around it: it is never on an edge
    group = ground.groups[np.flatnonzero(inside)[0]]
    labels = grown.reshape(-1).astype(np.intp) - 1
    facts = np.stack([depth.reshape(-1), (marked > 0).reshape(-1).astype(np.int8)])
    return Lessons(looks[:, :-1], labels, np.full(labels.size, group)), facts


def _reached(heights: NDArray[np.uint16], seeds: NDArray[np.uint8]) -> NDArray[np.uint8]:
    labels: NDArray[np.uint8] = grown_labels(flood(heights, seeds.astype(np.uint8))) & np.uint8(127)
    return labels


def _depth(labels: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return how many steps each voxel is from another class: 1 beside it, `_DEEP` or more as that."""
    cross = ndi.generate_binary_structure(labels.ndim, 1)
    low, high = labels, labels
    depth = np.ones(labels.shape, np.int8)
    for _ in range(_DEEP - 1):
        low, high = (
            ndi.minimum_filter(low, footprint=cross),
            ndi.maximum_filter(high, footprint=cross),
        )
        depth += low == high
    return depth


def _sure(rule: Rule, looks: NDArray[np.float32], level: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the class from 1 of the voxels that a rule is sure of, else 0."""
    shares = rule.probabilities(looks.T).T.reshape(-1, *level.shape)
    for share in shares:
        ndi.gaussian_filter(share, _SMOOTH, output=share, mode="nearest", truncate=3.0)
    best = shares.argmax(0).astype(np.uint8)
    cross = ndi.generate_binary_structure(best.ndim, 1)
    alone = ndi.maximum_filter(best, footprint=cross) > ndi.minimum_filter(best, footprint=cross)
    sure = level & (shares.max(0) >= _SURE) & ~alone
    return np.where(sure, best + np.uint8(1), np.uint8(0))
