"""A classifier that names lithium: kept where the data show it, one class with bounds elsewhere."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import tifffile

from ssbtomo import runner
from ssbtomo.errors import CancelledError
from ssbtomo.io import ome_zarr
from ssbtomo.testing import lithium_scan

RECIPE = """\
sample:
  path: scan.tif
  voxel_size: [200 nm, 200 nm, 200 nm]
phases:
  - {name: void, role: void}
  - {name: lithium, role: lithium}
  - {name: electrolyte, role: electrolyte}
  - {name: active, role: active}
segment:
  method: trained
  train: {labels: marks.tif, trees: 12}%s
quantify:
  measures: [fractions, contacts, connectivity]
range: {draws: 3}
run: {scheduler: synchronous, block: [24, 48, 48]}
"""


def prepared(folder, scan, more=""):
    rng = np.random.default_rng(0)
    marks = np.where(rng.random(scan.labels.shape) < 0.03, scan.labels + 1, 0)
    marks[np.arange(48) % 12 != 6] = 0
    for name in ("image", "companion"):
        path = folder / f"{'scan' if name == 'image' else name}.tif"
        tifffile.imwrite(path, getattr(scan, name), photometric="minisblack")
    tifffile.imwrite(folder / "marks.tif", marks.astype(np.uint8), photometric="minisblack")
    (folder / "recipe.yaml").write_text(RECIPE % more, encoding="utf-8")
    return folder / "recipe.yaml"


def row(results, quantity, subject):
    table = results.table
    found = table[(table.quantity == quantity) & (table.subject == subject)]
    assert len(found) == 1, (quantity, subject)
    return found.iloc[0]


def story(results):
    return json.loads((results.path / "run.json").read_text())["samples"][0]


def stores(results):
    return {path.name for path in (results.path / "volumes/scan").iterdir()}


@pytest.mark.usefixtures("no_report")
def test_what_the_classifier_cannot_see_is_one_class(tmp_path):
    scan = lithium_scan((48, 48, 48), dprime=0.5, seed=1)
    results = runner.run(prepared(tmp_path, scan), tmp_path / "out")
    told = story(results)["lithium"]
    assert (told["state"], told["by"], told["used"]) == ("merged", "classifier", [])
    assert told["dprime"] < 1.5
    for phase in ("void", "lithium"):
        number = row(results, "volume_fraction", phase)
        assert math.isnan(number.value)
        assert 0 == number.low <= scan.shares[phase] <= number.high
        assert "whatever the classifier says" in number.warnings
    both = row(results, "volume_fraction", "lithium or void")
    assert both.low <= scan.shares["void"] + scan.shares["lithium"] <= both.high
    assert stores(results) == {
        "image.ome.zarr", "phases.ome.zarr", "entropy.ome.zarr",
        "probability-lithium_or_void.ome.zarr", "probability-electrolyte.ome.zarr",
        "probability-active.ome.zarr",
    }  # fmt: skip
    labels = ome_zarr.open_array(results.path / "volumes/scan/phases.ome.zarr")[:, :, :]
    assert labels.max() == 2
    sentence = next(s for s in story(results)["stages"] if s["name"] == "segment")["methods"]
    assert "were joined to one class" in sentence


@pytest.mark.usefixtures("no_report")
def test_grey_values_far_apart_let_the_classifier_be(tmp_path):
    scan = lithium_scan((48, 48, 48), dprime=4.0, seed=2)
    results = runner.run(prepared(tmp_path, scan), tmp_path / "out")
    told = story(results)["lithium"]
    assert (told["state"], told["used"]) == ("split", ["grey"])
    assert told["dprime"] == pytest.approx(4.0, abs=1.0)  # two Gaussians inside the class
    number = row(results, "volume_fraction", "lithium")
    assert number.value == pytest.approx(scan.shares["lithium"], rel=0.1)
    assert number.low <= scan.shares["lithium"] <= number.high
    leaning = results.objects("sensitivity").variant
    assert {"lithium low", "lithium high"} <= set(leaning)
    assert "probability-lithium.ome.zarr" in stores(results)


@pytest.mark.usefixtures("no_report")
def test_a_companion_is_evidence_if_the_classifier_looks_at_it(tmp_path):
    scan = lithium_scan((48, 48, 48), dprime=0.5, seed=2)
    recipe = prepared(tmp_path, scan, "\n  companions: [companion.tif]")
    told = story(runner.run(recipe, tmp_path / "out"))["lithium"]
    assert (told["state"], told["used"]) == ("split", ["companion"])
    assert told["evidence"]["companion"] >= 4.0


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize(
    ("split", "state"), [("never", "merged"), ("thresholds", None)]
)  # d' = 4: it could be split
def test_the_recipe_decides_whether_it_is_asked(tmp_path, split, state):
    scan = lithium_scan((48, 48, 48), dprime=4.0, seed=2)
    results = runner.run(
        prepared(tmp_path, scan, f"\n  lithium: {{split: {split}}}"), tmp_path / "out"
    )
    told = story(results)["lithium"]
    assert (told and told["state"]) == state
    if state is None:
        assert row(results, "volume_fraction", "lithium").value > 0


@pytest.mark.usefixtures("no_report")
def test_stopped_in_each_store_it_ends_the_same(tmp_path, stopped_in_each_store):
    recipe = prepared(tmp_path, lithium_scan((48, 48, 48), dprime=0.5, seed=3))
    fresh = runner.run(recipe, tmp_path / "fresh")
    assert stopped_in_each_store(recipe, fresh, tmp_path / "out") >= 3


@pytest.mark.usefixtures("no_report")
def test_stopped_while_it_is_asked_it_goes_on_and_ends_the_same(tmp_path, monkeypatch):
    from ssbtomo.stages import trained_lithium as module

    scan = lithium_scan((48, 48, 48), dprime=0.5, seed=3)
    recipe = prepared(tmp_path, scan)
    fresh = runner.run(recipe, tmp_path / "fresh")
    real = module.study

    def stopped(*_, **__):
        raise CancelledError("stopped")

    monkeypatch.setattr(module, "study", stopped)
    with pytest.raises(CancelledError):
        runner.run(recipe, tmp_path / "out")
    monkeypatch.setattr(module, "study", real)
    seen = []
    monkeypatch.setattr("ssbtomo.blocks.classify._run", lambda *a, **k: seen.append(a))
    again = runner.run(recipe, tmp_path / "out")
    assert not seen  # every block had been classified
    assert (again.path / "results.csv").read_bytes() == (fresh.path / "results.csv").read_bytes()
    assert stores(again) == stores(fresh)
