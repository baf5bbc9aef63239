"""Gradients and structure tensors against SciPy, on ramps, steps, waves and lines."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage as ndi

from ssbtomo.errors import InputDataError, VoxelSizeError
from ssbtomo.kernels.derivatives import (
    gradient_halo,
    gradient_magnitude,
    gradient_weights,
    structure_tensor,
    structure_tensor_halo,
    tensor_eigenvalues,
)

CUBES = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(4).normal(100, 20, (18, 22, 26)).astype(np.float32)


@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.6, 1.0, 3.0])
def test_the_taps_measure_a_ramp(sigma):
    taps = gradient_weights(sigma)
    offsets = np.arange(len(taps)) - len(taps) // 2
    assert taps @ offsets == pytest.approx(1, rel=1e-6)  # float32
    np.testing.assert_array_equal(taps, -taps[::-1])


def test_narrow_taps_are_half_the_difference_of_the_neighbours():
    np.testing.assert_array_equal(gradient_weights(0.0), np.float32([-0.5, 0, 0.5]))
    np.testing.assert_allclose(gradient_weights(0.3), [0, -0.5, 0, 0.5, 0], atol=1e-6)


def test_a_linear_ramp_has_its_slope_in_physical_units():
    spacing = (0.4, 0.2, 0.1)
    z, y, x = (np.arange(n) * edge for n, edge in zip((20, 30, 50), spacing, strict=True))
    ramp = 3 * z[:, None, None] - 2 * y[:, None] + 6 * x
    inside = tuple(slice(halo, -halo) for halo in gradient_halo(spacing, 0.3))
    # |(3, -2, 6)| = 7; float32 grey values of about 50 carry 4e-6, differences over 0.1 µm.
    np.testing.assert_allclose(gradient_magnitude(ramp, spacing, 0.3)[inside], 7, rtol=3e-5)


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_the_gradient_is_scipys(noise, sigma):
    # SciPy's taps are cut at four sigma, too, but not set right for ramps: 0.1 % too small.
    expected = ndi.gaussian_gradient_magnitude(noise.astype(float), sigma, mode="reflect")
    np.testing.assert_allclose(gradient_magnitude(noise, CUBES, sigma), expected, rtol=2.5e-3)


def test_a_step_peaks_as_the_gaussian_does():
    step = np.zeros((3, 3, 40), np.uint8)
    step[:, :, 20:] = 100
    found = gradient_magnitude(step, (0.5, 0.5, 0.5), 2.0).max()
    # Half a voxel beside the step: exp(-1/2 (0.25 / 2)²) of the peak; taps cut at four sigma.
    assert found == pytest.approx(100 / (2 * math.sqrt(2 * math.pi)) * 0.9922, rel=5e-3)


def test_noise_adds_what_the_formula_says():
    noise = np.random.default_rng(0).normal(0, 5, (64, 64, 64))
    found = gradient_magnitude(noise, (0.5, 0.5, 0.5), 1.0)[8:-8, 8:-8, 8:-8]
    # Root mean square of three components; 300 independent voxels of three values: 2.3 %.
    expected = math.sqrt(3) * 0.106 * 5 * 0.5**1.5
    assert np.sqrt(np.mean(found**2)) == pytest.approx(expected, rel=0.06)


def test_the_eigenvalues_are_numpys(noise):
    spacing, sigma, integration = (1.5, 1.0, 0.8), 1.0, 1.2
    widths = [sigma / edge for edge in spacing]
    parts = []
    for axis, edge in enumerate(spacing):
        part = noise.astype(float)
        for other, width in enumerate(widths):
            taps = gradient_weights(width) / edge if other == axis else None
            part = (
                ndi.correlate1d(part, taps, other, mode="reflect")
                if other == axis
                else ndi.gaussian_filter1d(part, width, other, radius=math.ceil(4 * width))
            )
        parts.append(part)
    second = [integration / edge for edge in spacing]
    radius = [math.ceil(4 * width) for width in second]
    tensor = np.empty((*noise.shape, 3, 3))
    for i in range(3):
        for j in range(3):
            tensor[..., i, j] = ndi.gaussian_filter(parts[i] * parts[j], second, radius=radius)
    expected = np.linalg.eigvalsh(tensor)[..., ::-1]
    found = structure_tensor(noise, spacing, sigma, integration)
    # float32 sums of numbers up to the largest eigenvalue.
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())
    assert (np.diff(found, axis=-1) <= 0).all()
    assert (found >= 0).all()


@pytest.mark.parametrize("kind", ["any", "planar", "linear", "round", "none"])
def test_eigenvalues_are_numpys_also_where_they_meet(kind):
    rng = np.random.default_rng(8)
    own = {
        "any": [3, 2, 1],
        "planar": [1, 0, 0],
        "linear": [1, 1, 0],
        "round": [1, 1, 1],
        "none": [0, 0, 0],
    }
    turns = np.linalg.qr(rng.normal(size=(4000, 3, 3)))[0]
    scale = 10.0 ** rng.uniform(-12, 12, 4000)[:, None, None]
    tensors = (turns * own[kind] @ turns.transpose(0, 2, 1) * scale).astype(np.float32)
    entries = tuple(
        np.ascontiguousarray(tensors[:, i, j])
        for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
    )
    found = np.empty((4000, 3), np.float32)
    tensor_eigenvalues(entries, found)
    expected = np.linalg.eigvalsh(tensors.astype(float), UPLO="U")[:, ::-1]
    # float32 results; where two meet, roots of rounding errors: 1e-8 of the largest.
    np.testing.assert_allclose(found / scale[:, 0], expected.clip(0) / scale[:, 0], atol=3e-7)


def test_a_plane_wave_has_one_eigenvalue():
    normal = np.array([2.0, -1.0, 2.0]) / 3
    z, y, x = np.ogrid[:40, :40, :40]
    phase = 2 * np.pi / 10 * (normal[0] * z + normal[1] * y + normal[2] * x)
    found = structure_tensor(50 * np.sin(phase), CUBES, 1.0, 6.0)[20, 20, 20]
    # Amplitude² k² / 2 after the Gaussian's exp(-(k sigma)²); the average over the wave is
    # right to exp(-2 (k integration)²), the taps to 0.3 %.
    k = 2 * np.pi / 10
    assert found[0] == pytest.approx((50 * k) ** 2 / 2 * math.exp(-(k**2)), rel=0.01)
    assert found[1] < 1e-3 * found[0]


def test_a_line_has_two_eigenvalues():
    z, y = np.ogrid[:31, :31]
    image = np.broadcast_to(
        100 * np.exp(-((z - 15) ** 2 + (y - 15) ** 2) / 18)[..., None], (31, 31, 31)
    )
    found = structure_tensor(image, CUBES, 1.0, 3.0)[15, 15, 15]
    assert found[1] == pytest.approx(found[0], rel=1e-4)  # by symmetry, in float32
    assert found[2] < 1e-6 * found[0]


def test_halos_are_counted_in_voxels_of_each_axis():
    assert gradient_halo((2.0, 1.0, 0.5), 1.0) == (2, 4, 8)
    assert gradient_halo(CUBES, 0.0) == (1, 1, 1)
    assert structure_tensor_halo((2.0, 1.0, 0.5), 1.0, 2.0) == (6, 12, 24)


@pytest.mark.parametrize(
    "call",
    [
        lambda: gradient_magnitude(np.zeros((3, 3)), CUBES, 1.0),
        lambda: gradient_magnitude(np.zeros((3, 3, 3)), CUBES, -1.0),
        lambda: structure_tensor(np.zeros((3, 3, 3)), CUBES, 1.0, math.nan),
        lambda: structure_tensor(np.zeros((0, 3, 3)), CUBES, 1.0, 1.0),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(InputDataError):
        call()


def test_a_voxel_size_is_needed():
    with pytest.raises(VoxelSizeError):
        gradient_magnitude(np.zeros((3, 3, 3)), (0, 1, 1), 1.0)
