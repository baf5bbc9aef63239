"""Corrections in a recipe: they hold in every variant, change the numbers, and are told."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import tifffile

from ssbtomo import io, runner
from ssbtomo.errors import FormatError, InputDataError, RecipeError, SsbtomoError
from ssbtomo.segment import Corrections
from ssbtomo.testing import three_phase_volume

RECIPE = """\
sample: {path: scan.tif, voxel_size: [20 nm, 10 nm, 10 nm]}
phases:
  - {name: void, role: void}
  - {name: electrolyte, role: electrolyte}
  - {name: active, role: active}
segment: {SEGMENT, corrections: hand.zip}
quantify: {measures: [fractions]}
run: {scheduler: threads, workers: 2, block: [16, 16, 16]}
"""
PHASES = {"void": 0, "electrolyte": 1, "active": 2}
SHAPE = (20, 36, 40)
BOX = (slice(2, 18), slice(10, 30), slice(5, 35))


@pytest.fixture
def place(tmp_path):
    made = three_phase_volume(SHAPE, seed=1)
    tifffile.imwrite(tmp_path / "scan.tif", made.image, photometric="minisblack")
    tifffile.imwrite(tmp_path / "scribbles.tif", made.scribbles(0.05), photometric="minisblack")
    return tmp_path


def recipe(place, segment, shape=SHAPE, to="active"):
    corners = np.indices(SHAPE)[(slice(None), *BOX)].reshape(3, -1).T
    before = np.zeros(len(corners), np.uint8)
    found = Corrections(shape).added(
        corners, (before, before + PHASES[to]), PHASES, who="ann", when="2026-01-02T03:04:05+00:00"
    )
    found.save(place / "hand.zip")
    path = place / "recipe.yaml"
    path.write_text(RECIPE.replace("SEGMENT", segment))
    return path


def fraction(results, phase):
    table = results.table
    rows = table[(table["quantity"] == "volume_fraction") & (table["subject"] == phase)]
    return float(rows["value"].iloc[0])


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize(
    "segment",
    [
        "method: multi-otsu",
        "method: multi-otsu, repair: false, smallest_object: 30",
        "method: trained, train: {labels: scribbles.tif, trees: 4}",
    ],
)
def test_corrected_voxels_hold_in_the_labels_and_in_every_variant(place, segment):
    path = recipe(place, segment)
    plain = place / "plain.yaml"
    plain.write_text(path.read_text().replace(", corrections: hand.zip", ""))
    one, two = runner.run(plain, place / "one"), runner.run(path, place / "two")
    assert fraction(two, "active") > fraction(one, "active") + 0.05
    stores = [two.path / "volumes" / "scan" / "phases.ome.zarr"]
    stores += (two.path / "work" / "scan" / "variants").iterdir()
    assert len(stores) > 3
    for store in stores:
        assert (io.ome_zarr.open_array(store)[BOX] == 2).all()
    before, after = (
        io.ome_zarr.open_array(r.path / "volumes" / "scan" / "phases.ome.zarr")[...]
        for r in (one, two)
    )
    outside = np.ones(SHAPE, bool)
    outside[BOX] = False
    np.testing.assert_array_equal(after[outside], before[outside])
    assert fraction(two, "active") == pytest.approx(float((after == 2).mean()), rel=1e-9)
    for name, certain in (("probability-active", 255), ("probability-void", 0), ("entropy", 0)):
        store = two.path / "volumes" / "scan" / f"{name}.ome.zarr"
        assert store.is_dir() == ("trained" in segment)
        if store.is_dir():
            assert (io.ome_zarr.open_array(store)[BOX] == certain).all()


@pytest.mark.usefixtures("no_report")
def test_results_tell_who_corrected_what_and_hold_the_file(place):
    path = recipe(place, "method: multi-otsu, repair: false")
    results = runner.run(path, place / "out")
    voxels = 16 * 20 * 30
    rows = pd.read_csv(results.path / "tables" / "corrections.csv")
    assert rows.to_dict("records") == [
        {"sample": "scan", "who": "ann", "when": "2026-01-02T03:04:05+00:00", "from": "void",
         "to": "active", "voxels": voxels, "z_from": 2, "y_from": 10, "x_from": 5, "z_to": 18,
         "y_to": 30, "x_to": 35},
    ]  # fmt: skip
    sample = json.loads((results.path / "run.json").read_text())["samples"][0]
    assert sample["corrections"]["voxels"] == voxels
    assert sample["corrections"]["file"] == "hand.zip"
    told = next(stage for stage in sample["stages"] if stage["name"] == "segment")
    assert f"By hand, {voxels} voxels (33.33% of the volume)" in told["methods"]
    kept = Corrections.load(results.path / "corrections" / "scan.zip")
    assert len(kept) == voxels


@pytest.mark.usefixtures("no_report")
def test_other_corrections_are_another_segmentation_and_the_same_are_not(place):
    path = recipe(place, "method: multi-otsu, repair: false")
    first = runner.run(path, place / "out")
    told = []
    runner.run(path, place / "out", events=told.append)
    assert not [event for event in told if type(event).__name__ == "StageStarted" and event.stage == "segment"]  # fmt: skip
    recipe(place, "method: multi-otsu, repair: false", to="void")
    second = runner.run(path, place / "out")
    assert fraction(second, "void") > 0.3
    assert first.path == second.path


@pytest.mark.usefixtures("no_report")
def test_given_labels_can_be_corrected_too(place):
    made = three_phase_volume(SHAPE, seed=1)
    tifffile.imwrite(place / "scan.tif", made.labels, photometric="minisblack")
    path = recipe(place, "method: labels")
    text = path.read_text()
    for number, name in enumerate(PHASES):
        text = text.replace(f"name: {name}, ", f"name: {name}, value: {number}, ")
    path.write_text(text)
    results = runner.run(path, place / "out")
    wanted = made.labels.copy()
    wanted[BOX] = 2
    for label, name in enumerate(PHASES):
        assert fraction(results, name) == pytest.approx(float((wanted == label).mean()), rel=1e-9)


def test_what_does_not_fit_is_told_before_work(place):
    path = recipe(place, "method: multi-otsu", shape=(20, 36, 41))
    with pytest.raises(InputDataError, match=r"made on \(20, 36, 41\) voxels, the labels have"):
        runner.run(path, place / "out")
    (place / "hand.zip").write_text("text")
    assert "no file of corrections" in runner.check(path)[0]
    with pytest.raises(FormatError):
        runner.run(path, place / "out")
    (place / "hand.zip").unlink()
    with pytest.raises(RecipeError, match="there are no corrections"):
        runner.run(path, place / "out")
    assert not (place / "out").exists()
    path = recipe(place, "method: multi-otsu, repair: false")
    path.write_text(path.read_text().replace("name: active,", "name: bright,"))
    with pytest.raises(SsbtomoError, match="the corrections name the phase 'active'"):
        runner.run(path, place / "out")
