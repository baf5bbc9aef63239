"""Lines where sheets meet: rows of known length, direction and kind."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.kernels.crack_facets import connected, contacts
from ssbtomo.kernels.crack_lines import Surface, line_rows
from ssbtomo.kernels.crack_points import crack_points

SHAPE = (30, 30, 30)


def planes_at_right_angles(*, above: bool, beside: bool):
    """Draw a plane (facet 0) and one that stands on it (1), which go on behind the line or do not."""
    first = np.zeros(SHAPE, dtype=bool)
    second = np.zeros(SHAPE, dtype=bool)
    first[15, 5:25, 5 if beside else 15 : 25] = True
    second[5 if above else 16 : 25, 5:25, 15] = True
    second &= ~first
    places = np.flatnonzero((first | second).ravel())
    points = crack_points(places, SHAPE, (0.5, 0.5, 0.5))
    facets = second.ravel()[places].astype(np.int32)
    normals = np.where(facets[:, None] == 0, [[1.0, 0, 0]], [[0, 0, 1.0]]).astype(np.float32)
    reach = np.full(places.size, 1.0, dtype=np.float32)
    touching = contacts(points, (connected(points), facets), normals, reach)
    zero = np.zeros(places.size, dtype=np.float32)
    areas, widths = zero + 0.25, zero + 0.5
    return points, touching, facets, Surface(normals, zero, widths, areas)


@pytest.mark.parametrize(
    ("above", "beside", "kind"), [(True, True, "X"), (False, True, "T"), (False, False, "L")]
)
def test_two_sheets_meet_in_a_line(above, beside, kind):
    points, touching, facets, surface = planes_at_right_angles(above=above, beside=beside)
    sheets = np.array([0, 1], dtype=np.int32)
    lines, links = line_rows(points, touching, (facets, sheets), surface)
    assert lines["line"].tolist() == [1]
    assert lines["kind"].tolist() == [kind]
    # 20 voxels of half a micrometre; neighbours over corners put one contact beyond each end at most
    assert lines["length_um"][0] == pytest.approx(10, abs=0.5)
    way = [abs(lines[f"direction_{name}"][0]) for name in "zyx"]
    np.testing.assert_allclose(way, [0, 1, 0], atol=0.02)
    middle = [lines[f"{name}_um"][0] for name in "zyx"]
    np.testing.assert_allclose(middle, [7.75, 7.5, 7.75], atol=0.5)
    assert sorted(zip(links["line"].tolist(), links["facet"].tolist(), strict=True)) == [
        (1, 1), (1, 2),
    ]  # fmt: skip


def test_facets_of_one_sheet_make_no_line():
    points, touching, facets, surface = planes_at_right_angles(above=True, beside=True)
    one = np.zeros(2, dtype=np.int32)
    lines, links = line_rows(points, touching, (facets, one), surface)
    assert lines["line"].size == lines["length_um"].size == links["facet"].size == 0
