"""Run a recipe: sample by sample, stage by stage, and never a stage twice."""

from __future__ import annotations

import math
import os
import shutil
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from ssbtomo.blocks import Engine
from ssbtomo.blocks.queues import QUEUES
from ssbtomo.blocks.workers import last_compiled
from ssbtomo.events import (
    Event,
    Listener,
    Pace,
    Progress,
    SampleFailed,
    StageDone,
    StageSkipped,
    StageStarted,
    Warned,
    check_cancelled,
)
from ssbtomo.model import Recipe, load_recipe
from ssbtomo.report import write_report
from ssbtomo.results import Results
from ssbtomo.runner.batch import bearable, failures, side_by_side, summarise, swept
from ssbtomo.runner.calibration import machine_speed
from ssbtomo.runner.folder import occupied
from ssbtomo.runner.journal import Journal
from ssbtomo.runner.meter import Meter
from ssbtomo.runner.plan import Plan, SamplePlan, check_resources, plan_run
from ssbtomo.runner.predict import Prediction, compared
from ssbtomo.runner.provenance import environment, hash_of, peak_memory
from ssbtomo.runner.samples import Broken
from ssbtomo.runner.sharing import recipe_mark, shared_engine
from ssbtomo.runner.stories import measurements_of, story_of, tables_of
from ssbtomo.runner.verifying import finished, reopened, sum_results
from ssbtomo.runner.watching import Room, WatchedScan, told_change
from ssbtomo.runner.writing import replace_text, write_results, write_tables
from ssbtomo.stages.chain import chain
from ssbtomo.stages.desk import Desk, write_json
from ssbtomo.stages.stage import Stage, fingerprint

__all__ = ["run"]

_COMPILING = "compiling kernels, once on this machine"
_SPARE = 1.6  # memory of a job's worker, to that planned: so that none comes near its limit


def run(  # noqa: PLR0913 - all but two have defaults
    recipe: str | Path | Recipe,
    out: str | Path,
    *,
    scheduler: str | None = None,
    workers: int | None = None,
    memory: int | None = None,
    events: Listener | None = None,
    cancel: threading.Event | None = None,
    command: str | None = None,
    helpers: int = 0,
    verify: bool = False,
) -> Results:
    """Run a recipe; stages that are done already are not repeated.

    Parameters
    ----------
    recipe : str, pathlib.Path or Recipe
        The recipe file, or a recipe whose paths start from the working directory.
    out : str or pathlib.Path
        The results folder; made if absent, gone on with if it holds the same samples.
    scheduler : str, optional
        Overrules the recipe: synchronous, threads, processes, or a Dask address.
    workers : int, optional
        Overrules the recipe: tasks at once.
    memory : int, optional
        Overrules the recipe: bytes that the run may use.
    events : callable, optional
        Told what happens; see `ssbtomo.events`.
    cancel : threading.Event, optional
        Set it to stop; finished stages stay, and the next run goes on.
    command : str, optional
        What to write into ``run.json`` as the command.
    helpers : int, optional
        Further processes that may take tasks: see `ssbtomo.runner.joining.run_together`.
    verify : bool
        Compare what is done already with its checksums, and repeat what is damaged. This is done
        anyway if the machine went down while a run was writing to the folder.

    Returns
    -------
    Results
        The results folder, opened.

    Raises
    ------
    SsbtomoError
        With what is wrong, where, and what to do. Nothing is left half-written.
    """
    checked = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    home = Path.cwd() if isinstance(recipe, Recipe) else Path(recipe).resolve().parent
    folder = Path(out)
    how = checked.run
    kind = scheduler or how.scheduler
    count = 1 if kind == "synchronous" else workers or how.workers or os.cpu_count() or 1
    plan = plan_run(
        checked, home, workers=count, memory=memory or how.memory, scheduler=kind,
        speed=machine_speed(),
    )  # fmt: skip
    check_resources(plan, folder)
    command = command or f"ssbtomo.run({str(recipe)!r}, {str(out)!r})"
    with occupied(folder, plan.jobs) as crashed, Meter() as meter, _journal(
        plan, folder, events or _silent, command, meter
    ) as journal:  # fmt: skip
        work = _Work(plan, folder, journal, home, meter, verify=verify or crashed)
        limited = (memory or how.memory) is not None
        with _engine(plan, folder, cancel, limited=limited, helpers=helpers) as engine:
            work.samples(engine)
        check_cancelled(cancel)
        work.finish(command, kind)
    return Results.load(folder)


def _engine(
    plan: Plan, folder: Path, cancel: threading.Event | None, *, limited: bool, helpers: int
) -> Engine:
    """Start what works: memory per worker is what was allowed, or for jobs what was planned."""
    if helpers:
        return shared_engine(folder, plan.workers, helpers, cancel)
    each = None
    if plan.way.scheduler in QUEUES:
        each = int(_SPARE * plan.worker_memory)
    elif plan.way.scheduler == "processes" and limited:
        each = plan.limit // plan.workers
    return Engine.start(
        plan.way.scheduler, plan.workers, memory_per_worker=each, cancel=cancel,
        failed=folder / "work/failed", cluster=plan.recipe.run.cluster,
    )  # fmt: skip


def _journal(plan: Plan, folder: Path, tell: Listener, command: str, meter: Meter) -> Journal:
    from ssbtomo import __version__

    about = {
        "ssbtomo": __version__, "command": command, "scheduler": plan.way.scheduler,
        "workers": plan.workers, "samples": len(plan.jobs), "recipe": recipe_mark(plan.recipe),
    }  # fmt: skip
    expected = {
        (sample.job.name, item.stage): item.seconds
        for sample in plan.samples
        for item in sample.predictions
    }
    return Journal(folder, tell, about, expected, lambda: meter.memory, compiled=last_compiled)


def _silent(event: Event) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class _Work:
    """A run on its way."""

    plan: Plan
    folder: Path
    tell: Listener
    home: Path
    meter: Meter
    verify: bool = False
    scans: dict[str, WatchedScan] = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    stories: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    warnings: list[dict[str, str]] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    peak: int = 0
    reached: dict[str, str] = field(default_factory=dict)
    alone: bool = True

    def samples(self, engine: Engine) -> None:
        """Do every stage of every sample; one that fails does not hold up the others."""
        for item in self.plan.broken:
            self._failed(item)
        at_once = min(self.plan.recipe.run.samples_at_once, len(self.plan.samples))
        self.alone = at_once == 1
        side_by_side(self._try, self.plan.samples, engine, at_once)
        order = {job.name: job.number for job in self.plan.jobs}
        self.stories.sort(key=lambda story: order[story["name"]])
        self.facts = {story["name"]: self.facts[story["name"]] for story in self.stories}
        self.warnings.sort(key=lambda warning: order[warning["sample"]])
        self.broken.sort(key=lambda item: item.job.number)
        if not self.stories:
            raise self.broken[0].error

    def _try(self, planned: SamplePlan, engine: Engine) -> None:
        job = planned.job
        desk = Desk(
            self.folder, job.sample, job.name, job.source, engine, self.plan.recipe.run.block,
            home=self.home, verify=self.verify,
        )  # fmt: skip
        try:
            self._sample(planned, desk)
        except Exception as error:  # noqa: BLE001 - raised again unless others can go on
            found = bearable(error, self.plan, desk)
            swept(desk)
            self._failed(Broken(job, found, self.reached.get(job.name, "")))

    def _failed(self, item: Broken) -> None:
        self.broken.append(item)
        error = item.error
        self.tell(SampleFailed(item.job.name, item.stage, error.problem, error.hint))

    def _sample(self, planned: SamplePlan, desk: Desk) -> None:
        scan = self.scans[desk.name] = WatchedScan.of(planned.job.source)
        digest = scan.digest
        if changed := told_change(desk.work / "ingest.done.json", scan):
            self._warn_of(desk.name, changed)
        said = {item.stage: item for item in planned.predictions}
        stages = [
            self._stage(stage, desk, digest, said[stage.name]) for stage in chain(desk.sample)
        ]
        self.facts[desk.name] = desk.facts
        self._warn(desk)
        self.stories.append(story_of(planned, desk, digest, stages, self.home))
        shutil.rmtree(desk.work / "drafts", ignore_errors=True)

    def _stage(self, stage: Stage, desk: Desk, digest: str, said: Prediction) -> dict[str, Any]:
        """Do one stage, or take what an earlier run found."""
        self.reached[desk.name] = stage.name
        evidence = [hash_of(self.home / path) for path in desk.sample.segment.lithium.files]
        before = [digest, *evidence, *(facts["fingerprint"] for facts in desk.facts.values())]
        mark = fingerprint(stage, *before)
        marker = desk.work / f"{stage.name}.done.json"
        facts = self._sound(desk, finished(marker, mark, desk))
        if resumed := facts is not None:
            self.tell(StageSkipped(desk.name, stage.name))
        else:
            facts = self._do(stage, desk, mark, said)
            write_json(marker, facts)
        assert facts is not None
        desk.facts[stage.name] = facts
        return {
            "name": stage.name,
            "version": stage.version,
            "fingerprint": mark,
            "seconds": facts["seconds"],
            "resumed": resumed,
            "methods": stage.methods(facts),
            "references": list(stage.references()),
            "parameters": stage.parameters,
            **facts.get("resources", {}),
        }

    def _sound(self, desk: Desk, facts: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return what a finished stage found, unless its stores are asked for and damaged."""
        texts = reopened(self.folder, desk.work, facts) if facts and self.verify else []
        for text in texts:
            self._warn_of(desk.name, text)
        return None if texts else facts

    def _do(self, stage: Stage, desk: Desk, mark: str, said: Prediction) -> dict[str, Any]:
        self.tell(StageStarted(desk.name, stage.name))
        pace = Pace(compiled=last_compiled)
        desk.mark, desk.published = mark, {}
        room = Room(self.folder, self.plan.workers * math.prod(desk.block) * 4)
        reached = Progress(desk.name, stage.name, 0, 1)

        def tell(done: int, total: int, share: float | None = None) -> None:
            nonlocal reached
            room.check()
            known = pace(done, total, share)
            note = _COMPILING if pace.compiling else ""
            reached = Progress(desk.name, stage.name, done, total, *known, note)
            self.tell(reached)

        desk.tell = tell
        desk.note = lambda text: self.tell(replace(reached, note=text))
        begin = time.perf_counter()
        if self.alone:
            self.meter.begin()
        facts = stage(desk)
        seconds = round(time.perf_counter() - begin, 3)
        scan = self.scans[desk.name]
        if stage.name == "ingest":
            scan.check()
        self.tell(StageDone(desk.name, stage.name, seconds))
        resources = {"costs": facts.pop("costs", [])}
        if self.alone:  # what stages of several samples take together tells nothing of one
            taken = self.meter.taken()
            self.peak = max(self.peak, taken.memory)
            resources |= compared(said, taken)
        kept = {"fingerprint": mark, "seconds": seconds, "resources": resources}
        return {**facts, **kept, "scan": scan.digest, "published": desk.published}

    def _warn(self, desk: Desk) -> None:
        texts = list(desk.facts["ingest"]["stack_check"])
        for stage in ("reconstruct", "segment"):
            texts += desk.facts[stage].get("warnings", [])
        for text in texts:
            self._warn_of(desk.name, text)

    def _warn_of(self, sample: str, text: str) -> None:
        self.warnings.append({"sample": sample, "text": text})
        self.tell(Warned(sample, text))

    def finish(self, command: str, scheduler: str) -> None:
        """Write results, tables, provenance and report."""
        measured = [item for facts in self.facts.values() for item in measurements_of(facts)]
        write_results(self.folder, measured)
        write_tables(self.folder, tables_of(self.facts))
        summarise(self.folder, self.plan, self.stories, measured, self.broken)
        resolved = self.plan.recipe.model_dump(mode="json", exclude_none=True)
        text = yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True)
        replace_text(self.folder / "recipe.yaml", text)
        self._provenance(command, scheduler)
        self.tell(StageStarted("", "report"))
        begin = time.perf_counter()
        write_report(self.folder, formats=self.plan.recipe.report.figures)
        self.tell(StageDone("", "report", round(time.perf_counter() - begin, 3)))
        self._provenance(command, scheduler)
        sum_results(self.folder)

    def _provenance(self, command: str, scheduler: str) -> None:
        from ssbtomo import __version__

        content = {
            "ssbtomo": __version__,
            "command": command,
            "title": self.plan.recipe.report.title,
            "started": datetime.fromtimestamp(self.started, UTC).isoformat(timespec="seconds"),
            "seconds": round(time.time() - self.started, 2),
            "peak_memory_bytes": max(self.peak, peak_memory()),
            "estimated_memory_bytes": self.plan.memory,
            **environment(),
            "scheduler": scheduler,
            "workers": self.plan.workers,
            "state": "incomplete" if self.broken else "done",
            "failures": failures(self.broken),
            "samples": self.stories,
            "warnings": self.warnings,
        }
        write_json(self.folder / "run.json", content)
