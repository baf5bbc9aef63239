"""Scatter over cells: known variances, and when nothing is told."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ssbtomo.kernels.representative import cell_spread

ONE = (1.0, 1.0, 1.0)


def cells_of_noise(share: float, cells: int, edge: int, seed: int) -> np.ndarray:
    """Voxels of a phase that is in each voxel by chance, in cells of `edge` voxels."""
    rng = np.random.default_rng(seed)
    return rng.binomial(edge**3, share, (cells,) * 3)


def test_independent_voxels_have_the_binomial_error():
    share, edge = 0.3, 8
    found = cell_spread(cells_of_noise(share, 16, edge, 1), (edge,) * 3, (16 * edge,) * 3, ONE)
    assert [one.cells for one in found] == [4096, 512, 64, 8, 1]
    assert [one.cell_um for one in found] == pytest.approx([8, 16, 32, 64, 128])
    truth = math.sqrt(share * (1 - share) / (16 * edge) ** 3)
    # The standard deviation of n cells is itself known to 1 / sqrt(2 n - 2); four of that.
    for one in found[:3]:
        assert one.standard_error == pytest.approx(truth, rel=4 / math.sqrt(2 * one.cells - 2))
    # Extrapolated from the 8 largest boxes alone: their 27 %, twice.
    assert found[-1].standard_error == pytest.approx(truth, rel=0.55)
    assert found[-1].mean == pytest.approx(share, abs=4 * truth)


def test_the_extrapolated_error_is_that_of_many_volumes():
    """Features of one cell's size: the scatter of the means of volumes is what was foretold."""
    rng = np.random.default_rng(2)
    volumes = [np.kron(rng.random((8, 8, 8)), np.ones((2, 2, 2))) for _ in range(60)]
    told = [cell_spread(v, (1, 1, 1), (16, 16, 16), ONE)[-1] for v in volumes]
    scatter = np.std([one.mean for one in told], ddof=1)
    # Scatter of 60 means: 9 %, twice; and the larger of two estimates is up to 20 % too large.
    assert 0.82 * scatter < np.mean([one.standard_error for one in told]) < 1.4 * scatter
    # Seen from the small cells, which are not independent, the error is too small: 8 ** -0.5.
    small = [cell_spread(v, (1, 1, 1), (16, 16, 16), ONE)[0].standard_error for v in volumes]
    assert np.mean(small) == pytest.approx(scatter / math.sqrt(8), rel=0.3)


def test_a_gradient_is_not_taken_for_chance():
    """What does not average out over larger boxes: the largest of them tell the error."""
    steps = np.arange(16.0)
    found = cell_spread(
        np.broadcast_to(steps[:, None, None], (16, 16, 16)), (1, 1, 1), (16,) * 3, ONE
    )
    assert (
        found[-1].standard_error >= found[-2].standard_error == pytest.approx(4.28 / 8**0.5, 0.01)
    )


def test_fewer_than_eight_cells_tell_nothing():
    found = cell_spread(np.array([[[3, 5, 4, 6, 5, 4, 4]]]), (2, 2, 2), (2, 2, 14), ONE)
    assert [one.cells for one in found] == [7, 3, 1]
    assert all(math.isnan(one.sd) and math.isnan(one.standard_error) for one in found)
    assert found[-1].mean == pytest.approx(31 / 56)


def test_cells_cut_by_the_end_count_for_the_mean_only():
    amounts = np.full((2, 2, 3), 8.0)
    amounts[:, :, 2] = 4.0
    found = cell_spread(amounts, (2, 2, 2), (4, 4, 5), ONE)
    assert [(one.cells, one.mean, one.sd) for one in found[:1]] == [(8, 1.0, 0.0)]
    assert (found[-1].mean, found[-1].standard_error) == (1.0, 0.0)


def test_one_cell_is_the_whole():
    found = cell_spread(np.array([[[5]]]), (2, 2, 2), (2, 2, 2), (1.0, 1.0, 2.0))
    assert len(found) == 1
    assert found[0].mean == pytest.approx(5 / 16)
    assert found[0].cell_um == pytest.approx(16 ** (1 / 3))
    assert math.isnan(found[0].standard_error)


def test_densities_are_per_volume_and_scale():
    amounts = np.random.default_rng(3).random((4, 4, 4))
    fine = cell_spread(amounts, (2, 2, 2), (8, 8, 8), ONE)
    coarse = cell_spread(amounts, (2, 2, 2), (8, 8, 8), (2.0, 2.0, 2.0))
    for one, other in zip(fine, coarse, strict=True):
        assert other.mean == pytest.approx(one.mean / 8)
        assert other.cell_um == pytest.approx(2 * one.cell_um)
        assert other.standard_error == pytest.approx(one.standard_error / 8, nan_ok=True)
