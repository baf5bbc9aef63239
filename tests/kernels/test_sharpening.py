"""Sharp fractions from blurred and noisy images, and what they conduct."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from ssbtomo.errors import AxisError, InputDataError
from ssbtomo.kernels import sharpening
from ssbtomo.kernels.sharpening import cut_cubes, sharpened_fractions, smooth_fractions
from ssbtomo.kernels.transport import solve
from ssbtomo.testing.lattices import lattice_conductivity, lattice_fractions

CUBE = (1.0, 1.0, 1.0)
lengths = st.floats(0.05, 1)


@given(st.tuples(lengths, lengths, lengths), st.floats(-0.8, 0.8))
def test_cubes_are_cut_as_by_counting(normal, distance):
    unit = np.array(normal) / np.linalg.norm(normal)
    at = (np.arange(24) + 0.5) / 24 - 0.5
    z, y, x = at[:, None, None], at[:, None], at
    counted = np.mean(unit[0] * z + unit[1] * y + unit[2] * x < distance)
    ours = cut_cubes(np.array([distance]), unit[:, None])[0]
    assert ours == pytest.approx(counted, abs=0.025)  # half a layer of 24 points
    other = cut_cubes(np.array([-distance]), unit[:, None])[0]
    assert ours + other == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_a_flat_wall_keeps_its_place(axis, share):
    wall = np.zeros((14, 12, 13))
    layers = np.moveaxis(wall, axis, 0)
    layers[7:], layers[6] = 1, share
    blurred = gaussian_filter(wall, 0.8, mode="reflect")
    sharp = sharpened_fractions(blurred)
    assert np.moveaxis(sharp, axis, 0).sum(axis=0).mean() == pytest.approx(
        layers.sum(axis=0).mean(), abs=0.02
    )
    mixed = (sharp > 0.02) & (sharp < 0.98)
    assert np.moveaxis(mixed, axis, 0).any(axis=(1, 2)).sum() <= 2  # one voxel, or two that share


# Measured: within 0.7 %, cut off at 0 and 1 or not. Not sharpened, the same conduct up to 10 % too well.
@pytest.mark.parametrize(("blur", "noise"), [(0.5, 0.05), (0.7, 0.05), (1.0, 0.05), (0.7, 0.02)])
@pytest.mark.parametrize(
    ("lattice", "solid", "side"),
    [("sc", 0.3, 16), ("sc", 0.45, 20), ("bcc", 0.3, 17), ("fcc", 0.1, 20), ("fcc", 0.3, 24)],
)
def test_blurred_noisy_spheres_conduct_within_a_hundredth(lattice, solid, side, blur, noise):
    truth = lattice_conductivity(lattice, solid)
    image = gaussian_filter(lattice_fractions(lattice, solid, side), blur, mode="wrap")
    image += np.random.default_rng(side).normal(0, noise, image.shape)
    ones = np.ones(image.shape, np.uint8)
    for soft in (image, np.clip(image, 0, 1)):
        share = sharpened_fractions(soft)
        found = solve(ones, CUBE, 0, {1: 1.0}, fractions=share).effective
        assert found == pytest.approx(truth, rel=1e-2)


@pytest.mark.parametrize(
    ("lattice", "solid", "side"),
    [("sc", 0.45, 16), ("sc", 0.5, 17), ("bcc", 0.5, 16), ("fcc", 0.45, 16), ("fcc", 0.5, 19)],
)
def test_narrow_gaps_in_noisy_images_conduct_within_a_hundredth(lattice, solid, side):
    # Gaps of 0.26 to 2 voxels, of which one plane for each voxel closed the first. Of 0.24 voxels, at 16,
    # the error is 1.1 %.
    truth = lattice_conductivity(lattice, solid)
    image = gaussian_filter(lattice_fractions(lattice, solid, side), 0.7, mode="wrap")
    image += np.random.default_rng(side).normal(0, 0.05, image.shape)
    ones = np.ones(image.shape, np.uint8)
    for blur in (None, 0.7):
        share = sharpened_fractions(image, blur)
        found = solve(ones, CUBE, 0, {1: 1.0}, fractions=share).effective
        assert found == pytest.approx(truth, rel=1e-2)


@pytest.mark.parametrize("blur", [0.4, 0.7, 1.3])
def test_sharp_fractions_blurred_again_are_the_image(blur):
    share = lattice_fractions("bcc", 0.3, 17)
    clean = gaussian_filter(share, blur, mode="wrap")
    image = clean + np.random.default_rng(0).normal(0, 0.05, share.shape)
    again = gaussian_filter(sharpened_fractions(image), blur, mode="wrap")
    inner = (slice(2, -2),) * 3  # the image is joined at its sides, what sharpens it mirrors
    assert np.sqrt(np.square(again - clean)[inner].mean()) < 0.025  # of noise of 0.05


def test_uint8_and_float_images_agree():
    image = gaussian_filter(lattice_fractions("sc", 0.3, 16), 0.7, mode="wrap")
    bytes_ = np.rint(image * 255).astype(np.uint8)
    np.testing.assert_allclose(sharpened_fractions(bytes_), sharpened_fractions(image), atol=0.03)


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(1, 5, 6), (4, 4, 4), (2, 1, 9)])
def test_pure_images_stay_pure(value, shape):
    assert (sharpened_fractions(np.full(shape, value)) == value).all()


def test_impossible_images_are_refused():
    with pytest.raises(AxisError):
        sharpened_fractions(np.zeros((3, 3)))
    with pytest.raises(InputDataError, match="finite"):
        sharpened_fractions(np.full((3, 3, 3), np.nan))
    with pytest.raises(InputDataError, match="blur"):
        sharpened_fractions(np.zeros((3, 3, 3)), 0.0)


@pytest.mark.parametrize(
    ("lattice", "solid", "side", "limit"),
    # Gaps of 7, 3 and 4 voxels; 2.5 %: what a sample of a voxel leaves unknown of the place of walls
    # that far apart. Labels are 3 to 8 % off there.
    [("sc", 0.1, 17, 0.025), ("bcc", 0.3, 17, 0.025), ("fcc", 0.3, 21, 0.025)],
)
def test_a_smooth_surface_takes_the_staircase_away(lattice, solid, side, limit):
    truth = lattice_conductivity(lattice, solid)
    inside = lattice_fractions(lattice, solid, side) > 0.5
    cell = (slice(6, -6),) * 3
    smooth = smooth_fractions(np.pad(inside, 6, mode="wrap"))[cell]
    errors = [
        abs(solve(np.ones(inside.shape, np.uint8), CUBE, 0, {1: 1.0}, fractions=share,
                  periodic=True).effective / truth - 1)
        for share in (inside.astype(np.float32), smooth)
    ]  # fmt: skip
    assert errors[1] < limit
    assert errors[1] < errors[0] / 2


def test_slabs_leave_no_trace_in_smooth_fractions(monkeypatch):
    inside = gaussian_filter(np.random.default_rng(3).standard_normal((90, 11, 13)), 2.0) > 0
    whole = smooth_fractions(inside)
    monkeypatch.setattr(sharpening, "_SLAB", 1)  # slabs of 24 layers, the last of 18
    np.testing.assert_array_equal(smooth_fractions(inside), whole)


def test_smooth_fractions_know_no_axis_and_no_phase():
    inside = gaussian_filter(np.random.default_rng(4).standard_normal((14, 15, 16)), 1.5) > 0
    whole = smooth_fractions(inside)
    turned = smooth_fractions(inside.transpose(2, 0, 1)[::-1])[::-1].transpose(1, 2, 0)
    np.testing.assert_allclose(turned, whole, atol=1e-4)  # sums in another order
    away = np.abs(whole - 0.5) < 0.49
    np.testing.assert_allclose(smooth_fractions(~inside)[away], 1 - whole[away], atol=1e-3)
    for same in (inside & False, inside | True):
        np.testing.assert_array_equal(smooth_fractions(same), same)
