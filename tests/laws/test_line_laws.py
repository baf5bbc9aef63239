"""Counts along lines: what they are, and that no cut, order or scheduler changes one."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.lines import chord_counts, pair_counts
from ssbtomo.kernels.chords import line_chords
from ssbtomo.kernels.correlation import line_pairs
from ssbtomo.testing.strategies import blocks, labels

axes = st.integers(0, 2)
PHASES = [2, 0, 1]


def whole(volume):
    return Grid(volume.shape, volume.shape)


@given(labels(), axes, st.integers(0, 9))
def test_pairs_are_those_that_a_loop_finds(volume, axis, lags):
    moved = np.moveaxis(volume, axis, 0)
    expected = np.zeros((lags + 1, 4, 4), int)
    for lag in range(min(lags + 1, len(moved))):
        near, far = moved[: len(moved) - lag], moved[lag:]
        ours = [[part == phase for phase in PHASES] + [part < 9] for part in (near, far)]
        for i, j in np.ndindex(4, 4):
            expected[lag, i, j] = np.count_nonzero(ours[0][i] & ours[1][j])
    np.testing.assert_array_equal(line_pairs(volume, PHASES, lags, axis), expected)


@given(labels(), axes)
def test_chords_are_those_that_a_loop_finds(volume, axis):
    size = volume.shape[axis]
    expected = np.zeros((3, 3, size + 1), int)
    for line in np.moveaxis(volume, axis, -1).reshape(-1, size):
        runs = [(phase, len(list(run))) for phase, run in groupby(line.tolist())]
        for place, (phase, length) in enumerate(runs):
            kind = (place == 0) + (place == len(runs) - 1)
            expected[PHASES.index(phase), kind, length] += 1
    np.testing.assert_array_equal(line_chords(volume, PHASES, axis), expected)


@given(labels(), blocks())
def test_no_cut_changes_a_count(volume, block):
    once = pair_counts(volume, PHASES, whole(volume), SERIAL)
    cut = pair_counts(volume, PHASES, Grid(volume.shape, block), SERIAL)
    chords = chord_counts(volume, PHASES, whole(volume), SERIAL)
    cut_chords = chord_counts(volume, PHASES, Grid(volume.shape, block), SERIAL)
    for axis in range(3):
        np.testing.assert_array_equal(cut.counts[axis], once.counts[axis])
        np.testing.assert_array_equal(cut_chords.counts[axis], chords.counts[axis])


@given(labels(), axes)
def test_correlations_begin_at_the_fractions_and_sum_to_those_of_the_window(volume, axis):
    found = pair_counts(volume, PHASES, whole(volume), SERIAL, lags=volume.shape)
    share = found.probability(axis)
    for index, phase in enumerate(PHASES):
        assert share[0, index, index] == pytest.approx(np.mean(volume == phase), abs=1e-12)
        for lag in range(len(share)):
            window = np.moveaxis(volume, axis, 0)[: volume.shape[axis] - lag]
            assert share[lag, index].sum() == pytest.approx(np.mean(window == phase), abs=1e-12)
    inside = found.counts[axis][:, :-1, :-1].sum(axis=(1, 2))
    np.testing.assert_array_equal(inside, found.pairs(axis))


@given(labels(), axes)
def test_seen_from_the_other_end_the_phases_of_a_pair_are_swapped(volume, axis):
    there = line_pairs(volume, PHASES, 5, axis)
    back = line_pairs(np.flip(volume, axis), PHASES, 5, axis)
    np.testing.assert_array_equal(back, there.transpose(0, 2, 1))
    np.testing.assert_array_equal(
        line_chords(np.flip(volume, axis), PHASES, axis), line_chords(volume, PHASES, axis)
    )


@given(labels(), axes)
def test_chords_hold_all_voxels_and_no_more_pairs_than_there_are(volume, axis):
    size = volume.shape[axis]
    chords = chord_counts(volume, PHASES, whole(volume), SERIAL)
    pairs = pair_counts(volume, PHASES, whole(volume), SERIAL, lags=(size, size, size))
    for index, phase in enumerate(PHASES):
        voxels = chords.counts[axis][index].sum(axis=0) @ np.arange(size + 1)
        assert voxels == np.count_nonzero(volume == phase)
        path = chords.lineal_path(index, axis)
        share = pairs.probability(axis)[:, index, index]
        assert path[0] == pytest.approx(share[0], abs=1e-12)
        assert (path <= share + 1e-12).all()


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_no_scheduler_changes_a_count(scheduler):
    volume = np.random.default_rng(0).integers(0, 3, (13, 9, 11)).astype(np.uint8)
    grid = Grid(volume.shape, (5, 4, 6))
    with Engine.start(scheduler, 2) as engine:
        pairs = pair_counts(volume, PHASES, grid, engine)
        chords = chord_counts(volume, PHASES, grid, engine)
    for axis in range(3):
        np.testing.assert_array_equal(
            pairs.counts[axis], pair_counts(volume, PHASES, grid, SERIAL).counts[axis]
        )
        np.testing.assert_array_equal(
            chords.counts[axis], chord_counts(volume, PHASES, grid, SERIAL).counts[axis]
        )


@settings(max_examples=10)
@given(labels(), st.tuples(*[st.integers(0, 12)] * 3))
def test_lags_are_cut_to_what_the_volume_holds(volume, lags):
    found = pair_counts(volume, PHASES, whole(volume), SERIAL, lags=lags)
    for axis in range(3):
        assert len(found.counts[axis]) == min(lags[axis], volume.shape[axis] - 1) + 1
        assert (found.pairs(axis) > 0).all()
