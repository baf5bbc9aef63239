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
    used = [*offered.readers, *offered.widgets, *offered.sample_data]
    used += [item for items in offered.menus.values() for item in items]
    assert {item.command for item in used} == known


def test_menus_are_those_that_napari_offers(manifest):
    from napari._app_model.constants._menus import is_menu_contributable

    assert all(is_menu_contributable(menu) for menu in manifest.contributions.menus)


@pytest.mark.parametrize(
    "modules",
    ["readers, samples", "controllers.opening, controllers.running, controllers.measuring"],
)
def test_the_plugin_imports_nothing_heavy_until_used(modules):
    names = ", ".join(f"napari_ssbtomo.{name.strip()}" for name in modules.split(","))
    heavy = "{'dask', 'distributed', 'numba', 'skimage', 'sklearn', 'porespy', 'zarr', 'pandas'}"
    code = f"import sys, {names}; print(*{heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not run.stdout.split()


def test_the_docks_import_nothing_heavy_until_used():
    docks = "napari_ssbtomo.widgets.run_dock, napari_ssbtomo.widgets.measure_dock"
    heavy = "{'distributed', 'numba', 'skimage', 'sklearn', 'porespy', 'zarr'}"
    # napari and magicgui load what they like; only what the docks add counts
    code = (
        "import sys, napari, magicgui.widgets, napari.layers; before = set(sys.modules);"
        f"import {docks}; print(*{heavy} & (set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not run.stdout.split()
