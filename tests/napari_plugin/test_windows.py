"""Every dock in a real window: doctor, inspect, recipe, voxel size, measures of a box."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytestmark = [pytest.mark.gui]

LONG = 200_000  # ms; a busy machine compiles kernels on first use


def dock(window, name):
    """Open a dock of the plugin."""
    return window.window.add_plugin_dock_widget("ssbtomo", name)[1]


def click(button):
    button.native.click()


@pytest.fixture(scope="module")
def sections():
    """Slices that drift, the seventh blank."""
    from ssbtomo.testing.sections import SectionFaults, evolving_phases, section_slices

    grey = np.array([70, 130, 200], np.float32)[evolving_phases((20, 72, 80), seed=3)]
    faults = SectionFaults(drift=0.8, reach=6, noise=6, curtains=5, blank=(7,))
    return section_slices(grey, faults, margin=8, seed=3).image


@pytest.fixture
def doctor(window, sections):
    window.add_image(sections, name="slices", scale=(0.02, 0.01, 0.01), units=("um",) * 3)
    return dock(window, "Stack doctor")


def test_the_doctor_finds_a_blank_slice_and_goes_there(window, doctor, qtbot):
    click(doctor.examine_button)
    qtbot.waitUntil(lambda: doctor.examine_button.enabled, timeout=LONG)
    assert not doctor.messages.value
    assert [state.index for state in doctor.traces.odd] == [7]
    assert doctor.traces.drift is not None
    assert "7 (blank" in doctor.odd.value
    doctor.plot.native.resize(400, 150)
    across = doctor.plot._across(7)
    doctor.go_to(doctor.plot.slice_at(across + 3))  # what a click there does
    assert doctor.number == 7
    assert window.dims.current_step[0] == 7


def test_slices_left_out_go_into_the_recipe_of_the_window(window, doctor):
    recipe = dock(window, "Recipe")
    doctor.go_to(4)
    click(doctor.leave_button)
    doctor.go_to(5)
    click(doctor.leave_button)
    assert recipe.draft.get(("reconstruct", "fib_sem", "left_out")) == [4, 5]
    assert recipe.draft.get(("reconstruct", "method")) == "fib-sem"
    assert doctor.left_out.value.endswith("4-5")
    assert doctor.leave_button.text == "Take this slice back"
    click(doctor.leave_button)
    assert recipe.draft.get(("reconstruct", "fib_sem", "left_out")) == [4]


def test_the_doctor_previews_before_and_after(window, doctor, qtbot):
    click(doctor.preview_button)
    qtbot.waitUntil(lambda: doctor.preview_button.enabled, timeout=LONG)
    before, after = (window.layers[f"slices, {name}"] for name in ("before", "after"))
    assert doctor.messages.value.startswith("slices 0 to 19: drift of")
    np.testing.assert_array_equal(before.translate, after.translate)
    assert before.data.shape == after.data.shape
    steps = [
        float(np.abs(np.diff(one.data[8:].astype(float), axis=0)).mean()) for one in (before, after)
    ]
    assert steps[1] < steps[0]  # slices that lie on each other differ less
    assert (before.visible, after.visible) == (False, True)
    click(doctor.swap_button)
    assert (before.visible, after.visible) == (True, False)


@pytest.mark.alone
def test_the_doctor_stops_within_two_seconds(window, qtbot):
    import time

    class Slow:
        shape, dtype, ndim, chunks = (400, 64, 64), np.dtype(np.uint8), 3, (1, 64, 64)

        def __getitem__(self, window):
            time.sleep(0.05)
            found = np.random.default_rng(1).integers(0, 255, self.shape, dtype=np.uint8)
            return found[window]

    import dask.array as da

    lazy = da.from_array(Slow(), chunks=(4, 64, 64), name=False)
    window.add_image(lazy, contrast_limits=(0, 255), name="slow")
    found = dock(window, "Stack doctor")
    click(found.examine_button)
    qtbot.waitUntil(lambda: found.traces is not None and found.traces.done > 0, timeout=LONG)
    began = time.monotonic()
    click(found.cancel_button)
    qtbot.waitUntil(lambda: found.examine_button.enabled, timeout=LONG)
    assert time.monotonic() - began < 2
    assert "cancelled" in found.messages.value
    assert 0 < found.traces.done < 400


def test_a_stack_that_cannot_be_read_is_a_message_and_the_window_lives_on(window, qtbot):
    import dask.array as da

    def torn(block_id):
        if block_id[0] == 7:  # the window begins in the middle
            raise OSError("the disk is gone")
        return np.zeros((4, 32, 32), np.uint8)

    lazy = da.map_blocks(torn, chunks=((4,) * 8, (32,), (32,)), dtype=np.uint8)
    window.add_image(lazy, contrast_limits=(0, 255), name="torn")
    window.dims.set_current_step(0, 0)
    found = dock(window, "Stack doctor")
    click(found.examine_button)
    qtbot.waitUntil(lambda: found.examine_button.enabled, timeout=LONG)
    assert "the disk is gone" in found.messages.value
    click(found.preview_button)
    qtbot.waitUntil(lambda: found.preview_button.enabled, timeout=LONG)
    assert "the disk is gone" in found.messages.value


def test_the_doctor_explains_what_it_cannot_examine(window):
    found = dock(window, "Stack doctor")
    click(found.examine_button)
    assert "no grey volume" in found.messages.value


@pytest.fixture
def particles(window):
    labels = np.zeros((12, 16, 20), np.int32)
    labels[2:5, 3:6, 4:7] = 7
    labels[8:10, 10:13, 12:15] = 3
    table = pd.DataFrame(
        {"index": [7, 3], "z_um": [0.35, 0.9], "y_um": [0.225, 0.575], "x_um": [0.275, 0.675],
         "coverage_electrolyte": [0.9, 0.25]}
    )  # fmt: skip
    about = {"key": "particle", "part": "particles"}
    return window.add_labels(
        labels, scale=(0.1, 0.05, 0.05), units=("um",) * 3, features=table, name="particles",
        metadata={"ssbtomo": about},
    )  # fmt: skip


def test_a_row_goes_to_its_object_and_an_object_to_its_row(window, particles):
    found = dock(window, "Inspect")
    assert found.layer.value is particles
    found.table.native.selectRow(1)
    assert particles.selected_label == 3
    assert window.dims.current_step[0] == 8
    found.pick_label(7)
    assert found.table.row == 0
    found.table.native.sortByColumn(0, _ascending())  # 3 comes before 7
    found.pick_label(7)
    assert found.table.row == 0
    found.pick_label(9)
    assert "no row" in found.answer.value


def test_a_click_in_the_view_marks_the_row(window, particles):
    from types import SimpleNamespace

    found = dock(window, "Inspect")
    window.dims.set_point(0, 0.9)
    event = SimpleNamespace(
        type="mouse_press", position=(0.9, 0.55, 0.65), view_direction=None, dims_displayed=[1, 2]
    )
    steps = found._clicked(window, event)
    next(steps)
    event.type = "mouse_release"
    assert next(steps, "end") == "end"
    assert found.table.row == 1
    assert particles.selected_label == 3


def test_the_cursor_is_followed_in_the_background(window, particles, qtbot):
    found = dock(window, "Inspect")
    for n in range(30):  # faster than voxels can be read
        found.hover((0.35, 0.01 * n, 0.2))
    found.hover((0.35, 0.225, 0.275))
    qtbot.waitUntil(lambda: "particles: 7" in found.under.value, timeout=LONG)
    assert "coverage electrolyte 0.9" in found.under.value


def test_particles_are_coloured_by_their_coverage(window, particles):
    found = dock(window, "Inspect")
    assert "coverage_electrolyte" in found.color.choices
    found.color.value = "coverage_electrolyte"
    assert float(particles.colormap.map(7)[:3].sum()) > float(particles.colormap.map(3)[:3].sum())


def test_a_box_is_shown_in_3d_at_full_resolution(window, particles, qtbot):
    found = dock(window, "Inspect")
    corners = np.array([(0.3, 0.1, 0.1), (0.3, 0.1, 0.4), (0.3, 0.4, 0.4), (0.3, 0.4, 0.1)])
    window.add_shapes([corners], name="box", units=("um",) * 3)
    window.layers.selection.active = particles
    found.box.value = window.layers["box"]
    click(found.box_button)
    qtbot.waitUntil(lambda: "particles, box" in window.layers, timeout=LONG)
    assert window.dims.ndisplay == 3
    assert window.layers["particles, box"].data.shape == (12, 7, 7)
    assert not particles.visible


@pytest.fixture
def scan(tmp_path, tiny):
    """A scan without a voxel size."""
    np.save(tmp_path / "scan.npy", (tiny.labels * 80).astype(np.uint8))
    return tmp_path / "scan.npy"


def test_a_volume_without_a_voxel_size_brings_a_form(window, scan):
    window.open(str(scan), plugin="ssbtomo")
    form = _dock_of(window, "Voxel size")
    assert form.layers.value == [window.layers["scan"]]
    click(form.button)
    assert "does not tell" in form.answer.value
    form.voxel_size.value = "100 nm, 50, 50 nm"
    click(form.button)
    assert "not a length with a unit" in form.answer.value
    assert str(window.layers["scan"].units[0]) == "pixel"
    form.voxel_size.value = "100 nm, 50 nm, 50 nm"
    click(form.button)
    np.testing.assert_allclose(window.layers["scan"].scale, (0.1, 0.05, 0.05))
    assert not form.layers.choices


def test_forms_write_the_recipe_and_show_its_problems(window, qtbot):
    found = dock(window, "Recipe")
    assert "sample.path" in found.messages.value
    form = found.form("Denoise")
    form.field("denoise.method").setCurrentText("median")
    form.field("denoise.radius").setValue(3)
    form.field("denoise.sigma").setText("25")
    form.field("denoise.sigma").editingFinished.emit()
    assert found.draft.get(("denoise",)) == {"method": "median", "radius": 3, "sigma": "25"}
    assert "not a length with a unit" in form._rows["denoise.sigma"]._problem.text()
    form.field("denoise.radius").setValue(99)
    assert form.field("denoise.radius").value() == 5  # the model's bound
    form.field("denoise.sigma").setText("")
    form.field("denoise.sigma").editingFinished.emit()
    assert "denoise" not in found.messages.value


def test_every_section_has_a_page(window):
    found = dock(window, "Recipe")
    for title in found._pages:
        found.section.value = title
        assert found._stack.currentWidget() is found.form(title).native


def test_a_recipe_is_saved_copied_and_run(window, tmp_path, results, qtbot):
    from magicgui import use_app

    from napari_ssbtomo.widgets.recipe_dock import RecipeDock
    from ssbtomo.model import load_recipe

    asked = []

    def run(recipe, out, *, events, cancel):
        asked.append(load_recipe(recipe).samples[0].denoise.method)
        return results

    found = RecipeDock(window, run=run)
    window.window.add_dock_widget(found, name="Recipe")
    found.draft.set(("sample", "path"), str(tmp_path / "scan.tif"))
    click(found.command_button)
    assert "not saved" in found.messages.value
    found.draft.set(("denoise", "method"), "tv")
    assert found.save(tmp_path / "mine.yaml")
    click(found.command_button)
    assert use_app().native.clipboard().text().startswith("ssbtomo run ")
    click(found.python_button)
    assert "st.run(" in use_app().native.clipboard().text()
    found.running.show_layers.value = False
    click(found.run_button)
    qtbot.waitUntil(lambda: found.running.doing.value == "Done.", timeout=LONG)
    assert asked == ["tv"]
    assert found.tabs.currentIndex() == 1
    assert found.running.report_button.enabled


def test_a_recipe_with_a_problem_is_not_run(window):
    found = dock(window, "Recipe")
    click(found.run_button)
    assert found.tabs.currentIndex() == 0
    assert "sample.path" in found.messages.value


def test_a_box_is_measured_with_ranges(window, results, qtbot):
    window.open(str(results.path), plugin="ssbtomo")
    window.layers.selection.active = window.layers["phases"]
    corners = np.array([(z, y, x) for z in (0.0, 0.7) for y, x in ((0, 0), (0, 0.4), (0.4, 0.4))])
    window.add_shapes(
        [corners[:3], corners[3:]], shape_type="polygon", units=("um",) * 3, name="box"
    )
    found = dock(window, "Measure labels")
    found.layer.value = window.layers["phases"]
    found.region.value = window.layers["box"]
    found.areas.value = False
    click(found.button)
    qtbot.waitUntil(lambda: found.results.frame is not None, timeout=LONG)
    assert not found.messages.value
    shares = found.results.frame.set_index("subject")["value"]
    assert shares.to_dict() == {"void": 0.5, "electrolyte": 0.5, "active": 0.0}  # layers 0 to 7
    assert set(found.results.frame["sample"]) == {"phases, box"}


def test_some_phases_are_measured_alone(window, results, qtbot):
    window.open(str(results.path), plugin="ssbtomo")
    found = dock(window, "Measure labels")
    found.layer.value = window.layers["phases"]
    found.only.widget.value = "void, active"
    found.areas.value = found.ranges.value = False
    click(found.button)
    qtbot.waitUntil(lambda: found.results.frame is not None, timeout=LONG)
    assert list(found.results.frame["subject"]) == ["void", "active"]
    found.only.widget.value = "gold"
    click(found.button)
    assert "no phase 'gold'" in found.messages.value


def test_labels_are_saved_from_the_window(window, tiny, tmp_path):
    layer = window.add_labels(tiny.labels, scale=tiny.spacing, units=("um",) * 3, name="mine")
    written = layer.save(str(tmp_path / "mine.ome.zarr"), plugin="ssbtomo")
    assert written == [str(tmp_path / "mine.ome.zarr")]
    window.open(written[0], plugin="ssbtomo")
    np.testing.assert_allclose(window.layers[-1].scale, tiny.spacing)


def test_several_volumes_make_a_slider(window, tiny, tmp_path):
    files = []
    for n in range(3):
        np.save(tmp_path / f"{n}.npy", (tiny.labels * 40 * (n + 1)).astype(np.uint8))
        files.append(str(tmp_path / f"{n}.npy"))
    window.open(files, stack=True, plugin="ssbtomo")
    assert window.dims.nsteps[0] == 3
    window.dims.set_current_step(0, 2)
    np.testing.assert_array_equal(window.layers[0].data[2], np.load(files[2]))


def test_opened_results_come_with_a_scale_bar_and_a_guard(window, results):
    window.open(str(results.path), plugin="ssbtomo")
    assert window.canvas.overlays.scale_bar.visible
    from napari_ssbtomo.controllers.depth_guard import _GUARDS

    assert len([viewer for viewer in _GUARDS if viewer is window]) == 1


def test_help_names_the_keys(window):
    from napari_ssbtomo.controllers.guide import DOCKS

    told = dock(window, "Keys and help").text.native.toPlainText()
    assert all(name in told for name in DOCKS)
    assert "Ctrl+Y" in told


def _dock_of(window, name):
    return next(
        widget for title, widget in window.window.dock_widgets.items() if title.startswith(name)
    )


def _ascending():
    from qtpy.QtCore import Qt

    return Qt.SortOrder.AscendingOrder
