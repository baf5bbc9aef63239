"""Nominal ranges: laws, and what each kind of evidence adds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ssbtomo.kernels.ranges import PLACE_ERROR, Evidence, Halves, nominal_range

numbers = some.floats(0.1, 10) | some.just(math.nan)
lists = some.lists(numbers, max_size=4)
evidence = some.builds(
    Evidence, some.lists(some.tuples(numbers, numbers), max_size=3), lists, lists, lists, lists
)


@given(value=some.floats(0.1, 10), found=evidence)
def test_the_range_holds_the_value(value, found):
    low, high, halves = nominal_range(value, found, shift=0.05)
    if any(not math.isnan(one) for one in found.values):
        assert low <= value <= high
        assert high - value == pytest.approx(halves.total)
    else:
        assert math.isnan(low)
        assert math.isnan(high)


@given(value=some.floats(0.1, 10), found=evidence, factor=some.sampled_from([0.5, 2.0, 1024.0]))
def test_ranges_scale_with_the_unit(value, found, factor):
    scaled = Evidence(
        [(factor * a, factor * b) for a, b in found.thresholds],
        *([factor * one for one in part] for part in (found.again, found.halved, found.smooth, found.draws)),
    )  # fmt: skip
    low, high, _ = nominal_range(value, found, shift=0.05)
    low2, high2, _ = nominal_range(factor * value, scaled, shift=0.05)
    assert (low2, high2) == pytest.approx((factor * low, factor * high), nan_ok=True)


@given(value=some.floats(0.1, 10), found=evidence)
def test_bounds_are_kept(value, found):
    low, high, _ = nominal_range(value, found, shift=0.05, bounds=(0.05, 11.0))
    if not math.isnan(low):
        assert 0.05 <= low <= value <= high <= 11.0


def test_each_kind_of_evidence_has_its_share():
    moved = nominal_range(1.0, Evidence([(0.95, 1.05)]), shift=0.05)[2]
    assert moved == Halves(thresholds=pytest.approx(1.96 * PLACE_ERROR))
    biased = nominal_range(1.0, Evidence([(0.95, 1.05)], offsets=[0.1]), shift=0.05)[2]
    assert biased.thresholds == pytest.approx(math.hypot(1.96 * PLACE_ERROR, 0.095))
    again = nominal_range(1.0, Evidence(again=[1.01]), shift=0.05)[2]
    assert again == Halves(imaging=pytest.approx(0.01 * (1 + math.sqrt(2))))
    halved = nominal_range(1.0, Evidence(halved=[0.9]), shift=0.05)[2]
    assert halved == Halves(resolution=pytest.approx(0.1))
    smooth = nominal_range(1.0, Evidence(halved=[0.95], smooth=[1.06]), shift=0.05)[2]
    assert smooth == Halves(resolution=pytest.approx(0.06 / 0.6))  # the larger of the two
    # Student's t of two values: 12.7; of two draws about a known value: 4.30.
    noisy = nominal_range(1.0, Evidence(again=[0.99, 1.01]), shift=0.05)[2]
    assert noisy.scatter == pytest.approx(12.7062 * math.sqrt(2) * 0.01, rel=1e-4)
    drawn = nominal_range(1.0, Evidence(draws=[0.9, 1.1]), shift=0.05)[2]
    assert drawn == Halves(classes=pytest.approx(4.30265 * 0.1, rel=1e-4))


def test_what_does_not_percolate_somewhere_has_no_upper_end():
    low, high, _ = nominal_range(3.0, Evidence([(3.1, math.inf)]), shift=0.05, bounds=(1, math.inf))
    assert high == math.inf
    assert 1 <= low < 3
    assert nominal_range(math.inf, Evidence([(5.0, math.inf)]), shift=0.05)[:2] == (5.0, math.inf)


def test_without_a_number_there_is_no_range():
    low, high, halves = nominal_range(math.nan, Evidence(again=[1.0]), shift=0.05)
    assert math.isnan(low)
    assert math.isnan(high)
    assert halves.total == 0
