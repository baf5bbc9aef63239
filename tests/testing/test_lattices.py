"""Lattices of spheres against other methods."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.errors import InputDataError
from ssbtomo.testing import analytic, lattices


@pytest.mark.parametrize("lattice", ["sc", "bcc", "fcc"])
@pytest.mark.parametrize("contrast", [0.0, 0.2, 10.0])
def test_few_spheres_are_those_of_the_series(lattice, contrast):
    for fraction in (0.02, 0.1, 0.2):
        ours = lattices.lattice_conductivity(lattice, fraction, contrast)
        # the series ends at the power 25/3 of the fraction
        assert ours == pytest.approx(
            analytic.spheres_series(lattice, fraction, contrast),
            rel=0.5 * fraction ** (25 / 3) + 1e-7,
        )


@pytest.mark.parametrize(
    ("lattice", "fraction", "contrast", "more"),
    [
        ("sc", 0.45, 0.0, 0.432718),
        ("sc", 0.5, 1e6, 5.891204),
        ("bcc", 0.5, 0.0, 0.395757),
        ("bcc", 0.6, 1e6, 6.341362),
        ("fcc", 0.6, 0.0, 0.299168),
        ("fcc", 0.6, 1e6, 5.971909),
    ],
)
def test_more_multipoles_change_little(lattice, fraction, contrast, more):
    # by an independent program with multipoles up to order 29 and longer lattice sums
    found = lattices.lattice_conductivity(lattice, fraction, contrast)
    assert found == pytest.approx(more, rel=1e-3 if contrast > 1 else 5e-6)


@pytest.mark.parametrize("lattice", ["sc", "bcc", "fcc"])
def test_lattices_obey_the_bounds(lattice):
    for fraction in (0.1, 0.3, 0.5):
        for contrast in (0.0, 0.1, 20.0):
            found = lattices.lattice_conductivity(lattice, fraction, contrast)
            low, high = analytic.hashin_shtrikman_bounds((fraction, 1 - fraction), (contrast, 1.0))
            assert low - 1e-12 <= found <= high + 1e-12


def test_spheres_like_the_matrix_do_nothing():
    assert lattices.lattice_conductivity("fcc", 0.4, 1.0) == 1.0
    assert lattices.lattice_conductivity("fcc", 0.0) == 1.0


@pytest.mark.parametrize("lattice", ["sc", "bcc", "fcc"])
def test_voxels_hold_the_fraction(lattice):
    share = lattices.lattice_fractions(lattice, 0.3, 20)
    assert share.mean() == pytest.approx(0.7, abs=1e-3)  # 160³ points
    for axis in range(3):  # a mirror through the middle of the corner voxels' sphere
        np.testing.assert_array_equal(share, np.flip(share, axis))


def test_spheres_that_overlap_or_unknown_lattices_are_refused():
    with pytest.raises(InputDataError, match="touch"):
        lattices.lattice_conductivity("sc", 0.53)
    with pytest.raises(InputDataError, match="'hcp'"):
        lattices.lattice_radius("hcp", 0.1)
