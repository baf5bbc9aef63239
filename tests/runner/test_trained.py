"""A classifier in a recipe: from a model file, or trained in the run; killed and resumed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tifffile

import ssbtomo
from ssbtomo import io, runner
from ssbtomo.errors import CancelledError, RecipeError, SsbtomoError
from ssbtomo.runner.training import train_model
from ssbtomo.segment import VoxelModel, predict
from ssbtomo.testing import pore_back_volume, three_phase_volume

RECIPE = """\
sample: {path: scan.tif, voxel_size: [20 nm, 10 nm, 10 nm]}
phases:
  - {name: void, role: void}
  - {name: electrolyte, role: electrolyte}
  - {name: active material, role: active}
segment: {method: trained, SOURCE}
quantify: {measures: [fractions]}
run: {scheduler: threads, workers: 2, block: [16, 16, 16]}
"""
TRAINED = "train: {labels: scribbles.tif, trees: 6}"


@pytest.fixture
def place(tmp_path):
    made = three_phase_volume((24, 40, 36), seed=1)
    tifffile.imwrite(tmp_path / "scan.tif", made.image, photometric="minisblack")
    marks = made.scribbles(0.05)
    tifffile.imwrite(tmp_path / "scribbles.tif", marks, photometric="minisblack")
    (tmp_path / "trained.yaml").write_text(RECIPE.replace("SOURCE", TRAINED))
    (tmp_path / "model.yaml").write_text(RECIPE.replace("SOURCE", "model: m.ssbmodel"))
    return tmp_path


def stores(results):
    folder = results.path / "volumes" / "scan"
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.usefixtures("no_report")
def test_trained_in_the_run_or_before_the_numbers_are_the_same(place):
    train_model([place / "trained.yaml"], [], place / "m.ssbmodel")
    one = runner.run(place / "trained.yaml", place / "one")
    two = runner.run(place / "model.yaml", place / "two")
    saved = (one.path / "models" / "scan.ssbmodel").read_bytes()
    assert saved == (place / "m.ssbmodel").read_bytes()
    for name in ("results.csv", "tables/training_scores.csv", "tables/training_confusion.csv",
                 "tables/reliability.csv"):  # fmt: skip
        assert (one.path / name).read_bytes() == (two.path / name).read_bytes()
    found = predict(tifffile.imread(place / "scan.tif"), place / "m.ssbmodel", (0.02, 0.01, 0.01))
    kept = stores(one)
    assert set(kept) == {"image.ome.zarr", "phases.ome.zarr", "entropy.ome.zarr",
                         "probability-void.ome.zarr", "probability-electrolyte.ome.zarr",
                         "probability-active_material.ome.zarr"}  # fmt: skip
    np.testing.assert_array_equal(
        io.ome_zarr.open_array(kept["phases.ome.zarr"])[...], found.labels
    )
    np.testing.assert_array_equal(
        io.ome_zarr.open_array(kept["probability-void.ome.zarr"])[...], found.probabilities[0]
    )
    np.testing.assert_array_equal(
        io.ome_zarr.open_array(kept["entropy.ome.zarr"])[...], found.entropy
    )
    story = json.loads((one.path / "run.json").read_text())["samples"][0]["stages"]
    told = next(stage for stage in story if stage["name"] == "segment")
    assert "random forest of 6 trees" in told["methods"]
    assert "not seen their slice" in told["methods"]
    assert "breiman2001" in told["references"]


@pytest.mark.usefixtures("no_report")
def test_stopped_amid_blocks_it_goes_on_and_ends_the_same(place, monkeypatch):
    from ssbtomo.blocks import classify as module

    fresh = runner.run(place / "trained.yaml", place / "fresh")
    real, seen = module._run, []

    def failing(block, **parts):
        seen.append(block.index)
        if len(seen) == 6:
            raise CancelledError("stopped")
        return real(block, **parts)

    monkeypatch.setattr(module, "_run", failing)
    with pytest.raises(CancelledError):
        runner.run(place / "trained.yaml", place / "out", scheduler="synchronous")
    again = runner.run(place / "trained.yaml", place / "out", scheduler="synchronous")
    assert len(seen) == 6 + 18 - 5  # 18 blocks; those five that were done are not done again
    assert (again.path / "results.csv").read_bytes() == (fresh.path / "results.csv").read_bytes()
    for name, path in stores(again).items():
        np.testing.assert_array_equal(
            io.ome_zarr.open_array(path)[...], io.ome_zarr.open_array(stores(fresh)[name])[...]
        )


@pytest.mark.usefixtures("no_report")
def test_a_store_lost_between_two_runs_is_written_again(place, monkeypatch):
    from ssbtomo.blocks import classify as module

    real, seen = module._run, []

    def failing(block, **parts):
        seen.append(block.index)
        if len(seen) == 6:
            raise CancelledError("stopped")
        return real(block, **parts)

    monkeypatch.setattr(module, "_run", failing)
    with pytest.raises(CancelledError):
        runner.run(place / "trained.yaml", place / "out", scheduler="synchronous")
    (lost,) = (place / "out" / "work").rglob("*~entropy.ome.zarr")
    shutil.rmtree(lost)
    again = runner.run(place / "trained.yaml", place / "out", scheduler="synchronous")
    assert len(seen) == 6 + 18
    assert io.ome_zarr.open_array(stores(again)["entropy.ome.zarr"]).missing_shards() == 0


@pytest.mark.usefixtures("no_report")
def test_other_scribbles_are_another_run(place):
    one = runner.run(place / "trained.yaml", place / "out")
    before = one.table["value"].tolist()
    marks = tifffile.imread(place / "scribbles.tif")
    marks[marks == 3] = 2
    marks[4, :3, :3] = 3
    tifffile.imwrite(place / "scribbles.tif", marks, photometric="minisblack")
    assert runner.run(place / "trained.yaml", place / "out").table["value"].tolist() != before


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("model: absent.ssbmodel", "no model file"),
        ("model: scan.tif", "no model file"),
        ("train: {labels: absent.tif}", "no scribbles"),
        ("train: {labels: small.tif}", "(10 40 36)"),
        ("model: m.ssbmodel, companions: [small.tif]", "small.tif"),
        ("train: {labels: marks.json}", "slice 99"),
    ],
)
def test_what_does_not_fit_is_told_before_work_starts(place, source, said):
    train_model([place / "trained.yaml"], [], place / "m.ssbmodel")
    tifffile.imwrite(
        place / "small.tif", np.zeros((10, 40, 36), np.uint8), photometric="minisblack"
    )
    marks = {"marks": [{"phase": "void", "slice": 99, "points": [[1, 1]]}]}
    (place / "marks.json").write_text(json.dumps(marks))
    (place / "bad.yaml").write_text(RECIPE.replace("SOURCE", source))
    (problem,) = runner.check(place / "bad.yaml")
    assert said in problem.replace(",", "")
    with pytest.raises(SsbtomoError):
        runner.run(place / "bad.yaml", place / "out")
    assert not (place / "out" / "volumes").exists()


@pytest.mark.parametrize(
    "segment",
    [
        "{method: trained}",
        "{method: trained, model: a, train: {labels: b}}",
        "{method: multi-otsu, model: a}",
        "{method: trained, train: {labels: b, trees: 0}}",
        "{method: trained, train: {features: default}}",
        "{method: trained, model: a, regularise: potts}",
        "{method: trained, model: a, lithium: {companion: {path: c}}}",
    ],
)
def test_recipes_that_contradict_themselves_are_refused(place, segment):
    text = RECIPE.replace("{method: trained, SOURCE}", segment)
    (place / "bad.yaml").write_text(text)
    with pytest.raises(RecipeError, match="segment"):
        runner.run(place / "bad.yaml", place / "out")


def command(place, *words):
    return subprocess.run(
        [sys.executable, "-m", "ssbtomo.cli", "train", *words],
        capture_output=True, text=True, check=False, cwd=place,
    )  # fmt: skip


def test_the_command_trains_from_scans_and_prints_scores(place):
    told = command(
        place, "scan.tif", "-l", "scribbles.tif", "--phases", "void,electrolyte,active",
        "--voxel-size", "20 nm,10 nm,10 nm", "-o", "m.ssbmodel", "--json", "--rule", "logistic",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    scores = json.loads(told.stdout)["scores"]
    assert scores["by_slice"]["accuracy"] > 0.8
    model = VoxelModel.load(place / "m.ssbmodel")
    assert model.spacing == pytest.approx((0.02, 0.01, 0.01))
    assert model.phases == ("void", "electrolyte", "active")


def test_the_command_says_what_is_missing(place):
    told = command(place, "scan.tif", "-l", "scribbles.tif", "--phases", "void,electrolyte,active")
    assert told.returncode == 1
    assert "voxel size" in told.stderr
    told = command(place, "scan.tif", "--phases", "void,active")
    assert told.returncode == 1
    assert "--labels once per scan" in told.stderr


def test_marks_of_a_json_file_are_drawn(place):
    marks = {
        "marks": [
            {"phase": "void", "slice": 2, "points": [[1, 2]], "boxes": [[5, 5, 6, 7]]},
            {"phase": 2, "axis": "x", "slice": 3, "lines": [[[0, 0], [0, 4]]]},
            {"phase": "b", "slice": 2, "discs": [[20, 20, 1.2]]},
            {"phase": "b", "slice": 2, "points": [[5, 5]]},
        ]
    }
    (place / "marks.json").write_text(json.dumps(marks))
    found = ssbtomo.segment.read_scribbles(place / "marks.json", ["void", "b"], (24, 40, 36))
    drawn = {tuple(p): label for p, label in zip(found.places.tolist(), found.labels, strict=True)}
    assert drawn[2, 1, 2] == 0
    assert drawn[2, 6, 7] == 0
    assert drawn[2, 5, 5] == 1  # the later mark
    assert [drawn[0, y, 3] for y in range(5)] == [1] * 5
    assert sum(z == 2 and y in range(19, 22) for z, y, _ in drawn) == 5
    for bad in ({}, {"marks": [{"phase": "void", "points": [[1, 1]]}]}, {"marks": [3]}):
        (place / "marks.json").write_text(json.dumps(bad))
        with pytest.raises(SsbtomoError):
            ssbtomo.segment.read_scribbles(place / "marks.json", ["void", "b"], (24, 40, 36))


@pytest.mark.usefixtures("no_report")
def test_walls_seen_through_pores_do_not_fill_them(tmp_path):
    made = pore_back_volume((40, 64, 64), seed=1)
    tifffile.imwrite(tmp_path / "scan.tif", made.image, photometric="minisblack")
    marks = made.scribbles(0.03)
    tifffile.imwrite(tmp_path / "scribbles.tif", marks, photometric="minisblack")
    more = "train: {labels: scribbles.tif, trees: 16, features: fib-sem}"
    recipe = RECIPE.replace("SOURCE", more).replace("[16, 16, 16]", "[16, 32, 32]")
    recipe += "reconstruct: {method: fib-sem}\nrange: {shift: 0}\n"
    (tmp_path / "recipe.yaml").write_text(recipe)
    table = runner.run(tmp_path / "recipe.yaml", tmp_path / "results").table
    row = table[(table["quantity"] == "volume_fraction") & (table["subject"] == "void")]
    true = np.mean(made.labels == 0)
    # below 0.02 on 80 x 192 x 192 voxels; three slices of 64 x 64 teach a twentieth as much
    assert float(row["value"].iloc[0]) == pytest.approx(true, rel=0.05)
