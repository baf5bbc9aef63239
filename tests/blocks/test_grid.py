"""Blocks cover a volume once; windows stay inside it; patterns give what the whole gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage as ndi

from ssbtomo.blocks import SERIAL, Block, Grid, halo_map, tally

sizes = st.tuples(*[st.integers(1, 14)] * 3)
margins = st.tuples(*[st.integers(0, 5)] * 3)


@given(sizes, sizes)
def test_every_voxel_has_one_owner(shape, block):
    grid = Grid(shape, block)
    owners = np.zeros(shape, int)
    for item in grid:
        owners[item.core] += 1
    assert (owners == 1).all()
    assert len(grid) == len(list(grid)) == np.prod(grid.counts)


@given(sizes, sizes, margins, margins)
def test_inner_finds_the_owned_voxels_in_the_window(shape, block, near, far):
    volume = np.arange(np.prod(shape)).reshape(shape)
    for item in Grid(shape, block):
        window = volume[item.window(near, far)]
        np.testing.assert_array_equal(window[item.inner(near)], volume[item.core])
        assert window[item.inner(near)].shape == item.shape


@given(sizes, sizes, st.integers(0, 4))
def test_a_window_is_cut_only_at_the_ends(shape, block, margin):
    for item in Grid(shape, block):
        for part, start, stop, size in zip(
            item.window(margin, margin), item.start, item.stop, shape, strict=True
        ):
            assert part.start == max(start - margin, 0)
            assert part.stop == min(stop + margin, size)


def test_indices_follow_the_order_of_the_grid():
    grid = Grid((4, 5, 6), (2, 5, 3))
    assert [item.index for item in grid] == [(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1)]
    assert next(iter(grid)) == Block((0, 0, 0), (0, 0, 0), (2, 5, 3), (4, 5, 6))


def test_slabs_span_the_plane():
    grid = Grid.slabs((10, 4, 3), 4)
    assert [item.shape for item in grid] == [(4, 4, 3), (4, 4, 3), (2, 4, 3)]


def neighbour_sum(values, inner):
    total = np.int64(0)
    for axis in range(3):
        own = tuple(inner)
        last = min(own[axis].stop, values.shape[axis] - 1)
        near, far = list(own), list(own)
        near[axis] = slice(own[axis].start, last)
        far[axis] = slice(own[axis].start + 1, last + 1)
        total += np.count_nonzero(values[tuple(near)] != values[tuple(far)])
    return total


@given(sizes, sizes, st.integers(1, 3))
def test_a_tally_is_that_of_the_whole(shape, block, margin):
    volume = np.random.default_rng(0).integers(0, 3, shape)
    whole = neighbour_sum(volume, tuple(slice(0, n) for n in shape))
    parts = tally(neighbour_sum, volume, Grid(shape, block), SERIAL, margin=margin)
    assert sum(parts) == whole
    assert len(parts) == len(Grid(shape, block))


def median(values):
    return ndi.median_filter(values, size=5, mode="nearest")


@given(sizes, sizes)
def test_a_filter_with_its_halo_is_that_of_the_whole(shape, block):
    volume = np.random.default_rng(1).integers(0, 99, shape)
    out = np.full(shape, -1)
    seen = []
    halo_map(median, volume, out, Grid(shape, block), SERIAL, halo=2, on_block=seen.append)
    np.testing.assert_array_equal(out, median(volume))
    assert seen == list(Grid(shape, block))
