"""Measuring a labels layer: known answers, voxel sizes asked for, problems in words."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_ssbtomo.controllers.measuring import MeasureOutcome, measure, request_for
from napari_ssbtomo.controllers.phases import found_phases, layer_phases
from napari_ssbtomo.controllers.regions import Box
from napari_ssbtomo.controllers.results_opening import results_layers
from napari_ssbtomo.controllers.tabling import save_csv, shown
from napari_ssbtomo.controllers.voxels import (
    give_voxel_size,
    labels_spacing,
    parse_spacing,
    without_voxel_size,
)
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


def test_a_box_of_a_lazy_layer_is_measured_alone(phases):
    box = Box((0, 0, 0), (8, 16, 20))
    _, outcome = outcome_of(request_for(phases, box=box, areas=False))
    shares = values(outcome, "volume_fraction")
    assert shares == pytest.approx({"void": 0.5, "electrolyte": 0.5, "active": 0})
    assert {row.sample for row in outcome.measurements} == {"phases, box"}


def test_lines_connections_and_particles_have_known_answers(tiny):
    labels = np.zeros((24, 24, 24), np.uint8)
    labels[:, 12:] = 1
    labels[:, 12:, 12:] = 2
    labels[4:10, 2:8, 2:8] = 3
    layer = Labels(labels, scale=(0.1,) * 3, units=("um",) * 3)
    wanted = {"fractions": False, "areas": False, "lines": True, "connected": True}
    _, outcome = outcome_of(
        request_for(layer, **wanted, tortuosity="label 3", particles=True, axis="y")
    )
    assert outcome.problem == ""  # label 3 spans nothing: its tortuosity is infinite
    lines = values(outcome, "triple_line_per_volume")
    assert lines["label 0|label 1|label 2"] == pytest.approx(2.4 / 2.4**3, rel=0.1)
    # 0 spans y below x = 12 only where 3 does not stand; 1 and 2 begin half-way
    assert values(outcome, "connected_fraction") == {
        "label 0": 0, "label 1": 0, "label 2": 0, "label 3": 0,
    }  # fmt: skip
    assert values(outcome, "tortuosity_factor") == {"label 3": np.inf}
    assert values(outcome, "particle_count") == {"label 3": 1}
    ball = 0.1 * np.cbrt(6 * 6**3 / np.pi)  # of the cube's volume
    assert values(outcome, "particle_diameter_d50")["label 3"] == pytest.approx(ball, rel=1e-6)


def test_ranges_come_from_the_segmentations_that_the_run_kept(results, tiny):
    thick = np.repeat(tiny.labels, 2, axis=0)  # 24 slices, 8 of each phase
    moved = {"down": thick.copy(), "up": thick.copy()}
    moved["down"][8:10] = 0
    moved["up"][6:8] = 1
    folder = results.path / "volumes" / "cathode"
    shapes = {"kind": "labels", "phases": {"void": 0, "electrolyte": 1, "active": 2}}
    tiny.store(folder / "phases.ome.zarr", thick, **shapes)
    for way, labels in moved.items():
        place = results.path / "work" / "cathode" / "variants" / f"threshold-1-{way}.ome.zarr"
        tiny.store(place, labels, kind="labels")
    names = ", ".join(f"{{name: {one}, role: {one}}}" for one in ("void", "electrolyte", "active"))
    (results.path / "recipe.yaml").write_text(
        f"sample: {{path: a.tif, name: cathode}}\nphases: [{names}]\nrange: {{shift: 0.05}}\n"
    )
    layers = {meta["name"]: (data, meta) for data, meta, _ in results_layers(results.path)}
    layer = Labels(layers["phases"][0], **layers["phases"][1])
    request = request_for(layer, areas=False, ranges=True)
    assert set(request.variants) == {"threshold 1 down", "threshold 1 up", "half resolution"}
    _, outcome = outcome_of(request)
    rows = {row.subject: row for row in outcome.measurements}
    assert rows["void"].low < 1 / 3 < rows["void"].high
    assert rows["active"].low == rows["active"].high == pytest.approx(1 / 3)  # never moved
    edited = Labels(np.array(thick), **{**layers["phases"][1], "multiscale": False})
    assert set(request_for(edited, areas=False, ranges=True).variants) == {"half resolution"}


def test_what_needs_more_memory_than_there_is_is_refused_at_once(tiny, monkeypatch):
    from types import SimpleNamespace

    import psutil

    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10_000))
    layer = Labels(tiny.labels, scale=tiny.spacing, units=("um",) * 3)
    told, outcome = outcome_of(request_for(layer, tortuosity="label 1"))
    assert told == []
    assert "GB of memory" in outcome.problem
    assert "measure a box" in outcome.problem


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Image(np.zeros((4, 5, 6), np.float32), name="grey"), "a layer of image, not of labels"),
        (Labels(np.zeros((4, 5, 6), np.uint8), name="empty"), "2 different phases are needed"),
        (Labels(np.arange(64).reshape(4, 4, 4), name="balls"), "64 labels: objects"),
    ],
)
def test_what_cannot_be_measured_is_explained(layer, said):
    try:
        outcome = outcome_of(request_for(layer, "1 um, 1 um, 1 um", fractions=False))[1]
    except SsbtomoError as error:
        outcome = MeasureOutcome(problem=str(error))
    assert said in outcome.problem


def test_phases_of_large_layers_are_not_searched_while_the_window_waits():
    plane = np.array([[0, 3]], np.uint8).repeat(64, 0).repeat(32, 1)
    large = np.broadcast_to(plane, (512, 64, 64))
    assert layer_phases(Labels(large)) == {}
    assert found_phases(large) == {"label 0": 0, "label 3": 3}


def test_one_voxel_size_is_given_to_layers_of_one_shape(tiny):
    layers = [Labels(tiny.labels), Labels(tiny.labels[:4])]
    assert without_voxel_size(layers) == layers
    with pytest.raises(SsbtomoError, match="different shapes"):
        give_voxel_size(layers, "1 um, 1 um, 1 um")
    assert give_voxel_size(layers[:1], "100 nm, 50 nm, 50 nm") == pytest.approx(tiny.spacing)
    assert without_voxel_size(layers) == layers[1:]
    with pytest.raises(SsbtomoError, match="no volume"):
        give_voxel_size([], "1 um, 1 um, 1 um")
