"""From the sample to the table: the demo's recipe, run from its dock by the real runner."""

from __future__ import annotations

import pytest
import yaml

pytestmark = [pytest.mark.gui]


def shorter(recipe, file):
    """Write a recipe that measures only what is looked at below, without ranges."""
    content = yaml.safe_load(recipe.read_text("utf-8"))
    for key in ("path", "truth"):
        content["sample"][key] = str(recipe.parent / content["sample"][key])
    content["quantify"] = {"measures": ["fractions", "contacts"]}
    content["range"] = {"shift": 0}
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def test_a_sample_is_run_from_the_dock_and_its_results_are_shown(
    make_napari_viewer, qtbot, tmp_path
):
    from npe2 import PluginManager

    PluginManager.instance().discover()
    viewer = make_napari_viewer()
    viewer.open_sample("ssbtomo", "cathode_fibsem")
    _, dock = viewer.window.add_plugin_dock_widget("ssbtomo", "Run recipe")
    brought = dock.recipe.value
    assert brought.is_file()  # the sample brought it along
    dock.recipe.value = shorter(brought, tmp_path / "short.yaml")
    dock.out.value = tmp_path / "results"
    dock.run_button.native.click()
    qtbot.waitUntil(lambda: dock.run_button.enabled, timeout=200_000)
    assert dock.doing.value == "Done.", dock.messages.value

    frame = dock.results.frame
    assert {"volume_fraction", "contact_area_per_volume"} <= set(frame["quantity"])
    assert (tmp_path / "results" / "report.html").is_file()
    phases = viewer.layers["phases"]
    assert list(phases.features["phase"]) == ["void", "electrolyte", "active"]
    assert {tuple(layer.scale) for layer in viewer.layers} == {(0.08, 0.04, 0.04)}

    # the measure dock reads the same volume and finds the same numbers
    _, measure = viewer.window.add_plugin_dock_widget("ssbtomo", "Measure labels")
    assert measure.layer.value is phases
    measure.button.native.click()
    qtbot.waitUntil(lambda: measure.results.frame is not None, timeout=100_000)
    for quantity in ("volume_fraction", "contact_area_per_volume"):
        run, own = (
            table[table["quantity"] == quantity].set_index("subject")["value"].to_dict()
            for table in (frame, measure.results.frame)
        )
        assert own == pytest.approx(run, rel=1e-9)  # CSV keeps all digits
