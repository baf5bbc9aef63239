"""Counts of voxels."""

from __future__ import annotations

import numpy as np

from ssbtomo.kernels.fractions import phase_counts


def test_counts_of_a_layer():
    labels = np.zeros((5, 4, 3), np.uint16)
    labels[2:] = 300
    counts = phase_counts(labels, [300, 0, 8])
    assert counts.total.tolist() == [36, 24, 0]
    assert counts.along[0][0].tolist() == [0, 0, 12, 12, 12]
    assert counts.along[1][1].tolist() == [6, 6, 6, 6]
    assert counts.along[2][2].tolist() == [0, 0, 0]


def test_only_owned_voxels_count():
    labels = np.ones((6, 6, 6), np.uint8)
    inner = (slice(1, 3), slice(2, 6), slice(0, 5))
    counts = phase_counts(labels, [1], inner)
    assert counts.total.tolist() == [40]
    assert [part.shape for part in counts.along] == [(1, 2), (1, 4), (1, 5)]
    assert all(part.dtype == np.int64 for part in counts.along)
