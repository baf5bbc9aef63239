"""Denoising block by block: types, schedulers, events and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.filters import apply_filter, denoise, denoise_halo, estimate_noise, filter_halo
from ssbtomo.errors import InputDataError, OutputError
from ssbtomo.io import ome_zarr
from ssbtomo.kernels.derivatives import structure_tensor
from ssbtomo.kernels.filters import gaussian

TENSOR = {"spacing": (1.0, 0.5, 0.5), "sigma": 0.6, "integration": 1.0}


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 255, (20, 24, 28)).astype(np.uint8)


def test_integers_are_rounded_and_clipped(image):
    out = np.empty(image.shape, np.uint8)
    denoise(image, out, Grid(image.shape, (8, 8, 8)), SERIAL, "gaussian", sigma=0.6)
    np.testing.assert_array_equal(out, np.rint(gaussian(image, 0.6)).astype(np.uint8))


def test_threads_give_the_same_bits(image):
    grid = Grid(image.shape, (7, 9, 11))
    alone, together = np.empty(image.shape, np.float32), np.empty(image.shape, np.float32)
    denoise(image, alone, grid, SERIAL, "tv", iterations=4)
    with Engine.start("threads", 2) as engine:
        used = denoise(image, together, grid, engine, "tv", iterations=4)
    np.testing.assert_array_equal(together, alone)
    assert used == estimate_noise(image, SERIAL)


def test_each_block_is_told(image):
    told = []
    grid = Grid(image.shape, (10, 24, 28))
    denoise(image, np.empty_like(image), grid, SERIAL, "median", on_block=told.append)
    assert told == list(grid)


def test_halos_follow_the_parameters():
    assert denoise_halo("gaussian", sigma=(1.0, 0.5, 0.0)) == (4, 2, 0)
    assert denoise_halo("median", radius=2) == (2, 2, 2)
    assert denoise_halo("nlm", patch=1, distance=4, strength=1.0) == (5, 5, 5)
    assert denoise_halo("tv", iterations=10, strength=1.0) == (11, 11, 11)


def test_unknown_filters_are_refused(image):
    with pytest.raises(InputDataError, match="gaussian, median, nlm, tv"):
        denoise(image, image.copy(), Grid(image.shape, image.shape), SERIAL, "mean")


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_each_eigenvalue_has_a_store_of_its_own(image, tmp_path, scheduler):
    grid = Grid(image.shape, (10, 12, 16))
    stores = [
        ome_zarr.create(
            tmp_path / f"{name}.ome.zarr", image.shape, np.float32, None, block=grid.block
        )
        for name in ("first", "second", "third")
    ]
    told = []
    with Engine.start(scheduler, 2) as engine:
        apply_filter(
            image, stores, grid, engine, "structure-tensor", on_block=told.append, **TENSOR
        )
    whole = structure_tensor(image, **TENSOR)
    for channel, store in enumerate(stores):
        np.testing.assert_array_equal(store[...], whole[..., channel])
    assert told == list(grid)


def test_stores_must_fit_the_filter(image):
    grid = Grid(image.shape, image.shape)
    single = np.empty(image.shape, np.float32)
    with pytest.raises(InputDataError, match="3 values per voxel, there are 1"):
        apply_filter(image, single, grid, SERIAL, "structure-tensor", **TENSOR)
    with pytest.raises(InputDataError, match="differ in their type"):
        apply_filter(
            image, [single, single, np.empty(image.shape)], grid, SERIAL, "structure-tensor",
            **TENSOR,
        )  # fmt: skip
    other = [single, single, np.empty((2, 2, 2), np.float32)]
    with pytest.raises(OutputError, match="shape"):
        apply_filter(image, other, grid, SERIAL, "structure-tensor", **TENSOR)
    with pytest.raises(InputDataError, match="gradient, structure-tensor"):
        apply_filter(image, single, grid, SERIAL, "mean")


def test_any_filter_tells_its_halo():
    assert filter_halo("gradient", spacing=(1.0, 0.5, 0.5), sigma=1.0) == (4, 8, 8)
    assert filter_halo("structure-tensor", **TENSOR) == (7, 13, 13)
    assert filter_halo("median", radius=2) == denoise_halo("median", radius=2)
