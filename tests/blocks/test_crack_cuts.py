"""Cracks block by block: the labels and tables of the whole, for any cut and scheduler."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from ssbtomo import io
from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.cracks import PASSES, CrackRules, crack_table, split_cracks
from ssbtomo.errors import CancelledError, InputDataError, OutputError
from ssbtomo.testing import composite_cathode

LOOSE = CrackRules(min_extent=0.3, aspect=1.2)  # many cracks in small volumes
spacings = st.sampled_from([(0.1, 0.1, 0.1), (0.2, 0.1, 0.1), (0.1, 0.13, 0.17)])


def memory(shape):
    return lambda name, dtype: np.full(shape, 7, dtype)


def stores(folder, shape, block, name, dtype):
    return io.ome_zarr.create(folder / f"{name}.ome.zarr", shape, dtype, None, block=block)


def layers(shape, seed=0, share=0.3):
    """Blurred more along one axis than along the others: much of it is flat."""
    noise = np.random.default_rng(seed).normal(size=shape)
    noise = ndi.gaussian_filter(noise, np.roll((1, 5, 3), seed % 3))
    return noise > np.quantile(noise, 1 - share)


def network():
    """Nine pennies and nine pores, crossing each other."""
    rng, mask = np.random.default_rng(3), np.zeros((70, 80, 90), dtype=bool)
    z, y, x = np.ogrid[:70, :80, :90]
    for _ in range(9):
        centre, normal = rng.uniform(10, 60, 3), rng.normal(size=3)
        normal /= np.linalg.norm(normal)
        width, radius = rng.uniform(0.7, 2.5), rng.uniform(10, 22)
        to = (z - centre[0], y - centre[1], x - centre[2])
        off = sum(a * n for a, n in zip(to, normal, strict=True))
        mask |= (abs(off) <= width) & (sum(a**2 for a in to) - off**2 <= radius**2)
    for _ in range(9):
        centre, radius = rng.uniform(5, 75, 3), rng.uniform(3, 11)
        mask |= (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= radius**2
    return mask


def find(mask, spacing, block, engine=SERIAL, **options):
    grid = Grid(mask.shape, block)
    return split_cracks(mask, spacing, grid, engine, allocate=memory(mask.shape), **options)


def assert_same_table(found, whole):
    assert found.keys() == whole.keys()
    for name, column in whole.items():
        assert found[name].dtype == column.dtype
        np.testing.assert_array_equal(found[name], column)


@pytest.fixture(scope="module")
def threads():
    with Engine.start("threads", 2) as engine:
        yield engine


@settings(max_examples=20)
@given(
    st.tuples(*[st.integers(1, 30)] * 3) | st.sampled_from([(1, 40, 40), (40, 1, 30), (2, 30, 30)]),
    st.tuples(*[st.integers(5, 25)] * 3),
    st.integers(0, 1000),
    spacings,
)
def test_any_cut_gives_the_cracks_of_the_whole(threads, shape, block, seed, spacing):
    mask = layers(shape, seed)
    whole = find(mask, spacing, shape, rules=LOOSE)
    table = crack_table(whole.labels, spacing, Grid(shape, shape), SERIAL)
    for engine in (SERIAL, threads):
        found = find(mask, spacing, block, engine, rules=LOOSE)
        assert found.count == whole.count == len(table["crack"])
        np.testing.assert_array_equal(found.labels, whole.labels)
        grid = Grid(shape, block)
        assert_same_table(crack_table(whole.labels, spacing, grid, engine), table)


@pytest.mark.parametrize("block", [(64, 64, 64), (70, 23, 31), (17, 80, 40)])
def test_a_network_is_the_same_for_any_cut(threads, block):
    mask = network()
    whole = find(mask, (1, 1, 1), mask.shape)
    assert whole.count == 4
    # What was found first, bit for bit.
    assert np.count_nonzero(whole.labels) == 20159
    found = find(mask, (1, 1, 1), block, threads)
    np.testing.assert_array_equal(found.labels, whole.labels)


def test_cracks_of_a_cathode_by_its_label(threads):
    phantom = composite_cathode((72, 80, 88), (0.05, 0.05, 0.05), seed=1)
    void = phantom.phases["void"]
    spacing, shape = phantom.spacing, phantom.labels.shape
    whole = find(phantom.labels == void, spacing, shape)
    found = find(phantom.labels, spacing, (33, 40, 47), threads, phase=void)
    assert found.count == whole.count > 0
    np.testing.assert_array_equal(found.labels, whole.labels)


def test_processes_write_the_same_store(tmp_path):
    mask = layers((40, 44, 48), 4)
    grid = Grid(mask.shape, (24, 24, 24))
    allocate = partial(stores, tmp_path, mask.shape, grid.block)
    source = allocate("mask", np.uint8)
    for block in grid:
        source[block.core] = mask[block.core].astype(np.uint8)
    spacing = (0.2, 0.1, 0.1)
    with Engine.start("processes", 2) as engine:
        found = split_cracks(source, spacing, grid, engine, allocate=allocate, rules=LOOSE)
        table = crack_table(found.labels, spacing, grid, engine)
    whole = find(mask, spacing, mask.shape, rules=LOOSE)
    assert found.count == whole.count > 0
    np.testing.assert_array_equal(np.asarray(found.labels[...]), whole.labels)
    assert_same_table(
        table, crack_table(whole.labels, spacing, Grid(mask.shape, mask.shape), SERIAL)
    )


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 9), (3, 1, 9), (2, 40, 40)])
@pytest.mark.parametrize("value", [False, True])
def test_nothing_and_everything_hold_no_crack(shape, value):
    found = find(np.full(shape, value), (1, 1, 1), (2, 7, 16))
    assert (found.count, found.absent) == (0, not value)
    assert not found.labels.any()
    table = crack_table(found.labels, (1, 1, 1), Grid(shape, (2, 7, 16)), SERIAL)
    assert all(column.size == 0 for column in table.values())


def test_round_pores_end_the_search_early():
    z, y, x = np.ogrid[:30, :30, :30]
    told = []
    ball = (z - 14) ** 2 + (y - 14) ** 2 + (x - 14) ** 2 <= 100
    found = find(ball, (1, 1, 1), (16, 16, 16), on_block=told.append)
    assert found.count == 0
    assert not found.labels.any()
    assert 8 <= len(told) < 8 * PASSES


def test_labels_with_gaps_keep_their_names():
    labels = np.zeros((20, 30, 40), dtype=np.int64)
    labels[4:7], labels[14:16] = 9, 300
    whole = crack_table(labels, (1, 2, 3), Grid(labels.shape, labels.shape), SERIAL)
    assert whole["crack"].tolist() == [9, 300]
    cut = crack_table(labels, (1, 2, 3), Grid(labels.shape, (7, 13, 40)), SERIAL)
    assert_same_table(cut, whole)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
@pytest.mark.parametrize("patience", [3, 60])
def test_cancelled_work_stops(scheduler, patience):
    mask, cancel, told = layers((30, 30, 30)), threading.Event(), []

    def on_block(block):
        told.append(block)
        if len(told) == patience:
            cancel.set()

    with (
        Engine.start(scheduler, 2, cancel=cancel) as engine,
        pytest.raises(CancelledError),
    ):
        find(mask, (0.1, 0.1, 0.1), (16, 16, 16), engine, rules=LOOSE, on_block=on_block)
    assert len(told) == patience


def test_rules_and_stores_that_cannot_be_are_told():
    mask = layers((12, 12, 12))
    with pytest.raises(InputDataError, match="aspect"):
        find(mask, (1, 1, 1), (8, 8, 8), rules=CrackRules(aspect=0.0))
    with pytest.raises(OutputError, match="shape"):
        split_cracks(
            mask, (1, 1, 1), Grid(mask.shape, (8, 8, 8)), SERIAL,
            allocate=lambda name, dtype: np.zeros((13, 13, 13), dtype),
        )  # fmt: skip
