"""Laws of sizes and cracks: mirrors, turned axes and units change nothing but the labels' order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from ssbtomo.blocks import SERIAL, Grid
from ssbtomo.blocks import cracks as blocks
from ssbtomo.blocks.cracks import CrackRules
from ssbtomo.kernels.particles import moments, particle_table, separate
from ssbtomo.kernels.thickness import size_distribution

masks = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=8))
spacings = st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (0.5, 0.25, 1.0)])
orders = st.permutations(range(3))


def split_cracks(mask, spacing, **rules):
    return blocks.split_cracks(
        mask, spacing, Grid(mask.shape, (32, 32, 32)), SERIAL,
        allocate=lambda _, dtype: np.zeros(mask.shape, dtype), rules=CrackRules(**rules),
    ).labels  # fmt: skip


def crack_table(labels, spacing):
    return blocks.crack_table(labels, spacing, Grid(labels.shape, (32, 32, 32)), SERIAL)


def measurable(mask):
    return mask.any() and not mask.all()


@given(masks, spacings)
def test_particles_fill_the_phase_exactly(mask, spacing):
    labels = separate(mask, spacing)
    np.testing.assert_array_equal(labels > 0, mask)
    rows = particle_table(labels, spacing)
    assert rows["voxels"].sum() == mask.sum()
    assert rows["particle"].tolist() == list(range(1, labels.max() + 1))
    firsts = [np.flatnonzero(labels == k)[0] for k in rows["particle"]]
    assert firsts == sorted(firsts)


@given(masks, spacings)
def test_particles_are_pieces_and_no_fewer_than_components(mask, spacing):
    labels = separate(mask, spacing)
    joined, count = ndimage.label(mask, np.ones((3, 3, 3)))
    assert labels.max() >= count
    for k in range(1, labels.max() + 1):
        assert np.unique(joined[labels == k]).size == 1


@given(masks)
def test_any_depth_joins_what_touches(mask):
    if not mask.all():
        _, count = ndimage.label(mask, np.ones((3, 3, 3)))
        assert separate(mask, (1, 1, 1), depth=100.0).max() == count


@given(masks, spacings, orders)
def test_tables_turn_with_the_axes(mask, spacing, order):
    labels, _ = ndimage.label(mask)
    turned = particle_table(labels.transpose(order), tuple(spacing[k] for k in order))
    still = particle_table(labels, spacing)
    for name in ("voxels", "volume_um3", "diameter_um", "touches_border"):
        np.testing.assert_array_equal(turned[name], still[name])
    for name in ("long_um", "middle_um", "short_um"):
        # Eigenvalues of a matrix and of the same matrix turned: rounding only.
        np.testing.assert_allclose(turned[name], still[name], rtol=1e-6)


@given(masks, st.integers(1, 7))
def test_moments_add_over_a_cut(mask, cut):
    labels = mask.astype(np.int32)
    if cut >= mask.shape[0] or not (mask[:cut].any() and mask[cut:].any()):
        return
    far = np.zeros_like(labels)
    far[cut:] = labels[cut:]
    near = labels - far
    np.testing.assert_array_equal(moments(near).sums + moments(far).sums, moments(labels).sums)


@settings(max_examples=25)
@given(masks, spacings, orders, st.sampled_from([0.125, 4.0]))
def test_sizes_turn_and_scale(mask, spacing, order, factor):
    if not measurable(mask):
        return
    still = size_distribution(mask, spacing)
    turned = size_distribution(
        mask.transpose(order)[::-1], tuple(factor * spacing[k] for k in order)
    )
    # float32 distances: sums of squares in another order may round differently.
    np.testing.assert_allclose(turned.diameter_um, factor * still.diameter_um, rtol=1e-6)
    np.testing.assert_allclose(turned.volume_fraction, still.volume_fraction, atol=1e-9)


@pytest.fixture(scope="module")
def cracked():
    """Two pennies, one through a pore, and round pores beside them."""
    z, y, x = np.ogrid[:44, :52, :60]
    one = (abs(z - 14 + 0.3 * (y - 25)) <= 1.1) & ((y - 25) ** 2 + (x - 22) ** 2 <= 256)
    two = (abs(x - 46) <= 1.5) & ((y - 25) ** 2 + (z - 24) ** 2 <= 225)
    pores = [
        (z - 14) ** 2 + (y - 25) ** 2 + (x - 30) ** 2 <= 64,
        (z - 33) ** 2 + (y - 40) ** 2 + (x - 20) ** 2 <= 36,
    ]
    return np.logical_or.reduce(np.broadcast_arrays(one, two, *pores))


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1, 2)])
def test_cracks_are_mirrored_with_the_volume(cracked, axes):
    labels = split_cracks(cracked, (1, 1, 1))
    assert labels.max() == 2
    mirrored = split_cracks(np.flip(cracked, axes), (1, 1, 1))
    np.testing.assert_array_equal(mirrored > 0, np.flip(labels > 0, axes))


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 0, 1), (2, 1, 0)])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.5, 1.0, 1.0)])
def test_cracks_turn_with_the_axes(cracked, order, spacing):
    turned_spacing = tuple(spacing[k] for k in order)
    still = split_cracks(cracked, spacing)
    turned = split_cracks(cracked.transpose(order), turned_spacing)
    np.testing.assert_array_equal(turned > 0, still.transpose(order) > 0)
    one, other = crack_table(still, spacing), crack_table(turned, turned_spacing)
    # Fixed-point sums over gradients that round differently: a few of a billion.
    assert np.sort(other["area_um2"]) == pytest.approx(np.sort(one["area_um2"]), rel=1e-6)


@pytest.mark.parametrize("factor", [0.01, 8.0])
def test_cracks_scale_with_the_voxel(cracked, factor):
    still = split_cracks(cracked, (1, 1, 1))
    scaled = split_cracks(cracked, (factor,) * 3)
    np.testing.assert_array_equal(scaled, still)
    one, other = crack_table(still, (1, 1, 1)), crack_table(scaled, (factor,) * 3)
    assert other["area_um2"] == pytest.approx(factor**2 * one["area_um2"])
    assert other["aperture_um"] == pytest.approx(factor * one["aperture_um"])
    assert other["extent_um"] == pytest.approx(factor * one["extent_um"])


@settings(max_examples=25)
@given(masks)
def test_cracks_are_part_of_the_void(mask):
    labels = split_cracks(mask, (1, 1, 1), min_extent=2.0, aspect=1.5)
    assert not labels[~mask].any()
    found = np.unique(labels[labels > 0])
    np.testing.assert_array_equal(found, np.arange(1, found.size + 1))
