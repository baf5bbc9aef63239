"""Train, segment and repair from their docks, in a real window that stays alive."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from ssbtomo.errors import InputDataError
from ssbtomo.segment import Corrections, segment_volume

pytestmark = [pytest.mark.gui]

SPACING = (0.02, 0.01, 0.01)
PHASES = ("void", "electrolyte", "active")
PLACE = {"scale": SPACING, "units": ("um",) * 3, "axis_labels": ("z", "y", "x")}
SLOW = 200_000  # ms: a machine that does other things too
PATIENCE = 20  # s: the work takes 30 s or more if it is not stopped; two on a machine at rest


@pytest.fixture
def grey(window, made):
    return window.add_image(made.image, name="scan", **PLACE)


def docked(window, name):
    return window.window.add_plugin_dock_widget("ssbtomo", name)[1]


@pytest.fixture
def train_dock(window, grey):
    return docked(window, "Annotate and train")


@pytest.fixture
def segment_dock(window, grey):
    return docked(window, "Segment by thresholds")


@pytest.fixture
def repair_dock(window, made):
    phases = {name: number for number, name in enumerate(PHASES)}
    known = {"ssbtomo": {"phases": phases, "part": "phases"}}
    window.add_labels(made.labels.astype(np.uint8), name="phases", metadata=known, **PLACE)
    return docked(window, "Repair labels")


def click(button):
    button.native.click()


def paint(window, layer, made, planes=(5, 12)):
    """Paint a few strokes of each phase, as a hand does."""
    rng = np.random.default_rng(0)
    for z in planes:
        window.dims.set_point(0, z * SPACING[0])
        for phase in range(3):
            spots = np.argwhere(made.labels[z] == phase)
            layer.selected_label = phase + 1
            for y, x in spots[rng.choice(len(spots), 10)]:
                layer.brush_size = 1
                layer.paint((z, int(y), int(x)), phase + 1)


def scribbled(window, dock, made, **how):
    click(dock.paint_button)
    layer = next(layer for layer in window.layers if layer.name.startswith("scribbles"))
    paint(window, layer, made, **how)
    return layer


def names(window):
    return [layer.name for layer in window.layers]


def test_three_docks_open_from_the_manifest(window):
    for name in ("Annotate and train", "Segment by thresholds", "Repair labels"):
        assert docked(window, name).native.isEnabled()


def test_painting_shows_the_slice_live(window, train_dock, made, qtbot):
    scribbled(window, train_dock, made)
    qtbot.waitUntil(lambda: "preview" in names(window), timeout=SLOW)
    layer = window.layers["preview"]
    assert layer.data.shape == (1, 40, 44)
    np.testing.assert_allclose(layer.translate, (12 * SPACING[0], 0, 0))
    assert (layer.data[0] == made.labels[12] + 1).mean() > 0.7  # thirty voxels were painted
    assert window.layers.selection.active.name.startswith("scribbles")
    window.dims.set_point(0, 5 * SPACING[0])
    qtbot.waitUntil(lambda: np.isclose(layer.translate[0], 5 * SPACING[0]), timeout=SLOW)
    train_dock.doubt.value = True
    qtbot.waitUntil(lambda: "uncertainty of the slice" in names(window), timeout=SLOW)
    train_dock.live.value = train_dock.doubt.value = False
    assert names(window) == ["scan", "scribbles: scan"]


def test_keys_choose_the_phase_in_the_window(window, train_dock, qtbot):
    click(train_dock.paint_button)
    layer = window.layers["scribbles: scan"]
    window.layers.selection.active = layer
    for key, label in (("3", 3), ("1", 1), ("2", 2)):
        window.window._qt_viewer.canvas._key_map_handler.press_key(key)
        assert (layer.selected_label, str(layer.mode)) == (label, "paint")
    layer.selected_label = 3  # in napari's own controls: the dock's buttons follow
    marked = [key for key, one in train_dock.brush._buttons.items() if one.native.isChecked()]
    assert marked == [3]


def test_a_forest_is_trained_scored_and_applied(window, train_dock, made, qtbot):
    scribbled(window, train_dock, made)
    train_dock.trees.value = 6
    click(train_dock.train_button)
    qtbot.waitUntil(lambda: train_dock.model is not None, timeout=SLOW)
    assert train_dock.scores.data.to_list()[0][0] == "void"
    assert "left-out" in train_dock.quality.value
    qtbot.waitUntil(lambda: train_dock.told.value.startswith("forest"), timeout=SLOW)
    click(train_dock.apply.button)
    assert "segmenting …" in names(window)
    qtbot.waitUntil(lambda: train_dock.apply.doing.value == "Done.", timeout=SLOW)
    phases = window.layers["phases: scan"]
    assert (np.asarray(phases.data) == made.labels).mean() > 0.8
    assert phases.metadata["ssbtomo"]["phases"] == {"void": 0, "electrolyte": 1, "active": 2}
    assert "segmenting …" not in names(window)
    assert window.layers.extent.units is not None  # the same for all, or napari drops them


@pytest.mark.alone
def test_applying_stops_within_two_seconds_and_goes_on(window, train_dock, made, qtbot, tmp_path):
    scribbled(window, train_dock, made)
    train_dock.trees.value = 6
    click(train_dock.train_button)
    qtbot.waitUntil(lambda: train_dock.model is not None, timeout=SLOW)
    from ssbtomo.blocks import classify as module

    real, slow = module._run, threading.Event()

    def waiting(block, **parts):
        slow.wait(10.0)
        return real(block, **parts)

    module._run = waiting
    try:
        train_dock.apply.folder.value = tmp_path
        click(train_dock.apply.button)
        qtbot.waitUntil(lambda: train_dock.apply.cancel_button.enabled, timeout=SLOW)
        qtbot.wait(300)
        begin = time.monotonic()
        click(train_dock.apply.cancel_button)
        qtbot.waitUntil(lambda: "Cancelled" in train_dock.apply.doing.value, timeout=SLOW)
        assert time.monotonic() - begin < PATIENCE
    finally:
        module._run = real
        slow.set()
    assert not list(tmp_path.glob("*.ome.zarr"))
    assert train_dock.apply.button.text == "Go on"
    click(train_dock.apply.button)
    qtbot.waitUntil(lambda: train_dock.apply.doing.value == "Done.", timeout=SLOW)
    assert {path.name for path in tmp_path.glob("*.ome.zarr")} >= {"phases.ome.zarr"}


def test_a_box_is_applied_where_it_lies(window, train_dock, made, qtbot):
    scribbled(window, train_dock, made)
    train_dock.trees.value = 4
    click(train_dock.train_button)
    qtbot.waitUntil(lambda: train_dock.model is not None, timeout=SLOW)
    train_dock.apply.box.value = "2:12, 5:40, 0:44"
    click(train_dock.apply.button)
    qtbot.waitUntil(lambda: train_dock.apply.doing.value == "Done.", timeout=SLOW)
    layer = window.layers["phases: scan"]
    np.testing.assert_allclose(layer.translate, (2 * 0.02, 5 * 0.01, 0))
    click(train_dock.apply.view_button)
    assert train_dock.apply.box.value.count(":") == 3


def test_the_next_uncertain_slice_is_shown(window, train_dock, made, qtbot):
    scribbled(window, train_dock, made)
    qtbot.waitUntil(lambda: "preview" in names(window), timeout=SLOW)
    click(train_dock.next_button)
    qtbot.waitUntil(lambda: "mean uncertainty" in train_dock.told.value, timeout=SLOW)
    index = round(window.dims.point[0] / SPACING[0])
    assert index not in (5, 12)


def test_a_model_is_saved_and_loaded(window, train_dock, made, qtbot, tmp_path):
    from ssbtomo.segment import TrainingSample, train

    sample = TrainingSample(made.image, made.scribbles(0.05), SPACING)
    train(sample, PHASES, trees=3).save(tmp_path / "m.ssbmodel")
    train_dock.load_model(tmp_path / "m.ssbmodel")
    qtbot.waitUntil(lambda: train_dock.model is not None, timeout=SLOW)
    assert train_dock.save_button.enabled
    (tmp_path / "bad.ssbmodel").write_text("text")
    train_dock.load_model(tmp_path / "bad.ssbmodel")
    qtbot.waitUntil(lambda: "is no model file" in train_dock.messages.value, timeout=SLOW)


def test_training_without_labels_says_what_to_do(window, train_dock, made, qtbot):
    click(train_dock.train_button)
    assert "there are no scribbles" in train_dock.messages.value
    click(train_dock.paint_button)
    click(train_dock.train_button)
    qtbot.waitUntil(lambda: "has no labelled voxel" in train_dock.messages.value, timeout=SLOW)
    click(train_dock.apply.button)
    assert "there is no model to apply" in train_dock.messages.value
    train_dock.phases.value = "void"
    click(train_dock.paint_button)
    assert "1 phases are named" in train_dock.messages.value


def test_a_volume_without_a_voxel_size_is_asked_for_it(window, made, qtbot):
    window.add_image(made.image, name="bare")
    dock = docked(window, "Segment by thresholds")
    assert not dock.volume.voxel_size.native.isHidden()
    click(dock.find_button)
    assert "does not tell its voxel size" in dock.messages.value
    dock.volume.voxel_size.value = "20 nm, 10 nm, 10 nm"
    click(dock.find_button)
    qtbot.waitUntil(lambda: len(dock.histogram.thresholds) == 2, timeout=SLOW)


def test_a_worker_that_fails_is_told_and_the_window_lives_on(window, train_dock, made, qtbot, monkeypatch):  # fmt: skip
    def broken(*_args, **_options):
        raise KeyError("features")

    scribbled(window, train_dock, made)
    monkeypatch.setattr("ssbtomo.segment.training.train", broken)
    click(train_dock.train_button)
    qtbot.waitUntil(lambda: "internal error: KeyError" in train_dock.messages.value, timeout=SLOW)
    assert train_dock.train_button.enabled
    monkeypatch.undo()
    train_dock.trees.value = 3
    click(train_dock.train_button)
    qtbot.waitUntil(lambda: train_dock.model is not None, timeout=SLOW)


@pytest.mark.alone
def test_training_can_be_cancelled_at_any_time(window, train_dock, made, qtbot, monkeypatch):
    let_go = threading.Event()

    def long(*_args, **_options):
        let_go.wait(30)
        raise InputDataError("too late")

    scribbled(window, train_dock, made)
    monkeypatch.setattr("ssbtomo.segment.training.train", long)
    click(train_dock.train_button)
    qtbot.waitUntil(lambda: train_dock.cancel_button.enabled, timeout=SLOW)
    begin = time.monotonic()
    click(train_dock.cancel_button)
    qtbot.waitUntil(lambda: train_dock.told.value == "Cancelled.", timeout=SLOW)
    assert time.monotonic() - begin < PATIENCE
    let_go.set()


def test_thresholds_are_dragged_and_the_slice_follows(window, segment_dock, made, qtbot):
    from qtpy.QtCore import QPoint, Qt

    segment_dock.repair.value = False
    click(segment_dock.find_button)
    qtbot.waitUntil(lambda: "thresholds" in names(window), timeout=SLOW)
    view = segment_dock.histogram
    low, high = view.thresholds
    wanted = segment_volume(made.image, SPACING, 3, repair=False).labels + 1
    z = round(window.dims.point[0] / SPACING[0])
    np.testing.assert_array_equal(window.layers["thresholds"].data[0], wanted[z])
    begin = QPoint(round(view.place_of(high)), 40)
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=begin)
    qtbot.mouseMove(view, QPoint(begin.x() + 30, 40))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(begin.x() + 30, 40))
    assert view.thresholds[1] > high
    assert view.thresholds[0] == low
    before = int((wanted[z] == 3).sum())
    qtbot.waitUntil(
        lambda: int((window.layers["thresholds"].data == 3).sum()) < before, timeout=SLOW
    )
    view.shift(0, view.thresholds[1] + 10)  # neighbours do not pass each other
    assert view.thresholds[0] < view.thresholds[1]


def test_the_repair_is_seen_on_the_slice_and_applied(window, segment_dock, made, qtbot):
    click(segment_dock.find_button)
    qtbot.waitUntil(lambda: "repaired" in segment_dock.told.value, timeout=SLOW)
    thresholds = segment_dock.histogram.thresholds
    click(segment_dock.apply.button)
    qtbot.waitUntil(lambda: segment_dock.apply.doing.value == "Done.", timeout=SLOW)
    wanted = segment_volume(made.image, SPACING, 3, method="thresholds", thresholds=thresholds)
    np.testing.assert_array_equal(np.asarray(window.layers["phases: scan"].data), wanted.labels)


def test_a_constant_volume_has_no_thresholds(window, qtbot):
    window.add_image(np.ones((4, 5, 6), np.uint8), **PLACE)
    dock = docked(window, "Segment by thresholds")
    click(dock.apply.button)
    assert "there are no thresholds" in dock.messages.value
    click(dock.find_button)
    qtbot.waitUntil(lambda: "the image is constant" in dock.messages.value, timeout=SLOW)


def test_painted_corrections_are_saved_with_their_author(
    window, repair_dock, made, qtbot, tmp_path
):
    click(repair_dock.start_button)
    qtbot.waitUntil(lambda: "repair: phases" in names(window), timeout=SLOW)
    layer = window.layers["repair: phases"]
    assert not window.layers["phases"].visible
    layer.brush_size = 9
    layer.paint((10, 20, 20), 0)
    layer.paint((10, 20, 20), 2)
    repair_dock.file.value = tmp_path / "hand.zip"
    repair_dock.who.value = "ann"
    click(repair_dock.save_button)
    qtbot.waitUntil(lambda: "corrected voxels in hand.zip" in repair_dock.messages.value, timeout=SLOW)  # fmt: skip
    found = Corrections.load(tmp_path / "hand.zip")
    assert found.records[0].who == "ann"
    assert len(found) == np.count_nonzero(layer.data != made.labels) > 0
    click(repair_dock.save_button)
    qtbot.waitUntil(lambda: "nothing was painted" in repair_dock.messages.value, timeout=SLOW)


def test_what_cannot_be_repaired_is_told(window, made, qtbot):
    dock = docked(window, "Repair labels")
    click(dock.start_button)
    assert "there is no segmentation to correct" in dock.messages.value
    window.add_labels(made.labels.astype(np.uint8), name="bare", **PLACE)
    click(dock.start_button)
    assert "no finished segmentation with named phases" in dock.messages.value
    dock.save_recipe(made.image)  # nothing was painted: no path is looked at
    assert "there are no corrections" in dock.messages.value


def test_closing_a_dock_stops_its_work(window, train_dock, made, qtbot, monkeypatch):
    begun, stopped = threading.Event(), threading.Event()

    def waiting(request, hands):
        begun.set()
        if hands.cancel.wait(20):
            stopped.set()

    click(train_dock.paint_button)
    monkeypatch.setattr("napari_ssbtomo.widgets.train_dock.train_model", waiting)
    click(train_dock.train_button)
    qtbot.waitUntil(begun.is_set, timeout=SLOW)  # closed earlier, it does not begin
    window.window.remove_dock_widget(train_dock.native)
    qtbot.waitUntil(stopped.is_set, timeout=SLOW)
