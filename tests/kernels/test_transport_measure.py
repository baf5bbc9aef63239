"""The verb ``st.measure.tortuosity``: what it takes and what it refuses."""

from __future__ import annotations

import math

import dask.array as da
import numpy as np
import pytest

from ssbtomo.errors import AxisError, InputDataError, PhaseMissingError, VoxelSizeError
from ssbtomo.measure import tortuosity

CUBE = (0.1, 0.1, 0.1)


@pytest.fixture(scope="module")
def labels():
    return np.random.default_rng(0).integers(0, 3, (12, 11, 10)).astype(np.uint8)


def test_dask_and_numpy_agree(labels):
    conductivities = {0: 1.0, 2: 0.5}
    here = tortuosity(labels, CUBE, axis="y", conductivities=conductivities)
    lazy = da.from_array(labels, chunks=(5, 4, 10))
    there = tortuosity(lazy, CUBE, axis="y", conductivities=conductivities)
    assert here.tau == there.tau
    assert here.effective == there.effective


def test_booleans_and_any_integers_are_labels(labels):
    mask = labels > 0
    wanted = tortuosity(mask, CUBE).tau
    assert tortuosity(mask.astype(np.int64), CUBE).tau == wanted
    assert tortuosity(np.where(mask, -7, 3), CUBE, phase=-7).tau == wanted


def test_lazy_fractions_are_taken(labels):
    share = np.linspace(0.2, 1, labels.size).reshape(labels.shape)
    here = tortuosity(labels, CUBE, fractions=share)
    there = tortuosity(labels, CUBE, fractions=da.from_array(share, chunks=4))
    assert here.tau == there.tau > 1


def test_a_blocked_phase_is_infinite():
    labels = np.ones((4, 4, 4), bool)
    labels[2] = False
    result = tortuosity(labels, CUBE)
    assert math.isinf(result.tau)
    assert tortuosity(labels, CUBE, axis="x").tau == 1


def test_a_wrong_axis_is_named(labels):
    with pytest.raises(AxisError, match="'w'"):
        tortuosity(labels, CUBE, axis="w")


def test_a_flat_image_is_refused(labels):
    with pytest.raises(AxisError, match="shape"):
        tortuosity(labels[0], CUBE)


def test_an_absent_phase_is_named_with_those_present(labels):
    with pytest.raises(PhaseMissingError, match=r"phase 9 .*\[0, 1, 2\]"):
        tortuosity(labels, CUBE, phase=9)
    with pytest.raises(PhaseMissingError, match="phase 9"):
        tortuosity(labels, CUBE, conductivities={1: 1.0, 9: 1.0})


def test_an_absent_insulator_does_not_matter(labels):
    wanted = tortuosity(labels, CUBE, conductivities={1: 1.0, 2: 1.0})
    assert tortuosity(labels, CUBE, conductivities={1: 1.0, 2: 1.0, 9: 0.0}).tau == wanted.tau


def test_soft_values_are_not_labels(labels):
    with pytest.raises(InputDataError, match="float64"):
        tortuosity(labels / 2, CUBE)


@pytest.mark.parametrize("spacing", [(0.1, 0.1), (0.1, 0.1, 0.0), (0.1, 0.1, math.nan)])
def test_a_bad_spacing_is_refused(labels, spacing):
    with pytest.raises(VoxelSizeError):
        tortuosity(labels, spacing)
