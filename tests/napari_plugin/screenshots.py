"""Make screenshots of the plugin at 1280 x 800: 2-D, 3-D, and each dock at work.

Run it under Xvfb, with a results folder and the folder for the pictures::

    xvfb-run -a -s "-screen 0 1280x1024x24" python tests/napari_plugin/screenshots.py RESULTS OUT [RECIPE]

With a recipe, the Run dock runs it; without, it shows what it says about a missing one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import napari
from magicgui import use_app
from npe2 import PluginManager


def settle(until: Callable[[], bool] = lambda: False, seconds: float = 1.5) -> None:
    """Let the window work until something holds, or for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        use_app().native.processEvents()
        time.sleep(0.01)


def shoot(viewer: napari.Viewer, file: Path) -> None:
    """Save a picture of the whole window."""
    settle()
    viewer.screenshot(str(file), canvas_only=False, flash=False)


def main(results: Path, out: Path, recipe: Path | None) -> None:
    """Make all pictures."""
    out.mkdir(parents=True, exist_ok=True)
    PluginManager.instance().discover()
    viewer = napari.Viewer(show=False)
    viewer.show()
    viewer.window._qt_window.showNormal()
    viewer.window.resize(1280, 800)
    viewer.canvas.overlays.scale_bar.visible = True
    viewer.open(str(results), plugin="ssbtomo")
    shoot(viewer, out / "2d.png")

    viewer.dims.ndisplay = 3
    viewer.scene.camera.angles = (0, -30, 130)
    for layer in viewer.layers:
        layer.visible = layer.name == "phases"
    shoot(viewer, out / "3d.png")
    viewer.dims.ndisplay = 2
    for layer in viewer.layers:
        layer.visible = layer.name in ("grey", "phases", "cracks")

    dock, run = viewer.window.add_plugin_dock_widget("ssbtomo", "Run recipe")
    shoot(viewer, out / "run-empty.png")
    if recipe is not None:
        run.recipe.value = recipe
        run.out.value = out / "results"
        run.run_button.changed.emit(True)
        settle(lambda: run.bar.value > 0, 60)
        viewer.screenshot(str(out / "run-working.png"), canvas_only=False, flash=False)
        settle(lambda: run.run_button.enabled, 600)
    else:
        run.run_button.changed.emit(True)
    shoot(viewer, out / "run-done.png")
    viewer.window.remove_dock_widget(dock)

    _, measure = viewer.window.add_plugin_dock_widget("ssbtomo", "Measure labels")
    viewer.layers.selection.active = viewer.layers["phases"]
    measure.phase.value = measure.phase.choices[-1]
    measure.button.changed.emit(True)
    settle(lambda: measure.button.enabled, 120)
    shoot(viewer, out / "measure.png")
    viewer.layers["phases"].units = "pixel"
    measure.reset_choices()
    measure.layer.changed.emit(measure.layer.value)
    measure.button.changed.emit(True)
    shoot(viewer, out / "measure-asks.png")
    viewer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3:] else None)
