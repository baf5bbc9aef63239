"""Noise, images of labels and draws: the same for any cut, with the statistics that are asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.draws import draw_labels
from ssbtomo.blocks.imaging import EveryOther, image_again, measure_imaging
from ssbtomo.kernels.counter_noise import correlated_noise, white_noise
from ssbtomo.kernels.imaging import Imaging, neighbours_alike
from ssbtomo.testing import strategies

MODEL = Imaging(
    np.array([100.0, 300.0, 700.0]), (0.9, 0.8, 0.7), np.array([20.0, 25.0, 40.0]), (0.0, 0.4, 0.5)
)


def test_white_noise_is_normal_and_white():
    noise = white_noise((0, 0, 0), (64, 64, 64), 3).astype(float)
    count = noise.size
    # Standard errors of mean, variance, skewness and kurtosis of `count` normal numbers, times 4.
    assert abs(noise.mean()) < 4 / math.sqrt(count)
    assert abs(noise.var() - 1) < 4 * math.sqrt(2 / count)
    assert abs((noise**3).mean()) < 4 * math.sqrt(15 / count)
    assert abs((noise**4).mean() - 3) < 4 * math.sqrt(96 / count)
    for axis in range(3):
        near = np.take(noise, range(63), axis) * np.take(noise, range(1, 64), axis)
        assert abs(near.mean()) < 4 / math.sqrt(near.size)
    other = white_noise((0, 0, 0), (64, 64, 64), 4)
    assert abs((noise * other).mean()) < 4 / math.sqrt(count)


@pytest.mark.parametrize("sigma", [(1.0, 1.0, 1.0), (0.0, 0.6, 1.5)])
def test_correlated_noise_has_its_correlation(sigma):
    noise = correlated_noise((-5, 0, 9), (48, 48, 48), 1, sigma).astype(float)
    assert noise.std() == pytest.approx(1, abs=0.04)
    for axis, width in enumerate(sigma):
        near = (np.take(noise, range(47), axis) * np.take(noise, range(1, 48), axis)).mean()
        wanted = neighbours_alike(width) if width else 0.0
        # About 48³ / 27 independent numbers: standard error 0.015.
        assert near / noise.var() == pytest.approx(wanted, abs=0.04)
        if width > 0.9:
            assert wanted == pytest.approx(math.exp(-1 / (4 * width**2)), abs=0.01)


@given(
    shape=strategies.shapes(), place=some.tuples(*[some.integers(-50, 50)] * 3),
    sigma=some.tuples(*[some.sampled_from([0.0, 0.5, 1.3])] * 3), data=some.data(),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_noise_is_decided_by_place(shape, place, sigma, data):
    whole = correlated_noise(place, shape, 7, sigma)
    first = [data.draw(some.integers(0, size - 1)) for size in shape]
    rest = [size - start for size, start in zip(shape, first, strict=True)]
    part = correlated_noise([p + f for p, f in zip(place, first, strict=True)], rest, 7, sigma)
    window = tuple(slice(start, None) for start in first)
    np.testing.assert_array_equal(part, whole[window])


@given(labels=strategies.labels(), block=strategies.blocks(), seed=some.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_images_and_draws_do_not_depend_on_the_cut(labels, block, seed):
    shares = np.stack([np.where(labels == k, 155, 50).astype(np.uint8) for k in range(3)])
    images, draws, models = [], [], []
    with Engine.start("threads", 2) as engine:
        for grid, worker in (
            (Grid(labels.shape, labels.shape), SERIAL),
            (Grid(labels.shape, block), engine),
        ):
            image, drawn = np.zeros(labels.shape, np.uint16), np.zeros(labels.shape, np.uint8)
            image_again(labels, MODEL, image, grid, worker, seed=seed)
            draw_labels(list(shares), drawn, grid, worker, correlation=(1.0, 0.5, 1.0), seed=seed)
            images.append(image)
            draws.append(drawn)
            models.append(
                measure_imaging(images[0], labels, MODEL.means, grid, worker, blur=MODEL.blur)
            )
    np.testing.assert_array_equal(*images)
    np.testing.assert_array_equal(*draws)
    np.testing.assert_array_equal(models[0].means, models[1].means)
    np.testing.assert_array_equal(models[0].sds, models[1].sds)
    assert models[0].correlation == models[1].correlation


def test_an_image_tells_what_it_was_made_with():
    labels = np.zeros((60, 60, 60), np.uint8)
    labels[20:40], labels[40:] = 1, 2
    grid = Grid(labels.shape, (32, 32, 32))
    image = np.zeros(labels.shape, np.uint16)
    image_again(labels, MODEL, image, grid, SERIAL)
    found = measure_imaging(image, labels, MODEL.means, grid, SERIAL, blur=MODEL.blur)
    # 50 000 voxels of each phase: means to 0.2, deviations to 0.3 %; correlated noise less well.
    np.testing.assert_allclose(found.means, MODEL.means, atol=0.8)
    np.testing.assert_allclose(found.sds, MODEL.sds, rtol=0.02)
    for one, wanted in zip(found.correlation, MODEL.correlation, strict=True):
        alike = neighbours_alike(wanted) if wanted else 0.0
        assert (neighbours_alike(one) if one else 0.0) == pytest.approx(alike, abs=0.02)


def test_draws_are_as_often_as_the_probabilities_say():
    shares = np.zeros((3, 60, 60, 60), np.uint8)
    shares[0], shares[1], shares[2] = 51, 153, 51
    counts = np.zeros(3)
    for seed in range(40):
        labels = np.zeros(shares.shape[1:], np.uint8)
        draw_labels(list(shares), labels, Grid(labels.shape, labels.shape), SERIAL,
                    correlation=(0.5, 0.5, 0.5), seed=seed)  # fmt: skip
        counts += np.bincount(labels.ravel(), minlength=3)
    # What a draw has in common moves its shares by 5 %; the mean of forty by less than 1 %.
    np.testing.assert_allclose(counts / counts.sum(), [0.2, 0.6, 0.2], atol=0.03)


def test_certain_voxels_are_never_drawn_otherwise():
    labels = np.random.default_rng(0).integers(0, 3, (12, 12, 12)).astype(np.uint8)
    shares = [np.where(labels == k, 255, 0).astype(np.uint8) for k in range(3)]
    drawn = np.zeros_like(labels)
    draw_labels(shares, drawn, Grid(labels.shape, (5, 5, 5)), SERIAL, correlation=(1, 1, 1), seed=1)
    np.testing.assert_array_equal(drawn, labels)


@given(labels=strategies.labels(), block=strategies.blocks())
@settings(max_examples=15, deadline=None)
def test_every_other_voxel_can_be_read_in_blocks(labels, block):
    half = EveryOther(labels)
    assert half.shape == labels[::2, ::2, ::2].shape
    for one in Grid(half.shape, block):
        np.testing.assert_array_equal(half[one.core], labels[::2, ::2, ::2][one.core])
