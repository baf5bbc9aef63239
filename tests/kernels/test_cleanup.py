"""Small pieces go to their surroundings; nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.cleanup import remove_small

volumes = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6),
    elements=st.integers(0, 2),
)


@given(volumes, st.integers(0, 8))
def test_nothing_small_is_left_beside_something_large(labels, smallest):
    import cc3d

    cleaned = remove_small(labels, smallest)
    sizes = np.bincount(cc3d.connected_components(cleaned + 1, connectivity=6).ravel())[1:]
    assert (sizes >= smallest).all() or (sizes < smallest).all()


@given(volumes, st.integers(0, 8))
def test_doing_it_twice_changes_nothing_more(labels, smallest):
    once = remove_small(labels, smallest)
    np.testing.assert_array_equal(remove_small(once, smallest), once)


@given(volumes)
def test_the_input_is_not_touched(labels):
    before = labels.copy()
    remove_small(labels, 4)
    np.testing.assert_array_equal(labels, before)


def test_a_blob_takes_the_phase_it_touches_most():
    labels = np.zeros((5, 5, 6), np.uint8)
    labels[..., 3:] = 2
    labels[2, 2, 2] = 1  # five faces to 0, one to 2
    assert remove_small(labels, 2)[2, 2, 2] == 0
    assert remove_small(labels, 1)[2, 2, 2] == 1
    assert remove_small(labels, 2, phases=[0, 2])[2, 2, 2] == 1


def test_a_heap_of_small_pieces_is_resolved_from_outside():
    labels = np.zeros((7, 7, 7), np.uint8)
    labels[2:5, 2:5, 2:5] = 1
    labels[3, 3, 3] = 2
    assert not remove_small(labels, 27).any()


def test_negative_sizes_are_refused():
    with pytest.raises(InputDataError):
        remove_small(np.zeros((2, 2, 2), np.uint8), -1)
