"""Facets of cracks: areas, normals, apertures, lines and classes of planted pennies; any cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from ssbtomo import measure
from ssbtomo.errors import AxisError, InputDataError
from ssbtomo.testing.scene import Paint, Scene
from ssbtomo.testing.solids import Ball, Disc

VOID, SOLID, ACTIVE = 0, 1, 2


def unit(*way: float) -> np.ndarray:
    return np.asarray(way) / np.linalg.norm(way)


def scene(shape, spacing, *solids):
    return Scene(shape, spacing, SOLID, tuple(Paint(s, label) for s, label in solids))


def penny(spacing, radius, width, normal):
    """Draw a penny in the middle, sizes in voxel edges."""
    edge = np.cbrt(np.prod(spacing))
    shape = tuple(int(np.ceil((2 * radius + 14) * edge / s)) for s in spacing)
    at = tuple(n * s / 2 + 0.3 * s for n, s in zip(shape, spacing, strict=True))
    return scene(shape, spacing, (Disc(at, tuple(normal), radius * edge, width * edge), VOID))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)])
@pytest.mark.parametrize(("width", "normal"), [(2, unit(-0.6, 0.6, 0.5)), (6, unit(0.5, 0.3, 0.8))])
def test_one_penny_is_one_facet(spacing, width, normal):
    edge = np.cbrt(np.prod(spacing))
    found = measure.cracks(penny(spacing, 18, width, normal).labels(), spacing)
    assert len(found.facets) == 1
    assert len(found.graph.lines) == 0
    row = found.facets.iloc[0]
    true = np.pi * (18 * edge) ** 2
    # the acceptance of the measure: area 5 %, normal 2°, aperture 0.3 voxel edges
    assert row["area_um2"] == pytest.approx(true, rel=0.05)
    assert row["aperture_um"] == pytest.approx(width * edge, abs=0.3 * edge)
    cosine = abs(row[["normal_z", "normal_y", "normal_x"]].to_numpy(float) @ normal)
    assert cosine >= np.cos(np.radians(2))
    # one per cent of the area inside weighs as much as ten of the rim
    assert row["tip_um"] == pytest.approx(2 * np.pi * 18 * edge, rel=0.2)
    assert row["dip_deg"] == pytest.approx(np.degrees(np.arccos(abs(normal[0]))), abs=2)


def test_crossing_pennies_meet_in_one_line():
    first, second = unit(0.5, 0.3, 0.8), unit(0.6, -1.0, 0.0)
    at = (23.0, 23.0, 23.0)
    both = [(Disc(at, tuple(n), 16.0, 3.0), VOID) for n in (first, second)]
    found = measure.cracks(scene((46,) * 3, (1.0,) * 3, *both).labels(), (1.0,) * 3)
    assert len(found.facets) in {3, 4}
    assert found.summary.sheets == 2
    assert len(found.graph.lines) == 1
    line = found.graph.lines.iloc[0]
    assert line["kind"] == "X"
    assert line["length_um"] == pytest.approx(32, rel=0.1)
    way = line[["direction_z", "direction_y", "direction_x"]].to_numpy(float)
    assert max(abs(way @ first), abs(way @ second)) < 0.1
    assert found.facets["area_um2"].sum() == pytest.approx(2 * np.pi * 16**2, rel=0.05)
    assert set(found.graph.links["facet"]) == set(found.facets["facet"])
    assert (found.facet_labels > 0).sum() == found.facets["voxels"].sum()


def test_unequal_pennies_that_cross_off_their_middles_meet_in_one_line():
    # where the line ends, an arm of each meets one of the other: both were one bent facet
    centres = np.array([(50.6, 39.6, 60.8), (40.7, 34.9, 56.4)])
    normals, radii = [unit(-0.145, -0.715, -0.684), unit(0.776, -0.522, -0.354)], (23.3, 25.9)
    both = [
        (Disc(tuple(at), tuple(way), radius, 4.0), VOID)
        for at, way, radius in zip(centres, normals, radii, strict=True)
    ]
    found = measure.cracks(scene((97, 74, 118), (1.0,) * 3, *both).labels(), (1.0,) * 3)
    assert found.summary.sheets == 2
    assert list(found.graph.lines["kind"]) == ["X"]
    # what both chords of the line where the planes meet share; the acceptance of lines
    assert found.graph.lines["length_um"][0] == pytest.approx(45.84, rel=0.1)
    true = np.pi * np.square(radii).sum()  # the acceptance of areas
    assert found.facets["area_um2"].sum() == pytest.approx(true, rel=0.05)


def test_slabs_along_the_axes_are_two_sheets():
    # here only one of them can hold the voxels where both cross: the other goes on behind those
    labels = np.full((30, 40, 42), SOLID)
    labels[:, 18:21] = labels[:, :, 20:23] = VOID
    found = measure.cracks(labels, (1.0,) * 3)
    assert found.summary.sheets == 2
    assert list(found.graph.lines["kind"]) == ["X"]
    assert found.graph.lines["length_um"][0] == pytest.approx(30, rel=0.1)


@pytest.mark.parametrize("width", [1, 3])
def test_pennies_that_cross_at_thirty_degrees_are_told_apart(width):
    first, aside = unit(0.5, 0.3, 0.8), unit(0.6, -1.0, 0.0)
    turn = np.radians(30)
    normals = first, np.cos(turn) * first + np.sin(turn) * aside
    both = [(Disc((26.0, 26.2, 25.9), tuple(n), 20.0, float(width)), VOID) for n in normals]
    found = measure.cracks(scene((52,) * 3, (1.0,) * 3, *both).labels(), (1.0,) * 3)
    assert len(found.facets) in {3, 4}
    assert len(found.graph.lines) == 1
    assert found.graph.lines.iloc[0]["length_um"] == pytest.approx(40, rel=0.1)
    # where they cross the area of both counts; the acceptance of areas
    assert found.facets["area_um2"].sum() == pytest.approx(2 * np.pi * 20**2, rel=0.05)


@pytest.mark.parametrize(("gap", "count"), [(-8.0, 1), (0.8, 0)])
def test_lines_are_where_middles_meet_and_not_where_walls_touch(gap, count):
    # a penny that a slab cuts off its middle, and one that ends within the slab's wall
    slab, penny = unit(0.2, 1.0, 0.3), unit(1.0, -0.1, 0.2)
    way = slab - (slab @ penny) * penny
    way /= np.linalg.norm(way)
    at = np.full(3, 26.0) + 4.0 * slab
    centre = at - (18.0 + gap) * way
    both = [
        (Disc(tuple(at), tuple(slab), 90.0, 3.0), VOID),
        (Disc(tuple(centre), tuple(penny), 18.0, 3.0), VOID),
    ]
    found = measure.cracks(scene((52,) * 3, (1.0,) * 3, *both).labels(), (1.0,) * 3)
    assert found.summary.sheets == 2
    assert len(found.graph.lines) == count
    if count:
        # its chord; the acceptance of lines
        chord = 2 * np.sqrt(18.0**2 - (18.0 + gap) ** 2)
        assert found.graph.lines.iloc[0]["length_um"] == pytest.approx(chord, rel=0.1)


def test_a_network_spans_or_does_not():
    slab = (Disc((30.0, 30.0, 30.0), (0.1, 1.0, 0.0), 90.0, 3.0), VOID)
    loose = (Disc((15.0, 8.0, 45.0), (1.0, 0.2, 0.1), 11.0, 2.0), VOID)
    found = measure.cracks(scene((60,) * 3, (1.0,) * 3, slab, loose).labels(), (1.0,) * 3)
    assert found.summary.spanning == ("z", "x")
    assert found.summary.bottleneck_um["y"] == 0
    assert found.summary.bottleneck_um["z"] == pytest.approx(3, abs=0.6)
    assert found.summary.fragments == 2
    assert np.trace(found.summary.orientation) == pytest.approx(1, abs=1e-4)


def test_classes_tell_what_is_on_both_sides():
    ball = Ball((36.0, 36.0, 36.0), 24.0)
    inner = Disc((36.0, 36.0, 36.0), (0.3, 0.2, 1.0), 14.0, 2.0)
    outer = Disc((5.0, 36.0, 36.0), (1.0, 0.1, 0.0), 20.0, 3.0)
    shape, spacing = (72,) * 3, (1.0,) * 3
    whole = scene(shape, spacing, (ball, ACTIVE)).labels() == ACTIVE
    labels = scene(shape, spacing, (ball, ACTIVE), (inner, VOID), (outer, VOID)).labels()
    roles = {"electrolyte": SOLID, "active": ACTIVE}
    found = measure.cracks(labels, spacing, roles=roles, particles=whole.astype(int))
    assert sorted(found.facets["class"]) == ["bulk", "intra_particle"]
    halves = whole * (1 + (np.indices(shape)[2] + 0.2 * np.indices(shape)[1] > 43))
    z, y, x = np.indices(shape) + 0.5 - 36
    halves = whole * (1 + (0.3 * z + 0.2 * y + x > 0))
    found = measure.cracks(labels, spacing, roles=roles, particles=halves)
    assert sorted(found.facets["class"]) == ["bulk", "intergranular"]
    flat = np.full((40, 40, 40), SOLID)
    flat[22:] = ACTIVE
    flat[20:22, 8:32, 8:32] = VOID
    found = measure.cracks(flat, spacing, roles=roles)
    assert list(found.facets["class"]) == ["interfacial"]


def test_filled_share_is_told():
    labels = penny((1.0,) * 3, 16, 3, unit(1, 0, 0)).labels().astype(int)
    labels[(labels == VOID) & (np.indices(labels.shape)[1] < labels.shape[1] // 2)] = 3
    found = measure.cracks(labels, (1.0,) * 3, phase=(VOID, 3), filling=3)
    assert len(found.facets) == 1
    assert found.facets["filled"].iloc[0] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("bright", [False, True])
def test_grey_values_give_apertures(bright):
    spacing, normal, width = (1.0,) * 3, unit(0.5, 0.3, 0.8), 2.0
    grey = penny(spacing, 20, width, normal).rasterise([0, 1000], 3).grey
    grey = ndi.gaussian_filter(grey, 0.8)
    grey += 1000 / 6 * np.random.default_rng(1).standard_normal(grey.shape).astype(np.float32)
    if bright:
        grey = 1000 - grey
    found = measure.cracks(grey, spacing, void_grey=1000 * bright, bright=bright)
    assert len(found.facets) == 1
    row = found.facets.iloc[0]
    assert row["aperture_um"] == pytest.approx(width, abs=0.3)
    # noise moves the rim, which is taken where the aperture has fallen to half
    assert row["area_um2"] == pytest.approx(np.pi * 400, rel=0.1)
    cosine = abs(row[["normal_z", "normal_y", "normal_x"]].to_numpy(float) @ normal)
    assert cosine >= np.cos(np.radians(2))
    assert row["filled"] == bright
    assert found.score.max() > 80


def test_pores_beside_a_wide_crack_do_not_narrow_it():
    normal, at = unit(0.5, 0.3, 0.8), np.full(3, 26.0)
    aside = unit(0.3, -0.5, 0.0)
    # the walls of both pores are 8 from the middle of the crack, and 5 from its walls
    pores = [
        (Ball(tuple(at + 14 * normal), 6.0), VOID),
        (Ball(tuple(at - 13 * normal + 6 * aside), 5.0), VOID),
    ]
    drawn = scene((52,) * 3, (1.0,) * 3, *pores, (Disc(tuple(at), tuple(normal), 15.0, 6.0), VOID))
    grey = ndi.gaussian_filter(drawn.rasterise([0, 1000], 3).grey, 0.8)
    found = measure.cracks(grey, (1.0,) * 3, void_grey=0)
    assert len(found.facets) == 1
    assert found.facets.iloc[0]["aperture_um"] == pytest.approx(6, abs=0.3)


def test_noise_alone_holds_no_cracks():
    grey = np.random.default_rng(2).normal(1000, 100, (64, 64, 64)).astype(np.float32)
    assert len(measure.cracks(grey, (1.0,) * 3, void_grey=0).facets) == 0


def test_a_slice_is_measured_per_length():
    labels = np.ones((1, 80, 80), dtype=np.uint8)
    y, x = np.mgrid[:80, :80] - 40
    labels[0][(abs(0.8 * y - 0.6 * x) <= 1.5) & (abs(0.6 * y + 0.8 * x) < 25)] = 0
    found = measure.cracks(labels, (1.0,) * 3)
    row = found.facets.iloc[0]
    assert row["area_um2"] == pytest.approx(50, rel=0.05)
    assert row["aperture_um"] == pytest.approx(3, abs=0.3)
    assert found.summary.spanning == ()


def _two_pennies(image: bool):
    both = [
        (Disc((20.0, 22.0, 20.0), (1.0, 0.4, 0.2), 15.0, 2.0), VOID),
        (Disc((20.0, 22.0, 24.0), (-0.3, 1.0, 0.1), 14.0, 3.0), VOID),
    ]
    drawn = scene((40, 44, 42), (1.0, 1.0, 1.0), *both)
    return ndi.gaussian_filter(drawn.rasterise([0, 1000], 3).grey, 0.8) if image else drawn.labels()


@given(block=st.integers(20, 60), workers=st.integers(1, 2), image=st.booleans())
@settings(max_examples=3)
def test_blocks_change_nothing(block, workers, image):
    volume = _two_pennies(image)
    whole = measure.cracks(volume, (1.0,) * 3, block=64, workers=1)
    cut = measure.cracks(volume, (1.0,) * 3, block=block, workers=workers)
    assert len(whole.facets) >= 2
    assert cut.facets.equals(whole.facets)
    assert cut.graph.lines.equals(whole.graph.lines)
    np.testing.assert_array_equal(cut.facet_labels, whole.facet_labels)
    np.testing.assert_array_equal(cut.score, whole.score)


def test_bad_input_is_refused():
    with pytest.raises(AxisError, match="2 axes"):
        measure.cracks(np.zeros((4, 4)), (1.0, 1.0, 1.0))
    with pytest.raises(InputDataError, match="not all positive"):
        measure.cracks(np.zeros((4, 4, 4), int), (1.0, 1.0, 1.0), aspect=0)
    with pytest.raises(InputDataError, match="another"):
        measure.cracks(
            penny((1.0,) * 3, 8, 2, unit(1, 0, 0)).labels(), (1.0,) * 3, image=np.zeros((2, 2, 2))
        )
