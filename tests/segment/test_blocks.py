"""Segmentation is the same, bit for bit, for every cut and scheduler."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.errors import CancelledError, SsbtomoError
from ssbtomo.io import ome_zarr
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.volumes import Segmenter

SPACING = (0.15, 0.1, 0.12)


def bench(shape, cut, engine=SERIAL):
    block = tuple(min(a, b) for a, b in zip(cut, shape, strict=True))
    return Bench(Grid(shape, block), engine, lambda _, dtype: np.empty(shape, dtype))


def grey(shape, seed):
    rng = np.random.default_rng(seed)
    fields = [ndi.gaussian_filter(rng.normal(size=shape), 2.0, mode="wrap") for _ in range(2)]
    labels = (fields[0] > 0).astype(int) + (fields[1] > np.quantile(fields[1], 0.6))
    noise = rng.normal(0, 4, shape)
    return (60 + 60.0 * ndi.gaussian_filter(labels.astype(float), 0.8) + noise).astype(np.float32)


def answers(image, place, **options):
    """Return all that a segmentation says: labels, shifted labels, numbers; or why it will not."""
    try:
        segmenter = Segmenter.prepare(image, SPACING, 3, bench=place, **options)
        found = segmenter.segment()
        shifted = np.array(segmenter.labels((1, 0.06)))
    except SsbtomoError as error:
        return type(error), str(error)
    numbers = (found.thresholds, found.class_means, found.edge_width_voxels, found.warnings)
    return np.array(found.labels), shifted, numbers


def assert_same(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other)
        else:
            assert repr(one) == repr(other)


@settings(max_examples=12)
@given(
    st.tuples(*[st.integers(8, 30)] * 3), st.tuples(*[st.integers(5, 20)] * 3),
    st.booleans(), st.sampled_from([0, 9]), st.integers(0, 2**31),
)  # fmt: skip
def test_the_cut_never_shows(shape, cut, repair, smallest, seed):
    image = grey(shape, seed)
    options = {"repair": repair, "smallest_object": smallest}
    whole = answers(image, bench(shape, shape), **options)
    assert_same(answers(image, bench(shape, cut), **options), whole)
    assert_same(answers(image, None, **options), whole)


@pytest.mark.parametrize("shape", [(1, 19, 23), (17, 1, 9), (24, 21, 1), (1, 1, 40), (2, 3, 4)])
@pytest.mark.parametrize("repair", [True, False])
def test_flat_and_thin_volumes(shape, repair):
    image = grey(shape, 3)
    whole = answers(image, bench(shape, shape), repair=repair)
    for cut in ((1, 5, 7), (4, 4, 3), (2, 40, 40)):
        assert_same(answers(image, bench(shape, cut), repair=repair), whole)


@pytest.mark.parametrize("method", ["multi-otsu", "gaussian-mixture", "thresholds"])
def test_threads_say_the_same(method):
    image = np.clip(grey((33, 30, 37), 7), 0, 255).astype(np.uint8)
    cuts = (90.0, 150.0) if method == "thresholds" else None
    options = {"method": method, "thresholds": cuts, "smallest_object": 12}
    whole = answers(image, bench(image.shape, image.shape), **options)
    assert isinstance(whole[0], np.ndarray)
    with Engine.start("threads", 3) as engine:
        assert_same(answers(image, bench(image.shape, (12, 16, 11), engine), **options), whole)


def test_processes_write_the_same_store(tmp_path):
    image, cut = grey((24, 26, 30), 11), (16, 16, 16)

    def store(name, dtype):
        return ome_zarr.create(tmp_path / name, image.shape, dtype, SPACING, block=cut)

    grid = Grid(image.shape, cut)
    source = store("image", np.float32)
    for block in grid:
        source[block.core] = image[block.core]
    whole = answers(image, None, smallest_object=9)
    with Engine.start("processes", 2) as engine:
        segmenter = Segmenter.prepare(
            source, SPACING, 3, smallest_object=9, bench=Bench(grid, engine, store)
        )
        found = segmenter.segment(sink=store("target", np.uint8))
    np.testing.assert_array_equal(found.labels[:, :, :], whole[0])
    assert found.thresholds == whole[2][0]


def test_a_store_is_segmented_without_being_read_whole():
    image = grey((30, 30, 30), 2)

    class Watched:
        shape, dtype, largest = image.shape, image.dtype, 0

        def __getitem__(self, window):
            part = image[window]
            self.largest = max(self.largest, part.size)
            return part

    source = Watched()
    Segmenter.prepare(source, SPACING, 3, bench=bench(image.shape, (10, 10, 10))).labels()
    assert source.largest <= 22**3  # a block of 10, and 6 voxels around it


def test_cancelling_stops_between_blocks():
    image, cancel, made = grey((30, 30, 30), 2), threading.Event(), []

    def allocate(name, dtype):
        made.append(name)
        if name == "grown":
            cancel.set()
        return np.empty(image.shape, dtype)

    with Engine.start("threads", 2, cancel=cancel) as engine:
        place = Bench(Grid(image.shape, (10, 10, 10)), engine, allocate)
        with pytest.raises(CancelledError):
            Segmenter.prepare(image, SPACING, 3, bench=place)
    assert made[-1] == "grown"
