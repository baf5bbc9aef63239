"""Lengths: what is read, what is refused, and that writing and reading agree."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssbtomo.errors import UnitError, VoxelSizeError
from ssbtomo.units import check_spacing, format_length, micrometres


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("25 nm", 0.025), ("18.4 nm", 0.0184), ("18.4nm", 0.0184), (" 1 µm ", 1.0),
        ("1 μm", 1.0), ("0.5 um", 0.5), ("1e-3 mm", 1.0), ("2 cm", 2e4), ("3 Å", 3e-4),
        ("1 m", 1e6), (".5 micron", 0.5), ("50 pm", 5e-5), ("-5 nm", -0.005), ("1 inch", 25400.0),
    ],
)  # fmt: skip
def test_lengths_are_read_exactly(text, value):
    assert micrometres(text) == value


@pytest.mark.parametrize(
    "text", ["", "25", "nm", "25 apples", "1 2 nm", "nan nm", "1,5 nm", "25 NM"]
)
def test_what_is_no_length_is_refused(text):
    with pytest.raises(UnitError, match="is not a length with a unit"):
        micrometres(text)


@given(st.floats(1e-4, 1e6))
def test_a_written_length_is_read_again(value):
    assert micrometres(format_length(value)) == pytest.approx(value, rel=1e-5)  # six digits


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0184, "18.4 nm"), (0.9999999, "1 µm"), (1.0, "1 µm"), (20, "20 µm"), (1500, "1.5 mm")],
)
def test_lengths_are_written_in_the_unit_that_reads_best(value, text):
    assert format_length(value) == text


@pytest.mark.parametrize(
    "spacing",
    [(1, 1), (1, 1, 0), (1, -1, 1), (1, math.nan, 1), (1, math.inf, 1), "abc", 5, (1, 1, None)],
)
def test_bad_spacings_are_refused(spacing):
    with pytest.raises(VoxelSizeError):
        check_spacing(spacing)


def test_a_spacing_becomes_floats():
    assert check_spacing([1, 2, 3]) == (1.0, 2.0, 3.0)
