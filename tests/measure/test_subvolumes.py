"""Cells of a volume and what they sum up to."""

from __future__ import annotations

import math

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ssbtomo import measure
from ssbtomo.errors import AxisError, CancelledError, InputDataError, PhaseMissingError

EDGES = (0.2, 0.1, 0.1)


@pytest.fixture(scope="module")
def labels():
    noise = gaussian_filter(np.random.default_rng(0).random((16, 33, 34)), 1.5)
    return (noise < np.quantile(noise, 0.6)).astype(np.uint8)


def test_cells_are_solved_and_summed_up(labels):
    told = []
    cells = measure.tortuosity_subvolumes(
        da.from_array(labels, chunks=9), EDGES, conductivities={0: 0.1, 1: 1.0},
        sizes=[0.8, 1.6], progress=lambda *a: told.append(a),
    )  # fmt: skip
    assert cells.groupby("size_um").size().to_dict() == {0.8: 4 * 4 * 4, 1.6: 2 * 2 * 2}
    assert told[-1] == (72, 72)
    assert (cells["uniform_current"] <= cells["held_faces"]).all()
    assert (cells["held_faces"] <= cells["uniform_gradient"]).all()
    first = cells[cells["size_um"] == 1.6].iloc[0]
    assert first[["z_um", "y_um", "x_um"]].tolist() == pytest.approx([0, 0, 0.1])
    alone = measure.tortuosity(labels[:8, :16, 1:17], EDGES, conductivities={0: 0.1, 1: 1.0})
    assert first["held_faces"] == pytest.approx(alone.effective, rel=1e-3)  # tolerance 1e-4

    rows = measure.subvolume_statistics(cells)
    assert rows["cells"].tolist() == [64, 8]
    small, large = rows.to_dict("records")
    assert small["sd"] > large["sd"]
    assert small["bracket"] > large["bracket"]
    assert small["ci_low"] < small["held_faces"] < small["ci_high"]


def test_one_cell_has_no_scatter(labels):
    cells = measure.tortuosity_subvolumes(labels, EDGES, sizes=[3.2])
    (row,) = measure.subvolume_statistics(cells).to_dict("records")
    assert row["cells"] == 1
    assert math.isnan(row["ci_low"])


def test_usual_sizes_are_halves(labels):
    cells = measure.tortuosity_subvolumes(labels, EDGES, axis="x", tolerance=1e-2)
    assert sorted(set(cells["size_um"])) == [1.6]  # a quarter would be 4 voxels
    tiny = measure.tortuosity_subvolumes(np.ones((5, 5, 5), np.uint8), (1.0,) * 3)
    assert tiny["tau"].tolist() == [1.0]


def test_the_thread_count_does_not_show(labels, monkeypatch):
    import numba

    one = measure.tortuosity_subvolumes(labels, EDGES, sizes=[1.6])
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 1)
    assert one.equals(measure.tortuosity_subvolumes(labels, EDGES, sizes=[1.6]))


def test_wrong_cells_are_told(labels):
    with pytest.raises(InputDataError, match=r"give edges from 0\.8 to 3\.2"):
        measure.tortuosity_subvolumes(labels, EDGES, sizes=[0.3])
    with pytest.raises(InputDataError, match="cells of 9"):
        measure.tortuosity_subvolumes(labels, EDGES, sizes=[9.0])
    with pytest.raises(AxisError):
        measure.tortuosity_subvolumes(labels, EDGES, axis="w")
    with pytest.raises(PhaseMissingError):
        measure.periodic_tensor(labels, EDGES, phase=7)
    with pytest.raises(CancelledError):
        measure.tortuosity_subvolumes(labels, EDGES, cancelled=lambda: True)


def test_lazy_labels_and_contacts_in_a_periodic_cell():
    layers = np.ones((10, 4, 4), np.uint8)
    layers[4:] = 2
    found = measure.periodic_tensor(
        da.from_array(layers, chunks=3), (1.0, 1.0, 1.0),
        conductivities={1: 1e-3, 2: 1e-3}, contact_resistances={(1, 2): 0.5},
    )  # fmt: skip
    # 0.5 Ω cm² twice in 10 µm: as much as the 10 µm themselves
    np.testing.assert_allclose(np.diagonal(found.effective), [0.5e-3, 1e-3, 1e-3], rtol=1e-6)
