"""Chains: the bits of one step after the other, for any cut."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ssbtomo.blocks import SERIAL, Engine, Grid, Markers
from ssbtomo.blocks.chains import Step, chain
from ssbtomo.blocks.filters import filter_step
from ssbtomo.errors import InputDataError, OutputError
from ssbtomo.io import ome_zarr
from ssbtomo.kernels.filters import gaussian, median
from ssbtomo.kernels.variation import total_variation, total_variation_halo

volumes = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=14))
edges = st.tuples(*[st.integers(1, 15)] * 3)


def shifted(values, *, by):
    """A kernel whose border shows: what is beyond the array is its own last value."""
    padded = np.pad(values, by, mode="edge").astype(np.int64)
    z, y, x = (slice(None, -2 * by or None) for _ in range(3))
    return padded[z, y, x] + 2 * np.asarray(values, np.int64)


def one_by_one(image, kernels, sinks):
    values = image
    for kernel, sink in zip(kernels, sinks, strict=True):
        values = kernel(values)
        if sink is not None:
            sink[...] = values
            values = sink
    return values


@given(volumes, edges, st.tuples(st.integers(0, 2), st.integers(0, 3)), st.booleans())
@settings(max_examples=60)
def test_any_cut_gives_the_bits_of_one_step_after_the_other(image, block, halos, keep):
    kernels = [
        partial(median, radius=1),
        *(partial(shifted, by=by) for by in halos),
        partial(gaussian, sigma=(0.6, 0.3, 0.0)),
    ]
    shape = image.shape
    kept = [None, np.zeros(shape, np.uint16) if keep else None, None, np.zeros(shape, np.float32)]
    wanted = [None if sink is None else sink.copy() for sink in kept]
    one_by_one(image, kernels, wanted)
    margins = [1, *halos, (3, 2, 0)]
    steps = [Step(*each) for each in zip(kernels, margins, kept, strict=True)]
    chain(image, steps, Grid(shape, block), SERIAL)
    for one, other in zip(kept, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_denoising_steps_in_threads():
    image = np.random.default_rng(0).normal(100, 9, (30, 26, 28)).astype(np.float32)
    smooth, out = np.zeros_like(image), np.zeros_like(image)
    steps = [
        filter_step("median", np.float32, smooth, radius=1),
        filter_step("tv", np.float32, out, strength=0.5, iterations=4, noise=9.0),
    ]
    with Engine.start("threads", 2) as engine:
        chain(image, steps, Grid(image.shape, (11, 26, 9)), engine)
    np.testing.assert_array_equal(smooth, median(image, 1))
    whole = total_variation(median(image, 1), strength=0.5, iterations=4, noise=9.0)
    np.testing.assert_array_equal(out, whole)
    assert steps[1].halo == total_variation_halo(iterations=4)


def test_every_block_is_read_once():
    image = np.zeros((20, 8, 8), np.uint8)

    class Counting:
        shape, dtype = image.shape, image.dtype
        windows: list[tuple[slice, ...]] = []  # noqa: RUF012

        def __getitem__(self, window):
            self.windows.append(window)
            return image[window]

    source = Counting()
    steps = [Step(partial(median, radius=2), 2), Step(partial(median, radius=1), 1, image.copy())]
    chain(source, steps, Grid(image.shape, (10, 8, 8)), SERIAL)
    assert [(w[0].start, w[0].stop) for w in source.windows] == [(0, 13), (7, 20)]


def test_processes_write_to_stores_and_marked_blocks_stay(tmp_path):
    image = np.random.default_rng(1).integers(0, 255, (12, 8, 8)).astype(np.uint8)
    store = partial(ome_zarr.create, spacing=(1.0, 1.0, 1.0), block=(6, 8, 8))
    source = store(tmp_path / "in.ome.zarr", image.shape, np.uint8)
    source[:, :, :] = image
    first = store(tmp_path / "one.ome.zarr", image.shape, np.uint8)
    last = store(tmp_path / "two.ome.zarr", image.shape, np.float32)
    steps = [
        Step(partial(median, radius=1), 1, first),
        Step(partial(gaussian, sigma=0.5), 2, last),
    ]
    grid = Grid(image.shape, (6, 8, 8))
    markers = Markers(tmp_path / "done", "mark")
    with Engine.start("processes", 1) as engine:
        chain(source, steps, grid, engine, markers=markers)
    np.testing.assert_array_equal(first[:, :, :], median(image, 1))
    np.testing.assert_array_equal(last[:, :, :], gaussian(median(image, 1), 0.5))
    told = []
    chain(source, steps, grid, SERIAL, markers=markers, on_block=told.append)
    assert told == []


def test_what_a_chain_refuses():
    image, out = np.zeros((4, 4, 4)), np.zeros((4, 4, 4))
    grid = Grid(image.shape, (2, 4, 4))
    step = Step(partial(gaussian, sigma=0.5), 2)
    with pytest.raises(OutputError, match="keeps nothing"):
        chain(image, [step], grid, SERIAL)
    with pytest.raises(OutputError, match="also the input"):
        chain(image, [Step(step.kernel, 2, image)], grid, SERIAL)
    with pytest.raises(OutputError):
        chain(image, [Step(step.kernel, 2, out), Step(step.kernel, 2, out)], grid, SERIAL)
    with pytest.raises(InputDataError, match="noise"):
        filter_step("tv", np.float32, out, strength=1.0)
