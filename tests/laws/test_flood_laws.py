"""A flood is the same for every cut, scheduler and number of workers."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.flood import flood
from ssbtomo.errors import OutputError
from ssbtomo.kernels.flood import flood as flood_whole
from ssbtomo.kernels.flood import grown_labels

shapes = st.tuples(*[st.integers(1, 9)] * 3)
cuts = st.tuples(*[st.integers(1, 6)] * 3)


def heights(block, volume):
    return volume[block.core]


def field(shape, values, share, seed):
    """Heights with few values, so that ties abound, and a few seeds."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, values, shape).astype(np.uint16)
    seeds = np.where(rng.random(shape) < share, rng.integers(1, 5, shape), 0).astype(np.uint8)
    return levels, seeds


def in_blocks(levels, seeds, cut, engine=SERIAL):
    labels = np.full(seeds.shape, 77, np.uint8)
    floods = flood(partial(heights, volume=levels), seeds, labels, Grid(seeds.shape, cut), engine)
    assert floods >= len(Grid(seeds.shape, cut))
    return labels


@given(
    shapes, cuts, st.integers(1, 5), st.sampled_from([0, 0.01, 0.05, 0.3]), st.integers(0, 2**31)
)
def test_a_flood_in_blocks_is_that_of_the_whole(shape, cut, values, share, seed):
    levels, seeds = field(shape, values, share, seed)
    whole = grown_labels(flood_whole(levels, seeds))
    np.testing.assert_array_equal(in_blocks(levels, seeds, cut), whole)


@given(shapes, st.integers(1, 4), st.permutations(range(3)), st.integers(0, 2**31))
def test_turning_the_volume_turns_the_flood(shape, values, order, seed):
    levels, seeds = field(shape, values, 0.05, seed)
    still = grown_labels(flood_whole(levels, seeds)).transpose(order)
    moved = grown_labels(flood_whole(levels.transpose(order), seeds.transpose(order)))
    np.testing.assert_array_equal(moved, still)


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_flood_the_same(workers):
    levels, seeds = field((40, 33, 29), 6, 0.001, 5)
    whole = grown_labels(flood_whole(levels, seeds))
    with Engine.start("threads", workers) as engine:
        np.testing.assert_array_equal(in_blocks(levels, seeds, (8, 11, 9), engine), whole)


def test_a_way_through_many_blocks_is_followed_to_its_end():
    levels = np.full((1, 25, 25), 4095, np.uint16)
    levels[0, ::2] = 1
    levels[0, 1::4, -1] = levels[0, 3::4, 0] = 1
    seeds = np.zeros(levels.shape, np.uint8)
    seeds[0, 0, 0] = 1
    seeds[0, 1, 12] = 2  # on the dam: it sees both sides, and reaches the low ground first
    whole = grown_labels(flood_whole(levels, seeds))
    for cut in ((1, 1, 7), (1, 4, 25), (1, 6, 5)):
        np.testing.assert_array_equal(in_blocks(levels, seeds, cut), whole)


def test_a_flood_never_writes_what_it_reads():
    levels, seeds = field((4, 4, 4), 3, 0.1, 0)
    with pytest.raises(OutputError):
        flood(partial(heights, volume=levels), seeds, seeds, Grid(seeds.shape, (2, 2, 2)), SERIAL)
