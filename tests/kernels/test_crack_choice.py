"""Which patch a point goes to: its plane is drawn on through a crack, and ends where the crack does."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.kernels.crack_facets import extend
from ssbtomo.kernels.crack_points import crack_points

SHAPE = (24, 24, 24)


@pytest.mark.parametrize("turn", [False, True])
@pytest.mark.parametrize(("gap", "told"), [(0, 0), (4, -1)])
def test_planes_are_drawn_on_through_the_crack_alone(turn, gap, told):
    z, y, x = np.indices(SHAPE)
    plane = (abs(z + y - 23) <= 1) if turn else (abs(z - 12) <= 1)
    solid = (x >= 14) & (x < 14 + gap)
    places = np.flatnonzero((plane & ~solid).ravel())
    points = crack_points(places, SHAPE, (1.0, 1.0, 1.0))
    patch = np.where(points.places[:, 2] < 14, 0, -1).astype(np.int32)
    groups = np.zeros(places.size, dtype=np.int32)
    asking = np.flatnonzero(points.places[:, 2] == 18)
    sizes = np.full(asking.size, 10, dtype=np.float32), np.full(asking.size, 3, dtype=np.float32)
    chosen, _, heights = extend(points, (groups, patch), asking, sizes, (0, asking.size))
    assert (chosen == told).all()
    assert np.isfinite(heights[:, 0]).all() == (told == 0)
