"""Components of a phase, and the faces that they join."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from ssbtomo.errors import PhaseMissingError
from ssbtomo.kernels.connectivity import components, connectivity


def test_a_channel_a_dead_end_and_an_island():
    mask = np.zeros((10, 10, 10), bool)
    mask[:, 2, 2] = True  # channel along z: 10 voxels
    mask[:4, 5, 5] = True  # dead end at z-min: 4 voxels
    mask[5, 5, 7:9] = True  # island: 2 voxels
    found = connectivity(mask)
    assert found.components == 3
    assert found.joined["z-min"] == pytest.approx(14 / 16)
    assert found.joined["z-max"] == pytest.approx(10 / 16)
    assert found.joined["y-min"] == found.joined["x-max"] == 0
    assert found.spanning == {"z": pytest.approx(10 / 16), "y": 0, "x": 0}
    assert found.open_fraction == pytest.approx(14 / 16)
    assert found.closed_fraction == pytest.approx(2 / 16)
    assert found.largest == pytest.approx(10 / 16)


def test_corners_join_with_26_neighbours_only():
    mask = np.zeros((4, 4, 4), bool)
    mask[range(4), range(4), range(4)] = True
    assert connectivity(mask, 6).components == 4
    assert connectivity(mask, 18).components == 4
    assert connectivity(mask, 26).components == 1


def test_nothing_has_no_share():
    with pytest.raises(PhaseMissingError, match="no voxel"):
        connectivity(np.zeros((3, 3, 3), bool))


masks = hnp.arrays(bool, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7))


@given(masks)
@settings(max_examples=40)
def test_components_are_those_of_scipy(mask):
    labels, count = components(mask)
    _, truth = ndi.label(mask)
    assert count == truth
    assert labels.dtype == np.uint32
    np.testing.assert_array_equal(labels > 0, mask)


@given(masks.filter(np.any), st.permutations(range(3)))
@settings(max_examples=25)
def test_axes_may_be_swapped(mask, order):
    still, moved = connectivity(mask), connectivity(mask.transpose(order))
    for new, old in enumerate(order):
        assert moved.spanning["zyx"[new]] == still.spanning["zyx"[old]]
        assert moved.joined[f"{'zyx'[new]}-max"] == still.joined[f"{'zyx'[old]}-max"]
    assert moved.closed_fraction == still.closed_fraction


def test_the_share_that_spans_is_joined_to_both_faces():
    mask = np.random.default_rng(0).random((20, 20, 20)) < 0.4
    found = connectivity(mask)
    for axis in "zyx":
        assert found.spanning[axis] <= min(found.joined[f"{axis}-{end}"] for end in ("min", "max"))
    assert found.open_fraction + found.closed_fraction == pytest.approx(1, rel=1e-12)
    assert found.open_fraction >= max(found.joined.values())


def test_memory_beyond_the_mask():
    mask = ndi.gaussian_filter(np.random.default_rng(0).normal(size=(96, 96, 96)), 2) > 0
    connectivity(mask)
    tracemalloc.start()
    connectivity(mask)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The labels take 4 bytes per voxel; cc3d takes 1.5 to 2.5 more, which is not traced here.
    assert peak < 5 * mask.size
