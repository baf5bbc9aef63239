"""Two classes of a classification as one: laws, and a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.joining import join_classes


def joined(shares, pair, block, engine=SERIAL):
    shape = shares[0].shape
    sinks = [np.zeros(shape, np.uint8) for _ in range(len(shares) + 1)]
    counts = join_classes(shares, pair, sinks, Grid(shape, block), engine)
    return counts, sinks


@given(st.tuples(*[st.integers(1, 6)] * 3), st.tuples(*[st.integers(1, 4)] * 3), st.integers(0, 99))
def test_no_cut_shows_and_the_shares_add(shape, block, seed):
    rng = np.random.default_rng(seed)
    parts = rng.dirichlet([1, 1, 1, 1], shape)
    shares = [np.floor(parts[..., k] * 255 + 0.5).astype(np.uint8) for k in range(4)]
    counts, whole = joined(shares, (2, 1), shape)
    again, cut = joined(shares, (1, 2), block)
    np.testing.assert_array_equal(whole, cut)
    np.testing.assert_array_equal(counts, again)
    assert counts.sum() == np.prod(shape)
    labels, first, both, last, _ = whole
    np.testing.assert_array_equal(first, shares[0])
    np.testing.assert_array_equal(last, shares[3])
    np.testing.assert_array_equal(both, np.minimum(shares[1].astype(int) + shares[2], 255))
    np.testing.assert_array_equal(labels, np.argmax([first, both, last], axis=0))


def test_two_unlikely_halves_make_a_likely_whole():
    shares = [np.full((1, 1, 2), value, np.uint8) for value in (76, 77, 102)]
    counts, (labels, low, high, entropy) = joined(shares, (0, 1), (1, 1, 2))
    assert counts.tolist() == [2, 0]
    assert labels.tolist() == [[[0, 0]]]
    assert (low[0, 0, 0], high[0, 0, 0]) == (153, 102)
    share = 0.6
    bits = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
    assert entropy[0, 0, 0] == pytest.approx(255 * bits, abs=1)  # rounded to whole steps


def test_threads_write_the_same():
    rng = np.random.default_rng(0)
    shares = [rng.integers(0, 86, (8, 9, 7)).astype(np.uint8) for _ in range(3)]
    _, alone = joined(shares, (0, 1), (8, 9, 7))
    with Engine.start("threads", 2) as engine:
        _, several = joined(shares, (0, 1), (4, 4, 4), engine)
    np.testing.assert_array_equal(alone, several)
