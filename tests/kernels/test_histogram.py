"""Histograms: exact bins, adding, joining, and values that cannot be counted."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.histogram import GreyRange, Histogram, grey_range


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.int32])
def test_whole_numbers_have_a_bin_each(kind):
    image = np.array([[[3, 3, 7, 4]]], kind)
    histogram = Histogram.of(image)
    assert histogram.counts.tolist() == [2, 1, 0, 0, 1]
    assert histogram.centres.tolist() == [3, 4, 5, 6, 7]
    assert histogram.edges[0] == 2.5


def test_floats_are_binned_between_their_extremes():
    histogram = Histogram.of(np.linspace(-1, 1, 1001, dtype=np.float32).reshape(1, 1, -1))
    assert histogram.counts.size == 4096
    assert histogram.total == 1001
    assert histogram.edges[[0, -1]] == pytest.approx([-1, 1])


def test_joining_bins_keeps_the_counts_and_gathers_outliers():
    rng = np.random.default_rng(0)
    image = rng.normal(30000, 500, (40, 50, 60)).clip(0, 65535).astype(np.uint16)
    image[0, 0, 0] = 65535
    histogram = Histogram.of(image)
    coarse = histogram.coarse(1024)
    assert coarse.total == histogram.total
    assert coarse.counts.size <= 1024
    # The hot voxel must not stretch the bins: sd 500 needs bins far finer than that.
    assert coarse.width < 20
    mean = (coarse.centres @ coarse.counts) / coarse.total
    assert mean == pytest.approx(image.mean(), abs=coarse.width)


def test_what_is_not_finite_is_found():
    image = np.ones((2, 3, 4), np.float32)
    image[1, 0, 2], image[1, 2, 0] = np.nan, -np.inf
    assert grey_range(image) == GreyRange(1.0, 1.0, 2, (1, 0, 2))
    with pytest.raises(InputDataError, match=r"2 voxels .* \(1, 0, 2\)"):
        Histogram.of(image)


def test_nothing_finite():
    span = grey_range(np.full((1, 1, 2), np.nan))
    assert span.bad == 2
    assert span.low > span.high
    assert span + GreyRange(1.0, 2.0) == GreyRange(1.0, 2.0, 2, (0, 0, 0))
