"""One session: sample, scribbles, training, applying, measuring, correcting, a recipe; and the CLI."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from ssbtomo.testing.samples import make_sample

pytestmark = [pytest.mark.gui]

SLOW = 200_000  # ms
QUANTITIES = ("volume_fraction", "contact_area_per_volume")


def click(button):
    button.native.click()


def docked(viewer, name):
    return viewer.window.add_plugin_dock_widget("ssbtomo", name)[1]


def measured(viewer, layer, qtbot):
    dock = docked(viewer, "Measure labels")
    viewer.layers.selection.active = layer
    click(dock.button)
    qtbot.waitUntil(lambda: dock.results.frame is not None, timeout=SLOW)
    frame = dock.results.frame
    viewer.window.remove_dock_widget(dock.native)
    return numbers(frame)


def numbers(frame):
    kept = frame[frame["quantity"].isin(QUANTITIES)]
    keys = zip(kept["quantity"], kept["subject"], strict=True)
    return dict(zip(keys, kept["value"].astype(float), strict=True))


@pytest.mark.timeout(600)
def test_a_session_ends_as_a_recipe_that_gives_the_same_numbers(
    make_napari_viewer, qtbot, tmp_path
):
    from npe2 import PluginManager

    PluginManager.instance().discover()
    viewer = make_napari_viewer()
    viewer.open_sample("ssbtomo", "cathode_fibsem")
    grey = viewer.layers[0]
    truth = make_sample("cathode_fibsem").labels

    train = docked(viewer, "Annotate and train")
    assert train.phases.value == "void, electrolyte, active"  # from the sample's recipe
    click(train.paint_button)
    layer = next(layer for layer in viewer.layers if layer.name.startswith("scribbles"))
    rng = np.random.default_rng(1)
    for z in (12, 36):
        viewer.dims.set_point(0, z * grey.scale[0])
        for phase in range(3):
            spots = np.argwhere(truth[z] == phase)
            layer.selected_label, layer.brush_size = phase + 1, 2
            for y, x in spots[rng.choice(len(spots), 20)]:
                layer.paint((z, int(y), int(x)), phase + 1)
    train.live.value = False
    train.trees.value = 8
    click(train.train_button)
    qtbot.waitUntil(lambda: train.model is not None or bool(train.messages.value), timeout=SLOW)
    assert not train.messages.value
    click(train.apply.button)
    qtbot.waitUntil(lambda: train.apply.doing.value == "Done.", timeout=SLOW)
    phases = viewer.layers[f"phases: {grey.name}"]
    assert (np.asarray(phases.data[0] if phases.multiscale else phases.data) == truth).mean() > 0.9
    before = measured(viewer, phases, qtbot)

    recipe = tmp_path / "session.yaml"
    train.save_recipe(recipe)
    qtbot.waitUntil(lambda: "recipe written" in train.messages.value, timeout=SLOW)
    viewer.window.remove_dock_widget(train.native)

    repair = docked(viewer, "Repair labels")
    viewer.layers.selection.active = phases
    click(repair.start_button)
    qtbot.waitUntil(lambda: len(repair.brush) > 0, timeout=SLOW)
    painted = viewer.layers[f"repair: {phases.name}"]
    painted.brush_size, painted.n_edit_dimensions = 24, 3
    painted.paint((24, 70, 70), 0)
    repair.file.value = tmp_path / "session.corrections.zip"
    repair.who.value = "ann"
    click(repair.save_button)
    qtbot.waitUntil(lambda: "corrected voxels" in repair.messages.value, timeout=SLOW)
    repair.save_recipe(recipe)
    qtbot.waitUntil(lambda: "recipe written" in repair.messages.value, timeout=SLOW)
    after = measured(viewer, painted, qtbot)
    assert after["volume_fraction", "void"] > before["volume_fraction", "void"] + 0.001

    content = yaml.safe_load(recipe.read_text("utf-8"))
    assert content["segment"]["corrections"] == "session.corrections.zip"
    assert content["segment"]["train"]["labels"] == "session-scribbles.ome.zarr"
    content |= {"quantify": {"measures": ["fractions", "contacts"]}, "range": {"shift": 0}}
    recipe.write_text(yaml.safe_dump(content), encoding="utf-8")  # less to measure, no ranges
    command = [sys.executable, "-m", "ssbtomo.cli", "run", str(recipe), "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = numbers(pd.read_csv(tmp_path / "out" / "results.csv"))
    assert set(found) == set(after)
    for key, value in after.items():
        assert found[key] == pytest.approx(value, rel=1e-9), key  # CSV keeps all digits
    rows = pd.read_csv(tmp_path / "out" / "tables" / "corrections.csv")
    assert set(rows["who"]) == {"ann"}
    assert set(rows["to"]) == {"void"}
