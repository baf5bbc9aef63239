"""The verbs on correlations and chords: tables, lazy labels, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ssbtomo import measure
from ssbtomo.blocks import Engine
from ssbtomo.errors import InputDataError, PhaseMissingError, VoxelSizeError

SPACING = (0.2, 0.1, 0.1)


@pytest.fixture(scope="module")
def labels():
    coarse = np.random.default_rng(3).integers(0, 3, (12, 10, 11))
    return coarse.repeat(2, 0).repeat(2, 1).repeat(2, 2).astype(np.uint8)


def test_correlations_come_as_a_tidy_table(labels):
    table = measure.two_point_correlation(labels, SPACING, {"void": 0, "solid": 2}, reach=0.8)
    assert set(table["axis"]) == {"z", "y", "x"}
    rows = table.query("axis == 'z' and phase_a == 'void' and phase_b == 'solid'")
    assert rows["lag_um"].tolist() == [0, 0.2, 0.4, 0.6, 0.8]
    pairs = (labels[:-2] == 0) & (labels[2:] == 2)
    assert rows["count"].iloc[2] == np.count_nonzero(pairs)
    assert rows["pairs"].iloc[2] == pairs.size
    assert rows["probability"].iloc[2] == np.mean(pairs)
    assert len(table.query("axis == 'x' and phase_a == phase_b")) == 2 * 9


def test_lengths_are_in_micrometres(labels):
    table = measure.correlation_lengths(labels, SPACING).set_index("phase")
    # Cubes of 2 voxels: the covariance is 1, 1/2, 0; half of its integral is one voxel. About
    # 1300 cubes: noise moves the zero.
    assert table.loc[1, "correlation_length_z_um"] == pytest.approx(0.2, rel=0.15)
    assert table.loc[1, "correlation_length_x_um"] == pytest.approx(0.1, rel=0.15)
    assert table["volume_fraction"].sum() == pytest.approx(1)
    assert (table["surface_per_volume_1_um"] > 0).all()


def test_chords_come_as_a_tidy_table(labels):
    table = measure.chord_lengths(labels, SPACING)
    length = table["chord_um"] * (table["whole"] + table["cut"] + table["through"])
    voxels = length[table["axis"] == "z"].groupby(table["phase"]).sum() / SPACING[0]
    np.testing.assert_allclose(voxels, np.bincount(labels.ravel()))
    assert table[["whole", "cut", "through"]].sum(axis=1).min() > 0


def test_mean_chords_know_three_means(labels):
    rows = measure.mean_chords(labels, SPACING, [1]).set_index("axis").loc["x"]
    # A coin of 1/3 per cube of 2 voxels: 2 / (1 - 1/3) voxels on average; 500 chord ends.
    assert rows["mean_um"] == pytest.approx(0.3, rel=0.15)
    assert rows["whole_mean_um"] < rows["weighted_mean_um"]
    assert rows["whole"] > rows["cut"] > rows["through"]


def test_lazy_labels_and_workers_give_the_same_tables(labels):
    import dask.array as da

    lazy = da.from_array(labels, chunks=(7, 20, 9))
    with Engine.start("threads", 2) as engine:
        for verb in (
            measure.two_point_correlation,
            measure.correlation_lengths,
            measure.chord_lengths,
            measure.mean_chords,
        ):
            expected = verb(labels, SPACING)
            assert expected.equals(verb(lazy, SPACING, engine=engine))


def test_zarr_labels_are_read_block_by_block(labels, tmp_path):
    import zarr

    store = zarr.create_array(tmp_path / "a.zarr", shape=labels.shape, dtype="u1", chunks=(8,) * 3)
    store[...] = labels
    assert measure.chord_lengths(store, SPACING).equals(measure.chord_lengths(labels, SPACING))


def test_what_does_not_exist_is_told(labels):
    with pytest.raises(PhaseMissingError):
        measure.chord_lengths(labels, SPACING, [7])
    with pytest.raises(InputDataError, match="reach"):
        measure.two_point_correlation(labels, SPACING, reach=-1.0)
    with pytest.raises(VoxelSizeError):
        measure.mean_chords(labels, (0, 1, 1))
    single = measure.correlation_lengths(np.ones((1, 1, 1), int), SPACING)
    assert math.isnan(single["integral_range_um3"].iloc[0])
