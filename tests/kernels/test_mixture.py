"""The Gaussian mixture finds what a histogram was made of."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.kernels.histogram import Histogram
from ssbtomo.kernels.mixture import gaussian_mixture
from ssbtomo.kernels.thresholds import multi_otsu


def histogram_of(parts, seed=0):
    rng = np.random.default_rng(seed)
    grey = np.concatenate([rng.normal(mean, sd, count) for mean, sd, count in parts])
    return Histogram.of(grey.round().clip(0, 65535).astype(np.uint16).reshape(1, 1, -1))


def test_unequal_classes_are_recovered():
    histogram = histogram_of([(1000, 100, 60000), (2000, 200, 30000), (3000, 100, 3000)])
    found = gaussian_mixture(histogram, 3)
    # Standard errors of the rarest class: 100/sqrt(3000) = 2 for the mean, 1.3 for the deviation.
    assert found.means == pytest.approx([1000, 2000, 3000], abs=12)
    assert found.sds == pytest.approx([100, 200, 100], rel=0.06)
    assert found.weights == pytest.approx(np.array([60, 30, 3]) / 93, abs=0.01)


def test_a_rare_class_is_parted_better_than_by_otsu():
    histogram = histogram_of([(1000, 150, 90000), (1800, 60, 3000)])
    # The densities cross where 30 exp(-d1²/2)/150 = exp(-d2²/2)/60: at 1600.
    assert gaussian_mixture(histogram, 2).thresholds[0] == pytest.approx(1600, abs=10)
    assert multi_otsu(histogram, 2).thresholds[0] < 1550


def test_edges_do_not_widen_the_classes():
    rng = np.random.default_rng(1)
    edge = rng.uniform(1000, 2000, 15000) + rng.normal(0, 60, 15000)
    grey = np.concatenate([rng.normal(1000, 60, 50000), rng.normal(2000, 60, 50000), edge])
    histogram = Histogram.of(grey.round().astype(np.uint16).reshape(1, 1, -1))
    with_edges = gaussian_mixture(histogram, 2)
    without = gaussian_mixture(histogram, 2, partial_volume=False)
    assert with_edges.sds == pytest.approx([60, 60], rel=0.04)
    assert without.sds.min() > 80


def test_one_hump_is_not_two_classes():
    # Two halves of one Gaussian: multi-Otsu says d' = 2.6, the fit must not be prouder.
    found = gaussian_mixture(histogram_of([(2000, 100, 50000)]), 2)
    assert found.separability[0] < 2.7


def test_it_is_the_same_each_time():
    histogram = histogram_of([(1000, 200, 5000), (1500, 200, 5000)])
    first, second = gaussian_mixture(histogram, 2), gaussian_mixture(histogram, 2)
    assert first.thresholds.tolist() == second.thresholds.tolist()
