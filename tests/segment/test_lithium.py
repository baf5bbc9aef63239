"""Lithium or void: what is measured of them, when they are split, and that bounds hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from ssbtomo import errors, segment
from ssbtomo.blocks import SERIAL, Grid
from ssbtomo.kernels.histogram import Histogram
from ssbtomo.kernels.masked import inside, masked_gaussian
from ssbtomo.kernels.separability import two_classes
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.evidence import Channel
from ssbtomo.segment.lithium import Ask, LowAbsorbing, split_tables
from ssbtomo.segment.modes import modes_of
from ssbtomo.testing import lithium_scan


def _holds(found, scan):
    low, high = found.lithium_fraction
    least, most = found.void_fraction
    return low <= scan.shares["lithium"] <= high and least <= scan.shares["void"] <= most


@pytest.mark.parametrize("dprime", [0.5, 1.0, 2.0, 4.0])
def test_no_bare_split_below_the_limit_and_bounds_hold(dprime):
    for seed in (0, 1):
        scan = lithium_scan((48, 48, 48), dprime=dprime, seed=seed)
        found = segment.lithium_or_void(scan.image, scan.spacing, 4)
        assert found.merged == (found.dprime < found.limit)
        assert _holds(found, scan)
        # 15 %: blur of voids among some thousand voxels raises the variance inside the class
        assert found.dprime == pytest.approx(dprime, rel=0.15, abs=0.1)
        assert found.warnings


@pytest.mark.parametrize("evidence", ["companion", "reference"])
def test_evidence_gives_the_lithium_volume(evidence):
    scan = lithium_scan((48, 48, 48), dprime=0.5, seed=3)
    known = {evidence: getattr(scan, evidence)}
    found = segment.lithium_or_void(scan.image, scan.spacing, 4, **known)
    assert not found.merged
    share = float((found.labels == 1).mean())
    assert share == pytest.approx(scan.shares["lithium"], rel=0.05)  # what the issue asks for
    assert _holds(found, scan)


def test_small_voids_are_seen_in_a_companion_and_held_by_the_bounds():
    """Voids of three voxels: their insides alone are noise, and blur takes a tenth of them."""
    scan = lithium_scan((40, 40, 40), dprime=0.5, seed=0)
    found = segment.lithium_or_void(scan.image, scan.spacing, 4, companion=scan.companion)
    assert float((found.labels == 1).mean()) == pytest.approx(scan.shares["lithium"], rel=0.05)
    scan = lithium_scan((40, 40, 40), dprime=4.0, seed=6)
    assert _holds(segment.lithium_or_void(scan.image, scan.spacing, 4), scan)


def test_a_companion_of_mere_noise_splits_nothing():
    scan = lithium_scan((48, 48, 48), dprime=0.5, seed=4)
    noise = np.random.default_rng(0).normal(1000, 100, scan.image.shape)
    found = segment.lithium_or_void(scan.image, scan.spacing, 4, companion=noise)
    assert found.merged
    assert _holds(found, scan)


def test_evidence_of_another_shape_is_refused():
    scan = lithium_scan((32, 32, 32), dprime=1.0)
    with pytest.raises(errors.InputDataError, match="companion has the shape"):
        segment.lithium_or_void(scan.image, scan.spacing, 4, companion=scan.companion[1:])
    with pytest.raises(errors.InputDataError, match="beside other phases"):
        segment.lithium_or_void(scan.image, scan.spacing, 2)


def _labels(scan, block, ask):
    grid = Grid(scan.image.shape, block)
    bench = Bench(grid, SERIAL, lambda name, dtype: np.empty(scan.image.shape, dtype))
    found = LowAbsorbing.prepare(scan.image, scan.spacing, 4, (0, 1), ask, bench=bench)
    labels, chance = (np.zeros(scan.image.shape, np.uint8) for _ in range(2))
    found.segment(sink=labels, chance=chance)
    return found.state, found.study.dprime, labels, chance


@pytest.mark.parametrize("block", [(19, 34, 17), (30, 13, 32)])
def test_any_cut_gives_the_same_labels_and_the_same_posterior(block):
    scan = lithium_scan((32, 34, 32), (0.25, 0.2, 0.2), dprime=2.0, seed=5)
    ask = Ask(
        evidence=(Channel("companion", "bright", scan.companion), Channel("fringe", "dark")),
        electrode=(0, 0), prior=2.0,
    )  # fmt: skip
    whole, cut = _labels(scan, scan.image.shape, ask), _labels(scan, block, ask)
    assert whole[:2] == cut[:2]
    np.testing.assert_array_equal(whole[2], cut[2])
    np.testing.assert_array_equal(whole[3], cut[3])


def test_a_prior_alone_never_splits():
    scan = lithium_scan((40, 40, 40), dprime=0.5, seed=6)
    ask = Ask(electrode=(0, 0), prior=10.0)
    assert _labels(scan, scan.image.shape, ask)[0] == "merged"


def test_lithium_may_be_the_darker_one():
    scan = lithium_scan((48, 48, 48), dprime=3.0, seed=2)
    found = segment.lithium_or_void(scan.image, scan.spacing, 4, void=1, lithium=0)
    assert not found.merged
    # the names are swapped, the picture is not: what is called void is the planted lithium
    assert float((found.labels == 1).mean()) == pytest.approx(scan.shares["lithium"], rel=0.05)


def test_split_tables_make_room_for_a_label():
    void, lithium = split_tables((1, 2))
    assert void[:4].tolist() == [0, 1, 3, 4]
    assert lithium[:4].tolist() == [0, 2, 3, 4]
    assert void[255] == lithium[255] == 255


@given(st.floats(1.5, 6), st.floats(0.2, 0.8), st.integers(0, 100))
@settings(max_examples=8)
def test_two_classes_are_found_where_they_are(apart, share, seed):
    rng = np.random.default_rng(seed)
    many = 40000
    bright = rng.random(many) < share
    values = (1000 + 100 * rng.standard_normal(many) + 100 * apart * bright).astype(np.uint16)
    found = two_classes(Histogram.of(values))
    # near d' = 1.5 the shape of a histogram of 40 000 voxels tells d' to some 15 %
    assert found.dprime == pytest.approx(apart, rel=0.15, abs=0.2)


def test_one_class_alone_is_not_two():
    values = np.full(1000, 7, np.uint8)
    assert two_classes(Histogram.of(values)).dprime == 0


@given(st.tuples(*[st.floats(1, 3.5)] * 3), st.integers(0, 100))
@settings(max_examples=8)
def test_inside_is_an_erosion_by_an_ellipsoid(radius, seed):
    mask = np.random.default_rng(seed).random((9, 10, 11)) < 0.9
    grids = np.ogrid[tuple(slice(-int(r), int(r) + 1) for r in radius)]
    ball = sum((g / r) ** 2 for g, r in zip(grids, radius, strict=True)) <= 1
    expected = ndi.binary_erosion(mask, ball, border_value=1)
    np.testing.assert_array_equal(inside(mask, radius), expected)


def test_what_is_masked_out_counts_for_nothing():
    image = np.full((9, 9, 9), 5, np.uint16)
    image[:, :, 5:] = 60000
    weights = np.zeros(image.shape, np.float32)
    weights[:, :, :5] = 1
    values, _ = masked_gaussian(image, weights, (1.0, 1.0, 1.0))
    np.testing.assert_allclose(values[weights > 0], 5, rtol=1e-5)  # float32


def test_modes_are_peaks_parted_by_valleys():
    rng = np.random.default_rng(0)
    values = np.concatenate(
        [rng.normal(m, 40, n) for m, n in ((1000, 9000), (1500, 400), (2500, 9000))]
    )
    peaks = modes_of(Histogram.of(values.astype(np.uint16)))
    np.testing.assert_allclose(peaks, [1000, 1500, 2500], atol=40)
