"""The group `interfaces` of a run: numbers, tables and maps; the same for any cut and scheduler."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from ssbtomo import runner
from ssbtomo.errors import RecipeError
from ssbtomo.io import ome_zarr
from ssbtomo.report.glossary import GLOSSARY

pytestmark = pytest.mark.usefixtures("no_report")


SHAPE = (22, 24, 28)  # small: the margin of a block is 12 voxels


@pytest.fixture
def cell(recipe, three_phases):
    """The recipe, asking for interfaces."""
    scan = recipe.with_name("scan.tif")
    tifffile.imwrite(scan, three_phases(SHAPE), photometric="minisblack")
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(
        text.replace(
            "contacts, connectivity, transport]", "contacts, particles, interfaces]"
        ).replace("[16, 16, 16]", "[24, 24, 16]"),
        encoding="utf-8",
    )
    return recipe


def changed(recipe, *pairs):
    text = recipe.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    recipe.write_text(text, encoding="utf-8")


def test_a_run_measures_interfaces(cell, tmp_path):
    changed(cell, ("  tortuosity_axes", "  interface_points: true\n  tortuosity_axes"))
    results = runner.run(cell, tmp_path / "out")
    table = results.table
    assert set(table["quantity"]) <= set(GLOSSARY)
    value = table.set_index(["quantity", "subject"])["value"]
    pair = "active|electrolyte"
    # Areas split by what is joined have their normals to themselves: a little other.
    assert value["coverage_mean", pair] == pytest.approx(value["coverage", pair], rel=0.01)
    assert 0 < value["coverage_d10", pair] <= value["coverage_d90", pair] <= 1
    both = "electrolyte|active"
    whole = value["contact_area_per_volume", both]
    assert 0 < value["active_contact_area_per_volume", both] <= whole * 1.01
    assert 0 < value["utilisation_ceiling", "active"] <= 1 - value["isolated_fraction", "active"]
    assert value["specific_contact_area_cm", pair] == pytest.approx(
        1e4 * value["specific_contact_area", pair], rel=0.01
    )
    assert value["specific_contact_area_bound", "active"] > value["specific_contact_area", pair]
    particles, patches = results.objects("particles"), results.objects("patches")
    assert {"diameter_um", "coverage_void", "coverage_electrolyte", "joined"} <= set(particles)
    assert particles["coverage_electrolyte"].notna().all()
    assert len(patches) == value["patch_count", pair]
    volume = np.prod(SHAPE) * 1e-3
    assert patches["area_um2"].sum() == pytest.approx(whole * volume, rel=1e-9)
    gaps = results.objects("gaps")
    assert gaps["area_fraction"].iloc[-1] == pytest.approx(1)
    mean = np.average(gaps["thickness_um"], weights=gaps["area_um2"])
    assert value["gap_thickness_mean", pair] == pytest.approx(mean)
    assert ((table.low <= table.value) & (table.value <= table.high)).all()
    points = results.objects("interface_points")
    assert points["area_um2"].sum() == pytest.approx(whole * volume, rel=1e-6)  # 10 digits
    folder = results.path / "volumes" / "scan"
    store = ome_zarr.multiscale(folder / "interface-active-electrolyte.ome.zarr")
    assert store.spacing == pytest.approx((0.1, 0.1, 0.1))
    area = np.asarray(store.levels[0].array[...])
    assert area.sum(dtype=float) / area.size == pytest.approx(whole, rel=1e-6)  # float32
    assert np.asarray(ome_zarr.open_array(folder / "gaps.ome.zarr")[...]).max() > 0
    assert not list((results.path / "work").rglob("scratch"))


def test_any_cut_and_scheduler_give_the_same_bytes(cell, tmp_path):
    changed(cell, ("quantify:", "range: {shift: 0}\nquantify:"))
    whole = runner.run(cell, tmp_path / "whole")
    runner.run(cell, tmp_path / "processes", scheduler="processes", workers=2)
    changed(cell, ("[24, 24, 16]", "[13, 24, 28]"))
    runner.run(cell, tmp_path / "cut", scheduler="threads", workers=2)
    for name in ("results.csv", "tables/particles.csv", "tables/patches.csv", "tables/gaps.csv"):
        for other in ("processes", "cut"):
            assert (tmp_path / other / name).read_bytes() == (whole.path / name).read_bytes(), name


def test_without_the_particles_group_they_are_found_for_the_coverage(cell, tmp_path):
    changed(cell, ("quantify:", "range: {shift: 0}\nquantify:"))
    both = runner.run(cell, tmp_path / "both")
    changed(cell, ("[fractions, contacts, particles, interfaces]", "[interfaces]"))
    alone = runner.run(cell, tmp_path / "alone")
    one, other = (results.objects("particles") for results in (both, alone))
    columns = [name for name in other if name in one]
    assert {"particle", "coverage_void", "surface_um2"} <= set(columns)
    assert one[columns].equals(other[columns])


def test_samples_with_other_phases_share_a_table(cell, tmp_path, three_phases):
    tifffile.imwrite(tmp_path / "other.tif", three_phases(SHAPE, seed=5), photometric="minisblack")
    text = cell.read_text(encoding="utf-8").replace(
        "sample:\n  path: scan.tif\n  voxel_size: [100 nm, 100 nm, 100 nm]",
        "samples:\n"
        "- {path: scan.tif, voxel_size: [100 nm, 100 nm, 100 nm]}\n"
        "- {path: other.tif, voxel_size: [100 nm, 100 nm, 100 nm], phases: [{name: pore, role: void},"
        " {name: electrolyte, role: electrolyte}, {name: active, role: active}]}",
    )
    cell.write_text(text + "range: {shift: 0}\n", encoding="utf-8")
    table = runner.run(cell, tmp_path / "out").objects("particles")
    assert table[table["sample"] == "scan"]["coverage_void"].notna().all()
    assert table[table["sample"] == "scan"]["coverage_pore"].isna().all()
    assert table[table["sample"] == "other"]["coverage_pore"].notna().all()


@pytest.mark.parametrize("pair", ["active", "active|active", "active|void|electrolyte", "active|x"])
def test_a_map_of_what_is_no_pair_is_refused(cell, tmp_path, pair):
    changed(cell, ("  tortuosity_axes", f"  interface_maps: ['{pair}']\n  tortuosity_axes"))
    with pytest.raises(RecipeError, match="interface_maps"):
        runner.run(cell, tmp_path / "out")
