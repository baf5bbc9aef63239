"""What a recipe says about transport: conventions, bounds, cells, maps, memory, progress."""

from __future__ import annotations

import json
import math
import threading
import time

import numpy as np
import pandas as pd
import pytest
import tifffile

from ssbtomo import runner
from ssbtomo.errors import CancelledError
from ssbtomo.events import Progress
from ssbtomo.measure import tortuosity
from ssbtomo.model import load_recipe, problems
from ssbtomo.report.bibliography import known_references
from ssbtomo.runner import predict
from ssbtomo.runner.check import checked_plan
from ssbtomo.stages.quantify.lighter import lighter
from ssbtomo.talk import said


def asking(recipe, more):
    text = recipe.read_text("utf-8").replace(
        "[fractions, contacts, connectivity, transport]", "[transport]"
    )
    recipe.write_text(text.replace("run:", f"{more}range: {{shift: 0}}\nrun:"), encoding="utf-8")
    return recipe


@pytest.fixture
def labels(tmp_path, monkeypatch):
    """The segmentation that the run measures."""
    from ssbtomo.stages.quantify import transport

    seen = []
    solve = transport.solve
    monkeypatch.setattr(transport, "solve", lambda *a, **k: seen.append(a[0]) or solve(*a, **k))
    return seen


@pytest.mark.usefixtures("no_report")
def test_smooth_surfaces_take_most_of_the_staircase_away(tmp_path):
    # Insulating cylinders in a square array, two cells along y; Perrins et al. 1979,
    # doi:10.1098/rspa.1979.0160. Gaps of 6 voxels: labels conduct 5 % too poorly.
    edge, solid, fine = 23, 0.42, 20
    at = (np.arange(edge * fine) + 0.5) / fine - edge / 2
    whole = (at[:, None] ** 2 + at[None] ** 2 >= edge**2 * solid / np.pi).reshape(
        edge, fine, edge, fine
    )
    cell = (whole.mean(axis=(1, 3)) > 0.5).astype(np.uint8)
    tifffile.imwrite(tmp_path / "labels.tif", np.tile(cell, (30, 2, 1)))
    text = (
        "sample: {path: labels.tif, voxel_size: [50 nm, 50 nm, 50 nm]}\n"
        "phases: [{name: active, role: active, value: 0}, {name: electrolyte, role: electrolyte, value: 1}]\n"
        "segment: {method: labels}\nrange: {shift: 0}\n"
        "quantify:\n  measures: [transport]\n  tortuosity_axes: [y]\n  fields: [electrolyte]\n"
        "  tortuosity_phases: [electrolyte]\n  transport: {surfaces: SURFACES, periodic: true}\n"
    )
    found = {}
    for surfaces in ("voxels", "smooth"):
        recipe = tmp_path / f"{surfaces}.yaml"
        recipe.write_text(text.replace("SURFACES", surfaces), encoding="utf-8")
        table = runner.run(recipe, tmp_path / surfaces).table.set_index("quantity")
        found[surfaces] = table.loc["effective_conductivity_ratio"]
    terms = 0.305827 * solid**4 / (1 - 1.402958 * solid**8) + 0.013362 * solid**8
    exact = 1 - 2 * solid / (1 + solid - terms)
    errors = {name: abs(row["value"] / exact - 1) for name, row in found.items()}
    assert errors["smooth"] < 0.02 < errors["voxels"]
    assert "smooth surfaces" in found["smooth"]["estimator"]
    assert "smooth" not in found["voxels"]["estimator"]


@pytest.mark.usefixtures("no_report")
def test_numbers_come_in_their_convention_between_their_bounds(recipe, tmp_path, labels):
    options = "  transport: {convention: porespy, tolerance: 1e-3, cells: 1, maps: [flux]}\n"
    more = options + "  fields: [electrolyte]\n  transport_extras: [electrode, periodic]\n"
    told = []
    results = runner.run(asking(recipe, more), tmp_path / "out", events=told.append)
    rows = results.table.set_index("quantity")
    row = rows.loc["tortuosity_factor"]
    assert row["low"] <= row["value"] < row["high"]
    assert row["high"] / row["low"] - 1 < 1.1e-2  # ten times the tolerance
    assert "connected fraction" in row["estimator"]
    assert "convention of porespy" in row["estimator"]
    alone = tortuosity(labels[0], (0.1,) * 3, phase=1, convention="porespy")
    assert row["value"] == pytest.approx(alone.tau, rel=2e-3)
    assert row["low"] <= alone.tau <= row["high"]
    charged = rows.loc["electrode_tortuosity_factor"]
    assert charged["low"] <= charged["value"] <= charged["high"]
    periodic = rows.loc["periodic_conductivity_tensor"].set_index("axis")["value"]
    assert list(periodic.index) == ["zz", "zy", "zx", "yy", "yx", "xx"]

    folder = next((tmp_path / "out" / "fields").iterdir())
    assert {path.name for path in folder.glob("*.ome.zarr")} == {"flux-electrolyte-z.ome.zarr"}
    flux = np.load(folder / "flux-electrolyte-z.npy")
    potential = np.load(folder / "potential-electrolyte-z.npy")
    assert flux.shape == (potential.shape[0] - 2, potential.shape[1])  # two layers are held

    tables = tmp_path / "out" / "tables"
    profile = pd.read_csv(tables / "tau_profiles.csv")
    assert profile["depth_um"].tolist() == pytest.approx(np.arange(32) * 0.1)
    assert profile["current"].is_monotonic_decreasing
    cells = pd.read_csv(tables / "conductivity_cells.csv")
    assert cells["size_um"].tolist() == [1.6]
    assert cells["cells"].tolist() == [2 * 2 * 2]

    story = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))["samples"][0]["stages"]
    (stage,) = (stage for stage in story if stage["name"] == "quantify")
    assert "convention of PoreSpy" in stage["methods"]
    assert "the fraction of what joins both" in stage["methods"]
    assert set(stage["references"]) <= set(known_references())
    assert {"doyle1984", "gostick2019", "huet1990", "nguyen2020"} <= set(stage["references"])
    notes = [said(event) for event in told if isinstance(event, Progress) and event.note]
    assert any("transport of electrolyte along z: conductivity 0." in line for line in notes)


@pytest.mark.usefixtures("no_report")
def test_bounds_widen_ranges_and_stand_without_them(recipe, tmp_path):
    text = recipe.read_text("utf-8").replace(
        "[fractions, contacts, connectivity, transport]", "[transport]"
    )
    recipe.write_text(text + "range: {shift: 0.05}\n", encoding="utf-8")
    ranged = runner.run(recipe, tmp_path / "ranged").table.set_index("quantity")
    row = ranged.loc["tortuosity_factor"]
    assert row["high"] / row["low"] - 1 > 1e-3  # thresholds move more than the solver errs


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{tolerance: 0.5}", "less than or equal to 0.01"),
        ("{tolerance: 0}", "greater than or equal"),
        ("{convention: taufaktor}", "taufactor"),
        ("{maps: [fluks]}", "flux"),
        ("{cells: 9}", "less than or equal to 5"),
        ("{periodik: true}", "did you mean 'periodic'"),
    ],
)
def test_wrong_options_are_told(recipe, wrong, message):
    assert message in "\n".join(problems(asking(recipe, f"  transport: {wrong}\n")))


def written(path, text):
    path.write_text(text, "utf-8")
    return path


def test_what_does_not_fit_is_refused_with_what_would(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "base", lambda stage: 0)
    tifffile.imwrite(tmp_path / "scan.tif", np.zeros((128, 256, 256), np.uint8))
    more = "  transport_extras: [periodic]\n  fields: [electrolyte]\n"
    text = asking(recipe, more).read_text("utf-8")

    def said(megabytes, text=text):
        start = text[: text.index("run:")]
        recipe.write_text(f"{start}run: {{memory: {megabytes} MB, workers: 1}}", "utf-8")
        return "".join(runner.check(recipe))

    voxels = 128 * 256**2 / 1e6
    assert said(90 * voxels) == ""
    assert "quantify needs" in said(70 * voxels)
    assert "leave periodic out of quantify.transport_extras" in said(70 * voxels)
    assert "fields" not in said(70 * voxels)
    assert "and take quantify.transport.storage: disk" in said(30 * voxels)
    fits = text.replace("  transport_extras: [periodic]\n", "")
    assert said(24 * voxels, fits) == ""
    (sample,) = checked_plan(recipe)[1].samples  # the planner took the disk by itself
    assert sample.job.sample.quantify.transport.storage == "disk"
    assert "and leave quantify.fields empty" in said(15 * voxels)
    assert "crop the scan to 11 %" in said(9 * voxels)  # of the 78 bytes that all of it takes
    both = load_recipe(written(recipe, text.replace("[transport]", "[fractions, transport]")))
    *_, (last, _) = lighter(both.samples[0].quantify)
    assert last == "leave transport out of quantify.measures"


@pytest.mark.usefixtures("no_report")
def test_fields_on_disk_change_no_number(recipe, tmp_path):
    extras = "  transport_extras: [tensor, electrode]\n"
    tables = []
    text = recipe.read_text("utf-8")
    for where in ("memory", "disk"):
        recipe.write_text(text, "utf-8")
        asking(recipe, f"  transport: {{storage: {where}}}\n{extras}")
        results = runner.run(recipe, tmp_path / where)
        tables.append((results.path / "results.csv").read_bytes())
        assert not list(results.path.rglob("*scratch*"))
    assert tables[0] == tables[1]


@pytest.mark.usefixtures("no_report")
def test_a_solve_is_cancelled_while_it_iterates(recipe, tmp_path, monkeypatch):
    from ssbtomo.stages.quantify import conductor

    monkeypatch.setattr(conductor, "_NOTE", 0.0)
    cancel = threading.Event()
    since = []

    def stop(event):
        if isinstance(event, Progress) and "iteration 2" in event.note:
            since.append(time.monotonic())
            cancel.set()
        assert "iteration 4" not in getattr(event, "note", "")

    more = "  transport: {tolerance: 1e-10}\n"
    with pytest.raises(CancelledError):
        runner.run(asking(recipe, more), tmp_path / "out", events=stop, cancel=cancel)
    assert len(since) == 1


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("what", ["tensor", "electrode"])
def test_killed_extras_go_on_where_they_were(what, recipe, tmp_path, monkeypatch):
    from ssbtomo.stages.quantify import resting, transport_extras

    monkeypatch.setattr(resting, "_LEAST", 0.0)
    monkeypatch.setattr(resting, "_SHARE", math.inf)
    solve = getattr(transport_extras, what)
    starts = []

    def killed(*args, **options):
        keep = options.pop("keep")

        def until(*where):
            keep(*where)
            if where[-1].iterations == 3 and where[0] in (1, where[-1]):
                raise KeyboardInterrupt

        return solve(*args, keep=until, **options)

    def watched(*args, **options):
        start = options["start"]
        points = [start(axis) for axis in range(3)] if what == "tensor" else [start]
        starts.append([None if point is None else point.iterations for point in points])
        return solve(*args, **options)

    asking(recipe, f"  transport_extras: [{what}]\n")
    monkeypatch.setattr(transport_extras, what, killed)
    with pytest.raises(KeyboardInterrupt):
        runner.run(recipe, tmp_path / "out")
    monkeypatch.setattr(transport_extras, what, watched)
    again = runner.run(recipe, tmp_path / "out")
    assert starts[0][-1 if what == "electrode" else 1] == 3
    assert not list((tmp_path / "out").rglob("*transport-*.solve*"))
    monkeypatch.setattr(transport_extras, what, solve)
    fresh = runner.run(recipe, tmp_path / "fresh")
    one, two = (run.table["value"].to_numpy() for run in (again, fresh))
    # both are solved to 1e-6; off the diagonal the root of it, of the largest element
    np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-3 if what == "tensor" else 0)
