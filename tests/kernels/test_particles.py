"""Particles: spheres that touch come apart, tables hold known numbers."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.errors import CancelledError, InputDataError
from ssbtomo.kernels.flooding import basins, renumber
from ssbtomo.kernels.particles import moments, particle_table, separate, weighted_percentile

UNIT = (1.0, 1.0, 1.0)


def ball(shape, centre, radius, spacing=UNIT):
    z, y, x = ((np.arange(n) + 0.5) * e - c for n, e, c in zip(shape, spacing, centre, strict=True))
    return z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= radius**2


@pytest.mark.parametrize(
    ("second", "gap", "pieces"),
    [(12, 22, 2), (12, 18, 2), (12, 8, 1), (8, 18, 2), (8, 10, 1)],
)
def test_spheres_are_cut_where_there_is_a_neck(second, gap, pieces):
    shape = (36, 36, 60)
    mask = ball(shape, (18, 18, 16), 12) | ball(shape, (18, 19, 16 + gap), second)
    assert separate(mask, UNIT).max() == pieces


def test_separated_spheres_keep_their_size():
    shape = (36, 36, 60)
    mask = ball(shape, (18, 18, 16), 12) | ball(shape, (18, 19, 37), 10)
    rows = particle_table(separate(mask, UNIT), UNIT)
    # The cap of one in the other is cut in the middle: less than 1 % of the diameter.
    assert rows["diameter_um"] == pytest.approx([24, 20], rel=0.01)
    assert rows["x_um"] == pytest.approx([16, 37], abs=0.3)
    assert not rows["touches_border"].any()


@pytest.mark.parametrize("axes", [(8, 8, 8), (6, 10, 24), (5, 20, 20)])
@pytest.mark.parametrize("spacing", [UNIT, (2.0, 1.0, 1.0)])
def test_one_ellipsoid_is_one_particle_with_its_axes(axes, spacing):
    shape = [int(60 / e) for e in spacing]
    z, y, x = ((np.arange(n) + 0.5) * e - 29.7 for n, e in zip(shape, spacing, strict=True))
    mask = (z[:, None, None] / axes[0]) ** 2 + (y[:, None] / axes[1]) ** 2 + (x / axes[2]) ** 2 <= 1
    labels = separate(mask, spacing)
    assert labels.max() == 1
    rows = particle_table(labels, spacing)
    found = [rows[f"{name}_um"][0] for name in ("short", "middle", "long")]
    # A third of the longest voxel edge: what digitisation does to the shortest axis.
    assert np.asarray(found) == pytest.approx(2 * np.sort(axes), abs=max(spacing) / 3)


def test_a_rod_at_any_tilt_stays_whole():
    places = np.stack(np.meshgrid(*[np.arange(60) - 29.4] * 3, indexing="ij"), axis=-1)
    for tilt in ([1, 0, 0], [1, 1, 0], [1, 2, 3]):
        along = places @ (np.asarray(tilt) / np.linalg.norm(tilt))
        across = (places**2).sum(axis=-1) - along**2
        assert separate((abs(along) < 25) & (across <= 16), UNIT).max() == 1


def test_ids_follow_the_first_voxel():
    shape = (20, 20, 60)
    mask = np.logical_or.reduce([ball(shape, (10, 10, x), 6) for x in (10, 25, 48)])
    labels = separate(mask, UNIT)
    firsts = [np.flatnonzero(labels == k)[0] for k in range(1, labels.max() + 1)]
    assert firsts == sorted(firsts)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels > 0, mask)


def test_basins_obey_depth_and_neck():
    heights = np.array([3, 5, 4, 6, 2, 3, 0, 1], dtype=np.float32).reshape(1, 1, 8)
    assert basins(heights, UNIT, depth=0.5).ravel().tolist() == [1, 1, 2, 2, 2, 3, 0, 4]
    assert basins(heights, UNIT, depth=1.5).ravel().tolist() == [1, 1, 1, 1, 1, 1, 0, 2]
    assert basins(heights, UNIT, neck=0.75).ravel().tolist() == [1, 1, 1, 1, 1, 2, 0, 3]


def test_a_plateau_is_one_basin():
    heights = np.ones((4, 5, 6), dtype=np.float32)
    heights[1:3, 2, 2:4] = 0
    np.testing.assert_array_equal(basins(heights, UNIT), heights.astype(np.int32))


def test_many_basins_find_their_passes():
    rng = np.random.default_rng(3)
    heights = rng.random((12, 20, 20)).astype(np.float32) + 0.1
    assert basins(heights, UNIT).max() > 100  # more pairs than the table first has room for
    assert basins(heights, UNIT, depth=2.0).max() == 1


def test_labels_are_joined_and_dropped():
    labels = np.array([3, 0, 1, 2, 3], dtype=np.int32).reshape(1, 1, 5)
    assert renumber(labels, np.array([2, -1, 2], dtype=np.int64)) == 1
    assert labels.ravel().tolist() == [1, 0, 1, 0, 1]


def test_moments_skip_absent_labels():
    labels = np.zeros((2, 3, 4), dtype=np.uint16)
    labels[1, 2, 3] = 2
    rows = particle_table(labels, (1.0, 2.0, 3.0))
    assert rows["particle"].tolist() == [2]
    assert (rows["z_um"][0], rows["y_um"][0], rows["x_um"][0]) == (1.5, 5.0, 10.5)
    assert rows["volume_um3"][0] == 6.0
    assert [int(rows[f"{a}_{end}"][0]) for a in "zyx" for end in ("from", "to")] == [
        1,
        2,
        2,
        3,
        3,
        4,
    ]
    assert rows["touches_border"][0]
    assert moments(labels).touching()[1].tolist() == [False, True] * 3


def test_nothing_and_everything():
    empty = separate(np.zeros((3, 4, 5), dtype=bool), UNIT)
    assert empty.max() == 0
    assert particle_table(empty, UNIT)["particle"].size == 0
    assert separate(np.ones((3, 4, 5), dtype=bool), UNIT).min() == 1
    flat = np.zeros((1, 20, 30), dtype=bool)
    flat[0, 5:15, 5:25] = True
    assert not particle_table(separate(flat, UNIT), UNIT)["touches_border"].any()


def test_percentiles_follow_the_weights():
    sizes, volumes = [3.0, 1.0, 2.0], [8.0, 1.0, 1.0]
    assert [weighted_percentile(sizes, volumes, p) for p in (10, 20, 50, 100)] == [1, 2, 3, 3]
    assert weighted_percentile(sizes, None, 50) == 2
    assert np.isnan(weighted_percentile([], None, 50))


def test_bad_rules_are_told():
    mask = np.ones((2, 2, 2), dtype=bool)
    with pytest.raises(InputDataError, match="neck"):
        separate(mask, UNIT, neck=0)
    with pytest.raises(InputDataError, match="depth"):
        separate(mask, UNIT, depth=-1)
    with pytest.raises(CancelledError):
        separate(mask, UNIT, cancelled=lambda: True)
