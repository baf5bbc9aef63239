"""Connectivity of phases in blocks, on shapes with known answers and on a real electrode."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.connection import connectivities, connectivity, percolating
from ssbtomo.errors import PhaseMissingError
from ssbtomo.kernels import connectivity as kernels


def test_a_channel_a_dead_end_and_an_island():
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[:, 2, 2] = 3  # channel along z: 10 voxels
    labels[:4, 5, 5] = 3  # dead end at z-min: 4 voxels
    labels[5, 5, 7:9] = 3  # island: 2 voxels
    grid = Grid(labels.shape, (3, 4, 8))
    found = connectivity(labels, 3, grid, SERIAL)
    assert found == kernels.connectivity(labels == 3)
    assert found.components == 3
    assert found.voxels == 16
    assert found.joined["z-min"] == 14 / 16
    assert found.spanning == {"z": 10 / 16, "y": 0, "x": 0}
    spans = percolating(
        labels, 3, 0, grid, SERIAL, allocate=lambda name, dtype: np.zeros(labels.shape, dtype)
    )
    assert np.argwhere(spans).tolist() == [[z, 2, 2] for z in range(10)]


def test_a_phase_that_does_not_occur():
    labels = np.zeros((4, 4, 4), np.uint8)
    grid = Grid(labels.shape, (2, 2, 2))
    with pytest.raises(PhaseMissingError, match="phase 1 has no voxel"):
        connectivity(labels, 1, grid, SERIAL)
    assert list(connectivities(labels, grid, SERIAL, phases=[0, 1])) == [0]


def test_phases_of_a_real_electrode(real_volumes):
    labels = tifffile.imread(real_volumes / "soc_electrode" / "labels_128x256x256_u8.tif")
    grid = Grid(labels.shape, (48, 100, 100))
    with Engine.start("threads", 2) as engine:
        found = connectivities(labels, grid, engine)
    assert sorted(found) == [0, 128, 255]
    for phase, shares in found.items():
        assert shares == kernels.connectivity(labels == phase)
