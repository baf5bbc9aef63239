"""Measurements, their ranges, their table, and the folder that holds them."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssbtomo.errors import OutputError, SsbtomoError
from ssbtomo.results import COLUMNS, Measurement, Results, folder_name, load, table

numbers = st.floats(allow_nan=True, allow_infinity=True)
keys = st.tuples(
    st.sampled_from(["volume_fraction", "tortuosity_factor"]),
    st.sampled_from(["void", "active"]),
    st.sampled_from(["", "z"]),
)


@st.composite
def measured(draw):
    """Measurements of one segmentation: no two about the same thing."""
    values = draw(st.dictionaries(keys, numbers, max_size=6))
    return [Measurement(q, s, v, "1", "drawn", axis) for (q, s, axis), v in values.items()]


def written(folder, measurements):
    """A results folder with nothing but what `Results` needs."""
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text('{"ssbtomo": "0"}', encoding="utf-8")
    table(measurements).to_csv(folder / "results.csv", index=False, na_rep="nan")
    return Results.load(folder)


@given(values=measured())
def test_the_table_survives_the_disk(tmp_path_factory, values):
    ranged = [replace(item, low=item.value, high=item.value) for item in values]
    ranged = ranged or [Measurement("q", "s", math.inf, "1", "e")]
    results = written(tmp_path_factory.mktemp("results"), ranged)
    pd.testing.assert_frame_equal(results.table, table(ranged), check_exact=True)


def test_texts_that_look_like_numbers_or_gaps_stay_texts(tmp_path):
    odd = Measurement(
        "volume_fraction", "NA", math.nan, "1", "none", sample="007", warnings=("a", "b")
    )
    row = written(tmp_path / "out", [odd]).table.iloc[0]
    assert (row["subject"], row["sample"], row["unit"], row["axis"]) == ("NA", "007", "1", "")
    assert row["warnings"] == "a; b"
    assert math.isnan(row["value"])


def test_the_table_has_its_columns_even_if_nothing_was_measured():
    assert tuple(table([]).columns) == COLUMNS


@pytest.mark.parametrize("content", [None, "a file"])
def test_what_is_no_results_folder_is_refused(tmp_path, content):
    place = tmp_path / "place"
    if content:
        place.write_text(content, encoding="utf-8")
    with pytest.raises(OutputError, match=r"no run\.json") as raised:
        load(place)
    assert "ssbtomo run" in raised.value.hint


def test_a_damaged_run_json_is_told_as_such(tmp_path):
    (tmp_path / "run.json").write_text('{"ssbtomo": ', encoding="utf-8")
    with pytest.raises(SsbtomoError, match=r"run\.json cannot be read"):
        _ = Results.load(tmp_path).run


def test_a_table_that_is_missing_is_told_with_those_that_are_there(tmp_path):
    results = written(tmp_path / "out", [])
    with pytest.raises(OutputError, match=r"results\.csv is missing"):
        _ = written_without_table(results).table
    (tmp_path / "out" / "tables").mkdir()
    (tmp_path / "out" / "tables" / "cracks.csv").write_text("crack\n1\n", encoding="utf-8")
    assert results.objects("cracks")["crack"].tolist() == [1]
    with pytest.raises(OutputError, match="no table 'pores'") as raised:
        results.objects("pores")
    assert "cracks" in raised.value.hint


def written_without_table(results):
    (results.path / "results.csv").unlink()
    return results


def test_results_tell_what_they_are(tmp_path):
    results = written(tmp_path / "out", [Measurement("porosity", "void", 0.1, "1", "count")])
    assert repr(results).endswith("1 measurements)")
    assert results.run == json.loads('{"ssbtomo": "0"}')
    assert results.report.name == "report.html"


@pytest.mark.parametrize(
    ("given_", "shown"),
    [
        ({"value": 0.25}, "q of s: 0.25"),
        ({"value": 0.25, "low": 0.2, "high": 0.3, "unit": "um"}, "q of s: 0.25 [0.2, 0.3] um"),
        ({"value": math.inf, "axis": "z"}, "q of s along z: inf"),
    ],
)
def test_a_measurement_reads_as_a_phrase(given_, shown):
    assert (
        str(
            Measurement(**{"quantity": "q", "subject": "s", "unit": "1", "estimator": "e"} | given_)
        )
        == shown
    )


@given(st.text(max_size=30))
def test_folder_names_are_safe_and_settled(name):
    folder = folder_name(name)
    assert folder
    assert not folder.startswith(".")
    assert set(folder) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert folder_name(folder) == folder


@pytest.mark.parametrize("name", ["cathode", "run-7", "a.b_c"])
def test_plain_names_are_kept(name):
    assert folder_name(name) == name
