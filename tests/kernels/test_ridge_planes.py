"""Planes through the floors of valleys: right where sheets cross, and beside ridges of noise."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.kernels.crack_points import crack_points
from ssbtomo.kernels.ridge_planes import mean_normals, ridge_planes

SHAPE = (41, 41, 41)
FIRST, SECOND = np.array([0.8, 0.6, 0.0]), np.array([0.0, 0.6, 0.8])


@pytest.fixture
def crossing():
    """Voxels within a step of two planes that cross at 69°, each with the way to its own floor."""
    where = np.stack(np.indices(SHAPE), axis=-1) - 20.0
    above = np.stack([where @ FIRST, where @ SECOND], axis=-1)
    own = np.abs(above).argmin(axis=-1)
    held = np.flatnonzero((np.abs(above).min(axis=-1) <= 0.8).ravel())
    own = own.ravel()[held]
    floors = -np.take_along_axis(above.reshape(-1, 2)[held], own[:, None], axis=1)
    normals = np.stack([FIRST, SECOND])[own]
    points = crack_points(held, SHAPE, (1.0, 1.0, 1.0))
    return points, own, np.hstack([normals, floors]).astype(np.float32)


def test_planes_are_right_where_sheets_cross(crossing):
    points, own, ways = crossing
    count = own.size
    ridges = ways, np.ones(count, dtype=np.float32)
    radii = np.full(count, 6.0, dtype=np.float32)
    groups = np.zeros(count, dtype=np.int32)
    normals, heights, held = ridge_planes(points, groups, ridges, radii, (0, count))
    true = np.stack([FIRST, SECOND])[own]
    # floors lie on their planes exactly; float32 is what is left
    np.testing.assert_allclose(np.abs((normals * true).sum(axis=1)), 1, atol=1e-4)
    np.testing.assert_allclose(np.abs(heights), np.abs(ways[:, 3]), atol=1e-3)
    inside = (np.abs(points.places - 20) < 10).all(axis=1)
    assert held[inside].all()


def test_stretches_change_nothing(crossing):
    points, own, ways = crossing
    ridges = ways, np.ones(own.size, dtype=np.float32)
    radii = np.full(own.size, 4.0, dtype=np.float32)
    groups = np.zeros(own.size, dtype=np.int32)
    whole = ridge_planes(points, groups, ridges, radii, (0, own.size))
    part = ridge_planes(points, groups, ridges, radii, (100, 300))
    for one, other in zip(whole, part, strict=True):
        np.testing.assert_array_equal(one[100:300], other)


def test_the_share_of_planes_that_run_the_same_way(crossing):
    points, own, ways = crossing
    groups = np.zeros(own.size, dtype=np.int32)
    means, shares = mean_normals(points, groups, ways[:, :3].copy(), 5.0, (0, own.size))
    middle = np.flatnonzero((points.places == 20).all(axis=1))[0]
    assert shares[middle] == pytest.approx(0.5, abs=0.1)
    far = np.abs((points.places - 20) @ np.stack([FIRST, SECOND])[1 - own[0]]) > 9
    assert shares[far & (own == own[0])].min() == 1
    assert np.abs((means * ways[:, :3]).sum(axis=1)).min() > 0.999
