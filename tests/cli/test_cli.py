"""The command line: light, few flags, exit codes that tell."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.main import get_command

from ssbtomo.cli import app

COMMANDS = [
    "demo", "init", "info", "check", "run", "status", "verify", "train", "report", "score", "explain",
]  # fmt: skip


def ssbtomo(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "ssbtomo.cli", *map(str, words)],
        capture_output=True, text=True, check=False, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    "heavy",
    [
        "porespy",
        "napari",
        "matplotlib",
        "pandas",
        "dask",
        "zarr",
        "numba",
        "skimage",
        "scipy",
        "sklearn",
    ],
)
@pytest.mark.parametrize("module", ["ssbtomo", "ssbtomo.cli"])
def test_importing_stays_light(module, heavy):
    code = f"import sys, {module}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_command_is_there_and_has_at_most_ten_flags():
    commands = get_command(app).commands
    assert sorted(commands) == sorted(COMMANDS)
    for command in commands.values():
        assert len([p for p in command.params if p.param_type_name == "option"]) <= 10


def test_help_names_the_exit_codes():
    told = ssbtomo("--help")
    assert told.returncode == 0
    assert "130 interrupted" in told.stdout


def test_wrong_usage_is_two():
    assert ssbtomo("run").returncode == 2
    assert ssbtomo("fly").returncode == 2


def test_a_problem_is_one_and_goes_to_stderr(tmp_path):
    told = ssbtomo("run", tmp_path / "none.yaml", "-o", tmp_path / "out")
    assert told.returncode == 1
    assert "there is no recipe" in told.stderr
    assert told.stdout == ""
    assert not (tmp_path / "out").exists()


def test_check_lists_problems_as_json(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("sample: {path: a.tif}\nphases: [{name: x}]\nfoo: 1\n")
    told = ssbtomo("check", recipe, "--json")
    assert told.returncode == 1
    assert len(json.loads(told.stdout)["problems"]) == 2


def test_explain_defines_quantities_and_keys():
    assert "unit" in ssbtomo("explain", "tortuosity_factor").stdout
    assert "standard deviation" in ssbtomo("explain", "denoise.sigma").stdout
    assert json.loads(ssbtomo("explain", "schema").stdout)["title"] == "ssbtomo recipe"
    told = ssbtomo("explain", "tortosity_factor")
    assert (told.returncode, "did you mean 'tortuosity_factor'" in told.stderr) == (1, True)


def test_info_tells_projections_apart(tmp_path):
    import h5py
    import numpy as np

    with h5py.File(tmp_path / "scan.h5", "w") as file:
        group = file.create_group("exchange")
        group["data"] = np.ones((5, 4, 6), np.uint16)
        group["theta"] = np.linspace(0, 180, 5)
    plain = ssbtomo("info", tmp_path / "scan.h5")
    assert plain.returncode == 0
    assert "5 images of 4 x 6 pixels" in plain.stdout
    told = json.loads(ssbtomo("info", tmp_path / "scan.h5", "--json").stdout)
    assert told["projections"] == [5, 4, 6]


def test_init_drafts_a_recipe_for_projections(tmp_path):
    import h5py
    import numpy as np

    from ssbtomo.model import load_recipe

    with h5py.File(tmp_path / "scan.h5", "w") as file:
        group = file.create_group("exchange")
        group["data"] = np.ones((5, 4, 6), np.uint16)
        group["theta"] = np.linspace(0, 144, 5)
    done = ssbtomo("init", tmp_path / "scan.h5", "-o", tmp_path / "recipe.yaml")
    assert done.returncode == 0, done.stderr
    recipe = load_recipe(tmp_path / "recipe.yaml")
    assert recipe.samples[0].reconstruct.method == "tomography"


def test_init_drafts_a_recipe_for_slices_of_a_microscope(tmp_path):
    import numpy as np
    import tifffile

    from ssbtomo.model import load_recipe

    text = "[User]\r\n[Scan]\r\nPixelWidth=5e-009\r\nPixelHeight=5e-009\r\n[Beam]\r\nBeam=EBeam\r\n"
    (tmp_path / "slices").mkdir()
    for number in range(3):
        tifffile.imwrite(
            tmp_path / "slices" / f"slice_{number:03d}.tif",
            np.full((8, 9), 10 + number, np.uint8),
            extratags=[(34682, 2, 0, text, True)],
        )
    done = ssbtomo("init", tmp_path / "slices", "-o", tmp_path / "recipe.yaml")
    assert done.returncode == 0, done.stderr
    drafted = (tmp_path / "recipe.yaml").read_text("utf-8")
    assert "SLICE_THICKNESS nm, 5 nm, 5 nm" in drafted
    filled = drafted.replace("# voxel_size: [SLICE_THICKNESS nm", "voxel_size: [20 nm")
    (tmp_path / "recipe.yaml").write_text(filled, "utf-8")
    assert load_recipe(tmp_path / "recipe.yaml").samples[0].reconstruct.method == "fib-sem"
