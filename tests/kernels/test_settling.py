"""Edges take the phases beside them; of serial sections, only films between two others go."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.settling import Settling, settled

SPACING = (1.0, 1.0, 1.0)
EDGES = Settling(1.25, 1.0, 0.3)
SECTIONS = Settling(1.25, 1.0, 0.3, greys=(0.0, 1.0, 2.0))


def shares(line, classes=3):
    """Probabilities that are sure, the same in every line along x."""
    made = np.zeros((classes, 13, 13, len(line)), np.float32)
    for x, label in enumerate(line):
        made[label, :, :, x] = 1
    return made


def told(line, steep, settling, classes=3):
    gradient = np.zeros((13, 13, len(line)), np.float32)
    gradient[:, :, steep] = 1.0
    radii = settling.radii(SPACING, gradient.shape)
    return settled(shares(line, classes), gradient, settling, SPACING, radii)[:, 2, 2]


LINE = np.repeat((0, 1, 2), (13, 2, 13))  # a film of two voxels from 13 on
FILM = slice(13 - 4, 15 - 4)  # without the margin


@pytest.mark.parametrize("settling", [EDGES, SECTIONS])
def test_a_steep_film_between_a_dark_and_a_bright_phase_goes(settling):
    found = told(LINE, slice(11, 17), settling).argmax(0)
    assert (found[FILM] != 1).all()
    assert (found[0], found[-1]) == (0, 2)


@pytest.mark.parametrize("settling", [EDGES, SECTIONS])
def test_a_level_layer_between_them_stays(settling):
    line = np.repeat((0, 1, 2), (13, 6, 13))
    found = told(line, np.r_[11:15, 17:21], settling)  # steep at its faces
    np.testing.assert_array_equal(found.argmax(0), line[4:-4])


@pytest.mark.parametrize("between", [(1, 0, 1), (2, 0, 2), (1, 2, 1), (0, 2, 0)])
def test_of_sections_no_darkest_or_brightest_phase_goes_however_steep(between):
    line = np.repeat(between, (13, 2, 13))
    found = told(line, slice(9, 19), SECTIONS).argmax(0)
    np.testing.assert_array_equal(found, line[4:-4])


@pytest.mark.parametrize("greys", [(2.0, 1.0, 0.0), (-5.0, 7.0, 80.0)])
def test_only_the_order_of_the_grey_values_counts(greys):
    other = Settling(1.25, 1.0, 0.3, greys=greys)
    want = told(LINE, slice(11, 17), SECTIONS)
    np.testing.assert_array_equal(told(LINE, slice(11, 17), other), want)


def test_phases_of_one_grey_value_and_pairs_of_phases_hold_no_film():
    level = Settling(1.25, 1.0, 0.3, greys=(1.0, 1.0, 1.0))
    found = told(LINE, slice(11, 17), level).argmax(0)
    np.testing.assert_array_equal(found, LINE[4:-4])
    pair = np.repeat((0, 1), 13)
    two = Settling(1.25, 1.0, 0.3, greys=(0.0, 1.0))
    np.testing.assert_array_equal(told(pair, slice(9, 17), two, 2).argmax(0), pair[4:-4])


@pytest.mark.parametrize("settling", [EDGES, SECTIONS])
def test_probabilities_sum_to_one_and_permute_with_the_classes(settling):
    rng = np.random.default_rng(0)
    given = rng.dirichlet(np.ones(3), (12, 13, 14)).transpose(3, 0, 1, 2).astype(np.float32)
    gradient = rng.random((12, 13, 14), np.float32)
    radii = settling.radii(SPACING, gradient.shape)
    found = settled(given, gradient, settling, SPACING, radii)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-6)  # single precision
    order = [2, 0, 1]
    greys = tuple(settling.greys[k] for k in order[: len(settling.greys)])
    turned = Settling(1.25, 1.0, 0.3, greys=greys)
    again = settled(np.ascontiguousarray(given[order]), gradient, turned, SPACING, radii)
    np.testing.assert_allclose(again, found[order], atol=1e-6)  # sums in another order


@pytest.mark.parametrize("bad", [{"steep": -1.0}, {"greys": (0.0, np.nan)}, {"support": 1.0}])
def test_numbers_that_make_no_sense_are_refused(bad):
    with pytest.raises(InputDataError):
        Settling(**{"reach": 1.0, "scale": 1.0, "steep": 1.0, **bad})
