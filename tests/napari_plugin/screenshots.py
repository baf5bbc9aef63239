"""Make screenshots of the plugin at 1280 x 800: 2-D, 3-D, an interface, and each dock at work.

Run it under Xvfb; it runs the recipe from the dock, and then opens what the run made::

    xvfb-run -a -s "-screen 0 1280x1024x24" python tests/napari_plugin/screenshots.py RECIPE OUT
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
from magicgui import use_app
from npe2 import PluginManager

if TYPE_CHECKING:
    from collections.abc import Callable


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


def main(recipe: Path, out: Path) -> None:
    """Make all pictures."""
    out.mkdir(parents=True, exist_ok=True)
    PluginManager.instance().discover()
    results = out / "results"
    shoot_run(recipe, results, out)
    shoot_results(results, out)
    shoot_map(results, out)
    shoot_question(results, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
