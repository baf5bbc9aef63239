"""Annotating, thresholds, applying and repairing, without a window."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from napari.components import ViewerModel
from napari.layers import Layer

from napari_ssbtomo.controllers.annotating import Annotations, bind_phase_keys, scribble_layer
from napari_ssbtomo.controllers.applying import (
    ApplyRequest,
    Growth,
    applied_layers,
    apply_request,
    box_around,
    parse_box,
)
from napari_ssbtomo.controllers.picking import (
    Pick,
    paint_colors,
    parse_phases,
    phases_of,
    pick_of,
    seen_slice,
)
from napari_ssbtomo.controllers.repairing import (
    begin_repair,
    default_file,
    repair_layer,
    save_repair,
)
from napari_ssbtomo.controllers.segment_recipe import (
    Origin,
    corrected_section,
    origin_of,
    save_recipe,
    save_scribbles,
    threshold_section,
    trained_section,
)
from napari_ssbtomo.controllers.thresholding import (
    check_thresholds,
    find_bars,
    repaired_slice,
    thresholded_slice,
)
from napari_ssbtomo.controllers.training import (
    Preview,
    TrainingRequest,
    load_model,
    score_lines,
    score_table,
    train_model,
    uncertain_slices,
)
from napari_ssbtomo.controllers.working import Hands, Work
from ssbtomo.errors import CancelledError, InputDataError, RecipeError, SsbtomoError
from ssbtomo.io import ome_zarr
from ssbtomo.model import load_recipe
from ssbtomo.segment import Corrections, TrainingSample, predict, segment_volume, train
from ssbtomo.testing import three_phase_volume

SPACING = (0.02, 0.01, 0.01)
PHASES = ("void", "electrolyte", "active")
PLACE = {"scale": SPACING, "units": ("um",) * 3, "axis_labels": ("z", "y", "x")}


@pytest.fixture(scope="module")
def made():
    return three_phase_volume((20, 40, 44), seed=3)


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def grey(viewer, made):
    return viewer.add_image(made.image, name="scan", **PLACE)


@pytest.fixture
def scribbles(viewer, grey, made):
    data, meta, _ = scribble_layer(grey, PHASES)
    data[:] = made.scribbles(0.05)
    return Annotations(viewer.add_labels(data, **meta), 3)


@pytest.fixture
def hands():
    return Hands(lambda *_: None, threading.Event())


def drained(steps):
    """Go through work; return how it ended."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value


def test_work_ends_with_its_value_and_tells_how_far_it_is():
    go_on = threading.Event()

    def task(hands):
        hands.tell("half", 1, 2)
        go_on.wait(10)
        return 7

    steps = Work(task).steps()
    told = next(steps)
    while told.what != "half":
        told = next(steps)
    assert (told.done, told.total) == (1, 2)
    go_on.set()
    assert drained(steps).value == 7


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (InputDataError("no labels", hint="paint"), "no labels\n  -> paint"),
        (MemoryError(), "the memory is full\n  -> choose a smaller box"),
        (KeyError("spacing"), "internal error: KeyError: 'spacing'"),
    ],
)
def test_work_that_fails_says_so(error, problem):
    def task(hands):
        raise error

    ended = Work(task).here()
    assert (ended.value, ended.problem) == (None, problem)


@pytest.mark.alone
def test_work_that_does_not_listen_is_left_alone_when_cancelled():
    work = Work(lambda hands: time.sleep(8))
    steps = work.steps()
    next(steps)
    begin = time.monotonic()
    work.cancel()
    assert drained(steps).cancelled
    assert time.monotonic() - begin < 6  # 1.5 s of patience, on a machine that may be slow


def test_phases_are_read_from_a_line_of_text():
    assert parse_phases(" void ,active,") == ("void", "active")
    for text in ("", "void", "void, void", "a,b,c,d,e,f,g"):
        with pytest.raises(InputDataError, match="two to 6 different ones"):
            parse_phases(text)


def test_colours_are_those_of_the_roles():
    assert paint_colors(["void", "grains"], {"grains": "active"}) == {
        "void": "#3a3a3a", "grains": "#e69f00",
    }  # fmt: skip


def test_the_recipe_of_a_layer_names_the_phases(tmp_path, viewer):
    file = tmp_path / "recipe.yaml"
    file.write_text("sample: {path: a.tif}\nphases: [{name: pores, role: void}, {name: rest}]\n")
    layer = viewer.add_image(np.zeros((2, 3, 4)), metadata={"ssbtomo": {"recipe": str(file)}})
    assert phases_of(layer) == ("pores, rest", {"pores": "void", "rest": "other"})
    assert phases_of(None)[0] == "void, electrolyte, active"


def test_what_is_no_volume_is_refused(viewer, made):
    with pytest.raises(SsbtomoError, match="there is no grey volume"):
        pick_of(None)
    with pytest.raises(SsbtomoError, match="holds labels, not grey values"):
        pick_of(viewer.add_labels(made.labels))
    with pytest.raises(SsbtomoError, match="has 2 axes; a grey volume has three"):
        pick_of(viewer.add_image(made.image[0]))
    bare = viewer.add_image(made.image)
    with pytest.raises(SsbtomoError, match="does not tell its voxel size"):
        pick_of(bare)
    assert pick_of(bare, "20 nm, 10 nm, 10 nm").spacing == pytest.approx(SPACING)


def test_the_slice_in_view_is_found(viewer, grey):
    viewer.dims.set_point(0, 7 * SPACING[0])
    assert seen_slice(viewer.dims, grey) == (0, 7)
    viewer.dims.order = (2, 0, 1)
    viewer.dims.set_point(2, 11 * SPACING[2])
    assert seen_slice(viewer.dims, grey) == (2, 11)
    viewer.dims.ndisplay = 3
    assert seen_slice(viewer.dims, grey) is None


def test_scribbles_lie_over_their_volume(scribbles, grey):
    layer = scribbles.layer
    assert layer.data.shape == grey.data.shape
    np.testing.assert_array_equal(layer.scale, grey.scale)
    assert layer.units == grey.units
    assert list(layer.features["phase"]) == list(PHASES)


def test_keys_choose_what_is_painted(scribbles):
    chosen = []
    bind_phase_keys(scribbles.layer, [1, 2, 3], chosen.append)
    for key, function in scribbles.layer.keymap.items():
        if str(key) == "2":
            function(scribbles.layer)
    assert (scribbles.layer.selected_label, str(scribbles.layer.mode), chosen) == (2, "paint", [2])


def test_marks_of_touched_slices_are_found_without_the_others(scribbles):
    everything = scribbles.layer.data
    scribbles.touch(0, 5)
    scribbles.touch(2, 9)
    marks = scribbles.marks()
    inside = np.zeros(everything.shape, bool)
    inside[5], inside[:, :, 9] = True, True
    wanted = np.argwhere((everything > 0) & inside)
    np.testing.assert_array_equal(marks.places, wanted)
    np.testing.assert_array_equal(marks.labels, everything[tuple(wanted.T)] - 1)
    assert len(scribbles.all_marks().labels) == np.count_nonzero(everything)
    assert scribbles.slices == {(0, int(z)) for z in np.argwhere(everything)[:, 0]} | {
        (0, 5),
        (2, 9),
    }


def test_the_search_for_marks_can_be_cancelled(scribbles):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CancelledError):
        scribbles.all_marks(cancel)
    assert not scribbles.slices


def test_a_preview_and_then_the_model_show_the_slice(made, scribbles):
    scribbles.all_marks()
    pick = Pick(made.image, SPACING, "scan")
    preview = Preview(pick)
    look = preview.look(0, 10, scribbles)
    assert (look.by, look.labels.shape) == ("preview", (1, 40, 44))
    assert (look.labels[0] == made.labels[10] + 1).mean() > 0.85
    model = train(TrainingSample(made.image, made.scribbles(0.05), SPACING), PHASES, trees=4)
    seen = preview.look(0, 10, scribbles, model)
    whole = predict(made.image, model, SPACING)
    np.testing.assert_array_equal(seen.labels, whole.labels[10:11] + 1)
    np.testing.assert_array_equal(seen.uncertainty, whole.entropy[10:11])
    assert preview.fits(pick, "default")
    assert not preview.fits(pick, "sheets")


def test_uncertain_slices_are_sorted_and_not_annotated(made, scribbles, hands):
    scribbles.touch(0, 4)
    scribbles.touch(0, 10)
    preview = Preview(Pick(made.image, SPACING))
    with pytest.raises(InputDataError, match="nothing was learnt yet"):
        uncertain_slices(preview, 0, scribbles, hands)
    preview.look(0, 4, scribbles)
    found = uncertain_slices(preview, 0, scribbles, hands)
    doubts = [doubt for _, doubt in found]
    assert doubts == sorted(doubts, reverse=True)
    assert not {4, 10} & {index for index, _ in found}
    hands.cancel.set()
    with pytest.raises(CancelledError):
        uncertain_slices(preview, 0, scribbles, hands)


def test_training_is_that_of_the_library(made, scribbles, hands, tmp_path):
    request = TrainingRequest(Pick(made.image, SPACING, "scan"), scribbles, PHASES, {"trees": 4})
    model = train_model(request, hands)
    same = train(TrainingSample(made.image, made.scribbles(0.05), SPACING), PHASES, trees=4)
    one, two = (m.save(tmp_path / n).read_bytes() for m, n in ((model, "a"), (same, "b")))
    assert one == two
    assert load_model(tmp_path / "a", ("active", "void", "electrolyte")).phases[0] == "active"
    table = score_table(model)
    assert table["phase"] == list(PHASES)
    assert all(0 < float(value) <= 1 for value in table["IoU, voxels"])
    assert "left-out slices" in score_lines(model)


def test_a_phase_without_labels_is_named(made, scribbles, hands):
    scribbles.layer.data[scribbles.layer.data == 2] = 0
    request = TrainingRequest(Pick(made.image, SPACING), scribbles, PHASES, {})
    with pytest.raises(InputDataError, match="no voxel is labelled as electrolyte"):
        train_model(request, hands)
    scribbles.layer.data[:] = 0
    with pytest.raises(InputDataError, match="has no labelled voxel"):
        train_model(request, hands)
    other = TrainingRequest(Pick(made.image[1:], SPACING), scribbles, PHASES, {})
    with pytest.raises(InputDataError, match=r"scribbles have \(20, 40, 44\) voxels, the volume"):
        train_model(other, hands)


def test_thresholds_begin_where_otsu_puts_them(made, hands):
    pick = Pick(made.image, SPACING)
    bars = find_bars(pick, 3, hands)
    plain = segment_volume(made.image, SPACING, 3, repair=False)
    assert bars.thresholds == plain.histogram_thresholds
    assert bars.low < bars.thresholds[0] < bars.thresholds[1] < bars.high
    found = thresholded_slice(pick, 1, 6, bars.thresholds)
    np.testing.assert_array_equal(found, plain.labels[:, 6:7] + 1)
    fine = repaired_slice(pick, 0, 6, bars.thresholds, hands)
    assert fine.shape == (1, 40, 44)
    right = [(part[0] == made.labels[6] + 1).mean() for part in (fine, plain.labels[6:7] + 1)]
    assert right[0] > right[1] - 0.02
    assert check_thresholds((1, 2), 3) == (1.0, 2.0)
    for values in ((1.0,), (2.0, 1.0), (1.0, 1.0)):
        with pytest.raises(InputDataError, match="3 phases need 2 rising thresholds"):
            check_thresholds(values, 3)


def test_boxes_are_read_and_made(viewer, grey):
    shape = (20, 40, 44)
    assert parse_box(" ", shape) is None
    assert parse_box("0:20, 4:40,1:44", shape) == (slice(0, 20), slice(4, 40), slice(1, 44))
    for text in ("0:20", "0:21, 0:40, 0:44", "5:5, 0:40, 0:44", "a, b, c"):
        with pytest.raises(InputDataError, match="three ranges inside the volume"):
            parse_box(text, shape)
    assert box_around(grey, [[7, -3, 5], [7, 12, 60]], [7, 0, 0], 10) == "2:12, 0:13, 5:44"


@pytest.mark.parametrize("box", [None, (slice(2, 18), slice(0, 33), slice(11, 44))])
def test_a_model_is_applied_and_grows(viewer, grey, made, hands, tmp_path, box):
    model = train(TrainingSample(made.image, made.scribbles(0.05), SPACING), PHASES, trees=4)
    pick = pick_of(grey)
    request = ApplyRequest(pick, PHASES, tmp_path, model, box=box, block=16)
    growth = Growth(request)
    shown = Layer.create(*growth.layer(grey))
    assert not shown.data.any()
    applied = apply_request(request, growth, hands)
    assert growth.fresh()
    assert not growth.fresh()
    wanted = predict(made.image, model, SPACING, window=box).labels
    np.testing.assert_array_equal(shown.data, wanted + 1)
    phases, doubt = (Layer.create(*data) for data in applied_layers(applied, request, grey))
    np.testing.assert_array_equal(np.asarray(phases.data), wanted)
    np.testing.assert_allclose(phases.translate, shown.translate)
    assert phases.units == doubt.units == grey.units
    if box is not None:
        np.testing.assert_allclose(phases.translate, np.multiply([2, 0, 11], SPACING))


def results_like(viewer, made, tmp_path, **about):
    labels = made.labels.astype(np.uint8)
    phases = {name: number for number, name in enumerate(PHASES)}
    known = {"ssbtomo": {"phases": phases, "part": "phases", **about}}
    return viewer.add_labels(labels, name="phases", metadata=known, **PLACE)


def test_what_is_painted_is_saved_with_its_story(viewer, made, hands, tmp_path):
    layer = results_like(viewer, made, tmp_path)
    box = (slice(2, 10), slice(5, 25), slice(0, 44))
    repair = begin_repair(layer, box, hands)
    painted = viewer.add_labels(*repair_layer(repair, layer)[:1], **repair_layer(repair, layer)[1])
    old = painted.data[3].copy()
    painted.data[3] = 2
    file = tmp_path / "c.zip"
    saved, again = save_repair(repair, file, "ann", hands)
    assert saved.voxels == np.count_nonzero(old != 2) == saved.total
    found = Corrections.load(file)
    assert found.shape == made.labels.shape
    assert found.places.min(0)[0] == 5
    np.testing.assert_array_equal(layer.data, made.labels)  # the segmentation itself stays
    with pytest.raises(InputDataError, match="nothing was painted"):
        save_repair(again, file, "ann", hands)
    painted.data[0, 0, 0] = 1 - min(int(painted.data[0, 0, 0]), 1)
    assert save_repair(again, file, "bob", hands)[0].voxels == 1
    assert [record.who for record in Corrections.load(file).records] == ["ann", "bob"]
    assert Corrections.load(file).records[1].box[0] == (2, 5, 0)


def test_a_repair_of_a_box_that_was_segmented_knows_the_whole(viewer, made, hands, tmp_path):
    part = SimpleNamespace(labels=made.labels[4:12])
    layer = results_like(viewer, part, tmp_path, start=[4, 0, 0], whole=[20, 40, 44])
    repair = begin_repair(layer, None, hands)
    repair.labels[1, 2, 3] = (repair.labels[1, 2, 3] + 1) % 3
    save_repair(repair, tmp_path / "c.zip", "ann", hands)
    found = Corrections.load(tmp_path / "c.zip")
    assert (found.shape, found.places.tolist()) == ((20, 40, 44), [[5, 2, 3]])


def test_repairs_that_cannot_be_are_explained(viewer, made, hands, tmp_path):
    with pytest.raises(SsbtomoError, match="there is no segmentation to correct"):
        begin_repair(None, None, hands)
    bare = viewer.add_labels(made.labels.astype(np.uint8))
    with pytest.raises(SsbtomoError, match="no finished segmentation with named phases"):
        begin_repair(bare, None, hands)
    repair = begin_repair(results_like(viewer, made, tmp_path), None, hands)
    repair.labels[0, 0, 0] = 9
    with pytest.raises(InputDataError, match="type your name"):
        save_repair(repair, tmp_path / "c.zip", " ", hands)
    with pytest.raises(InputDataError, match="label 9 was painted"):
        save_repair(repair, tmp_path / "c.zip", "ann", hands)
    Corrections((1, 2, 3)).save(tmp_path / "c.zip")
    with pytest.raises(InputDataError, match=r"made on \(1, 2, 3\) voxels"):
        save_repair(repair, tmp_path / "c.zip", "ann", hands)


def test_corrections_lie_beside_the_recipe_or_the_results(viewer, made, tmp_path):
    layer = results_like(viewer, made, tmp_path, results=str(tmp_path / "one-results"))
    assert default_file(layer) == tmp_path / "one-results.corrections.zip"
    layer.metadata["ssbtomo"] = {"recipe": str(tmp_path / "one.yaml")}
    assert default_file(layer) == tmp_path / "one.corrections.zip"


RECIPE = """\
# comment
samples:
  - {path: scans/a.tif, name: a, voxel_size: [20 nm, 10 nm, 10 nm]}
  - {path: scans/b.tif, name: b}
phases: [{name: void, role: void, value: 0}, {name: bulk, role: active, value: 3}]
segment: {smallest_object: 5}
"""


def test_a_recipe_takes_in_what_was_done(tmp_path):
    start = tmp_path / "start.yaml"
    start.write_text(RECIPE)
    origin = Origin(start, None, "b", None)
    target = tmp_path / "sub" / "new.yaml"
    save_recipe(origin, target, threshold_section([10, 20], repair=False), PHASES)
    recipe = load_recipe(target)
    one, two = recipe.samples
    assert two.segment.thresholds == (10, 20)
    assert [phase.name for phase in two.phases] == list(PHASES)
    assert one.segment.method == "multi-otsu"
    assert one.path == str(tmp_path / "scans" / "a.tif")
    origin = Origin(target, None, "b", None)
    save_recipe(origin, target, corrected_section(tmp_path / "sub" / "hand.zip"))
    assert load_recipe(target).samples[1].segment.corrections == "hand.zip"
    assert load_recipe(target).samples[1].segment.thresholds == (10, 20)


def test_a_recipe_is_made_of_a_file_alone(tmp_path):
    origin = Origin(None, tmp_path / "scan.tif", "", SPACING)
    section = trained_section(tmp_path / "marks.ome.zarr", {"trees": 7})
    save_recipe(origin, tmp_path / "r.yaml", section, PHASES)
    (sample,) = load_recipe(tmp_path / "r.yaml").samples
    assert sample.voxel_size == pytest.approx(SPACING)
    assert (sample.path, sample.segment.train.labels) == ("scan.tif", "marks.ome.zarr")
    content = yaml.safe_load((tmp_path / "r.yaml").read_text())
    assert content["phases"][2] == {"name": "active", "role": "active"}


def test_recipes_that_cannot_be_are_explained(tmp_path, viewer, grey):
    with pytest.raises(RecipeError, match="nothing tells the file of this volume"):
        save_recipe(origin_of(grey), tmp_path / "r.yaml", threshold_section([1], repair=True))
    start = tmp_path / "start.yaml"
    start.write_text(RECIPE)
    with pytest.raises(RecipeError, match="none is called 'c'"):
        save_recipe(Origin(start, None, "c", None), tmp_path / "r.yaml", {})
    section = threshold_section([1, 2], repair=True)
    with pytest.raises(RecipeError, match=r"r\.yaml:.*thresholds"):
        save_recipe(Origin(start, None, "a", None), tmp_path / "r.yaml", section)
    assert not list(tmp_path.glob("*r.yaml"))
    assert not list(tmp_path.glob(".*"))


def test_scribbles_are_written_whole_or_not_at_all(scribbles, made, hands, tmp_path):
    file = tmp_path / "marks.ome.zarr"
    save_scribbles(scribbles, Pick(made.image, SPACING), file, hands)
    save_scribbles(scribbles, Pick(made.image, SPACING), file, hands)  # over an older one
    np.testing.assert_array_equal(ome_zarr.open_array(file)[...], scribbles.layer.data)
    hands.cancel.set()
    with pytest.raises(CancelledError):
        save_scribbles(scribbles, Pick(made.image, SPACING), tmp_path / "other.ome.zarr", hands)
    assert [path.name for path in tmp_path.iterdir()] == ["marks.ome.zarr"]
