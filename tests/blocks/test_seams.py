"""Pieces of blocks that touch over faces, edges and corners."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.blocks import Grid
from ssbtomo.blocks.seams import Seams, rims_of
from ssbtomo.errors import InputDataError


def sewn(volume, cut, neighbours):
    """Number each block's voxels by themselves, and join them."""
    grid = Grid(volume.shape, cut)
    seams = Seams(grid, neighbours)
    offsets = []
    for block in grid:
        here = volume[block.core]
        labels = np.zeros(here.shape, int)
        labels[here > 0] = np.arange(1, np.count_nonzero(here) + 1)
        offsets.append(seams.add(block, rims_of(labels), here[here > 0]))
    return offsets, *seams.groups()


@pytest.mark.parametrize("direction", [(1, -1), (1, 1)])
@pytest.mark.parametrize("plane", [(0, 1), (0, 2), (1, 2)])
def test_blocks_that_share_an_edge(plane, direction):
    volume = np.zeros((4, 4, 4), np.uint8)
    one, other = [1, 1, 1], [1, 1, 1]
    for axis, sense in zip(plane, direction, strict=True):
        one[axis], other[axis] = (1, 2) if sense > 0 else (2, 1)
    volume[tuple(one)] = volume[tuple(other)] = 1
    assert sewn(volume, (2, 2, 2), 6)[2] == 2
    assert sewn(volume, (2, 2, 2), 18)[2] == 1
    assert sewn(volume, (2, 2, 2), 26)[2] == 1


@pytest.mark.parametrize("y", [1, 2])
@pytest.mark.parametrize("x", [1, 2])
def test_blocks_that_share_a_corner(y, x):
    volume = np.zeros((4, 4, 4), np.uint8)
    volume[1, y, x] = volume[2, 3 - y, 3 - x] = 1
    assert [sewn(volume, (2, 2, 2), near)[2] for near in (6, 18, 26)] == [2, 2, 1]


def test_pieces_of_different_kinds_stay_apart():
    volume = np.array([1, 1, 2, 2], np.uint8).reshape(4, 1, 1)
    offsets, groups, count = sewn(volume, (1, 1, 1), 6)
    assert offsets == [0, 1, 2, 3]
    assert groups.tolist() == [0, 0, 1, 1]
    assert count == 2


def test_groups_are_numbered_by_their_smallest_member():
    volume = np.array([[1, 0, 1, 0, 1], [1, 0, 1, 1, 1]], np.uint8)[None]
    _, groups, count = sewn(volume, (1, 1, 1), 6)
    assert groups.tolist() == [0, 1, 1, 0, 1, 1, 1]
    assert count == 2


def test_the_front_is_not_that_of_an_earlier_layer():
    volume = np.ones((5, 3, 3), np.uint8)
    volume[2] = 0  # a gap: nothing below may meet what was above
    assert sewn(volume, (1, 2, 2), 26)[2] == 2
    assert sewn(volume, (2, 1, 1), 26)[2] == 2


def test_what_has_no_neighbourhood():
    with pytest.raises(InputDataError, match="8 neighbours"):
        Seams(Grid((4, 4, 4), (2, 2, 2)), 8)
