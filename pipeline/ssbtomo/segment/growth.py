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

__all__ = ["Ground", "drawn_lessons", "grown_lessons", "ridge_feature"]

Rule = Forest | Logistic

_RIDGE = 0.7  # voxel edges: scale of the gradient that seeds grow over
_TILE = 128  # voxels along its edge
_SURE = 0.8
_SMOOTH = 1.0  # voxels: of the probabilities before they are believed
_STEEPEST, _RARE = 0.1, 0.75  # labels that hold less of the steepest voxels avoid edges
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
    ground: Ground, classifier: Classifier, level: float, engine: Engine, *, tiles: int
) -> Lessons:
    """Label the voxels around scribbles up to the edges.

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

    Returns
    -------
    Lessons
        The voxels of these tiles that are not labelled, not level, and reached by a seed; none if
        labels do not keep away from edges: then they tell better where these lie.

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
    joined = Lessons.joined([part for part, _ in found])
    heights = looks[:, -1]
    marked = np.concatenate([inside for _, inside in found])
    return joined if _avoid_edges(heights, marked) else joined.at(slice(0))


def _avoid_edges(gradient: NDArray[np.float32], marked: NDArray[np.bool_]) -> bool:
    """Tell whether labelled voxels are rare among the steepest tenth of all."""
    limit = np.quantile(gradient, 1 - _STEEPEST)
    return float(np.mean(gradient[marked] > limit)) < _RARE * _STEEPEST


def _voxels(box: Block) -> NDArray[np.intp]:
    ranges = (np.arange(a, b) for a, b in zip(box.start, box.stop, strict=True))
    return np.stack(np.meshgrid(*ranges, indexing="ij"), -1).reshape(-1, 3)


def _grown(
    ground: Ground, rule: Rule, level: float, tile: tuple[Block, NDArray[np.float32]]
) -> tuple[Lessons, NDArray[np.bool_]]:
    """Grow the seeds of one tile; return what was grown, and which voxels were labelled before."""
    box, looks = tile
    inside = ((ground.places >= box.start) & (ground.places < box.stop)).all(1)
    marked = np.zeros(box.shape, np.uint8)
    marked[tuple((ground.places[inside] - box.start).T)] = ground.labels[inside] + 1
    gradient = looks[:, -1].reshape(box.shape)
    seeds = np.where(marked > 0, marked, _sure(rule, looks[:, :-1], gradient <= level))
    heights = np.minimum(gradient * (_FINE / level), GRADIENT_LEVELS - 1).astype(np.uint16)
    grown = grown_labels(flood(heights, seeds.astype(np.uint8))) & 127
    new = ((marked == 0) & (grown > 0) & (gradient > level)).reshape(-1)
    group = ground.groups[np.flatnonzero(inside)[0]]
    lessons = Lessons(
        looks[new, :-1],
        grown.reshape(-1)[new].astype(np.intp) - 1,
        np.full(np.count_nonzero(new), group, np.intp),
    )
    return lessons, (marked > 0).reshape(-1)


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


def drawn_lessons(grown: Lessons, labels: NDArray[np.intp], most: int, seed: int) -> Lessons:
    """Draw from grown examples: of each class at most as many as are labelled by hand.

    Parameters
    ----------
    grown : Lessons
        What grew.
    labels : ndarray of int
        Classes of the voxels that were labelled by hand.
    most : int
        How many at most in all.
    seed : int
        Of the draw.

    Returns
    -------
    Lessons
        In the order in which they grew.
    """
    rng = np.random.default_rng(seed)
    chosen = []
    share = min(most / max(labels.size, 1), 1.0)
    for label, count in enumerate(np.bincount(labels)):
        members = np.flatnonzero(grown.labels == label)
        wanted = min(int(share * count), members.size)
        chosen.append(rng.choice(members, wanted, replace=False))
    kept = np.sort(np.concatenate(chosen))
    return Lessons(grown.looks[kept], grown.labels[kept], grown.groups[kept])
