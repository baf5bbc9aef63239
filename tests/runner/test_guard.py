"""What the voxels do not show has no number in a run, but a reason."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from ssbtomo import runner
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify import contacts

RECIPE = """\
sample: {path: labels.tif, name: specks, voxel_size: [100 nm, 100 nm, 100 nm]}
phases:
  - {name: void, role: void, value: 0}
  - {name: electrolyte, role: electrolyte, value: 1}
  - {name: active, role: active, value: 2}
segment: {method: labels}
range: {shift: 0}
quantify: {measures: [fractions, contacts, particles, interfaces, pores]}
"""


def test_specks_have_no_contact_area_but_a_reason(tmp_path):
    labels = np.ones((24, 26, 28), np.uint8)
    labels[14:, 4:22, 4:24] = 2
    labels[2:12:4, ::4, ::4] = 0  # single voxels: a mean chord of less than that of a film
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    results = runner.run(tmp_path / "recipe.yaml", tmp_path / "out")
    rows = results.table.set_index(["quantity", "subject"])
    specks = rows.loc["contact_area_per_volume", "void|electrolyte"]
    assert math.isnan(specks.value)
    assert "void: mean chord" in specks.warnings
    assert specks.warnings.endswith("not resolvable")
    block = rows.loc["contact_area_per_volume", "electrolyte|active"]
    assert block.value > 0
    assert not block.warnings.endswith("not resolvable")
    check = rows.loc["contact_area_per_volume_crofton", "electrolyte|active"]
    # Two estimators of one area; where they part by more than 3 % both rows say so.
    assert check.value == pytest.approx(block.value, rel=0.1)
    apart = abs(check.value / block.value - 1) > 0.03
    assert ("Crofton" in block.warnings) == apart
    assert ("Crofton" in check.warnings) == apart
    assert math.isnan(rows.loc["coverage", "active|void"].value)
    assert rows.loc["coverage", "active|electrolyte"].value == 1
    unexplained = rows[rows["value"].isna() & (rows["warnings"] == "")]
    assert unexplained.empty
    page = results.report.read_text(encoding="utf-8")
    assert "not resolvable" in page


def test_a_contact_near_a_phase_between_carries_a_warning():
    areas = SimpleNamespace(triple_um={(0, 1, 2): 4.0}, area_um2={(0, 1): 10.0, (0, 2): 10.0})
    names = ("void", "electrolyte", "active")

    def told(pair, **facts):
        desk = SimpleNamespace(facts={"segment": facts})
        return contacts._hidden(areas, *pair, SimpleNamespace(names=names, desk=desk))

    # 4 µm of triple line, 0.6 µm to its side: 2.4 of 10 µm².
    assert told((2, 0), film_limit_um=0.6).startswith("24% of it lies within 600 nm of electrolyte")
    assert told((0, 2), film_limit_um=0.2) == ""
    assert told((0, 1), film_limit_um=0.6) == ""  # nothing lies between these two in grey value
    assert told((0, 2), film_limit_um=None) == told((0, 2)) == ""


def test_the_range_of_a_contact_holds_a_rim_half_the_film_limit_away():
    areas = SimpleNamespace(
        triple_um={(0, 1, 2): 4.0, (0, 1, 3): 1.0}, area_um2={(0, 1): 10.0, (0, 2): 1.0}
    )

    def doubtful(pair, **facts):
        desk = SimpleNamespace(facts={"segment": facts})
        return contacts._doubtful(areas, *pair, SimpleNamespace(desk=desk))

    varied = {"variants": ["threshold 1 up"], "film_limit_um": 0.6}
    # 5 µm of rim, at most 0.3 µm to either side, nineteen times of twenty.
    assert doubtful((0, 1), **varied) == pytest.approx(0.95 * 5.0 * 0.3)
    assert doubtful((2, 3), **varied) == 0.0
    assert doubtful((0, 1), film_limit_um=0.6) == 0.0  # no ranges are wanted
    item = Measurement("coverage", "active|void", 0.9, "1", "faces")
    wide = contacts._between(item, 1.2, most=1.0)
    assert (wide.low, wide.high) == (0.0, 1.0)
    assert contacts._between(replace(item, value=math.nan), 1.2).high is item.high
