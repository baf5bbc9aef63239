"""The verbs of conduction beside ``tortuosity``."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from ssbtomo import measure
from ssbtomo.errors import AxisError, InputDataError, PhaseMissingError

CUBE = (0.1, 0.1, 0.1)


@pytest.fixture(scope="module")
def labels():
    return (np.random.default_rng(0).random((12, 11, 10)) < 0.7).astype(np.uint8)


def test_lazy_labels_are_taken(labels):
    lazy = da.from_array(labels, chunks=5)
    here, there = (measure.effective_tensor(v, CUBE) for v in (labels, lazy))
    np.testing.assert_array_equal(here.effective, there.effective)
    one, two = (measure.electrode_tortuosity(v, CUBE, axis="y") for v in (labels, lazy))
    assert one == two
    short, same = (measure.geodesic_tortuosity(v, CUBE, axis="y") for v in (labels, lazy))
    np.testing.assert_array_equal(short.tau, same.tau)


def test_contacts_resist_in_the_tensor():
    layers = np.ones((10, 4, 4), np.uint8)
    layers[4:] = 2
    found = measure.effective_tensor(
        layers, (1.0, 1.0, 1.0),
        conductivities={1: 1e-3, 2: 1e-3}, contact_resistances={(1, 2): 1.0},
    )  # fmt: skip
    np.testing.assert_allclose(np.diagonal(found.effective), [0.5e-3, 1e-3, 1e-3], rtol=1e-9)


def test_wrong_questions_are_told(labels):
    with pytest.raises(AxisError, match="'w'"):
        measure.electrode_tortuosity(labels, CUBE, axis="w")
    with pytest.raises(PhaseMissingError):
        measure.geodesic_tortuosity(labels, CUBE, phase=5)
    with pytest.raises(InputDataError, match="share"):
        measure.bottlenecks(np.ones((2, 2, 2), np.float32), CUBE, share=1.0)


def test_necks_are_bottlenecks():
    labels = np.ones((20, 7, 9), np.uint8)
    labels[5] = labels[14] = 0
    labels[5, 2, 2] = 1
    labels[14, 4:6, 5:7] = 1
    result = measure.tortuosity(labels, CUBE, keep_maps=True)
    table = measure.bottlenecks(result.local.resistance, CUBE, share=0.7)
    worst = table.iloc[0]
    assert worst[["z_um", "y_um", "x_um"]].to_list() == pytest.approx([0.55, 0.25, 0.25], abs=0.02)
    second = table.iloc[1]
    assert second[["z_um", "y_um", "x_um"]].to_list() == pytest.approx([1.45, 0.5, 0.6], abs=0.02)
    assert 0.7 <= table["share"].sum() < 0.9
    assert table["share"].is_monotonic_decreasing
