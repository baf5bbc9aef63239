"""Kernels of parallel-beam tomography: known answers and laws."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from ssbtomo.errors import AxisError, InputDataError
from ssbtomo.kernels.ct.backprojection import LANES, back_project
from ssbtomo.kernels.ct.centre import find_centre
from ssbtomo.kernels.ct.hardening import cupping, linearise
from ssbtomo.kernels.ct.normalise import line_integrals, reference, remove_zingers, transmission
from ssbtomo.kernels.ct.phase import paganin, wavelength_um
from ssbtomo.kernels.ct.ramp import WINDOWS, filter_rows, ramp
from ssbtomo.kernels.ct.stripes import remove_stripes, running_median, stripe_energy
from ssbtomo.kernels.ct.turns import angle_weights, stitch, turn_of
from ssbtomo.kernels.ring_correlation import ring_correlation
from ssbtomo.testing import Ball, ball_volume, project_balls

SIZE, ANGLES = 96, 150
BALLS = [
    Ball((0, 2, 1), 38, 0.01),
    Ball((0, -14, 10), 9, 0.01),
    Ball((0, 16, -12), 11, -0.006),
]
HALF = np.arange(ANGLES) * np.pi / ANGLES
WHOLE = np.arange(2 * ANGLES) * np.pi / ANGLES


def sinogram(axis, angles=HALF, size=SIZE):
    return project_balls(BALLS, angles, (1, size), axis)[:, 0]


def disc(size, share):
    place = np.arange(size) - (size - 1) / 2
    return place[:, None] ** 2 + place**2 < (share * size / 2) ** 2


def error(image, truth):
    inside = disc(len(truth), 0.9)
    return np.sqrt(np.mean((image - truth)[inside] ** 2))


TRUTH = ball_volume(BALLS, (1, SIZE, SIZE), fine=3)[0]


@pytest.mark.parametrize("axis", [47.5, 44.1, 51.73])
def test_a_slice_comes_back_wherever_the_axis_is(axis):
    image = back_project(filter_rows(sinogram(axis)[None]), HALF, axis, SIZE)[0]
    # 2.5 % of the value: the steps at the edges of the balls ring
    assert error(image, TRUTH) < 6e-4
    assert image[44:52, 40:48].mean() == pytest.approx(0.01, rel=0.01)


def test_half_a_pixel_matters():
    right = back_project(filter_rows(sinogram(44.1)[None]), HALF, 44.1, SIZE)[0]
    wrong = back_project(filter_rows(sinogram(44.1)[None]), HALF, 44.6, SIZE)[0]
    assert error(wrong, TRUTH) > 1.3 * error(right, TRUTH)


def test_slices_do_not_depend_on_their_company():
    rng = np.random.default_rng(1)
    many = rng.normal(size=(LANES + 9, 20, 33)).astype(np.float32)
    angles = np.linspace(0, np.pi, 20, endpoint=False)
    together = back_project(many, angles, 15.2, 37)
    assert_array_equal(together[3:5], back_project(many[3:5], angles, 15.2, 37))
    assert_array_equal(together[10:40], back_project(many[10:40], angles, 15.2, 37))


def test_back_projection_is_linear_and_mass_is_kept():
    one = sinogram(47.5)
    image = back_project(filter_rows(one[None]), HALF, 47.5, SIZE)[0]
    double = back_project(filter_rows(2 * one[None]), HALF, 47.5, SIZE)[0]
    assert_allclose(double, 2 * image, rtol=1e-4, atol=1e-6)
    inside = disc(SIZE, 0.95)
    assert image[inside].sum() == pytest.approx(TRUTH[inside].sum(), rel=0.01)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(AxisError, match="do not go with"):
        back_project(np.zeros((1, 5, 9), np.float32), np.zeros(4), 4, 9)
    with pytest.raises(InputDataError, match="0 pixels"):
        back_project(np.zeros((1, 4, 9), np.float32), np.zeros(4), 4, 0)


@pytest.mark.parametrize("window", WINDOWS)
def test_the_ramp_has_no_mean_and_damps_as_told(window):
    transfer = ramp(64, window)
    assert transfer[0] == pytest.approx(0, abs=2e-3)
    assert transfer.max() <= 0.5 + 1e-6
    assert transfer[4] == pytest.approx(ramp(64)[4], rel=0.02)


def test_an_unknown_window_is_told():
    with pytest.raises(InputDataError, match="kaiser"):
        ramp(8, "kaiser")


def test_edge_padding_takes_the_bright_rim_of_an_inner_tomogram_away():
    wide = project_balls([Ball((0, 0, 0), 70, 0.01)], HALF, (1, SIZE), 47.5)[:, 0]
    flat = [
        back_project(filter_rows(wide[None], padding=how), HALF, 47.5, SIZE)[0]
        for how in ("edge", "zero")
    ]
    spread = [np.ptp(image[disc(SIZE, 0.9)]) for image in flat]
    assert spread[0] < 0.25 * spread[1]


# --- turns


def test_turns_are_told_apart():
    assert turn_of(HALF) == "half"
    assert turn_of(-WHOLE) == "whole"
    assert turn_of(np.linspace(0, np.pi, 91)) == "half"
    with pytest.raises(InputDataError, match=r"120\.00 degrees"):
        turn_of(np.linspace(0, 2 * np.pi / 3, 90))
    with pytest.raises(InputDataError, match="do not rise"):
        turn_of(np.array([0, 0.2, 0.1, 3.0]))
    with pytest.raises(AxisError):
        turn_of(np.zeros(1))


@given(st.integers(3, 60), st.booleans(), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_weights_add_to_half_a_turn(count, whole, seed):
    rng = np.random.default_rng(seed)
    step = (2 * np.pi if whole else np.pi) / count
    angles = (np.arange(count) + rng.uniform(-0.2, 0.2, count)) * step
    weights = angle_weights(angles)
    assert weights.sum() == pytest.approx(np.pi)
    assert (weights > 0).all()


def test_a_projection_that_comes_twice_does_not_count_twice():
    weights = angle_weights(np.linspace(0, np.pi, 91))
    assert weights[0] + weights[-1] == pytest.approx(weights[1], rel=1e-9)


@pytest.mark.parametrize("axis", [20.3, 74.8])
def test_a_shifted_detector_sees_the_whole_sample_in_a_whole_turn(axis):
    rows = sinogram(axis, WHOLE)
    wide, angles, centre = stitch(rows[None], WHOLE, axis)
    image = back_project(filter_rows(wide), angles, centre, SIZE, angle_weights(angles))[0]
    assert error(image, TRUTH) < 8e-4


# --- axis


@pytest.mark.parametrize("axis", [47.5 + 3.4, 47.5 - 6.8, 40.0])
def test_the_axis_is_found_in_half_a_turn(axis):
    rng = np.random.default_rng(3)
    rows = sinogram(axis)
    noisy = rows + 0.02 * rows.max() * rng.normal(size=rows.shape)
    found = find_centre(noisy[None], HALF)
    assert found.pixel == pytest.approx(axis, abs=0.25)
    assert found.candidates[np.argmin(found.scores)] == pytest.approx(axis, abs=0.35)


@pytest.mark.parametrize("axis", [49.1, 14.6, 83.2])
def test_the_axis_is_found_in_a_whole_turn_even_near_the_rim(axis):
    rng = np.random.default_rng(4)
    rows = sinogram(axis, WHOLE)
    noisy = rows + 0.02 * rows.max() * rng.normal(size=rows.shape)
    assert find_centre(noisy[None], WHOLE).pixel == pytest.approx(axis, abs=0.25)


def test_an_axis_that_cannot_be_found_is_told():
    with pytest.raises(InputDataError, match="flat"):
        find_centre(np.ones((1, ANGLES, SIZE)), HALF)
    with pytest.raises(InputDataError, match="end of the search"):
        find_centre(sinogram(47.5)[None], HALF, search=(55.0, 70.0))


# --- counts to line integrals


def test_dark_dead_and_drifting_pixels():
    rng = np.random.default_rng(0)
    flats = 1000 + rng.normal(0, 5, (10, 6, 40))
    darks = 100 + rng.normal(0, 1, (5, 6, 40))
    flats[:, 2, 7] = 101  # dead
    flats[5:, 4, 30] += 300  # drifts
    seen = reference(darks, flats, (6, 40))
    assert seen.bad[2, 7]
    assert seen.bad[4, 30]
    assert seen.bad.sum() == 2
    share = transmission(np.full((2, 6, 40), 550.0), seen)
    assert_allclose(share, 0.5, atol=0.01)


def test_a_dead_row_or_edge_is_bridged():
    flats = np.full((3, 3, 9), 500.0)
    flats[:, 0] = 0
    flats[:, 1, :2] = 0
    share = transmission(np.full((1, 3, 9), 250.0), reference(None, flats, (3, 9)))
    assert_allclose(share[0, 1], 0.5)
    assert_allclose(share[0, 0], 1.0)


def test_frames_that_do_not_fit_or_do_not_light_are_refused():
    with pytest.raises(AxisError, match="flat frames have the shape"):
        reference(None, np.ones((2, 3, 3)), (4, 4))
    with pytest.raises(InputDataError, match="no brighter"):
        reference(np.ones((2, 3, 3)), np.ones((2, 3, 3)), (3, 3))


@given(st.integers(3, 9), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_flashes_go_and_the_rest_stays(count, seed):
    rng = np.random.default_rng(seed)
    share = np.full((count, 3, 4), 0.5, np.float32)
    share += 0.01 * rng.random(share.shape).astype(np.float32)
    clean = share.copy()
    where = tuple(rng.integers(0, n) for n in share.shape)
    share[where] += 3
    assert remove_zingers(share) == 1
    assert abs(share[where] - 0.5) < 0.02
    share[where] = clean[where]
    assert_array_equal(share, clean)


def test_line_integrals_take_what_is_not_a_number():
    given_ = np.array([1.0, np.e**-2, np.nan, -1.0, np.inf], np.float32)
    assert_allclose(line_integrals(given_), [0, 2, 6.9078, 6.9078, 0], atol=1e-4)


# --- phase retrieval


def test_paganin_gives_an_analytic_ball_back():
    pixel, energy, distance, ratio = 1.0, 20.0, 1e4, 400.0
    size, radius = 256, 40.0
    place = np.arange(size) - (size - 1) / 2
    thick = np.zeros((size, size))
    for dy in (-0.375, -0.125, 0.125, 0.375):
        for dx in (-0.375, -0.125, 0.125, 0.375):
            square = (place[:, None] + dy) ** 2 + (place + dx) ** 2
            thick += 2 * np.sqrt(np.maximum(radius**2 - square, 0)) / 16 * pixel  # µm
    absorption = 2e-4  # 1/µm; a phase of 3 rad, sampled well
    amplitude = np.exp(-0.5 * absorption * thick * (1 + 1j * ratio))
    v, u = np.meshgrid(*[np.fft.fftfreq(size, pixel)] * 2, indexing="ij")
    travel = np.exp(-1j * np.pi * wavelength_um(energy) * distance * (u * u + v * v))
    seen = np.abs(np.fft.ifft2(np.fft.fft2(amplitude) * travel)) ** 2
    out = paganin(seen[None], pixel, energy_kev=energy, distance_um=distance, delta_beta=ratio)[0]
    found = -np.log(out) / absorption
    inside = place[:, None] ** 2 + place**2 < (0.9 * radius) ** 2
    assert np.ptp(seen) > 2 * absorption * thick.max()  # there are fringes to undo
    assert np.abs(found - thick)[inside].max() < 0.02 * thick.max()
    assert found[inside].sum() == pytest.approx(thick[inside].sum(), rel=0.005)


def test_paganin_leaves_the_mean_and_refuses_nonsense():
    flat = np.full((1, 9, 14), 0.7, np.float32)
    out = paganin(flat, 1.0, energy_kev=20, distance_um=1e4, delta_beta=100)
    assert_allclose(out, 0.7, rtol=1e-5)
    with pytest.raises(InputDataError, match="distance of 0"):
        paganin(flat, 1.0, energy_kev=20, distance_um=0, delta_beta=100)
    with pytest.raises(InputDataError, match="energy of -1"):
        paganin(flat, 1.0, energy_kev=-1, distance_um=1, delta_beta=100)


# --- stripes


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(9, 40)),
               elements=st.floats(-5, 5, width=16)),
    st.sampled_from([3, 5, 9]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_the_running_median_is_scipys(rows, width):
    expected = scipy.ndimage.median_filter(rows, (1, width), mode="reflect")
    assert_array_equal(running_median(rows, width), expected)


@pytest.mark.parametrize("method", ["profile", "sorting", "large"])
def test_stripes_go_and_the_sample_stays(method):
    rng = np.random.default_rng(2)
    rows = sinogram(44.0).astype(np.float32)
    striped = rows + 0.03 * rng.normal(size=(1, SIZE)).astype(np.float32)
    clean = remove_stripes(striped, method, width=9)
    assert stripe_energy(clean, 9) < 0.35 * stripe_energy(striped, 9)
    before, after = (np.sqrt(np.mean((part - rows) ** 2)) for part in (striped, clean))
    assert after < 0.7 * before


def test_a_clean_sinogram_is_hardly_touched():
    rows = sinogram(44.0).astype(np.float32)
    for method in ("profile", "sorting", "large"):
        change = remove_stripes(rows, method, width=9) - rows
        # 9 of 96 pixels is much for a window: it rounds the tops off a little
        assert np.sqrt(np.mean(change**2)) < 0.02 * rows.max()


def test_a_dead_wide_stripe_is_bridged():
    rows = sinogram(44.0).astype(np.float32)
    dead = rows.copy()
    dead[:, 60:64] = 0.4
    mended = remove_stripes(dead, "large", width=9)
    assert np.abs(mended - rows)[:, 58:66].mean() < 0.4 * np.abs(dead - rows)[:, 58:66].mean()


def test_half_the_strength_takes_half():
    rows = np.zeros((20, 40), np.float32)
    rows[:, 11] = 1
    assert_allclose(remove_stripes(rows, "profile", width=5, strength=0.5)[:, 11], 0.5)
    assert_array_equal(remove_stripes(rows, "none"), rows)
    for bad in ({"width": 4}, {"strength": 0.0}, {"method": "hope"}):
        with pytest.raises(InputDataError):
            remove_stripes(rows, **{"method": "profile", **bad})


# --- beam hardening


def test_linearising_undoes_hardening():
    path = np.linspace(0, 3, 50, dtype=np.float32)
    hard = path - 0.05 * path**2
    back = linearise(hard, (1.0, 0.05, 0.005))
    assert np.abs(back - path).max() < 0.25 * np.abs(hard - path).max()
    assert_array_equal(linearise(path, (1.0,)), path)
    with pytest.raises(InputDataError, match="falls below"):
        linearise(path, (1.0, -0.5))


def test_cupping_is_told_and_taken_away():
    ball = [Ball((0, 0, 0), 40, 0.02)]
    rows = project_balls(ball, HALF, (1, SIZE), 47.5)[:, 0]
    hard = rows - 0.12 * rows**2
    inside = (ball_volume(ball, (1, SIZE, SIZE), fine=2) > 0.019) & disc(SIZE, 0.75)
    told = []
    for sample in (rows, hard, linearise(hard, (1.0, 0.12, 0.03))):
        image = back_project(filter_rows(sample[None].astype(np.float32)), HALF, 47.5, SIZE)
        told.append(cupping(image, inside))
    assert abs(told[0]) < 0.01
    assert told[1] > 0.08
    assert abs(told[2]) < 0.25 * told[1]
    with pytest.raises(InputDataError, match="too few"):
        cupping(np.ones((1, 9, 9)), np.zeros((1, 9, 9), bool))


# --- ring correlation


def test_blur_and_noise_lower_the_resolution():
    rng = np.random.default_rng(0)
    scene = scipy.ndimage.gaussian_filter(rng.normal(size=(128, 128)), 1.0)
    found = []
    for blur, noise in ((0, 0.02), (2, 0.02), (0, 0.3)):
        sharp = scipy.ndimage.gaussian_filter(scene, blur)
        pair = [sharp + noise * rng.normal(size=scene.shape) for _ in range(2)]
        found.append(ring_correlation(*pair).resolution)
    assert found[0] < found[1]
    assert found[0] < found[2]


def test_an_image_is_like_itself_and_unlike_noise():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(40, 44))
    same = ring_correlation(image, image)
    assert_allclose(same.correlation, 1)
    assert same.resolution == 2.0
    other = ring_correlation(image, rng.normal(size=(40, 44)))
    assert np.abs(other.correlation[4:]).mean() < 0.2
    with pytest.raises(AxisError):
        ring_correlation(image, image[1:])
