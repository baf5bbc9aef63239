"""Correlations of a run: tables, numbers and warnings, from the stored phases block by block."""

from __future__ import annotations

import numpy as np
import pytest

import ssbtomo as st
from ssbtomo import io, measure


@pytest.mark.usefixtures("no_report")
def test_correlations_are_those_of_the_whole(recipe, tmp_path):
    text = recipe.read_text("utf-8")
    start, stop = text.index("measures:"), text.index("run:")
    asked = "measures: [correlation]\n  correlation_reach: 1 um\n"
    recipe.write_text(text[:start] + asked + text[stop:], encoding="utf-8")
    found = st.run(recipe, tmp_path / "out", scheduler="threads", workers=2)
    stored = next((tmp_path / "out" / "volumes").glob("*/phases.ome.zarr"))
    labels = np.asarray(io.ome_zarr.open_array(stored)[...])
    spacing = (0.1, 0.1, 0.1)
    names = {"void": 0, "electrolyte": 1, "active": 2}

    pairs = found.objects("correlation")
    whole = measure.two_point_correlation(labels, spacing, names, reach=1.0)
    assert pairs["count"].tolist() == whole["count"].tolist()
    assert pairs["lag_um"].max() == 1.0
    chords = found.objects("chords")
    assert chords["cut"].tolist() == measure.chord_lengths(labels, spacing, names)["cut"].tolist()

    rows = found.table.set_index(["quantity", "subject", "axis"])
    means = measure.mean_chords(labels, spacing, names).set_index(["phase", "axis"])["mean_um"]
    for (phase, axis), mean in means.items():
        row = rows.loc["mean_chord_length", phase, axis]
        # Tables are written with ten digits.
        assert row["value"] == pytest.approx(mean, rel=1e-9)
        assert row["low"] <= row["value"] <= row["high"]
    assert len(rows.loc["integral_range"]) == 3
    # What 10 voxels do not hold is said, not guessed.
    lengths = rows.loc["correlation_length"]
    assert (lengths["value"].isna() == (lengths["warnings"] != "")).all()
