"""Segment with a trained classifier: labels, class probabilities and entropy, in one pass."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from ssbtomo import io
from ssbtomo.blocks import Source
from ssbtomo.blocks.classify import classify
from ssbtomo.errors import InputDataError, RecipeError
from ssbtomo.model import Phase, Sample, Segment
from ssbtomo.model.training import Train
from ssbtomo.results import folder_name
from ssbtomo.segment.prediction import ready_for
from ssbtomo.segment.scribbles import read_scribbles
from ssbtomo.segment.training import TrainingSample, train
from ssbtomo.segment.voxel_model import VoxelModel
from ssbtomo.stages.class_maps import ClassMaps
from ssbtomo.stages.corrected import corrected, corrected_maps
from ssbtomo.stages.desk import Desk, Facts
from ssbtomo.stages.low_absorbing import places_of
from ssbtomo.stages.trained_lithium import asked_of_classes
from ssbtomo.stages.trained_words import model_story, score_tables
from ssbtomo.volume import Volume

__all__ = [
    "check_trained",
    "classifying_bytes",
    "of_sections",
    "open_companions",
    "phase_values",
    "section_parameters",
    "segment_trained",
]


def classifying_bytes(phases: int) -> float:
    """Return the bytes per voxel of a block that its classification holds.

    Parameters
    ----------
    phases : int
        Number of classes.

    Returns
    -------
    float
        For blocks of 128³ with their halo.
    """
    return 40.0 + 14.0 * phases


def section_parameters(section: Segment) -> dict[str, Any]:
    """Return the recipe's section with the hashes of the files that it names.

    Parameters
    ----------
    section : ssbtomo.model.Segment
        The section.

    Returns
    -------
    dict
        Plain values that decide the result.
    """
    content = section.model_dump(mode="json")
    if section.corrections is None:
        del content["corrections"]
    else:
        content["corrections"] = _digest(section.corrections)
    if section.method != "trained":
        for key in ("model", "train", "companions"):
            content.pop(key)
        return content
    named = [section.model, *section.companions, section.train and section.train.labels]
    content["files"] = [_digest(path) for path in named if path]
    return content


def _digest(path: str) -> str:
    place = Path(path)
    if not place.exists():
        return "absent"
    files = sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]
    marks = tuple((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files)
    return _digest_of(marks)


@cache
def _digest_of(files: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, size, _ in files:
        digest.update(f"{Path(name).name} {size}".encode())
        with Path(name).open("rb") as stream:
            while piece := stream.read(1 << 22):
                digest.update(piece)
    return digest.hexdigest()


def check_trained(
    section: Segment, phases: Sequence[Phase], volume: Volume, *, denoised: bool
) -> None:
    """Refuse a model, scribbles or companions that do not fit the scan, before long work.

    Parameters
    ----------
    section : ssbtomo.model.Segment
        The recipe's section.
    phases : sequence of Phase
        The recipe's phases.
    volume : Volume
        The scan.
    denoised : bool
        Whether the classifier sees the denoised volume, whose type is another.

    Raises
    ------
    SsbtomoError
        If a file is missing, damaged, or does not fit.
    """
    if section.method != "trained":
        return
    companions = open_companions(section.companions, volume.shape)
    if section.train is not None:
        if not Path(section.train.labels).exists():
            raise RecipeError(
                f"there are no scribbles {section.train.labels}",
                hint="paths are relative to the recipe; check segment.train.labels",
            )
        read_scribbles(
            section.train.labels, [p.name for p in phases], volume.shape,
            values=phase_values(phases),
        )  # fmt: skip
        return
    assert section.model is not None
    model = VoxelModel.load(section.model).ordered([phase.name for phase in phases])
    model.classifier(volume.needed_spacing())
    if model.channels > 1 + len(companions):
        raise InputDataError(
            f"the model looks at {model.channels - 1} companion channels, segment.companions "
            f"names {len(companions)}"
        )
    if not denoised:
        ready_for(model, (volume.data, *companions), volume.needed_spacing())


def phase_values(phases: Sequence[Phase]) -> list[int]:
    """Return the value of each phase in a label image.

    Parameters
    ----------
    phases : sequence of Phase
        The recipe's phases.

    Returns
    -------
    list of int
        Their `value`; 1, 2, ... unless all have one.
    """
    given = [phase.value for phase in phases]
    whole = [value for value in given if value is not None]
    return whole if len(whole) == len(given) else list(range(1, len(given) + 1))


def open_companions(paths: Sequence[str], shape: tuple[int, ...]) -> list[Source]:
    """Open the companion channels.

    Parameters
    ----------
    paths : sequence of str
        Their files.
    shape : tuple of int
        Of the scan.

    Returns
    -------
    list of Source
        Read in blocks.

    Raises
    ------
    InputDataError
        If one has another shape than the scan.
    """
    channels: list[Source] = []
    for path in paths:
        volume = io.open_volume(path)
        if volume.shape != tuple(shape):
            raise InputDataError(
                f"{path} has {volume.shape} voxels, the scan {tuple(shape)}",
                hint="register companions and cut them to the scan",
            )
        channels.append(volume.data)
    return channels


def segment_trained(
    desk: Desk, image: Source, section: Segment, phases: Sequence[Phase], *, varied: bool = True
) -> tuple[list[int], Facts]:
    """Write labels, probabilities and entropy; return the voxels of each phase, and the facts.

    Parameters
    ----------
    desk : Desk
        The sample.
    image : Source
        What is classified.
    section : ssbtomo.model.Segment
        The recipe's section.
    phases : sequence of Phase
        The recipe's phases.
    varied : bool
        Whether lithium and void that are kept apart get variants with all doubt given to either.

    Returns
    -------
    counts : list of int
        Voxels of each phase.
    facts : dict
        Stores, notes, scores of the training.
    """
    channels = _kept(desk, open_companions(section.companions, desk.shape))
    model = _model(desk, image, channels, section, phases)
    ready, notes = ready_for(model, (image, *channels), desk.spacing)
    made = ClassMaps.of(desk, phases)
    total, done = len(desk.grid), count(made.markers.count(desk.grid) + 1)
    stores = (
        corrected(made.labels, section, phases, desk),
        *corrected_maps(made.shares, made.stores[-1], section, phases, desk),
    )
    voxels = classify(
        (image, *channels), stores, desk.grid, desk.engine, ready,
        on_block=lambda _: desk.tell(next(done), total), markers=made.markers,
    )  # fmt: skip
    places = places_of(tuple(phases), section.lithium)
    told: Facts = {}
    if places is not None:
        looked = {feature.channel for feature in model.features}
        seen = [channel for k, channel in enumerate(channels, start=1) if k in looked]
        made, voxels, told = asked_of_classes(
            desk, made, (image, seen), places, section.lithium, voxels,
            variant=partial(corrected, section=section, phases=phases, desk=desk) if varied else None,
        )  # fmt: skip
    made.publish(desk)
    counts = [int(n) for n in voxels]
    facts = {
        "variants": told.pop("variants", []),
        "stores": ["phases", *made.names],
        "probabilities": made.maps,
        "warnings": [*notes, *([told["warning"]] if told else [])],
        "fractions": [n / float(np.prod(desk.shape)) for n in counts],
        "model": model_story(model),
        "tables": score_tables(model),
    }
    if told:
        facts |= {"lithium": told, "phases": [p.model_dump(mode="json") for p in made.phases]}
    return counts, facts


def _kept(desk: Desk, companions: Sequence[Source]) -> list[Source]:
    """Copy the companions to stores that every task can read."""
    kept: list[Source] = []
    for number, companion in enumerate(companions, start=1):
        sink = desk.allocate(f"companion-{number}", np.dtype(companion.dtype))
        for block in desk.grid:
            desk.check_cancelled()
            sink[block.core] = np.asarray(companion[block.core])
        kept.append(sink)
    return kept


def _model(
    desk: Desk,
    image: Source,
    channels: Sequence[Source],
    section: Segment,
    phases: Sequence[Phase],
) -> VoxelModel:
    names = [phase.name for phase in phases]
    asked = section.train
    if asked is None:
        assert section.model is not None
        return VoxelModel.load(section.model).ordered(names)
    marks = read_scribbles(
        asked.labels, names, desk.shape, values=phase_values(phases), engine=desk.engine
    )
    sections = of_sections(desk.sample, desk.facts["ingest"].get("modality", ""))
    sample = TrainingSample(image, marks, desk.spacing, channels, desk.name, sections=sections)
    model = train(sample, names, **training_options(asked), engine=desk.engine)
    model.save(desk.root / "models" / f"{folder_name(desk.name)}.ssbmodel")
    return model


def of_sections(sample: Sample, modality: str = "") -> bool:
    """Tell whether a sample's scan is a stack of serial sections.

    Parameters
    ----------
    sample : ssbtomo.model.Sample
        The sample's part of the recipe.
    modality : str
        What its file tells, where the recipe is silent.

    Returns
    -------
    bool
        If the recipe says so, reconstructs one, or the file says so.
    """
    return "fib-sem" in (sample.reconstruct.method, sample.modality or modality)


def training_options(asked: Train) -> dict[str, Any]:
    """Return the options of a training as its table gives them.

    Parameters
    ----------
    asked : ssbtomo.model.training.Train
        The table.

    Returns
    -------
    dict
        Keywords of `ssbtomo.segment.train`.
    """
    return asked.model_dump(exclude={"labels"})
