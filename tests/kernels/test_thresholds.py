"""Multi-Otsu against every possible cut, against scikit-image, and its edge cases."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.histogram import Histogram
from ssbtomo.kernels.thresholds import classes_between, classify, multi_otsu

histograms = st.lists(st.integers(0, 50), min_size=5, max_size=11).filter(
    lambda counts: np.count_nonzero(counts) >= 5
)


def blobs(classes, sd, kind=np.uint8):
    rng = np.random.default_rng(classes)
    means = np.linspace(40, 210, classes)
    return (
        np.concatenate([rng.normal(m, sd, 4000) for m in means]).round().clip(0, 255).astype(kind)
    )


@given(histograms, st.integers(2, 5))
def test_no_other_cut_is_better(counts, classes):
    histogram = Histogram(np.array(counts, np.int64), -0.5, 1.0)
    found = multi_otsu(histogram, classes).variance_share
    for cuts in combinations(range(1, len(counts)), classes - 1):
        try:
            other = classes_between(histogram, [cut - 0.5 for cut in cuts])
        except InputDataError:  # an empty class
            continue
        assert other.variance_share <= found + 1e-12


@pytest.mark.parametrize("classes", [2, 3, 4, 5])
def test_agrees_with_scikit_image(classes):
    from skimage.filters import threshold_multiotsu

    image = blobs(classes, 12).reshape(1, classes, -1)
    ours = multi_otsu(Histogram.of(image), classes)
    theirs = threshold_multiotsu(image, classes)
    # Theirs name the last grey value of the lower class, ours lie between the two.
    np.testing.assert_array_equal(
        classify(image, ours.thresholds), np.digitize(image, theirs, right=True)
    )


def test_classes_are_described():
    classes = multi_otsu(Histogram.of(blobs(3, 5).reshape(1, 3, -1)), 3)
    # 4000 voxels a class: the mean is known to 5/sqrt(4000) = 0.08.
    assert classes.means == pytest.approx([40, 125, 210], abs=0.4)
    assert classes.sds == pytest.approx([5, 5, 5], rel=0.05)
    assert classes.weights == pytest.approx([1 / 3] * 3, abs=1e-3)
    assert classes.separability == pytest.approx([17, 17], rel=0.05)
    assert 0.99 < classes.variance_share < 1


def test_sixteen_bits_and_floats_give_the_same_classes():
    image = blobs(3, 8).reshape(1, 3, -1)
    small = multi_otsu(Histogram.of(image), 3)
    large = multi_otsu(Histogram.of(image.astype(np.uint16) * 200), 3)
    real = multi_otsu(Histogram.of(image.astype(np.float32) / 7), 3)
    # One of 1024 bins of the range 0..255.
    assert large.thresholds / 200 == pytest.approx(small.thresholds, abs=0.75)
    assert real.thresholds * 7 == pytest.approx(small.thresholds, abs=0.75)


def test_two_values_are_parted_half_way():
    image = np.repeat(np.uint8([10, 20]), 8).reshape(1, 4, 4)
    assert multi_otsu(Histogram.of(image), 2).thresholds.tolist() == [15.0]


@pytest.mark.parametrize(
    ("image", "classes", "said"),
    [
        (np.full((2, 2, 2), 9, np.uint8), 3, "constant"),
        (np.full((2, 2, 2), 0.25, np.float32), 2, "constant"),
        (np.arange(2, dtype=np.uint8).repeat(4).reshape(2, 2, 2), 3, "2 distinct"),
        (np.arange(8, dtype=np.uint8).reshape(2, 2, 2), 1, "2 to 5"),
        (np.arange(8, dtype=np.uint8).reshape(2, 2, 2), 6, "2 to 5"),
    ],
)
def test_what_cannot_be_split_is_refused(image, classes, said):
    with pytest.raises(InputDataError, match=said):
        multi_otsu(Histogram.of(image), classes)


@pytest.mark.parametrize("cuts", [[3.0, 2.0], [float("nan")], [100.0]])
def test_bad_thresholds_are_refused(cuts):
    with pytest.raises(InputDataError):
        classes_between(Histogram.of(np.arange(8, dtype=np.uint8).reshape(2, 2, 2)), cuts)
