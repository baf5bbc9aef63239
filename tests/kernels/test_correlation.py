"""Two-point correlations with known answers: layers, checkerboards, overlapping spheres."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ssbtomo.kernels.correlation import PairCounts, line_pairs


def counted(labels, phases, lags):
    z, y, x = (
        line_pairs(labels, phases, min(lags, size - 1), axis)
        for axis, size in enumerate(labels.shape)
    )
    return PairCounts((z, y, x), labels.shape)


def test_a_checkerboard_alternates():
    board = (np.indices((6, 8, 10)).sum(axis=0) % 2).astype(np.uint8)
    found = counted(board, [0, 1], 4)
    for axis in range(3):
        share = found.probability(axis)
        np.testing.assert_array_equal(share[0::2, 0, 0], 0.5)
        np.testing.assert_array_equal(share[1::2, 0, 0], 0)
        np.testing.assert_array_equal(share[1::2, 0, 1], 0.5)


def test_layers_repeat_after_their_period_and_last_for_ever_within_their_plane():
    layers = np.zeros((41, 5, 70), np.uint8)  # 70: rows that end within a machine word
    layers[np.arange(41) % 5 < 2] = 1
    found = counted(layers, [1], 5)
    # Of a period of 5 voxels, the first 2 are of the phase; 41 voxels hold 8 periods and one.
    np.testing.assert_array_equal(found.counts[0][:, 0, 0], np.array([17, 8, 0, 0, 8, 15]) * 350)
    np.testing.assert_array_equal(found.probability(1)[:, 0, 0], 17 / 41)
    np.testing.assert_array_equal(found.probability(2)[:, 0, 0], 17 / 41)


def test_flat_layers_show_two_thirds_of_their_surface():
    layers = np.repeat(np.arange(100) % 2, 4).astype(np.uint8)[:, None, None] * np.ones((1, 3, 3))
    found = counted(layers.astype(np.uint8), [0, 1], 2)
    # 99 interfaces on 399 steps of 0.5 µm.
    assert found.surface_density(0, (0.5, 1, 1)) == pytest.approx(2 / 3 * 99 / 399 / 0.5)


def test_what_is_nowhere_or_everywhere_has_no_lengths():
    found = counted(np.ones((5, 5, 5), np.uint8), [0, 1], 2)
    for phase in (0, 1):
        assert math.isnan(found.correlation_length(phase, 0, 1.0))
        assert math.isnan(found.integral_range(phase, (1, 1, 1)))
        assert found.surface_density(phase, (1, 1, 1)) == 0
    assert math.isnan(counted(np.ones((1, 5, 5), np.uint8), [1], 0).surface_density(0, (1, 1, 1)))


def test_a_correlation_that_does_not_decay_within_the_lags_has_no_length():
    halves = np.zeros((20, 4, 4), np.uint8)
    halves[10:] = 1
    assert math.isnan(counted(halves, [1], 3).correlation_length(0, 0, 1.0))
    assert math.isnan(counted(halves, [1], 19).correlation_length(0, 0, 1.0))


def test_random_cubes_have_triangles_for_covariance():
    # Cubes of edge 4 in a lattice with a random origin, which is what the lines sample: the
    # covariance falls to zero over 4 voxels, so that half of its integral over both signs is 2.
    coarse = np.random.default_rng(2).random((24, 24, 24)) < 0.4
    cubes = coarse.repeat(4, 0).repeat(4, 1).repeat(4, 2)
    found = counted(cubes, [True], 24)
    # 13 824 cubes: the fraction is right to 1 %, covariances to about as much, and the
    # tail goes on until noise ends it.
    assert found.correlation_length(0, 0, 0.5) == pytest.approx(1.0, rel=0.06)
    # Summed over r², a triangle of foot 4 gives 4 pi 4³ / 12 = 67 in voxels of (0.5 µm)³.
    assert found.integral_range(0, (0.5, 0.5, 0.5)) == pytest.approx(67.0 / 8, rel=0.1)


RADIUS, SIDE = 6.0, 96
DENSITY = 0.7 / (4 / 3 * np.pi * RADIUS**3)
DISTANCE = np.linspace(0, 2 * RADIUS, 2001)


@pytest.fixture(scope="module")
def outside():
    """What lies outside balls about random points, of which some are beyond the faces."""
    rng = np.random.default_rng(7)
    room = SIDE + 2 * RADIUS
    centres = rng.random((rng.poisson(DENSITY * room**3), 3)) * room - RADIUS
    outside = np.ones((SIDE,) * 3, bool)
    for centre in centres:
        low = np.maximum(np.ceil(centre - RADIUS), 0).astype(int)
        high = np.clip(np.floor(centre + RADIUS) + 1, 0, SIDE).astype(int)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        z, y, x = (g - c for g, c in zip(np.ogrid[box], centre, strict=True))
        outside[box] &= z**2 + y**2 + x**2 > RADIUS**2
    return counted(outside, [True, False], 24)


def closed_form(distance):
    """exp(-density · union of two balls): S. Torquato, 2002, ch. 5."""
    ratio = np.minimum(np.asarray(distance, float) / (2 * RADIUS), 1)
    union = 4 / 3 * np.pi * RADIUS**3 * (1 + 1.5 * ratio - 0.5 * ratio**3)
    return np.exp(-DENSITY * union)


SHARE = closed_form(0)
COVARIANCE = (closed_form(DISTANCE) - SHARE**2) / (SHARE - SHARE**2)
RANGE = 4 * np.pi * np.trapezoid(DISTANCE**2 * COVARIANCE, DISTANCE)


def test_outside_of_random_balls_the_correlation_is_that_of_the_formula(outside):
    # The fraction of such a volume scatters by this much (Kanit et al., 2003), and so do its
    # correlations, whose values are no larger.
    scatter = math.sqrt(SHARE * (1 - SHARE) * RANGE / SIDE**3)
    assert scatter < 0.015
    for axis in range(3):
        found = outside.probability(axis)[:, 0, 0]
        np.testing.assert_allclose(found, closed_form(np.arange(25)), atol=3 * scatter)


def test_so_are_its_length_its_range_and_its_surface(outside):
    # About 1250 integral ranges: 3 % for the length, and more for its noisy end; the r² of the
    # range weighs that end.
    length = np.trapezoid(COVARIANCE, DISTANCE)
    for axis in range(3):
        assert outside.correlation_length(0, axis, 1.0) == pytest.approx(length, rel=0.12)
    assert outside.integral_range(0, (1, 1, 1)) == pytest.approx(RANGE, rel=0.25)
    # The slope over one voxel, for balls of radius 6, and the fraction's scatter of 3 %.
    surface = 4 * float(SHARE - closed_form(1))
    assert outside.surface_density(0, (1, 1, 1)) == pytest.approx(surface, rel=0.06)
    assert surface == pytest.approx(4 * SHARE * DENSITY * np.pi * RADIUS**2, rel=0.1)
