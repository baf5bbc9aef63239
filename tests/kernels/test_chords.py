"""Chords with known answers: layers, coin tosses, and lines that one phase fills."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.chords import CUT, THROUGH, WHOLE, ChordCounts, line_chords


def counted(labels, phases):
    z, y, x = (line_chords(labels, phases, axis) for axis in range(3))
    return ChordCounts((z, y, x), labels.shape)


def test_layers_have_chords_of_their_thickness():
    row = np.repeat([0, 1, 2, 0, 1, 2, 0], [2, 3, 4, 2, 3, 4, 2])
    layers = np.broadcast_to(row, (3, 5, row.size))
    found = counted(layers, [1, 2, 0])
    assert found.counts[2][0, WHOLE, 3] == 30
    assert found.counts[2][1, WHOLE, 4] == 30
    assert (found.counts[2][2, WHOLE, 2], found.counts[2][2, CUT, 2]) == (15, 30)
    assert found.counts[2].sum() == 7 * 15
    assert found.counts[0][0, THROUGH, 3] == 30  # 5 · 6 lines along z
    assert math.isnan(found.mean(0, 0))  # no end inside: no mean


def test_the_mean_is_exact_for_regular_layers():
    # Layers of one voxel, as many of either phase: every gap between voxels ends a chord.
    found = counted(np.indices((9, 4, 8))[2] % 2, [0, 1])
    assert found.mean(0, 2) == 1
    assert found.mean(1, 2) == 1


def test_coin_tosses_have_geometric_chords():
    share = 0.6
    tosses = np.random.default_rng(5).random((60, 60, 60)) < share
    found = counted(tosses, [True])
    for axis in range(3):
        # 216 000 voxels, 86 000 chords: the means scatter by 0.3 and 0.6 %.
        assert found.mean(0, axis) == pytest.approx(1 / (1 - share), rel=0.012)
        weighted = (1 + share) / (1 - share)
        assert found.weighted_mean(0, axis) == pytest.approx(weighted, rel=0.025)
        path = found.lineal_path(0, axis)[:6]
        np.testing.assert_allclose(path, share ** np.arange(1, 7), rtol=0.05)


def test_cut_chords_do_not_shorten_the_mean():
    # Chords of 20 voxels in windows of 40: whole ones alone are those that happen to fit.
    rng = np.random.default_rng(2)
    lines = np.stack(
        [np.roll(np.arange(400) // 20 % 2, shift) for shift in rng.integers(40, size=900)]
    )
    window = lines[:, :30].reshape(30, 30, 30)
    # 900 lines with 1.5 ends each.
    assert counted(window, [1]).mean(0, 2) == pytest.approx(20, rel=0.06)


def test_a_phase_that_is_nowhere_has_no_chords():
    found = counted(np.zeros((2, 3, 1), np.uint8), [4])
    assert math.isnan(found.mean(0, 1))
    assert math.isnan(found.weighted_mean(0, 1))


def test_too_many_phases_are_refused():
    with pytest.raises(InputDataError, match="255"):
        line_chords(np.zeros((2, 2, 2), int), range(256), 0)
