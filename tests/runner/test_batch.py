"""Many samples in one recipe: the broken ones are explained, the others are done."""

from __future__ import annotations

import json
import threading
import time

import numpy as np
import pandas as pd
import pytest
import tifffile

from ssbtomo import errors, runner
from ssbtomo.blocks import Engine
from ssbtomo.cli import EXIT_INCOMPLETE, app
from ssbtomo.events import SampleFailed, StageDone, check_cancelled
from ssbtomo.model import read_recipe
from ssbtomo.runner.batch import side_by_side

SHARED = """\
phases:
  - {name: void, role: void}
  - {name: electrolyte, role: electrolyte}
  - {name: active, role: active}
range: {shift: 0}
quantify: {measures: [fractions]}
run: {scheduler: threads, workers: 2, block: [16, 16, 16]}
"""
COUNT, BROKEN = 12, ("s04", "s09")


@pytest.fixture
def batch(tmp_path, three_phases):
    """Twelve scans of which one is cut off and one is constant, in a table."""
    for number in range(COUNT):
        grey = three_phases((16, 18, 20), seed=number)
        tifffile.imwrite(tmp_path / f"s{number:02d}.tif", grey, photometric="minisblack")
    (tmp_path / "s04.tif").write_bytes((tmp_path / "s04.tif").read_bytes()[:99])
    tifffile.imwrite(tmp_path / "s09.tif", np.full((16, 18, 20), 7, np.uint8))
    rows = [f"s{number:02d}.tif,100 nm,{number} MPa" for number in range(COUNT)]
    table = "\n".join(["path,voxel_size,conditions.pressure", *rows])
    (tmp_path / "samples.csv").write_text(table, encoding="utf-8")
    recipe = tmp_path / "batch.yaml"
    recipe.write_text(f"samples: samples.csv\n{SHARED}", encoding="utf-8")
    return recipe


@pytest.mark.usefixtures("no_report")
def test_two_of_twelve_are_broken(batch, tmp_path, three_phases):
    told = []
    results = runner.run(batch, tmp_path / "out", events=told.append)
    assert set(results.table["sample"]) == {f"s{n:02d}" for n in range(COUNT)} - set(BROKEN)
    failed = {event.sample: event for event in told if isinstance(event, SampleFailed)}
    assert sorted(failed) == sorted(BROKEN)
    assert all(event.problem and event.hint for event in failed.values())
    story = results.run
    assert story["state"] == "incomplete"
    assert sorted(item["sample"] for item in story["failures"]) == sorted(BROKEN)
    summary = pd.read_csv(tmp_path / "out" / "summary.csv")
    assert list(summary["sample"]) == [f"s{n:02d}" for n in range(COUNT)]
    assert set(summary.loc[summary.state == "failed", "sample"]) == set(BROKEN)
    assert summary.loc[summary.state == "failed", "problem"].notna().all()
    fractions = summary[[c for c in summary if c.startswith("volume_fraction")]]
    assert fractions[summary.state == "done"].sum(axis=1).to_numpy() == pytest.approx(1)
    before = results.table

    # Mended, the second run does only the two.
    for number in (4, 9):
        grey = three_phases((16, 18, 20), seed=number)
        tifffile.imwrite(tmp_path / f"s{number:02d}.tif", grey, photometric="minisblack")
    told.clear()
    again = runner.run(batch, tmp_path / "out", events=told.append)
    assert {e.sample for e in told if isinstance(e, StageDone) and e.sample} == set(BROKEN)
    assert again.run["state"] == "done"
    old = again.table[again.table["sample"].isin(set(before["sample"]))].reset_index(drop=True)
    pd.testing.assert_frame_equal(old, before)
    assert again.run["samples"][3]["conditions"] == {"pressure": "3 MPa"}


@pytest.mark.usefixtures("no_report")
def test_samples_side_by_side_give_the_same_bytes(batch, tmp_path):
    rows = (tmp_path / "samples.csv").read_text("utf-8").splitlines()
    (tmp_path / "samples.csv").write_text("\n".join(rows[:7]), encoding="utf-8")
    one = runner.run(batch, tmp_path / "one")
    batch.write_text(batch.read_text("utf-8").replace("run: {", "run: {samples_at_once: 3, "))
    three = runner.run(batch, tmp_path / "three")
    for name in ("results.csv", "tables/histogram.csv"):
        assert (three.path / name).read_bytes() == (one.path / name).read_bytes()
    assert three.run["failures"] == one.run["failures"]
    assert [s["name"] for s in three.run["samples"]] == [s["name"] for s in one.run["samples"]]


def test_what_concerns_all_samples_stops_those_beside_it():
    ended = threading.Event()

    def call(sample, engine):
        if sample == 0:
            raise errors.OutputError("the disk is full")
        while True:
            time.sleep(0.01)
            try:
                check_cancelled(engine.cancel)
            finally:
                ended.set()

    with pytest.raises(errors.OutputError, match="full"):
        side_by_side(call, [0, 1, 2, 3], Engine(None, 8), 2)
    assert ended.wait(10)


@pytest.mark.usefixtures("no_report")
def test_the_exit_code_tells(batch, tmp_path):
    from typer.testing import CliRunner

    command = ["run", str(batch), "-o", str(tmp_path / "out"), "-q", "--json"]
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == EXIT_INCOMPLETE == 4
    assert len(json.loads(ended.stdout)["failures"]) == 2
    told = CliRunner().invoke(app, ["status", str(tmp_path / "out"), "--json"])
    status = json.loads(told.stdout)
    assert (status["state"], status["samples"], status["samples_done"]) == ("incomplete", 12, 10)
    text = CliRunner().invoke(app, ["status", str(tmp_path / "out")]).stdout
    assert "10 of 12 done" in text
    assert "s09" in text


@pytest.mark.usefixtures("no_report")
def test_if_all_are_broken_the_first_problem_is_told(batch, tmp_path):
    for path in tmp_path.glob("s*.tif"):
        path.write_bytes(b"not a scan")
    with pytest.raises(errors.FormatError, match=r"s00\.tif"):
        runner.run(batch, tmp_path / "out")


def test_check_lists_the_broken_ones(batch):
    problems = runner.check(batch)
    assert len(problems) == 1  # that a scan is constant is not in its header
    assert "s04" in problems[0]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("name,voxel_size\na,25 nm", "no table of samples"),
        ("path\n", "no table of samples"),
        ("path,name\na.tif,b,c", "1 cells more"),
        ("path,voxel_size\na.tif,[25 nm", "no value"),
        ("path,voxel_sise\na.tif,25 nm", "did you mean 'voxel_size'"),
        ('path,segment\na.tif,"[&a [1], *a]"', "aliases"),
    ],
)
def test_what_is_no_table_is_explained(tmp_path, table, told):
    (tmp_path / "samples.csv").write_text(table, encoding="utf-8")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"samples: samples.csv\n{SHARED}", encoding="utf-8")
    problems, found = read_recipe(recipe)
    assert found is None
    assert told in "\n".join(problems)


def test_a_table_overrides_key_by_key(tmp_path):
    (tmp_path / "samples.csv").write_text(
        "path;name;voxel_size;segment.smallest_object;conditions.state\n"
        "a.tif;001;25 nm;27;charged\n"
        "b.tif;;\"[50 nm, 25 nm, 25 nm]\";;\n",
        encoding="utf-8",
    )  # fmt: skip
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"samples: samples.csv\nsegment: {{repair: false}}\n{SHARED}", "utf-8")
    problems, found = read_recipe(recipe)
    assert problems == []
    first, second = found.samples
    assert (first.name, first.voxel_size) == ("001", (0.025,) * 3)
    assert (first.segment.smallest_object, first.segment.repair) == (27, False)
    assert first.conditions == {"state": "charged"}
    assert (second.name, second.voxel_size[0]) == (None, 0.05)
    assert (second.segment.smallest_object, second.segment.repair) == (0, False)
