"""Planes drawn on over gaps and beyond rims, and the filter across a sheet."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from ssbtomo.kernels.crack_points import crack_points
from ssbtomo.kernels.crack_traces import drawn_on, responses

NORMAL = np.array([0.8, 0.6, 0.0])


def test_gaps_are_closed_and_planes_end_at_the_reach():
    shape = (40, 40, 40)
    z, y, x = np.indices(shape) - 20
    above = z * NORMAL[0] + y * NORMAL[1]
    plane = np.abs(above) <= 0.5
    seen = plane & (y**2 + x**2 <= 100) & ~((abs(y) <= 2) & (abs(x) <= 2))
    places = np.flatnonzero(seen.ravel())
    seeds = crack_points(places, shape, (1.0, 1.0, 1.0))
    normals = np.tile(NORMAL.astype(np.float32), (places.size, 1))
    heights = above.ravel()[places].astype(np.float32)
    trace = drawn_on(
        seeds, np.ones(places.size, dtype=bool), (normals, heights), np.full(places.size, 4.0)
    )
    found = np.zeros(shape, dtype=bool)
    found[tuple(trace.points.places.T)] = True
    # all of the plane within the reach of a seed, and nothing beyond half a step and a quarter edge
    near = ndi.distance_transform_edt(~seen) <= 3.5
    assert found[plane & near].all()
    assert np.abs(above[found]).max() <= 0.5 * 0.8 + 0.25 + 1e-6
    assert ndi.distance_transform_edt(~seen)[found].max() <= 4.0
    np.testing.assert_allclose(trace.heights, above[tuple(trace.points.places.T)], atol=1e-5)
    assert (np.diff(np.ravel_multi_index(trace.points.places.T, shape)) > 0).all()


def test_no_seed_draws_nothing():
    seeds = crack_points(np.array([5, 6]), (4, 4, 4), (1.0, 1.0, 1.0))
    planes = np.tile([1.0, 0, 0], (2, 1)).astype(np.float32), np.zeros(2, dtype=np.float32)
    trace = drawn_on(seeds, np.zeros(2, dtype=bool), planes, np.full(2, 3.0))
    assert trace.points.places.shape == (0, 3)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)])
def test_the_filter_reads_what_a_thin_sheet_lacks(spacing):
    grey = np.full((41, 41, 41), 1000.0, dtype=np.float32)
    grey[20] -= 300
    places = np.array([[20, 20, 20], [20, 8, 30]])
    normals = np.tile(np.array([1.0, 0, 0], dtype=np.float32), (2, 1))
    width = np.full(2, 4.0, dtype=np.float32)
    found = responses(grey, spacing, places, (normals, np.zeros(2, np.float32), width))
    # a voxel is no line: its width takes (w/σ)²/8 off, linear interpolation (w/σ)²/4 at most
    lacks = 300 * spacing[0]
    np.testing.assert_allclose(found, lacks, rtol=0.375 * (spacing[0] / 4) ** 2 + 0.01)
    flat = np.full((9, 9, 9), 5.0, dtype=np.float32)
    middle = np.array([[4, 4, 4]])
    none = responses(flat, spacing, middle, (normals[:1], np.zeros(1, np.float32), width[:1]))
    assert none[0] == pytest.approx(0, abs=1e-4)
