"""What is too small for the voxels is told, and never a bare number."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.areas import interface_areas
from ssbtomo.kernels.resolution import (
    check_particles,
    check_phases,
    check_size,
    estimators_differ,
    guarded,
    mean_chord,
)

SPACING = (0.1, 0.1, 0.1)


def slab(width: int) -> tuple[float, float]:
    """Volume and surface of a slab of whole voxels."""
    labels = np.zeros((20, 12, 12), np.uint8)
    labels[8 : 8 + width] = 1
    area = interface_areas(labels, SPACING, [0, 1]).area_um2[0, 1]
    return float(np.count_nonzero(labels)) * 1e-3, area


def test_mean_chords_of_simple_bodies():
    assert mean_chord(4 / 3 * np.pi * 8, 4 * np.pi * 4) == pytest.approx(4 / 3 * 2)
    volume, surface = slab(5)
    assert mean_chord(volume, surface) == pytest.approx(2 * 0.5)
    assert math.isnan(mean_chord(0.0, 0.0))


def test_a_thin_phase_is_flagged_and_a_thick_one_is_not():
    (thin_volume, thin_area), (volume, area) = slab(1), slab(4)
    found = check_phases(
        ["film", "block"], SPACING, volumes=[thin_volume, volume], surfaces=[thin_area, area]
    )
    assert not found["film"].enough
    assert found["film"].voxels == pytest.approx(2)
    assert found["film"].warning == "film: mean chord 2 voxels, below the 3 that are resolved"
    assert found["block"].enough
    assert found["block"].warning == ""


def test_a_thick_phase_with_thin_parts_is_flagged():
    volume, area = slab(6)
    ask = {"volumes": [volume], "surfaces": [area]}
    assert check_phases(["net"], SPACING, d10={"net": 0.31}, **ask)["net"].enough
    found = check_phases(["net"], SPACING, d10={"net": 0.19}, **ask)["net"]
    assert not found.enough
    assert found.voxels == pytest.approx(1.9)


def test_a_phase_that_does_not_occur_is_not_flagged():
    found = check_phases(["carbon"], SPACING, volumes=[0.0], surfaces=[0.0])["carbon"]
    assert found.enough
    assert math.isnan(found.voxels)


def test_long_voxels_decide_for_particles_and_layers():
    flat = (0.4, 0.1, 0.1)
    assert check_particles([1.1, 1.2, math.nan], flat).tolist() == [False, True, False]
    assert not check_size("coating", 1.0, flat).enough
    assert check_size("coating", 1.2, flat).enough


def test_almost_three_voxels_are_not_said_to_be_three():
    assert check_size("gap", 0.2996, SPACING).warning == (
        "gap: 2.9 voxels, below the 3 that are resolved"
    )


def test_a_layer_below_the_voxel_is_not_resolvable():
    found = check_size("LiNbO3", 0.01, SPACING)
    assert not found.enough
    assert not found.resolvable
    assert found.warning == "LiNbO3: 0.1 voxels, below a single voxel: not resolvable"
    assert check_size("film", 0.1, SPACING).resolvable


def test_specks_have_no_area():
    # A cube of one voxel has the chord of 2/3 of its edge; a film of one voxel has 2.
    found = check_phases(["specks"], SPACING, volumes=[1e-3], surfaces=[6e-2])["specks"]
    assert not found.resolvable
    assert found.warning.endswith("below the 2 of a film one voxel thick: not resolvable")


def test_never_a_bare_number():
    wall, thin = check_size("wall", 1.0, SPACING), check_size("film", 0.2, SPACING)
    none = check_size("coating", 0.05, SPACING)
    assert guarded(2.5, wall) == (2.5, ())
    assert guarded(2.5, thin, wall, thin) == (2.5, (thin.warning,))
    value, warnings = guarded(2.5, thin, none)
    assert math.isnan(value)
    assert warnings == (thin.warning, none.warning)
    assert check_size("no gap", math.nan, SPACING).enough


def test_two_estimates_that_differ_are_told():
    assert estimators_differ(1.0, 1.02) == ""
    assert estimators_differ(0.0, 0.0) == ""
    assert estimators_differ(1.0, 1.04) == "Crofton's formula gives 4 % more area"
    assert estimators_differ(1.0, 0.93) == "Crofton's formula gives 7 % less area"
    assert "is 0" in estimators_differ(1.0, 0.0)


def test_a_limit_that_makes_no_sense():
    with pytest.raises(InputDataError, match="cannot be asked for"):
        check_particles([1.0], SPACING, least=0)
