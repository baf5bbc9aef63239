"""Areas block by block, on real labels and on a lazy source."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest
import tifffile

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.areas import interface_areas
from ssbtomo.errors import VoxelSizeError


@pytest.fixture(scope="module")
def electrode(real_volumes):
    return tifffile.imread(real_volumes / "soc_electrode" / "labels_128x256x256_u8.tif")


def test_normals_and_crofton_agree_on_a_real_electrode(electrode):
    spacing = (0.0184, 0.0184, 0.0184)
    grid = Grid(electrode.shape, (64, 128, 128))
    with Engine.start("threads", 2) as engine:
        areas = interface_areas(electrode, spacing, [0, 128, 255], grid, engine)
    for pair, area in areas.area_um2.items():
        # The goal; measured 0.1 to 0.7 %.
        assert areas.crofton_um2[pair] == pytest.approx(area, rel=0.03)
        # Bare faces of a structure without orientation are 3/2 too large.
        assert areas.faces_um2[pair] == pytest.approx(1.5 * area, rel=0.03)
    assert areas.disagreeing == ()


def test_blocks_of_a_real_electrode_change_no_bit(electrode):
    crop = electrode[40:90, 60:130, 100:160]
    spacing = (0.0184, 0.0184, 0.0184)
    ask = partial(interface_areas, crop, spacing, [0, 128, 255])
    whole = ask(Grid(crop.shape, crop.shape), SERIAL)
    assert ask(Grid(crop.shape, (17, 17, 17)), SERIAL) == whole
    with Engine.start("threads", 2) as engine:
        assert ask(Grid(crop.shape, (25, 64, 31)), engine) == whole


def test_the_block_is_read_once_and_only_with_its_margin():
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[20:] = 1

    class Counting:
        shape, dtype = labels.shape, labels.dtype
        windows: list[tuple[slice, ...]] = []  # noqa: RUF012

        def __getitem__(self, window):
            self.windows.append(window)
            return labels[window]

    source = Counting()
    areas = interface_areas(
        source, (1.0, 1.0, 1.0), [0, 1], Grid((40, 40, 40), (20, 40, 40)), SERIAL
    )
    assert areas.area_um2[0, 1] == pytest.approx(1600)
    assert [(w[0].start, w[0].stop) for w in source.windows] == [(0, 27), (13, 40)]


def test_progress_is_told():
    seen = []
    labels = np.zeros((6, 4, 4), np.uint8)
    grid = Grid((6, 4, 4), (2, 4, 4))
    interface_areas(labels, (1.0, 1.0, 1.0), [0, 1], grid, SERIAL, on_block=seen.append)
    assert seen == list(grid)


def test_a_phase_that_does_not_occur_has_no_area():
    labels = np.zeros((6, 4, 4), np.uint8)
    areas = interface_areas(labels, (1.0, 1.0, 1.0), [0, 1], Grid((6, 4, 4), (6, 4, 4)), SERIAL)
    assert areas.area_um2 == {(0, 1): 0.0}


def test_the_result_can_be_sent():
    labels = np.zeros((6, 4, 4), np.uint8)
    areas = interface_areas(labels, (1.0, 1.0, 1.0), [0, 1], Grid((6, 4, 4), (6, 4, 4)), SERIAL)
    assert pickle.loads(pickle.dumps(areas)) == areas


def test_a_bad_spacing():
    labels = np.zeros((6, 4, 4), np.uint8)
    with pytest.raises(VoxelSizeError, match="not positive"):
        interface_areas(labels, (1.0, 0.0, 1.0), [0, 1], Grid((6, 4, 4), (6, 4, 4)), SERIAL)
