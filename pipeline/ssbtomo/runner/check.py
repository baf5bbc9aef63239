"""Everything that can be told about a recipe before work starts."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ssbtomo.errors import SsbtomoError
from ssbtomo.model import read_recipe
from ssbtomo.runner.calibration import calibrate, machine_speed
from ssbtomo.runner.plan import Plan, check_resources, plan_run

__all__ = ["check", "checked_plan", "plan_as_plain", "plan_told"]

_SHORT = 0.5  # seconds below which a stage is not listed
_UNKNOWN = "for the machine of the benchmarks; --calibrate measures this one"


def check(recipe: str | Path) -> list[str]:
    """List every problem of a recipe and of the scans that it names.

    Parameters
    ----------
    recipe : str or pathlib.Path
        The recipe file.

    Returns
    -------
    list of str
        Empty if the run can start.
    """
    return checked_plan(Path(recipe))[0]


def checked_plan(path: Path, *, calibrated: bool = False) -> tuple[list[str], Plan | None]:
    """Return the problems of a recipe, or the plan of its run.

    Parameters
    ----------
    path : pathlib.Path
        The recipe file.
    calibrated : bool
        Whether to measure first how fast this machine is.

    Returns
    -------
    problems : list of str
        Empty if the run can start.
    plan : Plan or None
        What the run does and needs.
    """
    found, recipe = read_recipe(path)
    if recipe is None:
        return found, None
    alone = recipe.run.scheduler == "synchronous"
    workers = 1 if alone else recipe.run.workers or os.cpu_count() or 1
    speed = calibrate() if calibrated else machine_speed()
    try:
        plan = plan_run(
            recipe, path.resolve().parent, workers=workers, memory=recipe.run.memory, speed=speed
        )
        check_resources(plan, Path())
    except SsbtomoError as error:
        return [str(error)], None
    return [f"{item.job.name}: {item.error}" for item in plan.broken], plan


def plan_told(plan: Plan) -> str:
    """Return what a run will take, for a terminal.

    Parameters
    ----------
    plan : Plan
        Its plan.

    Returns
    -------
    str
        Lines of text.
    """
    lines = []
    for sample in plan.samples:
        size = " x ".join(map(str, sample.volume.shape))
        worker = sample.worker_memory
        each = f", {worker / 1e9:.1f} GB in each worker" if worker else ""
        lines.append(
            f"{sample.job.name}: {size} voxels, about {_duration(sample.seconds)}, "
            f"{sample.memory / 1e9:.1f} GB of memory (at {sample.stage}){each}, "
            f"up to {sample.disk / 1e9:.2f} GB of disk"
        )
        if sample.job.sample.quantify.transport.storage == "disk":
            lines.append("  the fields of transport lie on disk while they are solved")
        lines += [
            f"  {item.stage:12s} {_duration(item.seconds):>12s} {item.total_memory / 1e9:6.1f} GB"
            for item in sample.predictions
            if item.seconds >= _SHORT
        ]
    how = f"{plan.workers} at once ({plan.way.scheduler})"
    if len(plan.samples) > 1:
        whole = sum(sample.seconds for sample in plan.samples)
        lines.append(f"all {len(plan.samples)} samples: about {_duration(whole)}")
    told = "calibrated on this machine" if plan.way.speed else _UNKNOWN
    return "\n".join([*lines, f"with {how}; times {told}", *_busy(plan)])


def _busy(plan: Plan) -> list[str]:
    """Say that other work takes part of this machine, on which times do not count."""
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    if not plan.way.here or load < cores / 2:
        return []
    return [f"this machine is busy (load {load:.0f} on {cores} cores): it will take longer"]


def plan_as_plain(plan: Plan) -> list[dict[str, Any]]:
    """Return what a run will take as plain values.

    Parameters
    ----------
    plan : Plan
        Its plan.

    Returns
    -------
    list of dict
        One per sample that can be run.
    """
    return [
        {
            "name": sample.job.name, "shape": sample.volume.shape, "seconds": round(sample.seconds, 1),
            "memory_bytes": sample.memory, "worker_memory_bytes": sample.worker_memory,
            "disk_bytes": sample.disk, "stage": sample.stage,
            "stages": [asdict(item) for item in sample.predictions],
        }
        for sample in plan.samples
    ]  # fmt: skip


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
