"""What `check` says before is laid beside what a run took."""

from __future__ import annotations

import json

import pytest

from ssbtomo import runner
from ssbtomo.model import MEASURES, load_recipe
from ssbtomo.runner import calibration
from ssbtomo.runner.check import checked_plan, plan_as_plain, plan_told
from ssbtomo.runner.predict import Way, predict
from ssbtomo.runner.samples import jobs_of
from ssbtomo.stages.chain import chain
from ssbtomo.stages.costs import Work, cost_of, cost_table, cpu_seconds, wall_seconds

FILTERS = ("gaussian", "median", "nlm", "tv")


@pytest.fixture
def stages(recipe):
    """The stages of the recipe, with all measures and ranges."""
    text = recipe.read_text("utf-8").replace("measures: [", "measures: [cracks, interfaces, ")
    recipe.write_text(text, encoding="utf-8")
    (job,) = jobs_of(load_recipe(recipe), recipe.parent)
    return chain(job.sample)


def test_every_part_has_a_cost(stages):
    table = cost_table()
    for group in MEASURES:
        assert f"quantify.{group}" in table
    for method in FILTERS:
        assert f"denoise.{method}" in table
    for stage in stages:
        for work in stage.expected((256, 256, 256), 1):
            assert cost_of(work.part).seconds(1e6) >= 0
            assert any(work.part.startswith(name) for name in table), work.part


def test_time_grows_with_the_volume_and_shrinks_with_workers():
    works = [Work("quantify.cracks", 1e8)]
    assert cpu_seconds([Work("quantify.cracks", 2e8)]) >= 1.9 * cpu_seconds(works)
    assert wall_seconds(works, 8) < wall_seconds(works, 2) < wall_seconds(works, 1)
    like = cost_of("quantify.cracks").like
    assert wall_seconds(works, 2, {like: 2.0}) == pytest.approx(wall_seconds(works, 2) / 2)


def test_memory_is_that_of_the_tasks_at_once_and_of_what_is_held_whole(stages):
    shape, block = (512, 512, 512), (128, 128, 128)
    for stage in stages:
        one, four = (predict(stage, shape, 1, Way("threads", n, block)) for n in (1, 4))
        apart = predict(stage, shape, 1, Way("processes", 4, block))
        far = predict(stage, shape, 1, Way("slurm", 4, block))
        assert one.worker_memory == 0
        assert one.memory <= four.memory == four.total_memory
        assert apart.memory <= one.memory
        most = apart.memory + 4 * apart.worker_memory  # if both peaks come at once
        assert max(apart.memory, 4 * apart.worker_memory) < apart.total_memory <= most + 4
        assert far.total_memory == far.memory  # the workers are elsewhere


@pytest.mark.usefixtures("no_report")
def test_a_run_lays_the_prediction_beside_what_it_took(recipe, tmp_path):
    story = runner.run(recipe, tmp_path / "out").run
    (sample,) = story["samples"]
    by_name = {stage["name"]: stage for stage in sample["stages"]}
    for stage in by_name.values():
        assert set(stage["predicted"]) == set(stage["taken"])
        assert stage["taken"]["memory"] > 10**7
    quantify = by_name["quantify"]
    assert quantify["ratio"]["memory"] == pytest.approx(
        quantify["predicted"]["memory"] / quantify["taken"]["memory"], abs=1e-3
    )
    measured = {(item["variant"], item["group"]) for item in quantify["costs"]}
    assert ("base", "transport") in measured
    assert ("threshold 1 up", "contacts") in measured
    # As many parts as were foreseen, so that the share that is done ends at one.
    (job,) = jobs_of(load_recipe(recipe), recipe.parent)
    foreseen = chain(job.sample)[-1].expected((32, 36, 40), 1)
    assert len(measured) == len(foreseen)


def test_check_tells_time_memory_and_disk(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    problems, plan = checked_plan(recipe)
    assert problems == []
    assert "--calibrate measures this one" in plan_told(plan)
    (sample,) = plan_as_plain(plan)
    assert sample["seconds"] == pytest.approx(
        sum(stage["seconds"] for stage in sample["stages"]), abs=0.1
    )
    assert sample["memory_bytes"] == max(stage["total_memory"] for stage in sample["stages"])


def test_a_calibration_is_kept_for_this_host_and_these_versions(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(calibration, "_EDGE", 40)
    monkeypatch.setattr(calibration, "_REPEATS", 1)
    assert calibration.machine_speed() == {}
    found = calibration.calibrate()
    assert set(found) == {cost.like for cost in cost_table().values()}
    assert all(value > 0 for value in found.values())
    assert calibration.machine_speed() == found
    _, plan = checked_plan(recipe)
    assert "calibrated on this machine" in plan_told(plan)
    (path,) = (tmp_path / "ssbtomo").glob("speed-*.json")
    kept = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**kept, "about": {**kept["about"], "numba": "0"}}), "utf-8")
    assert calibration.machine_speed() == {}
    path.write_text("{", "utf-8")
    assert calibration.machine_speed() == {}
