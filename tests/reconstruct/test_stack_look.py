"""Traces of slices: laws of the sharpness, the same for any engine, told as they are found."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from ssbtomo.blocks import Engine, Grid
from ssbtomo.blocks.slice_traces import TRACES, trace_slices
from ssbtomo.errors import CancelledError, SsbtomoError
from ssbtomo.kernels.fibsem.sharpness import slice_sharpness
from ssbtomo.reconstruct import fib_sem, slice_traces
from ssbtomo.testing.sections import SectionFaults, evolving_phases, section_slices
from ssbtomo.volume import Volume


@pytest.fixture(scope="module")
def scene():
    """A slice of three phases without noise."""
    return np.array([60, 130, 200], np.float32)[evolving_phases((1, 128, 128), seed=2)[0]]


def test_a_blurred_slice_is_less_sharp(scene):
    found = [slice_sharpness(ndi.gaussian_filter(scene, sigma)) for sigma in (0, 1, 2, 4)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 2 * found[3]


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_contrast_and_brightness_are_not_sharpness(scene, factor):
    # float32 of grey values: seven digits
    assert slice_sharpness(scene * factor + 17) == pytest.approx(slice_sharpness(scene), rel=1e-4)


def test_a_slice_may_be_turned(scene):
    assert slice_sharpness(scene.T) == pytest.approx(slice_sharpness(scene), rel=1e-2)


def test_noise_is_not_sharpness(scene):
    blurred = ndi.gaussian_filter(scene, 2)
    noisy = blurred + np.random.default_rng(1).normal(0, 12, scene.shape).astype(np.float32)
    # the noise is estimated, and widens the percentiles of the contrast: some per cent
    assert slice_sharpness(noisy) == pytest.approx(slice_sharpness(blurred), rel=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (9, 2), (5, 5)])
def test_a_slice_without_contrast_has_none(shape):
    assert slice_sharpness(np.full(shape, 7, np.uint8)) == 0


@settings(max_examples=10)
@given(
    st.integers(1, 7), st.integers(3, 14), st.integers(3, 14), st.integers(1, 5), st.integers(0, 99)
)
def test_any_cut_and_any_engine_give_the_same_bits(z, y, x, thickness, seed):
    stack = np.random.default_rng(seed).integers(0, 255, (z, y, x), np.uint8)
    levels = np.array([60.0, 130.0, 200.0])
    whole = np.concatenate(list(trace_slices(stack, levels, Grid.slabs(stack.shape, z), Engine())))
    with Engine.start("threads", 2) as engine:
        cut = np.concatenate(
            list(trace_slices(stack, levels, Grid.slabs(stack.shape, thickness), engine))
        )
    np.testing.assert_array_equal(cut, whole)
    assert whole.shape == (z, len(TRACES))


@pytest.fixture(scope="module")
def stack():
    grey = np.array([70, 130, 200], np.float32)[evolving_phases((18, 80, 80), seed=3)]
    faults = SectionFaults(drift=0.8, reach=6, noise=6, curtains=6, blank=(7,))
    return section_slices(grey, faults, margin=8, seed=3).image


def test_traces_come_slab_by_slab_then_the_odd_ones_then_the_drift(stack):
    told = list(slice_traces(stack, Engine()))
    assert [one.done for one in told[:5]] == [4, 8, 12, 16, 18]
    assert np.isnan(told[0].trace("mean")[4:]).all()
    assert [state.index for state in told[-1].odd] == [7]
    assert told[-1].drift is not None
    assert np.isfinite(told[-1].trace("drift y")).all()
    np.testing.assert_allclose(told[-1].trace("mean"), stack.mean(axis=(1, 2)), rtol=1e-6)


def test_curtains_show_in_their_trace():
    grey = np.array([70, 130, 200], np.float32)[evolving_phases((6, 96, 96), seed=4)]
    found = []
    for size in (0.0, 8.0):
        image = section_slices(grey, SectionFaults(drift=0, noise=5, curtains=size), seed=4).image
        *_, last = slice_traces(image, Engine(), drift=False)
        found.append(np.median(last.trace("curtains")))
    assert found[1] > 2 * found[0]


def test_a_constant_stack_has_no_curtains_and_no_edges():
    *_, last = slice_traces(np.full((6, 16, 16), 9, np.uint8), Engine(), drift=False)
    assert np.isnan(last.trace("curtains")).all()
    assert (last.trace("sharpness") == 0).all()


def test_what_is_no_stack_is_explained():
    with pytest.raises(SsbtomoError, match="three axes"):
        next(slice_traces(np.zeros((4, 4), np.uint8), Engine()))


def test_looking_and_aligning_can_be_cancelled(stack):
    import dask.array as da

    cancel = threading.Event()
    steps = slice_traces(stack, Engine(cancel=cancel))
    next(steps)
    cancel.set()
    with pytest.raises(CancelledError):
        list(steps)
    volume = Volume(da.from_array(stack, chunks=-1), (0.02, 0.01, 0.01))
    with pytest.raises(CancelledError):
        fib_sem(volume, cancel=cancel)
