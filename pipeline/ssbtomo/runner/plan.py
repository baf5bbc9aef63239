"""What a run needs before it starts: samples, shapes, memory, disk."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import psutil

from ssbtomo.errors import ResourceError
from ssbtomo.model import Recipe
from ssbtomo.runner.samples import Job, jobs_of
from ssbtomo.stages.chain import chain
from ssbtomo.stages.corrected import check_corrections
from ssbtomo.stages.desk import Desk
from ssbtomo.stages.ingest import open_scan
from ssbtomo.stages.quantify.lighter import lighter
from ssbtomo.stages.trained import check_trained
from ssbtomo.volume import Volume

__all__ = ["Plan", "SamplePlan", "check_resources", "plan_run"]

Shape = tuple[int, int, int]

_BASE = 500 * 10**6  # bytes: the interpreter with its libraries, and what no block size changes
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
    memory : int
        Estimated peak in bytes.
    stage : str
        The stage that needs most.
    disk : int
        Estimated size of its stores in bytes, uncompressed.
    """

    job: Job
    volume: Volume
    memory: int
    stage: str
    disk: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does, before it does it.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    samples : tuple of SamplePlan
        One per sample.
    workers : int
        Tasks at once.
    limit : int
        Bytes of memory that the run may use.
    """

    recipe: Recipe
    samples: tuple[SamplePlan, ...]
    workers: int
    limit: int

    @property
    def jobs(self) -> list[Job]:
        """The samples."""
        return [sample.job for sample in self.samples]

    @property
    def memory(self) -> int:
        """Estimated peak in bytes: samples run one after the other."""
        return max(sample.memory for sample in self.samples)


def plan_run(recipe: Recipe, folder: Path, *, workers: int, memory: int | None) -> Plan:
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

    Returns
    -------
    Plan
        The work, with its estimates.

    Raises
    ------
    SsbtomoError
        If a scan cannot be opened, or tells no voxel size.
    """
    limit = memory or int(psutil.virtual_memory().available)
    samples = tuple(_sample(job, recipe, workers) for job in jobs_of(recipe, folder))
    return Plan(recipe, samples, workers, limit)


def _sample(job: Job, recipe: Recipe, workers: int) -> SamplePlan:
    volume = open_scan(Desk(Path(), job.sample, job.name, job.source))
    volume.needed_spacing()
    denoised = job.sample.denoise.changes
    check_trained(job.sample.segment, job.sample.phases, volume, denoised=denoised)
    if job.sample.reconstruct.method == "none":  # else the shape may change on the way
        check_corrections(job.sample.segment, job.sample.phases, volume.shape)
    memory, stage = _estimate(job, volume, recipe.run.block, workers)
    itemsize = volume.dtype.itemsize
    copies = itemsize * 1.2 + (4.8 if denoised else 0) + 8
    again = job.sample.range.shift > 0 and job.sample.range.repeats > 0
    copies += itemsize * 1.2 if again and job.sample.segment.method != "labels" else 0
    return SamplePlan(job, volume, memory, stage, int(prod(volume.shape) * copies))


def _estimate(job: Job, volume: Volume, block: Shape, workers: int) -> tuple[int, str]:
    """Return the peak in bytes, and the stage that needs it."""
    shape, itemsize = volume.shape, volume.dtype.itemsize
    around = prod(min(edge + 2 * _HALO, size) for edge, size in zip(block, shape, strict=True))
    slab = min(block[0], shape[0]) * prod(shape[1:])
    needs = {}
    for stage in chain(job.sample):
        per_block, per_slab = stage.in_flight(itemsize)
        tasks = workers * max(around * per_block, slab * per_slab)
        needs[stage.name] = _BASE + int(tasks + prod(shape) * stage.bytes_per_voxel(itemsize))
    most = max(needs, key=lambda name: needs[name])
    return needs[most], most


def _proposed(sample: SamplePlan, plan: Plan) -> str:
    """Say with which blocks and workers the run would fit: those that read least per worker."""
    fitting = [
        (block, workers)
        for half in range(5)
        for block in [_halved(plan.recipe.run.block, half)]
        for workers in range(1, plan.workers + 1)
        if _estimate(sample.job, sample.volume, block, workers)[0] <= plan.limit
    ]
    if not fitting:
        return _lightened(sample, plan)
    block, workers = max(fitting, key=lambda way: way[1] * _share_owned(way[0]))
    return f"take run: {{block: {list(block)}, workers: {workers}}}"


def _lightened(sample: SamplePlan, plan: Plan) -> str:
    """Say what to leave out, with blocks as they are, or how much of the scan would fit."""
    asked = sample.job.sample
    for advice, section in lighter(asked.quantify):
        job = replace(sample.job, sample=asked.model_copy(update={"quantify": section}))
        if _estimate(job, sample.volume, plan.recipe.run.block, plan.workers)[0] <= plan.limit:
            return advice
    share = (plan.limit - _BASE) / (sample.memory - _BASE)
    cut = f" to {math.floor(100 * share)} % of its voxels" if share >= 0.01 else ""
    return f"leave out measures (quantify.measures), or crop the scan{cut}"


def _halved(block: Shape, times: int) -> Shape:
    z, y, x = (max(edge >> times, 8) for edge in block)
    return z, y, x


def _share_owned(block: Shape) -> float:
    """Return the share of the voxels that a task reads that are its own."""
    return prod(edge / (edge + 2 * _HALO) for edge in block)


def check_resources(plan: Plan, out: Path) -> None:
    """Refuse a run that does not fit its memory or its disk.

    Parameters
    ----------
    plan : Plan
        The work.
    out : pathlib.Path
        Where the results go.

    Raises
    ------
    ResourceError
        With the sample, the stage, and what it would take.
    """
    for sample in plan.samples:
        if sample.memory > plan.limit:
            raise ResourceError(
                f"{sample.job.name}: the stage {sample.stage} needs about "
                f"{sample.memory / 1e9:.1f} GB, the run may use {plan.limit / 1e9:.1f} GB",
                hint=f"allow more with --memory, or {_proposed(sample, plan)}",
            )
    place = next(parent for parent in (out, *out.resolve().parents) if parent.exists())
    free = shutil.disk_usage(place).free
    wanted = _least_disk(plan.samples)
    if wanted > free:
        raise ResourceError(
            f"the disk of {out} has {free / 1e6:.1f} MB free, the stores need about "
            f"{wanted / 1e6:.1f} MB",
            hint="free some space, or choose another folder with -o",
        )


def _least_disk(samples: Sequence[SamplePlan]) -> int:
    """Return what the grey copies alone take: labels compress, grey hardly does."""
    return sum(prod(s.volume.shape) * s.volume.dtype.itemsize // 2 for s in samples)
