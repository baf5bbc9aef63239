"""How long each stage will take and what it will hold, from the table of costs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

from ssbtomo.runner.meter import Taken
from ssbtomo.stages.costs import cpu_seconds, wall_seconds
from ssbtomo.stages.needs import Need
from ssbtomo.stages.quantify import Quantify
from ssbtomo.stages.stage import Stage

__all__ = ["Prediction", "Way", "base", "compared", "predict"]

Shape = tuple[int, int, int]

_HALO = 16  # voxels around a block, as `Stage.in_flight` means it
_BASE = 300 * 10**6  # bytes: the interpreter with its libraries, and what no block size changes
_KERNELS = {"segment": 100 * 10**6, "quantify": 230 * 10**6}  # what is loaded later than that
_ELSEWHERE = 0.6  # share of it that this process does not load where tasks run in others
_WORKER = 300 * 10**6  # bytes of an idle worker process
#: Seconds in which each worker process loads what a stage needs.
_LOADING = {"ingest": 1.0, "segment": 3.0, "quantify": 3.5}


@dataclass(frozen=True, slots=True)
class Way:
    """How a run works.

    Parameters
    ----------
    scheduler : str
        As of the recipe.
    workers : int
        Tasks at once.
    block : tuple of int
        Voxels of a block along (Z, Y, X).
    speed : mapping of str to float
        How many times faster this machine is than that of the table, by probe.
    """

    scheduler: str
    workers: int
    block: Shape
    speed: Mapping[str, float] = field(default_factory=dict)

    @property
    def apart(self) -> bool:
        """Whether tasks run in processes of their own."""
        return self.scheduler not in ("synchronous", "threads")

    @property
    def here(self) -> bool:
        """Whether all of it is on this machine."""
        return self.scheduler in ("synchronous", "threads", "processes")


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a stage will take.

    Parameters
    ----------
    stage : str
        Its name.
    seconds, cpu_seconds : float
        Wall and processor time.
    memory : int
        Most that this process holds, in bytes.
    worker_memory : int
        Most that one worker process holds; 0 where tasks run in this process.
    total_memory : int
        Most that is held on this machine.
    """

    stage: str
    seconds: float
    cpu_seconds: float
    memory: int
    worker_memory: int
    total_memory: int


def predict(stage: Stage, shape: Shape, itemsize: int, way: Way) -> Prediction:
    """Predict what a stage takes.

    Parameters
    ----------
    stage : Stage
        The stage.
    shape : tuple of int
        Voxels along (Z, Y, X).
    itemsize : int
        Bytes of a grey value.
    way : Way
        How the work is done.

    Returns
    -------
    Prediction
        Its times and memory.
    """
    works = stage.expected(shape, itemsize)
    blocks = prod(-(-n // b) for n, b in zip(shape, way.block, strict=True))
    at_once = min(way.workers, blocks)
    found = [_held(need, shape, way, at_once) for need in _needs(stage, itemsize)]
    most = [max(item[kind] for item in found) for kind in range(3)]
    always = base(stage.name) - _ELSEWHERE * _KERNELS.get(stage.name, 0) * way.apart
    here, worker, total = always + most[0], most[1], always + most[2]
    cores = (os.cpu_count() or 1) if way.here else way.workers
    loading = _LOADING.get(stage.name, 0.0) if way.apart and works else 0.0
    return Prediction(
        stage.name, loading + wall_seconds(works, min(at_once, cores), way.speed),
        way.workers * loading + cpu_seconds(works, way.speed), int(here), int(worker), int(total),
    )  # fmt: skip


def base(stage: str) -> float:
    """Return the bytes that a process holds without any voxel.

    Parameters
    ----------
    stage : str
        The stage that it works on.

    Returns
    -------
    float
        Bytes.
    """
    return float(_BASE + _KERNELS.get(stage, 0))


def _needs(stage: Stage, itemsize: int) -> list[Need]:
    if isinstance(stage, Quantify):
        return stage.needs(itemsize)
    return [Need(stage.bytes_per_voxel(itemsize), *stage.in_flight(itemsize))]


def _held(need: Need, shape: Shape, way: Way, at_once: int) -> tuple[float, float, float]:
    """Return the bytes in this process, in a worker, and on this machine, beside what is always there."""
    around = prod(min(b + 2 * _HALO, n) for b, n in zip(way.block, shape, strict=True))
    slab = min(way.block[0], shape[0]) * prod(shape[1:])
    task = max(around * need.block, slab * need.slab)
    whole = prod(shape) * need.whole
    if not way.apart:
        return whole + at_once * task, 0.0, whole + at_once * task
    worker = _WORKER + task
    return whole, worker, whole + (at_once * worker if way.here else 0.0)


def compared(predicted: Prediction, taken: Taken) -> dict[str, Any]:
    """Lay a prediction beside what was taken.

    Parameters
    ----------
    predicted : Prediction
        Of a stage.
    taken : Taken
        By that stage.

    Returns
    -------
    dict
        ``predicted``, ``taken``, and ``ratio``: predicted to taken, where something was taken.
    """
    said = {key: value for key, value in asdict(predicted).items() if key != "stage"}
    found = {
        key: round(value, 3) if isinstance(value, float) else value
        for key, value in asdict(taken).items()
    }
    said = {
        key: round(value, 3) if isinstance(value, float) else value for key, value in said.items()
    }
    ratio = {key: round(said[key] / found[key], 3) for key in said if said[key] and found[key]}
    return {"predicted": said, "taken": found, "ratio": ratio}
