"""The groups `anode` and `crack_contacts` of a run: numbers, tables, maps, figure; for any cut."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from ssbtomo import runner
from ssbtomo.errors import RecipeError
from ssbtomo.io import ome_zarr
from ssbtomo.report.figures.anode import draw_anode_contact
from ssbtomo.report.folder import open_run
from ssbtomo.report.glossary import GLOSSARY
from ssbtomo.testing.stacks import STACK_PHASES, anode_with_voids, filament_cell

pytestmark = pytest.mark.usefixtures("no_report")

RECIPE = """\
sample: {path: scan.tif, voxel_size: [100 nm, 100 nm, 100 nm]}
phases:
  - {name: pore, role: void, value: 0}
  - {name: LPSCl, role: electrolyte, value: 1}
  - {name: NMC, role: active, value: 2}
  - {name: Li, role: lithium, value: 3}
segment: {method: labels}
range: {shift: 0}
quantify:
  measures: [cracks, crack_contacts, anode]
  charge: 0.2 mAh/cm2
run: {scheduler: synchronous, block: [64, 64, 64]}
"""


@pytest.fixture
def cell(tmp_path):
    """A recipe for a stack with a filament, voids at the anode and a crack along the cathode."""
    labels = filament_cell((60, 44, 46), (0.1,) * 3, share=0.5, dead=1).labels.copy()
    labels[8:12, :10, :23] = STACK_PHASES["void"]
    labels[45:48, 10:40, 10:40] = STACK_PHASES["void"]
    tifffile.imwrite(tmp_path / "scan.tif", labels, photometric="minisblack")
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def test_a_run_measures_the_anode_and_what_cracks_cost(cell, tmp_path):
    results = runner.run(cell, tmp_path / "out")
    table = results.table
    assert set(table["quantity"]) <= set(GLOSSARY)
    value = table.set_index(["quantity", "subject"])["value"]
    assert value["lithium_depth_share", "Li"] == pytest.approx(0.5)
    assert value["lithium_short", "Li"] == 0
    assert value["dead_lithium_volume", "Li"] == pytest.approx(27e-3)
    # no contact over the void of 230 columns; the filament's columns count as contact
    assert value["anode_contact_fraction", "Li|LPSCl"] == pytest.approx(1 - 230 / (44 * 46))
    assert value["anode_contact_state", "Li|LPSCl"] == 1
    assert value["lithium_per_charge", "Li"] == pytest.approx(1.2 / 0.97, rel=0.1)
    filaments, voids = results.objects("filaments"), results.objects("voids")
    assert sorted(filaments.joined_to.fillna("none")) == ["anode", "none"]
    assert voids.volume_um3.sum() == pytest.approx(920e-3)
    costs = results.objects("crack_contacts")
    assert costs.contact_lost_um2.max() == pytest.approx(
        9, rel=0.15
    )  # 30 x 30 voxels, less the rim
    folder = results.path / "volumes" / "scan"
    kinds = np.asarray(ome_zarr.open_array(folder / "anode-contact.ome.zarr")[...])
    assert kinds.shape == (1, 44, 46)
    assert (kinds == 2).sum() == 230
    gap = np.asarray(ome_zarr.open_array(folder / "anode-gap.ome.zarr")[...])
    assert np.nanmax(gap) == pytest.approx(0.4)
    labels = np.asarray(ome_zarr.open_array(folder / "filaments.ome.zarr")[...])
    assert labels.max() == 2
    assert not list((results.path / "work").rglob("scratch"))
    drawn = draw_anode_contact(open_run(results.path).samples[0])
    assert drawn is not None


def test_any_cut_and_scheduler_give_the_same_bytes(cell, tmp_path):
    whole = runner.run(cell, tmp_path / "whole")
    cell.write_text(RECIPE.replace("[64, 64, 64]", "[17, 24, 33]"), encoding="utf-8")
    runner.run(cell, tmp_path / "cut", scheduler="threads", workers=2)
    for name in (
        "results.csv",
        "tables/filaments.csv",
        "tables/voids.csv",
        "tables/crack_contacts.csv",
    ):
        assert (tmp_path / "cut" / name).read_bytes() == (whole.path / name).read_bytes(), name


def test_without_an_anode_nothing_is_said(tmp_path):
    labels = anode_with_voids((20, 12, 12), (0.1,) * 3, contact=0.5, depth=2).labels
    labels[labels == STACK_PHASES["lithium"]] = STACK_PHASES["active"]
    labels[-1, -1, -1] = STACK_PHASES["lithium"]
    tifffile.imwrite(tmp_path / "scan.tif", labels, photometric="minisblack")
    (tmp_path / "recipe.yaml").write_text(
        RECIPE.replace("[cracks, crack_contacts, anode]", "[fractions, anode]"), encoding="utf-8"
    )
    table = runner.run(tmp_path / "recipe.yaml", tmp_path / "out").table
    assert not table["quantity"].str.startswith(("anode", "lithium")).any()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("charge: 0.2 mAh/cm2", "charge: 0.2", "mAh/cm2"),
        ("charge: 0.2 mAh/cm2", "contact_states: [0.5, 0.9]", "two shares that fall"),
    ],
)
def test_what_is_wrong_is_said(cell, tmp_path, old, new, said):
    cell.write_text(RECIPE.replace(old, new), encoding="utf-8")
    with pytest.raises(RecipeError, match=said):
        runner.run(cell, tmp_path / "out")
