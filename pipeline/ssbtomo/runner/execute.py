"""Run a recipe: sample by sample, stage by stage, and never a stage twice."""

from __future__ import annotations

import json
import math
import os
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from ssbtomo.blocks import Engine
from ssbtomo.events import (
    Event,
    Listener,
    Pace,
    Progress,
    StageDone,
    StageSkipped,
    StageStarted,
    Warned,
    check_cancelled,
)
from ssbtomo.model import Recipe, load_recipe
from ssbtomo.palette import phase_colors
from ssbtomo.report import write_report
from ssbtomo.results import Measurement, Results
from ssbtomo.runner.folder import occupied
from ssbtomo.runner.plan import Plan, SamplePlan, check_resources, plan_run
from ssbtomo.runner.provenance import environment, hash_of, peak_memory
from ssbtomo.runner.writing import read_truth, write_results, write_tables
from ssbtomo.stages.chain import chain
from ssbtomo.stages.desk import Desk, write_json
from ssbtomo.stages.quantify import thaw
from ssbtomo.stages.stage import Stage, fingerprint

__all__ = ["run"]


def run(
    recipe: str | Path | Recipe,
    out: str | Path,
    *,
    scheduler: str | None = None,
    workers: int | None = None,
    memory: int | None = None,
    events: Listener | None = None,
    cancel: threading.Event | None = None,
    command: str | None = None,
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
    plan = plan_run(checked, home, workers=count, memory=memory or how.memory)
    check_resources(plan, folder)
    work = _Work(plan, folder, events or _silent, home)
    with occupied(folder, plan.jobs):
        per_worker = plan.limit // count if kind == "processes" and (memory or how.memory) else None
        with Engine.start(
            kind, count, memory_per_worker=per_worker, cancel=cancel, failed=folder / "work/failed"
        ) as engine:
            work.samples(engine)
        check_cancelled(cancel)
        work.finish(command or f"ssbtomo.run({str(recipe)!r}, {str(out)!r})", kind)
    return Results.load(folder)


def _silent(event: Event) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class _Work:
    """A run on its way."""

    plan: Plan
    folder: Path
    tell: Listener
    home: Path
    started: float = field(default_factory=time.time)
    stories: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    warnings: list[dict[str, str]] = field(default_factory=list)

    def samples(self, engine: Engine) -> None:
        """Do every stage of every sample."""
        for planned in self.plan.samples:
            job = planned.job
            desk = Desk(
                self.folder, job.sample, job.name, job.source, engine, self.plan.recipe.run.block,
                home=self.home,
            )  # fmt: skip
            digest = hash_of(job.source)
            stages = [
                story for stage in chain(job.sample) for story in [self._stage(stage, desk, digest)]
            ]
            self.facts[job.name] = desk.facts
            self._warn(desk)
            self.stories.append(_story(planned, desk, digest, stages, self.home))
            shutil.rmtree(desk.work / "drafts", ignore_errors=True)

    def _stage(self, stage: Stage, desk: Desk, digest: str) -> dict[str, Any]:
        """Do one stage, or take what an earlier run found."""
        evidence = [hash_of(self.home / path) for path in desk.sample.segment.lithium.files]
        before = [digest, *evidence, *(facts["fingerprint"] for facts in desk.facts.values())]
        mark = fingerprint(stage, *before)
        marker = desk.work / f"{stage.name}.done.json"
        facts = _finished(marker, mark, desk)
        if resumed := facts is not None:
            self.tell(StageSkipped(desk.name, stage.name))
        else:
            facts = self._do(stage, desk, mark)
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
        }

    def _do(self, stage: Stage, desk: Desk, mark: str) -> dict[str, Any]:
        self.tell(StageStarted(desk.name, stage.name))
        pace = Pace()
        desk.mark = mark
        reached = Progress(desk.name, stage.name, 0, 1)

        def tell(done: int, total: int) -> None:
            nonlocal reached
            reached = Progress(desk.name, stage.name, done, total, *pace(done, total))
            self.tell(reached)

        desk.tell = tell
        desk.note = lambda text: self.tell(replace(reached, note=text))
        begin = time.perf_counter()
        facts = stage(desk)
        seconds = round(time.perf_counter() - begin, 3)
        self.tell(StageDone(desk.name, stage.name, seconds))
        return {**facts, "fingerprint": mark, "seconds": seconds}

    def _warn(self, desk: Desk) -> None:
        texts = list(desk.facts["ingest"]["stack_check"])
        for stage in ("reconstruct", "segment"):
            texts += desk.facts[stage].get("warnings", [])
        for text in texts:
            self.warnings.append({"sample": desk.name, "text": text})
            self.tell(Warned(desk.name, text))

    def finish(self, command: str, scheduler: str) -> None:
        """Write results, tables, provenance and report."""
        measured = [item for facts in self.facts.values() for item in _measurements(facts)]
        write_results(self.folder, measured)
        write_tables(self.folder, _tables(self.facts))
        resolved = self.plan.recipe.model_dump(mode="json", exclude_none=True)
        text = yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True)
        (self.folder / "recipe.yaml").write_text(text, encoding="utf-8")
        self._provenance(command, scheduler)
        self.tell(StageStarted("", "report"))
        begin = time.perf_counter()
        write_report(self.folder, formats=self.plan.recipe.report.figures)
        self.tell(StageDone("", "report", round(time.perf_counter() - begin, 3)))
        self._provenance(command, scheduler)

    def _provenance(self, command: str, scheduler: str) -> None:
        from ssbtomo import __version__

        content = {
            "ssbtomo": __version__,
            "command": command,
            "title": self.plan.recipe.report.title,
            "started": datetime.fromtimestamp(self.started, UTC).isoformat(timespec="seconds"),
            "seconds": round(time.time() - self.started, 2),
            "peak_memory_bytes": peak_memory(),
            "estimated_memory_bytes": self.plan.memory,
            **environment(),
            "scheduler": scheduler,
            "workers": self.plan.workers,
            "state": "done",
            "samples": self.stories,
            "warnings": self.warnings,
        }
        write_json(self.folder / "run.json", content)


def _finished(marker: Path, mark: str, desk: Desk) -> dict[str, Any] | None:
    """Return what a finished stage found, if it was this very stage."""
    if not marker.is_file():
        return None
    facts: dict[str, Any] = json.loads(marker.read_text("utf-8"))
    there = all(desk.store(name).is_dir() for name in facts.get("stores", []))
    return facts if facts.get("fingerprint") == mark and there else None


def _story(
    planned: SamplePlan, desk: Desk, digest: str, stages: list[dict[str, Any]], home: Path
) -> dict[str, Any]:
    sample = planned.job.sample
    colors = phase_colors((phase.name, phase.role) for phase in desk.phases)
    seen = {**desk.facts["ingest"], **desk.facts["reconstruct"]}
    truth = [] if sample.truth is None else read_truth(home / sample.truth)
    return {
        "name": desk.name,
        "path": str(planned.job.source),
        "sha256": digest,
        "shape": seen["shape"],
        "dtype": seen["dtype"],
        "spacing_um": seen["spacing_um"],
        "spacing_origin": seen["spacing_origin"],
        "modality": sample.modality,
        "conditions": {key: str(value) for key, value in sample.conditions.items()},
        "phases": [
            {"name": phase.name, "role": phase.role, "color": colors[phase.name]}
            for phase in desk.phases
        ],
        "lithium": desk.facts["segment"].get("lithium"),
        "corrections": desk.facts["segment"].get("corrections"),
        "transport_axis": sample.transport_axis,
        "stack_check": seen["stack_check"],
        "truth": {
            f"{row['quantity']}|{row['subject']}|{row.get('axis', '')}": row["value"]
            for row in truth
        },
        "stages": stages,
    }


def _measurements(facts: Mapping[str, Any]) -> list[Measurement]:
    return [thaw(item) for item in facts["quantify"]["measurements"]]


def _tables(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, list[Any]]]:
    """Lay the samples' tables under one another, with the sample as first column."""
    merged: dict[str, dict[str, list[Any]]] = {}
    for sample, found in facts.items():
        sensitivity = {"sensitivity": _columns(found["quantify"]["sensitivity"])}
        stages = ("reconstruct", "segment", "quantify")
        written = {k: v for name in stages for k, v in found[name].get("tables", {}).items()}
        parts = {**written, **sensitivity}
        for name, columns in parts.items():
            rows = max((len(column) for column in columns.values()), default=0)
            into = merged.setdefault(name, {"sample": []})
            before = len(into["sample"])
            for key, column in {"sample": [sample] * rows, **columns}.items():
                into.setdefault(key, [math.nan] * before).extend(column)
            for column in into.values():  # what this sample does not have, such as a phase
                column.extend([math.nan] * (before + rows - len(column)))
    return merged


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {key: [row[key] for row in rows] for key in (rows[0] if rows else {})}
