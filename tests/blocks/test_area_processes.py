"""Areas by other definitions, of fractions, and intrinsic volumes: in worker processes, the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo import io
from ssbtomo.blocks import SERIAL, Grid
from ssbtomo.blocks.area_compat import contact_counts, gradient_areas, mesh_areas
from ssbtomo.blocks.intrinsic import intrinsic_volumes
from ssbtomo.blocks.soft_areas import soft_areas

SHAPE = (14, 15, 16)
CUT = Grid(SHAPE, (7, 15, 9))
WHOLE = Grid(SHAPE, SHAPE)
SPACING = (0.2, 0.1, 0.1)
PHASES = [0, 1, 2]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Labels, and the share of one phase in each voxel, on disk and in memory."""
    folder = tmp_path_factory.mktemp("stores")
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, SHAPE).astype(np.uint8)
    share = rng.integers(0, 256, SHAPE).astype(np.uint8)
    made = {}
    for name, values in (("labels", labels), ("share", share), ("rest", 255 - share)):
        store = io.ome_zarr.create(
            folder / f"{name}.ome.zarr", SHAPE, np.uint8, SPACING, block=CUT.block
        )
        for block in CUT:
            store[block.core] = values[block.core]
        made[name] = store, values
    return made


def test_contacts_of_other_programs_and_intrinsic_volumes(stores, processes):
    store, values = stores["labels"]
    found = contact_counts(store, PHASES, CUT, processes)
    whole = contact_counts(values, PHASES, WHOLE, SERIAL)
    assert np.array_equal(found.neighbours, whole.neighbours)
    assert np.array_equal(found.edges, whole.edges)
    args = SPACING, PHASES
    assert np.array_equal(
        gradient_areas(store, *args, CUT, processes), gradient_areas(values, *args, WHOLE, SERIAL)
    )
    assert intrinsic_volumes(store, *args, CUT, processes) == intrinsic_volumes(
        values, *args, WHOLE, SERIAL
    )


def test_areas_of_meshes(stores, processes):
    pytest.importorskip("skimage")
    store, values = stores["labels"]
    found = mesh_areas(store, SPACING, PHASES, CUT, processes)
    for ours, whole in zip(found, mesh_areas(values, SPACING, PHASES, WHOLE, SERIAL), strict=True):
        assert np.array_equal(ours, whole)


def test_areas_of_fractions(stores, processes):
    pairs = [stores[name] for name in ("share", "rest")]
    found = soft_areas([store for store, _ in pairs], SPACING, CUT, processes)
    whole = soft_areas([values for _, values in pairs], SPACING, WHOLE, SERIAL)
    assert np.array_equal(found, whole)
