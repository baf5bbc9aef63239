"""Interfaces in detail: for any cut and scheduler the same bits, and sums that are exact."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage as ndi

from ssbtomo import io, testing
from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.areas import interface_areas
from ssbtomo.blocks.derived import Touching
from ssbtomo.blocks.gaps import Gap, gap_counts
from ssbtomo.blocks.patches import patches
from ssbtomo.blocks.regions import region_areas, region_voxels
from ssbtomo.blocks.surface_map import area_map, surface_points
from ssbtomo.blocks.terminals import Network, join
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.touching import touching

PHASES = (0, 1, 2, 3)
NETWORKS = [
    Network((1,), ((0, 0),)),
    Network((2, 3), ((0, 1),), (1,)),
    Network((0,), ((1, 0), (2, 1))),
]

volumes = testing.strategies.labels(phases=4, max_side=12)
blocks = st.tuples(*[st.integers(1, 9)] * 3)
spacings = st.sampled_from([(0.1, 0.1, 0.1), (0.2, 0.1, 0.1), (0.1, 0.25, 0.15)])
few = settings(max_examples=15)


def memory(shape):
    return lambda name, dtype: np.zeros(shape, dtype)


def grains(shape=(30, 26, 34), seed=0):
    rng = np.random.default_rng(seed)
    fields = [ndi.gaussian_filter(rng.normal(size=shape), 2.5) for _ in PHASES]
    return np.argmax(fields, axis=0).astype(np.uint8)


@pytest.fixture(scope="module")
def threads():
    with Engine.start("threads", 2) as engine:
        yield engine


def cuts(shape, block, engine):
    """The whole, and the cut in two schedulers."""
    return [
        (Grid(shape, shape), SERIAL),
        (Grid(shape, block), SERIAL),
        (Grid(shape, block), engine),
    ]


def assert_all_equal(found):
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


@few
@given(volumes, blocks)
def test_what_touches_is_found_across_cuts(labels, block):
    whole = touching(labels, 1, 2)
    source = Touching(labels, 1, 2)
    for part in Grid(labels.shape, block):
        np.testing.assert_array_equal(source[part.core], whole[part.core])
    near = ndi.binary_dilation(labels == 2, ndi.generate_binary_structure(3, 2))
    np.testing.assert_array_equal(whole, near & (labels == 1))


@few
@given(volumes, spacings, blocks, st.integers(0, 99))
def test_areas_of_objects_do_not_depend_on_the_cut(threads, labels, spacing, block, seed):
    objects = np.random.default_rng(seed).integers(0, 900, labels.shape).astype(np.int32)
    objects[labels != 2] = 0
    found = []
    for grid, engine in cuts(labels.shape, block, threads):
        areas = region_areas(labels, spacing, PHASES, grid, engine, objects=objects)
        names, voxels = region_voxels(labels, objects, PHASES, grid, engine)
        np.testing.assert_array_equal(names, areas.names)
        found.append([areas.names, *areas.area_um2.values(), voxels])
        assert areas.whole == interface_areas(labels, spacing, PHASES, grid, engine)
        for row, pair in enumerate(combinations(PHASES, 2)):
            if 2 in pair:  # every face has one object, or none, on its one side of phase 2
                on_objects = areas.counts.by_region[1:, row].sum(axis=0)
                assert (on_objects <= areas.totals.normals[row]).all()
    assert_all_equal(found)
    np.testing.assert_array_equal(found[0][0], np.unique(objects[objects > 0]))


@few
@given(volumes, spacings, blocks)
def test_patches_sum_to_the_interface_for_any_cut(threads, labels, spacing, block):
    found = []
    for grid, engine in cuts(labels.shape, block, threads):
        own = patches(
            labels, spacing, PHASES, grid, engine, pair=(2, 1), allocate=memory(labels.shape)
        )
        row = list(own.areas.area_um2).index((1, 2))
        totals, counts = own.areas.totals, own.areas.counts
        np.testing.assert_array_equal(counts.by_region[1:, row].sum(axis=0), totals.normals[row])
        np.testing.assert_array_equal(
            counts.strips[1:, row].sum(axis=0), totals.strips[:, row].sum(axis=0)
        )
        found.append([own.voxels, own.area_um2, own.centre_um, own.nearest_um, own.touches_border])
    assert_all_equal(found)


@few
@given(volumes, spacings, blocks)
def test_gaps_do_not_depend_on_the_cut(threads, labels, spacing, block):
    found = []
    gap = Gap(2, 1, (0, 3), 0.6)
    for grid, engine in cuts(labels.shape, block, threads):
        sink = np.zeros(labels.shape, np.float32)
        counts = gap_counts(labels, gap, spacing, grid, engine, sink=sink)
        found.append([counts.bins, counts.areas, [counts.surface], sink])
        assert int(counts.areas.sum()) <= counts.surface
    assert_all_equal(found)


@few
@given(volumes, spacings, blocks)
def test_maps_sum_to_the_area_for_any_cut(threads, labels, spacing, block):
    found = []
    for grid, engine in cuts(labels.shape, block, threads):
        sink = np.zeros(labels.shape, np.float32)
        area_map(labels, spacing, PHASES, grid, engine, pair=(2, 1), sink=sink)
        points = list(surface_points(labels, spacing, PHASES, grid, engine, pair=(2, 1)))
        voxels, area, normals = (np.concatenate(part) for part in zip(*points, strict=True))
        order = np.lexsort(voxels.T[::-1])
        found.append([sink, voxels[order], area[order], normals[order]])
    assert_all_equal(found)
    total = interface_areas(labels, spacing, PHASES, Grid(labels.shape, labels.shape), SERIAL)
    area = float(found[0][2].sum())
    volume = float(np.prod(spacing))
    # The area of a pair is cut at 0; float32 keeps seven digits of each voxel.
    assert max(area, 0.0) == pytest.approx(total.area_um2[1, 2], rel=1e-9, abs=1e-12)
    size = float(np.abs(found[0][0]).sum(dtype=float)) * volume
    assert float(found[0][0].sum(dtype=float)) * volume == pytest.approx(
        area, abs=1e-6 * size + 1e-12
    )


@few
@given(volumes, blocks)
def test_terminals_do_not_depend_on_the_cut(threads, labels, block):
    found = []
    for grid, engine in cuts(labels.shape, block, threads):
        own = join(labels, PHASES, NETWORKS, grid, engine, allocate=memory(labels.shape))
        split = own.labels[tuple(slice(0, size) for size in labels.shape)]
        np.testing.assert_array_equal(split // 2, labels)
        np.testing.assert_array_equal(np.bincount(split.ravel(), minlength=8), own.voxels.ravel())
        found.append([split, own.voxels, *own.isolated])
    assert_all_equal(found)
    for network in NETWORKS:  # a face is reached, or it is not: against flood fill
        pieces, _ = ndi.label(np.isin(labels, (*network.phases, *network.helpers)))
        ends = [np.take(pieces, -end, axis=axis) for axis, end in network.faces]
        reached = np.isin(pieces, np.unique(np.concatenate([e.ravel() for e in ends])))
        mask = np.isin(labels, network.phases)
        np.testing.assert_array_equal(found[0][0][mask] % 2 == 1, reached[mask])
    for phase, sizes in zip(PHASES, found[0][2:], strict=True):
        pieces = ndi.label(found[0][0] == 2 * phase)[0]
        np.testing.assert_array_equal(np.sort(sizes), np.sort(np.bincount(pieces.ravel())[1:]))


def test_processes_give_the_same(tmp_path):
    labels, spacing = grains(), (0.2, 0.1, 0.1)
    grid = Grid(labels.shape, (16, 16, 16))

    def allocate(name, dtype):
        path = tmp_path / f"{name}.ome.zarr"
        return io.ome_zarr.create(path, labels.shape, dtype, spacing, block=grid.block)

    source = allocate("labels", np.uint8)
    for block in grid:
        source[block.core] = labels[block.core]
    whole = join(labels, PHASES, NETWORKS, grid, SERIAL, allocate=memory(labels.shape))
    pieces = patches(
        labels, spacing, PHASES, grid, SERIAL, pair=(2, 1), allocate=memory(labels.shape)
    )
    with Engine.start("processes", 2) as engine:
        joined = join(source, PHASES, NETWORKS, grid, engine, allocate=allocate)
        np.testing.assert_array_equal(joined.voxels, whole.voxels)
        one, other = (
            interface_areas(own.labels, spacing, own.codes, grid, its)
            for own, its in ((joined, engine), (whole, SERIAL))
        )
        assert one == other
        found = patches(source, spacing, PHASES, grid, engine, pair=(2, 1), allocate=allocate)
    np.testing.assert_array_equal(found.area_um2, pieces.area_um2)


def test_an_empty_interface_has_no_patch():
    labels = np.zeros((1, 5, 7), np.uint8)
    grid = Grid(labels.shape, (1, 2, 3))
    own = patches(
        labels, (1, 1, 1), PHASES, grid, SERIAL, pair=(2, 1), allocate=memory(labels.shape)
    )
    assert own.voxels.size == own.area_um2.size == own.nearest_um.size == 0


def test_objects_of_another_shape_are_refused():
    labels = np.zeros((3, 4, 5), np.uint8)
    with pytest.raises(InputDataError, match="objects"):
        region_areas(
            labels, (1, 1, 1), PHASES, Grid((3, 4, 5), (3, 4, 5)), SERIAL, objects=labels[1:]
        )
