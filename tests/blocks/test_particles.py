"""Particles block by block: the labels and tables of the whole, for any cut and scheduler."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from ssbtomo import io
from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.particles import Necks, particle_table, separate
from ssbtomo.errors import InputDataError
from ssbtomo.kernels import particles as kernels

shapes = st.one_of(
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=16),
    st.sampled_from([(1, 7, 9), (12, 1, 1), (1, 1, 30), (2, 25, 1), (1, 24, 24)]),
)
blocks = st.tuples(*[st.integers(1, 9)] * 3)
spacings = st.one_of(
    st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)]), st.tuples(*[st.floats(0.1, 1.0)] * 3)
)


def memory(shape):
    return lambda name, dtype: np.full(shape, 7, dtype)


def stores(folder, shape, block, name, dtype):
    return io.ome_zarr.create(folder / f"{name}.ome.zarr", shape, dtype, None, block=block)


def grains(shape, seed=0, share=0.5):
    noise = ndi.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return noise > np.quantile(noise, 1 - share)


def assert_same_table(found, whole):
    assert found.keys() == whole.keys()
    for name, column in whole.items():
        assert found[name].dtype == column.dtype
        np.testing.assert_array_equal(found[name], column)


@pytest.fixture(scope="module")
def threads():
    with Engine.start("threads", 2) as engine:
        yield engine


@given(shapes, st.integers(0, 10**6), st.sampled_from([0, 0.3, 0.7, 0.97, 1]), spacings, blocks)
def test_blocks_give_the_particles_of_the_whole(threads, shape, seed, share, spacing, block):
    mask = grains(shape, seed, share) if 0 < share < 1 else np.full(shape, bool(share))
    whole = kernels.separate(mask, spacing)
    table = kernels.particle_table(whole, spacing)
    for engine in (SERIAL, threads):
        grid = Grid(shape, block)
        found = separate(mask, spacing, grid, engine, allocate=memory(shape))
        np.testing.assert_array_equal(found.labels, whole)
        assert_same_table(found.table, table)
        assert_same_table(particle_table(whole, spacing, grid, engine), table)


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.int32, np.int64]),
        shapes,
        elements=st.sampled_from([0, 0, 1, 2, 9]),
    ),
    blocks,
)
def test_labels_with_gaps_keep_their_names(labels, block):
    found = particle_table(labels, (1, 2, 3), Grid(labels.shape, block), SERIAL)
    assert_same_table(found, kernels.particle_table(labels, (1, 2, 3)))


def test_a_label_is_cut_by_the_rules_given(threads):
    shape = (30, 31, 32)
    labels = (grains(shape) + 2 * grains(shape, 1)).astype(np.uint8)
    rules = {"depth": 0.05, "neck": 0.95}
    whole = kernels.separate(labels == 2, (0.1, 0.1, 0.1), **rules)
    found = separate(
        labels, (0.1, 0.1, 0.1), Grid(shape, (11, 12, 13)), threads,
        allocate=memory(shape), phase=2, necks=Necks(**rules),
    )  # fmt: skip
    np.testing.assert_array_equal(found.labels, whole)
    assert len(found.table["particle"]) == whole.max() > 10


def test_rules_that_tell_no_neck_are_refused():
    mask = grains((4, 4, 4))
    with pytest.raises(InputDataError, match="neck"):
        separate(
            mask, (1, 1, 1), Grid((4, 4, 4), (2, 2, 2)), SERIAL, allocate=None, necks=Necks(neck=0)
        )


def test_particles_of_a_real_electrode_change_no_bit(real_volumes, threads):
    labels = tifffile.imread(real_volumes / "soc_electrode" / "labels_128x256x256_u8.tif")
    crop, spacing = labels[30:100, 60:150, 70:160], (0.0184, 0.0184, 0.0184)
    whole = kernels.separate(crop == 255, spacing)
    grid = Grid(crop.shape, (32, 32, 64))
    found = separate(crop, spacing, grid, threads, allocate=memory(crop.shape), phase=255)
    np.testing.assert_array_equal(found.labels, whole)
    assert_same_table(found.table, kernels.particle_table(whole, spacing))


def test_processes_write_the_same_store(tmp_path):
    mask = grains((40, 30, 50), 3)
    allocate = partial(stores, tmp_path, mask.shape, (16, 16, 32))
    source = allocate("mask", np.uint8)
    grid = Grid(mask.shape, (16, 16, 32))
    for block in grid:
        source[block.core] = mask[block.core].astype(np.uint8)
    with Engine.start("processes", 2) as engine:
        found = separate(source, (2, 1, 1), grid, engine, allocate=allocate)
    whole = kernels.separate(mask, (2, 1, 1))
    np.testing.assert_array_equal(np.asarray(found.labels[...]), whole)
    assert_same_table(found.table, kernels.particle_table(whole, (2, 1, 1)))
