"""Laws of conduction that hold for every volume."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse.linalg import spsolve

from ssbtomo.kernels.transport import solve

FINE = 1e-9
"""Tolerance of the solves here; twice its room is left in comparisons."""
volumes = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9),
    elements=st.integers(0, 2),
)
spacings = st.tuples(*[st.sampled_from([0.5, 1.0, 2.0])] * 3)
axes = st.integers(0, 2)
phases = st.sampled_from([{1: 1.0}, {0: 1.0, 1: 1.0}, {0: 0.01, 1: 1.0, 2: 30.0}, {1: 5.0, 2: 0.2}])


def effective(labels, spacing, axis, conductivities, **options):
    return solve(labels, spacing, axis, conductivities, tolerance=FINE, **options).effective


def assembled(labels, spacing, axis, conductivities, *, periodic, contact=0.0):
    """Solve the same finite volumes as a sparse matrix; one contact, that of labels 1 and 2."""
    k = np.vectorize(lambda label: conductivities.get(int(label), 0.0), otypes=[float])(labels)
    index = np.arange(k.size).reshape(k.shape)
    rows, columns, values = [], [], []
    ends = np.zeros(k.size)
    for a in range(3):
        weight = 1 / spacing[a] ** 2
        here, at = np.moveaxis(k, a, 0), np.moveaxis(index, a, 0)
        names = np.moveaxis(labels, a, 0)
        far, to = (
            (here[1:], at[1:])
            if not (periodic and a != axis)
            else (np.roll(here, -1, 0), np.roll(at, -1, 0))
        )
        near, frm = here[: len(far)], at[: len(far)]
        beyond = np.roll(names, -1, 0)[: len(far)]
        touch = contact / spacing[a] * (names[: len(far)] + beyond == 3) * (near * far > 0)
        with np.errstate(divide="ignore"):
            g = weight / (0.5 / near + 0.5 / far + touch)
        rows += [frm.ravel(), to.ravel(), frm.ravel(), to.ravel()]
        columns += [frm.ravel(), to.ravel(), to.ravel(), frm.ravel()]
        values += [g.ravel(), g.ravel(), -g.ravel(), -g.ravel()]
        if a == axis:
            np.add.at(ends, at[0].ravel(), 2 * weight * here[0].ravel())
            first = at[0].ravel()
            source = 2 * weight * here[0].ravel()
            np.add.at(ends, at[-1].ravel(), 2 * weight * here[-1].ravel())
    matrix = sp.coo_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (k.size, k.size)
    ).tocsc() + sp.diags_array(ends)
    floating = 1e-14 * matrix.diagonal().max() + (
        matrix.diagonal() == 0
    )  # clusters without electrode
    right = np.zeros(k.size)
    np.add.at(right, first, source)
    potential = spsolve((matrix + sp.diags_array(floating)).tocsc(), right)
    current = float(source @ (1 - potential[first]))
    length = k.shape[axis]
    return current * length / (k.size / length) * spacing[axis] ** 2


@given(volumes, spacings, axes, phases, st.booleans())
def test_the_solution_is_that_of_the_assembled_equations(labels, spacing, axis, values, periodic):
    ours = effective(labels, spacing, axis, values, periodic=periodic)
    if ours > 0:
        theirs = assembled(labels, spacing, axis, values, periodic=periodic)
        # 1e-14 of leakage in the reference, over resistances up to 1e4 times larger
        assert ours == pytest.approx(theirs, rel=1e-6)


@given(volumes, spacings, axes, st.booleans(), st.sampled_from([0.01, 1.0, 300.0]))
def test_contacts_resist_as_in_the_assembled_equations(labels, spacing, axis, periodic, contact):
    values = {0: 0.0, 1: 1.0, 2: 0.3}
    labels = np.where(labels == 0, 2, labels)  # pairs 1|2 only
    result = solve(
        labels, spacing, axis, values,
        contacts={(1, 2): contact}, periodic=periodic, tolerance=FINE,
    )  # fmt: skip
    theirs = assembled(labels, spacing, axis, values, periodic=periodic, contact=contact)
    assert result.effective == pytest.approx(theirs, rel=1e-6)  # leakage of the reference
    lower, upper = result.energy_bounds
    assert lower * (1 - 1e-6) <= theirs <= upper * (1 + 1e-6)


@given(volumes, spacings, axes, phases, st.booleans(), st.sampled_from([0.1, 1e-3, 1e-6]))
def test_bounds_hold_the_solution(labels, spacing, axis, values, periodic, tolerance):
    result = solve(labels, spacing, axis, values, periodic=periodic, tolerance=tolerance)
    lower, upper = result.energy_bounds
    truth = effective(labels, spacing, axis, values, periodic=periodic)
    # the reference is itself up to a thousandth of its tolerance above the solution
    assert lower <= truth * (1 + 1e-12)
    assert truth <= upper * (1 + 1e-3 * FINE)
    assert lower <= result.effective <= upper
    assert upper - lower <= 10 * tolerance * upper
    assert result.warnings == () or upper == 0


@settings(max_examples=20)
@given(hnp.arrays(np.float32, (5, 6, 7), elements=st.floats(0, 1, width=32)), spacings, axes)
def test_bounds_hold_the_solution_with_fractions(share, spacing, axis):
    labels = np.ones(share.shape, np.uint8)
    rough, fine = (
        solve(labels, spacing, axis, {1: 1.0}, fractions=share, tolerance=t) for t in (0.1, FINE)
    )
    lower, upper = rough.energy_bounds
    assert lower <= fine.effective * (1 + 1e-12)
    assert fine.effective <= upper * (1 + 1e-3 * FINE)


@given(volumes, spacings, axes, phases)
def test_tortuosity_is_at_least_one_and_the_bound_is_that_of_wiener(labels, spacing, axis, values):
    result = solve(labels, spacing, axis, values)
    assert result.tau >= 1
    k = np.vectorize(lambda label: values.get(int(label), 0.0), otypes=[float])(labels)
    assert result.effective <= k.mean() * (1 + 1e-12)
    if (k > 0).all():
        assert result.effective >= (1 - 1e-12) / (1 / k).mean()


@given(volumes, spacings, axes, st.permutations(range(3)))
def test_axes_may_be_swapped(labels, spacing, axis, order):
    values = {1: 1.0, 2: 0.3}
    turned = effective(
        labels.transpose(order), tuple(spacing[a] for a in order), order.index(axis), values
    )
    assert turned == pytest.approx(effective(labels, spacing, axis, values), rel=2 * FINE)


@given(volumes, axes, st.lists(st.integers(0, 2), max_size=3, unique=True))
def test_mirror_images_conduct_alike(labels, axis, flips):
    mirrored = np.flip(labels, flips)
    values = {1: 1.0, 2: 0.3}
    assert effective(mirrored, (1, 1, 1), axis, values) == pytest.approx(
        effective(labels, (1, 1, 1), axis, values), rel=2 * FINE
    )


@given(volumes, spacings, axes, st.floats(1e-3, 1e3), st.floats(1e-6, 1e6))
def test_only_ratios_of_lengths_and_conductivities_matter(labels, spacing, axis, size, unit):
    small = effective(labels, spacing, axis, {1: 1.0, 2: 0.3})
    other = tuple(size * edge for edge in spacing)
    large = effective(labels, other, axis, {1: unit, 2: 0.3 * unit})
    assert large == pytest.approx(unit * small, rel=2 * FINE)


@given(volumes, axes)
def test_cutting_voxels_in_two_changes_little_and_never_the_fraction(labels, axis):
    fine = labels.repeat(2, axis=(axis + 1) % 3)
    coarse, finer = (solve(v, (1, 1, 1), axis, {1: 1.0}) for v in (labels, fine))
    assert math.isinf(coarse.tau) == math.isinf(finer.tau)
    assert coarse.fraction == pytest.approx(finer.fraction, rel=1e-12)


@given(volumes, axes, st.data())
def test_more_conductor_never_conducts_less(labels, axis, data):
    grown = labels.copy()
    zeros = np.flatnonzero(labels != 1)
    if zeros.size:
        grown.flat[data.draw(st.sampled_from(zeros.tolist()))] = 1
    before = effective(labels, (1, 1, 1), axis, {1: 1.0})
    assert effective(grown, (1, 1, 1), axis, {1: 1.0}) >= before * (1 - 2 * FINE)


@settings(max_examples=20)
@given(volumes, st.integers(0, 8))
def test_a_volume_joined_to_itself_may_be_rolled(labels, shift):
    options = {"periodic": True}
    still = effective(labels, (1, 1, 1), 0, {1: 1.0, 2: 0.1}, **options)
    rolled = effective(np.roll(labels, shift, 1), (1, 1, 1), 0, {1: 1.0, 2: 0.1}, **options)
    assert rolled == pytest.approx(still, rel=2 * FINE)
