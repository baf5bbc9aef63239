"""Cone beams: the axis, and volumes through RTK where it is installed."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import h5py
import numpy as np
import pytest

import ssbtomo as st
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.ct.centre import find_centre
from ssbtomo.model import load_recipe
from ssbtomo.model.tomography import Tomography
from ssbtomo.runner.plan import plan_run
from ssbtomo.testing import Ball, DetectorFaults, ball_volume, expose, project_balls

COLUMNS, ROWS, ANGLES, EDGE = 72, 40, 160, 2.0
DISTANCES = (220.0, 130.0)  # voxels: half a fan of 6 degrees
BALLS = [Ball((0, 0, 0), 26, 0.01), Ball((5, -9, 6), 6, 0.01), Ball((-7, 8, 10), 5, -0.008)]
WHOLE = np.arange(ANGLES) * 2 * np.pi / ANGLES
needs_rtk = pytest.mark.skipif(find_spec("itk") is None, reason="RTK is not installed")


def scan(axis, **faults):
    lines = project_balls(BALLS, WHOLE, (ROWS, COLUMNS), axis, distances=DISTANCES)
    apart = tuple(d * EDGE for d in DISTANCES)
    return expose(
        lines, WHOLE, DetectorFaults(photons=30_000, **faults), spacing=(EDGE,) * 3, distances=apart
    )


@pytest.mark.parametrize("axis", [37.1, 33.3])
def test_the_axis_of_a_fan_is_found(axis):
    lines = project_balls(BALLS, WHOLE, (1, COLUMNS), axis, distances=DISTANCES)[:, 0]
    rng = np.random.default_rng(0)
    noisy = lines + 0.01 * lines.max() * rng.normal(size=lines.shape)
    larger = sum(DISTANCES) / DISTANCES[0]
    fan = sum(DISTANCES) / larger  # pixels are as large as the magnification, in voxels
    assert find_centre(noisy[None], WHOLE, fan=fan).pixel == pytest.approx(axis, abs=0.1)


def test_a_fan_needs_a_whole_turn():
    with pytest.raises(InputDataError, match="whole turn only"):
        find_centre(np.ones((1, 20, 30)), np.arange(20) * np.pi / 20, fan=400.0)


def test_the_parallel_verb_refuses_a_cone_and_says_where_to_go():
    with pytest.raises(InputDataError, match="cone_beam"):
        st.reconstruct.tomography(scan(35.5))


@pytest.fixture(scope="module")
def found():
    """RTK runs in a process of its own, which takes seconds to begin."""
    return st.reconstruct.cone_beam(scan(37.1), Tomography(bits=32, field="circle", stripes="none"))


@needs_rtk
def test_a_volume_comes_back_from_a_cone(found):
    assert found.centre is not None
    assert found.centre.pixel == pytest.approx(37.1, abs=0.15)
    volume = found.volume.data.compute() * EDGE / 1e4
    side = volume.shape[1]
    truth = ball_volume(BALLS, volume.shape, fine=2)
    middle = volume[ROWS // 2 - 4 : ROWS // 2 + 4, side // 2 - 4 : side // 2 + 4,
                    side // 2 - 4 : side // 2 + 4]  # fmt: skip
    assert middle.mean() == pytest.approx(0.01, rel=0.01)
    rest = (volume - truth)[12:28, 10:-10, 10:-10]
    assert np.sqrt(np.mean(rest**2)) < 1.2e-3  # edges between voxels, and noise
    for ball in BALLS[1:]:
        z, y, x = (round(c + (n - 1) / 2) for c, n in zip(ball.centre, volume.shape, strict=True))
        inside = volume[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2].mean()
        assert inside == pytest.approx(0.01 + ball.value, abs=1e-3)


@needs_rtk
def test_rows_can_be_left_out(found):
    whole, axis = found.volume.data.compute(), found.centre.pixel
    asked = Tomography(bits=32, field="circle", stripes="none", axis=axis, rows=(10, 26))
    part = st.reconstruct.cone_beam(scan(37.1), asked)
    change = part.volume.data.compute() - whole[10:26]
    assert np.abs(change[4:-4]).max() < 0.02 * whole.max()


@needs_rtk
def test_half_a_turn_is_refused():
    shot = scan(37.1)
    with pytest.raises(InputDataError, match="cover"):
        st.reconstruct.cone_beam(
            replace(shot, data=shot.data[:81], angles=shot.angles[:81]), Tomography(axis=37.1)
        )


@pytest.mark.skipif(find_spec("itk") is not None, reason="RTK is installed")
def test_without_rtk_it_says_what_to_install():
    with pytest.raises(InputDataError, match=r"ssbtomo\[recon\]"):
        st.reconstruct.cone_beam(scan(37.1))


@needs_rtk
def test_what_a_cone_holds_at_once_is_planned_for(tmp_path):
    images, rows, columns = 360, 256, 256
    with h5py.File(tmp_path / "scan.nxs", "w") as file:
        at = file.create_group("entry0000/instrument/detector")
        shape = images, rows, columns
        at.create_dataset("data", shape, np.uint16, compression="gzip", chunks=(8, rows, columns))
        at["data"][:8] = 900  # the rest is told, and not there
        at["image_key"] = np.zeros(images, int)
        source = file.create_group("entry0000/instrument/source")
        lengths = [(at, "x_pixel_size", 100e-6), (at, "y_pixel_size", 100e-6)]
        for place, name, value in (*lengths, (at, "distance", 0.4), (source, "distance", 0.1)):
            place[name] = value
            place[name].attrs["units"] = "m"
        file["entry0000/sample/rotation_angle"] = np.arange(images) * 360 / images
        file["entry0000/sample/rotation_angle"].attrs["units"] = "degree"
    recipe = tmp_path / "recipe.yaml"
    text = """\
sample: {path: scan.nxs}
phases: [{name: void, role: void}, {name: active, role: active}]
reconstruct: {method: tomography}
quantify: {measures: [fractions]}
run: {block: [8, 8, 8], workers: 1, memory: MEMORY}
"""
    recipe.write_text(text.replace("MEMORY", "2 GB"), "utf-8")
    assert st.runner.check(recipe) == []
    plan = plan_run(load_recipe(recipe), tmp_path, workers=1, memory=None)
    stages = {item.stage: item for item in plan.samples[0].predictions}
    least = 12 * images * rows * columns
    assert stages["reconstruct"].memory - stages["ingest"].memory > least
    recipe.write_text(text.replace("MEMORY", "600 MB"), "utf-8")
    (told,) = st.runner.check(recipe)
    assert "the stage reconstruct needs" in told
    assert "fewer detector rows" in told
