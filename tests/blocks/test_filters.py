"""Denoising block by block: types, schedulers, events and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.filters import denoise, denoise_halo, estimate_noise
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.filters import gaussian


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
