"""Local thickness: a direct painting of spheres is the oracle, then known shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ssbtomo.errors import CancelledError, InputDataError, PhaseMissingError
from ssbtomo.kernels.distance import distance_in_edges
from ssbtomo.kernels.thickness import default_radii, size_distribution, thickness_classes

UNIT = (1.0, 1.0, 1.0)


def ball(radius, offset=0.0, spacing=UNIT):
    counts = [int((2 * radius + 8) / edge) for edge in spacing]
    z, y, x = (
        (np.arange(n) + 0.5 - n / 2 + offset) * e for n, e in zip(counts, spacing, strict=True)
    )
    return z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= radius**2


def painted(distances, spacing, radii):
    """Paint every sphere on every voxel that it covers: slow and plain."""
    steps = np.asarray(spacing) / min(spacing)
    places = np.stack(np.indices(distances.shape), axis=-1) * steps
    classes = np.zeros(distances.shape, dtype=np.uint8)
    for index, radius in enumerate(radii):
        for centre in np.argwhere(distances >= radius):
            gaps = np.sqrt(((places - centre * steps) ** 2).sum(axis=-1)).astype(np.float32)
            classes[gaps < radius] = index + 1
    return classes


@settings(max_examples=20)
@given(
    hnp.arrays(np.bool_, (5, 6, 7), elements=st.sampled_from([True, True, True, True, False])),
    st.sampled_from([UNIT, (2.0, 1.0, 1.0)]),
)
def test_classes_are_those_of_painted_spheres(mask, spacing):
    if mask.all() or not mask.any():
        return
    distances, _ = distance_in_edges(mask, spacing)
    radii = default_radii(float(distances.max()), count=4)
    found = thickness_classes(distances, spacing, radii)
    np.testing.assert_array_equal(found, painted(distances, spacing, radii))


# The centre of the largest sphere must be a voxel centre, which is up to 0.87 voxels from
# that of the ball: the diameter reads up to 1.5 voxels low; never more than half a voxel high.
@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("radius", [6.0, 10.0, 16.0])
def test_sphere_has_its_diameter(radius, offset):
    found = size_distribution(ball(radius, offset), UNIT)
    assert 2 * radius - 1.7 <= found.d50 <= 2 * radius + 0.5
    assert found.d10 <= found.d50 <= found.d90


def test_sphere_on_flat_voxels_has_its_diameter():
    found = size_distribution(ball(10.0, spacing=(2.0, 1.0, 1.0)), (2.0, 1.0, 1.0))
    assert found.d50 == pytest.approx(20, abs=2.2)  # as above, with one edge of 2


@pytest.mark.parametrize("width", [1, 2, 3, 4, 7])
def test_flat_gap_reads_its_width_or_one_more(width):
    mask = np.zeros((20, 12, 12), dtype=bool)
    mask[5 : 5 + width] = True
    found = size_distribution(mask, (0.5, 0.5, 0.5))
    expected = 0.5 * (width + width % 2)
    assert (found.d10, found.d90, found.mean) == pytest.approx((expected,) * 3)


def test_two_sizes_share_the_volume():
    mask = np.zeros((40, 40, 60), dtype=bool)
    mask[4:36, 4:36, 4:36] |= ball(12.0)
    small = ball(4.0)
    mask[10:26, 10:26, 40:56] |= small
    found = size_distribution(mask, UNIT)
    finer = np.interp(12.0, found.diameter_um[:-1], found.volume_fraction[:-1])
    # The large sphere's surface roughness counts as finer for up to a tenth of its volume.
    assert small.sum() / mask.sum() <= finer <= small.sum() / mask.sum() + 0.1


def test_stated_radii_are_kept():
    found = size_distribution(ball(6.0), UNIT, radii=[4, 2, 1, 3])
    np.testing.assert_array_equal(found.diameter_um, [2, 4, 6, 8, 8])
    assert found.volume_fraction[-1] == 1.0
    assert np.all(np.diff(found.volume_fraction) >= 0)


def test_sizes_that_do_not_exist_are_errors():
    with pytest.raises(PhaseMissingError, match="no voxel"):
        size_distribution(np.zeros((3, 3, 3), dtype=bool), UNIT)
    with pytest.raises(InputDataError, match="fills the whole volume"):
        size_distribution(np.ones((3, 3, 3), dtype=bool), UNIT)
    with pytest.raises(InputDataError, match="radii"):
        size_distribution(ball(2.0), UNIT, radii=[1, -1])


def test_work_can_be_watched_and_stopped():
    told = []
    size_distribution(ball(4.0), UNIT, progress=lambda done, total: told.append((done, total)))
    assert told == [(k, 14) for k in range(1, 15)]
    with pytest.raises(CancelledError):
        size_distribution(ball(4.0), UNIT, cancelled=lambda: True)
