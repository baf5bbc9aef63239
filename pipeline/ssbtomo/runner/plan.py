"""What a run needs before it starts: samples, shapes, memory, disk."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import psutil

from ssbtomo.errors import ResourceError, SsbtomoError
from ssbtomo.model import Recipe
from ssbtomo.runner import predict
from ssbtomo.runner.predict import Prediction, Way
from ssbtomo.runner.samples import Broken, Job, found_jobs
from ssbtomo.stages.chain import chain
from ssbtomo.stages.corrected import check_corrections
from ssbtomo.stages.desk import Desk
from ssbtomo.stages.ingest import open_scan
from ssbtomo.stages.quantify.lighter import ON_DISK, lighter
from ssbtomo.stages.tomography import needs_of
from ssbtomo.stages.trained import check_trained
from ssbtomo.volume import Volume

__all__ = ["Plan", "SamplePlan", "check_resources", "plan_run"]

Shape = tuple[int, int, int]

_FIELDS = 20.0  # bytes per voxel of a solve's fields on disk
_MOST = 64  # workers up to which ways that fit are looked for
_HALO = 16  # voxels around a block, as `Stage.in_flight` means it


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """What one sample needs.

    Parameters
    ----------
    job : Job
        The sample.
    volume : Volume
        The opened scan.
    predictions : tuple of Prediction
        What each stage will take.
    disk : int
        Estimated size of its stores in bytes, uncompressed.
    """

    job: Job
    volume: Volume
    predictions: tuple[Prediction, ...]
    disk: int

    @property
    def heaviest(self) -> Prediction:
        """The stage that needs most memory on this machine."""
        return max(self.predictions, key=lambda item: item.total_memory)

    @property
    def memory(self) -> int:
        """Estimated peak on this machine, in bytes."""
        return self.heaviest.total_memory

    @property
    def worker_memory(self) -> int:
        """Estimated peak of one worker process, in bytes; 0 where there are none."""
        return max(item.worker_memory for item in self.predictions)

    @property
    def stage(self) -> str:
        """The stage that needs most memory."""
        return self.heaviest.stage

    @property
    def seconds(self) -> float:
        """Estimated wall time."""
        return sum(item.seconds for item in self.predictions)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does, before it does it.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    samples : tuple of SamplePlan
        One per sample that can be opened.
    way : Way
        How the work is done.
    limit : int
        Bytes of memory that the run may use on this machine.
    broken : tuple of Broken
        The samples of a batch that cannot be run, and why.
    """

    recipe: Recipe
    samples: tuple[SamplePlan, ...]
    way: Way
    limit: int
    broken: tuple[Broken, ...] = ()

    @property
    def workers(self) -> int:
        """Tasks at once."""
        return self.way.workers

    @property
    def jobs(self) -> list[Job]:
        """The samples, those that cannot be run too."""
        every = [sample.job for sample in self.samples] + [item.job for item in self.broken]
        return sorted(every, key=lambda job: job.number)

    @property
    def worker_memory(self) -> int:
        """Estimated peak of one worker process in bytes; 0 where there are none."""
        return max(sample.worker_memory for sample in self.samples)

    @property
    def memory(self) -> int:
        """Estimated peak in bytes: samples run one after the other."""
        return max(sample.memory for sample in self.samples)


def plan_run(
    recipe: Recipe,
    folder: Path,
    *,
    workers: int,
    memory: int | None,
    scheduler: str | None = None,
    speed: Mapping[str, float] | None = None,
) -> Plan:
    """Open every scan, check that it can be measured, and estimate what it takes.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    folder : pathlib.Path
        What relative paths start from.
    workers : int
        Tasks at once.
    memory : int or None
        Bytes that the run may use; what is free now if ``None``.
    scheduler : str, optional
        Overrules the recipe.
    speed : mapping of str to float, optional
        How many times faster this machine is than that of the table of costs, by probe.

    Returns
    -------
    Plan
        The work, with its estimates. Of a batch, those that cannot be run are told in it.

    Raises
    ------
    SsbtomoError
        If no scan can be opened and measured.
    """
    limit = memory or int(psutil.virtual_memory().available)
    way = Way(scheduler or recipe.run.scheduler, workers, recipe.run.block, speed or {})
    jobs, missing = found_jobs(recipe, folder)
    at_once = min(recipe.run.samples_at_once, max(len(jobs), 1))
    opened = [_tried(job, way, limit // at_once) for job in jobs]
    samples = tuple(item for item in opened if isinstance(item, SamplePlan))
    broken = (*missing, *(item for item in opened if isinstance(item, Broken)))
    if not samples:
        raise broken[0].error
    return Plan(recipe, samples, way, limit, broken)


def _tried(job: Job, way: Way, limit: int) -> SamplePlan | Broken:
    try:
        sample = _sample(job, way, limit)
        _check_memory(sample, way, limit)
    except SsbtomoError as error:
        return Broken(job, error)
    return sample


def _sample(job: Job, way: Way, limit: int) -> SamplePlan:
    volume = open_scan(Desk(Path(), job.sample, job.name, job.source))
    volume.needed_spacing()
    denoised = job.sample.denoise.changes
    check_trained(job.sample.segment, job.sample.phases, volume, denoised=denoised)
    if job.sample.reconstruct.method == "none":  # else the shape may change on the way
        check_corrections(job.sample.segment, job.sample.phases, volume.shape)
    job = _stored(job, volume, way, limit)
    return SamplePlan(job, volume, _predicted(job, volume, way), _disk(job, volume))


def _stored(job: Job, volume: Volume, way: Way, limit: int) -> Job:
    """Let the fields of solves lie on disk where memory does not do, and the recipe leaves it open."""
    quantify = job.sample.quantify
    if quantify.transport.storage != "auto" or _fits(job, volume, way, limit):
        return job
    ways = [section for advice, section in lighter(quantify) if advice == ON_DISK]
    if not ways:
        return job
    other = replace(job, sample=job.sample.model_copy(update={"quantify": ways[0]}))
    return other if _fits(other, volume, way, limit) else job


def _predicted(job: Job, volume: Volume, way: Way) -> tuple[Prediction, ...]:
    itemsize = volume.dtype.itemsize
    held, _ = needs_of(Desk(Path(), job.sample, job.name, job.source))
    found = [predict.predict(stage, volume.shape, itemsize, way) for stage in chain(job.sample)]
    return tuple(
        replace(item, memory=item.memory + held, total_memory=item.total_memory + held)
        if item.stage == "reconstruct" else item
        for item in found
    )  # fmt: skip


def _disk(job: Job, volume: Volume) -> int:
    """Return the bytes of the stores, labels as if they did not compress."""
    sample, itemsize = job.sample, volume.dtype.itemsize
    copies = itemsize * 1.2 + (4.8 if sample.denoise.changes else 0) + 8
    copies += _FIELDS if sample.quantify.transport.storage == "disk" else 0
    again = sample.range.shift > 0 and sample.range.repeats > 0
    copies += itemsize * 1.2 if again and sample.segment.method != "labels" else 0
    _, made = needs_of(Desk(Path(), sample, job.name, job.source))
    return int(prod(volume.shape) * copies) + made


def _fits(job: Job, volume: Volume, way: Way, limit: int) -> bool:
    return all(item.total_memory <= limit for item in _predicted(job, volume, way))


def _proposed(sample: SamplePlan, way: Way, limit: int) -> str:
    """Say with which blocks and workers the run would fit: those that read least per worker."""
    fitting = [
        (block, workers)
        for half in range(5)
        for block in [_halved(way.block, half)]
        for workers in range(1, min(way.workers, _MOST) + 1)
        for other in [replace(way, block=block, workers=workers)]
        if _fits(sample.job, sample.volume, other, limit)
    ]
    if not fitting:
        return _lightened(sample, way, limit)
    block, workers = max(fitting, key=lambda cut: cut[1] * _share_owned(cut[0]))
    return f"take run: {{block: {list(block)}, workers: {workers}}}"


def _lightened(sample: SamplePlan, way: Way, limit: int) -> str:
    """Say what to leave out, with blocks as they are, or how much of the scan would fit."""
    asked = sample.job.sample
    for advice, section in lighter(asked.quantify):
        job = replace(sample.job, sample=asked.model_copy(update={"quantify": section}))
        if _fits(job, sample.volume, way, limit):
            return advice
    base = predict.base(sample.stage)
    share = (limit - base) / (sample.memory - base)
    cut = f" to {math.floor(100 * share)} % of its voxels" if share >= 0.01 else ""
    if sample.stage == "reconstruct":
        return (
            f"reconstruct fewer detector rows (tomography.rows: [first, one after the last]){cut}"
        )
    return f"leave out measures (quantify.measures), or crop the scan{cut}"


def _halved(block: Shape, times: int) -> Shape:
    z, y, x = (max(edge >> times, 8) for edge in block)
    return z, y, x


def _share_owned(block: Shape) -> float:
    """Return the share of the voxels that a task reads that are its own."""
    return prod(edge / (edge + 2 * _HALO) for edge in block)


def check_resources(plan: Plan, out: Path) -> None:
    """Refuse a run that does not fit its disk; its memory is looked at when it is planned.

    Parameters
    ----------
    plan : Plan
        The work.
    out : pathlib.Path
        Where the results go.

    Raises
    ------
    ResourceError
        With what it would take.
    """
    place = next(parent for parent in (out, *out.resolve().parents) if parent.exists())
    free = shutil.disk_usage(place).free
    wanted = _least_disk(plan.samples)
    if wanted > free:
        raise ResourceError(
            f"the disk of {out} has {free / 1e6:.1f} MB free, the stores need about "
            f"{wanted / 1e6:.1f} MB",
            hint="free some space, or choose another folder with -o",
        )


def _check_memory(sample: SamplePlan, way: Way, limit: int) -> None:
    """Refuse a sample that does not fit the memory, with what would."""
    if sample.memory > limit:
        raise ResourceError(
            f"{sample.job.name}: the stage {sample.stage} needs about "
            f"{sample.memory / 1e9:.1f} GB, the run may use {limit / 1e9:.1f} GB",
            hint=f"allow more with --memory, or {_proposed(sample, way, limit)}",
        )


def _least_disk(samples: Sequence[SamplePlan]) -> int:
    """Return what the grey copies alone take: labels compress, grey hardly does."""
    return sum(prod(s.volume.shape) * s.volume.dtype.itemsize // 2 for s in samples)
