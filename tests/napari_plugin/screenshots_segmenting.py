"""Make screenshots of the docks that segment, at 1280 x 800: annotate and train, thresholds, repair.

Run it under Xvfb::

    xvfb-run -a -s "-screen 0 1280x1024x24" python tests/napari_plugin/screenshots_segmenting.py OUT
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from npe2 import PluginManager
from screenshots import dock, settle, shoot, window

from ssbtomo.testing.samples import make_sample

SAMPLE = "cathode_fibsem"


def sample() -> Any:
    """Open a window with the sample."""
    viewer = window()
    viewer.open_sample("ssbtomo", SAMPLE)
    return viewer


def paint(viewer: Any, layer: Any, scale: float) -> None:
    """Paint a few strokes of each phase on two slices."""
    truth, rng = make_sample(SAMPLE).labels, np.random.default_rng(0)
    for z in (10, 30):
        viewer.dims.set_point(0, z * scale)
        for phase in range(3):
            spots = np.argwhere(truth[z] == phase)
            layer.selected_label, layer.brush_size = phase + 1, 3
            for y, x in spots[rng.choice(len(spots), 12)]:
                layer.paint((z, int(y), int(x)), phase + 1)


def shoot_training(out: Path) -> None:
    """Annotate, train, apply, and repair what came out."""
    viewer = sample()
    train = dock(viewer, "Annotate and train")
    shoot(viewer, out / "train-empty.png")
    train.train_button.native.click()
    shoot(viewer, out / "train-problem.png")
    train.paint_button.native.click()
    grey, layer = viewer.layers[0], viewer.layers[-1]
    paint(viewer, layer, grey.scale[0])
    settle(lambda: train.told.value.startswith("preview"), 60)
    shoot(viewer, out / "train-live.png")
    train.doubt.value = True
    train.train_button.native.click()
    settle(lambda: train.model is not None, 200)
    settle(lambda: train.told.value.startswith("forest"), 60)
    shoot(viewer, out / "train-forest.png", seconds=3)
    train.live.value = train.doubt.value = False
    train.apply.button.native.click()
    settle(lambda: train.apply.bar.value > 2, 60)
    shoot(viewer, out / "train-applying.png", seconds=0.1)
    settle(lambda: train.apply.doing.value == "Done.", 200)
    shoot(viewer, out / "train-applied.png")
    viewer.window.remove_dock_widget(train.native)
    shoot_repair(viewer, out)
    viewer.close()


def shoot_repair(viewer: Any, out: Path) -> None:
    """Paint in the labels that were made, and save it."""
    repair = dock(viewer, "Repair labels")
    shoot(viewer, out / "repair-empty.png")
    repair.start_button.native.click()
    settle(lambda: len(repair.brush) > 0, 60)
    layer = viewer.layers[-1]
    layer.brush_size = 20
    layer.paint((30, 60, 60), 0)
    repair.file.value = out / "corrections.zip"
    repair.save_button.native.click()
    settle(lambda: bool(repair.messages.value), 60)
    shoot(viewer, out / "repair-saved.png")


def shoot_thresholds(out: Path) -> None:
    """Find thresholds, and repair the slice."""
    viewer = sample()
    segment = dock(viewer, "Segment by thresholds")
    shoot(viewer, out / "segment-empty.png")
    segment.find_button.native.click()
    settle(lambda: "repaired" in segment.told.value, 120)
    shoot(viewer, out / "segment-live.png")
    viewer.close()


def main(out: Path) -> None:
    """Make all pictures."""
    out.mkdir(parents=True, exist_ok=True)
    PluginManager.instance().discover()
    shoot_training(out)
    shoot_thresholds(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
