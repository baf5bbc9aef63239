"""From a drifting, curtained FIB-SEM phantom to contact areas in one recipe."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from scipy import ndimage as ndi

import ssbtomo as st
from ssbtomo.errors import SsbtomoError
from ssbtomo.testing import SectionFaults, evolving_phases, section_slices

SLICES, SIDE, MARGIN, EDGE = 40, 112, 14, 0.02  # µm
BLANK, CHARGED = 13, 27
GREYS = np.array([60, 120, 180], np.float32)


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    wide = SIDE + 2 * MARGIN
    labels = evolving_phases((SLICES, wide, wide), scale=(5, 5, 5), seed=3)
    grey = ndi.gaussian_filter(GREYS[labels], (0, 0.7, 0.7))
    faults = SectionFaults(
        drift=0.8, noise=8, curtains=7, scaled=0.05, lean=4, bow=2, fading=0.4, flicker=3,
        blank=(BLANK,), charged=(CHARGED,),
    )  # fmt: skip
    shot = section_slices(grey, faults, margin=MARGIN, seed=5)
    folder = tmp_path_factory.mktemp("scan")
    tifffile.imwrite(folder / "scan.tif", shot.image, photometric="minisblack")
    return folder, labels, shot


def written(folder, name="recipe.yaml", **more):
    recipe = {
        "sample": {"path": "scan.tif", "voxel_size": [f"{EDGE} um"] * 3, "modality": "fib-sem"},
        "phases": [
            {"name": "void", "role": "void"},
            {"name": "electrolyte", "role": "electrolyte"},
            {"name": "active", "role": "active"},
        ],
        "reconstruct": {"method": "fib-sem", "fib_sem": more},
        "segment": {"repair": False},
        "range": {"shift": 0},
        "quantify": {"measures": ["fractions", "contacts"]},
        "run": {"block": [16, 64, 64], "workers": 2},
    }
    path = folder / name
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def results(scan, tmp_path_factory):
    return st.run(written(scan[0]), out=tmp_path_factory.mktemp("results") / "r")


def value(results, quantity, subject):
    table = results.table
    row = table[(table["quantity"] == quantity) & (table["subject"] == subject)]
    return float(row["value"].iloc[0])


def facts(results):
    return json.loads((results.path / "work" / "scan" / "reconstruct.done.json").read_text())


def test_contact_areas_are_those_of_the_truth(results, scan):
    """The truth is the sharp labels, without drift, in the field that is left."""
    _, labels, shot = scan
    shape = facts(results)["shape"]
    first = [MARGIN + int(np.ceil(-shot.drift[:, axis].min())) for axis in (0, 1)]
    true = labels[:, first[0] : first[0] + shape[1], first[1] : first[1] + shape[2]]
    names = {"void": 0, "electrolyte": 1, "active": 2}
    table = st.measure.contact_areas(true, (EDGE,) * 3, phases=names)
    truth = {
        f"{row.phase_a}|{row.phase_b}": row.area_per_volume_um2_um3 for row in table.itertuples()
    }
    for pair in ("void|electrolyte", "electrolyte|active"):
        found = value(results, "contact_area_per_volume", pair)
        # noise, blur and drift move the areas of such fine grains by some per cent
        assert found == pytest.approx(truth[pair], rel=0.08)
    for name, label in names.items():
        found = value(results, "volume_fraction", name)
        assert found == pytest.approx((true == label).mean(), abs=0.012)


def test_the_story_is_told(results, scan):
    _, _, shot = scan
    found = facts(results)
    assert found["left_out"] == [BLANK, CHARGED]
    assert found["synthetic"] == [BLANK, CHARGED]
    table = found["tables"]["fib_sem_slices"]
    assert table["state"][BLANK].startswith("blank")
    assert table["state"][CHARGED].startswith("charged")
    drift = np.stack([table["drift_y_pixels"], table["drift_x_pixels"]], axis=1)
    good = np.setdiff1d(np.arange(SLICES), [BLANK, CHARGED])
    error = np.diff((drift - shot.drift)[good], axis=0)
    # 112 pixels a side hold a fifth of the structure of 256: 0.1 there is 0.2 here
    assert np.sqrt((error**2).mean(axis=0)).max() < 0.3
    before, after = found["curtains"]
    assert after < 0.45 * before
    run = json.loads((results.path / "run.json").read_text("utf-8"))
    stage = next(s for s in run["samples"][0]["stages"] if s["name"] == "reconstruct")
    assert "aligned to their neighbours" in stage["methods"]
    assert "hannan1973" in (results.path / "references.bib").read_text("utf-8")
    assert any("13 (blank)" in w["text"] for w in run["warnings"])
    assert (results.path / "tables" / "fib_sem_slices.csv").is_file()


def test_interpolated_slices_are_left_out_of_statistics(results):
    labels = np.asarray(st.open(results.path / "volumes" / "scan" / "phases.ome.zarr").data)
    recorded = np.delete(labels, [BLANK, CHARGED], axis=0)
    for label, name in enumerate(("void", "electrolyte", "active")):
        share = float((recorded == label).mean())
        assert value(results, "volume_fraction", name) == pytest.approx(
            share, rel=1e-8
        )  # ten digits are written
        assert abs(share - (labels == label).mean()) > 1e-6
    for table in ("profiles", "contact_profiles"):
        rows = pd.read_csv(results.path / "tables" / f"{table}.csv")
        amount = rows.columns[-1]
        places = rows["position_um"][rows[amount].isna()].unique()
        np.testing.assert_allclose(places, (np.array([BLANK, CHARGED]) + 0.5) * EDGE)
    rows = pd.read_csv(results.path / "tables" / "contact_profiles.csv")
    mean = rows.groupby("subject")["area_per_volume"].mean()
    for pair, density in mean[mean > 0.01].items():  # void|active: triple lines explain it
        assert value(results, "contact_area_per_volume", pair) == pytest.approx(density, rel=1e-8)


def test_half_the_resolution_is_that_of_what_was_reconstructed(scan, tmp_path):
    asked = yaml.safe_load(written(scan[0]).read_text("utf-8"))
    asked["range"] = {"shift": 0.2, "repeats": 0, "halved": True}
    how = {"cubic_voxels": f"{1.25 * EDGE} um", "curtains": False, "distortion": "shear"}
    asked["reconstruct"]["fib_sem"] = how
    path = scan[0] / "halved.yaml"
    path.write_text(yaml.safe_dump(asked), encoding="utf-8")
    found = st.run(path, out=tmp_path / "r")
    assert "no distortion of single slices" in (found.path / "methods.md").read_text("utf-8")
    rows = pd.read_csv(found.path / "tables" / "ranges.csv")
    rows = rows[rows["quantity"] == "contact_area_per_volume"]
    assert len(rows)
    assert (rows["resolution"] <= 0.2 * rows["value"]).all()  # with wrong edges 0.5 or more


@pytest.mark.usefixtures("no_report")
def test_any_blocks_and_scheduler_give_the_same_bytes(scan, results, tmp_path):
    folder, _, _ = scan
    recipe = yaml.safe_load(written(folder).read_text("utf-8"))
    recipe["run"] = {"block": [40, 40, 40], "scheduler": "synchronous"}
    path = folder / "other.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    other = st.run(path, out=tmp_path / "other")
    first, second = ((found.path / "results.csv").read_bytes() for found in (results, other))
    assert first == second


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"region": [0, 40, 100, 300]}, "is not in slices of 112 x 112"),
        ({"left_out": [99]}, "slice 99"),
        ({"positions": "missing.txt"}, "missing.txt"),
        ({"fixed_beam": True}, "align: false"),
        ({"region": [40, 0, 0, 40]}, "region must be"),
        ({"view_angle": 120}, "90"),
    ],
)
def test_what_cannot_work_is_told(scan, tmp_path, more, told):
    recipe = written(scan[0], "wrong.yaml", **{"curtains": False, "flicker": False, **more})
    with pytest.raises(SsbtomoError, match=told):
        st.run(recipe, out=tmp_path / "r")
    assert not any(tmp_path.rglob("*.csv"))


@pytest.mark.usefixtures("no_report")
def test_stopped_in_each_store_it_ends_the_same(scan, results, tmp_path, stopped_in_each_store):
    assert stopped_in_each_store(written(scan[0]), results, tmp_path / "r") >= 3


@pytest.mark.usefixtures("no_report")
def test_a_killed_run_goes_on_and_ends_in_the_same_bytes(scan, results, tmp_path, monkeypatch):
    """The placing fails once: what was cleaned and measured before is not done again."""
    from ssbtomo.stages import fib_sem as stage

    whole = stage.place_slices

    def killed(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, "place_slices", killed)
    with pytest.raises(KeyboardInterrupt):
        st.run(written(scan[0]), out=tmp_path / "r")
    monkeypatch.setattr(stage, "place_slices", whole)

    def forbidden(*args, **options):
        raise AssertionError("a finished slab was cleaned again")

    monkeypatch.setattr("ssbtomo.blocks.fib_sem.remove_curtains", forbidden)
    again = st.run(written(scan[0]), out=tmp_path / "r")
    first, second = ((found.path / "results.csv").read_bytes() for found in (results, again))
    assert first == second
