"""Cracks: pennies are found and measured, round pores, rods and noise are not cracks."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.blocks import SERIAL, Grid
from ssbtomo.blocks import cracks as blocks
from ssbtomo.blocks.cracks import CrackRules
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.sheets import planarity

UNIT = (1.0, 1.0, 1.0)
TILTS = [(1, 0, 0), (0, 1, 1), (1, 1, 1), (0.2, -0.9, 0.4)]


def split_cracks(mask, spacing, **rules):
    """The labels of the whole volume as one block."""
    found = blocks.split_cracks(
        mask, spacing, Grid(mask.shape, mask.shape), SERIAL,
        allocate=lambda _, dtype: np.full(mask.shape, 7, dtype), rules=CrackRules(**rules),
    )  # fmt: skip
    assert found.count == found.labels.max()
    return found.labels


def crack_table(labels, spacing):
    return blocks.crack_table(labels, spacing, Grid(labels.shape, labels.shape), SERIAL)


def grid(shape, spacing=UNIT, centre=(0.2, 0.3, 0.1)):
    z, y, x = (
        (np.arange(n) + 0.5 - n / 2) * e - c for n, e, c in zip(shape, spacing, centre, strict=True)
    )
    return z[:, None, None], y[:, None], x


def penny(tilt, width, radius=16, spacing=UNIT, room=10):
    normal = np.asarray(tilt, dtype=float) / np.linalg.norm(tilt)
    z, y, x = grid([int((2 * radius + room) / e) for e in spacing], spacing)
    off = normal[0] * z + normal[1] * y + normal[2] * x
    across = z**2 + y**2 + x**2 - off**2
    return (abs(off) <= width / 2) & (across <= radius**2), normal


def ellipsoid(axes, tilt=(1, 0, 0), spacing=UNIT, room=8):
    normal = np.asarray(tilt, dtype=float) / np.linalg.norm(tilt)
    long, short = max(axes), min(axes)
    z, y, x = grid([int((2 * long + room) / e) for e in spacing], spacing)
    off = normal[0] * z + normal[1] * y + normal[2] * x
    across = z**2 + y**2 + x**2 - off**2
    one, other = (short, long) if axes[0] == short else (long, short)
    return (off / one) ** 2 + across / other**2 <= 1


def normal_of(rows, row=0):
    return np.array([rows[f"normal_{axis}"][row] for axis in "zyx"])


def angle(one, other):
    return np.degrees(np.arccos(min(abs(float(one @ other)), 1.0)))


# Area: half a voxel at the rim of a disc 16 voxels in radius is 6 %, the rest digitisation.
# Aperture: the voxels of a plane are as thick as it is, give or take half a voxel.
@pytest.mark.parametrize("tilt", TILTS)
@pytest.mark.parametrize("width", [2, 4])
def test_penny_is_one_crack_with_its_numbers(tilt, width):
    mask, normal = penny(tilt, width)
    labels = split_cracks(mask, UNIT)
    assert labels.max() == 1
    assert (labels > 0).sum() >= 0.9 * mask.sum()
    rows = crack_table(labels, UNIT)
    assert rows["area_um2"][0] == pytest.approx(np.pi * 16**2, rel=0.08)
    assert rows["aperture_um"][0] == pytest.approx(width, abs=0.5)
    assert angle(normal_of(rows), normal) < 3
    assert rows["touches"][0] == ""
    assert rows["resolved"][0] == (rows["voxels_thick"][0] >= 3)


@pytest.mark.parametrize("tilt", TILTS)
def test_penny_one_voxel_wide_is_found(tilt):
    mask, normal = penny(tilt, 1)
    labels = split_cracks(mask, UNIT)
    assert labels.max() == 1
    assert (labels > 0).sum() >= 0.9 * mask.sum()
    rows = crack_table(labels, UNIT)
    assert angle(normal_of(rows), normal) < 3
    assert not rows["resolved"][0]


@pytest.mark.parametrize("tilt", [(1, 0, 0), (0, 1, 0), (1, 1, 1)])
def test_penny_on_flat_voxels(tilt):
    spacing = (2.0, 1.0, 1.0)
    mask, normal = penny(tilt, 4, spacing=spacing)
    rows = crack_table(split_cracks(mask, spacing), spacing)
    assert rows["area_um2"] == pytest.approx([np.pi * 16**2], rel=0.08)
    assert rows["aperture_um"] == pytest.approx([4], abs=1.0)  # half of the longest edge
    assert angle(normal_of(rows), normal) < 3


@pytest.mark.parametrize("radius", [2, 4, 6, 10, 16])
def test_spheres_are_not_cracks(radius):
    for centre in ((0, 0, 0), (0.2, 0.3, 0.1)):
        z, y, x = grid([2 * radius + 8] * 3, centre=centre)
        assert split_cracks(z**2 + y**2 + x**2 <= radius**2, UNIT).max() == 0


@pytest.mark.parametrize("axes", [(3, 6), (6, 3), (5, 10), (10, 5), (9, 18), (18, 9)])
@pytest.mark.parametrize("tilt", [(1, 0, 0), (1, 2, 3)])
def test_ellipsoids_to_two_are_not_cracks(axes, tilt):
    assert split_cracks(ellipsoid(axes, tilt), UNIT).max() == 0


@pytest.mark.parametrize("radius", [1.5, 3, 4.5])
def test_rods_are_not_cracks(radius):
    for tilt in ([1, 0, 0], [1, 2, 3]):
        normal = np.asarray(tilt) / np.linalg.norm(tilt)
        z, y, x = grid((50, 50, 50))
        along = normal[0] * z + normal[1] * y + normal[2] * x
        mask = (z**2 + y**2 + x**2 - along**2 <= radius**2) & (abs(along) < 24)
        assert split_cracks(mask, UNIT).max() == 0


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.6])
def test_noise_is_not_cracks(share):
    mask = np.random.default_rng(5).random((48, 48, 48)) < share
    assert split_cracks(mask, UNIT).max() == 0


@pytest.mark.parametrize("radius", [8, 12])
def test_crack_is_cut_from_its_pore(radius):
    mask, normal = penny((0.3, 1, 0.2), 2, radius=24)
    z, y, x = grid(mask.shape)
    pore = z**2 + (y - 3) ** 2 + (x - 18) ** 2 <= radius**2
    labels = split_cracks(mask | pore, UNIT)
    assert labels.max() == 1
    assert ((labels > 0) & pore).sum() <= 0.02 * pore.sum()  # its rim at the crack
    alone = mask & ~pore
    # A ring of up to 2.5 voxels around the pore is lost to it.
    assert ((labels > 0) & alone).sum() >= 0.85 * alone.sum()
    assert angle(normal_of(crack_table(labels, UNIT)), normal) < 3


def test_slab_spans_the_volume_and_says_what_it_touches():
    mask = np.zeros((30, 36, 40), dtype=bool)
    mask[12:15] = True
    rows = crack_table(split_cracks(mask, (0.1, 0.1, 0.1)), (0.1, 0.1, 0.1))
    assert rows["touches"][0] == "y-min+y-max+x-min+x-max"
    assert rows["area_um2"][0] == pytest.approx(3.6 * 4.0)  # faces of a plane are exact
    assert rows["aperture_um"][0] == pytest.approx(0.3)
    assert normal_of(rows).tolist() == pytest.approx([1, 0, 0])


def test_crossing_pennies_stay_together_and_keep_their_area():
    one, _ = penny((1, 0, 0), 2, radius=20)
    two, _ = penny((0, 1, 0), 2, radius=20)
    labels = split_cracks(one | two, UNIT)
    assert labels.max() == 1
    rows = crack_table(labels, UNIT)
    # At the crossing neither plane has sides: a band of a few voxels is lost.
    assert rows["area_um2"][0] == pytest.approx(2 * np.pi * 20**2, rel=0.12)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slice_has_cracks_too(axis):
    image = np.zeros((60, 70), dtype=bool)
    image[30:33, 10:60] = True
    rows = crack_table(split_cracks(np.expand_dims(image, axis), UNIT), UNIT)
    assert rows["area_um2"][0] == pytest.approx(50, rel=0.05)
    assert rows["aperture_um"][0] == pytest.approx(3, rel=0.05)
    round_pore = np.add.outer((np.arange(40) - 20) ** 2, (np.arange(40) - 20) ** 2) < 50
    assert split_cracks(np.expand_dims(round_pore, axis), UNIT).max() == 0


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 9), (3, 1, 9), (2, 40, 40)])
@pytest.mark.parametrize("value", [False, True])
def test_nothing_and_everything_hold_no_crack(shape, value):
    labels = split_cracks(np.full(shape, value), UNIT)
    assert labels.max() == 0
    assert all(column.size == 0 for column in crack_table(labels, UNIT).values())


def test_a_column_of_voxels_holds_no_crack():
    mask = np.zeros((1, 1, 30), dtype=bool)
    mask[0, 0, 10:12] = True
    assert split_cracks(mask, UNIT).max() == 0


def test_parts_change_nothing(monkeypatch):
    mask, _ = penny((0.3, 1, 0.2), 2, radius=24)
    whole_labels, whole = split_cracks(mask, UNIT), planarity(mask, UNIT)
    table = crack_table(whole_labels, UNIT)
    monkeypatch.setattr("ssbtomo.kernels.sheets._PART", 50_000)
    np.testing.assert_array_equal(planarity(mask, UNIT), whole)
    np.testing.assert_array_equal(split_cracks(mask, UNIT), whole_labels)
    for name, column in crack_table(whole_labels, UNIT).items():
        np.testing.assert_array_equal(column, table[name])


def test_planarity_tells_sheets_from_rods_and_balls():
    sheet, _ = penny((1, 1, 1), 2)
    assert np.median(planarity(sheet, UNIT)[sheet]) > 180
    pore = ellipsoid((6, 6))
    assert np.median(planarity(pore, UNIT)[pore]) < 90  # cracks begin at 100


def test_bad_rules_are_told():
    with pytest.raises(InputDataError, match="min_extent"):
        split_cracks(np.ones((2, 2, 2), dtype=bool), UNIT, min_extent=-1.0)
