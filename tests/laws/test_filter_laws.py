"""Filters and histograms give the same bits for any cut; filters keep flat images flat."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ssbtomo.blocks import SERIAL, Grid
from ssbtomo.blocks.filters import apply_filter, denoise, estimate_noise
from ssbtomo.blocks.histogram import grey_summary
from ssbtomo.kernels.derivatives import gradient_magnitude, structure_tensor
from ssbtomo.kernels.filters import gaussian, median
from ssbtomo.testing.strategies import spacings

shapes = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=12)
volumes = st.sampled_from([np.uint8, np.uint16, np.float32]).flatmap(
    lambda kind: hnp.arrays(
        kind,
        shapes,
        elements=st.integers(0, 200) if kind != np.float32 else st.floats(-50, 50, width=32),
    )
)
cuts = st.tuples(*[st.integers(1, 7)] * 3)

FILTERS = [
    ("gaussian", {"sigma": (0.5, 0.0, 1.3)}),
    ("median", {"radius": 1}),
    ("nlm", {"noise": 5.0, "patch": 1, "distance": 1}),
    ("tv", {"noise": 5.0, "iterations": 3}),
]


@pytest.mark.parametrize(("method", "parameters"), FILTERS)
@settings(max_examples=15)
@given(volumes, cuts)
def test_chunking_never_changes_a_bit(method, parameters, image, cut):
    kind = image.dtype if method == "median" else np.float32
    whole, parts = np.empty(image.shape, kind), np.empty(image.shape, kind)
    denoise(image, whole, Grid(image.shape, image.shape), SERIAL, method, **parameters)
    denoise(image, parts, Grid(image.shape, cut), SERIAL, method, **parameters)
    np.testing.assert_array_equal(parts, whole)


scales = st.floats(0, 2, width=16)


@settings(max_examples=15)
@given(volumes, cuts, spacings(smallest=0.5, largest=2.0), scales)
def test_chunking_never_changes_a_bit_of_the_gradient(image, cut, spacing, sigma):
    parts = np.empty(image.shape, np.float32)
    grid = Grid(image.shape, cut)
    apply_filter(image, parts, grid, SERIAL, "gradient", spacing=spacing, sigma=sigma)
    np.testing.assert_array_equal(parts, gradient_magnitude(image, spacing, sigma))


@settings(max_examples=15)
@given(volumes, cuts, spacings(smallest=0.5, largest=2.0), scales, scales)
def test_nor_of_the_structure_tensor(image, cut, spacing, sigma, integration):
    parts = [np.empty(image.shape, np.float32) for _ in range(3)]
    apply_filter(
        image, parts, Grid(image.shape, cut), SERIAL, "structure-tensor",
        spacing=spacing, sigma=sigma, integration=integration,
    )  # fmt: skip
    whole = structure_tensor(image, spacing, sigma, integration)
    np.testing.assert_array_equal(np.stack(parts, axis=-1), whole)


@given(volumes, cuts)
def test_chunking_never_changes_the_histogram(image, cut):
    whole = grey_summary(image, Grid(image.shape, image.shape), SERIAL)
    parts = grey_summary(image, Grid(image.shape, cut), SERIAL)
    assert parts.span == whole.span
    assert parts.histogram.low == whole.histogram.low
    np.testing.assert_array_equal(parts.histogram.counts, whole.histogram.counts)
    assert parts.histogram.total == image.size


@given(volumes)
def test_the_noise_is_estimated_without_regard_to_the_sign_of_the_image(image):
    grey = image.astype(np.float32)
    assert estimate_noise(-grey, SERIAL) == estimate_noise(grey, SERIAL)


@given(shapes, st.integers(0, 255))
def test_flat_images_stay_flat(shape, value):
    image = np.full(shape, value, np.uint8)
    # Weights sum to one within float32 rounding.
    np.testing.assert_allclose(gaussian(image, 1.0), value, rtol=1e-6)
    np.testing.assert_array_equal(median(image), image)
    # Sums of ± weights times the value, in float32.
    assert gradient_magnitude(image, (1, 1, 1), 1.0).max() <= 1e-6 * (value + 1)


@given(volumes, st.sampled_from([0.5, 2.0, 8.0]))
def test_gradients_scale_with_the_voxel_size(image, factor):
    # Powers of two: no rounding changes. At most one tap per voxel keeps sigma in voxels.
    small = gradient_magnitude(image, (1, 1, 2), 1.0)
    large = gradient_magnitude(image, (factor, factor, 2 * factor), factor)
    np.testing.assert_array_equal(large * np.float32(factor), small)


@given(volumes, st.permutations(range(3)))
def test_axes_may_be_swapped_under_the_median(image, order):
    moved = median(np.ascontiguousarray(image.transpose(order)))
    np.testing.assert_array_equal(moved, median(image).transpose(order))
