"""Train a voxel classifier from files: the scans of a recipe, or scans with their scribbles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssbtomo.blocks import Engine
from ssbtomo.errors import InputDataError, RecipeError
from ssbtomo.io import open_volume
from ssbtomo.model import load_recipe
from ssbtomo.runner.samples import jobs_of
from ssbtomo.segment.scribbles import read_scribbles
from ssbtomo.segment.training import TrainingSample, train
from ssbtomo.segment.voxel_model import VoxelModel
from ssbtomo.stages.desk import Desk
from ssbtomo.stages.ingest import open_scan
from ssbtomo.stages.trained import of_sections, open_companions, phase_values, training_options
from ssbtomo.volume import Volume

__all__ = ["told", "train_model"]

_RECIPES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class _Job:
    """A scan with its scribbles, and what the phases are called in them."""

    volume: Volume
    labels: Path
    companions: tuple[str, ...] = ()
    values: tuple[int, ...] | None = None
    sections: bool = False


def train_model(
    scans: Sequence[Path],
    labels: Sequence[Path],
    out: Path,
    *,
    phases: str | None = None,
    voxel_size: str | None = None,
    workers: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> VoxelModel:
    """Train a model and write its file.

    Parameters
    ----------
    scans : sequence of pathlib.Path
        One recipe, or scans.
    labels : sequence of pathlib.Path
        Scribbles of each sample, in their order; from ``segment.train`` of the recipe if empty.
    out : pathlib.Path
        The model file.
    phases : str, optional
        For scans: names, darkest first, each with its value in the scribbles if not 1, 2, ...:
        ``void=85,electrolyte=170``.
    voxel_size : str, optional
        For scans that tell none: one length, or three for (Z, Y, X).
    workers : int, optional
        Threads; the number of cores if absent.
    options : mapping, optional
        Of `ssbtomo.segment.train`; they overrule the recipe's.

    Returns
    -------
    VoxelModel
        The model, as it was written.

    Raises
    ------
    SsbtomoError
        If files are missing or do not fit each other.
    """
    recipes = [path for path in scans if path.suffix.lower() in _RECIPES]
    if recipes and len(scans) > 1:
        raise InputDataError("give one recipe, or scans, not both")
    if recipes:
        jobs, names, settings = _of_recipe(recipes[0], labels)
    else:
        jobs, names = _of_scans(scans, labels, phases, voxel_size)
        settings = {}
    with Engine.start("threads", workers) as engine:
        samples = [_sample(job, names, engine) for job in jobs]
        model = train(samples, names, **{**settings, **(options or {})}, engine=engine)
    model.save(out)
    return model


def _sample(job: _Job, names: Sequence[str], engine: Engine) -> TrainingSample:
    volume = job.volume
    marks = read_scribbles(job.labels, names, volume.shape, values=job.values, engine=engine)
    channels = open_companions(job.companions, volume.shape)
    return TrainingSample(
        volume.data, marks, volume.needed_spacing(), channels, volume.name, sections=job.sections
    )


def _of_recipe(path: Path, labels: Sequence[Path]) -> tuple[list[_Job], list[str], dict[str, Any]]:
    recipe = load_recipe(path)
    found = jobs_of(recipe, path.resolve().parent)
    if labels and len(labels) != len(found):
        raise InputDataError(
            f"the recipe has {len(found)} samples, {len(labels)} files of scribbles were given",
            hint="give --labels once per sample, in their order, or segment.train.labels",
        )
    jobs: list[_Job] = []
    settings: dict[str, Any] = {}
    for number, job in enumerate(found):
        sample, asked = job.sample, job.sample.segment.train
        if not labels and asked is None:
            continue
        if sample.denoise.changes:
            raise RecipeError(
                f"{job.name}: the recipe changes its scans' grey values, and `ssbtomo train` reads them as "
                "they are",
                hint="leave out denoise (features smooth already), or train inside the run: "
                "segment: {method: trained, train: {labels: ...}}",
            )
        if asked is not None:
            settings = training_options(asked)
        marks = labels[number] if labels else Path(asked.labels if asked else "")
        volume = open_scan(Desk(Path(), sample, job.name, job.source))
        values = tuple(phase_values(sample.phases))
        sections = of_sections(sample, volume.modality)
        jobs.append(_Job(volume, marks, sample.segment.companions, values, sections))
    if not jobs:
        raise RecipeError(
            f"{path.name} names no scribbles",
            hint="give --labels, or segment: {method: trained, train: {labels: scribbles.tif}}",
        )
    return jobs, [phase.name for phase in found[0].sample.phases], settings


def _of_scans(
    scans: Sequence[Path], labels: Sequence[Path], phases: str | None, voxel_size: str | None
) -> tuple[list[_Job], list[str]]:
    if len(scans) != len(labels):
        raise InputDataError(
            f"{len(scans)} scans and {len(labels)} files of scribbles were given",
            hint="give --labels once per scan, in the same order",
        )
    if not phases:
        raise InputDataError(
            "the phases have no names", hint="give them: --phases void,electrolyte,active"
        )
    names, values = _phases(phases)
    edges = None if voxel_size is None else [edge.strip() for edge in voxel_size.split(",")]
    edges = edges * 3 if edges is not None and len(edges) == 1 else edges
    volumes = [open_volume(scan, voxel_size=edges) for scan in scans]
    jobs = [
        _Job(volume, marks, (), values, volume.modality == "fib-sem")
        for volume, marks in zip(volumes, labels, strict=True)
    ]
    return jobs, names


def _phases(text: str) -> tuple[list[str], tuple[int, ...]]:
    names, values = [], []
    for number, part in enumerate(text.split(","), start=1):
        found = re.fullmatch(r"\s*([^=]+?)\s*(?:=\s*(\d+)\s*)?", part)
        if found is None:
            raise InputDataError(
                f"{part!r} names no phase", hint="write --phases void=85,electrolyte=170"
            )
        names.append(found[1])
        values.append(int(found[2]) if found[2] else number)
    if len(set(values)) < len(values):
        raise InputDataError(f"two phases have the same value in {text!r}")
    return names, tuple(values)


def told(model: VoxelModel) -> str:
    """Return how well a model does, as a small table.

    Parameters
    ----------
    model : VoxelModel
        The model.

    Returns
    -------
    str
        Lines of text.
    """
    training = model.training
    lines = [
        f"{sum(training['labelled'].values())} labelled voxels in {model.scores.get('slices', 0)} "
        f"slices of {training['samples']} sample(s), {len(model.features)} features"
    ]
    for key, word in (("out_of_bag", "voxels"), ("by_slice", "slices")):
        found = model.scores.get(key)
        if found:
            each = ", ".join(
                f"{name} {value:.3f}"
                for name, value in zip(model.phases, found["iou"], strict=True)
            )
            lines.append(f"left-out {word}: accuracy {found['accuracy']:.3f}; IoU {each}")
    if "by_slice" not in model.scores:
        lines.append("no score by slice: label two slices or more, each phase in two")
    return "\n".join(lines)
