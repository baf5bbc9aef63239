"""Components of volumes in blocks: what is read, written and remembered."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import ndimage as ndi

from ssbtomo import io
from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.cleanup import fill_holes, keep_large, remove_small
from ssbtomo.blocks.components import Wanted, components, find_components
from ssbtomo.errors import InputDataError, TaskError
from ssbtomo.kernels.runs import find_runs


class Counting:
    """A volume that remembers the windows that were read."""

    def __init__(self, volume):
        self.volume, self.windows = volume, []
        self.shape, self.dtype = volume.shape, volume.dtype

    def __getitem__(self, window):
        self.windows.append(window)
        return self.volume[window]


@pytest.fixture(scope="module")
def lumps():
    noise = np.random.default_rng(0).normal(size=(40, 36, 44))
    smooth = ndi.gaussian_filter(noise, 1.5)
    return np.digitize(smooth, np.quantile(smooth, [0.3, 0.7])).astype(np.uint8)


def test_two_pieces_and_their_table():
    mask = np.zeros((4, 5, 6), bool)
    mask[1:3, 0, 2:6] = True
    mask[3, 4, 0] = True
    table = find_components(mask, Grid(mask.shape, (2, 2, 3)), SERIAL, Wanted(1)).table
    assert table.size.tolist() == [8, 1]
    assert table.label.tolist() == [1, 1]
    assert table.first.tolist() == [1 * 30 + 2, 3 * 30 + 4 * 6]
    np.testing.assert_array_equal(table.centroids, [[1.5, 0, 3.5], [3, 4, 0]])
    assert table.start.tolist() == [[1, 0, 2], [3, 4, 0]]
    assert table.stop.tolist() == [[3, 1, 6], [4, 5, 1]]
    faces = table.touches(mask.shape).astype(int).tolist()
    assert faces == [[[0, 0], [1, 0], [0, 1]], [[0, 1], [0, 1], [1, 0]]]


def test_a_snake_through_every_block_is_one_piece():
    mask = np.zeros((1, 9, 9), bool)
    mask[0, ::2] = True
    mask[0, 1::4, -1] = mask[0, 3::4, 0] = True
    for cut in ((1, 1, 1), (1, 2, 3), (1, 9, 9)):
        assert len(find_components(mask, Grid(mask.shape, cut), SERIAL, Wanted(1))) == 1


def test_the_table_takes_one_read_without_margins(lumps):
    source = Counting(lumps)
    grid = Grid(lumps.shape, (16, 16, 16))
    seen = []
    find_components(source, grid, SERIAL, on_block=seen.append)
    assert source.windows == [block.core for block in grid]
    assert seen == list(grid)


def test_labels_take_a_second_read_and_one_write(lumps):
    source, grid = Counting(lumps), Grid(lumps.shape, (16, 36, 44))
    asked = []

    def allocate(name, dtype):
        asked.append((name, np.dtype(dtype)))
        return np.zeros(lumps.shape, dtype)

    labels, found = components(source, grid, SERIAL, allocate=allocate)
    assert asked == [("components", np.dtype(np.uint32))]
    assert len(source.windows) == 2 * len(grid)
    assert labels.min() == 1
    assert labels.max() == len(found)


@pytest.mark.parametrize("make", [np.zeros, lambda *a: np.zeros(*a, order="F")])
def test_kept_runs_and_runs_found_again_write_the_same(lumps, make):
    noise = np.random.default_rng(1).random((24, 24, 24)) < 0.5  # runs larger than the array
    for labels in (lumps, noise, lumps[:, ::2, ::-1]):
        grid, wanted = Grid(labels.shape, (8, 12, 20)), Wanted(1, neighbours=26)
        allocate = lambda name, dtype, shape=labels.shape: make(shape, dtype)  # noqa: E731
        found = components(labels, grid, SERIAL, wanted, allocate=allocate)[0]
        again = components(Counting(labels), grid, SERIAL, wanted, allocate=allocate)[0]
        np.testing.assert_array_equal(found, again)
        expected = ndi.label(labels == 1, np.ones((3, 3, 3)))[0]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("near", [6, 18, 26])
@pytest.mark.parametrize("background", [None, 0, 3])
def test_runs_found_by_bits_are_those_found_by_voxels(near, background):
    rng = np.random.default_rng(near)
    for width in (1, 63, 64, 65, 130):  # a word holds 64 voxels
        for longest in (1, 5, 70):
            runs = rng.integers(0, 4, (3, 5, width)).repeat(longest, axis=2)
            labels = np.ascontiguousarray(runs[:, :, longest // 2 :][:, :, :width]).astype(np.uint8)
            bits = find_runs(labels, near, background=background)
            voxels = find_runs(labels.astype(np.uint16), near, background=background)
            for name in ("rows", "start", "stop", "label", "piece", "count"):
                np.testing.assert_array_equal(getattr(bits, name), getattr(voxels, name))


def test_nothing_and_everything():
    grid = Grid((3, 4, 5), (2, 2, 2))
    nothing = find_components(np.zeros((3, 4, 5), np.uint8), grid, SERIAL, Wanted(1))
    assert len(nothing) == 0
    assert nothing.table.centroids.shape == (0, 3)
    everything = find_components(np.ones((3, 4, 5), bool), grid, SERIAL).table
    assert everything.size.tolist() == [60]


@pytest.mark.parametrize("dtype", [np.bool_, np.int32])
def test_any_integers_are_labels(lumps, dtype):
    labels = (lumps == 1).astype(dtype)
    expected = find_components(lumps, Grid(lumps.shape, (20, 20, 20)), SERIAL, Wanted(1)).table
    table = find_components(
        labels, Grid(lumps.shape, (20, 20, 20)), SERIAL, Wanted(background=0)
    ).table
    for one, other in zip(table.columns, expected.columns, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_cannot_be_labelled():
    grid = Grid((2, 2, 2), (2, 2, 2))
    with pytest.raises(InputDataError, match="integers"):
        find_components(np.zeros((2, 2, 2)), grid, SERIAL)
    with pytest.raises(InputDataError, match="the volume has"):
        find_components(np.zeros((2, 2, 3), bool), grid, SERIAL)
    with pytest.raises(InputDataError, match="5 neighbours"):
        find_components(np.zeros((2, 2, 2), bool), grid, SERIAL, Wanted(1, neighbours=5))


def test_a_failed_task_names_its_block():
    class Broken:
        shape, dtype = (4, 4, 4), np.dtype(np.uint8)

        def __getitem__(self, window):
            raise KeyError(window[0].start)

    with pytest.raises(TaskError, match="Block"):
        find_components(Broken(), Grid((4, 4, 4), (2, 4, 4)), SERIAL)


def test_processes_write_the_same_labels_to_disk(tmp_path, lumps):
    spacing, block = (0.1, 0.1, 0.1), (32, 32, 32)
    grid = Grid(lumps.shape, block)
    source = io.ome_zarr.create(
        tmp_path / "phases", lumps.shape, np.uint8, spacing, kind="labels", block=block
    )
    for part in grid:
        source[part.core] = lumps[part.core]

    def allocate(name, dtype):
        return io.ome_zarr.create(
            tmp_path / name, lumps.shape, dtype, spacing, kind="labels", block=block
        )

    wanted = Wanted(1, neighbours=26)
    with Engine.start("processes", 2) as engine:
        labels, found = components(source, grid, engine, wanted, allocate=allocate)
        cleaned = remove_small(source, 30, grid, engine, allocate=allocate)
    truth, _ = ndi.label(lumps == 1, np.ones((3, 3, 3)))
    np.testing.assert_array_equal(labels[:, :, :], truth)
    arrays = lambda name, dtype: np.zeros(lumps.shape, dtype)  # noqa: E731
    expected = remove_small(lumps, 30, grid, SERIAL, allocate=arrays)
    np.testing.assert_array_equal(cleaned[:, :, :], expected)
    assert len(pickle.loads(pickle.dumps(found))) == len(found)


def test_a_hollow_ball_across_blocks_is_filled():
    z, y, x = np.ogrid[-10:11, -10:11, -10:11]
    radius = z * z + y * y + x * x
    labels = np.where(radius <= 81, 2, 0).astype(np.uint8)
    labels[radius <= 36] = 1
    labels[radius <= 9] = 0
    filled = fill_holes(
        labels, Grid(labels.shape, (5, 8, 7)), SERIAL, 2,
        allocate=lambda name, dtype: np.zeros(labels.shape, dtype),
    )  # fmt: skip
    np.testing.assert_array_equal(filled, np.where(radius <= 81, 2, 0))


def test_volumes_where_nothing_is_small_are_not_written():
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[3:] = 1

    def allocate(name, dtype):
        raise AssertionError(name)

    grid = Grid(labels.shape, (2, 3, 4))
    assert remove_small(labels, 20, grid, SERIAL, allocate=allocate) is labels
    with pytest.raises(InputDataError, match="zero or more"):
        remove_small(labels, -1, grid, SERIAL, allocate=allocate)


def test_the_largest_of_two_is_kept():
    mask = np.zeros((3, 3, 9), bool)
    mask[1, 1, :3] = mask[1, 1, 4:] = True
    kept = keep_large(
        mask, 4, Grid(mask.shape, (3, 3, 2)), SERIAL, Wanted(1),
        allocate=lambda name, dtype: np.zeros(mask.shape, dtype),
    )  # fmt: skip
    assert np.flatnonzero(kept[1, 1]).tolist() == [4, 5, 6, 7, 8]
