"""The manifest is valid, its commands exist, and a plain napari does not pay for them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from npe2 import PluginManifest
from npe2.cli import app
from typer.testing import CliRunner


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_distribution("ssbtomo")


def test_npe2_validates_the_manifest():
    result = CliRunner().invoke(app, ["validate", "ssbtomo", "--imports"])
    assert result.exit_code == 0, result.output


def test_every_contribution_names_a_command(manifest):
    offered = manifest.contributions
    known = {command.id for command in offered.commands}
    used = [*offered.readers, *offered.writers, *offered.widgets, *offered.sample_data]
    used += [item for items in offered.menus.values() for item in items]
    assert {item.command for item in used} == known


def test_menus_are_those_that_napari_offers(manifest):
    from napari._app_model.constants._menus import is_menu_contributable

    assert all(is_menu_contributable(menu) for menu in manifest.contributions.menus)


HEAVY = "{'distributed', 'numba', 'skimage', 'sklearn', 'porespy', 'zarr'}"


def first_heavy_import(folder, heavy, *, before, allowed="set()"):
    """Return the first module of the plugin that imports what is heavy, and what that is."""
    code = f"""
import importlib, pkgutil, sys
{before}
allowed = {allowed}
place = importlib.import_module("napari_ssbtomo{folder}").__path__
for part in pkgutil.iter_modules(place):
    importlib.import_module(f"napari_ssbtomo{folder}.{{part.name}}")
    found = ({heavy} & set(sys.modules)) - allowed
    if found:
        sys.exit(f"{{part.name}}: {{sorted(found)}}")
"""
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    return run.stderr


def test_the_plugin_imports_nothing_heavy_until_used():
    heavy = HEAVY[:-1] + ", 'dask', 'pandas'}"
    before = "import napari_ssbtomo.readers, napari_ssbtomo.samples, napari_ssbtomo.writers"
    assert not first_heavy_import(".controllers", heavy, before=before)


def test_the_docks_import_nothing_heavy_until_used():
    # napari and magicgui load what they like; only what the docks add counts
    napari = "import napari, magicgui.widgets, napari.layers"
    assert not first_heavy_import(".widgets", HEAVY, before=napari, allowed="set(sys.modules)")


def test_starting_napari_imports_nothing_of_the_plugin():
    code = (
        "import sys, napari; from npe2 import PluginManager; PluginManager.instance().discover();"
        "found = [name for name in sys.modules if name.partition('.')[0] in"
        " ('napari_ssbtomo', 'ssbtomo', 'sklearn', 'distributed', 'porespy', 'numba')];"
        "print(*found)"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not [name for name in run.stdout.split() if "." in name]  # the package itself, no more


def test_the_guide_knows_every_dock_and_key(manifest):
    from napari.utils.shortcuts import default_shortcuts

    from napari_ssbtomo.controllers.guide import DOCKS, KEYS, guide_html, keys_of

    assert set(DOCKS) == {dock.display_name for dock in manifest.contributions.widgets}
    assert all(keys_of(default_shortcuts, command) for command in KEYS)
    mine = {**default_shortcuts, "napari:roll_axes": ["F5"], "napari:reset_view": []}
    page = guide_html(mine)
    assert "<b>F5</b>&nbsp;&nbsp;</td><td>look along the next axis" in page
    assert "show all" not in page
    assert keys_of(default_shortcuts, "napari:activate_labels_paint_mode") == "P"


def test_preferences_are_those_of_the_manifest(manifest):
    from dataclasses import asdict

    from napari_ssbtomo.controllers.preferences import Preferences

    told = {
        name: one.default
        for group in manifest.contributions.configurations.values()
        for name, one in group.properties.items()
    }
    assert told == asdict(Preferences())
