"""Laws of areas and counts: cutting, adding, swapping, naming, scaling."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ssbtomo.blocks import SERIAL, Grid
from ssbtomo.blocks.areas import interface_areas
from ssbtomo.blocks.fractions import phase_counts
from ssbtomo.kernels import areas as kernels
from ssbtomo.kernels import fractions

PHASES = [0, 1, 2, 3]
ONE = (1.0, 1.0, 1.0)

volumes = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=12),
    elements=st.integers(0, 4),
)
blocks = st.tuples(*[st.integers(1, 13)] * 3)
spacings = st.sampled_from([ONE, (2.0, 1.0, 1.0), (0.5, 0.25, 1.0), (1.0, 1.0, 3.0)])


def coarse(seed: int, size: int = 24) -> np.ndarray:
    """Rounded regions of four phases, with every pair and triple."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, size, (14, 3))
    grid = np.indices((size, size - 2, size + 3)).reshape(3, -1).T
    nearest = ((grid[:, None] - points) ** 2).sum(axis=2).argmin(axis=1)
    return rng.integers(0, 4, 14)[nearest].reshape(size, size - 2, size + 3).astype(np.uint8)


def same(one: kernels.InterfaceAreas, other: kernels.InterfaceAreas) -> bool:
    fields = ("area_um2", "crofton_um2", "faces_um2", "triple_um", "disagreeing")
    return all(getattr(one, name) == getattr(other, name) for name in fields)


@given(volumes, blocks, spacings)
@settings(max_examples=40)
def test_cutting_changes_no_bit(labels, block, spacing):
    whole = kernels.interface_areas(labels, spacing, PHASES)
    cut = interface_areas(labels, spacing, PHASES, Grid(labels.shape, block), SERIAL)
    assert same(whole, cut)


@pytest.mark.parametrize("block", [(17, 17, 17), (8, 64, 5), (64, 64, 64)])
def test_cutting_coarse_regions_changes_no_bit(block):
    labels = coarse(1, 30)
    whole = kernels.interface_areas(labels, (2.0, 1.0, 1.0), PHASES)
    cut = interface_areas(labels, (2.0, 1.0, 1.0), PHASES, Grid(labels.shape, block), SERIAL)
    assert same(whole, cut)


@given(volumes, blocks)
def test_cutting_changes_no_count_of_voxels(labels, block):
    whole = fractions.phase_counts(labels, PHASES)
    cut = phase_counts(labels, PHASES, Grid(labels.shape, block), SERIAL)
    np.testing.assert_array_equal(cut.total, whole.total)
    for one, other in zip(cut.along, whole.along, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(other.sum(axis=1), whole.total)


@given(st.permutations(range(3)), st.integers(0, 3))
@settings(max_examples=12)
def test_axes_may_be_swapped(order, seed):
    labels, spacing = coarse(seed), (2.0, 1.0, 1.5)
    still = kernels.interface_areas(labels, spacing, PHASES)
    moved = kernels.interface_areas(
        labels.transpose(order).copy(), tuple(spacing[k] for k in order), PHASES
    )
    # All but the last rounding of a face's weight to 2**-20 is integer arithmetic.
    assert moved.area_um2 == pytest.approx(still.area_um2, rel=1e-6)
    assert moved.triple_um == pytest.approx(still.triple_um, rel=1e-6)
    assert moved.faces_um2 == pytest.approx(still.faces_um2, rel=1e-12)
    assert moved.crofton_um2 == pytest.approx(still.crofton_um2, rel=1e-9)


@given(volumes, st.sampled_from([0, 1, 2]))
@settings(max_examples=25)
def test_a_mirror_changes_nothing(labels, axis):
    still = kernels.interface_areas(labels, ONE, PHASES)
    moved = kernels.interface_areas(np.flip(labels, axis).copy(), ONE, PHASES)
    assert moved.crofton_um2 == pytest.approx(still.crofton_um2, rel=1e-12)
    assert moved.area_um2 == pytest.approx(still.area_um2, rel=1e-6, abs=1e-6)
    assert moved.triple_um == pytest.approx(still.triple_um, rel=1e-6)


@given(volumes, st.permutations(range(4)))
@settings(max_examples=25)
def test_names_do_not_matter(labels, names):
    still = kernels.interface_areas(labels, ONE, PHASES)
    table = np.array([*names, 4], np.uint8)
    moved = kernels.interface_areas(table[labels], ONE, PHASES)
    for pair in combinations(PHASES, 2):
        renamed = tuple(sorted(names[k] for k in pair))
        assert moved.area_um2[renamed] == pytest.approx(still.area_um2[pair], rel=1e-6, abs=1e-6)
        assert moved.crofton_um2[renamed] == pytest.approx(still.crofton_um2[pair], rel=1e-12)
    for triple in combinations(PHASES, 3):
        renamed = tuple(sorted(names[k] for k in triple))
        assert moved.triple_um[renamed] == pytest.approx(still.triple_um[triple], rel=1e-6)


@given(volumes, st.floats(1e-3, 1e3))
@settings(max_examples=25)
def test_areas_scale_with_the_square_and_lines_with_the_spacing(labels, scale):
    small = kernels.interface_areas(labels, ONE, PHASES)
    large = kernels.interface_areas(labels, (scale, scale, scale), PHASES)
    for name, power in (("area_um2", 2), ("crofton_um2", 2), ("faces_um2", 2), ("triple_um", 1)):
        scaled = {key: value * scale**power for key, value in getattr(small, name).items()}
        assert getattr(large, name) == pytest.approx(scaled, rel=1e-9)


def test_far_apart_objects_add():
    """Two objects further apart than the smoothing reaches have the sum of their areas."""
    one, other = np.zeros((40, 16, 16), np.uint8), np.zeros((40, 16, 16), np.uint8)
    one[4:10, 4:9, 3:11] = 1
    other[28:35, 5:12, 4:9] = 1
    single = [kernels.interface_areas(part, ONE, [0, 1]).area_um2[0, 1] for part in (one, other)]
    both = kernels.interface_areas(one + other, ONE, [0, 1]).area_um2[0, 1]
    assert both == pytest.approx(sum(single), rel=1e-12)


@given(volumes)
@settings(max_examples=25)
def test_crofton_faces_and_areas_are_never_negative(labels):
    areas = kernels.interface_areas(labels, ONE, PHASES)
    for name in ("area_um2", "crofton_um2", "faces_um2", "triple_um"):
        assert min(getattr(areas, name).values()) >= 0


@given(volumes)
@settings(max_examples=25)
def test_faces_are_those_of_a_direct_count(labels):
    areas = kernels.interface_areas(labels, (1.0, 2.0, 4.0), PHASES)
    face = (8.0, 4.0, 2.0)
    for a, b in combinations(PHASES, 2):
        count = 0.0
        for axis in range(3):
            along = np.moveaxis(labels, axis, 0)
            near, far = along[:-1], along[1:]
            unlike = ((near == a) & (far == b)) | ((near == b) & (far == a))
            count += np.count_nonzero(unlike) * face[axis]
        assert areas.faces_um2[a, b] == count
