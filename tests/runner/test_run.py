"""The main job: from a scan to results, resumed, refused, and always the same."""

from __future__ import annotations

import json
import os
import threading

import distributed
import numpy as np
import pytest
import tifffile

from ssbtomo import errors, runner
from ssbtomo.events import Progress, StageDone, StageSkipped
from ssbtomo.results import COLUMNS, Results

without_report = pytest.mark.usefixtures("no_report")


def test_a_run_leaves_everything_behind(recipe, tmp_path):
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(
        text.replace("  measures: [fractions, contacts, connectivity, transport]\n", "")
    )
    results = runner.run(recipe, tmp_path / "out")
    table = results.table
    assert list(table.columns) == list(COLUMNS)
    fractions = table[table.quantity == "volume_fraction"]
    assert fractions.value.sum() == pytest.approx(1)
    assert (table.low <= table.value).all() or table.low.isna().any()
    assert ((table.low <= table.value) & (table.value <= table.high) | table.low.isna()).all()
    for name in (
        "run.json", "recipe.yaml", "results.json", "results.parquet", "methods.md",
        "references.bib", "report.html", "tables/profiles.csv", "tables/histogram.csv",
        "tables/sensitivity.csv", "volumes/scan/image.ome.zarr", "volumes/scan/phases.ome.zarr",
    ):  # fmt: skip
        assert (results.path / name).exists(), name
    story = json.loads((results.path / "run.json").read_text())
    assert story["state"] == "done"
    assert story["samples"][0]["spacing_origin"] == "user"
    assert len(story["samples"][0]["sha256"]) == 64


@without_report
def test_finished_stages_are_not_repeated(recipe, tmp_path):
    first = runner.run(recipe, tmp_path / "out")
    before = (first.path / "results.csv").read_bytes()
    told = []
    runner.run(recipe, tmp_path / "out", events=told.append)
    skipped = [event.stage for event in told if isinstance(event, StageSkipped)]
    assert skipped == ["ingest", "reconstruct", "denoise", "segment", "quantify"]
    assert (first.path / "results.csv").read_bytes() == before


@without_report
def test_a_changed_parameter_repeats_only_what_depends_on_it(recipe, tmp_path):
    text = recipe.read_text(encoding="utf-8")
    runner.run(recipe, tmp_path / "out")
    recipe.write_text(text.replace("[z]", "[y]"), encoding="utf-8")
    told = []
    runner.run(recipe, tmp_path / "out", events=told.append)
    done = [event.stage for event in told if isinstance(event, StageDone)]
    assert done == ["quantify", "report"]


@without_report
@pytest.mark.parametrize("block", ["[16, 24, 40]", "[13, 17, 11]", "[64, 64, 64]"])
def test_any_cut_gives_the_same_bytes(recipe, tmp_path, block):
    text = recipe.read_text(encoding="utf-8")
    whole = runner.run(recipe, tmp_path / "whole")
    recipe.write_text(text.replace("[16, 16, 16]", block), encoding="utf-8")
    cut = runner.run(recipe, tmp_path / "cut")
    assert (cut.path / "results.csv").read_bytes() == (whole.path / "results.csv").read_bytes()


@without_report
def test_schedulers_give_the_same_bytes(recipe, tmp_path):
    plain = runner.run(recipe, tmp_path / "plain")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as cluster:
        address = cluster.scheduler_address
        runner.run(recipe, tmp_path / "address", scheduler=address)
    for scheduler in ("threads", "processes"):
        runner.run(recipe, tmp_path / scheduler, scheduler=scheduler, workers=2)
    for scheduler in ("address", "threads", "processes"):
        other = Results.load(tmp_path / scheduler)
        assert (other.path / "results.csv").read_bytes() == (
            plain.path / "results.csv"
        ).read_bytes()


@without_report
def test_a_cancelled_run_goes_on_where_it_stopped(recipe, tmp_path):
    cancel = threading.Event()

    def stop(event):
        if isinstance(event, StageDone) and event.stage == "segment":
            cancel.set()

    with pytest.raises(errors.CancelledError):
        runner.run(recipe, tmp_path / "out", events=stop, cancel=cancel)
    assert not (tmp_path / "out" / "results.csv").exists()
    told = []
    again = runner.run(recipe, tmp_path / "out", events=told.append)
    assert {e.stage for e in told if isinstance(e, StageSkipped)} >= {"ingest", "segment"}
    fresh = runner.run(recipe, tmp_path / "fresh")
    assert (again.path / "results.csv").read_bytes() == (fresh.path / "results.csv").read_bytes()


@without_report
def test_two_samples_are_told_apart(recipe, tmp_path, three_phases):
    text = recipe.read_text(encoding="utf-8")
    tifffile.imwrite(tmp_path / "other.tif", three_phases(seed=5), photometric="minisblack")
    changed = text.replace(
        "sample:\n  path: scan.tif\n  voxel_size", "samples:\n- path: '*.tif'\n  voxel_size"
    )
    recipe.write_text(changed + "range: {shift: 0}\n", encoding="utf-8")
    table = runner.run(recipe, tmp_path / "out").table
    assert set(table["sample"]) == {"scan", "other"}


@without_report
def test_a_scan_of_labels_is_measured_as_it_is(recipe, tmp_path, three_phases):
    labels = (three_phases() > 128).astype(np.uint8) * 255
    tifffile.imwrite(tmp_path / "scan.tif", labels, photometric="minisblack")
    recipe.write_text(
        "sample: {path: scan.tif, voxel_size: [1 um, 1 um, 1 um]}\n"
        "phases: [{name: void, role: void, value: 0}, {name: solid, value: 255}]\n"
        "segment: {method: labels}\nquantify: {measures: [fractions]}\n",
        encoding="utf-8",
    )
    table = runner.run(recipe, tmp_path / "out").table.set_index("subject")
    assert table.value["solid"] == pytest.approx((labels > 0).mean(), abs=1e-9)  # 10 digits written


def _write(tmp_path, grey):
    tifffile.imwrite(tmp_path / "scan.tif", grey, photometric="minisblack")


@without_report
def test_what_cannot_be_measured_is_refused_and_leaves_nothing(
    recipe, tmp_path, subtests, three_phases
):
    text = recipe.read_text(encoding="utf-8")
    grey = three_phases()
    infinite = grey.astype(np.float32)
    infinite[20, 5, 7] = np.inf
    cases = {
        "nan": (lambda: _write(tmp_path, np.where(grey > 150, np.nan, grey).astype(np.float32)), errors.InputDataError, "NaN"),
        "inf": (lambda: _write(tmp_path, infinite), errors.InputDataError, r"\(20, 5, 7\)"),
        "constant": (lambda: _write(tmp_path, np.full_like(grey, 7)), errors.InputDataError, "constant"),
        "missing": ((tmp_path / "scan.tif").unlink, errors.FormatError, "no scan"),
        "voxel size": (lambda: recipe.write_text(text.replace("  voxel_size: [100 nm, 100 nm, 100 nm]\n", "")), errors.VoxelSizeError, "voxel size"),
        "memory": (lambda: recipe.write_text(text.replace("run: {", "run: {memory: 64 MB, ")), errors.ResourceError, "needs about"),
    }  # fmt: skip
    for name, (prepare, kind, told) in cases.items():
        with subtests.test(name):
            _write(tmp_path, grey)
            recipe.write_text(text, encoding="utf-8")
            prepare()
            with pytest.raises(kind, match=told):
                runner.run(recipe, tmp_path / "out")
            assert not (tmp_path / "out").exists()


@without_report
def test_a_folder_of_something_else_is_left_alone(recipe, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("precious")
    with pytest.raises(errors.OutputError, match="holds no run"):
        runner.run(recipe, tmp_path / "out")
    assert [item.name for item in (tmp_path / "out").iterdir()] == ["thesis.txt"]


@without_report
def test_a_folder_of_another_run_is_left_alone(recipe, tmp_path, three_phases):
    text = recipe.read_text(encoding="utf-8")
    runner.run(recipe, tmp_path / "out")
    other = tmp_path / "elsewhere"
    other.mkdir()
    tifffile.imwrite(other / "scan.tif", three_phases(seed=3), photometric="minisblack")
    (other / "recipe.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(errors.OutputError, match="belongs to another run"):
        runner.run(other / "recipe.yaml", tmp_path / "out")


@without_report
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(recipe, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(errors.OutputError, match="cannot be written"):
        runner.run(recipe, tmp_path / "locked" / "out")


@without_report
def test_check_tells_what_run_would_refuse(recipe):
    text = recipe.read_text(encoding="utf-8")
    assert runner.check(recipe) == []
    recipe.write_text(text.replace("scan.tif", "scam.tif"), encoding="utf-8")
    assert "did you mean 'scan.tif'" in "\n".join(runner.check(recipe))


@without_report
def test_progress_is_told(recipe, tmp_path):
    told = []
    runner.run(recipe, tmp_path / "out", events=told.append)
    assert any(isinstance(event, Progress) and event.done == event.total for event in told)


@without_report
def test_contacts_and_fractions_are_one_read_with_statistics(three_phases, tmp_path, monkeypatch):
    from ssbtomo.stages.quantify.one_read import OneRead

    tifffile.imwrite(tmp_path / "scan.tif", three_phases((64, 66, 70)), photometric="minisblack")
    (tmp_path / "recipe.yaml").write_text(
        "sample: {path: scan.tif, voxel_size: [100 nm, 100 nm, 100 nm]}\n"
        "phases:\n  - {name: void, role: void}\n  - {name: electrolyte, role: electrolyte}\n"
        "  - {name: active, role: active}\n"
        "range: {shift: 0}\n"
        "quantify: {measures: [fractions, contacts]}\n"
        "run: {scheduler: synchronous, block: [48, 48, 48]}\n",
        encoding="utf-8",
    )
    reads, count = [], OneRead.of
    monkeypatch.setattr(OneRead, "of", lambda *asked: reads.append(asked[2]) or count(*asked))
    results = runner.run(tmp_path / "recipe.yaml", tmp_path / "out")
    assert reads == [["fractions", "contacts"]]
    value = results.table.set_index(["quantity", "subject"])["value"]
    spread = results.objects("representative")
    assert list(spread.columns) == [
        "sample", "quantity", "subject", "cell_um", "cells", "mean", "sd", "standard_error",
    ]  # fmt: skip
    for row in spread[spread.cells == 1].itertuples():
        # The tables are written with ten digits.
        assert row.mean == pytest.approx(value[row.quantity, row.subject], rel=1e-8)
        assert 0 < row.standard_error < row.mean
    assert set(spread.cells) == {1, 8}
    slices = results.objects("contact_profiles")
    for subject, rows in slices.groupby("subject"):
        assert len(rows) == 64
        whole = value["contact_area_per_volume", subject]
        assert rows.area_per_volume.mean() == pytest.approx(whole, rel=1e-8)
