"""The verbs of parallel-beam tomography, on phantoms and on genuine sinograms."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal

import ssbtomo as st
from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.tomography import Images, Slices, normalise_images, reconstruct_slices
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.ct.normalise import reference
from ssbtomo.model.tomography import Tomography
from ssbtomo.projections import Geometry, Projections
from ssbtomo.testing import Ball, DetectorFaults, expose, project_balls, project_volume

REAL = Path(__file__).parents[2].parent / "shared" / "volumes" / "sinograms_xradia"
COLUMNS, ROWS, ANGLES = 60, 9, 90
HALF = np.arange(ANGLES) * np.pi / ANGLES
BALLS = [Ball((0, 2, 1), 22, 0.01), Ball((1, -8, 6), 6, 0.02)]


@pytest.fixture(scope="module")
def scan():
    lines = project_balls(BALLS, HALF, (ROWS, COLUMNS), 31.0)
    faults = DetectorFaults(response=0.003, dead=0.002, flashes=3e-5)
    return expose(lines, HALF, faults, spacing=(0.5, 0.5, 0.5), seed=3)


def test_any_slabs_and_workers_give_the_same_bits(scan):
    raw = scan.data.compute()
    rng = np.random.default_rng(0)
    seen = reference(scan.darks.compute(), scan.flats.compute(), (ROWS, COLUMNS))
    images = Images(seen, shifts=rng.uniform(-0.7, 0.7, (ANGLES, 2)), tilt=0.01)
    slices = Slices(HALF, 31.0, stripe_width=5, field="circle", grey=(-0.01, 0.04))
    found = []
    with Engine.start("threads", 2) as pool:
        for thick, planes, engine in ((90, 9, SERIAL), (7, 2, pool), (1, 4, pool)):
            lines = np.empty(raw.shape, np.float32)
            side = slices.size(COLUMNS)
            volume = np.empty((ROWS, side, side), np.uint16)
            normalise_images(raw, lines, images, Grid.slabs(raw.shape, thick), engine)
            before = lines.copy()
            reconstruct_slices(lines, volume, slices, Grid.slabs(volume.shape, planes), engine)
            assert_array_equal(lines, before)
            found.append((lines, volume))
    for lines, volume in found[1:]:
        assert_array_equal(lines, found[0][0])
        assert_array_equal(volume, found[0][1])


def test_the_values_are_attenuations_and_the_story_is_told(scan):
    found = st.reconstruct.tomography(scan, Tomography(stripes="none"), workers=2)
    assert found.centre.pixel == pytest.approx(31.0, abs=0.2)
    assert found.bad_pixels > 0
    assert found.flashes > 0
    values = found.offset + found.slope * found.volume.data.compute()
    side = values.shape[1]
    place = side // 2
    matrix = values[4, place + 4 : place + 12, place - 8 : place].mean()
    assert matrix == pytest.approx(0.01 / 0.5 * 1e4, rel=0.03)
    assert found.volume.spacing == (0.5, 0.5, 0.5)
    assert found.quality.noise > 0


def test_the_axis_alone(scan):
    centre = st.reconstruct.centre_of_rotation(scan)
    assert centre.pixel == pytest.approx(31.0, abs=0.2)
    assert centre.spread < 0.3


def test_shifted_and_leaning_projections_are_put_straight():
    lines = project_balls(BALLS, HALF, (25, COLUMNS), 29.5)
    rng = np.random.default_rng(2)
    moves = rng.uniform(-1.5, 1.5, (ANGLES, 2))
    from scipy.ndimage import shift

    moved = np.stack([shift(p, m, order=1, mode="nearest")
                      for p, m in zip(lines, -moves, strict=True)])  # fmt: skip
    images = Images(reference(None, None, lines.shape[1:]), flash=0, shifts=moves)
    out = np.empty(lines.shape, np.float32)
    slabs = Grid.slabs(lines.shape, 30)
    normalise_images(np.exp(-moved).astype(np.float32), out, images, slabs, SERIAL)
    inside = (slice(None), slice(4, -4), slice(4, -4))
    assert np.abs(out - lines)[inside].mean() < 0.3 * np.abs(moved - lines)[inside].mean()


def test_any_volume_can_be_projected_and_comes_back():
    rng = np.random.default_rng(0)
    volume = np.zeros((3, 40, 40), np.float32)
    volume[:, 12:28, 10:24] = 0.02
    volume[1:, 20:26, 20:30] = 0.05
    volume += 1e-4 * rng.random(volume.shape).astype(np.float32)
    angles = np.arange(120) * np.pi / 120
    lines = project_volume(volume, angles, 60, 29.5)
    shot = Projections(
        da.from_array(np.exp(-lines)), Geometry("parallel", (1.0, 1.0)), angles, normalised=True
    )
    found = st.reconstruct.tomography(
        shot, Tomography(axis=29.5, stripes="none", field="full", bits=32, flash=0)
    )
    back = found.volume.data.compute()[:, 10:50, 10:50] / 1e4
    assert np.sqrt(np.mean((back - volume) ** 2)) < 4e-3  # edges, blurred by half a voxel


def test_too_few_angles_and_flat_projections_are_told():
    flat = Projections(da.ones((ANGLES, 2, COLUMNS)), Geometry("parallel"), HALF, normalised=True)
    with pytest.raises(InputDataError, match="flat"):
        st.reconstruct.tomography(flat)
    with pytest.raises(InputDataError, match="nothing tells the angles"):
        st.reconstruct.tomography(Projections(da.ones((9, 2, 8)), Geometry("parallel")))


def rings(image):
    """Return the ripple of the mean over circles."""
    from ssbtomo.kernels.ct.stripes import running_median

    place = np.arange(len(image)) - (len(image) - 1) / 2
    radius = np.rint(np.hypot(place[:, None], place)).astype(int).ravel()
    counts = np.maximum(np.bincount(radius), 1)
    profile = (np.bincount(radius, image.ravel()) / counts)[10 : len(image) // 2 - 5]
    row = profile.astype(np.float32)[None]
    return float(np.std(row - running_median(row, 21)))


@pytest.mark.skipif(not REAL.is_dir(), reason="the genuine sinograms are not here")
@pytest.mark.parametrize("name", ["dendrites", "neutrons"])
def test_genuine_sinograms_lose_their_rings(name):
    if name == "dendrites":
        from scipy.io import loadmat

        kept = loadmat(REAL / "RealDataDend.mat")
        lines, angles = kept["sinoRD"].T / 1000, kept["anglesRad"].ravel()
        lines = lines[:, 300:960]  # a region of interest
    else:
        image = tifffile.imread(REAL / "sinogram_360_neutron_image.tif").astype(float)
        lines = -np.log(np.maximum(image / image.max(), 1e-3))
        angles = np.linspace(0, 2 * np.pi, len(lines))
    shot = Projections(
        da.from_array(np.exp(-lines)[:, None].astype(np.float32)),
        Geometry("parallel", (1.0, 1.0)), angles, normalised=True,
    )  # fmt: skip
    images = {}
    for stripes in ("none", "sorting"):
        found = st.reconstruct.tomography(shot, Tomography(stripes=stripes, bits=32, flash=0))
        images[stripes] = found.volume.data.compute()[0]
    assert rings(images["sorting"]) < 0.5 * rings(images["none"])
