"""Graded phases: the planted composition comes back, whatever the cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from ssbtomo.blocks import SERIAL, Grid
from ssbtomo.blocks.graded import end_members, grade
from ssbtomo.errors import PhaseMissingError
from ssbtomo.kernels.graded import OFFSET, SCALE, Grading

RULE = Grading(3000.0, 2000.0, (1.0, 1.0, 1.0), (2.0, 2.0, 2.0))


def _planted(shape=(30, 28, 32), noise=40.0, seed=0):
    """A phase whose composition rises from 0 to 1 along z, in a dark matrix, blurred and noisy."""
    rng = np.random.default_rng(seed)
    field = ndi.gaussian_filter(rng.standard_normal(shape), 5.0)
    labels = (field > np.quantile(field, 0.4)).astype(np.uint8)
    share = np.broadcast_to(np.linspace(0, 1, shape[0])[:, None, None], shape)
    grey = np.where(labels == 1, 3000 - 1000 * share, 1000.0)
    grey = ndi.gaussian_filter(grey, 0.8) + rng.normal(0, noise, shape)
    return np.clip(np.rint(grey), 0, 65535).astype(np.uint16), labels, share


def test_the_planted_composition_comes_back():
    image, labels, share = _planted()
    codes = np.zeros(image.shape, np.uint16)
    found = grade((image, labels), 1, RULE, Grid(image.shape, image.shape), SERIAL, sink=codes)
    kept = codes > 0
    assert (labels[kept] == 1).all()
    away = codes[kept] * SCALE + OFFSET - share[kept]
    # 40 / 1000 of noise over some ten voxels, and the smoothing at the ends of the ramp
    assert np.abs(away).mean() < 0.02
    assert found.mean == pytest.approx(share[kept].mean(), abs=0.005)
    assert found.quantile(0.5) == pytest.approx(np.median(share[kept]), abs=0.03)
    mean, _ = found.profile()
    seen = np.isfinite(mean)
    np.testing.assert_allclose(mean[seen][2:-2], share[seen, 0, 0][2:-2], atol=0.03)


def test_edge_voxels_would_lie_without_the_margin():
    image, labels, share = _planted()
    bare = Grading(3000.0, 2000.0, (0.5,) * 3, (0.5,) * 3)
    found = grade((image, labels), 1, bare, Grid(image.shape, image.shape), SERIAL)
    assert found.mean > share[labels == 1].mean() + 0.05  # dark matrix mixed in looks lithiated


@given(st.tuples(*[st.integers(6, 32)] * 3))
@settings(max_examples=4)
def test_any_cut_gives_the_same_codes_and_sums(block):
    image, labels, _ = _planted()
    objects, _ = ndi.label(labels == 1)
    found = []
    for size in (image.shape, block):
        codes = np.zeros(image.shape, np.uint16)
        grid = Grid(image.shape, tuple(map(min, size, image.shape)))
        result = grade((image, labels), 1, RULE, grid, SERIAL, axis=1, objects=objects, sink=codes)
        ends = end_members((image, labels), 1, RULE, grid, SERIAL, bounds=(0.0, 4000.0))
        found.append(
            (codes, result.counts, result.slices, result.by_object, result.object_sums, ends)
        )
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_objects_have_their_own_values():
    image = np.full((9, 9, 22), 1000, np.uint16)
    image[:, :, :10], image[:, :, 12:] = 3000, 2000
    labels = (image != 1000).astype(np.uint8)
    objects, _ = ndi.label(labels)
    result = grade((image, labels), 1, RULE, Grid(image.shape, (9, 9, 7)), SERIAL, objects=objects)
    rows = result.object_rows()
    np.testing.assert_allclose(rows["mean"], [0, 1], atol=1e-4)  # a code is 3e-5 wide
    np.testing.assert_allclose(rows["q50"], [0, 1], atol=0.005)


def test_a_phase_without_inside_has_no_end_members():
    image, labels, _ = _planted((8, 8, 8))
    labels[:] = 0
    with pytest.raises(PhaseMissingError, match="well inside"):
        end_members((image, labels), 1, RULE, Grid((8, 8, 8), (8, 8, 8)), SERIAL, bounds=(0.0, 1.0))
