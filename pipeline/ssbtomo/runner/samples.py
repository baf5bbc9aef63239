"""The samples of a recipe: patterns become files, every name is unique."""

from __future__ import annotations

import difflib
import glob
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from ssbtomo.errors import FormatError, RecipeError, SsbtomoError
from ssbtomo.model import Recipe, Sample
from ssbtomo.results import folder_name

__all__ = ["Broken", "Job", "found_jobs", "jobs_of"]

_SUFFIXES = (".ome.zarr", ".ome.tiff", ".ome.tif", ".raw.json")


@dataclass(frozen=True, slots=True)
class Job:
    """One sample to run.

    Parameters
    ----------
    name : str
        Its name, unique in the run.
    source : pathlib.Path
        The scan.
    sample : Sample
        Its part of the recipe.
    number : int
        Its place in the recipe.
    """

    name: str
    source: Path
    sample: Sample
    number: int = 0


@dataclass(frozen=True, slots=True)
class Broken:
    """A sample of a batch that cannot be run.

    Parameters
    ----------
    job : Job
        The sample.
    error : SsbtomoError
        Why not.
    stage : str
        The stage that found out; empty before the first one.
    """

    job: Job
    error: SsbtomoError
    stage: str = ""


def found_jobs(recipe: Recipe, folder: Path) -> tuple[list[Job], list[Broken]]:
    """List the samples of a recipe, and apart those of a batch whose files are not there.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    folder : pathlib.Path
        What relative paths start from.

    Returns
    -------
    jobs : list of Job
        Those that are there.
    broken : list of Broken
        The others; empty where a recipe has one sample only.

    Raises
    ------
    FormatError
        If the only scan does not exist, or a pattern fits nothing.
    RecipeError
        If two samples have the same name.
    """
    jobs = _jobs(recipe, folder)
    problems = [(job, _missing(job, folder)) for job in jobs]
    broken = [Broken(job, error) for job, error in problems if error is not None]
    if len(jobs) == len(broken):
        raise broken[0].error
    return [job for job, error in problems if error is None], broken


def jobs_of(recipe: Recipe, folder: Path) -> list[Job]:
    """List the samples of a recipe with their files.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    folder : pathlib.Path
        What relative paths start from: where the recipe lies.

    Returns
    -------
    list of Job
        In the recipe's order; the files of a pattern in natural order.

    Raises
    ------
    FormatError
        If a scan does not exist, or a pattern fits nothing.
    RecipeError
        If two samples have the same name.
    """
    jobs = _jobs(recipe, folder)
    for job in jobs:
        error = _missing(job, folder)
        if error is not None:
            raise error
    return jobs


def _jobs(recipe: Recipe, folder: Path) -> list[Job]:
    jobs: list[Job] = []
    for sample in (_with_places(sample, folder) for sample in recipe.samples):
        path = Path(sample.path).expanduser()
        path = path if path.is_absolute() else folder / path
        if glob.has_magic(sample.path) and not path.exists():
            jobs += [Job(_stem(file), file, sample) for file in _matching(path)]
        else:
            jobs.append(Job(sample.name or _stem(path), path.resolve(), sample))
    _must_differ(jobs)
    return [replace(job, number=number) for number, job in enumerate(jobs)]


def _missing(job: Job, folder: Path) -> FormatError | None:
    """Say which file of a sample is not there."""
    evidence = (folder / path for path in job.sample.segment.lithium.files)
    return next((_no_such(path) for path in (job.source, *evidence) if not path.exists()), None)


def _with_places(sample: Sample, folder: Path) -> Sample:
    """Return the sample with the files of its segmentation as absolute paths."""
    asked = sample.segment

    def place(path: str) -> str:
        return str((folder / Path(path).expanduser()).resolve())

    changes: dict[str, object] = {"companions": tuple(map(place, asked.companions))}
    for key in ("model", "corrections"):
        if (path := getattr(asked, key)) is not None:
            changes[key] = place(path)
    if asked.train is not None:
        changes["train"] = asked.train.model_copy(update={"labels": place(asked.train.labels)})
    return sample.model_copy(update={"segment": asked.model_copy(update=changes)})


def _matching(pattern: Path) -> list[Path]:
    found = glob.glob(str(pattern))  # noqa: PTH207 - absolute patterns
    files = sorted(found, key=lambda text: (len(text), text))
    if not files:
        raise FormatError(
            f"no file fits the pattern {pattern}", hint="check the folder and the ending"
        )
    return [Path(file).resolve() for file in files]


def _no_such(path: Path) -> FormatError:
    around = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, around, 1)
    if near:
        hint = f"did you mean {near[0]!r}?"
    elif not path.parent.is_dir():
        hint = f"the folder {path.parent} does not exist either"
    else:
        hint = "paths are relative to the recipe; check sample.path"
    return FormatError(f"there is no scan {path}", hint=hint)


def _must_differ(jobs: list[Job]) -> None:
    names = Counter(folder_name(job.name) for job in jobs)
    double = [name for name, count in names.items() if count > 1]
    if double:
        raise RecipeError(
            f"{names[double[0]]} samples have the name {double[0]!r}",
            hint="give each sample its own `name`",
        )


def _stem(path: Path) -> str:
    name = path.name if path.is_dir() else path.stem
    for suffix in _SUFFIXES:
        if path.name.lower().endswith(suffix):
            name = path.name[: -len(suffix)]
    # A name that a spreadsheet would take for a formula, or that our own tables could not hold.
    return re.sub(r"[|\\\x00-\x1f]", "_", name).lstrip("=+-@ ") or "sample"
