"""Denoising filters against SciPy, against the truth, and against bad input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.filters import gaussian, gaussian_halo, median, mirrored
from ssbtomo.kernels.non_local import non_local_means
from ssbtomo.kernels.variation import total_variation


@pytest.fixture(scope="module")
def step():
    clean = np.full((24, 24, 24), 100.0, np.float32)
    clean[:, :, 12:] = 140.0
    return clean


@pytest.fixture(scope="module")
def noisy(step):
    rng = np.random.default_rng(3)
    return (step + rng.normal(0, 8, step.shape)).astype(np.float32)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("radius", [1, 2])
def test_median_is_scipys_to_the_bit(noisy, kind, radius):
    image = noisy[:9, :11].astype(kind)
    expected = ndi.median_filter(image, 2 * radius + 1, mode="reflect")
    np.testing.assert_array_equal(median(image, radius), expected)


def test_median_of_rows_longer_than_its_buffer():
    image = np.random.default_rng(0).integers(0, 255, (3, 3, 1200)).astype(np.uint8)
    np.testing.assert_array_equal(median(image), ndi.median_filter(image, 3, mode="reflect"))


@pytest.mark.parametrize("sigma", [0.7, 1.5, (0.5, 1.0, 2.0)])
def test_gaussian_is_scipys(noisy, sigma):
    # The same taps to four sigma; float32 sums against float64 ones.
    expected = ndi.gaussian_filter(noisy.astype(float), sigma, radius=gaussian_halo(sigma))
    np.testing.assert_allclose(gaussian(noisy, sigma), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "turned",
    [
        lambda image: image.transpose(2, 0, 1),
        np.asfortranarray,
        lambda image: image[::-1, ::2, ::-3],
        lambda image: np.broadcast_to(image[0, 0], (1, 16, 24)),
        lambda image: np.broadcast_to(image[:, :1, :1], (24, 3, 5)),
    ],
)
@pytest.mark.parametrize(
    "clean_up",
    [
        lambda image: gaussian(image, 1.0),
        median,
        lambda image: non_local_means(image, 8.0, distance=2),
        lambda image: total_variation(image, 8.0),
    ],
)
def test_views_are_filtered_as_their_copies(noisy, turned, clean_up):
    view = turned(noisy)
    np.testing.assert_array_equal(clean_up(view), clean_up(np.array(view, order="C")))


def test_a_thin_volume_is_mirrored_more_than_once():
    assert mirrored(2, 5).tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]


@pytest.mark.parametrize(
    ("clean_up", "rest"),
    # Root mean square error after the filter in units of the noise before it, about 1.5 times
    # what was measured (the Gaussian blurs the step, the others must not).
    [
        (lambda image: gaussian(image, 1.0), 0.6),
        (median, 0.4),
        (lambda image: non_local_means(image, 8.0, distance=2), 0.25),
        (lambda image: total_variation(image, 8.0), 0.25),
    ],
)
def test_noise_goes_down(step, noisy, clean_up, rest):
    error = clean_up(noisy) - step
    assert np.sqrt(np.mean(error**2)) < rest * 8


@pytest.mark.parametrize("clean_up", [non_local_means, total_variation])
def test_no_noise_means_no_change(step, clean_up):
    np.testing.assert_array_equal(clean_up(step, 0.0), step)


@pytest.mark.parametrize(
    "call",
    [
        lambda: gaussian(np.zeros((3, 3)), 1.0),
        lambda: gaussian(np.zeros((3, 3, 3)), -1.0),
        lambda: gaussian(np.zeros((3, 3, 3)), float("nan")),
        lambda: median(np.zeros((3, 3, 3)), 4),
        lambda: median(np.zeros((0, 3, 3)), 1),
        lambda: non_local_means(np.zeros((3, 3, 3)), -1.0),
        lambda: total_variation(np.zeros((3, 3, 3)), 1.0, iterations=0),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(InputDataError):
        call()
