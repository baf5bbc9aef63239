"""Known answers of the transport solver, and how it behaves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ssbtomo.errors import AxisError, CancelledError, InputDataError
from ssbtomo.kernels.transport import solve
from ssbtomo.testing import analytic

CUBE = (1.0, 1.0, 1.0)
FLAT = (2.0, 0.5, 1.0)


def blobs(shape: tuple[int, int, int], share: float = 0.5, seed: int = 0) -> NDArray[np.uint8]:
    noise = gaussian_filter(np.random.default_rng(seed).random(shape), 2)
    return (noise < np.quantile(noise, share)).astype(np.uint8)


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("shape", [(4, 3, 2), (1, 5, 6), (20, 1, 1), (12, 9, 10)])
def test_a_full_block_has_no_tortuosity(shape, axis):
    result = solve(np.ones(shape, np.uint8), FLAT, axis, {1: 2.0})
    assert result.tau == pytest.approx(1, abs=1e-12)  # rounding of float64
    assert result.effective == pytest.approx(2, rel=1e-12)
    assert result.iterations == 0
    assert result.warnings == ()


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("contrast", [1e-6, 0.1, 3.0, 1e6])
def test_layers_in_series_and_side_by_side_are_exact(axis, contrast):
    labels = np.zeros((10, 9, 8), np.uint8)
    np.moveaxis(labels, axis, 0)[::3] = 1
    share = labels.mean()
    values = {0: 1.0, 1: contrast}
    across = solve(labels, FLAT, axis, values, tolerance=1e-10)
    along = solve(labels, FLAT, (axis + 1) % 3, values, tolerance=1e-10)
    # the energy is within the tolerance of the discrete solution, which is exact here
    series = 1 / ((1 - share) + share / contrast)
    assert across.effective == pytest.approx(series, rel=1e-8)
    assert along.effective == pytest.approx((1 - share) + share * contrast, rel=1e-12)


def test_a_slanted_strip_has_the_resistance_of_its_network():
    labels = np.zeros((20, 21, 21), np.uint8)
    for i in range(20):
        labels[i, i : i + 2, i : i + 2] = 1
    # 18 squares of two paths of two (1 each), 19 faces (1 each), two ends of 7/24: 451/60
    assert solve(labels, CUBE, 0, {1: 1.0}, tolerance=1e-10).tau == pytest.approx(
        451 / 60, rel=1e-8
    )


def test_a_dead_end_is_infinite_and_says_why():
    labels = np.zeros((10, 6, 6), np.uint8)
    labels[:8, 2:4, 2:4] = 1
    result = solve(labels, CUBE, 0, {1: 1.0})
    assert math.isinf(result.tau)
    assert result.effective == 0
    assert math.isinf(result.macmullin)
    assert result.fraction == labels.mean()
    assert "not percolating" in result.warnings[0]
    assert result.field_slice is None


def test_islands_and_dead_ends_count_in_the_fraction_only():
    labels = np.zeros((12, 8, 8), np.uint8)
    labels[:, 2:4, 2:4] = 1
    alone = solve(labels, CUBE, 0, {1: 1.0})
    labels[5, 6, 6] = 1
    labels[:3, 6, 0] = 1
    both = solve(labels, CUBE, 0, {1: 1.0})
    assert both.effective == pytest.approx(alone.effective, rel=1e-12)
    assert both.tau == pytest.approx(labels.mean() / alone.effective, rel=1e-12)


def sphere_fractions(cells: int, solid: float, fine: int = 4) -> NDArray[np.float64]:
    """Conducting share of voxels around one sphere in a cell, by counting finer voxels."""
    radius = (3 * solid / (4 * np.pi)) ** (1 / 3)
    at = (np.arange(cells * fine) + 0.5) / (cells * fine) - 0.5
    outside = at[:, None, None] ** 2 + at[:, None] ** 2 + at**2 > radius**2
    return outside.reshape((cells, fine) * 3).mean(axis=(1, 3, 5))


@pytest.mark.parametrize("cells", [16, 24])
@pytest.mark.parametrize("solid", [0.3, 0.45])
def test_fractions_remove_the_bias_of_the_staircase_around_spheres(cells, solid):
    truth = analytic.simple_cubic_spheres(solid)
    share = sphere_fractions(cells, solid)
    soft = solve(np.ones(share.shape, np.uint8), CUBE, 0, {1: 1.0}, fractions=share)
    binary = solve((share > 0.5).astype(np.uint8), CUBE, 0, {1: 1.0})
    assert soft.effective == pytest.approx(truth, rel=6e-3)  # measured: 0.1 to 0.6 %
    assert binary.effective == pytest.approx(truth, rel=8e-2)  # measured: 1 to 7 %
    assert abs(soft.effective - truth) < abs(binary.effective - truth)


def test_binary_fractions_are_labels():
    labels = blobs((20, 18, 16))
    hard = solve(labels, CUBE, 1, {1: 1.0})
    soft = solve(labels, CUBE, 1, {1: 1.0}, fractions=labels.astype(float))
    byte = solve(labels, CUBE, 1, {1: 1.0}, fractions=labels * np.uint8(255))
    assert soft.effective == pytest.approx(hard.effective, rel=1e-6)  # twice the tolerance
    assert byte.effective == soft.effective


def test_a_uniform_fraction_is_exact():
    share = np.full((6, 5, 4), 0.5)
    result = solve(np.ones(share.shape, np.uint8), CUBE, 0, {1: 3.0}, fractions=share)
    assert result.effective == pytest.approx(1.5, rel=1e-12)
    assert result.tau == 1.0


def test_two_dimensional_images_are_dual_to_their_inverse():
    noise = gaussian_filter(np.random.default_rng(1).random((96, 96, 1)), (8, 8, 0))
    levels = np.digitize(noise, np.quantile(noise, np.linspace(0, 1, 9)[1:-1])).astype(np.uint8)
    values = {int(level): 2.0 ** (level / 2) for level in np.unique(levels)}
    along = solve(levels, CUBE, 0, values).effective
    across = solve(levels, CUBE, 1, {level: 1 / value for level, value in values.items()}).effective
    # Keller's theorem holds in the continuum; what is left is the grid's error
    assert along * across == pytest.approx(1, abs=5e-3)


@pytest.mark.parametrize("axis", range(3))
def test_the_result_does_not_depend_on_the_number_of_threads(axis):
    labels = blobs((41, 40, 39), seed=3)  # more than one thread needs more than 32³ cells
    one, two, three = (solve(labels, CUBE, axis, {1: 1.0}, threads=n) for n in (1, 2, 3))
    assert one.tau == two.tau == three.tau  # bit for bit
    np.testing.assert_array_equal(one.field_slice, three.field_slice)


def test_threads_do_not_change_joined_sides():
    labels = blobs((37, 40, 39), seed=5)
    one, two = (solve(labels, CUBE, 2, {1: 1.0}, periodic=True, threads=n) for n in (1, 2))
    assert one.tau == two.tau


@pytest.mark.parametrize(
    ("shape", "axis"), [((7, 90, 91), 0), ((7, 90, 91), 2), ((33, 65, 31), 1), ((2, 60, 61), 0)]
)
def test_thin_and_odd_shapes_converge(shape, axis):
    labels = blobs(shape, 0.6, seed=2)
    result = solve(labels, CUBE, axis, {1: 1.0})
    assert result.warnings == ()
    assert result.iterations < 30
    assert 1 < result.tau < 10


@pytest.mark.parametrize("spacing", [(8.0, 1.0, 1.0), (1.0, 8.0, 1.0), (0.1, 1.0, 1.0)])
def test_flat_voxels_converge(spacing):
    result = solve(blobs((40, 40, 40)), spacing, 0, {1: 1.0})
    assert result.iterations < 30  # point smoothers on cubes coarsened first; else hundreds


def test_contrast_of_a_million_converges():
    labels = blobs((32, 32, 32), 0.5)
    result = solve(labels, CUBE, 0, {0: 1e-6, 1: 1.0})
    insulated = solve(labels, CUBE, 0, {1: 1.0})
    assert result.effective == pytest.approx(insulated.effective, rel=1e-3)
    assert result.effective > insulated.effective


def test_the_potential_falls_from_one_to_zero_inside_the_phase():
    labels = blobs((18, 20, 22), 0.6)
    result = solve(labels, CUBE, 1, {1: 1.0}, keep_field=True)
    field = result.field
    assert field.dtype == np.float32
    assert field.shape == labels.shape
    live = np.isfinite(field)
    assert not live[labels == 0].any()
    assert field[live].max() < 1
    assert field[live].min() > 0
    means = [np.nanmean(field[:, y]) for y in range(20)]
    assert (np.diff(means) < 0).all()


@pytest.mark.parametrize("axis", range(3))
def test_the_middle_slice_is_cut_from_the_potential(axis):
    labels = blobs((10, 12, 14), 0.7)
    result = solve(labels, CUBE, axis, {1: 1.0}, keep_field=True)
    rows, columns = result.field_slice_axes
    assert rows == axis
    across = 3 - rows - columns
    middle = np.take(result.field, labels.shape[across] // 2, across)
    expected = middle.T if rows > columns else middle
    np.testing.assert_array_equal(result.field_slice, expected)


def test_results_tell_how_good_they_are():
    result = solve(blobs((40, 40, 40)), CUBE, 0, {1: 4.0})
    lower, upper = result.energy_bounds
    assert lower < result.effective < upper
    assert upper / lower - 1 <= 1e-5  # the stop criterion: ten times the tolerance
    assert result.macmullin == pytest.approx(4 / result.effective)
    assert 0 < result.flux_spread <= 1e-2  # converges with the square root of the distance
    assert result.iterations > 0
    assert result.seconds > 0


def test_the_estimate_of_the_error_holds():
    labels = blobs((40, 40, 40), 0.4)
    rough, fine = (solve(labels, CUBE, 0, {1: 1.0}, tolerance=t) for t in (1e-4, 1e-11))
    assert 0 <= rough.effective / fine.effective - 1 < 1e-4


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("values", [{1: 1.0}, {0: 1e-3, 1: 1.0}, {0: 1e-6, 1: 1.0}])
def test_a_solve_that_is_cut_off_says_so_and_its_bounds_hold(axis, values, monkeypatch):
    labels = blobs((24, 20, 22), 0.5, seed=8)
    truth = solve(labels, FLAT, axis, values, tolerance=1e-11).effective
    gaps = []
    for limit in (1, 3, 6):
        monkeypatch.setattr("ssbtomo.kernels.transport.gradients._LIMIT", limit)
        result = solve(labels, FLAT, axis, values, tolerance=1e-11)
        lower, upper = result.energy_bounds
        assert lower < truth < upper
        assert "stalled after" in result.warnings[0]
        gaps.append(upper / lower - 1)
    assert gaps == sorted(gaps, reverse=True)


def test_bounds_meet_where_the_linear_potential_is_the_solution():
    result = solve(np.ones((5, 4, 3), np.uint8), FLAT, 1, {1: 2.0})
    # moved outwards by 1e-12 for rounding
    assert result.energy_bounds == pytest.approx((2, 2), rel=3e-12)


def test_the_bounds_do_not_depend_on_the_number_of_threads():
    labels = blobs((41, 40, 39), seed=3)
    one, two = (solve(labels, CUBE, 1, {1: 1.0}, threads=n).energy_bounds for n in (1, 2))
    assert one == two


def test_memory_is_as_stated():
    result = solve(blobs((64, 64, 64)), CUBE, 0, {1: 1.0})
    # 8 for the potential, 4 for the correction, 2 each for residual and direction, 1 for the
    # codes, 1.7 for the coarse grids: 18.7; a ghost layer around 64³ adds 12 %
    assert result.bytes_per_voxel < 22


def test_progress_tells_a_falling_upper_bound():
    told: list[tuple[int, float, float]] = []
    result = solve(blobs((24, 24, 24)), CUBE, 0, {1: 1.0}, progress=lambda *step: told.append(step))
    numbers, _, bounds = zip(*told, strict=True)
    assert numbers == tuple(range(1, result.iterations + 1))
    assert list(bounds) == sorted(bounds, reverse=True)
    # steps are summed with curvatures of float32
    assert bounds[-1] == pytest.approx(result.effective, rel=1e-5)


def test_a_solve_can_be_cancelled():
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(CancelledError):
        solve(blobs((24, 24, 24)), CUBE, 0, {1: 1.0}, cancelled=cancelled)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_impossible_conductivities_are_refused(value):
    with pytest.raises(InputDataError, match="conductivity of phase 1"):
        solve(np.ones((3, 3, 3), np.uint8), CUBE, 0, {1: value})


@pytest.mark.parametrize("share", [1.5, -0.1, math.nan])
def test_impossible_fractions_are_refused(share):
    labels = np.ones((3, 3, 3), np.uint8)
    with pytest.raises(InputDataError, match="fractions"):
        solve(labels, CUBE, 0, {1: 1.0}, fractions=np.full((3, 3, 3), share))


def test_fractions_must_fit():
    labels = np.ones((3, 3, 3), np.uint8)
    with pytest.raises(InputDataError, match="shape"):
        solve(labels, CUBE, 0, {1: 1.0}, fractions=np.ones((3, 3, 2)))
    with pytest.raises(InputDataError, match="one conductivity"):
        solve(labels, CUBE, 0, {0: 2.0, 1: 1.0}, fractions=np.ones((3, 3, 3)))


def test_axes_and_shapes_are_checked():
    with pytest.raises(AxisError):
        solve(np.ones((3, 3, 3), np.uint8), CUBE, 3, {1: 1.0})
    with pytest.raises(AxisError):
        solve(np.ones((3, 3), np.uint8), CUBE, 0, {1: 1.0})


def test_inputs_are_left_alone():
    labels = blobs((12, 12, 12))
    before = labels.copy()
    solve(labels, CUBE, 0, {1: 1.0})
    np.testing.assert_array_equal(labels, before)
