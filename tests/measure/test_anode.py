"""Lithium in the electrolyte and voids at the anode, against planted truth and any cut."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest

from ssbtomo import measure
from ssbtomo.blocks import Engine, Grid
from ssbtomo.blocks.stack import Stack, columns
from ssbtomo.errors import InputDataError, PhaseMissingError
from ssbtomo.kernels.surface_plane import fit_plane
from ssbtomo.measure.anode import interface_of
from ssbtomo.measure.penetration import penetration_of, planes_of
from ssbtomo.testing.stacks import STACK_PHASES, anode_with_voids, filament_cell

SPACING = (0.1, 0.2, 0.1)


def present(labels):
    return {name: label for name, label in STACK_PHASES.items() if (labels == label).any()}


def lithium(labels, spacing=SPACING, **options):
    phases = present(np.asarray(labels))
    return measure.lithium_penetration(
        labels, spacing, {n: n for n in phases}, phases=phases, **options
    )


def interface(labels, spacing=SPACING, **options):
    phases = present(np.asarray(labels))
    return measure.anode_interface(
        labels, spacing, {n: n for n in phases}, phases=phases, **options
    )


def shaped(axis, depth):
    shape = [41, 34, 43]
    shape["zyx".index(axis)] = depth
    return tuple(shape)


@pytest.mark.parametrize(("axis", "anode"), [("z", "low"), ("y", "high"), ("x", "low")])
@pytest.mark.parametrize(("share", "arms", "dead"), [(0.6, 1, 2), (1.0, 1, 0), (0.6, 2, 1)])
def test_a_planted_filament(axis, anode, share, arms, dead):
    cell = filament_cell(
        shaped(axis, 100), SPACING, share=share, arms=arms, dead=dead, axis=axis, anode=anode
    )
    found = lithium(cell.labels, axis=axis, anode=anode)
    truth = {item.quantity: item.value for item in cell.truth}
    assert found.depth_share == pytest.approx(
        truth["lithium_depth_share"], abs=1e-6
    )  # whole voxels
    assert found.dead_um3 == pytest.approx(truth["dead_lithium_volume"])
    assert found.short == (share == 1)
    table = found.filaments
    assert len(table) == truth["filament_count"]
    own = table[table.joined_to != "none"].iloc[0]
    assert own.branches == arms
    assert own.joined_to == ("both" if share == 1 else "anode")
    assert (table.joined_to == "none").sum() == dead
    voxels = int((cell.labels == STACK_PHASES["lithium"]).sum())
    volume = voxels * np.prod(SPACING)
    assert found.volume_um3 + found.under_um3 == pytest.approx(volume)


def rough_cell(rng):
    """A tilted, rough electrode with filaments, pores and dead lithium: nothing to be known."""
    labels = np.ones((40, 30, 32), np.uint8)
    z = np.arange(40)[:, None, None]
    y, x = np.arange(30)[None, :, None], np.arange(32)[None, None, :]
    labels[z < 8 + 0.1 * y + rng.integers(0, 2, (1, 30, 32))] = 3
    labels[rng.random(labels.shape) < 0.05] = 0
    labels[(z < 28) & (abs(y - 14) < 2) & (abs(x - 9 - (z > 20) * (z - 20)) < 3)] = 3
    labels[20:23, 22:25, 25:30] = 3
    labels[36:] = 2
    cracks = np.zeros(labels.shape, np.int32)
    cracks[24:30, 10:20, 5:14] = 1
    return labels, cracks * (labels == 0)


@pytest.mark.parametrize("block", [(13, 9, 11), (40, 30, 5), (7, 30, 32)])
@pytest.mark.parametrize(("axis", "high"), [(0, False), (2, True)])
def test_any_cut_gives_the_same(block, axis, high):
    labels, cracks = rough_cell(np.random.default_rng(3))
    if axis == 2:
        labels, cracks = (np.ascontiguousarray(a.T[:, :, ::-1]) for a in (labels, cracks))
        block = block[::-1]
    roles = {label: name for name, label in STACK_PHASES.items()}
    stack = Stack(labels, roles, axis, high)

    def of(cut, engine):
        grid = Grid(labels.shape, cut)
        maps = columns(stack, grid, engine)
        planes = planes_of(maps, SPACING[axis])
        found = penetration_of(
            stack, planes, SPACING, grid, engine, cracks=cracks,
            allocate=lambda name, dtype: np.zeros(labels.shape, dtype),
        )  # fmt: skip
        return found, interface_of(maps, stack, SPACING)

    whole, face = of(labels.shape, Engine())
    with Engine.start("threads", 2) as engine:
        parts, other = of(block, engine)
    pd.testing.assert_frame_equal(
        pd.DataFrame(whole.rows), pd.DataFrame(parts.rows), check_exact=True
    )
    np.testing.assert_array_equal(whole.found.labels, parts.found.labels)
    assert (whole.dead_um3, whole.short) == (parts.dead_um3, parts.short)
    np.testing.assert_array_equal(face.kinds, other.kinds)
    np.testing.assert_array_equal(face.gap_um, other.gap_um)
    assert face.lithium_texture == other.lithium_texture
    assert len(whole.rows["filament"]) >= 2
    assert {"crack", "bulk"} & set(whole.rows["path"].tolist())


def test_where_a_filament_grows_is_told():
    cell = filament_cell((60, 41, 43), SPACING, share=0.6)
    labels, cracks = cell.labels.copy(), np.zeros(cell.labels.shape, np.int32)
    assert lithium(labels).filaments.path.tolist() == ["bulk"]
    around = np.zeros(labels.shape, np.bool_)
    around[14:46, 15:26, 8:22] = True
    around &= labels == STACK_PHASES["electrolyte"]
    labels[around] = STACK_PHASES["void"]
    assert lithium(labels).filaments.path.tolist() == ["pore"]
    cracks[around] = 1
    assert lithium(labels, cracks=cracks).filaments.path.tolist() == ["crack"]


def test_a_tilted_electrode_is_no_filament():
    labels = np.ones((60, 40, 40), np.uint8)
    z, y = np.arange(60)[:, None, None], np.arange(40)[None, :, None]
    labels[np.broadcast_to(z < 10 + 0.3 * y, labels.shape)] = 3
    labels[10:40, 18:22, 10:14] = 3
    found = lithium(labels, (0.1, 0.1, 0.1))
    assert len(found.filaments) == 1
    depth = (40 - (10 + 0.3 * 19.5)) * 0.1
    assert found.depth_um == pytest.approx(depth, abs=0.15)  # 1.5 voxels: the filament is 4 wide
    flat = lithium(labels, (0.1, 0.1, 0.1), surface="median", tolerance=0.0)
    assert flat.volume_um3 > 2 * found.volume_um3


def test_the_plane_is_not_moved_by_many_filaments():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:50, :40]
    heights = (20 + 0.2 * y - 0.1 * x).astype(np.int32)
    far = rng.random(heights.shape) < 0.35
    plane = fit_plane(np.where(far, heights + 30, heights), np.ones(far.shape, bool), tilted=True)
    expected = 20 + 0.2 * y - 0.1 * x - 0.5
    assert abs(plane.over(heights.shape) - expected).max() < 0.7  # heights are cut to voxels


@pytest.mark.parametrize(("axis", "anode"), [("z", "low"), ("y", "low"), ("x", "high")])
@pytest.mark.parametrize("contact", [1.0, 0.95, 0.7, 0.3])
def test_contact_and_voids_at_the_anode(axis, anode, contact):
    cell = anode_with_voids(
        shaped(axis, 40), SPACING, contact=contact, depth=4, pieces=3, axis=axis, anode=anode
    )
    found = interface(cell.labels, axis=axis, anode=anode)
    truth = {item.quantity: item.value for item in cell.truth}
    assert found.contact_fraction == pytest.approx(truth["anode_contact_fraction"])
    assert found.contact_fraction == pytest.approx(contact, abs=0.001)
    assert len(found.voids) == (truth["anode_void_count"] if contact < 1 else 0)
    assert found.voids.volume_um3.sum() == pytest.approx(truth["anode_void_volume"])
    states = {1.0: "stable", 0.95: "stable", 0.7: "transition", 0.3: "contact failure"}
    assert found.state == states[contact]
    assert found.electrolyte_texture.ra_um == pytest.approx(0, abs=1e-9)


def test_voids_that_grow_go_through_the_states():
    states, shares = [], []
    for contact in (0.97, 0.92, 0.8, 0.6, 0.4):
        cell = anode_with_voids((30, 40, 40), SPACING, contact=contact, depth=3)
        found = interface(cell.labels, states=(0.9, 0.5))
        states.append(found.state)
        shares.append(found.void_um)
    assert states == ["stable", "stable", "transition", "transition", "contact failure"]
    assert shares == sorted(shares)
    assert interface(cell.labels, states=(0.3, 0.1)).state == "stable"


def test_charge_roughness_and_buried_voids():
    labels = np.ones((60, 64, 64), np.uint8)
    y = np.arange(64)
    wave = np.rint(30 + 6 * np.cos(2 * np.pi * y / 32)).astype(int)
    labels[
        np.broadcast_to(np.arange(60)[:, None] < wave, (60, 64))[:, :, None] & np.ones(64, bool)
    ] = 3
    labels[4:8, 10:20, 10:20] = 0
    long = interface(labels, (0.1, 0.1, 0.1), cutoff=0.8, charge=0.6).lithium_texture
    short = interface(labels, (0.1, 0.1, 0.1), cutoff=30.0).lithium_texture
    rms = 0.6 / np.sqrt(2)
    assert long.wq_um == pytest.approx(rms, rel=0.1)  # the wave is 4 cutoffs long
    assert long.rq_um < 0.1 * rms
    assert short.rq_um == pytest.approx(rms, rel=0.1)
    found = interface(labels, (0.1, 0.1, 0.1), charge=0.6)
    assert found.lithium_expected_um == pytest.approx(0.6 * 4.85, rel=0.001)  # 4.85 µm per mAh/cm²
    assert found.buried_um == pytest.approx(4 * 100 * 0.1 / 64**2)
    assert found.lithium_share == pytest.approx((3.0 - found.buried_um) / 2.91, rel=0.01)


def test_lazy_labels_give_the_same():
    cell = filament_cell((60, 41, 43), SPACING, share=0.5, dead=1)
    lazy = da.from_array(cell.labels, chunks=(20, 20, 20))
    pd.testing.assert_frame_equal(lithium(cell.labels).filaments, lithium(lazy).filaments)


def test_what_cannot_be_measured_is_said():
    cell = filament_cell((60, 41, 43), SPACING, share=0.5)
    with pytest.raises(InputDataError, match="no end 'top'"):
        lithium(cell.labels, anode="top")
    with pytest.raises(InputDataError, match="no axis"):
        interface(cell.labels, axis="w")
    with pytest.raises(InputDataError, match="the cracks are"):
        lithium(cell.labels, cracks=np.zeros((3, 3, 3), np.int32))
    with pytest.raises(InputDataError, match="states begin"):
        interface(cell.labels, states=(0.5, 0.9))
    with pytest.raises(PhaseMissingError, match="role 'lithium'"):
        measure.anode_interface(cell.labels, SPACING, {1: "electrolyte", 2: "active", 3: "other"})
    upside = lambda: lithium(cell.labels[::-1][:20])  # noqa: E731 - electrolyte only after the cathode
    with pytest.raises((InputDataError, PhaseMissingError)):
        upside()


@pytest.mark.parametrize("shape", [(6, 1, 5), (6, 1, 1), (6, 3, 1)])
def test_degenerate_volumes(shape):
    labels = np.ones(shape, np.uint8)
    labels[:2] = 3
    found = lithium(labels)
    assert (len(found.filaments), found.depth_um, found.short) == (0, 0.0, False)
    assert interface(labels).contact_fraction == 1
