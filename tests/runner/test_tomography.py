"""From projections to contact areas in one recipe, against exact answers."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
import yaml

import ssbtomo as st
from ssbtomo.errors import SsbtomoError
from ssbtomo.testing import Ball, DetectorFaults, expose, project_balls

COLUMNS, ROWS, ANGLES, EDGE = 108, 44, 160, 0.5  # µm
AXIS = (COLUMNS - 1) / 2 + 2.7
ROD, VALUE = 58.0, 0.004  # a rod a little wider than the detector sees, as scans often have
GRAINS = [
    ((-6, -20, -18), 9), ((6, 18, -20), 10), ((-4, 20, 18), 9), ((5, -17, 19), 9.5), ((0, 2, 0), 8),
]  # fmt: skip
PORES = [((8, -2, -22), 6), ((-8, 0, 22), 6.5), ((12, 2, 26), 6), ((-10, 24, -2), 6.5)]


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    balls = [Ball(place, radius, 0.006) for place, radius in GRAINS]
    balls += [Ball(place, radius, -VALUE) for place, radius in PORES]
    angles = np.arange(ANGLES) * np.pi / ANGLES
    lines = project_balls(balls, angles, (ROWS, COLUMNS), AXIS)
    lines += VALUE * 2 * np.sqrt(np.maximum(ROD**2 - (np.arange(COLUMNS) - AXIS) ** 2, 0))
    faults = DetectorFaults(photons=40_000, response=0.002, dead=0.0005, flashes=1e-5)
    shot = expose(lines, angles, faults, spacing=(EDGE,) * 3, seed=1)
    folder = tmp_path_factory.mktemp("scan")
    for name, stack in (("scan", shot.data), ("flats", shot.flats), ("darks", shot.darks)):
        tifffile.imwrite(folder / f"{name}.tif", stack.compute(), photometric="minisblack")
    return folder


def written(folder, **more):
    tomography = {"angles": [0, 180 - 180 / ANGLES], "pixel_size": f"{EDGE} um"}
    recipe = {
        "sample": {"path": "scan.tif"},
        "phases": [
            {"name": "void", "role": "void"},
            {"name": "electrolyte", "role": "electrolyte"},
            {"name": "active", "role": "active"},
        ],
        "reconstruct": {
            "method": "tomography",
            "tomography": {**tomography, "flats": "flats.tif", "darks": "darks.tif", **more},
        },
        "range": {"shift": 0},
        "quantify": {"measures": ["fractions", "contacts"]},
        "run": {"block": [16, 64, 64], "workers": 2},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def results(scan, tmp_path_factory):
    return st.run(written(scan), out=tmp_path_factory.mktemp("results") / "r")


def value(results, quantity, subject):
    table = results.table
    row = table[(table["quantity"] == quantity) & (table["subject"] == subject)]
    return float(row["value"].iloc[0])


def test_fractions_and_contact_areas_are_those_of_the_balls(results):
    run = json.loads((results.path / "run.json").read_text("utf-8"))
    shape = run["samples"][0]["shape"]
    assert shape == [ROWS, 72, 72]  # the square inside the circle that all projections see
    assert run["samples"][0]["spacing_um"] == [EDGE] * 3
    box = np.prod(shape)
    for name, balls, limit in (("active", GRAINS, 0.04), ("void", PORES, 0.1)):
        volume = sum(4 / 3 * np.pi * r**3 for _, r in balls) / box
        # half of a pore lies within a voxel of its surface: a threshold off by 0.2 voxels is 10 %
        assert value(results, "volume_fraction", name) == pytest.approx(volume, rel=limit)
    for pair, balls, limit in (
        ("electrolyte|active", GRAINS, 0.04),
        ("void|electrolyte", PORES, 0.15),
    ):
        area = sum(4 * np.pi * r**2 for _, r in balls) / box / EDGE
        assert value(results, "contact_area_per_volume", pair) == pytest.approx(area, rel=limit)


def test_the_story_is_kept(results):
    run = json.loads((results.path / "run.json").read_text("utf-8"))
    stage = next(s for s in run["samples"][0]["stages"] if s["name"] == "reconstruct")
    assert "filtered back-projection" in stage["methods"]
    assert "kak2001" in (results.path / "references.bib").read_text("utf-8")
    assert "feldkamp1984" not in (results.path / "references.bib").read_text("utf-8")
    tables = results.path / "tables"
    axis = np.genfromtxt(tables / "rotation_axis.csv", delimiter=",", names=True, dtype=None,
                         encoding="utf-8")  # fmt: skip
    assert axis["column"][np.argmin(axis["cost"])] == pytest.approx(AXIS, abs=0.25)
    assert (tables / "ring_correlation.csv").is_file()


def test_grey_values_are_attenuations(results):
    store = results.path / "volumes" / "scan" / "reconstructed.ome.zarr"
    facts = json.loads((results.path / "work" / "scan" / "reconstruct.done.json").read_text())
    from ssbtomo.io import ome_zarr

    middle = np.asarray(ome_zarr.open_array(store)[27:29, 52:55, 14:17]).mean()
    found = facts["offset"] + facts["slope"] * middle
    # 1/cm, matrix and grain; what lies beyond the detector takes some per cent
    assert found == pytest.approx(0.010 / EDGE * 1e4, rel=0.08)


@pytest.mark.usefixtures("no_report")
def test_any_blocks_and_scheduler_give_the_same_bytes(scan, results, tmp_path):
    recipe = yaml.safe_load(written(scan).read_text("utf-8"))
    recipe["run"] = {"block": [40, 40, 40], "scheduler": "synchronous"}
    recipe["sample"]["name"] = "scan"
    path = scan / "other.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    other = st.run(path, out=tmp_path / "other")
    first, second = ((found.path / "results.csv").read_bytes() for found in (results, other))
    assert first == second


@pytest.mark.usefixtures("no_report")
def test_stopped_in_each_store_it_ends_the_same(scan, results, tmp_path, stopped_in_each_store):
    assert stopped_in_each_store(written(scan), results, tmp_path / "r") >= 3


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"angles": [0, 90]}, "cover 90"),
        ({"angles": None}, "angles"),
        ({"axis": 500}, "beyond the detector"),
        ({"rows": [10, 99]}, "detector has 44"),
        ({"phase": {"delta_beta": 100}}, "energy"),
        ({"flats": "missing.tif"}, "missing.tif"),
        ({"pixel_size": None}, "voxel size"),
        ({"stripe_width": 20}, "odd"),
    ],
)
def test_what_cannot_work_is_told_before_the_work(scan, tmp_path, more, told):
    recipe = written(scan, **more)
    with pytest.raises(SsbtomoError, match=told):
        st.run(recipe, out=tmp_path / "r")
    assert not (tmp_path / "r").exists() or not any((tmp_path / "r").rglob("*.csv"))
