"""Make screenshots of the plugin at 1280 x 800: 2-D, 3-D, an interface, and each dock at work.

Run it under Xvfb; it runs the recipe from the dock, and then opens what the run made::

    xvfb-run -a -s "-screen 0 1280x1024x24" python tests/napari_plugin/screenshots.py RECIPE OUT
"""

from __future__ import annotations

import ctypes
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
from magicgui import use_app
from npe2 import PluginManager

if TYPE_CHECKING:
    from collections.abc import Callable


if sys.version_info < (3, 12):  # PySide6 6.12 takes references of None away: see conftest.py
    ctypes.c_ssize_t.from_address(id(None)).value += 2**40


def settle(until: Callable[[], bool] = lambda: False, seconds: float = 1.5) -> None:
    """Let the window work until something holds, or for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        use_app().native.processEvents()
        time.sleep(0.01)


def shoot(viewer: napari.Viewer, file: Path, seconds: float = 1.5) -> None:
    """Save a picture of the whole window."""
    settle(seconds=seconds)
    viewer.screenshot(str(file), canvas_only=False, flash=False)


def window() -> napari.Viewer:
    """Open a window of 1280 x 800 with a scale bar."""
    viewer = napari.Viewer(show=False)
    viewer.show()
    viewer.window._qt_window.showNormal()
    viewer.window.resize(1280, 800)
    viewer.canvas.overlays.scale_bar.visible = True
    settle()
    return viewer


def dock(viewer: napari.Viewer, name: str) -> Any:
    """Open a dock of the plugin."""
    return viewer.window.add_plugin_dock_widget("ssbtomo", name)[1]


def shoot_run(recipe: Path, results: Path, out: Path) -> None:
    """Run the recipe from its dock: before, a problem, at work, done."""
    viewer = window()
    run = dock(viewer, "Run recipe")
    shoot(viewer, out / "run-empty.png")
    run.recipe.value = out / "nowhere.yaml"
    run.run_button.native.click()
    settle(lambda: run.run_button.enabled, 20)
    shoot(viewer, out / "run-problem.png")
    run.recipe.value, run.out.value = recipe, results
    run.run_button.native.click()
    settle(lambda: run.bar.value > 0 or run.run_button.enabled, 120)
    shoot(viewer, out / "run-working.png", seconds=0.1)
    settle(lambda: run.run_button.enabled, 600)
    shoot(viewer, out / "run-done.png")
    viewer.close()


def shoot_results(results: Path, out: Path) -> None:
    """Open the results: in 2-D, one phase in 3-D, and measured."""
    viewer = window()
    viewer.open(str(results), plugin="ssbtomo")
    phases = viewer.layers["phases"]
    viewer.layers.selection.active = phases
    shoot(viewer, out / "2d.png")
    for layer in viewer.layers:
        layer.visible = layer is phases
    phases.selected_label = max(phases.features["index"])
    phases.show_selected_label, phases.opacity = True, 1
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    viewer.scene.camera.angles = (0, -30, 130)
    shoot(viewer, out / "3d.png", seconds=4)
    viewer.dims.ndisplay = 2
    phases.show_selected_label, phases.opacity = False, 0.5
    viewer.layers["grey"].visible = True
    measure = dock(viewer, "Measure labels")
    measure.phase.value = measure.phase.choices[-1]
    measure.button.native.click()
    settle(lambda: measure.button.enabled, 300)
    shoot(viewer, out / "measure.png")
    viewer.close()


def shoot_map(results: Path, out: Path) -> None:
    """Open the map of an interface over the grey volume, in 2-D and in 3-D."""
    viewer = window()
    viewer.open(str(results), plugin="ssbtomo")
    chosen = next(layer for layer in viewer.layers if layer.name.startswith("interface"))
    for layer in viewer.layers:
        layer.visible = layer is chosen or layer.name == "grey"
    viewer.layers.selection.active = chosen
    shoot(viewer, out / "interface-2d.png")
    viewer.layers["grey"].visible = False
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    viewer.scene.camera.angles = (0, -30, 130)
    shoot(viewer, out / "interface-3d.png", seconds=4)
    viewer.close()


def shoot_question(results: Path, out: Path) -> None:
    """Measure labels that do not tell their voxel size."""
    viewer = window()
    viewer.open(str(results), plugin="ssbtomo")
    labels = viewer.layers["phases"].data
    viewer.layers.clear()
    viewer.add_labels(labels[0] if isinstance(labels, list) else labels, name="no voxel size")
    measure = dock(viewer, "Measure labels")
    measure.button.native.click()
    shoot(viewer, out / "measure-asks.png")
    viewer.close()


def shoot_doctor(out: Path) -> None:
    """Examine raw slices, and preview them aligned and cleaned."""
    viewer = window()
    viewer.open_sample("ssbtomo", "raw_sections")
    doctor = dock(viewer, "Stack doctor")
    doctor.examine_button.native.click()
    settle(lambda: doctor.examine_button.enabled, 200)
    doctor.leave_odd_button.native.click()
    doctor.trace.value = "drift x"
    doctor.go_to(50)
    shoot(viewer, out / "doctor.png")
    doctor.go_to(20)
    doctor.trace.value = "curtains"
    doctor.preview_button.native.click()
    settle(lambda: doctor.preview_button.enabled, 300)
    viewer.dims.order = (2, 0, 1)
    viewer.dims.set_point(2, float(viewer.layers.extent.world[1][2]) / 2)
    viewer.reset_view()
    shoot(viewer, out / "doctor-preview.png")
    viewer.close()


def shoot_inspect(results: Path, out: Path) -> None:
    """Pick a particle, coloured by its coverage; then a box in 3-D."""
    viewer = window()
    viewer.open(str(results), plugin="ssbtomo")
    for layer in viewer.layers:
        layer.visible = layer.name in ("grey", "particles")
    viewer.layers.selection.active = viewer.layers["particles"]
    inspect = dock(viewer, "Inspect")
    inspect.color.value = "contact_electrolyte_um2"
    inspect.table.native.selectRow(3)
    inspect.hover(tuple(viewer.dims.point))
    shoot(viewer, out / "inspect.png", seconds=4)
    inspect.box_button.native.click()
    settle(lambda: viewer.dims.ndisplay == 3, 60)
    viewer.scene.camera.angles = (0, -30, 130)
    shoot(viewer, out / "inspect-box-3d.png", seconds=4)
    viewer.close()


def shoot_recipe(out: Path) -> None:
    """Write a recipe in its forms: each long page, and a problem."""
    viewer = window()
    viewer.open_sample("ssbtomo", "cathode_fibsem")
    recipe = dock(viewer, "Recipe")
    for title in ("Sample", "Phases", "Quantify", "Reconstruct: fib sem"):
        recipe.section.value = title
        name = title.lower().replace(": ", "-").replace(" ", "-")
        shoot(viewer, out / f"recipe-{name}.png", seconds=1)
    recipe.draft.set(("denoise", "sigma"), "25")
    recipe.section.value = "Denoise"
    shoot(viewer, out / "recipe-problem.png", seconds=1)
    viewer.close()


def shoot_small_docks(out: Path) -> None:
    """Ask for a voxel size, show the series and the keys."""
    viewer = window()
    viewer.open_sample("ssbtomo", "crack_series")
    dock(viewer, "Keys and help")
    shoot(viewer, out / "series-help.png")
    viewer.layers.clear()
    viewer.close()
    viewer = window()
    import numpy as np

    noise = np.random.default_rng(1).normal(100, 20, (32, 64, 64)).astype(np.float32)
    np.save(out / "unknown.npy", noise)
    viewer.open(str(out / "unknown.npy"), plugin="ssbtomo")
    shoot(viewer, out / "voxel-size.png")
    viewer.close()


def main(recipe: Path, out: Path) -> None:
    """Make all pictures; results that are there already are shown, not made again."""
    out.mkdir(parents=True, exist_ok=True)
    PluginManager.instance().discover()
    results = out / "results"
    if not (results / "run.json").is_file():
        shoot_run(recipe, results, out)
    shoot_results(results, out)
    shoot_map(results, out)
    shoot_question(results, out)
    shoot_inspect(results, out)
    shoot_recipe(out)
    shoot_doctor(out)
    shoot_small_docks(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
