"""Voxel edges at which three phases meet."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.kernels.areas import interface_areas
from ssbtomo.kernels.normals import FIXED_POINT
from ssbtomo.kernels.triple import weigh_edges

ONE = (1.0, 1.0, 1.0)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_straight_line_along_an_axis_is_exact(axis):
    labels = np.zeros((14, 12, 12), np.uint8)
    labels[:, 6:, :] = 1
    labels[:, 6:, 6:] = 2
    labels = np.moveaxis(labels, 0, axis).copy()
    spacing = (0.5, 0.5, 0.5)
    lines = interface_areas(labels, spacing, [0, 1, 2]).triple_um
    assert lines[0, 1, 2] == pytest.approx(14 * 0.5, rel=1e-5)


def test_three_sectors_of_a_cylinder():
    """Interfaces at 120 degrees, on average over where the voxels fall."""
    size, depth = 41, 4
    measured, truth = np.zeros(4), np.zeros(4)
    for shift_y, shift_x in np.random.default_rng(0).uniform(-0.5, 0.5, (40, 2)):
        y, x = np.indices((size, size)) - (size - 1) / 2
        angle = np.arctan2(y - shift_y, x - shift_x) + np.pi
        sector = np.floor(angle / (2 * np.pi / 3)).astype(np.uint8) % 3
        areas = interface_areas(np.repeat(sector[None], depth, axis=0), ONE, [0, 1, 2])
        measured += [*areas.area_um2.values(), areas.triple_um[0, 1, 2]]
        steep = 1 / np.sin(np.pi / 3)
        half = size / 2
        lengths = [(half + shift_y) * steep, half + shift_x, (half - shift_y) * steep, 1]
        truth += depth * np.array(lengths)
    # Interfaces of 20 voxels, that lose 0.3 voxels each where they meet if nothing is done.
    assert measured == pytest.approx(truth, rel=0.006)


def test_a_circle_at_any_tilt():
    lengths = []
    rng = np.random.default_rng(0)
    for _ in range(6):
        normal = rng.normal(size=3)
        normal /= np.linalg.norm(normal)
        z, y, x = np.indices((40, 40, 40)) - 19.5 + rng.uniform(-0.5, 0.5, (3, 1, 1, 1))
        labels = (z**2 + y**2 + x**2 < 15**2).astype(np.uint8)
        labels[(labels > 0) & (z * normal[0] + y * normal[1] + x * normal[2] > 0)] = 2
        lengths.append(interface_areas(labels, ONE, [0, 1, 2]).triple_um[0, 1, 2])
    # Measured -200 % / radius² (in voxels), here -0.9 %, with a scatter of 0.5 %.
    assert np.mean(lengths) == pytest.approx(2 * np.pi * 15, rel=0.02)


def test_two_phases_that_touch_across_an_edge_make_no_line():
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[:, :3, 3:] = 1
    labels[:, 3:, :3] = 2
    assert interface_areas(labels, ONE, [0, 1, 2]).triple_um[0, 1, 2] == 0


def test_four_phases_at_an_edge_share_two_lines():
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[:, 5:, :5], labels[:, :5, 5:], labels[:, 5:, 5:] = 1, 2, 3
    lines = interface_areas(labels, ONE, [0, 1, 2, 3]).triple_um
    assert sum(lines.values()) == pytest.approx(2 * 10, rel=1e-5)
    assert len(set(np.round(list(lines.values()), 4))) == 1


def test_an_edge_without_normals_counts_as_it_is():
    edges = np.array([[0, 0, 0, 1, 0, 2]], np.int32)
    pairs_of = np.array([[0, 1, 2]], np.int32)
    lengths, strips = weigh_edges(edges, np.zeros((1, 3, 3)), pairs_of, 3)
    assert lengths.tolist() == [[[0, 2 * FIXED_POINT, 0]]]
    assert not strips.any()
