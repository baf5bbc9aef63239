"""The verbs of `ssbtomo.segment`, as scripts use them."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from ssbtomo import segment
from ssbtomo.errors import InputDataError


def test_every_name_is_there():
    assert all(callable(getattr(segment, name)) for name in dir(segment))
    with pytest.raises(AttributeError, match="multi_otsu"):
        _ = segment.otsu


def test_numpy_and_dask_give_the_same(phantom):
    grey, _ = phantom(size=40)
    lazy = da.from_array(grey, chunks=20)
    for verb in (segment.multi_otsu, segment.gaussian_mixture):
        np.testing.assert_array_equal(verb(lazy, 3).labels, verb(grey, 3).labels)
    spacing = (0.1, 0.1, 0.1)
    np.testing.assert_array_equal(
        segment.repair_partial_volume(lazy, spacing, 3).labels,
        segment.repair_partial_volume(grey, spacing, 3).labels,
    )


def test_given_thresholds_are_used(phantom):
    grey, _ = phantom(size=40)
    found = segment.repair_partial_volume(grey, (0.1,) * 3, 3, thresholds=(80.0, 160.0))
    assert found.thresholds == pytest.approx((80, 160))


def test_small_objects(phantom):
    labels = np.zeros((6, 6, 6), np.int64)
    labels[2, 2, 2] = 1
    assert not segment.remove_small_objects(labels, 2).any()
    with pytest.raises(InputDataError):
        segment.remove_small_objects(labels - 1, 2)
