"""Measuring a labels layer: known answers, voxel sizes asked for, problems in words."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_ssbtomo.controllers.measuring import measure, request_for
from napari_ssbtomo.controllers.phases import layer_phases
from napari_ssbtomo.controllers.results_opening import results_layers
from napari_ssbtomo.controllers.tabling import save_csv, shown
from napari_ssbtomo.controllers.voxels import labels_spacing, parse_spacing
from ssbtomo.errors import SsbtomoError
from ssbtomo.results import Measurement, table


@pytest.fixture
def phases(results):
    data, meta, _ = results_layers(results.path)[1]
    return Labels(data, **meta)


def outcome_of(request):
    steps = measure(request)
    told = []
    try:
        while True:
            told.append(next(steps))
    except StopIteration as end:
        return told, end.value


def values(outcome, quantity):
    return {row.subject: row.value for row in outcome.measurements if row.quantity == quantity}


def test_layers_along_z_have_known_fractions_areas_and_tortuosity(phases, tiny):
    wanted = {"tortuosity": "active", "axis": "y"}
    told, outcome = outcome_of(request_for(phases, **wanted))
    assert outcome.problem == ""
    assert told == ["volume fractions", "contact areas", "tortuosity of active along y"]
    fractions = values(outcome, "volume_fraction")
    assert fractions == pytest.approx({"void": 1 / 3, "electrolyte": 1 / 3, "active": 1 / 3})
    # two flat interfaces normal to z; the estimator may lose a voxel's share at the border
    face = tiny.labels[0].size * tiny.spacing[1] * tiny.spacing[2]
    areas = values(outcome, "contact_area")
    assert areas["void|electrolyte"] == pytest.approx(face, rel=0.05)
    assert areas["electrolyte|active"] == pytest.approx(face, rel=0.05)
    assert values(outcome, "tortuosity_factor")["active"] == pytest.approx(1, rel=1e-6)


def test_numpy_labels_of_other_origin_are_measured(tiny):
    layer = Labels(tiny.labels, scale=(100, 50, 50), units=("nm",) * 3)
    assert labels_spacing(layer) == pytest.approx(tiny.spacing)
    _, outcome = outcome_of(request_for(layer, areas=False))
    assert values(outcome, "volume_fraction") == pytest.approx(
        {"label 0": 1 / 3, "label 1": 1 / 3, "label 2": 1 / 3}
    )


def test_a_layer_in_pixels_asks_for_its_voxel_size(tiny):
    layer = Labels(tiny.labels)
    with pytest.raises(SsbtomoError, match="does not tell its voxel size"):
        request_for(layer)
    assert request_for(layer, "100 nm, 50 nm, 0.05 um").spacing == pytest.approx(tiny.spacing)
    assert request_for(layer, areas=False).spacing is None  # shares need no length


@pytest.mark.parametrize("text", ["50 nm", "50, 50, 50", "50 nm, 50 nm, -50 nm", "a, b, c"])
def test_a_bad_voxel_size_is_refused(text):
    with pytest.raises(SsbtomoError):
        parse_spacing(text)


def test_a_layer_with_other_axes_is_refused():
    with pytest.raises(SsbtomoError, match="2 axes"):
        request_for(Labels(np.ones((4, 4), np.uint8)))


def test_no_layer_is_explained():
    with pytest.raises(SsbtomoError, match="no labels layer"):
        request_for(None)


def test_nothing_asked_for_is_explained(phases):
    _, outcome = outcome_of(request_for(phases, fractions=False, areas=False))
    assert "nothing was asked for" in outcome.problem


def test_a_phase_that_is_absent_is_a_problem_in_words(phases):
    phases.metadata["ssbtomo"]["phases"]["lithium"] = 9
    request = request_for(phases, fractions=False, areas=False, tortuosity="lithium")
    _, outcome = outcome_of(request)
    assert outcome.problem
    assert "internal error" not in outcome.problem


def test_phases_come_from_the_metadata_or_the_voxels(phases, tiny):
    assert layer_phases(phases) == {"void": 0, "electrolyte": 1, "active": 2}
    assert layer_phases(Labels(tiny.labels)) == {"label 0": 0, "label 1": 1, "label 2": 2}


def test_a_table_is_shown_in_four_digits_and_saved_with_all(tmp_path):
    frame = table(
        [
            Measurement("contact_area", "void|active", 1 / 3, "um^2", "normals", low=0.3, high=0.4),
            Measurement("tortuosity_factor", "void", float("inf"), "1", "finite volumes", "z"),
        ]
    )
    columns = shown(frame)
    assert columns["value"] == ["0.3333 µm²", "inf\u2060"]  # the joiner has no width
    assert columns["range"] == ["0.3 – 0.4", ""]
    assert columns["subject"][0] == "void | active"
    assert columns["quantity"] == ["contact area", "tortuosity factor, z"]
    assert "warnings" not in columns
    assert "0.3333333333333333" in save_csv(frame, tmp_path / "table").read_text()
    with pytest.raises(SsbtomoError, match="cannot be written"):
        save_csv(frame, tmp_path / "nowhere" / "table.csv")
