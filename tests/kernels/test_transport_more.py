"""Tensor, electrode tortuosity and maps: known answers and laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ssbtomo.errors import AxisError, InputDataError
from ssbtomo.kernels.transport import electrode, solve, tensor

CUBE = (1.0, 1.0, 1.0)
FLAT = (2.0, 0.5, 1.0)
volumes = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=8),
    elements=st.integers(0, 2),
)
axes = st.integers(0, 2)


def blobs(shape: tuple[int, int, int], share: float = 0.5, seed: int = 0) -> NDArray[np.uint8]:
    noise = gaussian_filter(np.random.default_rng(seed).random(shape), 2)
    return (noise < np.quantile(noise, share)).astype(np.uint8)


def pore(depth: int) -> NDArray[np.uint8]:
    labels = np.zeros((100, 100, 1), np.uint8)
    labels[:depth, 45:55] = 1
    return labels


@pytest.mark.parametrize(
    ("depth", "convention", "known"),
    [
        (75, None, 0.6014),
        (100, None, 1.0018),
        # TauFactor's tests: 0.594 and 0.986 (2023), 0.593 and 0.987 (2026), stopped at 1e-3
        (75, "taufactor", 0.5925),
        (100, "taufactor", 0.9870),
    ],
)
def test_pores_with_and_without_end(depth, convention, known):
    result = electrode(pore(depth), CUBE, 0, {1: 1.0}, convention=convention)
    # by a direct solve of the same equations at a low frequency: 4 digits
    assert result.tau == pytest.approx(known, abs=6e-5)
    assert result.bounds[0] <= result.tau <= result.bounds[1]
    assert result.charged == 1


def test_a_profile_tells_where_the_resistance_is():
    straight = electrode(pore(100), CUBE, 0, {1: 1.0}, tolerance=1e-8)
    # of a wide pore layers are not quite flat: a few 1e-5
    np.testing.assert_allclose(straight.tau_x, 1, atol=1e-4)
    np.testing.assert_allclose(straight.current_x, np.arange(100, 0, -1) / 100, rtol=1e-12)
    ends = electrode(pore(75), CUBE, 0, {1: 1.0}, tolerance=1e-8)
    assert np.isnan(ends.tau_x[75:]).all()
    np.testing.assert_allclose(ends.tau_x[:74], 1, atol=1e-4)

    narrow = pore(100)
    narrow[40:60, 45:49] = narrow[40:60, 51:] = 0
    found = electrode(narrow, CUBE, 0, {1: 1.0}).tau_x
    assert found[40] > 1.2  # the current gathers where it enters
    assert found[50] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("axis", range(3))
def test_a_ladder_is_the_sum_of_its_profile(axis):
    labels = np.zeros(tuple(9 if a == axis else 3 for a in range(3)), np.uint8)
    labels[tuple(slice(None) if a == axis else slice(1, 2) for a in range(3))] = 1
    found = electrode(labels, FLAT, axis, {1: 2.0}, tolerance=1e-10)
    lengths = np.array([0.5, *[1.0] * 8])
    assert 3 / 9 * (lengths * found.tau_x * found.current_x**2).sum() == pytest.approx(found.tau)


def test_the_slice_of_the_flux_is_that_of_its_map():
    labels = blobs((12, 13, 14))
    for axis in range(3):
        result = solve(labels, FLAT, axis, {1: 1.0}, keep_maps=True)
        whole = result.local.flux
        across = 3 - sum(result.field_slice_axes)
        expected = np.take(whole, whole.shape[across] // 2, across)
        wanted = expected.T if axis == 2 else expected
        assert result.flux_slice.shape == result.field_slice.shape
        np.testing.assert_allclose(result.flux_slice, wanted, rtol=1e-5)  # float32


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("layers", [5, 12])
def test_a_pore_of_one_voxel_is_a_ladder(axis, layers):
    labels = np.zeros(tuple(layers if a == axis else 3 for a in range(3)), np.uint8)
    labels[tuple(slice(None) if a == axis else slice(1, 2) for a in range(3))] = 1
    # currents fall linearly: the sum of squares over n faces, the first of half a length
    flows = np.arange(layers, 0, -1) / layers
    resistance = (flows**2).sum() - 0.5 * flows[0] ** 2
    expected = 3 * resistance / layers
    result = electrode(labels, FLAT, axis, {1: 2.0}, tolerance=1e-10)
    assert result.tau == pytest.approx(expected, rel=1e-9)


def test_what_cannot_be_charged_is_infinite_and_says_why():
    empty = electrode(np.zeros((4, 4, 4), np.uint8), CUBE, 0, {1: 1.0})
    full = electrode(np.ones((4, 4, 4), np.uint8), CUBE, 0, {1: 1.0})
    assert math.isinf(empty.tau)
    assert "first z face" in empty.warnings[0]
    assert math.isinf(full.tau)
    assert "no surface" in full.warnings[0]


def test_pores_that_the_held_face_does_not_reach_are_told():
    labels = pore(40)
    labels[60:80, 20:30] = 1
    result = electrode(labels, CUBE, 0, {1: 1.0})
    assert result.fraction == labels.mean()
    assert result.charged == pytest.approx(90 / 150)  # 2 × 40 + 10 faces, 2 × 20 + 2 × 10


def test_only_reactive_phases_are_charged():
    labels = pore(100)
    labels[:, 55:] = 2
    one = electrode(labels, CUBE, 0, {1: 1.0}, reactive=(2,))
    both = electrode(labels, CUBE, 0, {1: 1.0})
    assert one.surface == 100
    assert both.surface == 200
    assert one.tau > both.tau  # the current must cross the pore


@settings(max_examples=30)
@given(volumes, axes, st.booleans(), st.sampled_from([0.1, 1e-4]), st.data())
def test_bounds_of_electrodes_hold(labels, axis, periodic, tolerance, data):
    values = data.draw(st.sampled_from([{1: 1.0}, {1: 1.0, 2: 0.05}]))
    options = {"periodic": periodic, "reactive": (0,)}
    rough = electrode(labels, FLAT, axis, values, tolerance=tolerance, **options)
    fine = electrode(labels, FLAT, axis, values, tolerance=1e-9, **options)
    if math.isfinite(fine.tau):
        assert rough.bounds[0] <= fine.bounds[1]
        assert fine.bounds[0] <= rough.bounds[1]
        assert fine.bounds[1] - fine.bounds[0] <= 1e-8 * fine.tau


def test_electrodes_refuse_what_they_do_not_know():
    with pytest.raises(AxisError):
        electrode(pore(5), CUBE, 4, {1: 1.0})
    with pytest.raises(InputDataError, match="'puma'"):
        electrode(pore(5), CUBE, 0, {1: 1.0}, convention="puma")


@given(volumes, st.booleans())
@settings(max_examples=20)
def test_the_diagonal_of_the_tensor_is_that_of_single_solves(labels, periodic):
    values = {1: 1.0, 2: 0.3}
    found = tensor(labels, FLAT, values, periodic=periodic, tolerance=1e-9)
    for axis in range(3):
        alone = solve(labels, FLAT, axis, values, periodic=periodic, tolerance=1e-9)
        assert found.effective[axis, axis] == pytest.approx(alone.effective, rel=1e-12)
        assert found.tau[axis] == pytest.approx(alone.tau, rel=1e-12)


@pytest.mark.parametrize("axis", range(3))
def test_a_mirror_turns_the_sign_of_two_elements(axis):
    labels = blobs((14, 12, 10), 0.6, seed=3)
    options = {"tolerance": 1e-12}
    one = tensor(labels, FLAT, {0: 0.1, 1: 1.0}, **options).effective
    two = tensor(np.flip(labels, axis), FLAT, {0: 0.1, 1: 1.0}, **options).effective
    signs = np.ones((3, 3))
    signs[axis] *= -1
    signs[:, axis] *= -1
    np.testing.assert_allclose(two, signs * one, atol=1e-6)  # currents: the root of 1e-12


def test_inclined_layers_conduct_along_themselves():
    z, y, _ = np.indices((24, 24, 3))
    labels = (((z + y) // 4) % 2).astype(np.uint8)
    found = tensor(labels, CUBE, {0: 1.0, 1: 10.0}, periodic=True, tolerance=1e-10)
    along, across = 5.5, 1 / (0.5 / 1 + 0.5 / 10)
    full = found.effective
    assert full[0, 1] < -1  # the normal is (1, 1, 0): current turns into the layers
    assert full[0, 0] == pytest.approx(full[1, 1], rel=1e-9)
    assert full[2, 2] == pytest.approx(along, rel=1e-9)
    values = np.linalg.eigvalsh(full)
    # staircases of 4 voxels conduct worse along the layers: 16 % measured
    assert values[0] == pytest.approx(across, rel=0.2)
    assert values[1] == pytest.approx(along, rel=0.2)
    assert found.asymmetry < 1e-4


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("values", [{1: 1.0}, {0: 0.1, 1: 3.0}])
def test_maps_average_to_one_and_layers_add_up(axis, values):
    labels = blobs((16, 14, 12), 0.6)
    result = solve(labels, FLAT, axis, values, keep_maps=True, tolerance=1e-8)
    local = result.local
    assert local.resistance.mean() == pytest.approx(1, rel=1e-5)  # float32
    assert local.layers.sum() == pytest.approx(1, rel=1e-12)
    assert local.flux.mean() >= 1 - 1e-5  # magnitudes exceed the component along the axis
    assert not local.flux[labels == 0].any() or len(values) == 2
    assert local.flux.shape == local.resistance.shape == labels.shape


def test_maps_of_a_full_block_are_flat():
    local = solve(np.ones((4, 5, 6), np.uint8), FLAT, 2, {1: 2.0}, keep_maps=True).local
    np.testing.assert_allclose(local.flux, 1, rtol=1e-6)
    np.testing.assert_allclose(local.resistance, 1, rtol=1e-6)
    np.testing.assert_allclose(local.layers, 1 / 6, rtol=1e-12)


def test_a_neck_focuses_the_current():
    labels = np.ones((9, 5, 5), np.uint8)
    labels[4] = 0
    labels[4, 2, 2] = 1
    local = solve(labels, CUBE, 0, {1: 1.0}, keep_maps=True).local
    assert local.flux.argmax() == np.ravel_multi_index((4, 2, 2), labels.shape)
    assert local.flux[4, 2, 2] == pytest.approx(25, rel=1e-4)  # all of it through one of 25
    assert local.layers.argmax() == 4


def test_maps_do_not_depend_on_the_number_of_threads():
    labels = blobs((41, 40, 39), seed=3)
    one, two = (solve(labels, CUBE, 1, {1: 1.0}, keep_maps=True, threads=n).local for n in (1, 2))
    np.testing.assert_array_equal(one.flux, two.flux)
    np.testing.assert_array_equal(one.resistance, two.resistance)
