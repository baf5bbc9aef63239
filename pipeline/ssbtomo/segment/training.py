"""Train a voxel classifier from sparse labels of one or several samples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import SERIAL, Engine, Grid, Source
from ssbtomo.blocks.classify import Classifier, features_at
from ssbtomo.blocks.histogram import grey_summary
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.feature_list import Feature
from ssbtomo.kernels.forest import Logistic
from ssbtomo.kernels.settling import Settling
from ssbtomo.segment.feature_sets import chosen_features, mean_edge
from ssbtomo.segment.growth import Ground, grown_lessons, ridge_feature
from ssbtomo.segment.inputs import check_source
from ssbtomo.segment.learning import Learner, Lessons, learnt_scores
from ssbtomo.segment.scribbles import Scribbles, scribbles_from_labels
from ssbtomo.segment.voxel_model import VoxelModel
from ssbtomo.units import Spacing, check_spacing

__all__ = ["TrainingSample", "train"]

Rule = Literal["forest", "logistic"]
Level = tuple[float, float]
_TAIL = 0.005  # share of the voxels beyond either end of the width of the grey values
_STEEP = 3.0  # medians of the gradient
_REACH = 1.25  # voxel edges around a voxel in which level ground has a say
_LEVEL = 1.5  # medians of the gradient up to which the ground is level
_TILES = 48  # of 128 x 128 voxels, that labels grow in
_LOOKED = 64  # boxes of 16³ voxels that the median is taken of
_UNKNOWN = Logistic(np.zeros((2, 1)), np.zeros(2))


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSample:
    """A volume with some labelled voxels.

    Parameters
    ----------
    image : Source
        Grey values, (Z, Y, X).
    labels : array_like of int or Scribbles
        0 where nothing is labelled, k for the k-th phase; the shape of the image.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    companions : sequence of Source
        Further channels, registered to the image, in the order that the features number them.
    name : str
        For messages.
    sections : bool
        Whether the image is a stack of serial sections (FIB-SEM), across z.
    """

    image: Any
    labels: Any
    spacing: Spacing
    companions: Sequence[Any] = ()
    name: str = ""
    sections: bool = False

    @property
    def sources(self) -> tuple[Source, ...]:
        """The scan, then its companions."""
        return tuple(check_source(_array(channel)) for channel in (self.image, *self.companions))

    @property
    def grid(self) -> Grid:
        """The volume in the blocks that it is read in."""
        z, y, x = (int(n) for n in self.sources[0].shape)
        return Grid((z, y, x), (min(z, 64), min(y, 64), min(x, 64)))


def _array(channel: Any) -> Any:
    return channel if hasattr(channel, "dtype") else np.asarray(channel)


def train(  # noqa: PLR0913 - the parameters of the recipe's section
    samples: TrainingSample | Sequence[TrainingSample],
    phases: Sequence[str],
    *,
    features: Any = "default",
    rule: Rule = "forest",
    trees: int = 50,
    depth: int = 12,
    grow: bool = True,
    settle: bool = True,
    seed: int = 0,
    scores: bool = True,
    engine: Engine = SERIAL,
) -> VoxelModel:
    """Train a classifier of voxels.

    Parameters
    ----------
    samples : TrainingSample or sequence of TrainingSample
        Volumes with sparse labels; together they must show every phase.
    phases : sequence of str
        Names in the order of the labels.
    features : str or sequence of Feature
        ``"default"``, ``"fib-sem"`` (shine-through and curtains), ``"sheets"`` (cracks; slow), or
        a list.
    rule : {"forest", "logistic"}
        A random forest; or logistic regression, which is trained and applied in no time, as a preview.
    trees, depth : int
        Of the forest: 1 to 500 trees, at most 1 to 24 deep.
    grow : bool
        Whether a forest learns once more, from what the labels grow to: up to the edges around
        them, as many as they lack there. Nothing grows where labels lie on edges as elsewhere; the
        preview by regression does without.
    settle : bool
        Whether edges take the phases beside them: no films of a middle phase where a dark one
        meets a bright one, at the price of rounding what is a few voxels thin. Where the samples
        are serial sections, or the features those of ``"fib-sem"``, steep ground counts for the
        darkest and the brightest phase, too: the floors of pores seen through them are steep.
    seed : int
        Of everything random.
    scores : bool
        Whether to train again for each annotated slice, left out, to score the model.
    engine : Engine
        Where features are computed.

    Returns
    -------
    VoxelModel
        The same for the same input, wherever it was trained.

    Raises
    ------
    InputDataError
        If a phase has no labelled voxel, the samples do not fit each other, or a setting is out
        of range.

    Notes
    -----
    Blocks of 64³ that hold labels are read, and the histogram of every volume. Of more than 60 000
    labelled voxels as many are drawn, the phases as evenly as they allow.
    """
    several = [samples] if isinstance(samples, TrainingSample) else list(samples)
    _check(several, phases)
    beside = min(len(sample.companions) for sample in several)
    spacing = _thick(several)
    chosen = chosen_features(features, spacing, beside)
    learner = Learner(rule, trees, depth, seed)
    wanted = 1 + max(feature.channel for feature in chosen)
    levels = _levels(several, wanted, engine)
    marked, tones, grounds = _collect(several, chosen, levels, len(phases), engine)
    kept = marked.at(learner.drawn(marked.labels, len(phases)))
    edge = mean_edge(spacing)
    sections = features == "fib-sem" or all(sample.sections for sample in several)
    grown = kept.at(slice(0))
    if grow and rule == "forest":
        first = learner.fit(kept.looks, kept.labels, len(phases), score=False).rule
        looked = Classifier((*chosen, ridge_feature(edge)), several[0].spacing, levels, first)
        grown = _grown(several, grounds, looked, engine, edge=edge, seed=seed)
        grown = grown.at(learner.drawn(grown.labels, len(phases)))
    seen = Lessons.joined([kept, grown])
    model = learner.fit(seen.looks, seen.labels, len(phases))
    settling = (
        Settling(
            _REACH * edge, edge, _steep(several, levels, Feature.of("gradient", edge), engine),
            greys=_greys(tones, marked.labels, len(phases)) if sections else (),
        )
        if settle else None
    )  # fmt: skip
    found = learnt_scores(learner, model, kept, grown, phases, chosen) if scores else {}
    dtype = np.dtype(several[0].sources[0].dtype).name
    return VoxelModel(
        phases=tuple(phases),
        features=chosen,
        spacing=check_spacing(several[0].spacing),
        dtype=dtype,
        levels=levels,
        rule=model.rule,
        settling=settling,
        scores=found,
        training={
            **learner.story(),
            "samples": len(several),
            "labelled": {p: int((marked.labels == k).sum()) for k, p in enumerate(phases)},
            "used": int(kept.labels.size),
            "grown": int(grown.labels.size),
            "hash": _hash(marked, chosen, levels, {**learner.story(), "grow": grow}),
        },
    )


def _check(samples: Sequence[TrainingSample], phases: Sequence[str]) -> None:
    if not samples:
        raise InputDataError("there is no sample to train on")
    if not 2 <= len(phases) <= 32 or len(set(phases)) < len(phases):
        raise InputDataError(f"the phases are {list(phases)}; 2 to 32 different ones are needed")
    first = samples[0]
    for sample in samples:
        check_spacing(sample.spacing)
        if np.dtype(sample.sources[0].dtype) != np.dtype(first.sources[0].dtype):
            raise InputDataError(
                f"the samples have voxels of {sample.sources[0].dtype} and "
                f"{first.sources[0].dtype}",
                hint="train on volumes of one type and one grey scale",
            )
        ratio = [a / b for a, b in zip(sample.spacing, first.spacing, strict=True)]
        if max(max(r, 1 / r) for r in ratio) > 2:
            raise InputDataError(
                f"the samples have voxels of {sample.spacing} and {first.spacing} µm, more than a "
                "factor of two apart",
                hint="train one model for each",
            )


def _thick(samples: Sequence[TrainingSample]) -> Spacing:
    """Return the voxel edges that scales are chosen by: of micrographs, those in the plane alone."""
    first = check_spacing(samples[0].spacing)
    shapes = np.array([sample.sources[0].shape for sample in samples])
    thick = np.asarray((shapes > 1).any(0))
    if not thick.any():
        return first
    typical = float(np.exp(np.log(np.asarray(first)[thick]).mean()))
    z, y, x = (edge if many else typical for edge, many in zip(first, thick.tolist(), strict=True))
    return z, y, x


def _levels(samples: Sequence[TrainingSample], channels: int, engine: Engine) -> tuple[Level, ...]:
    """Return centre and width of the grey values of each channel, averaged over the samples."""
    levels = []
    for channel in range(channels):
        found = []
        for sample in samples:
            if len(sample.sources) < channels:
                raise InputDataError(
                    f"the features look at {channels} channels, {sample.name or 'a sample'} has "
                    f"{len(sample.sources)}",
                    hint="give the companion channels",
                )
            counted = grey_summary(sample.sources[channel], sample.grid, engine).check()
            share = np.cumsum(counted.counts) / counted.total
            places = np.searchsorted(share, (_TAIL, 0.5, 1 - _TAIL))
            found.append(counted.centres[np.minimum(places, share.size - 1)])
        low, middle, high = np.mean(found, axis=0)
        levels.append((float(middle), float(max(high - low, 1e-6 * max(abs(middle), 1e-30)))))
    return tuple(levels)


def _collect(
    samples: Sequence[TrainingSample],
    features: tuple[Feature, ...],
    levels: tuple[Level, ...],
    phases: int,
    engine: Engine,
) -> tuple[Lessons, NDArray[np.float32], list[Ground]]:
    """Return every labelled voxel with its features, its grey value, and by sample where they lie."""
    parts, tones, grounds = [], [], []
    count = 0
    for sample in samples:
        marks = _scribbles(sample, phases, engine)
        wanted = (*features, Feature.of("intensity"))
        ready = Classifier(wanted, check_spacing(sample.spacing), levels, _UNKNOWN)
        looks = features_at(sample.sources, marks.places, sample.grid, engine, ready)
        looks, tone = np.ascontiguousarray(looks[:, :-1]), looks[:, -1]
        tones.append(tone)
        axis, slices = _slices(marks.places)
        groups = slices + count
        count += int(slices.max(initial=-1)) + 1
        parts.append(Lessons(looks, marks.labels, groups))
        grounds.append(Ground(sample.sources, marks.places, marks.labels, groups, axis))
    marked = Lessons.joined(parts)
    absent = [k for k in range(phases) if not (marked.labels == k).any()]
    if absent:
        raise InputDataError(
            f"no voxel is labelled as phase {absent[0] + 1} of {phases}",
            hint="label every phase in at least one sample, or leave it out",
        )
    return marked, np.concatenate(tones), grounds


def _greys(tones: NDArray[np.float32], labels: NDArray[np.intp], phases: int) -> tuple[float, ...]:
    """Return the usual grey value of each class."""
    return tuple(float(np.median(tones[labels == k])) for k in range(phases))


def _grown(
    samples: Sequence[TrainingSample],
    grounds: Sequence[Ground],
    classifier: Classifier,
    engine: Engine,
    *,
    edge: float,
    seed: int,
) -> Lessons:
    """Grow the labels of all samples; each has its share of the tiles."""
    ridge = ridge_feature(edge)
    steep = _LEVEL * _steep(samples, classifier.levels, ridge, engine) / _STEEP
    tiles = -(-_TILES // len(samples))
    parts = []
    for sample, ground in zip(samples, grounds, strict=True):
        ready = replace(classifier, spacing=check_spacing(sample.spacing))
        parts.append(grown_lessons(ground, ready, steep, engine, tiles=tiles, seed=seed))
    return Lessons.joined(parts)


def _scribbles(sample: TrainingSample, phases: int, engine: Engine) -> Scribbles:
    labels = sample.labels
    if not isinstance(labels, Scribbles):
        labels = scribbles_from_labels(_array(labels), range(1, phases + 1), engine=engine)
        given = tuple(_array(sample.labels).shape)
        if given != tuple(sample.sources[0].shape):
            raise InputDataError(
                f"the labels have the shape {given}, the image {tuple(sample.sources[0].shape)}"
            )
    if not len(labels.labels):
        raise InputDataError(f"{sample.name or 'a sample'} has no labelled voxel")
    shape = np.asarray(sample.sources[0].shape)
    if (labels.places < 0).any() or (labels.places >= shape).any() or labels.labels.max() >= phases:
        raise InputDataError("a labelled voxel lies outside of the image, or has no phase")
    return labels


def _slices(places: NDArray[np.intp]) -> tuple[int, NDArray[np.intp]]:
    """Return across which axis the fewest slices hold labels, and the number of each voxel's slice."""
    numbered = [np.unique(places[:, axis], return_inverse=True)[1] for axis in range(3)]
    axis = min(range(3), key=lambda k: int(numbered[k].max(initial=-1)))
    return axis, numbered[axis].astype(np.intp)


def _steep(
    samples: Sequence[TrainingSample], levels: tuple[Level, ...], gradient: Feature, engine: Engine
) -> float:
    """Return three times the median gradient of the samples: edges are steeper, noise is not."""
    values = []
    for sample in samples:
        sources, shape = sample.sources, sample.grid.shape
        ready = Classifier((gradient,), check_spacing(sample.spacing), levels, _UNKNOWN)
        small: Any = tuple(min(n, 16) for n in shape)
        blocks = list(Grid(shape, small))
        blocks = blocks[:: -(-len(blocks) // _LOOKED)]
        places = np.concatenate(
            [
                np.stack(
                    np.meshgrid(
                        *(np.arange(a, b) for a, b in zip(box.start, box.stop, strict=True)),
                        indexing="ij",
                    ),
                    -1,
                ).reshape(-1, 3)
                for box in blocks
            ]
        )
        values.append(
            features_at(sources, places, replace(sample.grid, block=small), engine, ready)
        )
    return _STEEP * max(float(np.median(np.concatenate(values))), 1e-6)


def _hash(
    marked: Lessons,
    features: Sequence[Feature],
    levels: Sequence[Level],
    story: Mapping[str, Any],
) -> str:
    text = json.dumps([[f.to_json() for f in features], list(levels), story])
    digest = hashlib.sha256(text.encode())
    digest.update(marked.looks.tobytes())
    digest.update(marked.labels.astype("<i8").tobytes())
    return digest.hexdigest()
