"""The public verbs: estimators of other programs, intrinsic volumes, areas from fractions."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from ssbtomo import measure
from ssbtomo.errors import AxisError, InputDataError, PhaseMissingError

SPACING = (0.1, 0.1, 0.1)
PHASES = {"void": 0, "electrolyte": 1, "active": 2}


@pytest.fixture(scope="module")
def layers():
    """Three layers of 8 slices, of 20 by 20 voxels."""
    return np.repeat([0, 1, 2], 8).astype(np.uint8)[:, None, None] * np.ones((1, 20, 20), np.uint8)


@pytest.fixture(scope="module")
def corner():
    """Three phases that meet along a straight line of 10 voxels."""
    labels = np.zeros((10, 12, 12), np.uint8)
    labels[:, 6:] = 1
    labels[:, 6:, 6:] = 2
    return labels


@pytest.mark.parametrize(
    ("estimator", "area"),
    [("cc3d", 4.0), ("faces", 4.0), ("matbox", 8 / 3), ("openimpala", 8 / 3), ("taufactor", 400)],
)
def test_a_flat_contact_by_each_definition(layers, estimator, area):
    table = measure.contact_areas(layers, SPACING, estimator, PHASES)
    assert table["area_um2"].tolist() == pytest.approx([area, 0, area])
    density = table["area_per_volume_um2_um3"]
    assert density.tolist() == pytest.approx([area / 9.6, 0, area / 9.6])


def test_porespy_by_name(layers):
    pytest.importorskip("skimage")
    table = measure.contact_areas(layers, SPACING, "porespy", PHASES)
    # Walls at the end of the volume, rounded edges, and half a voxel less on either side.
    assert table["area_um2"].iloc[0] == pytest.approx(4.0, rel=0.1)
    assert table["area_um2"].iloc[1] == 0


def test_surfaces_by_two_definitions(layers):
    table = measure.surface_areas(layers, SPACING, "taufactor", PHASES)
    assert table["phase"].tolist() == list(PHASES)
    assert table["area_um2"].tolist() == pytest.approx([4, 8, 4], rel=1e-3)
    pytest.importorskip("skimage")
    walls = measure.surface_areas(layers, SPACING, "porespy", PHASES)
    assert walls["area_um2"].iloc[0] == pytest.approx(2 * 4 + 4 * 2 * 0.8, rel=0.1)
    with pytest.raises(InputDataError, match="no surface estimator"):
        measure.surface_areas(layers, SPACING, "mesh")  # type: ignore[arg-type]


def test_triple_lines_by_each_definition(corner):
    line = measure.triple_lines(corner, SPACING, PHASES)
    assert line["length_um"].tolist() == pytest.approx([1.0])
    matbox = measure.triple_lines(corner, SPACING, PHASES, estimator="matbox")
    assert matbox["length_um"].tolist() == pytest.approx([1 / 1.455])
    share = measure.triple_lines(corner, SPACING, PHASES, estimator="taufactor")
    assert list(share.columns) == ["phase_a", "phase_b", "phase_c", "edge_share"]
    assert share["edge_share"].tolist() == pytest.approx([10 / (10 * 11 * 11 + 2 * 12 * 9 * 11)])
    with pytest.raises(InputDataError, match="no line estimator"):
        measure.triple_lines(corner, SPACING, PHASES, estimator="edges")  # type: ignore[arg-type]


def test_long_voxels_have_no_definition(layers):
    for estimator in ("matbox", "openimpala"):
        with pytest.raises(InputDataError, match="cubes only"):
            measure.contact_areas(layers, (0.1, 0.1, 0.2), estimator, PHASES)


def test_intrinsic_volumes_of_a_box():
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[4:12, 5:15, 6:16] = 1
    table = measure.intrinsic_volumes(labels, SPACING, {"box": 1, "matrix": 0})
    box = table.iloc[0]
    assert box["phase"] == "box"
    assert box["volume_um3"] == pytest.approx(0.8)
    assert box["volume_fraction"] == pytest.approx(0.1, rel=0.2)
    assert box["euler_number"] == 1
    # Pi times the sum of the three edges; slanted planes miss the corners of voxels, and the
    # edges read about one voxel too short.
    assert box["mean_curvature_um"] == pytest.approx(np.pi * (0.7 + 0.9 + 0.9), rel=0.03)
    # 13 directions see flat faces along the axes 7 % too small, and edges and corners less.
    assert 0.85 < box["area_um2"] / (2 * 1.0 + 4 * 0.8) < 0.93
    assert table.iloc[1]["euler_number"] == 2
    lazy = da.from_array(labels, chunks=(7, 20, 9))
    assert measure.intrinsic_volumes(lazy, SPACING, {"box": 1, "matrix": 0}).equals(table)


def test_soft_areas_of_three_layers():
    height = np.arange(30)[:, None, None] * np.ones((1, 12, 12))
    lower = 1 / (1 + np.exp((height - 9.3) / 0.6))
    upper = 1 / (1 + np.exp((20.7 - height) / 0.6))
    fractions = {"low": lower, "middle": 1 - lower - upper, "high": upper}
    table = measure.contact_areas_soft(fractions, SPACING)
    assert table["area_um2"].tolist() == pytest.approx([1.44, 0, 1.44], abs=0.01)
    lazy = {name: da.from_array(value, chunks=(11, 12, 5)) for name, value in fractions.items()}
    assert measure.contact_areas_soft(lazy, SPACING).equals(table)


def test_fractions_that_cannot_be_measured():
    good = np.zeros((6, 6, 6), np.float32)
    with pytest.raises(PhaseMissingError, match="2 different phases"):
        measure.contact_areas_soft({"a": good}, SPACING)
    with pytest.raises(AxisError, match="2 axes"):
        measure.contact_areas_soft({"a": good, "b": good[0]}, SPACING)
    with pytest.raises(InputDataError, match="int32"):
        measure.contact_areas_soft({"a": good, "b": good.astype(np.int32)}, SPACING)
    with pytest.raises(InputDataError, match="empty"):
        measure.contact_areas_soft({"a": good[:0], "b": good[:0]}, SPACING)
    with pytest.raises(InputDataError, match="one shape"):
        measure.contact_areas_soft({"a": good, "b": good[1:]}, SPACING)
