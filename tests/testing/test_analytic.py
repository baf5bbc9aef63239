"""Formulas against values worked out elsewhere, and against laws they must obey."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import spsolve

from ssbtomo.testing import analytic

fractions = st.floats(0.01, 0.99)
conductivities = st.floats(0.01, 100)


@given(fractions, conductivities, conductivities)
def test_bounds_nest(part, first, second):
    parts, values = (part, 1 - part), (first, second)
    low, high = analytic.wiener_bounds(parts, values)
    inner_low, inner_high = analytic.hashin_shtrikman_bounds(parts, values)
    slack = 1e-9 * high  # rounding
    assert low - slack <= inner_low <= inner_high + slack
    assert inner_high <= high + slack


@given(fractions)
def test_upper_bound_of_one_conductor(part):
    low, high = analytic.hashin_shtrikman_bounds((part, 1 - part), (1.0, 0.0))
    assert low == 0
    assert high == pytest.approx(2 * part / (3 - part), rel=1e-9)


@given(fractions, conductivities, conductivities, st.tuples(*[st.floats(0.1, 1)] * 3))
def test_laminate_is_series_along_its_normal_and_parallel_across(part, first, second, normal):
    tensor = analytic.laminate_tensor((part, 1 - part), (first, second), normal)
    series, parallel = analytic.wiener_bounds((part, 1 - part), (first, second))
    unit = np.array(normal) / np.linalg.norm(normal)
    assert unit @ tensor @ unit == pytest.approx(series, rel=1e-9)
    assert np.trace(tensor) == pytest.approx(series + 2 * parallel, rel=1e-9)


def test_sangani_acrivos_reference_values():
    values = [analytic.simple_cubic_spheres(f) for f in (0.1, 0.3, 0.45, 0.5)]
    assert values == pytest.approx([0.85711, 0.60567, 0.43345, 0.37638], abs=5e-6)  # as printed


@given(st.floats(0.0, 0.45))
def test_spheres_stay_below_the_upper_bound(fraction):
    _, high = analytic.hashin_shtrikman_bounds((fraction, 1 - fraction), (0.0, 1.0))
    assert analytic.simple_cubic_spheres(fraction) <= high * (1 + 1e-4)  # the series' own error


@given(st.floats(0.0, 0.5))
def test_spheres_as_conductive_as_the_matrix_do_nothing(fraction):
    assert analytic.simple_cubic_spheres(fraction, 1.0) == 1.0


def test_slanted_strip_of_twenty_slices():
    assert analytic.slanted_strip_tau(20) == pytest.approx(7.51667, abs=5e-6)


@pytest.mark.parametrize("slices", [2, 3, 7])
def test_slanted_strip_against_its_resistors(slices):
    labels = np.zeros((slices, slices + 1, slices + 1), np.uint8)
    for i in range(slices):
        labels[i, i : i + 2, i : i + 2] = 1
    flux = _flux(labels)
    tau = labels.mean() / (flux * slices / (slices + 1) ** 2)
    assert tau == pytest.approx(analytic.slanted_strip_tau(slices), rel=1e-9)


def test_checkerboard_is_the_geometric_mean():
    assert analytic.checkerboard_conductivity(4.0, 9.0) == 6.0


@given(st.floats(0.5, 5), st.floats(-0.99, 0.99))
def test_cut_ball_keeps_its_surface(radius, share):
    upper, lower, cut, rim = analytic.ball_cut_by_plane(radius, share * radius)
    assert upper + lower == pytest.approx(4 * math.pi * radius**2)
    assert rim**2 == pytest.approx(4 * math.pi * cut)


def test_overlap_of_thin_pennies():
    assert analytic.crossing_pennies_overlap(10.0, 0.1) == pytest.approx(2 * 10 * 0.01, rel=1e-4)


@pytest.mark.parametrize(
    ("normal", "offset", "area"),
    [
        ((1, 0, 0), 0.5, 6.0),
        ((0, 2, 0), 2.0, 3.0),  # y = 1, a normal of length 2
        ((0, 0, 1), 9.0, 0.0),  # misses
        ((-1, 0, 0), -0.5, 6.0),
    ],
)
def test_section_of_a_box_along_its_axes(normal, offset, area):
    assert analytic.box_section_area((1.0, 2.0, 3.0), normal, offset) == pytest.approx(area)


def test_section_of_a_cube_is_a_hexagon():
    area = analytic.box_section_area((1.0, 1.0, 1.0), (1, 1, 1), 1.5)
    assert area == pytest.approx(3 * math.sqrt(3) / 4)


@given(st.tuples(*[st.floats(-1, 1).filter(lambda v: abs(v) > 0.05)] * 3))
def test_sections_add_up_to_the_volume(normal):
    size = np.array([1.0, 2.0, 3.0])
    unit = np.array(normal) / np.linalg.norm(normal)
    low, high = np.minimum(unit * size, 0).sum(), np.maximum(unit * size, 0).sum()
    levels = low + (np.arange(400) + 0.5) * (high - low) / 400
    areas = [analytic.box_section_area(size, normal, v * np.linalg.norm(normal)) for v in levels]
    assert sum(areas) * (high - low) / 400 == pytest.approx(6.0, rel=1e-3)  # midpoint rule


def _flux(labels):
    """Solve the voxels as resistors, potential 1 and 0 on the outer faces along z."""
    number = np.full(labels.shape, -1)
    number[labels == 1] = np.arange(np.count_nonzero(labels))
    count, rows, columns, values = number.max() + 1, [], [], []
    diagonal, source = np.zeros(count), np.zeros(count)
    for axis in range(3):
        one = np.moveaxis(number, axis, 0)
        a, b = one[:-1].ravel(), one[1:].ravel()
        a, b = a[(a >= 0) & (b >= 0)], b[(a >= 0) & (b >= 0)]
        rows += [a, b]
        columns += [b, a]
        values += [-np.ones(2 * len(a))]
        np.add.at(diagonal, np.concatenate([a, b]), 1.0)
    first, last = number[0][number[0] >= 0], number[-1][number[-1] >= 0]
    diagonal[first] += 2
    diagonal[last] += 2
    source[first] = 2
    index = (np.concatenate(rows), np.concatenate(columns))
    matrix = sparse.csr_array((np.concatenate(values), index), (count, count))
    potential = spsolve(sparse.csc_array(matrix + sparse.diags_array(diagonal)), source)
    return float(2 * potential[last].sum())
