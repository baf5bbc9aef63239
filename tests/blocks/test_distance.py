"""Distances block by block: the bits of the whole, for any cut, scheme and scheduler."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ssbtomo import io
from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.distance import distance
from ssbtomo.blocks.passes import Pass, passes, spanning
from ssbtomo.kernels.distance_passes import squared_distance, squared_edges

shapes = st.one_of(
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9),
    st.sampled_from([(1, 7, 9), (12, 1, 1), (1, 1, 30), (2, 25, 1)]),
)
masks = shapes.flatmap(
    lambda shape: st.one_of(
        hnp.arrays(np.bool_, shape),
        hnp.arrays(np.bool_, shape, elements=st.sampled_from([True] * 9 + [False])),
        st.sampled_from([np.ones(shape, bool), np.zeros(shape, bool)]),
    )
)
blocks = st.tuples(*[st.integers(1, 6)] * 3)
spacings = st.one_of(
    st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)]), st.tuples(*[st.floats(0.1, 1.0)] * 3)
)


def memory(shape):
    return lambda name, dtype: np.full(shape, 7, dtype)


def stores(folder, shape, block, name, dtype):
    return io.ome_zarr.create(folder / f"{name}.ome.zarr", shape, dtype, None, block=block)


@pytest.fixture(scope="module")
def threads():
    with Engine.start("threads", 2) as engine:
        yield engine


def cavity(shape=(60, 50, 70), radius=0):
    """Small pores everywhere, and one of the given radius."""
    mask = np.random.default_rng(0).random(shape) < 0.9
    z, y, x = np.ogrid[tuple(slice(size) for size in shape)]
    mask |= (z - 30) ** 2 + (y - 25) ** 2 + (x - 35) ** 2 < radius**2
    return mask


@given(masks, spacings, blocks, st.sampled_from(["auto", "halo", "passes"]))
def test_blocks_give_the_bits_of_the_whole(threads, mask, spacing, block, scheme):
    whole = squared_distance(mask, squared_edges(spacing, mask.shape))
    for engine in (SERIAL, threads):
        found = distance(
            mask,
            spacing,
            Grid(mask.shape, block),
            engine,
            allocate=memory(mask.shape),
            scheme=scheme,
        )
        np.testing.assert_array_equal(found.squared, whole)
        assert found.largest == whole.max()


@pytest.mark.parametrize(("radius", "scheme"), [(0, "halo"), (24, "passes")])
def test_the_scheme_suits_the_distances(radius, scheme):
    mask = cavity(radius=radius)
    grid = Grid(mask.shape, (60, 50, 35))
    found = distance(mask, (1, 1, 1), grid, SERIAL, allocate=memory(mask.shape))
    assert found.scheme == scheme
    whole = squared_distance(mask, squared_edges((1, 1, 1), mask.shape))
    np.testing.assert_array_equal(found.squared, whole)


def test_a_label_is_measured_like_its_mask(threads):
    labels = np.random.default_rng(1).integers(0, 3, (20, 21, 22)).astype(np.uint8)
    spacing = (0.3, 0.2, 0.2)
    grid = Grid(labels.shape, (7, 8, 9))
    found = distance(labels, spacing, grid, threads, allocate=memory(labels.shape), phase=2)
    whole = squared_distance(labels == 2, squared_edges(spacing, labels.shape))
    np.testing.assert_array_equal(found.squared, whole)


def test_all_parts_of_the_volume_are_told():
    mask = cavity()
    told = []
    grid = Grid(mask.shape, (30, 30, 30))
    common = {"allocate": memory(mask.shape), "on_block": told.append}
    distance(mask, (1, 1, 1), grid, SERIAL, scheme="halo", **common)
    assert {block.index for block in told} == {block.index for block in grid}
    told.clear()
    distance(mask, (1, 1, 1), grid, SERIAL, scheme="passes", **common)
    assert len(told) == 2 + 2 * 3  # slabs, then columns


@pytest.mark.parametrize("scheme", ["halo", "passes"])
def test_processes_write_the_same_store(tmp_path, scheme):
    mask = cavity((40, 30, 50))
    allocate = partial(stores, tmp_path, mask.shape, (16, 16, 32))
    source = allocate("mask", np.uint8)
    grid = Grid(mask.shape, (16, 16, 32))
    for block in grid:
        source[block.core] = mask[block.core].astype(np.uint8)
    with Engine.start("processes", 2) as engine:
        found = distance(source, (2, 1, 1), grid, engine, allocate=allocate, scheme=scheme)
    whole = squared_distance(mask, squared_edges((2, 1, 1), mask.shape))
    np.testing.assert_array_equal(np.asarray(found.squared[...]), whole)


@given(hnp.arrays(np.int64, (4, 5, 6)), blocks)
def test_passes_see_whole_lines(values, block):
    grid = Grid(values.shape, block)
    sums = [np.zeros_like(values) for _ in range(2)]
    steps = [
        Pass(partial(np.cumsum, axis=2), sums[0], spans=(2,)),
        Pass(partial(np.cumsum, axis=0), sums[1], spans=(0,), summary=np.size),
    ]
    told = passes(values, steps, grid, SERIAL)
    np.testing.assert_array_equal(sums[1], values.cumsum(axis=2).cumsum(axis=0))
    assert sum(told) == values.size
    assert spanning(grid, (0, 2)).counts == (1, grid.counts[1], 1)
