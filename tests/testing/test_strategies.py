"""Strategies draw what they promise."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from ssbtomo.testing import strategies


@given(strategies.labels(phases=4, min_side=2, max_side=6))
def test_labels_are_volumes_of_known_phases(volume):
    assert volume.ndim == 3
    assert all(2 <= side <= 6 for side in volume.shape)
    assert volume.max() < 4
    assert volume.dtype == np.uint8


@given(strategies.spacings(), strategies.blocks(), strategies.axis_orders())
def test_spacings_blocks_and_orders(spacing, block, order):
    assert max(spacing) / min(spacing) <= 4.01  # rounded to six decimals
    assert all(side >= 1 for side in block)
    assert sorted(order) == [0, 1, 2]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_images_are_finite(dtype):
    @given(strategies.images(dtype=dtype, max_side=3))
    def check(image):
        assert image.dtype == dtype
        assert np.isfinite(image).all()

    check()


def test_labels_shrink_to_the_simplest():
    simplest = find(st.tuples(strategies.labels(), strategies.masks()), lambda _: True)
    assert simplest[0].shape == (1, 1, 1)
    assert simplest[0].max() == 0


def test_importing_testing_needs_no_hypothesis():
    code = (
        "import sys, ssbtomo.testing as t; t.strategies, t.samples, t.composite_cathode; "
        "sys.exit('hypothesis' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
