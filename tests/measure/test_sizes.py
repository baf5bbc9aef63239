"""The verbs for sizes: NumPy or Dask in, tables out, absent phases told."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo import measure
from ssbtomo.errors import PhaseMissingError


@pytest.fixture
def labels():
    z, y, x = np.ogrid[:30, :30, :60]
    found = np.zeros((30, 30, 60), dtype=np.uint8)
    for centre, radius in ((12, 10), (30, 9), (60, 8)):
        found[(z - 14.5) ** 2 + (y - 14.5) ** 2 + (x + 0.5 - centre) ** 2 <= radius**2] = 2
    return found


def test_particles_have_a_table_and_labels(labels):
    found = measure.particles(labels, (0.5, 0.5, 0.5), 2)
    assert len(found.table) == found.labels.max() == 3
    assert found.table["touches_border"].tolist() == [False, False, True]
    assert found.diameter(100) == pytest.approx(10, rel=0.02)  # less the cap cut off
    assert found.diameter(50, by="number", whole=True) == pytest.approx(9, rel=0.02)
    assert found.diameter(0, by="number") < 8  # half a sphere at the border reads small
    assert "3 (1 cut by the border)" in repr(found)


def test_sizes_are_a_distribution(labels):
    found = measure.size_distribution(labels, (0.5, 0.5, 0.5), 2)
    assert 0 < found.d10 <= found.d50 <= found.d90 <= found.diameter_um[-1]
    assert found.d90 == pytest.approx(10, abs=0.8)  # a voxel and a half


def test_dask_arrays_are_read(labels):
    da = pytest.importorskip("dask.array")
    lazy = da.from_array(labels, chunks=16)
    one = measure.particles(lazy, (1, 1, 1), 2).table
    other = measure.particles(labels, (1, 1, 1), 2).table
    assert one.equals(other)


@pytest.mark.parametrize("verb", [measure.particles, measure.size_distribution])
def test_absent_phase_is_an_error(labels, verb):
    with pytest.raises(PhaseMissingError, match="phase 7 does not occur"):
        verb(labels, (1, 1, 1), 7)
