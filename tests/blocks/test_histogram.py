"""The summary of a volume's grey values, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.histogram import grey_summary
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.histogram import Histogram


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.float32, np.bool_])
def test_it_is_the_histogram_of_the_whole(kind):
    grey = np.random.default_rng(1).random((9, 10, 11))
    image = grey > 0.5 if kind is np.bool_ else (grey * 90).astype(kind)
    summary = grey_summary(image, Grid(image.shape, (4, 3, 5)), SERIAL)
    expected = Histogram.of(image)
    np.testing.assert_array_equal(summary.check().counts, expected.counts)
    assert (summary.histogram.low, summary.histogram.width) == (expected.low, expected.width)


def test_threads_give_the_same():
    image = np.random.default_rng(1).random((9, 10, 11))
    grid = Grid(image.shape, (4, 3, 5))
    with Engine.start("threads", 2) as engine:
        together = grey_summary(image, grid, engine)
    np.testing.assert_array_equal(
        together.histogram.counts, grey_summary(image, grid, SERIAL).histogram.counts
    )


@pytest.mark.parametrize("cut", [(1, 2, 3), (4, 4, 4)])
def test_the_first_bad_voxel_is_named_for_any_cut(cut):
    image = np.ones((4, 4, 4))
    image[2, 3, 1], image[2, 1, 3], image[3, 0, 0] = np.nan, np.inf, np.nan
    summary = grey_summary(image, Grid(image.shape, cut), SERIAL)
    assert summary.span.bad == 3
    assert summary.span.first_bad == (2, 1, 3)
    assert summary.histogram is None
    with pytest.raises(InputDataError, match=r"3 voxels .* \(2, 1, 3\)"):
        summary.check()


@pytest.mark.parametrize("kind", [np.uint16, np.float64])
def test_a_constant_volume_is_refused(kind):
    summary = grey_summary(np.full((3, 3, 3), 7, kind), Grid((3, 3, 3), (2, 2, 2)), SERIAL)
    assert summary.constant
    with pytest.raises(InputDataError, match="every voxel is 7"):
        summary.check()
