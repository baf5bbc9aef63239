"""Contacts in detail, against planted truth: caps, studs, gaps, isolated particles, lost contact."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest

from ssbtomo import measure
from ssbtomo.blocks import Engine
from ssbtomo.errors import InputDataError, PhaseMissingError

SPACING = (0.1, 0.1, 0.1)
PHASES = {"void": 0, "electrolyte": 1, "active": 2, "carbon": 3, "lithium": 4}
ROLES = {name: name for name in PHASES}
VOID, ELECTROLYTE, ACTIVE, CARBON, LITHIUM = range(5)


def some(labels):
    """The phases that occur."""
    return {name: label for name, label in PHASES.items() if (labels == label).any()}


def capped_balls(shares, radius=17.0, shell=5.0):
    """Balls in void, each with a shell of electrolyte over a cap of known share of its surface."""
    size = 48
    labels = np.zeros((size, size, size * len(shares)), np.uint8)
    particles = np.zeros(labels.shape, np.int32)
    axis = np.array([0.8, 0.36, 0.48])
    for number, share in enumerate(shares, start=1):
        centre = np.array([23.4, 23.7, 23.2 + size * (number - 1)])
        places = np.indices(labels.shape).T - centre
        distance = np.linalg.norm(places, axis=-1).T
        height = (places @ axis).T
        inside = distance < radius
        capped = (height > (1 - 2 * share) * distance) & (distance < radius + shell)
        labels[capped] = ELECTROLYTE
        labels[inside], particles[inside] = ACTIVE, number
    return labels, particles


def same(one, other):
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_coverage_of_capped_balls_is_found_in_blocks():
    labels, particles = capped_balls([0.81, 0.31])
    table = measure.coverage(labels, SPACING, particles, active="active", phases=some(labels))
    covered = table[table["phase"] == "electrolyte"]
    assert covered["coverage"].tolist() == pytest.approx([0.81, 0.31], abs=0.01)  # the goal
    lazy = [da.from_array(array, chunks=(20, 48, 31)) for array in (labels, particles)]
    with Engine.start("threads", 2) as engine:
        again = measure.coverage(
            lazy[0], SPACING, lazy[1], active="active", phases=some(labels), engine=engine
        )
    same(table, again)
    spread = measure.coverage_distribution(table).set_index("phase").loc["electrolyte"]
    whole = measure.coverage(labels, SPACING, active="active", phases=some(labels))
    total = whole.set_index("phase").loc["electrolyte", "coverage"]
    assert spread["mean"] == pytest.approx(total, rel=1e-9)
    assert spread["d10"] == pytest.approx(0.31, abs=0.01)
    assert spread["d90"] == pytest.approx(0.81, abs=0.01)


def test_particles_of_another_shape_are_refused():
    labels, particles = capped_balls([0.5])
    with pytest.raises(InputDataError, match="the particles are"):
        measure.coverage(labels, SPACING, particles[1:], active=2)


def test_specific_contact_area_stands_beside_its_bound():
    labels, _ = capped_balls([0.5])
    table = measure.specific_contact_area(labels, SPACING, "active", some(labels))
    row = table.set_index("phase").loc["electrolyte"]
    bound = 3 / 1.7  # of a ball: 6 / d
    assert row["bound_per_um"] == pytest.approx(bound, rel=0.02)  # as the areas
    assert row["per_um"] == pytest.approx(bound / 2, rel=0.03)
    assert row["cm2_per_cm3"] == pytest.approx(1e4 * row["per_um"])


def studs(pitch=20, radius=6):
    """A plate of active material on studs of electrolyte, in void, each a known contact spot."""
    labels = np.zeros((20, 3 * pitch, 4 * pitch), np.uint8)
    labels[:8] = ACTIVE
    _, y, x = np.indices(labels.shape)
    disc = (y % pitch - pitch / 2 + 0.5) ** 2 + (x % pitch - pitch / 2 + 0.5) ** 2 < radius**2
    labels[8:][disc[8:]] = ELECTROLYTE
    return labels


def test_patches_are_counted_and_measured():
    labels = studs()
    table = measure.contact_patches(labels, SPACING, ("active", "electrolyte"), some(labels))
    assert len(table) == 12
    # The rim of each spot is a triple line; a disc of 113 voxels has 112 faces: 4 %.
    assert table["area_um2"].to_numpy() == pytest.approx(np.pi * 0.36, rel=0.04)
    assert table["nearest_um"].to_numpy() == pytest.approx(2.0)
    assert table["z_um"].to_numpy() == pytest.approx(0.75)
    assert table.loc[0, ["y_um", "x_um"]].tolist() == pytest.approx([1.0, 1.0])
    assert table["resolved"].all()
    areas = measure.contact_areas(labels, SPACING, phases=some(labels))
    pair = areas[(areas.phase_a == "electrolyte") & (areas.phase_b == "active")]
    assert table["area_um2"].sum() == pytest.approx(pair["area_um2"].item(), rel=1e-12)
    lazy = da.from_array(labels, chunks=(7, 25, 33))
    with Engine.start("threads", 2) as engine:
        pair = ("active", "electrolyte")
        same(table, measure.contact_patches(lazy, SPACING, pair, some(labels), engine=engine))


def test_a_small_patch_is_flagged():
    labels = studs(radius=1)
    table = measure.contact_patches(labels, SPACING, (ACTIVE, ELECTROLYTE))
    assert not table["resolved"].any()


def test_one_phase_has_no_interface():
    with pytest.raises(InputDataError, match="one phase"):
        measure.contact_patches(studs(), SPACING, (ACTIVE, ACTIVE))


@pytest.mark.parametrize("thickness", [0.25, 0.5, 0.8])
def test_planted_gap_thickness(thickness):
    places = np.indices((40, 44, 48)).T * 0.1 - 2.1
    height = (places @ np.array([0.36, 0.48, 0.8])).T
    labels = np.where(height < 0, ACTIVE, ELECTROLYTE).astype(np.uint8)
    labels[(height > 0) & (height < thickness)] = VOID
    found = measure.gap_thickness(
        labels, SPACING, ("active", "electrolyte"), ["void"], some(labels)
    )
    assert found.mean == pytest.approx(thickness, abs=0.03)  # the goal: 0.3 voxel
    assert found.percentile(50) == pytest.approx(thickness, abs=0.06)  # single values are rounded
    assert found.share > 0.9  # rays leave the volume at its sides
    assert (found.unresolved > 0.5) == (thickness < 0.3)  # below three voxels
    at_gap = found.map_um > 0
    assert (labels[at_gap] == ACTIVE).all()
    lazy = measure.gap_thickness(
        da.from_array(labels, chunks=(11, 17, 48)), SPACING, (ACTIVE, ELECTROLYTE), [VOID]
    )
    np.testing.assert_array_equal(lazy.map_um, found.map_um)
    np.testing.assert_array_equal(lazy.area_um2, found.area_um2)


def test_a_gap_needs_something_between():
    labels = studs()
    with pytest.raises(InputDataError, match="is none"):
        measure.gap_thickness(labels, SPACING, (ACTIVE, ELECTROLYTE), [])
    with pytest.raises(PhaseMissingError):
        measure.gap_thickness(labels, SPACING, (ACTIVE, ELECTROLYTE), ["carbon"], some(labels))


RADIUS = 7.0
_BALLS = {"used": 12, "no electrons": 36, "in void": 60, "no ions": 84}


def planted_cell():
    """Four balls in electrolyte: one is used, three are cut off in three ways; and dead lithium.

    Carbon rods join balls to the collector's face at the high end of z.
    """
    labels = np.full((48, 24, 108), ELECTROLYTE, np.uint8)
    particles = np.zeros(labels.shape, np.int32)
    places = np.indices(labels.shape).T
    for number, (name, x) in enumerate(_BALLS.items(), start=1):
        distance = np.linalg.norm(places - np.array([22, 11.5, x]), axis=-1).T
        if name == "in void":
            labels[distance < RADIUS + 3] = VOID
        if name == "no ions":  # electrolyte around the ball, but void around that
            labels[distance < RADIUS + 5] = VOID
            labels[distance < RADIUS + 3] = ELECTROLYTE
        if name != "no electrons":
            labels[22:, 10:14, x - 2 : x + 2] = CARBON
        labels[distance < RADIUS], particles[distance < RADIUS] = ACTIVE, number
    labels[30:34, 4:8, 98:102] = LITHIUM
    labels[:3, 4:8, 98:102] = LITHIUM
    return labels, particles


@pytest.mark.parametrize("given", [True, False])
def test_planted_isolated_particles_are_all_found(given):
    labels, particles = planted_cell()
    found = measure.active_contacts(
        labels, SPACING, ROLES, phases=PHASES, particles=particles if given else None
    )
    table = found.particles
    assert table["particle"].tolist() == [1, 2, 3, 4]
    assert table["joined"].tolist() == [True, False, True, True]
    assert table["used"].tolist() == [True, False, False, False]
    assert table["resolved"].all()
    volume = np.bincount(particles.ravel())[1:]
    assert found.utilisation == pytest.approx(volume[0] / volume.sum())
    isolated = found.isolated.set_index("phase")
    assert isolated.loc["active", "isolated_fraction"] == pytest.approx(volume[1] / volume.sum())
    assert isolated.loc["lithium", "isolated_fraction"] == pytest.approx(64 / 112)
    assert isolated.loc["lithium", "isolated_pieces"] == 1
    assert isolated.loc["electrolyte", "isolated_pieces"] == 1  # around the ball without ions
    assert isolated.loc["carbon", "isolated_fraction"] == 0


def test_an_anode_may_lie_between_the_face_and_the_electrolyte():
    labels, particles = planted_cell()
    arguments = {"phases": PHASES, "particles": particles}
    without = measure.active_contacts(labels, SPACING, ROLES, **arguments)
    labels[:3] = LITHIUM
    found = measure.active_contacts(labels, SPACING, ROLES, **arguments)
    assert found.utilisation == without.utilisation
    labels[:3] = VOID  # delaminated
    found = measure.active_contacts(labels, SPACING, ROLES, **arguments)
    assert found.utilisation == 0
    assert found.isolated.set_index("phase").loc["electrolyte", "isolated_fraction"] == 1


def test_only_joined_areas_and_lines_take_part():
    labels, particles = planted_cell()
    found = measure.active_contacts(labels, SPACING, ROLES, phases=PHASES, particles=particles)
    areas = found.areas.set_index(["phase_a", "phase_b"])
    pair = areas.loc["electrolyte", "active"]
    ball = 4 * np.pi * (RADIUS / 10) ** 2
    rod = 0.16  # the face of the carbon rod on the ball
    assert pair["active_area_um2"] == pytest.approx(
        ball - rod, rel=0.03
    )  # of the ball that is used
    assert pair["area_um2"] == pytest.approx(3 * ball - 2 * rod, rel=0.03)
    lines = found.lines.set_index(["phase_a", "phase_b", "phase_c"])["active_length_um"]
    around = lines["electrolyte", "active", "carbon"]
    assert around == pytest.approx(1.6, rel=0.15)  # a square of 4 voxels on a ball, once
    total = found.lines.set_index(["phase_a", "phase_b", "phase_c"])["length_um"]
    assert total["electrolyte", "active", "carbon"] == pytest.approx(2 * around, rel=0.01)
    carbon = areas.loc["electrolyte", "carbon"]
    assert 0 < carbon["active_area_um2"] < carbon["area_um2"]  # one rod runs through a pocket


def test_activity_is_the_same_for_any_cut_and_reads_the_right_ends():
    labels, particles = planted_cell()
    arguments = {"phases": PHASES, "particles": particles}
    found = measure.active_contacts(labels, SPACING, ROLES, **arguments)
    lazy = da.from_array(labels, chunks=(17, 24, 31))
    with Engine.start("threads", 2) as engine:
        again = measure.active_contacts(lazy, SPACING, ROLES, **arguments, engine=engine)
    for name in ("areas", "lines", "isolated", "particles"):
        same(getattr(found, name), getattr(again, name))
    flipped = measure.active_contacts(
        labels[::-1], SPACING, ROLES, phases=PHASES, particles=particles[::-1]
    )
    assert not flipped.particles["joined"].any()  # the rods now end at the separator
    assert flipped.utilisation == 0
    turned = measure.active_contacts(
        labels.transpose(2, 1, 0), SPACING, ROLES, axis="x", phases=PHASES,
        particles=particles.transpose(2, 1, 0),
    )  # fmt: skip
    assert turned.utilisation == pytest.approx(found.utilisation)


def test_a_collector_conducts():
    labels, particles = planted_cell()
    labels[40:44], particles[40:44] = 5, 0  # foil, with electrolyte behind
    labels[44:] = ELECTROLYTE
    arguments = {"phases": {**PHASES, "foil": 5}, "particles": particles}
    roles = {**ROLES, "foil": "other"}
    without = measure.active_contacts(labels, SPACING, roles, **arguments)
    assert not without.particles["joined"].any()
    labels[46:, 2:4, 2:4] = 5
    found = measure.active_contacts(labels, SPACING, roles, **arguments)
    assert not found.particles["joined"].any()  # a phase without a part in it
    labels[44:] = 5
    found = measure.active_contacts(labels, SPACING, roles, collector="foil", **arguments)
    assert found.particles["joined"].tolist() == [True, False, True, True]
    areas = found.areas.set_index(["phase_a", "phase_b"]).loc["electrolyte", "foil"]
    assert areas["active_area_um2"] == areas["area_um2"] > 0


def test_every_phase_needs_a_role():
    labels, _ = planted_cell()
    roles = {name: role for name, role in ROLES.items() if name != "lithium"}
    with pytest.raises(PhaseMissingError, match="no role is given for lithium"):
        measure.active_contacts(labels, SPACING, roles, phases=PHASES)
    with pytest.raises(InputDataError, match="axis"):
        measure.active_contacts(labels, SPACING, ROLES, phases=PHASES, axis="w")


def test_contact_loss_of_each_particle():
    after, particles = capped_balls([0.5, 1.0])
    before, _ = capped_balls([1.0, 1.0])
    table = measure.contact_loss(before, after, SPACING, "active", some(after), particles=particles)
    lost = table[table["phase"] == "electrolyte"].set_index("particle")
    assert lost["coverage_before"].tolist() == pytest.approx([1, 1])
    assert lost["coverage_after"].tolist() == pytest.approx([0.5, 1], abs=0.01)
    assert lost["change"].tolist() == pytest.approx([-0.5, 0], abs=0.01)
    won = table[table["phase"] == "void"].set_index("particle")
    assert won.loc[1, "change_um2"] == pytest.approx(-lost.loc[1, "change_um2"], rel=0.02)
    whole = measure.contact_loss(before, after, SPACING, ACTIVE).set_index("phase")
    assert list(whole.index) == [VOID, ELECTROLYTE]
    assert whole.loc[ELECTROLYTE, "area_before_um2"] == pytest.approx(8 * np.pi * 1.7**2, rel=0.02)
    assert whole.loc[ELECTROLYTE, "coverage_after"] == pytest.approx(0.75, abs=0.01)


def test_nothing_is_lost_between_equal_states():
    labels, particles = capped_balls([0.4])
    table = measure.contact_loss(labels, labels, SPACING, 2, particles=particles)
    assert (table["change_um2"] == 0).all()
    with pytest.raises(InputDataError, match="differ in shape"):
        measure.contact_loss(labels, labels[1:], SPACING, 2)


def test_a_phase_that_appears_covers_nothing_before():
    before = np.repeat([ACTIVE, ELECTROLYTE], 6).astype(np.uint8)[:, None, None]
    before = before * np.ones((1, 10, 10), np.uint8)
    after = before.copy()
    after[6:8] = VOID
    table = measure.contact_loss(before, after, SPACING, "active", some(after)).set_index("phase")
    assert table["coverage_before"].to_dict() == {"void": 0.0, "electrolyte": 1.0}
    assert table["coverage_after"].to_dict() == {"void": 1.0, "electrolyte": 0.0}
    assert table.loc["electrolyte", "change"] == -1
    assert np.isnan(table.loc["void", "change"])


def test_the_map_of_an_interface_sums_to_its_area():
    labels, _ = capped_balls([0.4])
    found = measure.interface_map(labels, SPACING, ("active", "electrolyte"), some(labels))
    areas = measure.contact_areas(labels, SPACING, phases=some(labels))
    pair = areas[(areas.phase_a == "electrolyte") & (areas.phase_b == "active")]
    # float32 keeps seven digits of each voxel
    assert found.sum(dtype=float) * 1e-3 == pytest.approx(pair["area_um2"].item(), rel=1e-6)
    assert (labels[found != 0] == ACTIVE).all()
    points = measure.interface_points(labels, SPACING, ("active", "electrolyte"), some(labels))
    assert points["area_um2"].sum() == pytest.approx(pair["area_um2"].item(), rel=1e-9)
    places = points[["z_um", "y_um", "x_um"]].to_numpy() - (np.array([23.4, 23.7, 23.2]) + 0.5) / 10
    outwards = places / np.linalg.norm(places, axis=1, keepdims=True)
    normals = points[["normal_z", "normal_y", "normal_x"]].to_numpy()
    cosines = (outwards * normals).sum(axis=1)
    assert np.median(cosines) > 0.998  # 4 degrees, on a ball of 17 voxels
    lazy = da.from_array(labels, chunks=(20, 48, 31))
    np.testing.assert_array_equal(
        measure.interface_map(lazy, SPACING, (ACTIVE, ELECTROLYTE)), found
    )
