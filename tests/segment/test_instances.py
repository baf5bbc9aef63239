"""Instances: known packings are counted, shapes are known, and the cut does not show."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssbtomo import errors, segment
from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.necks import neck_areas
from ssbtomo.segment.bench import Bench
from ssbtomo.testing.packing import pack

SPACING = (0.2, 0.2, 0.2)


def _balls(shape, centers, radii, spacing=(1.0, 1.0, 1.0)):
    grids = np.ogrid[tuple(slice(n) for n in shape)]
    mask = np.zeros(shape, bool)
    for center, radius in zip(centers, radii, strict=True):
        square = sum(
            ((g + 0.5) * d - c) ** 2 for g, d, c in zip(grids, spacing, center, strict=True)
        )
        mask |= square <= radius**2
    return mask


def _packing(seed, shape=(72, 72, 72), many=60):
    size = np.array(shape) * 0.2
    rng = np.random.default_rng(seed)
    found = pack(rng.uniform(2.6, 4.0, many), np.zeros(3), size, gap=0.6, contacts=0.3, rng=rng)
    return found, _balls(shape, found.centers, found.radii, SPACING)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_known_packing_is_counted(seed):
    packing, mask = _packing(seed)
    found = segment.instances(mask, SPACING)
    # 3 %: centres lie inside, but a cap at a corner may be less than a voxel of its ball
    assert len(found.table) == pytest.approx(len(packing.radii), rel=0.03, abs=1)
    places = np.floor(packing.centers / 0.2).astype(int).clip(0, 71)
    names = found.labels[tuple(places.T)]
    assert np.unique(names[names > 0]).size >= 0.97 * len(packing.radii)


def test_the_shape_of_an_ellipsoid_is_known():
    grids = np.ogrid[:56, :40, :40]
    axes = np.array([[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, 1]])
    moved = [
        sum(a * (g - c) for a, g, c in zip(row, grids, (27.5, 19.5, 19.5), strict=True))
        for row in axes
    ]
    mask = sum((m / r) ** 2 for m, r in zip(moved, (20, 10, 10), strict=True)) <= 1
    row = segment.instances(mask, SPACING).table.iloc[0]
    assert row.volume_um3 == pytest.approx(4 / 3 * math.pi * 2000 * 0.008, rel=0.01)
    assert row.long_um == pytest.approx(8.0, rel=0.01)
    np.testing.assert_allclose([row.long_z, row.long_y, row.long_x], [0.8, 0.6, 0], atol=0.01)
    eccentric = math.sqrt(1 - 0.25)
    area = 2 * math.pi * 100 * (1 + 2 / eccentric * math.asin(eccentric)) * 0.04
    assert row.area_um2 == pytest.approx(area, rel=0.02)  # the estimator's own error
    round_one = (36 * math.pi * row.volume_um3**2) ** (1 / 3)
    assert row.sphericity == pytest.approx(round_one / area, rel=0.02)
    assert not row.touches_border


def test_two_touching_balls_share_a_neck():
    mask = _balls((40, 40, 70), [(20, 20, 20), (20, 20, 46)], [14, 14])
    found = segment.instances(mask, (1.0, 1.0, 1.0), phases={"void": 0, "active": 1})
    assert len(found.table) == 2
    neck = math.pi * (14**2 - 12.5**2)  # through the centres of the voxels beside the sharp waist
    np.testing.assert_allclose(found.table["neck_um2"], neck, rtol=0.05)  # a disc of 120 pixels
    assert found.table["neighbours"].tolist() == [1, 1]
    shares = found.table["share_void"] + found.table["share_particles"]
    np.testing.assert_allclose(shares, 1)
    sphere_less_cap = 4 * math.pi * 14**2 - 2 * math.pi * 14 * 1 + neck
    np.testing.assert_allclose(found.table["area_um2"], sphere_less_cap, rtol=0.03)


def test_a_flat_neck_of_any_tilt_has_its_area():
    grids = np.ogrid[:40, :40, :40]
    for normal in ((1, 0, 0), (0.6, 0.8, 0), (0.48, 0.6, 0.64)):
        side = sum(a * (g - 19.5) for a, g in zip(normal, grids, strict=True))
        away = sum((g - 19.5) ** 2 for g in grids) - side**2
        inside = (away <= 15**2) & (np.abs(side) < 6)
        names = np.where(inside, np.where(side > 0, 2, 1), 0)
        found = neck_areas(names, (1.0, 1.0, 1.0), Grid((40,) * 3, (17, 40, 23)), SERIAL)
        # 4 %: the rim of a disc of 30 voxels is as rough as the voxels
        assert found.area_um2.tolist() == pytest.approx([math.pi * 15**2], rel=0.04)


@given(st.tuples(*[st.integers(9, 40)] * 3), st.integers(0, 50))
@settings(max_examples=3)
def test_any_cut_and_any_engine_give_the_same_instances(block, seed):
    _, mask = _packing(seed, (40, 36, 38), 14)
    whole = segment.instances(mask, (0.2, 0.25, 0.2))
    with Engine.start("threads", 2) as engine:
        for runner in (SERIAL, engine):
            bench = Bench(Grid(mask.shape, block), runner, lambda n, d: np.zeros(mask.shape, d))
            cut = segment.instances(mask, (0.2, 0.25, 0.2), bench=bench)
            np.testing.assert_array_equal(cut.labels, whole.labels)
            # areas are sums of floats per pair; all else is exact
            assert cut.table.equals(whole.table)


def test_depth_in_micrometres_decides_what_is_a_neck():
    mask = _balls((40, 40, 70), [(20, 20, 20), (20, 20, 40)], [14, 14])  # neck: 9.8 of 14
    assert len(segment.instances(mask, SPACING, depth=0.5).table) == 2
    assert len(segment.instances(mask, SPACING, depth=1.2).table) == 1
    assert len(segment.instances(mask, SPACING, neck=0.5).table) == 1


def test_what_is_no_phase_is_refused():
    with pytest.raises(errors.PhaseMissingError):
        segment.instances(np.zeros((4, 4, 4), np.uint8), SPACING)
    with pytest.raises(errors.InputDataError, match="integers"):
        segment.instances(np.zeros((4, 4, 4)), SPACING)
    with pytest.raises(errors.CancelledError):
        segment.instances(np.ones((4, 4, 4), bool), SPACING, cancelled=lambda: True)


def test_degenerate_volumes_have_a_table():
    table = segment.instances(np.ones((1, 4, 5), bool), SPACING).table
    assert len(table) == 1
    assert table["voxels"].iloc[0] == 20
    assert np.isnan(table["sphericity"].iloc[0])
