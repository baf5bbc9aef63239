"""Train a voxel classifier from sparse labels of one or several samples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
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
from ssbtomo.segment.inputs import check_source
from ssbtomo.segment.learning import Learner, learnt_scores
from ssbtomo.segment.scribbles import Scribbles, scribbles_from_labels
from ssbtomo.segment.voxel_model import VoxelModel
from ssbtomo.units import Spacing, check_spacing

__all__ = ["TrainingSample", "train"]

Rule = Literal["forest", "logistic"]
Level = tuple[float, float]
_TAIL = 0.005  # share of the voxels beyond either end of the width of the grey values
_STEEP = 3.0  # medians of the gradient
_REACH = 1.25  # voxel edges around a voxel in which level ground has a say
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
    """

    image: Any
    labels: Any
    spacing: Spacing
    companions: Sequence[Any] = ()
    name: str = ""

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
    settle : bool
        Whether edges take the phases beside them: no films of a middle phase where a dark one
        meets a bright one, at the price of rounding what is a few voxels thin.
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
    chosen = chosen_features(features, several[0].spacing, beside)
    learner = Learner(rule, trees, depth, seed)
    wanted = 1 + max(feature.channel for feature in chosen)
    levels = _levels(several, wanted, engine)
    looks, labels, groups = _collect(several, chosen, levels, len(phases), engine)
    kept = learner.drawn(labels, len(phases))
    model = learner.fit(looks[kept], labels[kept], len(phases))
    edge = mean_edge(several[0].spacing)
    settling = (
        Settling(_REACH * edge, edge, _steep(several, levels, edge, engine)) if settle else None
    )
    found = learnt_scores(learner, model, looks[kept], labels[kept], groups[kept], phases, chosen) \
        if scores else {}  # fmt: skip
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
            "labelled": {p: int((labels == k).sum()) for k, p in enumerate(phases)},
            "used": int(kept.size),
            "hash": _hash(looks, labels, chosen, levels, learner),
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
) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.intp]]:
    """Return features, labels and annotated slice of every labelled voxel."""
    looks, labels, groups = [], [], []
    count = 0
    for sample in samples:
        marks = _scribbles(sample, phases, engine)
        ready = Classifier(features, check_spacing(sample.spacing), levels, _UNKNOWN)
        looks.append(features_at(sample.sources, marks.places, sample.grid, engine, ready))
        labels.append(marks.labels)
        slices = _slices(marks.places)
        groups.append(slices + count)
        count += int(slices.max(initial=-1)) + 1
    joined = np.concatenate(labels)
    absent = [k for k in range(phases) if not (joined == k).any()]
    if absent:
        raise InputDataError(
            f"no voxel is labelled as phase {absent[0] + 1} of {phases}",
            hint="label every phase in at least one sample, or leave it out",
        )
    return np.concatenate(looks), joined, np.concatenate(groups)


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


def _slices(places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the number of each voxel's annotated slice: across the axis on which the fewest hold labels."""
    if not len(places):
        return np.zeros(0, np.intp)
    numbered = [np.unique(places[:, axis], return_inverse=True)[1] for axis in range(3)]
    return min(numbered, key=lambda slices: int(slices.max())).astype(np.intp)


def _steep(
    samples: Sequence[TrainingSample], levels: tuple[Level, ...], edge: float, engine: Engine
) -> float:
    """Return three times the median gradient of the samples: edges are steeper, noise is not."""
    values = []
    for sample in samples:
        sources, shape = sample.sources, sample.grid.shape
        ready = Classifier(
            (Feature.of("gradient", edge),), check_spacing(sample.spacing), levels, _UNKNOWN
        )
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
    looks: NDArray[np.float32],
    labels: NDArray[np.intp],
    features: Sequence[Feature],
    levels: Sequence[Level],
    learner: Learner,
) -> str:
    text = json.dumps([[f.to_json() for f in features], list(levels), learner.story()])
    digest = hashlib.sha256(text.encode())
    digest.update(looks.tobytes())
    digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()
