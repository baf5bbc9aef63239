"""The noise estimate: its value where it is known, and where its samples lie."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.kernels.noise import noise_level, residuals, sample_windows


def estimate(image):
    return noise_level([residuals(image[window]) for window in sample_windows(image.shape)])


@pytest.mark.parametrize("sigma", [2.0, 20.0])
def test_white_noise_on_a_ramp_with_edges(sigma):
    z, y, x = np.indices((40, 40, 40))
    clean = z + 0.5 * y + 60.0 * (x > 20) + 60.0 * (y > 25)
    image = clean + np.random.default_rng(1).normal(0, sigma, clean.shape)
    # 10^5 samples give 0.5 %; the two steps touch a twentieth of them.
    assert estimate(image) == pytest.approx(sigma, rel=0.08)


def test_a_flat_image_has_no_noise():
    assert estimate(np.full((8, 8, 8), 7, np.uint8)) == 0.0
    assert estimate(np.zeros((1, 1, 2))) == 0.0


@pytest.mark.parametrize("shape", [(5, 40, 300), (33, 64, 65), (1, 1, 1)])
def test_samples_lie_inside_and_never_overlap(shape):
    seen = np.zeros(shape, int)
    for window in sample_windows(shape):
        assert seen[window].size > 0
        seen[window] += 1
    assert seen.max() == 1
    assert len(sample_windows(shape)) <= 64
