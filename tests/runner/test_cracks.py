"""Cracks of a run: facets with their tables, store and numbers; the same for any cut."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy import ndimage as ndi

import ssbtomo as st
from ssbtomo import errors, io
from ssbtomo.events import StageDone
from ssbtomo.report.glossary import GLOSSARY

VOID, SOLID, ACTIVE = 0, 1, 2
SHAPE = (48, 56, 60)
STEP = 0.1
RECIPE = """\
sample: {path: scan.tif, voxel_size: [100 nm, 100 nm, 100 nm]}
phases:
  - {name: void, role: void}
  - {name: electrolyte, role: electrolyte}
  - {name: active, role: active}
segment: {method: thresholds, thresholds: [95, 165]}
range: {shift: 0}
quantify: {measures: [cracks]}
run: {scheduler: threads, workers: 2, block: [24, 24, 24]}
"""

pytestmark = pytest.mark.usefixtures("no_report")


def planted() -> np.ndarray:
    """A ball of active material cracked through the middle, and a slab in the electrolyte."""
    labels = np.full(SHAPE, SOLID, np.uint8)
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    ball = (z - 24) ** 2 + (y - 22) ** 2 + (x - 22) ** 2 <= 18**2
    labels[ball] = ACTIVE
    labels[22:25][ball[22:25] & ((y - 22) ** 2 + (x - 22) ** 2 <= 14**2)] = VOID
    labels[:, :, 52:56] = VOID  # spans z and y
    return labels


@pytest.fixture
def cracked(tmp_path):
    grey = np.array([60.0, 130.0, 200.0])[planted()]
    noise = np.random.default_rng(3).normal(0, 3, SHAPE)
    grey = ndi.gaussian_filter(grey, 0.7) + noise
    tifffile.imwrite(tmp_path / "scan.tif", grey.astype(np.uint8), photometric="minisblack")
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def test_a_run_tells_of_facets(cracked, tmp_path):
    found = st.run(cracked, tmp_path / "out")
    table = found.table.set_index(["quantity", "axis"])["value"]
    assert set(found.table["quantity"]) <= set(GLOSSARY)
    facets, cracks = found.objects("facets"), found.objects("cracks")
    assert len(facets) == len(cracks) == table["crack_count", ""] == 2
    area = np.pi * 1.4**2 + 4.8 * 5.6
    volume = np.prod(SHAPE) * STEP**3
    assert table["crack_area_per_volume", ""] == pytest.approx(area / volume, rel=0.05)
    assert facets["area_um2"].sum() == pytest.approx(cracks["facet_area_um2"].sum())
    assert table["crack_facet_density", ""] == pytest.approx(2 / volume)
    spans = {axis: table["crack_spanning", axis] for axis in "zyx"}
    assert spans == {"z": 1, "y": 1, "x": 0}
    assert table["crack_bottleneck", "y"] == pytest.approx(0.4, abs=0.05)  # half a voxel
    assert set(facets["class"]) == {"intra_particle", "bulk"}
    by_class = facets.set_index("class")
    # counted voxels: half a voxel; grey values: 0.3 voxel edges, what the verb promises
    assert by_class.loc["bulk", "aperture_um"] == pytest.approx(0.4, abs=0.05)
    assert by_class.loc["bulk", "aperture_grey_um"] == pytest.approx(0.4, abs=0.03)
    assert by_class.loc["intra_particle", "aperture_grey_um"] == pytest.approx(0.3, abs=0.03)
    assert by_class.loc["intra_particle", "dip_deg"] == pytest.approx(0, abs=2)
    volumes = tmp_path / "out" / "volumes" / "scan"
    painted = np.asarray(io.ome_zarr.open_array(volumes / "facets.ome.zarr")[...])
    whole = np.asarray(io.ome_zarr.open_array(volumes / "cracks.ome.zarr")[...])
    np.testing.assert_array_equal(painted > 0, whole > 0)
    assert np.bincount(painted[painted > 0])[1:].tolist() == facets["voxels"].tolist()
    assert not list((tmp_path / "out" / "work").glob("*/scratch"))


def tables(folder):
    names = ("cracks", "facets", "crack_lines")
    return {name: (folder / "tables" / f"{name}.csv").read_bytes() for name in names}


LABELS = """\
sample: {path: labels.tif, voxel_size: [100 nm, 100 nm, 100 nm]}
phases:
  - {name: void, role: void, value: 0}
  - {name: electrolyte, role: electrolyte, value: 1}
  - {name: active, role: active, value: 2}
  - {name: lithium, role: lithium, value: 3}
segment: {method: labels}
quantify: {measures: [cracks]}
run: {scheduler: threads, workers: 2, block: [24, 24, 24]}
"""


def labelled(labels, folder):
    tifffile.imwrite(folder / "labels.tif", labels, photometric="minisblack")
    path = folder / "recipe.yaml"
    path.write_text(LABELS, encoding="utf-8")
    return path


def test_lithium_in_cracks_is_told(tmp_path):
    labels = planted()
    labels[:, :28, 52:56] = 3
    path = labelled(labels, tmp_path)
    facets = st.run(path, tmp_path / "out").objects("facets").set_index("class")
    assert sorted(facets.index) == ["bulk", "intra_particle"]
    assert facets.loc["bulk", "filled"] == pytest.approx(0.5)
    assert facets.loc["bulk", "area_um2"] == pytest.approx(4.8 * 5.6, rel=0.02)
    assert facets.loc["intra_particle", "filled"] == 0
    path.write_text(LABELS.replace("[cracks]", "[cracks], filled_cracks: false"), "utf-8")
    void = st.run(path, tmp_path / "void").objects("facets")
    assert "filled" not in void
    assert void["area_um2"].max() == pytest.approx(4.8 * 2.8, rel=0.02)


def test_a_thin_electrode_is_no_crack(tmp_path):
    labels = planted()
    labels[:4] = 3
    facets = st.run(labelled(labels, tmp_path), tmp_path / "out").objects("facets")
    assert len(facets) == 2
    assert facets["filled"].max() == 0


def test_lines_where_cracks_meet_are_rows(tmp_path):
    labels = np.full(SHAPE, SOLID, np.uint8)
    labels[0, 0, :2] = ACTIVE, 3
    labels[:, 27:30] = labels[:, :, 29:32] = VOID
    found = st.run(labelled(labels, tmp_path), tmp_path / "out")
    line, facets = found.objects("crack_lines"), found.objects("facets")
    assert line[["line", "kind", "crack"]].to_numpy().tolist() == [[1, "X", 1]]
    assert line["length_um"][0] == pytest.approx(4.8, rel=0.05)
    assert abs(line["direction_z"][0]) == pytest.approx(1, abs=1e-3)
    assert str(line["facets"][0]).split("+") == [str(k) for k in facets["facet"]]
    assert facets["sheet"].nunique() == 2


def test_any_cut_gives_the_same_tables(cracked, tmp_path):
    whole = st.run(cracked, tmp_path / "whole").path
    text = cracked.read_text("utf-8")
    cracked.write_text(text.replace("[24, 24, 24]", "[64, 16, 31]"), "utf-8")
    cut = st.run(cracked, tmp_path / "cut", scheduler="synchronous").path
    assert tables(whole) == tables(cut)
    assert (whole / "results.csv").read_bytes() == (cut / "results.csv").read_bytes()


def test_processes_give_the_same_tables(cracked, tmp_path):
    whole = st.run(cracked, tmp_path / "whole").path
    assert tables(st.run(cracked, tmp_path / "cut", scheduler="processes").path) == tables(whole)


def test_a_run_that_failed_among_facets_goes_on(cracked, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise errors.OutputError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr("ssbtomo.stages.quantify.crack_facets.classes", fail)
        with pytest.raises(errors.SsbtomoError, match="disk is full"):
            st.run(cracked, tmp_path / "out")
    assert not list((tmp_path / "out" / "volumes").glob("*/facets.ome.zarr"))
    told = []
    again = st.run(cracked, tmp_path / "out", events=told.append).path
    assert "segment" not in {e.stage for e in told if isinstance(e, StageDone)}
    assert tables(again) == tables(st.run(cracked, tmp_path / "fresh").path)


def test_without_cracks_there_are_empty_tables(cracked, tmp_path):
    labels = np.full(SHAPE, SOLID, np.uint8)
    labels[10:30, 10:30, 10:30], labels[:, :, 40:] = VOID, ACTIVE
    grey = np.array([60, 130, 200], np.uint8)[labels]
    tifffile.imwrite(tmp_path / "scan.tif", grey, photometric="minisblack")
    found = st.run(cracked, tmp_path / "out")
    values = found.table.set_index(["quantity", "axis"])["value"]
    assert values["crack_count", ""] == values["crack_facet_density", ""] == 0
    for name in ("cracks", "facets", "crack_lines"):
        path = tmp_path / "out" / "tables" / f"{name}.csv"
        assert not path.is_file() or pd.read_csv(path).empty
