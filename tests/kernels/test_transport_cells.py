"""Cells under other boundaries: periodic ones, uniform currents, uniform gradients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ssbtomo.errors import AxisError, CancelledError
from ssbtomo.kernels.transport import solve
from ssbtomo.kernels.transport.apparent import apparent
from ssbtomo.kernels.transport.periodic import periodic_tensor

CUBE = (1.0, 1.0, 1.0)
FLAT = (2.0, 0.5, 1.0)
SOLVED = 2e-6  # each number is solved to 1e-6
volumes = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7),
    elements=st.integers(0, 2),
)
media = st.sampled_from([{1: 1.0}, {1: 1.0, 2: 0.05}, {0: 1e-3, 1: 1.0, 2: 0.3}])


def blobs(shape: tuple[int, int, int], seed: int = 0) -> NDArray[np.uint8]:
    noise = gaussian_filter(np.random.default_rng(seed).random(shape), 1.5, mode="wrap")
    return (noise < np.median(noise)).astype(np.uint8)


def layers(axis: int, thickness: int = 4) -> NDArray[np.uint8]:
    shape = [6, 5, 7]
    shape[axis] = 2 * thickness
    labels = np.ones(shape, np.uint8)
    np.moveaxis(labels, axis, 0)[thickness:] = 2
    return labels


@settings(max_examples=30)
@given(volumes, st.integers(0, 2), media, st.sampled_from([CUBE, FLAT]))
def test_less_freedom_for_the_potential_conducts_more(labels, axis, values, spacing):
    found = apparent(labels, spacing, axis, values)
    assert 0 <= found.current <= found.faces <= found.gradient
    assert found.gradient <= found.mean * (1 + SOLVED)
    assert found.faces == solve(labels, spacing, axis, values).effective


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("contrast", [10.0, 1e6])
def test_laminates_are_exact_where_the_boundary_suits_them(axis, contrast):
    values = {1: 1.0, 2: contrast}
    series, parallel = 2 / (1 + 1 / contrast), (1 + contrast) / 2
    for along in range(3):
        found = apparent(layers(axis), FLAT, along, values, tolerance=1e-8)
        truth = series if along == axis else parallel
        assert found.faces == pytest.approx(truth, rel=1e-8)
        suited = found.current if along == axis else found.gradient
        assert suited == pytest.approx(truth, rel=1e-7)  # ten times the tolerance
        assert found.uniform
    tensor = periodic_tensor(layers(axis), FLAT, values, tolerance=1e-8).effective
    expected = [series if along == axis else parallel for along in range(3)]
    np.testing.assert_allclose(np.diagonal(tensor), expected, rtol=1e-7)
    np.testing.assert_allclose(tensor - np.diag(np.diagonal(tensor)), 0, atol=1e-7 * contrast)


def test_a_column_takes_the_current_that_it_can():
    labels = np.zeros((9, 5, 5), np.uint8)
    labels[:, 1:3, 1:3] = 1
    labels[:, 4, 4] = 1
    labels[0:4, 0, 4] = 1  # ends
    found = apparent(labels, FLAT, 0, {1: 2.0})
    share = 5 / 25
    assert found.current == pytest.approx(2 * share, rel=SOLVED)
    assert found.faces == pytest.approx(2 * share, rel=SOLVED)
    assert not found.uniform


def test_brackets_narrow_with_the_cell():
    labels = blobs((32, 32, 32))
    values = {0: 0.1, 1: 1.0}
    whole = apparent(labels, CUBE, 0, values)
    parts = [
        apparent(labels[z : z + 16, y : y + 16, x : x + 16], CUBE, 0, values)
        for z in (0, 16) for y in (0, 16) for x in (0, 16)
    ]  # fmt: skip
    # Huet: averages over the parts enclose the whole, of conductivities and of resistivities
    assert np.mean([part.gradient for part in parts]) >= whole.gradient
    assert 1 / np.mean([1 / part.current for part in parts]) <= whole.current
    periodic = periodic_tensor(labels, CUBE, values).effective[0, 0]
    assert whole.current <= periodic * (1 + SOLVED)
    assert periodic <= whole.gradient * (1 + SOLVED)


@settings(max_examples=15)
@given(volumes, media, st.tuples(*[st.integers(0, 6)] * 3))
def test_a_periodic_cell_may_start_anywhere(labels, values, shift):
    one = periodic_tensor(labels, FLAT, values)
    two = periodic_tensor(np.roll(labels, shift, (0, 1, 2)), FLAT, values)
    np.testing.assert_allclose(one.effective, two.effective, atol=3e-6)
    three = periodic_tensor(np.concatenate([labels, labels], 1), FLAT, values)
    np.testing.assert_allclose(one.effective, three.effective, atol=3e-6)


def test_an_inclined_laminate_has_its_tensor():
    """At 45° in voxels: the error is of first order, so that two sizes tell the limit."""
    found = []
    for n in (12, 24):
        y, x = np.indices((n, n))
        labels = np.where((x + y) % n < n // 2, 1, 2)[None].astype(np.uint8)
        found.append(periodic_tensor(labels, CUBE, {1: 1.0, 2: 4.0}, tolerance=1e-8).effective)
    normal, along = 1.6, 2.5  # harmonic and arithmetic mean
    half, other = (normal + along) / 2, (normal - along) / 2
    limit = 2 * found[1] - found[0]
    truth = [[along, 0, 0], [0, half, other], [0, other, half]]
    np.testing.assert_allclose(limit, truth, atol=1e-3)  # the next order: 1 / 24² of a few tenths
    np.testing.assert_allclose(found[1], truth, atol=0.04)


def test_checkerboards_obey_duality():
    """Keller and Dykhne: of two phases that change places, the product is that of both."""
    board = ((np.indices((1, 24, 24))[1] // 12 + np.indices((1, 24, 24))[2] // 12) % 2).astype(
        np.uint8
    )
    found = periodic_tensor(board, CUBE, {0: 1.0, 1: 4.0}).effective
    assert found[1, 1] == pytest.approx(2.0, rel=0.03)  # corners are not resolved
    assert found[1, 1] == pytest.approx(found[2, 2], rel=1e-6)


def test_contacts_resist_in_a_periodic_cell():
    labels = layers(0)
    found = periodic_tensor(labels, CUBE, {1: 1.0, 2: 1.0}, contacts={(1, 2): 4.0}).effective
    # two contacts in each period of 8
    np.testing.assert_allclose(np.diagonal(found), [8 / 16, 1, 1], rtol=1e-6)


def test_nothing_crosses_a_wall():
    labels = np.ones((6, 6, 6), np.uint8)
    labels[2] = 0
    found = periodic_tensor(labels, CUBE, {1: 1.0})
    assert found.tau[0] == np.inf
    assert found.effective[1, 1] == pytest.approx(5 / 6)
    assert "z faces" in found.warnings[0]
    assert apparent(labels, CUBE, 0, {1: 1.0}).current == 0


def test_wrong_questions_and_cancelling():
    with pytest.raises(AxisError):
        apparent(layers(0), CUBE, 3, {1: 1.0})
    for function in (lambda **k: apparent(layers(0), CUBE, 0, {1: 1.0}, **k),
                     lambda **k: periodic_tensor(layers(0), CUBE, {1: 1.0}, **k)):  # fmt: skip
        with pytest.raises(CancelledError):
            function(cancelled=lambda: True)
