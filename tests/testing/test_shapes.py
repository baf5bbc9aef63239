"""Shapes: their voxels agree with their answers, and the scene's estimator with formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssbtomo.errors import InputDataError, PhaseMissingError
from ssbtomo.testing import shapes
from ssbtomo.testing.answers import KnownShape
from ssbtomo.testing.scene import Paint, Scene
from ssbtomo.testing.solids import (
    Ball,
    Cap,
    Capsule,
    Disc,
    Ellipsoid,
    Ground,
    HalfSpace,
)
from ssbtomo.testing.surfaces import frame_from

SIDE = (48, 48, 48)
CUBE = (0.1, 0.1, 0.1)
TALL = (0.2, 0.1, 0.1)
TILTED = (0.6, 0.5, -0.7)

known = {
    "ball": lambda s: shapes.ball((48, 48, 48), s, radius=1.7),
    "nested": lambda s: shapes.nested_balls((48, 48, 48), s, inner=1.1, outer=2.1),
    "cut": lambda s: shapes.ball_cut_by_plane(SIDE, s, radius=2.0, normal=TILTED, height=0.4),
    "penny": lambda s: shapes.penny(SIDE, s, radius=1.8, width=0.6, normal=TILTED),
    "crossing": lambda s: shapes.crossing_pennies(
        SIDE, s, radius=1.8, width=0.5, normals=((0.6, 0.5, -0.7), (0.5, -0.6, 0))
    ),
}


@pytest.mark.parametrize("spacing", [CUBE, TALL])
@pytest.mark.parametrize("name", known)
def test_voxels_agree_with_the_volume_fractions(name, spacing):
    shape = known[name](spacing)
    told = [t for t in shape.truth if t.quantity == "volume_fraction"]
    assert told
    for item in told:
        counted = np.mean(shape.labels == shape.phases[item.subject])
        # voxel centres miss a volume by a few voxels per hundred surface voxels
        assert counted == pytest.approx(item.value, rel=0.03)


def test_full_block_and_slanted_strip():
    assert shapes.full_block((3, 4, 5), CUBE).value("tortuosity_factor", "solid", "y") == 1
    strip = shapes.slanted_strip(20, axis="y")
    assert strip.labels.shape == (21, 20, 21)
    assert strip.labels.mean() == strip.value("volume_fraction", "solid")
    assert strip.value("tortuosity_factor", "solid", "y") == pytest.approx(7.51667, abs=5e-6)


def test_laminate_answers():
    layers = shapes.laminate((6, 4, 5), TALL, axis="z", thicknesses=(1, 2), conductivities=(1, 10))
    assert layers.value("effective_conductivity_ratio", "all", "z") == pytest.approx(2.5)
    assert layers.value("effective_conductivity_ratio", "all", "x") == pytest.approx(7.0)
    assert layers.value("area", "layer-0|layer-1") == pytest.approx(3 * 0.4 * 0.5)
    assert layers.labels[:, 0, 0].tolist() == [0, 1, 1, 0, 1, 1]
    with pytest.raises(InputDataError, match="whole periods"):
        shapes.laminate((5, 4, 5), TALL, axis="z", thicknesses=(1, 2), conductivities=(1, 10))


def test_sphere_array_fraction():
    cell = shapes.sphere_array(40, 0.3)
    assert np.mean(cell.labels == 0) == pytest.approx(0.3, rel=0.01)  # voxel centres
    assert cell.value("effective_conductivity_ratio", "matrix", "z") == pytest.approx(
        0.60567, abs=5e-6
    )


def test_nested_balls_of_the_literature():
    balls = shapes.nested_balls((42, 42, 42), (0.5,) * 3, inner=5, outer=10)
    assert balls.value("area", "shell|core") == pytest.approx(314.16, abs=0.005)
    assert balls.value("area", "matrix|shell") == pytest.approx(1256.6, abs=0.05)


def test_covered_ball_shows_its_coverage():
    shape = shapes.covered_ball(SIDE, CUBE, radius=1.5, gap=0.5, coverage=0.7)
    assert shape.value("area", "void|active") == pytest.approx(0.3 * 4 * math.pi * 1.5**2)
    assert set(np.unique(shape.labels)) == {0, 1, 2}


def test_an_answer_that_is_not_known_is_an_error():
    with pytest.raises(PhaseMissingError, match="has no answer"):
        shapes.full_block((2, 2, 2), CUBE).value("area", "a|b")


def test_pennies_must_cross_at_right_angles():
    with pytest.raises(InputDataError, match="right angles"):
        shapes.crossing_pennies(SIDE, CUBE, radius=1, width=0.4, normals=((1, 0, 0), (1, 1, 0)))


def _sampled(shape: KnownShape, *paints: Paint, base: int = 0) -> dict:
    """Sample the contact areas of the continuous scene of a shape."""
    scene = Scene(shape.labels.shape, shape.spacing, base, paints)
    return {pair: area for pair, (area, _) in scene.contact_areas(2000, seed=5).items()}


CENTER = (2.4, 2.4, 2.4)


def test_sampled_areas_of_a_cut_ball():
    shape = known["cut"](CUBE)
    length = math.sqrt(sum(n * n for n in TILTED))
    down = tuple(-n / length for n in TILTED)
    upper = HalfSpace(down, sum(n * c for n, c in zip(down, CENTER, strict=True)) - 0.4)
    areas = _sampled(shape, Paint(Ball(CENTER, 2.0), 1), Paint(upper, 2, frozenset({1})))
    # 1e5 points in a lattice: errors of a few points per boundary, below 0.2 %
    assert areas[0, 1] == pytest.approx(shape.value("area", "matrix|lower"), rel=2e-3)
    assert areas[0, 2] == pytest.approx(shape.value("area", "matrix|upper"), rel=2e-3)
    assert areas[1, 2] == pytest.approx(shape.value("area", "lower|upper"), rel=2e-3)


def test_sampled_area_of_a_penny_and_of_a_covered_ball():
    shape = known["penny"](CUBE)
    areas = _sampled(shape, Paint(Disc(CENTER, TILTED, 1.8, 0.6), 0), base=1)
    assert areas[0, 1] == pytest.approx(shape.value("area", "void|solid"), rel=1e-3)
    cover = shapes.covered_ball(SIDE, CUBE, radius=1.5, gap=0.5, coverage=0.7)
    paints = Paint(Cap(CENTER, 2.0, (1.0, 0.3, 0.2), 0.6), 0), Paint(Ball(CENTER, 1.5), 2)
    areas = _sampled(cover, *paints, base=1)
    assert areas[1, 2] == pytest.approx(cover.value("area", "electrolyte|active"), rel=2e-3)
    assert areas[0, 2] == pytest.approx(cover.value("area", "void|active"), rel=2e-3)


@settings(max_examples=15)
@given(st.tuples(*[st.floats(-1, 1).filter(lambda v: abs(v) > 0.05)] * 3), st.floats(-0.5, 0.5))
def test_sampled_area_of_a_plane_is_its_section(normal, offset):
    shape = shapes.plane((12, 16, 20), TALL, normal=normal, offset=offset)
    length = math.sqrt(sum(n * n for n in normal))
    unit = tuple(n / length for n in normal)
    level = offset + sum(n * m for n, m in zip(unit, (1.2, 0.8, 1.0), strict=True))
    areas = _sampled(shape, Paint(HalfSpace(unit, level), 1))
    # the lattice meets the polygon's edges at random: about 1 % of some 1e4 points
    assert areas[0, 1] == pytest.approx(shape.value("area", "above|below"), rel=0.01)


def test_sampled_area_of_ellipsoid_capsule_and_ground():
    frame = frame_from((1.0, 2.0, 3.0))
    box = Scene((50, 50, 50), CUBE, 0, (Paint(Ellipsoid((2.5,) * 3, (0.8, 1.6, 1.6), frame), 1),))
    a, c = 1.6, 0.8
    e = math.sqrt(1 - (c / a) ** 2)
    oblate = 2 * math.pi * a**2 * (1 + (1 - e**2) / e * math.atanh(e))
    assert box.contact_areas(1000, 1)[0, 1][0] == pytest.approx(oblate, rel=1e-3)
    tube = Scene((50, 50, 50), CUBE, 0, (Paint(Capsule((1, 1, 1), (3, 3, 2), 0.5), 1),))
    expected = 2 * math.pi * 0.5 * 3 + 4 * math.pi * 0.25
    assert tube.contact_areas(1000, 1)[0, 1][0] == pytest.approx(expected, rel=1e-3)
    flat = Scene((10, 20, 30), CUBE, 0, (Paint(Ground(0.5), 1),))
    assert flat.contact_areas(1000, 1)[0, 1][0] == pytest.approx(6.0, rel=1e-9)  # exact


def test_paint_covers_only_what_it_may():
    paints = (
        Paint(Ball((0.5, 0.5, 0.5), 0.3), 2),
        Paint(HalfSpace((1.0, 0.0, 0.0), 0.5), 0, frozenset({1})),
    )
    labels = Scene((10, 10, 10), CUBE, 1, paints).labels()
    assert labels[0, 0, 0] == 0
    assert labels[4, 5, 5] == 2
    assert labels[9, 0, 0] == 1


def test_grey_values_carry_the_partial_volume():
    scene = Scene((1, 1, 4), (1.0, 1.0, 1.0), 0, (Paint(HalfSpace((0.0, 0.0, 1.0), 1.5), 1),))
    raster = scene.rasterise([0, 300])
    # sub-voxels lie at 1/6, 1/2, 5/6 of a voxel: two of three have their centre at or below 1.5
    assert raster.grey[0, 0].tolist() == [300, 200, 0, 0]
    assert raster.shares[1] == pytest.approx(5 / 12)
