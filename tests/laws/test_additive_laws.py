"""Laws of fused additive measures: any cut and scheduler, and parts that sum to the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.additive import measure_all
from ssbtomo.blocks.areas import ContactCounts, Contacts
from ssbtomo.blocks.cells import boxes_in, cells_of, statistics_grid
from ssbtomo.blocks.fractions import Fractions, VoxelCounts
from ssbtomo.kernels import areas as kernels
from ssbtomo.kernels import fractions

PHASES = (0, 1, 2, 3)

volumes = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=11),
    elements=st.integers(0, 4),
)
edges = st.tuples(*[st.integers(1, 12)] * 3)
spacings = st.sampled_from([(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (0.5, 0.25, 1.0)])


def numbered(labels: np.ndarray) -> np.ndarray:
    """Objects that cross cuts: slanted layers, with gaps in their numbers."""
    z, y, x = np.indices(labels.shape)
    layers = np.array([0, 3, 4, 9, 0, 1], np.int32)
    return layers[(z + y + 2 * x) // 4 % 6]


def measured(
    labels: np.ndarray, spacing, block, cell, engine: Engine = SERIAL, *, axis: int = 0
) -> tuple[VoxelCounts, ContactCounts]:
    cells = Grid(labels.shape, cell)
    asked = [Fractions(PHASES, cells), Contacts(PHASES, spacing, cells, axis=axis)]
    grid = Grid(labels.shape, block)
    voxels, contacts = measure_all(labels, asked, grid, engine, objects=numbered(labels))
    return voxels, contacts


def numbers(found: tuple[VoxelCounts, ContactCounts]) -> list[np.ndarray]:
    voxels, contacts = found
    parts = (contacts.by_cell, contacts.by_slice, contacts.by_object)
    return [
        voxels.whole.total, *voxels.whole.along, voxels.by_cell,
        *(getattr(part, name) for part in parts for name in ("normals", "lines", "strips")),
        contacts.by_cell.neighbours, contacts.objects, contacts.voxels,
    ]  # fmt: skip


def same(one, other) -> bool:
    alike = map(np.array_equal, numbers(one), numbers(other))
    return all(alike) and one[1].whole == other[1].whole


@given(volumes, edges, edges, spacings, st.integers(0, 2))
@settings(max_examples=40)
def test_cutting_changes_no_bit(labels, block, cell, spacing, axis):
    whole = measured(labels, spacing, labels.shape, cell, axis=axis)
    assert same(measured(labels, spacing, block, cell, axis=axis), whole)
    assert whole[1].whole == kernels.interface_areas(labels, spacing, PHASES)


@given(volumes, edges, edges, st.lists(st.integers(0, 12), max_size=4))
@settings(max_examples=30)
def test_slices_left_out_take_their_counts_with_them(labels, block, cell, out):
    left_out = tuple(sorted({k for k in out if k < len(labels)}))
    cells, spacing = Grid(labels.shape, cell), (1.0, 2.0, 1.0)
    asked = [
        Fractions(PHASES, cells, left_out),
        Contacts(PHASES, spacing, cells, axis=0, left_out=left_out),
    ]
    found, other = (
        measure_all(labels, asked, Grid(labels.shape, cut), SERIAL) for cut in (block, labels.shape)
    )
    assert same(tuple(found), tuple(other))
    full = measured(labels, spacing, labels.shape, cell)
    voxels, contacts = found
    for part in (voxels.whole.along[0], full[0].whole.along[0]):
        part[:, left_out] = 0
    np.testing.assert_array_equal(voxels.whole.along[0], full[0].whole.along[0])
    np.testing.assert_array_equal(voxels.whole.total, voxels.whole.along[0].sum(axis=1))
    for name in ("normals", "lines", "strips"):
        slices = getattr(full[1].by_slice, name)
        slices[list(left_out)] = 0
        np.testing.assert_array_equal(getattr(contacts.by_slice, name), slices)


@given(volumes, edges, edges, st.integers(0, 2))
@settings(max_examples=30)
def test_cells_and_slices_sum_to_the_whole(labels, block, cell, axis):
    voxels, contacts = measured(labels, (1.0, 2.0, 1.0), block, cell, axis=axis)
    whole = kernels.area_counts(labels, PHASES, (1.0, 2.0, 1.0))
    for part in (contacts.by_cell, contacts.by_slice):
        np.testing.assert_array_equal(part.normals.sum(axis=0), whole.normals)
        np.testing.assert_array_equal(part.lines.sum(axis=0), whole.lines)
        np.testing.assert_array_equal(part.strips.sum(axis=0), whole.strips[0])
    assert len(contacts.by_slice.normals) == labels.shape[axis]
    total = fractions.phase_counts(labels, PHASES).total
    np.testing.assert_array_equal(voxels.by_cell.sum(axis=(1, 2, 3)), total)


@given(volumes, edges)
@settings(max_examples=30)
def test_objects_are_those_of_the_whole_array(labels, block):
    objects = numbered(labels)
    _, contacts = measured(labels, (1.0, 1.0, 1.0), block, block)
    count = kernels.area_counts(
        labels, PHASES, (1.0, 1.0, 1.0), regions=objects, region_count=int(objects.max())
    )
    np.testing.assert_array_equal(contacts.by_object.normals, count.by_region[contacts.objects])
    np.testing.assert_array_equal(contacts.by_object.strips, count.strips[contacts.objects])
    known = np.bincount(objects.ravel(), minlength=10)
    np.testing.assert_array_equal(contacts.voxels, known[contacts.objects])
    # Each line and its strips belong to one object, or to none (row 0).
    np.testing.assert_array_equal(contacts.by_object.lines.sum(axis=0), count.lines)


@given(volumes, edges)
@settings(max_examples=20)
def test_a_cell_counts_what_a_task_that_owns_it_would(labels, cell):
    """The rows of cells are the counts of kernels whose owned voxels are those cells."""
    _, contacts = measured(labels, (1.0, 1.0, 1.0), labels.shape, cell)
    for row, box in zip(
        range(len(contacts.by_cell.normals)), Grid(labels.shape, cell), strict=True
    ):
        own = kernels.area_counts(labels, PHASES, (1.0, 1.0, 1.0), inner=box.core)
        np.testing.assert_array_equal(contacts.by_cell.normals[row], own.normals)
        np.testing.assert_array_equal(contacts.by_cell.lines[row], own.lines)
        np.testing.assert_array_equal(contacts.by_cell.strips[row], own.strips[0])


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_schedulers_change_no_bit(scheduler):
    labels = np.random.default_rng(0).integers(0, 5, (14, 11, 9)).astype(np.uint8)
    whole = measured(labels, (2.0, 1.0, 1.0), labels.shape, (5, 4, 9))
    with Engine.start(scheduler, 2) as engine:
        cut = measured(labels, (2.0, 1.0, 1.0), (4, 11, 5), (5, 4, 9), engine)
    assert same(cut, whole)


@given(hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=400), spacings)
def test_cells_of_a_volume_fill_it_but_for_a_rest(shape, spacing):
    cells = statistics_grid(shape, spacing)
    for size, edge, count in zip(shape, cells.block, cells.counts, strict=True):
        whole = size // edge
        assert size - whole * edge < whole  # the rest is thinner than their number
        assert count <= whole + 1
    large = max(spacing)
    for size, edge, voxel in zip(shape, cells.block, spacing, strict=True):
        assert edge * voxel >= 32 * large - 1e-9 or edge == size


@given(hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=30), edges, edges)
def test_parts_of_a_block_cover_it_once(shape, block, cell):
    cells = Grid(shape, cell)
    for piece in Grid(shape, block):
        seen = np.zeros(shape, np.int8)
        where = cells_of(cells, piece)
        for place, box in boxes_in(cells, piece):
            seen[box] += 1
            index = [part.start + k for part, k in zip(where, place, strict=True)]
            for k, size, part in zip(index, cell, box, strict=True):
                assert k * size <= part.start < part.stop <= (k + 1) * size
        assert seen[piece.core].all()
        assert seen.sum() == seen[piece.core].size


def test_everything_is_read_once():
    labels = np.random.default_rng(1).integers(0, 3, (30, 20, 20)).astype(np.uint8)

    class Counting:
        shape, dtype = labels.shape, labels.dtype
        windows: list[tuple[slice, ...]] = []  # noqa: RUF012

        def __getitem__(self, window):
            self.windows.append(window)
            return labels[window]

    cells = Grid(labels.shape, (7, 20, 20))
    asked = [Fractions((0, 1, 2), cells), Contacts((0, 1, 2), (1.0, 1.0, 1.0), cells)]
    source = Counting()
    measure_all(source, asked, Grid(labels.shape, (15, 20, 20)), SERIAL)
    assert [(w[0].start, w[0].stop) for w in source.windows] == [(0, 22), (8, 30)]


def test_objects_of_one_phase_and_large_numbers():
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[:6] = 1
    objects = np.full(labels.shape, 10**9, np.int64)
    objects[:, 6:] = 7
    cells = Grid(labels.shape, labels.shape)
    measure = Contacts((0, 1), (1.0, 1.0, 1.0), cells, within=1)
    found = measure_all(labels, [measure], Grid(labels.shape, (5, 5, 5)), SERIAL, objects=objects)[
        0
    ]
    assert found.objects.tolist() == [0, 7, 10**9]
    assert found.voxels.tolist() == [864, 432, 432]
    # The contact of each object: 6 x 12 voxel faces of 1 square micrometre, exact for a plane.
    areas = found.by_object.areas((1.0, 1.0, 1.0))[:, 0]
    assert areas == pytest.approx([144, 72, 72])
