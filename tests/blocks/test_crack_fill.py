"""Cracks that something fills: found whole, for any cut; electrodes are left out."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.blocks import SERIAL, Grid
from ssbtomo.blocks.crack_fill import filled_cracks

VOID, SOLID, LITHIUM = 0, 1, 3
SHAPE, SPACING = (30, 34, 32), (0.1, 0.1, 0.1)


def found(labels, block=(34, 34, 34)):
    return filled_cracks(
        labels, SPACING, Grid(SHAPE, block), SERIAL,
        allocate=lambda _, dtype: np.full(SHAPE, 7, dtype), phases=(VOID, LITHIUM), axis=0,
    )  # fmt: skip


@pytest.fixture
def labels():
    """A lithium layer at one end, a slab that is half full, and a gap before the layer."""
    labels = np.full(SHAPE, SOLID, np.uint8)
    labels[:5] = LITHIUM
    labels[5:7, 4:30, 4:14] = VOID
    labels[12:28, 4:30, 20:23] = VOID
    labels[12:28, 4:17, 20:23] = LITHIUM
    return labels


def test_a_crack_full_in_part_is_one(labels):
    cracks = found(labels)
    assert cracks.count == 2
    numbers = np.asarray(cracks.labels)
    assert set(np.unique(numbers[12:28, 4:30, 20:23])) == {2}
    assert (numbers[5:7, 8:26, 6:12] == 1).all()
    assert not numbers[:5].any()


def test_any_cut_gives_the_same_labels(labels):
    whole = np.asarray(found(labels).labels)
    cut = np.asarray(found(labels, (13, 20, 17)).labels)
    np.testing.assert_array_equal(cut, whole)


def test_without_void_it_says_so():
    labels = np.full(SHAPE, SOLID, np.uint8)
    assert found(labels).absent
