"""The verb for cracks: table, labels and summary agree with each other and with the truth."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo import measure
from ssbtomo.errors import CancelledError, PhaseMissingError


@pytest.fixture
def labels():
    """A slab through the volume, a penny, and a round pore."""
    found = np.ones((40, 60, 60), dtype=np.uint8)
    z, y, x = np.ogrid[:40, :60, :60]
    found[5:8] = 0
    found[(abs(z - 20) <= 0.5) & ((y - 30) ** 2 + (x - 15) ** 2 <= 144)] = 0
    found[(z - 28) ** 2 + (y - 42) ** 2 + (x - 42) ** 2 <= 81] = 0
    return found


def test_summary_adds_up(labels):
    found = measure.cracks(labels, (0.1, 0.1, 0.1))
    assert found.summary.count == len(found.facets) == found.labels.max() == 2
    assert found.summary.spanning == ("y", "x")
    assert found.summary.unresolved == 1
    region = 4.0 * 6.0 * 6.0
    area = found.facets["area_um2"].sum()
    # The slab is exact; the rim of a penny one voxel wide costs up to 10 % of its area.
    assert area == pytest.approx(36 + np.pi * 1.2**2, rel=0.02)
    assert found.summary.area_per_volume_um2_um3 == pytest.approx(area / region)
    share = np.count_nonzero(found.labels) / labels.size
    assert found.summary.volume_fraction == pytest.approx(share)
    assert found.summary.aperture_mean_um == pytest.approx(share * region / area)
    assert "spanning y, x" in repr(found)


def test_dask_arrays_are_read(labels):
    da = pytest.importorskip("dask.array")
    lazy = measure.cracks(da.from_array(labels, chunks=32), (1, 1, 1))
    assert lazy.facets.equals(measure.cracks(labels, (1, 1, 1)).facets)


def test_no_crack_is_an_answer(labels):
    found = measure.cracks(np.where(labels == 0, 1, 0) * (np.arange(60) > 30), (1, 1, 1), phase=0)
    assert found.summary.count == 0
    assert found.summary.area_per_volume_um2_um3 == 0
    assert np.isnan(found.summary.aperture_mean_um)


def test_absent_phase_is_an_error(labels):
    with pytest.raises(PhaseMissingError, match="phase 3"):
        measure.cracks(labels, (1, 1, 1), phase=3)


def test_work_can_be_watched_and_stopped(labels):
    told = []
    measure.cracks(labels, (1, 1, 1), progress=lambda done, total: told.append((done, total)))
    assert told == [(k, 16) for k in range(1, 17)]  # one block, each pass after the distances
    for patience in (0, 9):
        asked = iter(range(100))
        with pytest.raises(CancelledError):
            measure.cracks(labels, (1, 1, 1), cancelled=lambda: next(asked) >= patience)  # noqa: B023
