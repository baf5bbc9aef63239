"""Laws and known answers of the FIB-SEM kernels."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hst
from scipy import ndimage as ndi

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.fibsem.band_worth import band_gains, band_scores, band_tiles
from ssbtomo.kernels.fibsem.curtains import remove_curtains, stripe_strength
from ssbtomo.kernels.fibsem.drift import canvas_of, drift_of
from ssbtomo.kernels.fibsem.flicker import flicker_factors, remove_shading
from ssbtomo.kernels.fibsem.resample import (
    Placing,
    even_planes,
    foreshortening,
    placed_slice,
    source_planes,
    view_drift,
)
from ssbtomo.kernels.fibsem.rings import RINGS, ring_sums, ring_weights
from ssbtomo.kernels.fibsem.slice_pair import Pair
from ssbtomo.kernels.fibsem.slice_shift import coarse_shift, refined_shift
from ssbtomo.kernels.fibsem.slice_state import odd_slices, slice_properties
from ssbtomo.kernels.fibsem.thickness import likeness_of, slice_thickness
from ssbtomo.testing import SectionFaults, evolving_phases, section_slices

GREYS = np.array([60, 120, 180], np.float32)
LEVELS = GREYS.astype(float)


def grey(shape, scale=(4, 6, 6), seed=0):
    return ndi.gaussian_filter(GREYS[evolving_phases(shape, scale=scale, seed=seed)], (0, 0.7, 0.7))


def decibel(image, goal):
    return 10 * np.log10(255**2 / np.mean((image - goal) ** 2))


@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.3, -7.6), (-0.45, 0.2), (12.0, 5.5)])
def test_a_shift_is_found_to_hundredths_of_a_pixel(shift):
    """One structure, two noises: nothing but noise limits it (its standard error is 0.02)."""
    rng = np.random.default_rng(1)
    wide = grey((1, 128, 136), seed=3)[0]
    first = wide + rng.normal(0, 6, wide.shape)
    second = ndi.shift(wide, shift, order=3, mode="nearest") + rng.normal(0, 6, wide.shape)
    found = coarse_shift(first, second)
    assert np.abs(found - shift).max() < 0.5
    pair = Pair.of(first, second, found)
    place, sigma = refined_shift(pair, ring_weights(ring_sums(pair, found)), found)
    assert np.abs(place - shift).max() < 0.06
    assert (sigma < 0.05).all()
    # swapped, the shift is the opposite
    pair = Pair.of(second, first, -found)
    back, _ = refined_shift(pair, ring_weights(ring_sums(pair, -found)), -found)
    assert np.abs(back + place).max() < 0.02


def test_what_tells_nothing_has_an_infinite_error():
    flat = np.full((40, 40), 7.0)
    pair = Pair.of(flat, flat, np.zeros(2))
    _, sigma = refined_shift(pair, ring_weights(ring_sums(pair, np.zeros(2))), np.zeros(2))
    assert np.isinf(sigma).all()


def tiles(pair, weights):
    return band_tiles(*pair, weights, np.zeros(2))


def pairs_of(image, count=6):
    """Neighbours, spread over a stack, with the weights of their rings."""
    pairs = [(image[n], image[n + 1]) for n in range(0, len(image) - 1, (len(image) - 1) // count)]
    sums = [ring_sums(Pair.of(*pair, np.zeros(2)), np.zeros(2)) for pair in pairs]
    return pairs, ring_weights(reduce(add, sums))


def test_bands_that_only_noise_spoils_are_worth_what_their_coherence_says():
    rng = np.random.default_rng(4)
    still = 40 * rng.normal(size=(128, 128))  # waves of all lengths, which do not move
    pairs, weights = pairs_of([still + rng.normal(0, 40, still.shape) for _ in range(9)], 8)
    scores = reduce(add, [band_scores(tiles(pair, weights)) for pair in pairs])
    gains = band_gains(scores)[::2]
    # of independent waves the answers vary as much as they slope, and equal gains are best;
    # 240 tiles that tell ten gains cost ten of 240 in variance
    slope = np.maximum(scores.slope, 0)
    worth = np.sum(gains * slope) ** 2 / (np.sum(gains**2 * slope) * slope.sum())
    assert 0.9 < worth <= 1.0 + 1e-12


def test_edges_that_move_tell_all_high_frequencies_the_same():
    """What a slice's bands say of its step, put together by their worth, errs less than without."""
    field = grey((49, 160, 160), (4, 5, 5), seed=6)
    image = field + np.random.default_rng(6).normal(0, 8, field.shape)
    _, weights = pairs_of(image, 16)
    said = [tiles(pair, weights) for pair in pairwise(image)]
    runs = [reduce(add, said[n : n + 8]) for n in range(0, len(said), 8)]
    gains = band_gains(reduce(add, [band_scores(run) for run in runs]))
    assert gains.min() == 0.0
    errors = []
    for chosen in (weights, weights * gains):
        steps = [refined_shift(Pair.of(*two, np.zeros(2)), chosen, np.zeros(2))[0]
                 for two in pairwise(image)]  # fmt: skip
        errors.append(np.sqrt(np.square(np.sum(np.reshape(steps, (6, 8, 2)), axis=1)).mean()))
    # of eight steps together: on seven of eight draws, by 17 % in the mean
    assert errors[1] < errors[0]


def test_what_tells_nothing_leaves_the_weights():
    flat = np.full((40, 40), 7.0)
    scores = band_scores(tiles((flat, flat), np.ones(RINGS)))
    np.testing.assert_array_equal(band_gains(scores), 1.0)


def test_steps_add_up_and_failed_ones_are_bridged():
    good = np.array([0, 1, 2, 4, 5, 6, 7])
    steps = np.array([[1.0, 0], [1, 0], [2, 0], [9, 9], [1, 0], [1, 0]])
    sigmas = np.full((6, 2), 0.05)
    sigmas[3] = np.inf
    drift = drift_of(8, good, steps, sigmas, np.full(6, 0.8))
    np.testing.assert_allclose(drift.place[:, 0], np.arange(8), atol=1e-12)
    assert (drift.left_out, drift.doubtful, drift.aligned) == ((3,), (5,), False)
    assert drift_of(8, good, steps * 0.01, np.full((6, 2), 0.05), np.full(6, 0.8)).aligned is True
    even = drift_of(97, np.arange(97), np.full((96, 2), 0.1), np.full((96, 2), 0.05), np.ones(96))
    assert not even.aligned  # small steps that add up to ten pixels are drift


@given(
    hst.lists(hst.tuples(hst.integers(-5, 5), hst.integers(-5, 5)), min_size=1, max_size=6),
)
@settings(max_examples=20)
def test_the_canvas_is_what_all_or_any_slice_shows(places):
    where = np.array(places, float)
    common, grown = (canvas_of(where, (20, 30), grown=g) for g in (False, True))
    for canvas, every in ((common, all), (grown, any)):
        for axis, size in ((0, 20), (1, 30)):
            first, count = canvas.start[axis], canvas.shape[axis]
            for pixel, inside in ((first, True), (first + count - 1, True), (first - 1, False)):
                assert every(0 <= pixel + at < size for at in where[:, axis]) is inside


def test_whole_pixels_are_moved_without_interpolation():
    image = np.random.default_rng(0).integers(0, 255, (9, 11)).astype(np.uint8)
    moved = placed_slice(image, Placing((2.0, 1.0), (1.0, 1.0), (5, 6)))
    np.testing.assert_array_equal(moved, image[2:7, 1:7])
    grown = placed_slice(image, Placing((-2.0, 0.0), (1.0, 1.0), (4, 11), outside=0.0))
    assert (grown[:2] == 0).all()
    assert (grown[2:] == image[:2]).all()


def test_labels_are_never_mixed():
    labels = np.array([[0, 0, 7, 7]] * 3, np.uint8)
    found = placed_slice(labels, Placing((0.0, 0.3), (1.0, 0.5), (3, 6), order=0))
    assert set(np.unique(found)) <= {0.0, 7.0}


def test_heights_on_an_inclined_face():
    """A face at 45 degrees shows rows a square root of two closer than they are."""
    assert foreshortening(90) == pytest.approx(1)
    assert foreshortening(45) == pytest.approx(2**0.5)
    assert foreshortening(52) == pytest.approx(1.2690, rel=1e-4)
    assert foreshortening(38) == pytest.approx(1.6243, rel=1e-4)
    assert foreshortening(52, 38) == pytest.approx(1)  # the microscope has done it
    assert view_drift(45, 20.0, 10.0) == pytest.approx(2)


def test_a_ball_is_round_after_the_correction():
    """A ball seen at 52 degrees: its height in the image over its width, then corrected."""
    z, y, x = np.mgrid[-30:31, -30:31, -30:31]
    height = np.sin(np.radians(52))
    seen = z**2 + (y / height) ** 2 + x**2 <= 25**2
    spread = [np.sqrt((axis[seen] ** 2).mean()) for axis in (y, x)]
    ratio = spread[0] * foreshortening(52) / spread[1]
    assert ratio == pytest.approx(1, abs=0.005)  # voxels round off a thousandth


def test_planes_lie_between_their_slices():
    heights = np.array([0.0, 1.0, 3.0])
    assert source_planes(1.0, heights) == ((1, 1.0), (1, 0.0))
    assert source_planes(2.0, heights) == ((1, 0.5), (2, 0.5))
    assert source_planes(0.25, heights) == ((0, 0.75), (1, 0.25))
    np.testing.assert_array_equal(even_planes(heights, 1.0), [0, 1, 2, 3])
    np.testing.assert_array_equal(even_planes(heights, 2.0), [0, 2])
    np.testing.assert_array_equal(even_planes(np.array([4.0]), 2.0), [4])


@pytest.mark.parametrize(
    "faults",
    [
        SectionFaults(drift=0, curtains=11),
        SectionFaults(drift=0, curtains=8, scaled=0.06, lean=5, bow=3, fading=0.5),
    ],
)
def test_curtains_go_and_classes_keep_their_level(faults):
    shot = section_slices(grey((1, 192, 192), seed=1), faults, seed=2)
    labels = evolving_phases((1, 192, 192), seed=1)[0]
    goal = np.clip(shot.still[0], 0, 255)
    found = remove_curtains(shot.image[0], LEVELS)
    assert decibel(found.image, goal) > decibel(shot.image[0], goal) + 7
    assert found.after < 0.4 * found.before
    for number in range(3):
        moved = (found.image - shot.image[0])[labels == number].mean()
        assert abs(moved) < 1.0  # one slice; what is common to a column of a class is ambiguous


@pytest.mark.parametrize("seed", range(3))
def test_a_clean_slice_stays_clean(seed):
    image = section_slices(grey((1, 160, 200), seed=seed), SectionFaults(drift=0), seed=seed)
    found = remove_curtains(image.image[0], LEVELS)
    assert np.sqrt(np.mean((found.image - image.image[0]) ** 2)) < 2.55  # 40 dB


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (3, 3), (9, 64)])
def test_tiny_slices_do_no_harm(shape):
    image = np.full(shape, 100.0, np.float32)
    found = remove_curtains(image, LEVELS)
    np.testing.assert_allclose(found.image, image, atol=1e-3)
    assert stripe_strength(image, LEVELS) == 0


def test_a_charged_row_is_levelled():
    image = grey((1, 96, 96), seed=4)[0] + np.random.default_rng(1).normal(0, 6, (96, 96))
    spoiled = image.copy()
    spoiled[40] += 35
    found = remove_curtains(spoiled, LEVELS)
    assert found.rows >= 1
    assert abs((found.image[40] - image[40]).mean()) < 5


def test_blank_and_charged_slices_are_told_from_good_ones():
    faults = SectionFaults(noise=12, flicker=3, curtains=6, blank=(9,), charged=(21,))
    shot = section_slices(grey((32, 96, 96)), SectionFaults(**{**_fields(faults), "drift": 0}))
    found = odd_slices(np.array([slice_properties(one) for one in shot.image]))
    assert [(one.index, one.reason) for one in found] == [(9, "blank"), (21, "charged")]
    still = section_slices(grey((32, 96, 96), seed=5), SectionFaults(drift=0), seed=7)
    assert odd_slices(np.array([slice_properties(one) for one in still.image])) == ()


def _fields(faults):
    return {name: getattr(faults, name) for name in faults.__slots__}


def test_flicker_goes_and_a_gradient_of_the_fractions_stays():
    levels = np.tile(LEVELS, (20, 1))
    levels[7] = levels[7] * 1.1 - 4
    factors = flicker_factors(levels, np.ones(20, bool))
    np.testing.assert_allclose(levels[7] * factors[7, 0] + factors[7, 1], LEVELS, atol=1e-9)
    np.testing.assert_allclose(np.delete(factors, 7, axis=0), [[1, 0]] * 19, atol=1e-9)


def test_shading_goes_and_a_gradient_of_the_fractions_stays():
    place = np.linspace(-1, 1, 160)
    rng = np.random.default_rng(2)
    field = ndi.gaussian_filter(rng.normal(size=(160, 160)), 5)
    phases = np.digitize(field / field.std() + 0.8 * place[:, None], [-0.5, 0.5])
    image = GREYS[phases] + rng.normal(0, 5, phases.shape)
    shade = 12 * place[None, :] + 8 * place[:, None] ** 2
    found = remove_shading(image + shade, LEVELS)
    assert np.std(found - image) < 2.0  # of a shade of 7.4 rms
    kept = remove_shading(image, LEVELS)
    assert np.std(kept - image) < 1.5  # rows differ by 40 grey values, phases by none


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_thickness_is_found_from_the_correlation(factor):
    """The volume is isotropic but for chance, which its 500 grains leave 2 or 3 % of."""
    field = grey((96, 128, 128), (5, 5, 5), seed=2)[::factor]
    noisy = field + np.random.default_rng(3).normal(0, 12, field.shape)
    still = np.zeros((7, 2))
    parts = [likeness_of(list(noisy[k : k + 7]), still, lags=6, pixels=30)
             for k in range(0, len(noisy) - 6, 4)]  # fmt: skip
    found = slice_thickness(parts, (0.5, 0.5))
    assert found.value == pytest.approx(0.5 * factor, rel=0.05)
    assert 0.01 * factor * 0.5 < found.sigma < 0.15 * factor


def test_slices_without_likeness_tell_no_thickness():
    noise = np.random.default_rng(0).normal(size=(8, 40, 40))
    with pytest.raises(InputDataError, match="thickness"):
        slice_thickness([likeness_of(list(noisy), np.zeros((3, 2)), lags=2, pixels=10)
                         for noisy in (noise[:3], noise[3:6])], (1.0, 1.0))  # fmt: skip
