"""The public verbs: fractions, contact areas, triple lines, coverage, connectivity."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from ssbtomo import measure
from ssbtomo.blocks import Engine
from ssbtomo.errors import AxisError, InputDataError, PhaseMissingError, VoxelSizeError

SPACING = (0.1, 0.1, 0.1)
PHASES = {"void": 0, "electrolyte": 1, "active": 2}


def half_covered_balls() -> tuple[np.ndarray, np.ndarray]:
    """Two balls of active material, covered by 81 % and 31 % of electrolyte, else by void.

    The electrolyte fills what lies below a plane through each ball: the share of a sphere
    below height h is (1 + h / r) / 2.
    """
    labels = np.zeros((48, 48, 92), np.uint8)
    particles = np.zeros(labels.shape, np.int32)
    z, y, x = np.indices(labels.shape)
    for number, (centre, share) in enumerate([(22.3, 0.81), (68.7, 0.31)], start=1):
        half = (x < 46) if number == 1 else (x >= 46)
        height = 0.8 * (z - 23.4) + 0.6 * (y - 23.7)
        labels[half & (height < (2 * share - 1) * 17)] = 1
        inside = (z - 23.4) ** 2 + (y - 23.7) ** 2 + (x - centre) ** 2 < 17**2
        labels[inside], particles[inside] = 2, number
    return labels, particles


def test_volume_fractions():
    labels = np.zeros((10, 4, 5), np.uint8)
    labels[3:5] = 2
    table = measure.volume_fractions(labels, PHASES)
    assert table["phase"].tolist() == ["void", "electrolyte", "active"]
    assert table["volume_fraction"].tolist() == [0.8, 0.0, 0.2]
    assert measure.volume_fractions(labels)["label"].tolist() == [0, 2]


def test_contact_areas_of_layers():
    labels = np.repeat([0, 1, 2], 8).astype(np.uint8)[:, None, None] * np.ones(
        (1, 20, 20), np.uint8
    )
    table = measure.contact_areas(labels, SPACING, phases=PHASES)
    columns = ["phase_a", "phase_b", "area_um2", "area_per_volume_um2_um3"]
    assert list(table.columns) == [*columns, "crofton_um2", "disagrees"]
    assert table["area_um2"].tolist() == pytest.approx([4.0, 0.0, 4.0])
    assert table["area_per_volume_um2_um3"].tolist() == pytest.approx([1 / 2.4, 0.0, 1 / 2.4])
    # Crofton with 13 directions is 7.4 % too small on planes along the axes.
    assert table["disagrees"].tolist() == [True, False, True]
    faces = measure.contact_areas(labels, SPACING, "faces")
    assert list(faces.columns) == columns
    assert faces["area_um2"].tolist() == pytest.approx([4.0, 0.0, 4.0])
    crofton = measure.contact_areas(labels, SPACING, "crofton")
    assert crofton["area_um2"].iloc[0] == pytest.approx(4.0 * 0.926, rel=0.01)
    assert crofton["area_um2"].tolist() == table["crofton_um2"].tolist()


def test_lazy_labels_give_the_same_bits():
    labels = half_covered_balls()[0]
    lazy = da.from_array(labels, chunks=(20, 48, 31))
    for verb in (measure.contact_areas, measure.triple_lines):
        table = verb(labels, SPACING, phases=PHASES)
        assert verb(lazy, SPACING, phases=PHASES).equals(table)
        with Engine.start("threads", 2) as engine:
            assert verb(lazy, SPACING, phases=PHASES, engine=engine).equals(table)
    assert measure.connectivity(lazy, 1) == measure.connectivity(labels, 1)
    assert measure.volume_fractions(lazy).equals(measure.volume_fractions(labels))


def test_coverage_of_each_particle():
    labels, particles = half_covered_balls()
    table = measure.coverage(labels, SPACING, particles, active="active", phases=PHASES)
    by_electrolyte = table[table["phase"] == "electrolyte"]
    assert by_electrolyte["particle"].tolist() == [1, 2]
    # The goal is one percentage point.
    assert by_electrolyte["coverage"].tolist() == pytest.approx([0.81, 0.31], abs=0.01)
    assert table.groupby("particle")["coverage"].sum().tolist() == pytest.approx([1, 1])
    total = measure.coverage(labels, SPACING, active=2)
    assert total["coverage"].tolist() == pytest.approx([0.44, 0.56], abs=0.01)
    # Attributed to particles or not, it is the same surface.
    assert table["area_um2"].sum() == pytest.approx(total["area_um2"].sum(), rel=1e-9)


def test_a_particle_inside_its_phase_has_no_coverage():
    labels = np.full((12, 12, 12), 2, np.uint8)
    labels[8:] = 1
    particles = np.ones(labels.shape, int)
    particles[:3] = 2
    table = measure.coverage(labels, SPACING, particles, active=2)
    assert table["coverage"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("labels", "error", "match"),
    [
        (np.zeros((4, 4), np.uint8), AxisError, "2 axes"),
        (np.zeros((2, 3, 4, 5), np.uint8), AxisError, "4 axes"),
        (np.zeros((4, 4, 4)), InputDataError, "float64, not integers"),
        (np.zeros((4, 4, 4), complex), InputDataError, "not integers"),
        (np.zeros((0, 4, 4), np.uint8), InputDataError, "empty"),
        (np.zeros((4, 4, 4), np.uint8), PhaseMissingError, "2 different phases"),
    ],
)
def test_labels_that_cannot_be_measured(labels, error, match):
    with pytest.raises(error, match=match):
        measure.contact_areas(labels, SPACING)


def test_phases_that_cannot_be_measured():
    labels = np.zeros((6, 6, 6), np.uint8)
    labels[3:] = 1
    with pytest.raises(PhaseMissingError, match=r"'active' \(label 2\) does not occur"):
        measure.contact_areas(labels, SPACING, phases=PHASES)
    with pytest.raises(PhaseMissingError, match="label 7 does not occur"):
        measure.contact_areas(labels, SPACING, phases=[0, 7])
    with pytest.raises(PhaseMissingError, match="two names stand for one label"):
        measure.contact_areas(labels, SPACING, phases={"a": 0, "b": 0, "c": 1})
    with pytest.raises(PhaseMissingError, match="3 different phases"):
        measure.triple_lines(labels, SPACING)
    with pytest.raises(PhaseMissingError, match="none of"):
        measure.coverage(labels, SPACING, active="lithium")
    with pytest.raises(PhaseMissingError, match="label 5"):
        measure.connectivity(labels, 5)
    with pytest.raises(InputDataError, match="8 neighbours"):
        measure.connectivity(labels, 1, neighbours=8)  # type: ignore[arg-type]
    with pytest.raises(InputDataError, match="no area estimator 'mesh'"):
        measure.contact_areas(labels, SPACING, "mesh")  # type: ignore[arg-type]
    with pytest.raises(InputDataError, match="the particles are"):
        measure.coverage(labels, SPACING, labels[1:], active=1)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, -1.0, 1.0), (1.0, np.nan, 1.0), None])
def test_a_bad_spacing(spacing):
    with pytest.raises(VoxelSizeError):
        measure.contact_areas(np.zeros((4, 4, 4), np.uint8), spacing)
