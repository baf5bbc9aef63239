"""Many samples in one run: what failed, what is worth going on with, and the summary."""

from __future__ import annotations

import errno
import math
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

from ssbtomo.blocks import Engine
from ssbtomo.errors import CancelledError, OutputError, SsbtomoError, TaskError
from ssbtomo.report.headlines import HEADLINES
from ssbtomo.results import Measurement
from ssbtomo.runner.plan import Plan, SamplePlan
from ssbtomo.runner.samples import Broken
from ssbtomo.runner.writing import write_summary
from ssbtomo.stages.desk import Desk, resumable

__all__ = ["bearable", "failures", "side_by_side", "summarise", "swept"]

_EVERYWHERE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE}


def side_by_side(
    call: Callable[[SamplePlan, Engine], None],
    samples: Sequence[SamplePlan],
    engine: Engine,
    at_once: int,
) -> None:
    """Work on several samples at once, each with its share of the tasks in flight.

    So no sample has to wait until the last block of another's stage is done, and a large one
    does not fill the queue of the workers: what is in flight is shared in equal parts.

    Parameters
    ----------
    call : callable
        Works on a sample; what it raises ends the others, too.
    samples : sequence of SamplePlan
        The samples.
    engine : Engine
        Where all tasks run.
    at_once : int
        Samples at once; 1 works in this thread.
    """
    if at_once == 1:
        for sample in samples:
            call(sample, engine)
        return
    stop = _Stop(engine.cancel)
    share = replace(engine, workers=max(engine.workers // at_once, 1), cancel=stop)
    with ThreadPoolExecutor(at_once, thread_name_prefix="ssbtomo-sample") as pool:
        futures = [pool.submit(call, sample, share) for sample in samples]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Stop(threading.Event):
    """Set by the first sample that cannot be borne, or by the user."""

    def __init__(self, outer: threading.Event | None) -> None:
        super().__init__()
        self._outer = outer

    def is_set(self) -> bool:
        return super().is_set() or (self._outer is not None and self._outer.is_set())


def bearable(error: Exception, plan: Plan, desk: Desk) -> SsbtomoError:
    """Return the error of one sample, if the others can go on without it.

    Parameters
    ----------
    error : Exception
        What a sample ended with.
    plan : Plan
        The run.
    desk : Desk
        The sample.

    Returns
    -------
    SsbtomoError
        The same, or what wraps it if it is not ours.

    Raises
    ------
    Exception
        The error itself: if the sample is the only one, the user stopped the run, the disk is full or the workers
        are gone.
    """
    alone = len(plan.jobs) == 1
    disk = isinstance(error, OSError) and error.errno in _EVERYWHERE
    if alone or disk or isinstance(error, CancelledError | OutputError):
        raise error
    if desk.engine.pool is not None:
        desk.engine.pool.check()
    if isinstance(error, SsbtomoError):
        return error
    return TaskError(
        f"{type(error).__name__}: {error}",
        hint="this is not foreseen: please report it with the lines of log.jsonl",
    )


def swept(desk: Desk) -> None:
    """Remove what a failed sample was writing, but not what it can go on from.

    Parameters
    ----------
    desk : Desk
        The sample.
    """
    desk.clear_scratch()
    for draft in desk.work.glob("drafts/*"):
        if not resumable(draft):
            shutil.rmtree(draft, ignore_errors=True)


def failures(broken: Iterable[Broken]) -> list[dict[str, str]]:
    """Return what failed as plain values, for ``run.json``.

    Parameters
    ----------
    broken : iterable of Broken
        The samples that failed.

    Returns
    -------
    list of dict
        ``sample``, ``path``, ``stage``, ``problem`` and ``hint``.
    """
    return [
        {
            "sample": item.job.name, "path": str(item.job.source), "stage": item.stage,
            "problem": item.error.problem, "hint": item.error.hint,
        }
        for item in broken
    ]  # fmt: skip


def summarise(
    folder: Path,
    plan: Plan,
    stories: Sequence[Mapping[str, Any]],
    measured: Sequence[Measurement],
    broken: Sequence[Broken],
) -> None:
    """Write ``summary.csv``: one row per sample, with how it ended and its leading numbers.

    Parameters
    ----------
    folder : pathlib.Path
        The results folder.
    plan : Plan
        The run.
    stories : sequence of mapping
        What ``run.json`` says of the samples that are done.
    measured : sequence of Measurement
        Their numbers.
    broken : sequence of Broken
        The others.
    """
    told = {item["sample"]: item for item in failures(broken)}
    done = {str(story["name"]): story for story in stories}
    numbers: dict[str, dict[str, float]] = {}
    for item in measured:
        axis = done[item.sample]["transport_axis"]
        if item.quantity in HEADLINES and item.axis in ("", axis):
            column = " ".join(filter(None, (item.quantity, item.subject, item.axis)))
            unit = "" if item.unit == "1" else f" [{item.unit}]"
            numbers.setdefault(f"{column}{unit}", {})[item.sample] = item.value
    names = [job.name for job in plan.jobs]
    columns: dict[str, list[Any]] = {
        "sample": names,
        "state": ["failed" if name in told else "done" for name in names],
        "stage": [told.get(name, {}).get("stage", "") for name in names],
        "problem": [told.get(name, {}).get("problem", "") for name in names],
        "hint": [told.get(name, {}).get("hint", "") for name in names],
        "seconds": [_seconds(done.get(name)) for name in names],
    }
    for column, values in numbers.items():
        columns[column] = [values.get(name, math.nan) for name in names]
    write_summary(folder, columns)


def _seconds(story: Mapping[str, Any] | None) -> float:
    if story is None:
        return math.nan
    return float(round(sum(stage["seconds"] for stage in story["stages"]), 3))
