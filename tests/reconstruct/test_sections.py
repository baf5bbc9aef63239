"""The verbs of FIB-SEM stacks, and the sameness of their blocks."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hst
from scipy import ndimage as ndi

import ssbtomo as st
from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.fib_sem import Placed, place_slices
from ssbtomo.blocks.slice_alignment import Aligning, align_slices
from ssbtomo.errors import InputDataError, VoxelSizeError
from ssbtomo.kernels.fibsem.distortion import bend_of, bends_of
from ssbtomo.kernels.fibsem.drift import Canvas
from ssbtomo.model import FibSem
from ssbtomo.reconstruct.slice_positions import read_positions
from ssbtomo.reconstruct.stack_plan import geometry_of
from ssbtomo.testing import SectionFaults, evolving_phases, section_slices

GREYS = np.array([60, 120, 180], np.float32)
MARGIN = 12


def shot(slices=20, side=96, *, mark=False, **faults):
    wide = side + 2 * MARGIN
    grey = ndi.gaussian_filter(
        GREYS[evolving_phases((slices, wide, wide), scale=(5, 5, 5), seed=1)], (0, 0.7, 0.7)
    )
    if mark:
        pattern = ndi.gaussian_filter(np.random.default_rng(4).normal(size=(wide, wide)), 2) > 0
        grey[:, : MARGIN + 40] = np.where(pattern, 50, 190)[: MARGIN + 40]
    return section_slices(grey, SectionFaults(**faults), margin=MARGIN, seed=2)


def volume(image, spacing=(0.02, 0.02, 0.02), **more):
    return st.Volume(da.from_array(image), spacing, "user", **more)


def test_a_mark_keeps_errors_from_adding_up():
    made = shot(mark=True, noise=12)
    found = st.reconstruct.align(volume(made.image), FibSem(region=(2, 36, 8, 88)), workers=1)
    error = found.drift.place - made.drift
    assert np.sqrt((error**2).mean(axis=0)).max() < 0.2


def test_an_aligned_stack_is_left_untouched():
    made = shot(drift=0.0)
    found = st.reconstruct.align(volume(made.image), workers=1)
    assert found.drift.aligned
    np.testing.assert_array_equal(np.asarray(found.volume.data), made.image)


def bent(slices=32, side=128, *, by=0.008):
    """Slices that drift and are sheared and stretched by themselves, with the straight ones."""
    rng = np.random.default_rng(5)
    wide = side + 2 * MARGIN
    labels = evolving_phases((slices, wide, wide), scale=(5, 5, 5), seed=3)
    grey = ndi.gaussian_filter(GREYS[labels], (0, 0.7, 0.7))
    bends = np.zeros((slices, 2, 2))
    bends[:, :, 0] = rng.normal(0, by, (slices, 2))
    drift = np.cumsum(rng.normal(0, 0.5, (slices, 2)), axis=0)
    middle, image = (side - 1) / 2, []
    for grain, bend, place in zip(grey, bends, drift - drift[0], strict=True):
        back = np.linalg.inv(np.eye(2) + bend)
        start = middle + MARGIN - back @ (middle + place)
        image.append(ndi.affine_transform(grain, back, start, output_shape=(side, side)))
    return np.stack(image) + rng.normal(0, 8, (slices, side, side)), bends


@pytest.mark.parametrize("kind", ["shear", "affine"])
def test_what_bends_single_slices_is_undone(kind):
    image, bends = bent()
    stack = volume(image.astype(np.float32))
    found = st.reconstruct.align(stack, FibSem(distortion=kind), workers=2)
    error = found.placed.bends - (bends - bends.mean(axis=0))
    # slow parts cannot be told from the structure: 0.57 is left in so short a stack, 0.3 in longer ones
    assert np.sqrt((error[:, :, 0] ** 2).mean(axis=0)).max() < 0.65 * bends[:, :, 0].std()
    plain = st.reconstruct.align(stack, workers=2)
    alike = []
    for one in (found, plain):
        voxels = np.asarray(one.volume.data)[:, 16:-16, 16:-16]
        alike.append(np.abs(np.diff(voxels, axis=0)).mean())
    assert alike[0] < alike[1]
    again = st.reconstruct.align(stack, FibSem(distortion=kind), workers=1)
    np.testing.assert_array_equal(np.asarray(again.volume.data), np.asarray(found.volume.data))


def test_slices_that_are_not_bent_are_not_touched():
    image, _ = bent(by=0.0)
    stack = volume(image.astype(np.float32))
    found = st.reconstruct.align(stack, FibSem(distortion="shear"), workers=1)
    assert found.placed.bends is None
    plain = st.reconstruct.align(stack, workers=1)
    np.testing.assert_array_equal(np.asarray(found.volume.data), np.asarray(plain.volume.data))


def test_bends_are_told_from_steps_and_from_shifts():
    rng = np.random.default_rng(2)
    own = rng.normal(0, 0.01, (60, 2, 2))
    drawn = ndi.gaussian_filter1d(rng.normal(0, 0.004, (59, 2, 2)), 3, axis=0)  # apparent: smooth
    known = np.full(drawn.shape, drawn.var() / 2)
    found = bends_of(np.diff(own, axis=0) + drawn, known)
    assert np.sqrt(((found.bends - own) ** 2).mean()) < 0.4 * own.std()
    np.testing.assert_allclose(found.scatter, 0.01, rtol=0.35)  # 60 draws, four times
    assert not bends_of(drawn, known).bends.any()
    assert not bends_of(np.zeros((1, 2, 2)), known[:1]).bends.any()
    middles = np.array([(y, x) for y in (-30, 0, 30) for x in (-40, 0, 40)], float)
    bend = np.array([[0.01, -0.002], [0.004, 0.003]])
    shifts, sigmas = middles @ bend.T + [3.0, -2.0], np.full((9, 2), 0.1)
    sigmas[4], shifts[4] = np.inf, 99.0
    np.testing.assert_allclose(bend_of(shifts, sigmas, middles, "affine")[0], bend, atol=1e-12)
    sheared = middles[:, :1] @ bend[:, :1].T
    np.testing.assert_allclose(
        bend_of(sheared, np.ones((9, 2)), middles, "shear")[0][:, 0], bend[:, 0]
    )
    assert not bend_of(shifts, np.full((9, 2), np.inf), middles, "affine")[0].any()


def test_the_canvas_grows_or_shrinks_by_the_drift():
    made = shot(noise=4)
    common = st.reconstruct.align(volume(made.image), workers=1)
    grown = st.reconstruct.align(volume(made.image), FibSem(canvas="grown"), workers=1)
    reach = np.ptp(common.drift.place, axis=0)
    for axis in (1, 2):
        assert abs(96 - common.volume.shape[axis] - reach[axis - 1]) < 2
        assert abs(grown.volume.shape[axis] - 96 - reach[axis - 1]) < 2
    # the same slices on both: where the common one lies on the grown one
    y, x = (
        a - b for a, b in zip(common.placed.canvas.start, grown.placed.canvas.start, strict=True)
    )
    _, rows, columns = common.volume.shape
    part = np.asarray(grown.volume.data)[:, y : y + rows, x : x + columns]
    inner = (slice(None), slice(8, -8), slice(8, -8))  # splines differ near the rims
    same = part[inner].astype(int) - np.asarray(common.volume.data)[inner]
    assert np.abs(same).max() <= 1


def test_threads_give_the_same_bits():
    made = shot(curtains=6, flicker=2, blank=(7,))
    one, two = (st.reconstruct.fib_sem(volume(made.image), workers=n) for n in (1, 2))
    np.testing.assert_array_equal(np.asarray(one.volume.data), np.asarray(two.volume.data))
    np.testing.assert_array_equal(one.drift.sigma, two.drift.sigma)
    assert [state.index for state in one.flagged] == [7]
    assert one.synthetic == (7,)


@given(hst.integers(1, 7), hst.sampled_from([1, 3]), hst.floats(0.4, 1.7))
@settings(max_examples=10)
def test_placing_does_not_depend_on_slabs(thickness, order, edge):
    rng = np.random.default_rng(3)
    raw = rng.integers(0, 255, (7, 12, 15)).astype(np.uint8)
    good = np.array([0, 1, 3, 4, 6])
    placed = Placed(
        good, good.astype(float), np.arange(0.0, 6.01, edge), rng.normal(0, 1, (5, 2)),
        np.array([[1.0, 0.0], [1.1, -3.0], [1.0, 0.0], [0.9, 2.0], [1.0, 0.0]]),
        Canvas((2, 3), (8, 9)), (edge, 1.0), order, None,
    )  # fmt: skip
    whole, cut = np.empty(placed.shape, np.uint8), np.empty(placed.shape, np.uint8)
    place_slices(raw, whole, placed, Grid.slabs(placed.shape, len(whole)), SERIAL)
    with Engine.start("threads", 2) as engine:
        place_slices(raw, cut, placed, Grid.slabs(placed.shape, thickness), engine)
    np.testing.assert_array_equal(whole, cut)


def test_thickness_is_told_with_its_error():
    made = shot(48, drift=0.4, noise=8)
    thin = st.reconstruct.slice_thickness(volume(made.image[::2], (1.0, 0.02, 0.02)), workers=1)
    # isotropic: every other slice is twice as far as a pixel is wide; some 60 grains across
    assert thin.value == pytest.approx(0.04, rel=0.12)
    assert abs(thin.value - 0.04) < 4 * thin.sigma


def test_curtains_of_a_volume():
    made = shot(6, drift=0.0, curtains=9)
    clean = np.asarray(st.reconstruct.remove_curtains(volume(made.image), workers=1).data)
    before, after = (
        np.sqrt(np.mean((image - made.still) ** 2)) for image in (made.image.astype(float), clean)
    )
    assert after < 0.5 * before
    assert clean.dtype == np.uint8


@pytest.mark.parametrize(
    ("told", "angle", "factor", "noted"),
    [
        ("", 52, 1.2690, False),
        ("off", 52, 1.2690, False),
        ("off", None, 1.0, True),
        ("on, 38 deg", 52, 1.0, False),
        ("on, -38 deg", 52, 1.0, False),
        ("on, 52 deg", 52, 0.7813, True),  # the surface's angle, not that of the face
        ("on", 38, 1.0, False),
        ("", 38, 1.6243, False),
    ],
)
def test_the_microscopes_tilt_correction_counts(told, angle, factor, noted):
    conditions = {"tilt_correction": told} if told else {}
    found = geometry_of(FibSem(view_angle=angle), (1.0, 1.0, 1.0), conditions)
    assert found.spacing == pytest.approx((1.0, factor, 1.0), rel=1e-4)
    assert bool(found.notes) is noted


def test_cubic_voxels_and_uneven_slices(tmp_path):
    made = shot(10, drift=0.0, noise=2)
    asked = FibSem(align=False, curtains=False, flicker=False, cubic_voxels="40 nm")
    found = st.reconstruct.fib_sem(volume(made.image, (0.02, 0.02, 0.02)), asked, workers=1)
    assert found.volume.shape == (5, 48, 48)
    assert found.volume.spacing == (0.04,) * 3
    np.testing.assert_array_equal(np.asarray(found.volume.data)[:, 0, 0], made.image[::2, 0, 0])
    path = tmp_path / "z.txt"
    path.write_text("0 1 3")
    np.testing.assert_array_equal(read_positions(path, 3), [0, 1, 3])
    with pytest.raises(InputDataError, match="3 positions for 4 slices"):
        read_positions(path, 4)


def test_bad_input_is_told():
    made = shot(6, side=32, drift=0.0)
    with pytest.raises(VoxelSizeError):
        st.reconstruct.fib_sem(st.Volume(da.from_array(made.image)))
    with pytest.raises(VoxelSizeError, match="pixel size"):
        st.reconstruct.slice_thickness(st.Volume(da.from_array(made.image)))
    with pytest.raises(InputDataError, match="needs two"):
        align_slices(made.image, np.array([1]), Aligning(), SERIAL)
    with pytest.raises(InputDataError, match="are blank or charged"):
        st.reconstruct.align(volume(made.image[:2]), FibSem(left_out=(0, 1)))
