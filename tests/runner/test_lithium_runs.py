"""Lithium, void and graded phases in a run: what stands in the results."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import tifffile

from ssbtomo import errors, runner
from ssbtomo.io import ome_zarr
from ssbtomo.kernels.graded import OFFSET, SCALE
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
  lithium: {electrode: z-min%s}
quantify:
  measures: [fractions, contacts, connectivity]
run: {scheduler: synchronous, block: [%d, %d, %d]}
"""


def _run(tmp_path, scan, more=""):
    _write(tmp_path, scan, more)
    return runner.run(tmp_path / "recipe.yaml", tmp_path / "out")


def _write(tmp_path, scan, more, block=48):
    for name in ("image", "companion", "reference"):
        path = tmp_path / f"{'scan' if name == 'image' else name}.tif"
        tifffile.imwrite(path, getattr(scan, name), photometric="minisblack")
    (tmp_path / "recipe.yaml").write_text(RECIPE % (more, *[block] * 3), encoding="utf-8")


def _row(table, quantity, subject):
    found = table[(table.quantity == quantity) & (table.subject == subject)]
    assert len(found) == 1, (quantity, subject)
    return found.iloc[0]


@pytest.mark.usefixtures("no_report")
def test_one_class_with_bounds_where_they_look_the_same(tmp_path):
    scan = lithium_scan((48, 48, 48), dprime=0.5, seed=1)
    results = _run(tmp_path, scan)
    table = results.table
    low = scan.shares["void"] + scan.shares["lithium"]
    merged = _row(table, "volume_fraction", "lithium or void")
    assert merged.low <= low <= merged.high
    rested = results.objects("ranges").set_index(["quantity", "subject"])
    part = rested.loc[("volume_fraction", "lithium or void")]
    assert part["imaging"] + part["scatter"] > 0  # the class is imaged again like any other
    assert (part["low"], part["high"]) == (merged.low, merged.high)
    for phase in ("void", "lithium"):
        row = _row(table, "volume_fraction", phase)
        assert math.isnan(row.value)
        assert row.low == 0
        assert row.high >= scan.shares[phase]
        assert "cannot be told apart" in row.warnings
        area = _row(table, "contact_area_per_volume", f"{phase}|electrolyte")
        assert math.isnan(area.value)
        assert area.low == 0 < area.high
    assert _row(table, "contact_area_per_volume", "void|lithium").high == math.inf
    dead = _row(table, "dead_lithium_fraction", "lithium")
    assert (dead.low, dead.high) == (0, 1)
    story = json.loads((results.path / "run.json").read_text())["samples"][0]
    assert story["lithium"]["state"] == "merged"
    assert [phase["name"] for phase in story["phases"]] == [
        "lithium or void",
        "electrolyte",
        "active",
    ]
    told = next(stage for stage in story["stages"] if stage["name"] == "segment")
    assert "one class" in told["methods"]
    assert told["parameters"]["lithium"]["limit"] == 1.5


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("evidence", ["companion", "reference"])
def test_evidence_splits_and_the_range_holds_the_truth(tmp_path, evidence):
    scan = lithium_scan((48, 48, 48), dprime=0.5, seed=2)
    results = _run(tmp_path, scan, f", {evidence}: {{path: {evidence}.tif}}")
    row = _row(results.table, "volume_fraction", "lithium")
    assert row.value == pytest.approx(scan.shares["lithium"], rel=0.05)  # the limit
    assert row.low <= scan.shares["lithium"] <= row.high
    dead = _row(results.table, "dead_lithium_fraction", "lithium")
    assert 0 < dead.value < 0.2  # two small balls beside the layer
    story = json.loads((results.path / "run.json").read_text())["samples"][0]
    assert story["lithium"]["state"] == "split"
    assert story["lithium"]["used"] == [evidence]
    assert (results.path / "volumes/scan/lithium-probability.ome.zarr").is_dir()


@pytest.mark.usefixtures("no_report")
def test_stopped_in_each_store_a_split_ends_the_same(tmp_path, stopped_in_each_store):
    scan = lithium_scan((48, 48, 48), dprime=0.5, seed=2)
    _write(tmp_path, scan, ", companion: {path: companion.tif}", block=32)
    recipe = tmp_path / "recipe.yaml"
    text = recipe.read_text("utf-8").replace(", contacts, connectivity", "")
    recipe.write_text(text + "range: {shift: 0}\n", encoding="utf-8")
    fresh = runner.run(recipe, tmp_path / "fresh")
    # the scan, the labels with the chance of lithium, and the variants
    assert stopped_in_each_store(recipe, fresh, tmp_path / "again") >= 4


def test_evidence_that_is_not_there_is_named(tmp_path):
    scan = lithium_scan((32, 32, 32), dprime=1.0)
    with pytest.raises(errors.FormatError, match=r"nowhere\.tif"):
        _run(tmp_path, scan, ", companion: {path: nowhere.tif}")


@pytest.mark.usefixtures("no_report")
def test_a_graded_phase_is_mapped(tmp_path):
    rng = np.random.default_rng(0)
    grey = np.full((24, 32, 32), 1000.0)
    grey[:, :, 12:] = np.linspace(3000, 2000, 24)[:, None, None]
    image = (grey + rng.normal(0, 30, grey.shape)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "scan.tif", image, photometric="minisblack")
    (tmp_path / "recipe.yaml").write_text(
        """\
sample: {path: scan.tif, voxel_size: [100 nm, 100 nm, 100 nm]}
phases:
  - {name: electrolyte, role: electrolyte}
  - {name: tin, role: active, graded: {zero: 3000, one: 2000}}
quantify: {measures: [fractions, graded]}
run: {scheduler: synchronous, block: [16, 16, 16]}
""",
        encoding="utf-8",
    )
    results = runner.run(tmp_path / "recipe.yaml", tmp_path / "out")
    assert _row(results.table, "graded_mean", "tin").value == pytest.approx(0.5, abs=0.01)
    profile = results.objects("graded_profiles")
    np.testing.assert_allclose(profile["mean"][2:-2], np.linspace(0, 1, 24)[2:-2], atol=0.03)
    assert len(results.objects("graded_objects")) == 1
    codes = ome_zarr.open_array(results.path / "volumes/scan/graded-tin.ome.zarr")[:, :, :]
    assert (codes > 0).any()
    assert abs((codes[codes > 0] * SCALE + OFFSET).mean() - 0.5) < 0.01
