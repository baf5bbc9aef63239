"""Sizes block by block: the very numbers of the whole, and errors where there is no size."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from ssbtomo import io
from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.thickness import size_distribution
from ssbtomo.errors import InputDataError, PhaseMissingError
from ssbtomo.kernels import thickness

masks = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=11).flatmap(
    lambda shape: hnp.arrays(np.bool_, shape, elements=st.sampled_from([True] * 9 + [False]))
)
blocks = st.tuples(*[st.integers(1, 7)] * 3)
spacings = st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (0.31, 0.2, 0.73)])


def memory(shape):
    return lambda name, dtype: np.zeros(shape, dtype)


def stores(folder, shape, block, name, dtype):
    return io.ome_zarr.create(folder / f"{name}.ome.zarr", shape, dtype, None, block=block)


@pytest.fixture(scope="module")
def threads():
    with Engine.start("threads", 2) as engine:
        yield engine


@pytest.fixture(scope="module")
def pores():
    """Pores of many sizes, up to 13 voxels across."""
    noise = np.random.default_rng(0).normal(size=(48, 40, 56))
    return ndimage.gaussian_filter(noise, 3, mode="wrap") > 0


def assert_same(found, whole):
    np.testing.assert_array_equal(found.diameter_um, whole.diameter_um)
    np.testing.assert_array_equal(found.volume_fraction, whole.volume_fraction)


@settings(max_examples=40)
@given(
    masks,
    spacings,
    blocks,
    st.none() | st.lists(st.floats(0.1, 8.0), min_size=1, max_size=4),
)
def test_blocks_give_the_sizes_of_the_whole(threads, mask, spacing, block, radii):
    if mask.all() or not mask.any():
        return
    whole = thickness.size_distribution(mask, spacing, radii)
    for engine in (SERIAL, threads):
        found = size_distribution(
            mask,
            spacing,
            Grid(mask.shape, block),
            engine,
            allocate=memory(mask.shape),
            radii=radii,
        )
        assert_same(found, whole)


@pytest.mark.parametrize("block", [(16, 16, 16), (48, 7, 23), (5, 40, 56)])
@pytest.mark.parametrize("spacing", [(0.1, 0.1, 0.1), (0.2, 0.1, 0.13)])
def test_any_cut_gives_the_same_sizes(threads, pores, spacing, block):
    found = size_distribution(
        pores, spacing, Grid(pores.shape, block), threads, allocate=memory(pores.shape)
    )
    assert_same(found, thickness.size_distribution(pores, spacing))


def test_processes_measure_the_same_sizes(tmp_path, pores):
    grid = Grid(pores.shape, (24, 24, 24))
    allocate = partial(stores, tmp_path, pores.shape, grid.block)
    labels = allocate("labels", np.uint8)
    for block in grid:
        labels[block.core] = pores[block.core] * np.uint8(3)
    with Engine.start("processes", 2) as engine:
        found = size_distribution(labels, (0.1, 0.1, 0.1), grid, engine, allocate=allocate, phase=3)
    assert_same(found, thickness.size_distribution(pores, (0.1, 0.1, 0.1)))


def test_sizes_that_do_not_exist_are_errors():
    labels = np.ones((6, 6, 6), dtype=np.uint8)
    measure = partial(
        size_distribution,
        labels,
        (1, 1, 1),
        Grid(labels.shape, (4, 4, 4)),
        SERIAL,
        allocate=memory(labels.shape),
    )
    with pytest.raises(PhaseMissingError, match="no voxel"):
        measure(phase=2)
    with pytest.raises(InputDataError, match="fills the whole volume"):
        measure(phase=1)
    labels[0] = 0
    with pytest.raises(InputDataError, match="radii"):
        measure(radii=[-1.0])
