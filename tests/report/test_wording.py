"""Numbers and units as a reader sees them."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssbtomo.report.glossary import GLOSSARY
from ssbtomo.report.wording import number, prose, span, unit_text


@given(st.floats(1e-3, 9e4))
def test_a_printed_number_is_within_half_a_digit(value):
    assert float(number(value)) == pytest.approx(
        value, rel=0.0051
    )  # three digits: half of the last


@given(st.floats(min_value=1e-12, max_value=1e12))
def test_no_number_is_printed_at_length(value):
    assert len(number(value)) <= 10


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.17, "0.170"),
        (1234.0, "1234"),
        (1.52e-4, "1.52×10⁻⁴"),
        (0.0, "0"),
        (math.inf, "∞"),
        (math.nan, "n/a"),
        (3.0, "3.00"),
        (-2.5, "−2.50"),
        (0.9996, "1.00"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def test_a_range_has_the_decimals_of_its_value():
    assert span(0.2981, 12.0, like=0.312) == "0.298–12.000"
    assert span(math.nan, 1.0) == ""
    assert span(8.1, math.inf, like=math.inf) == "8.10–∞"
    assert span(math.inf, math.inf) == "∞"
    assert span(0.29981, 0.30012, like=0.3) == "0.2998–0.3001"
    assert span(0.300001, 0.300002, like=0.3) == "unchanged"


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("1", ""),
        ("um", "µm"),
        ("1/um", "µm⁻¹"),
        ("1/um^2", "µm⁻²"),
        ("um^2", "µm²"),
        ("um^3", "µm³"),
    ],
)
def test_units(unit, text):
    assert unit_text(unit) == text


def test_units_in_sentences():
    assert (
        prose("the Crofton estimate is 0.0743 1/um, of 3 um")
        == "the Crofton estimate is 0.0743 µm⁻¹, of 3 µm"
    )
    assert prose("number 1/um") == "number 1/um"


def test_every_definition_is_whole():
    for name, entry in GLOSSARY.items():
        assert all(entry), name
        assert len(entry.definition) > 30, name


def test_the_glossary_is_light():
    code = "import sys, ssbtomo.report.glossary; sys.exit(bool({'matplotlib','pandas','numpy','zarr','jinja2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
