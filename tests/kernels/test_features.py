"""Features of voxels: what they measure, and that no window changes a bit of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.feature_list import Feature, feature_halo, features_from_json
from ssbtomo.kernels.features import FeatureBank, Place, normalised

EDGE = 0.1
CUBE = (EDGE, EDGE, EDGE)


def look(image, *features, spacing=CUBE):
    """Features of a whole volume: one array each."""
    halo = feature_halo(features, spacing)
    window = np.pad(image.astype(np.float32), [(h, h) for h in halo], mode="symmetric")
    place = Place((0, 0, 0), image.shape)
    return FeatureBank((window,), halo, features, spacing, place).slab(0, len(image))


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).standard_normal((12, 15, 17)).astype(np.float32)


@pytest.mark.parametrize("spacing", [CUBE, (0.2, 0.1, 0.05)])
def test_gaussian_is_scipys_with_each_axis_its_own_width(noise, spacing):
    (found,) = look(noise, Feature.of("gaussian", 0.15), spacing=spacing)
    widths = [0.15 / edge for edge in spacing]
    expected = noise.astype(float)
    for axis, width in enumerate(widths):
        radius = int(np.ceil(3 * width - 1e-6))
        expected = ndi.gaussian_filter1d(expected, width, axis, mode="reflect", radius=radius)
    np.testing.assert_allclose(found, expected, atol=2e-6)  # float32 sums


def test_a_ramp_has_its_slope_and_no_bend():
    z, y, x = np.mgrid[:20, :21, :22].astype(float)
    ramp = 3 * z - 2 * y + 6 * x  # per voxel: length 7
    slope, bend = look(ramp, Feature.of("gradient", 0.2), Feature.of("log", 0.2))
    inner = (slice(8, -8),) * 3  # mirrored faces bend it
    np.testing.assert_allclose(slope[inner], 7 * 0.2 / EDGE, rtol=1e-4)
    np.testing.assert_allclose(bend[inner], 0, atol=2e-3)  # float32: 1e-7 of 150, times 4


def test_a_sheet_has_one_large_hessian_eigenvalue_and_one_of_the_structure_tensor():
    z = np.mgrid[:21, :21, :21][0]
    sheet = -(np.abs(z - 10) <= 1).astype(np.float32)
    names = [Feature.of("hessian", 0.15, order=k) for k in range(3)]
    names += [Feature.of("structure", 0.1, integration=0.2, order=k) for k in range(3)]
    *hessian, first, second, third = (f[10, 10, 10] for f in look(sheet, *names))
    assert hessian[0] > 0.1
    np.testing.assert_allclose(hessian[1:], 0, atol=1e-5)  # flat along the sheet
    assert first > 0.1
    np.testing.assert_allclose((second, third), 0, atol=1e-3)  # root of float32 rounding


def test_spread_of_white_noise_is_its_deviation():
    noise = np.random.default_rng(1).standard_normal((32, 32, 32))
    (spread,) = look(noise, Feature.of("spread", 0.4))
    assert float(spread.mean()) == pytest.approx(1, abs=0.03)  # 270 voxels' worth in a window


def test_lags_look_along_their_axis_and_ahead_takes_the_brightest():
    steps = np.arange(10.0).reshape(10, 1, 1) * np.ones((1, 4, 4))
    flat = (0.0, 0.0, 0.0)
    later, earlier, ahead = look(
        steps,
        Feature("lag", flat, lag=0.2),
        Feature("lag", flat, lag=-0.3),
        Feature("ahead", flat, lag=0.3),
    )
    assert (later[:8] == 2).all()
    assert (earlier[3:] == -3).all()
    assert (ahead[:7] == 3).all()
    assert (later[9] == 8 - 9).all()  # mirrored: 9 and 10 are followed by 9 and 8


def test_the_lag_keeps_its_length_on_other_voxels():
    lag = Feature("lag", (0.0, 0.0, 0.0), lag=0.3)
    assert lag.steps((0.1, 1.0, 1.0)) == 3
    assert lag.steps((0.15, 1.0, 1.0)) == 2
    assert lag.reach((0.15, 1.0, 1.0)) == (2, 0, 0)


def test_column_takes_stripes_away():
    stripes = np.random.default_rng(2).standard_normal((6, 1, 40)) * np.ones((1, 40, 1))
    (found,) = look(stripes, Feature("column", (0.0, 1.0, 1.0), integration=0.05, axis=1))
    (plain,) = look(stripes, Feature.of("gaussian", 0.05))
    assert found.std() < 0.3 * plain.std()  # 10 voxels wide, white stripes keep 1/6 of that


def test_distance_is_the_depth_below_a_face():
    image = np.zeros((4, 5, 6))
    near, far = look(
        image,
        Feature("distance", axis=2, lag=0.4),
        Feature("distance", axis=2, lag=0.4, order=1),
    )
    np.testing.assert_allclose(near[0, 0], [0.125, 0.375, 0.625, 0.875, 1, 1], rtol=1e-6)
    np.testing.assert_array_equal(near[..., ::-1], far)


def test_a_single_slice_is_not_smoothed_across():
    image = np.random.default_rng(3).standard_normal((1, 9, 9)).astype(np.float32)
    (found,) = look(image, Feature.of("gaussian", 0.2))
    stack = np.repeat(image, 40, axis=0)
    (middle,) = look(stack, Feature.of("gaussian", 0.2))
    np.testing.assert_allclose(found[0], middle[20], atol=1e-5)


def test_values_are_normalised_by_given_numbers_only():
    grey = np.array([[[0, 100, 200]]], np.uint8)
    np.testing.assert_array_equal(normalised(grey, 100, 50), [[[-2, 0, 2]]])


@pytest.mark.parametrize(
    "broken",
    [
        [],
        "default",
        [{"family": "wavelet"}],
        [{"scale": 1}],
        [{"family": "gaussian", "scale": -1}],
        [{"family": "gaussian", "scale": [1, 2]}],
        [{"family": "gaussian", "scale": float("nan")}],
        [{"family": "gaussian", "scale": True}],
        [{"family": "gaussian", "code": "import os"}],
        [{"family": "lag"}],
        [{"family": "lag", "lag": 1, "axis": 5}],
        [{"family": "lag", "lag": "1"}],
        [{"family": "gaussian", "channel": 1.5}],
        [{"family": "gaussian"}] * 129,
    ],
)
def test_what_is_no_list_of_features_is_refused(broken):
    with pytest.raises(InputDataError):
        features_from_json(broken)


def test_features_survive_json():
    features = (
        Feature("lag", (0.0, 1.0, 1.0), lag=-2.0, channel=1),
        Feature.of("structure", 1.0, integration=2.0, order=2),
    )
    assert features_from_json([feature.to_json() for feature in features]) == features


def test_a_halo_without_end_is_refused():
    with pytest.raises(InputDataError, match="voxels far"):
        feature_halo([Feature.of("gaussian", 100.0)], CUBE)
