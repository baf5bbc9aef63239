"""The distance map: SciPy is the oracle; the border of the volume is no boundary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from ssbtomo.errors import AxisError, VoxelSizeError
from ssbtomo.kernels.distance import as_mask, distance, distance_in_edges

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7))
edges = st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (0.3, 0.2, 0.7)])


@given(masks, edges)
def test_distances_are_those_of_scipy(mask, spacing):
    found = distance(mask, spacing)
    if mask.all():
        assert np.all(np.isinf(found))
        return
    exact = ndimage.distance_transform_edt(mask, sampling=spacing)
    # float32 keeps 7 digits; SciPy works in float64.
    np.testing.assert_allclose(found, exact, rtol=1e-6)


def test_layout_in_memory_does_not_matter():
    mask = np.random.default_rng(0).random((5, 6, 7)) < 0.8
    turned = np.asfortranarray(mask)
    np.testing.assert_array_equal(distance(turned, (3, 2, 1)), distance(mask, (3, 2, 1)))


def test_in_edges_the_scale_drops_out():
    mask = np.random.default_rng(1).random((5, 6, 7)) < 0.8
    small, edge = distance_in_edges(mask, (0.25, 0.125, 0.125))
    large, _ = distance_in_edges(mask, (2.0, 1.0, 1.0))
    assert edge == 0.125
    np.testing.assert_array_equal(small, large)


def test_border_of_the_volume_is_no_boundary():
    mask = np.ones((1, 1, 9), dtype=bool)
    mask[0, 0, 8] = False
    np.testing.assert_array_equal(distance(mask, (1, 1, 1)).ravel(), np.arange(8, -1, -1))


def test_bad_input_is_told():
    with pytest.raises(AxisError, match="three axes"):
        as_mask(np.ones((3, 3)))
    with pytest.raises(AxisError, match="none empty"):
        distance(np.ones((0, 3, 3), dtype=bool), (1, 1, 1))
    with pytest.raises(VoxelSizeError):
        distance(np.ones((2, 3, 3), dtype=bool), (1, 0, 1))
