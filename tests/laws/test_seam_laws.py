"""Components are those of the whole, bit for bit, for any cut, neighbourhood and scheduler."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.cleanup import fill_holes, keep_large, remove_small
from ssbtomo.blocks.components import Wanted, components, find_components
from ssbtomo.blocks.connection import connectivities, connectivity, percolating
from ssbtomo.kernels import cleanup
from ssbtomo.kernels import connectivity as kernels
from ssbtomo.testing import strategies as draw

neighbours = st.sampled_from([6, 18, 26])
volumes = draw.labels(max_side=7)
cuts = draw.blocks(max_side=7)


@pytest.fixture(scope="module")
def threads():
    with Engine.start("threads", 2) as engine:
        yield engine


def structure(count):
    return ndi.generate_binary_structure(3, {6: 1, 18: 2, 26: 3}[count])


def arrays_of(volume):
    return lambda name, dtype: np.zeros(volume.shape, dtype)


@given(volumes, cuts, neighbours)
def test_ids_of_a_phase_are_those_of_scipy_on_the_whole(threads, volume, cut, near):
    truth, count = ndi.label(volume == 1, structure(near))
    grid, wanted = Grid(volume.shape, cut), Wanted(1, neighbours=near)
    for engine in (SERIAL, threads):
        labels, found = components(volume, grid, engine, wanted, allocate=arrays_of(volume))
        # SciPy numbers in the order of first voxels too, so that nothing has to be renumbered.
        np.testing.assert_array_equal(labels, truth)
        assert len(found) == count
        assert labels.dtype == np.uint32


@given(volumes, cuts, neighbours)
def test_every_phase_at_once_is_each_phase_by_itself(volume, cut, near):
    grid = Grid(volume.shape, cut)
    wanted = Wanted(neighbours=near)
    labels, found = components(volume, grid, SERIAL, wanted, allocate=arrays_of(volume))
    firsts = []
    for phase in np.unique(volume):
        truth, count = ndi.label(volume == phase, structure(near))
        ids = np.unique(labels[volume == phase])
        assert ids.size == count
        np.testing.assert_array_equal(found.table.label[ids - 1], phase)
        renumbered = np.searchsorted(ids, labels) + 1
        np.testing.assert_array_equal(np.where(volume == phase, renumbered, 0), truth)
    firsts = [np.flatnonzero(labels == i + 1)[0] for i in range(len(found))]
    assert firsts == sorted(firsts)


@given(volumes, cuts, neighbours)
def test_the_table_is_that_of_the_painted_labels(volume, cut, near):
    grid = Grid(volume.shape, cut)
    wanted = Wanted(background=0, neighbours=near)
    labels, found = components(volume, grid, SERIAL, wanted, allocate=arrays_of(volume))
    np.testing.assert_array_equal(labels > 0, volume > 0)
    table = found.table
    for row, box in enumerate(ndi.find_objects(labels.astype(int))):
        inside = np.argwhere(labels == row + 1)
        assert table.size[row] == len(inside)
        assert table.first[row] == np.ravel_multi_index(inside[0], volume.shape)
        np.testing.assert_array_equal(table.sums[row], inside.sum(axis=0))
        np.testing.assert_array_equal(table.start[row], [part.start for part in box])
        np.testing.assert_array_equal(table.stop[row], [part.stop for part in box])
        touched = [[(inside[:, a] == n).any() for n in (0, volume.shape[a] - 1)] for a in range(3)]
        np.testing.assert_array_equal(table.touches(volume.shape)[row], touched)


@given(volumes, cuts, cuts, neighbours)
def test_the_table_does_not_depend_on_the_cut(volume, cut, other, near):
    wanted = Wanted(neighbours=near)
    one, two = (
        find_components(volume, Grid(volume.shape, block), SERIAL, wanted).table
        for block in (cut, other)
    )
    for mine, theirs in zip(one.columns, two.columns, strict=True):
        assert mine.dtype == np.int64
        np.testing.assert_array_equal(mine, theirs)


@given(draw.masks(max_side=7).filter(np.any), cuts, neighbours)
def test_connectivity_is_that_of_the_whole(threads, mask, cut, near):
    grid = Grid(mask.shape, cut)
    whole = kernels.connectivity(mask, near)
    assert connectivity(mask, 1, grid, SERIAL, neighbours=near) == whole
    assert connectivities(mask, grid, threads, phases=[1], neighbours=near) == {1: whole}
    labels, count = ndi.label(mask, structure(near))
    sizes = np.bincount(labels.ravel())[1:]
    ends = {
        f"{name}-{end}": np.isin(np.arange(1, count + 1), np.take(labels, place, axis))
        for axis, name in enumerate("zyx")
        for end, place in (("min", 0), ("max", -1))
    }
    joined = {face: int(sizes[found].sum()) / mask.sum() for face, found in ends.items()}
    assert whole.joined == joined
    open_to_any = np.logical_or.reduce(list(ends.values()))
    assert whole.open_fraction == int(sizes[open_to_any].sum()) / mask.sum()
    assert whole.largest == sizes.max() / mask.sum()
    assert (whole.components, whole.voxels) == (count, mask.sum())


@given(draw.masks(max_side=7), cuts, neighbours, st.integers(0, 2))
def test_what_percolates_is_the_share_that_spans(mask, cut, near, axis):
    grid = Grid(mask.shape, cut)
    spans = percolating(mask, 1, axis, grid, SERIAL, neighbours=near, allocate=arrays_of(mask))
    assert not (spans & ~mask).any()
    if mask.any():
        share = kernels.connectivity(mask, near).spanning["zyx"[axis]]
        assert np.count_nonzero(spans) / np.count_nonzero(mask) == share


@given(volumes, cuts, neighbours)
def test_holes_are_those_of_scipy(threads, volume, cut, near):
    grid = Grid(volume.shape, cut)
    truth = np.where(ndi.binary_fill_holes(volume == 1, structure(near)), 1, volume)
    for engine in (SERIAL, threads):
        filled = fill_holes(volume, grid, engine, neighbours=near, allocate=arrays_of(volume))
        np.testing.assert_array_equal(filled, truth)
        assert filled.dtype == volume.dtype


@given(volumes, cuts, st.integers(0, 12), st.sampled_from([None, (0,), (0, 2)]))
@settings(max_examples=100)
def test_small_pieces_go_where_the_kernel_sends_them(threads, volume, cut, smallest, phases):
    grid = Grid(volume.shape, cut)
    truth = cleanup.remove_small(volume, smallest, phases=phases)
    for engine in (SERIAL, threads):
        cleaned = remove_small(
            volume, smallest, grid, engine, phases=phases, allocate=arrays_of(volume)
        )
        np.testing.assert_array_equal(cleaned, truth)


@given(volumes, cuts, neighbours, st.integers(0, 12))
def test_large_pieces_are_kept(volume, cut, near, smallest):
    grid, wanted = Grid(volume.shape, cut), Wanted(1, neighbours=near)
    kept = keep_large(volume, smallest, grid, SERIAL, wanted, allocate=arrays_of(volume))
    truth, _ = ndi.label(volume == 1, structure(near))
    sizes = np.bincount(truth.ravel())
    np.testing.assert_array_equal(kept, (truth > 0) & (sizes[truth] >= smallest))


@given(draw.masks(max_side=7), cuts, draw.axis_orders(), neighbours)
def test_axes_may_be_swapped(mask, cut, order, near):
    moved = mask.transpose(order)
    wanted = Wanted(1, neighbours=near)
    still = find_components(mask, Grid(mask.shape, cut), SERIAL, wanted).table
    swapped = find_components(moved, Grid(moved.shape, cut), SERIAL, wanted).table
    rows = lambda t, axes: sorted(zip(t.size, *t.sums[:, axes].T, *t.stop[:, axes].T, strict=True))  # noqa: E731
    assert rows(still, list(order)) == rows(swapped, [0, 1, 2])


@given(volumes, cuts)
def test_more_neighbours_never_make_more_components(volume, cut):
    grid = Grid(volume.shape, cut)
    counts = [
        len(find_components(volume, grid, SERIAL, Wanted(1, neighbours=near)))
        for near in (6, 18, 26)
    ]
    assert counts == sorted(counts, reverse=True)
    sizes = find_components(volume, grid, SERIAL).table.size
    assert sizes.sum() == math.prod(volume.shape)
