"""The parts of the partial-volume repair, each where its answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi
from scipy.special import ndtr

from ssbtomo.kernels.plateaus import Plateaus, find_plateaus, joint_histogram, seed_tables
from ssbtomo.kernels.repair import (
    gradient_levels,
    nearby_phases,
    plant_seeds,
    restore_thin,
    settle,
)
from ssbtomo.kernels.thresholds import Classes


def test_the_gradient_of_a_ramp_counts_the_spacing():
    z, y, _ = np.indices((7, 7, 7)).astype(np.float32)
    out = np.empty((7, 7, 7), np.uint16)
    gradient_levels(3 * z + 4 * y, tuple(np.float32([0.5, 0.5, 0.5])), np.float32(10), out)
    assert out[3, 3, 3] == 50
    gradient_levels(3 * z, tuple(np.float32([0.25, 0.5, 0.5])), np.float32(10), out)
    assert out[3, 3, 3] == 15


def test_nearby_phases_are_those_in_the_box():
    labels = np.zeros((1, 3, 9), np.uint8)
    labels[0, 1, 1], labels[0, 2, 4] = 2, 3 + 128
    near = nearby_phases(labels, (1, 1, 2))
    assert near[0, 0].tolist() == [4, 4, 4, 4, 0, 0, 0, 0, 0]
    assert near[0, 1].tolist() == [4, 4, 12, 12, 8, 8, 8, 0, 0]


def edge(width):
    # Inclined, so that every grey value occurs.
    z, y, x = np.indices((16, 16, 60))
    place = (x - 30 + 0.4 * (y - 8) + 0.2 * (z - 8)) / np.sqrt(1.2)
    return (100 + 60 * ndtr(place / width)).astype(np.float32)


@pytest.mark.parametrize("width", [1.5, 2.5])
def test_plateaus_and_edge_width_are_measured(width):
    smooth = edge(width)
    levels = np.empty(smooth.shape, np.uint16)
    gradient_levels(smooth, tuple(np.float32([0.5] * 3)), np.float32(100), levels)
    joint = joint_histogram(smooth, levels, np.float32(99), np.float32(62 / 1024))
    assert joint.sum() == smooth.size
    centres = 99 + 62 / 1024 * (np.arange(1024) + 0.5)
    half = np.array([0.5, 0.5])
    classes = Classes(np.array([130.0]), np.array([100.0, 160.0]), half, half, 1.0)
    found = find_plateaus(joint, centres, classes, 100.0, narrowest=1.0)
    assert found.means == pytest.approx([100, 160], abs=0.1)
    # The central difference adds a variance of 1/3.
    assert found.edge_width == pytest.approx(np.sqrt(width**2 + 1 / 3), rel=0.03)


def test_an_edge_has_no_seed_of_the_middle_phase():
    plateaus = Plateaus(np.array([0.0, 50.0, 100.0]), np.zeros(3), 1.5, 0.1)
    centres = (np.arange(1024) + 0.5) * 100 / 1024
    tables = seed_tables(plateaus, centres, np.array([25.0, 75.0]), 50.0)
    x = np.arange(-20, 20) + 0.3
    profile = 100 * ndi.gaussian_filter1d((x > 0).astype(float), 1.5)
    smooth = np.broadcast_to(profile, (3, 3, 40)).astype(np.float32)
    levels, seeds = np.empty(smooth.shape, np.uint16), np.empty(smooth.shape, np.uint8)
    gradient_levels(smooth, tuple(np.float32([0.5] * 3)), np.float32(50), levels)
    plant_seeds(smooth, levels, (np.float32(0), np.float32(100 / 1024)), tables, seeds)
    assert set(np.unique(seeds)) == {0, 1, 3}
    flat = np.full((3, 3, 5), 50, np.float32)
    plant_seeds(
        flat,
        np.zeros(flat.shape, np.uint16),
        (np.float32(0), np.float32(100 / 1024)),
        tables,
        seeds[..., :5],
    )
    assert (seeds[..., :5] == 2).all()


def test_surfaces_settle_where_the_grey_value_says():
    smooth = np.float32([[[0, 1, 2, 3, 4, 5, 6, 7, 8]]])
    grown = np.uint8([[[1, 129, 129, 130, 130, 130, 130, 130, 2]]])
    boundaries = np.zeros((3, 3), np.float32)
    boundaries[1, 2] = 4.5
    near = nearby_phases(grown, (1, 1, 9))
    out = np.empty_like(grown)
    assert settle(smooth, grown, near, boundaries, out) == 1
    assert settle(smooth, out.copy(), near, boundaries, out) == 1
    assert (out & 127).ravel().tolist() == [1, 1, 1, 1, 1, 2, 2, 2, 2]
    assert settle(smooth, out.copy(), near, boundaries, out) == 0


def test_surfaces_rest_where_a_third_phase_is_near():
    smooth = np.zeros((1, 1, 4), np.float32)
    grown = np.uint8([[[1, 129, 130, 3]]])
    boundaries = np.full((4, 4), 5, np.float32)
    out = np.empty_like(grown)
    assert settle(smooth, grown, nearby_phases(grown, (1, 1, 3)), boundaries, out) == 0


def test_what_blur_cannot_explain_is_given_back():
    smooth = np.float32([[[0, 0, 60, 60, 100]]])
    grown = np.uint8([[[1, 129, 129, 129, 1]]])
    middles = np.float32([25, 75])
    labels = grown.copy()
    assert restore_thin(smooth, nearby_phases(grown, (1, 1, 4)), middles, labels) == 2
    assert (labels & 127).ravel().tolist() == [1, 1, 2, 2, 1]
    between = np.uint8([[[1, 129, 129, 129, 3]]])
    assert restore_thin(smooth, nearby_phases(between, (1, 1, 4)), middles, between) == 0
