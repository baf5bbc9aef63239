"""What other programs give for the same voxels, and resistances of contacts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ssbtomo.errors import AxisError, InputDataError
from ssbtomo.kernels.transport import solve
from ssbtomo.measure import tortuosity

CUBE = (1.0, 1.0, 1.0)


def blobs(shape: tuple[int, int, int], share: float, seed: int) -> NDArray[np.uint8]:
    noise = gaussian_filter(np.random.default_rng(seed).random(shape), 2)
    return (noise < np.quantile(noise, share)).astype(np.uint8)


VOLUMES = {
    "a": blobs((32, 28, 24), 0.5, 1),
    "b": blobs((32, 32, 32), 0.35, 4),
    "c": blobs((33, 40, 36), 0.7, 7),
}
# PoreSpy 3.2.0 tortuosity_fd(tol=1e-12); TauFactor 1.2.1 Solver on the CPU (conv_crit=1e-6, in
# float32); OpenImpala 4.4.9, its solver in Python (a residual of 1e-9). Axes 0, 1, 2 of each.
THEIRS = {
    ("porespy", "a"): (2.21515728, 1.77499609, 1.90161423),
    ("porespy", "b"): (3.01108121, 4.47754681, 2.90066953),
    ("porespy", "c"): (1.39328462,),
    ("taufactor", "a"): (2.2039342, 1.7700197, 1.9176838),
    ("taufactor", "b"): (3.0569317, 4.5466204, 2.9492674),
    ("taufactor", "c"): (1.3845849,),
    ("openimpala", "a"): (2.14593362, 1.71160337, 1.82238031),
    ("openimpala", "b"): (2.91698492, 4.33762347, 2.81002361),
    ("openimpala", "c"): (1.35106387, 1.46006350, 1.33698649),
}


@pytest.mark.parametrize(("convention", "name"), list(THEIRS))
def test_their_numbers_are_reproduced(convention, name):
    theirs = THEIRS[convention, name]
    labels = VOLUMES[name]
    ours = [
        solve(labels, CUBE, axis, {1: 1.0}, convention=convention).tau
        for axis in range(len(theirs))
    ]
    assert ours == pytest.approx(theirs, rel=2e-6)  # our tolerance, and float32 of TauFactor


@pytest.mark.parametrize("axis", range(3))
def test_puma_holds_centres_like_porespy_and_counts_the_whole_fraction(axis):
    # PuMA 3 is on no package index; its equations are those of PoreSpy (its source, read)
    labels = VOLUMES["b"]
    puma, porespy = (
        solve(labels, CUBE, axis, {1: 1.0}, convention=name) for name in ("puma", "porespy")
    )
    assert puma.effective == porespy.effective
    assert puma.tau / porespy.tau == pytest.approx(labels.mean() / porespy.fraction, rel=1e-12)


@pytest.mark.parametrize("axis", range(3))
def test_a_full_block_reads_as_they_read_it(axis):
    block = np.ones((8, 9, 10), np.uint8)
    taus = {
        name: solve(block, CUBE, axis, {1: 3.0}, convention=name).tau
        for name in ("taufactor", "porespy", "openimpala", "puma")
    }
    layers = block.shape[axis]
    assert taus["openimpala"] == pytest.approx((layers - 1) / layers, rel=1e-12)
    for name in ("taufactor", "porespy", "puma"):
        assert taus[name] == pytest.approx(1, rel=1e-12)


def test_bounds_and_potential_follow_the_convention():
    labels = VOLUMES["a"]
    result = solve(labels, CUBE, 0, {1: 1.0}, convention="openimpala", keep_field=True)
    lower, upper = result.energy_bounds
    assert lower < result.effective < upper
    assert result.field.shape == labels.shape
    assert np.nanmax(result.field[0]) == np.nanmin(result.field[0]) == 1
    assert np.nanmax(result.field[-1]) == 0
    assert result.field_slice.shape == (32, 24)


def test_unknown_conventions_and_short_axes_are_named():
    with pytest.raises(InputDataError, match="'avizo'"):
        solve(VOLUMES["a"], CUBE, 0, {1: 1.0}, convention="avizo")
    with pytest.raises(AxisError, match="two are held"):
        solve(np.ones((2, 3, 3), np.uint8), CUBE, 0, {1: 1.0}, convention="puma")


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("spacing", [CUBE, (2.0, 0.5, 1.0)])
@pytest.mark.parametrize("resistance", [1e-3, 3.7, 1e5])
def test_a_resistive_plane_is_in_series(axis, spacing, resistance):
    labels = np.ones((10, 9, 8), np.uint8)
    layers = np.moveaxis(labels, axis, 0)
    layers[len(layers) // 2 :] = 2
    edge, half = spacing[axis], len(layers) // 2
    rest = edge * half / 2.0 + edge * (len(layers) - half) / 0.5
    options = {"contacts": {(2, 1): resistance}, "tolerance": 1e-9}
    across = solve(labels, spacing, axis, {1: 2.0, 2: 0.5}, **options)
    series = edge * len(layers) / (rest + resistance)
    assert across.effective == pytest.approx(series, rel=1e-8)  # the tolerance, and more
    lower, upper = across.energy_bounds
    assert lower <= series <= upper
    along = solve(labels, spacing, (axis + 1) % 3, {1: 2.0, 2: 0.5}, **options)
    share = half / len(layers)
    assert along.effective == pytest.approx(2 * share + 0.5 * (1 - share), rel=1e-12)


def test_ohm_square_centimetres_go_with_siemens_per_centimetre():
    labels = np.ones((10, 4, 4), np.uint8)
    labels[4:] = 2
    # 10 µm of 1e-3 S/cm: 1 Ω cm²; the contact adds as much
    result = tortuosity(
        labels, (1.0, 1.0, 1.0),
        conductivities={1: 1e-3, 2: 1e-3}, contact_resistances={(1, 2): 1.0},
    )  # fmt: skip
    assert result.effective == pytest.approx(0.5e-3, rel=1e-9)
    assert result.tau == pytest.approx(2, rel=1e-9)


@pytest.mark.parametrize("contacts", [{(1, 2): -1.0}, {(1, 1): 1.0}, {(1, 2): np.inf}])
def test_impossible_contacts_are_refused(contacts):
    with pytest.raises(InputDataError, match="contact of phases"):
        solve(np.ones((3, 3, 3), np.uint8), CUBE, 0, {1: 1.0, 2: 1.0}, contacts=contacts)


def test_contacts_and_fractions_exclude_each_other():
    labels = np.ones((3, 3, 3), np.uint8)
    with pytest.raises(InputDataError, match="fractions"):
        solve(labels, CUBE, 0, {1: 1.0}, fractions=labels * 0.5, contacts={(1, 2): 1.0})


def test_pockets_behind_poor_conductors_do_not_look_like_a_stall() -> None:
    """The residual hardly falls while such pockets fill, but the energy does."""
    rng = np.random.default_rng(101)
    labels = np.searchsorted(
        np.linspace(-1, 1, 4)[1:-1], gaussian_filter(rng.standard_normal((13, 32, 24)), 0.7)
    ).astype(np.uint8)
    conductivities = {0: 0.0035, 1: 5.5e-7, 2: 0.92}
    found = solve(labels, (2.0, 1.0, 1.0), 0, conductivities, convention="porespy")
    lower, upper = found.energy_bounds
    assert not found.warnings
    assert upper - lower <= 1e-5 * upper  # ten times the default tolerance


def test_poor_voxels_that_are_held_may_give_less_than_one() -> None:
    """They count in the mean, but their own resistance does not."""
    labels = np.full((4, 3, 3), 1, np.uint8)
    labels[[0, -1]] = 2
    found = solve(labels, (1.0, 1.0, 1.0), 0, {1: 1.0, 2: 0.8}, convention="porespy")
    # Three faces: two of resistance 0.5 + 0.625, one of 1; the mean conductivity is 0.9.
    assert found.effective == pytest.approx(3 / 3.25, rel=1e-9)
    assert found.tau == pytest.approx(0.9 * 3.25 / 3, rel=1e-9)
