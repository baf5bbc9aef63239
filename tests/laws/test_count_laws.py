"""Laws of counts that other measures follow from: cutting changes no bit, names do not matter."""

from __future__ import annotations

import dataclasses
from functools import partial
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks import area_compat as compat_blocks
from ssbtomo.blocks import intrinsic as intrinsic_blocks
from ssbtomo.blocks import soft_areas as soft_blocks
from ssbtomo.errors import InputDataError
from ssbtomo.kernels import area_compat, area_gradient, area_meshes, intrinsic, soft_areas

PHASES = [0, 1, 3]

volumes = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9),
    elements=st.integers(0, 4),
)
blocks = st.tuples(*[st.integers(1, 10)] * 3)
spacings = st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (0.5, 0.25, 1.0)])


@given(volumes, blocks)
@settings(max_examples=40)
def test_cutting_changes_no_contact(labels, block):
    whole = area_compat.contact_counts(labels, PHASES)
    cut = compat_blocks.contact_counts(labels, PHASES, Grid(labels.shape, block), SERIAL)
    np.testing.assert_array_equal(cut.neighbours, whole.neighbours)
    np.testing.assert_array_equal(cut.edges, whole.edges)


@given(volumes, blocks, spacings)
@settings(max_examples=30)
def test_cutting_changes_no_gradient(labels, block, spacing):
    cut = partial(
        compat_blocks.gradient_areas, labels, spacing, PHASES, Grid(labels.shape, block), SERIAL
    )
    if min(labels.shape) < 2:
        with pytest.raises(InputDataError, match="no gradient"):
            cut()
        return
    sums = area_gradient.gradient_sums(labels, PHASES, spacing)
    np.testing.assert_array_equal(cut(), area_gradient.gradient_areas(sums, spacing))


@given(volumes, blocks)
@settings(max_examples=20)
def test_cutting_changes_no_pattern_of_a_mesh(labels, block):
    whole = area_meshes.mesh_counts(labels, PHASES)
    grid = Grid(labels.shape, block)
    cut = area_meshes.join_meshes(
        area_meshes.mesh_counts(labels[part.window(2, 2)], PHASES, inner=part.inner(2))
        for part in grid
    )
    np.testing.assert_array_equal(cut.highest, whole.highest)
    np.testing.assert_array_equal(cut.touching, whole.touching)
    for here, there in zip(cut.single + cut.joined, whole.single + whole.joined, strict=True):
        np.testing.assert_array_equal(here, there)


@given(volumes, blocks, spacings, st.sampled_from([6, 26]))
@settings(max_examples=40)
def test_cutting_changes_no_intrinsic_volume(labels, block, spacing, connectivity):
    whole = intrinsic.intrinsic_volumes(labels, spacing, PHASES, connectivity=connectivity)
    cut = intrinsic_blocks.intrinsic_volumes(
        labels, spacing, PHASES, Grid(labels.shape, block), SERIAL, connectivity=connectivity
    )
    for here, there in zip(cut, whole, strict=True):
        np.testing.assert_array_equal(dataclasses.astuple(here), dataclasses.astuple(there))


@given(
    hnp.arrays(np.uint8, st.tuples(st.just(3), *[st.integers(1, 14)] * 3)),
    st.tuples(*[st.integers(4, 9)] * 3),
    spacings,
    st.booleans(),
)
@settings(max_examples=10)
def test_cutting_changes_no_soft_area(fractions, block, spacing, floats):
    shares = fractions / 765 if floats else fractions // 3
    whole = soft_areas.soft_areas(shares, spacing)
    grid = Grid(shares.shape[1:], block)
    np.testing.assert_array_equal(
        soft_blocks.soft_areas(list(shares), spacing, grid, SERIAL), whole
    )


def test_cutting_changes_no_mesh():
    pytest.importorskip("skimage")
    rng = np.random.default_rng(1)
    labels = np.repeat(rng.integers(0, 3, (4, 9, 10)), 3, axis=0).astype(np.uint8)
    whole = area_meshes.mesh_areas(area_meshes.mesh_counts(labels, [0, 1, 2]), (1, 1, 2))
    for block in [(5, 9, 3), (12, 1, 10)]:
        grid = Grid(labels.shape, block)
        cut = compat_blocks.mesh_areas(labels, (1, 1, 2), [0, 1, 2], grid, SERIAL)
        np.testing.assert_array_equal(cut[0], whole[0])
        np.testing.assert_array_equal(cut[1], whole[1])


def test_workers_change_no_bit():
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.integers(0, 4, (10, 12, 8)), 3, axis=0).astype(np.uint8)
    grid = Grid(labels.shape, (17, 5, 8))
    shares = np.stack([(labels == phase).astype(np.float32) for phase in PHASES])
    spacing = (1.0, 2.0, 1.0)
    with Engine.start("threads", 2) as engine:
        counts = compat_blocks.contact_counts(labels, PHASES, grid, engine)
        patterns = intrinsic_blocks.intrinsic_volumes(labels, spacing, PHASES, grid, engine)
        soft = soft_blocks.soft_areas(list(shares), spacing, grid, engine)
        gradients = compat_blocks.gradient_areas(labels, spacing, PHASES, grid, engine)
    whole = area_compat.contact_counts(labels, PHASES)
    np.testing.assert_array_equal(counts.neighbours, whole.neighbours)
    assert patterns == intrinsic.intrinsic_volumes(labels, spacing, PHASES)
    np.testing.assert_array_equal(soft, soft_areas.soft_areas(shares, spacing))
    sums = area_gradient.gradient_sums(labels, PHASES, spacing)
    np.testing.assert_array_equal(gradients, area_gradient.gradient_areas(sums, spacing))


@given(volumes, st.permutations(range(3)))
@settings(max_examples=20)
def test_axes_may_be_swapped(labels, order):
    spacing = (2.0, 1.0, 1.5)
    moved = labels.transpose(order).copy()
    turned = tuple(spacing[k] for k in order)
    still = intrinsic.intrinsic_volumes(labels, spacing, PHASES)
    other = intrinsic.intrinsic_volumes(moved, turned, PHASES)
    for one, two in zip(still, other, strict=True):
        # Voronoi shares of the directions are computed anew: rounding.
        assert dataclasses.astuple(two) == pytest.approx(
            dataclasses.astuple(one), rel=1e-9, abs=1e-9, nan_ok=True
        )


@given(volumes, st.permutations(range(5)))
@settings(max_examples=20)
def test_names_do_not_matter(labels, names):
    table = np.array(names, np.uint8)
    still = area_compat.contact_counts(labels, range(5))
    moved = area_compat.contact_counts(table[labels], range(5))
    pairs = list(combinations(range(5), 2))
    for row, pair in enumerate(pairs):
        renamed = pairs.index(tuple(sorted(names[k] for k in pair)))
        np.testing.assert_array_equal(moved.neighbours[renamed], still.neighbours[row])


def test_volumes_of_fractions_that_differ():
    one, other = np.zeros((4, 4, 4), np.float32), np.zeros((4, 4, 5), np.float32)
    grid = Grid((4, 4, 4), (4, 4, 4))
    with pytest.raises(InputDataError, match="one shape and one type"):
        soft_blocks.soft_areas([one, other], (1.0, 1.0, 1.0), grid, SERIAL)
