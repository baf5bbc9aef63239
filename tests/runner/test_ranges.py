"""Ranges in a run: what they rest on is in tables and methods, and nothing depends on the cut."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ssbtomo import io, runner
from ssbtomo.model import load_recipe
from ssbtomo.stages.desk import Desk
from ssbtomo.stages.drawn import draw_variants

_CERTIFIED = {"tortuosity_factor", "macmullin_number", "effective_conductivity_ratio"}
pytestmark = pytest.mark.usefixtures("no_report")


def test_ranges_and_their_parts_are_in_the_folder(recipe, tmp_path):
    results = runner.run(recipe, tmp_path / "out")
    table, parts = results.table, results.objects("ranges")
    ranged = table[table["low"].notna()]
    assert len(ranged) == len(parts)
    assert ((ranged["low"] <= ranged["value"]) & (ranged["value"] <= ranged["high"])).all()
    names = ["thresholds", "imaging", "scatter", "resolution", "classes", "further"]
    halves = parts[names]
    total = np.sqrt((halves**2).sum(axis=1))
    # Contacts end at lines where three phases meet, which may lie elsewhere: a part of its own.
    rims = parts["quantity"].str.startswith("contact_area")
    assert (halves["further"] > 0)[rims & (parts["value"] > 0)].all()
    whole = np.isfinite(parts["value"]) & np.isfinite(parts["high"])
    assert whole.sum() > 10
    # Tables are written with few digits.
    apart, digits = parts["high"] - parts["value"], 1e-4 * parts["high"].abs() + 1e-9
    assert (apart <= total + digits)[whole].all()
    areas = parts["quantity"].str.startswith("contact_area") & np.isfinite(apart)
    assert areas.any()
    assert (apart >= total - digits)[areas].all()  # that part takes nothing away
    assert (halves["imaging"] > 0).any()
    methods = (results.path / "results.json").parent / "run.json"
    assert "Nominal 95 % ranges" in methods.read_text("utf-8")
    assert {"separability", "variance_share"} <= set(results.objects("thresholds").columns)


def test_ranges_do_not_depend_on_blocks_and_can_be_turned_off(recipe, tmp_path):
    first = runner.run(recipe, tmp_path / "a")
    text = recipe.read_text("utf-8")
    recipe.write_text(text.replace("[16, 16, 16]", "[24, 36, 13]"), "utf-8")
    second = runner.run(recipe, tmp_path / "b")
    for name in ("results.csv", "tables/ranges.csv"):
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()
    recipe.write_text(text + "range: {shift: 0}\n", "utf-8")
    third = runner.run(recipe, tmp_path / "c")
    left = third.table[third.table["low"].notna()]
    assert set(left["quantity"]) <= _CERTIFIED  # a solve brings bounds of its own
    assert not (third.path / "tables/ranges.csv").exists()


@pytest.fixture
def desk_with_probabilities(recipe, tmp_path):
    """A desk whose stores hold an image, labels and the probabilities of two phases."""
    sample = load_recipe(recipe).samples[0]
    z, y, x = np.ogrid[:24, :26, :28]
    share = 1 / (1 + np.exp(np.sqrt((z - 12) ** 2 + (y - 13) ** 2 + (x - 14) ** 2) - 8))
    bright = np.rint(255 * share).astype(np.uint8)
    desk = Desk(tmp_path / "out", sample, "scan", recipe, block=(16, 16, 16))
    desk.facts["ingest"] = {"shape": bright.shape, "spacing_um": [0.1, 0.1, 0.1]}
    stores = {
        "image": bright, "phases": (bright > 127).astype(np.uint8),
        "probability-dark": 255 - bright, "probability-bright": bright,
    }  # fmt: skip
    for name, values in stores.items():
        store = io.ome_zarr.create(
            desk.store(name), values.shape, np.uint8, desk.spacing, block=(16, 16, 16)
        )
        store[:, :, :] = values
    return desk, stores["image"], ["probability-dark", "probability-bright"]


def test_a_run_draws_from_the_probabilities_that_a_segmentation_left(desk_with_probabilities):
    desk, image, maps = desk_with_probabilities
    names = draw_variants(desk, image, maps, 2)
    assert names == ["draw 1", "draw 2"]
    drawn = [
        io.ome_zarr.open_array(desk.work / "variants" / f"draw-{k}.ome.zarr")[:, :, :]
        for k in (1, 2)
    ]
    labels = io.ome_zarr.open_array(desk.store("phases"))[:, :, :]
    for one in drawn:
        assert 0 < np.mean(one != labels) < 0.3
    assert (drawn[0] != drawn[1]).any()
    assert pd.Series(drawn[0].ravel()).isin([0, 1]).all()
