"""The two passes of the distance: whole numbers are the oracle, then SciPy and edt; cuts change no bit."""

from __future__ import annotations

import edt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.distance_passes import (
    across_planes,
    in_planes,
    squared_distance,
    squared_edges,
)

masks = hnp.arrays(
    np.bool_,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9),
    elements=st.sampled_from([True, True, True, True, True, False]),
)
spacings = st.one_of(
    st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (0.3, 0.2, 0.7)]),
    st.tuples(*[st.floats(0.01, 1.0)] * 3),
)


def brute(mask, weights):
    """Compare with every voxel outside, in float64: exact for these weights."""
    outside = np.argwhere(~mask)
    places = np.stack(np.indices(mask.shape), axis=-1)
    if not len(outside):
        return np.full(mask.shape, np.inf, np.float32)
    gaps = (places[..., None, :] - outside) ** 2 * np.asarray(weights)
    return gaps.sum(axis=-1).min(axis=-1).astype(np.float32)


@given(masks, spacings)
def test_squares_are_exact_to_the_bit(mask, spacing):
    weights = squared_edges(spacing, mask.shape)
    np.testing.assert_array_equal(squared_distance(mask, weights), brute(mask, weights))


@given(masks, spacings, st.permutations(range(3)))
def test_squares_turn_with_the_axes(mask, spacing, order):
    weights = squared_edges(spacing, mask.shape)
    turned = squared_distance(mask.transpose(order), tuple(weights[k] for k in order))
    np.testing.assert_array_equal(turned, squared_distance(mask, weights).transpose(order))


@given(masks, spacings, st.integers(1, 9), st.integers(1, 9))
def test_any_cut_gives_the_same_bits(mask, spacing, planes, columns):
    weights = squared_edges(spacing, mask.shape)
    slabs = [in_planes(mask[z : z + planes], weights) for z in range(0, len(mask), planes)]
    packed = np.concatenate(slabs)
    cuts = [
        across_planes(packed[:, :, x : x + columns], weights)
        for x in range(0, mask.shape[2], columns)
    ]
    np.testing.assert_array_equal(np.concatenate(cuts, axis=2), squared_distance(mask, weights))


@given(masks, st.integers(0, 8), st.integers(0, 9))
def test_a_part_of_the_columns_is_that_part(mask, start, stop):
    weights = squared_edges((1, 2, 3), mask.shape)
    part = slice(min(start, mask.shape[2] - 1), max(stop, start + 1))
    found = in_planes(mask, weights, part)
    np.testing.assert_array_equal(found, in_planes(mask, weights)[:, :, part])


@given(masks, spacings, st.floats(0.0, 30.0))
def test_a_limit_changes_nothing_below_it(mask, spacing, limit):
    weights = squared_edges(spacing, mask.shape)
    whole = squared_distance(mask, weights)
    packed = in_planes(mask, weights, limit=limit)
    found = across_planes(packed, weights, limit=limit)
    np.testing.assert_array_equal(np.where(whole <= limit, found, whole), whole)
    assert np.all(found >= whole)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.05, 0.03, 0.03), (0.1, 0.3, 0.2)])
def test_large_regions_agree_with_scipy_and_edt(spacing):
    noise = np.random.default_rng(0).normal(size=(40, 70, 90))
    mask = ndimage.gaussian_filter(noise, 5) < 0.02
    found = squared_distance(mask, squared_edges(spacing, mask.shape)) * min(spacing) ** 2
    exact = ndimage.distance_transform_edt(mask, sampling=spacing) ** 2
    # Weights and results are rounded to float32: 6e-8 each; edt adds in float32.
    np.testing.assert_allclose(found, exact, rtol=2e-7)
    peer = edt.edtsq(mask, anisotropy=spacing, black_border=False)
    np.testing.assert_allclose(found, peer, rtol=1e-5)


def test_equal_edges_give_whole_numbers_as_edt_does():
    mask = np.random.default_rng(1).random((33, 20, 41)) < 0.97
    found = squared_distance(mask, squared_edges((0.1, 0.1, 0.1), mask.shape))
    np.testing.assert_array_equal(found, edt.edtsq(mask, black_border=False))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_long_lines_are_exact(axis):
    shape = [1, 1, 1]
    shape[axis] = 65_535
    mask = np.ones(shape, dtype=bool)
    mask.reshape(-1)[0] = False
    weights = squared_edges((1, 1, 1), tuple(shape))
    found = squared_distance(mask, weights).ravel()
    np.testing.assert_array_equal(found, (np.arange(65_535.0) ** 2).astype(np.float32))


def test_inputs_are_left_as_they_are():
    mask = np.random.default_rng(2).random((6, 7, 8)) < 0.8
    weights = squared_edges((1, 1, 1), mask.shape)
    packed = in_planes(mask, weights)
    before = packed.copy()
    across_planes(packed, weights)
    np.testing.assert_array_equal(packed, before)


def test_layout_in_memory_does_not_matter():
    mask = np.random.default_rng(3).random((5, 6, 7)) < 0.8
    weights = squared_edges((3, 2, 1), mask.shape)
    for other in (np.asfortranarray(mask), mask.astype(np.uint8)):
        np.testing.assert_array_equal(
            squared_distance(other, weights), squared_distance(mask, weights)
        )


def test_weights_are_exact_where_they_can_be():
    assert squared_edges((0.3, 0.2, 0.7), (9, 9, 9)) == (2.25, 1.0, 12.25)
    rough = squared_edges((1.0, 1.1, 1.3), (4096, 4096, 4096))
    # 2**-24, half the unit, beside 1.
    assert rough == pytest.approx((1.0, 1.21, 1.69), abs=2**-24)


def test_what_cannot_be_exact_is_refused():
    with pytest.raises(InputDataError, match="65535"):
        squared_edges((1, 1, 1), (1, 1, 70_000))
    with pytest.raises(InputDataError, match="unlike"):
        squared_edges((1, 1, 1e-9), (5, 5, 5))
