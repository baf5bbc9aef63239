"""Counts of voxels, block by block."""

from __future__ import annotations

import numpy as np

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.fractions import phase_counts


def test_threads_count_what_one_counts():
    labels = np.random.default_rng(0).integers(0, 4, (30, 20, 25))
    grid = Grid(labels.shape, (7, 9, 11))
    one = phase_counts(labels, [0, 2, 9], grid, SERIAL)
    with Engine.start("threads", 2) as engine:
        two = phase_counts(labels, [0, 2, 9], grid, engine)
    np.testing.assert_array_equal(one.total, two.total)
    assert one.total.tolist() == [(labels == 0).sum(), (labels == 2).sum(), 0]
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        np.testing.assert_array_equal(one.along[axis][1], (labels == 2).sum(axis=others))
        np.testing.assert_array_equal(one.along[axis], two.along[axis])
