"""Basins block by block: the bits of the whole, for any cut and scheduler."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from ssbtomo import io
from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.basins import basins, find_basins
from ssbtomo.kernels import flooding

shapes = st.one_of(
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=12),
    st.sampled_from([(1, 7, 9), (12, 1, 1), (1, 1, 30), (2, 25, 1), (1, 20, 20)]),
)
blocks = st.tuples(*[st.integers(1, 8)] * 3)
all_steps = st.one_of(
    st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)]), st.tuples(*[st.floats(1, 3)] * 3)
)
rules = st.sampled_from([(0.0, 1.0), (0.5, 1.0), (0.0, 0.85), (1.0, 0.7), (100.0, 1.0)])


def memory(shape):
    return lambda name, dtype: np.full(shape, 7, dtype)


def stores(folder, shape, block, name, dtype):
    return io.ome_zarr.create(folder / f"{name}.ome.zarr", shape, dtype, None, block=block)


def field(shape, seed, kind):
    """A smooth field, the same in whole steps (plateaus and ties), or one without any scale."""
    rng = np.random.default_rng(seed)
    if kind == "ties":
        return rng.integers(0, 4, shape).astype(np.float32)
    smooth = ndi.gaussian_filter(rng.normal(size=shape), 1.2) * 10
    return np.maximum(np.round(smooth) if kind == "plateaus" else smooth, 0).astype(np.float32)


@pytest.fixture(scope="module")
def threads():
    with Engine.start("threads", 2) as engine:
        yield engine


@given(
    shapes,
    st.integers(0, 10**6),
    st.sampled_from(["smooth", "plateaus", "ties"]),
    all_steps,
    rules,
    blocks,
)
def test_blocks_give_the_bits_of_the_whole(threads, shape, seed, kind, steps, rule, block):
    heights = field(shape, seed, kind)
    depth, neck = rule
    whole = flooding.basins(heights, steps, depth=depth, neck=neck)
    for engine in (SERIAL, threads):
        found = basins(
            heights, steps, Grid(shape, block), engine,
            depth=depth, neck=neck, allocate=memory(shape),
        )  # fmt: skip
        np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize("value", [0, 3])
@pytest.mark.parametrize("shape", [(6, 7, 8), (1, 9, 9), (1, 1, 1)])
def test_a_level_field_is_one_basin_or_none(value, shape):
    heights = np.full(shape, value, np.float32)
    found = basins(heights, (1, 1, 1), Grid(shape, (2, 3, 4)), SERIAL, allocate=memory(shape))
    assert (found == (value > 0)).all()


def test_a_way_through_many_blocks_leads_to_its_peak():
    # A ramp that winds through the whole volume: each block sees only its own stretch of it.
    heights = np.zeros((1, 20, 20), np.float32)
    rows = range(0, 20, 2)
    way = [(0, y, x) for y in rows for x in (range(20) if y % 4 == 0 else reversed(range(20)))]
    turns = [(0, y + 1, 19 if y % 4 == 0 else 0) for y in rows[:-1]]
    for place in turns:
        way.insert(way.index((0, place[1] - 1, place[2])) + 1, place)
    for height, place in enumerate(way):
        heights[place] = height + 1
    grid = Grid(heights.shape, (1, 3, 3))
    found = find_basins(heights, (1, 1, 1), grid, SERIAL, allocate=memory(heights.shape))
    assert found.count == 1
    whole = basins(heights, (1, 1, 1), grid, SERIAL, allocate=memory(heights.shape))
    np.testing.assert_array_equal(whole, heights > 0)


def test_all_blocks_are_told_in_each_pass():
    heights = field((9, 9, 9), 0, "smooth")
    grid, told = Grid(heights.shape, (4, 4, 4)), []
    basins(heights, (1, 1, 1), grid, SERIAL, allocate=memory(heights.shape), on_block=told.append)
    assert told == 3 * list(grid)


def test_processes_write_the_same_store(tmp_path):
    heights = field((40, 30, 50), 1, "smooth")
    allocate = partial(stores, tmp_path, heights.shape, (16, 16, 32))
    source = allocate("heights", np.float32)
    grid = Grid(heights.shape, (16, 16, 32))
    for block in grid:
        source[block.core] = heights[block.core]
    with Engine.start("processes", 2) as engine:
        found = basins(source, (2, 1, 1), grid, engine, depth=0.1, allocate=allocate)
    whole = flooding.basins(heights, (2, 1, 1), depth=0.1)
    assert whole.max() > 20
    np.testing.assert_array_equal(np.asarray(found[...]), whole)
