"""Known answers: planes, slabs, balls, and three phases that meet."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.areas import interface_areas
from ssbtomo.kernels.crofton import DIRECTIONS, crofton_factors
from ssbtomo.kernels.taps import smoothing_taps

SPACINGS = [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (1.0, 1.0, 4.0)]


def centres(shape, spacing):
    """Voxel centres along each axis, relative to the middle of the volume, for broadcasting."""
    axes = [(np.arange(n) - n / 2 + 0.5) * h for n, h in zip(shape, spacing, strict=True)]
    return np.meshgrid(*axes, indexing="ij", sparse=True)


def height(shape, spacing, normal):
    return sum(c * n for c, n in zip(centres(shape, spacing), normal, strict=True))


def section_area(normal, offset, size):
    """Area of the plane x . n = offset inside a box of the given size around the origin.

    It is the derivative by the offset of the volume below the plane, which for a box is a
    sum over its corners.
    """
    corners = np.array(np.meshgrid(*[[-s / 2, s / 2] for s in size], indexing="ij")).reshape(3, 8)
    signs = np.array(np.meshgrid(*[[1, -1]] * 3, indexing="ij")).reshape(3, 8).prod(axis=0)
    gaps = np.maximum(offset - np.asarray(normal) @ corners, 0.0)
    return float((signs * gaps**2).sum() / (2 * np.prod(normal)))


def random_normals(count, seed):
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def ball(radius, spacing, shift):
    shape = [int(np.ceil((2 * radius + 4 * max(spacing)) / h)) + 6 for h in spacing]
    squares = [
        (c - s * h) ** 2 for c, s, h in zip(centres(shape, spacing), shift, spacing, strict=True)
    ]
    return sum(squares) < radius**2


@pytest.mark.parametrize("spacing", SPACINGS)
def test_planes_of_any_orientation(spacing):
    shape = tuple(round(56 / h) for h in spacing)
    rng = np.random.default_rng(1)
    errors = []
    for normal in random_normals(24, seed=2):
        offset = rng.uniform(-2, 2)
        labels = (height(shape, spacing, normal) < offset).astype(np.uint8)
        truth = section_area(normal, offset, [n * h for n, h in zip(shape, spacing, strict=True)])
        errors.append(interface_areas(labels, spacing, [0, 1]).area_um2[0, 1] / truth - 1)
    # Measured over 200 planes each: mean below 0.2 %, worst 1.3 %; the goals are 1 % and 2 %.
    assert abs(np.mean(errors)) < 0.005
    assert np.max(np.abs(errors)) < 0.02


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_planes_along_the_axes_are_exact(spacing, axis):
    shape = (20, 21, 22)
    labels = np.zeros(shape, np.uint8)
    labels[(slice(None),) * axis + (slice(9, None),)] = 5
    truth = np.prod(
        [n * h for k, (n, h) in enumerate(zip(shape, spacing, strict=True)) if k != axis]
    )
    areas = interface_areas(labels, spacing, [0, 5])
    assert areas.area_um2[0, 5] == pytest.approx(truth, rel=1e-12)
    assert areas.faces_um2[0, 5] == pytest.approx(truth, rel=1e-12)


def same_volume_area(inside, spacing):
    """Area of the ball that has the volume of these voxels."""
    return np.cbrt(36 * np.pi * (np.count_nonzero(inside) * np.prod(spacing)) ** 2)


@pytest.mark.parametrize("radius", [4, 6, 10, 16])
def test_balls(radius):
    rng = np.random.default_rng(radius)
    areas = [
        interface_areas(
            ball(radius, (1, 1, 1), rng.uniform(-0.5, 0.5, 3)).astype(np.uint8), (1, 1, 1), [0, 1]
        )
        for _ in range(8)
    ]
    truth = 4 * np.pi * radius**2
    # Over 96 centres the mean is within 0.1 %; that of 8 balls of radius 4 scatters by 0.4 %.
    assert np.mean([a.area_um2[0, 1] for a in areas]) == pytest.approx(truth, rel=0.01)
    assert np.mean([a.crofton_um2[0, 1] for a in areas]) == pytest.approx(truth, rel=0.02)
    # Bare faces are 3/2 too large on average over all directions.
    assert np.mean([a.faces_um2[0, 1] for a in areas]) == pytest.approx(1.5 * truth, rel=0.02)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("radius", [4, 5, 8])
def test_every_ball_has_the_area_that_goes_with_its_volume(radius, spacing):
    """The scatter from ball to ball is that of their voxels, which all of the volume shows."""
    centres = [(0, 0, 0), (0.5, 0, 0), (0.5, 0.5, 0), (0.5, 0.5, 0.5), (0.35, 0.44, 0.4)]
    for shift in centres:
        inside = ball(radius * max(spacing), spacing, shift)
        area = interface_areas(inside.astype(np.uint8), spacing, [0, 1]).area_um2[0, 1]
        # Measured, 96 centres at each of 3 spacings: within 0.22 % at radius 4, 0.12 % from 5 on.
        assert area == pytest.approx(same_volume_area(inside, spacing), rel=0.004)


def test_no_estimator_knows_the_area_of_a_small_ball_around_a_voxel():
    """Balls of 3.75 and of 4 voxels are the same voxels there, and their areas 14 % apart."""
    squares = sum(g**2 for g in np.meshgrid(*[np.arange(-6.0, 7.0)] * 3, indexing="ij"))
    assert np.array_equal(squares < 3.75**2, squares < 4**2)
    labels = (squares < 4**2).astype(np.uint8)
    area = interface_areas(labels, (1, 1, 1), [0, 1]).area_um2[0, 1]
    assert 4 * np.pi * 3.75**2 < area < 4 * np.pi * 4**2


def test_nested_balls():
    grid = np.meshgrid(*[np.arange(50.0) - c for c in (20.123, 20.234, 20.345)], indexing="ij")
    radius = np.sqrt(sum(g**2 for g in grid))
    labels = sum((radius < r).astype(np.uint8) for r in (5, 10, 15))
    areas = interface_areas(labels, (1, 1, 1), [0, 1, 2, 3]).area_um2
    # The goal. Measured +0.11, +0.06 and +0.10 %.
    assert areas[2, 3] == pytest.approx(314.16, rel=0.02)
    assert areas[1, 2] == pytest.approx(1256.6, rel=0.02)
    assert areas[0, 2] == areas[0, 3] == areas[1, 3] == 0


@pytest.mark.parametrize("width", [1.5, 2.0, 3.0, 4.0])
def test_slabs_as_thin_as_cracks(width):
    shape, spacing = (48, 48, 48), (1.0, 1.0, 1.0)
    rng = np.random.default_rng(3)
    measured = truth = 0.0
    for normal in random_normals(8, seed=4):
        offset = rng.uniform(-1, 1)
        labels = (np.abs(height(shape, spacing, normal) - offset) < width / 2).astype(np.uint8)
        measured += interface_areas(labels, spacing, [0, 1]).area_um2[0, 1]
        truth += sum(section_area(normal, offset + s * width / 2, shape) for s in (-1, 1))
    # Both faces of the slab; the goal. Measured within 0.2 % on average.
    assert measured == pytest.approx(truth, rel=0.03)


def cut_ball(radius, spacing, seed):
    """A ball cut by a plane at 0.3 radii: phases 1 and 2 in phase 0, and their areas."""
    rng = np.random.default_rng(seed)
    normal, shift = random_normals(1, seed)[0], rng.uniform(-0.5, 0.5, 3)
    inside = ball(radius, spacing, shift)
    up = height(inside.shape, spacing, normal) - normal @ (shift * spacing) > 0.3 * radius
    labels = (inside * np.where(up, 1, 2)).astype(np.uint8)
    rim = radius * np.sqrt(1 - 0.3**2)
    truth = {
        (0, 1): 2 * np.pi * radius**2 * 0.7,
        (0, 2): 2 * np.pi * radius**2 * 1.3,
        (1, 2): np.pi * rim**2,
    }
    return labels, truth, 2 * np.pi * rim


@pytest.mark.parametrize(
    ("radius", "spacing"), [(20, (1.0, 1.0, 1.0)), (24, (2.0, 1.0, 1.0)), (30, (1.0, 1.0, 3.0))]
)
def test_a_ball_cut_by_a_plane(radius, spacing):
    for seed in range(5):
        labels, truth, rim = cut_ball(radius, np.array(spacing), seed)
        areas = interface_areas(labels, spacing, [0, 1, 2])
        for pair in combinations(range(3), 2):
            # Each of the three, for each draw: the goal. Measured: worst 1.2 %.
            assert areas.area_um2[pair] == pytest.approx(truth[pair], rel=0.02)
        # The goal is 2 % at 1:1 and 3 % at 3:1.
        assert areas.triple_um[0, 1, 2] == pytest.approx(rim, rel=0.03)


def test_a_normal_is_not_bent_by_the_end_of_the_volume():
    """A plane at 45 degrees through a box has the area of its section, ends included."""
    size = 40
    labels = np.add.outer(np.arange(size), np.arange(size))[:, :, None] < size - 0.5
    labels = np.repeat(labels, 30, axis=2).astype(np.uint8)
    area = interface_areas(labels, (1, 1, 1), [0, 1]).area_um2[0, 1]
    # One voxel of 40 is cut at each corner of the section, by choice of the offset.
    assert area == pytest.approx(np.sqrt(2) * (size - 0.5) * 30, rel=0.015)


def test_other_labels_are_left_out():
    labels = np.zeros((12, 12, 12), np.int64)
    labels[4:] = 7
    labels[8:] = -3
    areas = interface_areas(labels, (1, 1, 1), [0, 7])
    assert areas.area_um2 == {(0, 7): pytest.approx(144)}


def test_keys_follow_the_order_of_the_phases():
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[4:] = 9
    assert list(interface_areas(labels, (1, 1, 1), [9, 0, 3]).area_um2) == [(9, 0), (9, 3), (0, 3)]


def test_disagreement_is_flagged():
    """13 directions read a plane along the axes 7 % too small."""
    labels = np.zeros((24, 24, 24), np.uint8)
    labels[12:] = 1
    assert interface_areas(labels, (1, 1, 1), [0, 1]).disagreeing == ((0, 1),)


def test_more_phases_than_can_be():
    with pytest.raises(InputDataError, match="phases were asked for"):
        interface_areas(np.zeros((4, 4, 4), np.int32), (1, 1, 1), list(range(100)))


def test_crofton_weights_of_cubic_voxels():
    """The solid angles of 13 directions, as tabulated by Ohser and Schladitz."""
    factors = crofton_factors((1.0, 1.0, 1.0))
    lengths = np.linalg.norm(DIRECTIONS, axis=1)
    shares = {round(length**2): f * length for length, f in zip(lengths, factors, strict=True)}
    table = {1: 2 * 0.0457778912, 2: 2 * 0.0369806279, 3: 2 * 0.0351956398}
    assert shares == pytest.approx(table, rel=1e-6)


@pytest.mark.parametrize("sigma", [0.7, 1.5, 2.0, 8.0])
def test_both_rows_of_taps_smooth_alike(sigma):
    """Unlike variances would tilt normals towards the axes."""
    centred, between = smoothing_taps(sigma)
    reach = len(centred) // 2
    offsets = np.arange(-reach, reach + 1)
    assert centred.sum() == between.sum() == 2**15
    narrow = (centred * offsets**2).sum() / 2**15
    wide = (between * (offsets + 0.5) ** 2).sum() / 2**15
    # Rounding to 2**-15, at most half of that per tap.
    assert wide == pytest.approx(narrow, abs=len(centred) ** 3 * 2.0**-18)
