"""Boxes from shapes and views, levels that fit 3-D, rows that belong to objects."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Labels, Shapes

from napari_ssbtomo.controllers.depth_guard import DepthGuard, box_layer, level_within
from napari_ssbtomo.controllers.inspecting import (
    color_by,
    has_rows,
    label_of_row,
    object_place,
    row_of_label,
    tell_voxel,
    voxel_at,
)
from napari_ssbtomo.controllers.regions import Box, box_of_shapes, box_of_view
from ssbtomo.errors import SsbtomoError

SCALE, UNITS = (0.1, 0.05, 0.05), ("um",) * 3


@pytest.fixture
def layer(tiny):
    return Labels(tiny.labels, scale=SCALE, units=UNITS, name="phases")


def rectangle(z, y0, x0, y1, x1):
    """Corners in µm of a rectangle in the middle of pixel borders."""
    return np.array([(z, y0, x0), (z, y0, x1), (z, y1, x1), (z, y1, x0)])


def test_a_rectangle_in_a_slice_is_a_box_through_all_slices(layer):
    shapes = Shapes([rectangle(0.5, 0.1, 0.2, 0.3, 0.4)], ndim=3, units=UNITS)
    box = box_of_shapes(shapes, layer)
    assert (box.start, box.stop) == ((0, 2, 4), (12, 7, 9))


def test_two_rectangles_bound_the_box_along_z(layer):
    corners = [rectangle(z, 0.1, 0.2, 0.3, 0.4) for z in (0.2, 0.8)]
    box = box_of_shapes(Shapes(corners, ndim=3, units=UNITS), layer)
    assert (box.start[0], box.stop[0]) == (2, 9)
    assert box.told(SCALE) == "7 × 5 × 5 voxels, 700 nm × 250 nm × 250 nm"


def test_a_flat_layer_of_shapes_over_a_volume_will_do(layer):
    shapes = Shapes([rectangle(0, 0.1, 0.2, 0.3, 0.4)[:, 1:]], ndim=2, units=UNITS[1:])
    assert box_of_shapes(shapes, layer).start == (0, 2, 4)


def test_shapes_beside_the_volume_or_none_are_explained(layer):
    with pytest.raises(SsbtomoError, match="no shape"):
        box_of_shapes(None, layer)
    with pytest.raises(SsbtomoError, match="beside"):
        box_of_shapes(Shapes([rectangle(0.5, 9, 9, 10, 10)], ndim=3), layer)


def test_a_box_of_the_view_is_a_cube_around_it(layer):
    box = box_of_view(layer, (0.5, 0.4, 0.5), 500)
    edges = np.array(box.shape) * SCALE
    assert box.voxels <= 500
    assert edges.max() < 1.6 * edges.min()  # whole voxels of 0.1 x 0.05 x 0.05 µm
    assert box_of_view(layer, (0, 0, 0), 10**9).shape == layer.data.shape


@pytest.mark.parametrize(("most", "level"), [(10**9, 0), (512**3, 0), (256**3, 1), (9, None)])
def test_the_finest_level_that_fits_is_shown(most, level):
    shapes = [(512,) * 3, (256,) * 3, (128,) * 3]
    assert level_within(shapes, most) == level


@pytest.fixture
def pyramid():
    import dask.array as da

    return [da.zeros((n, n, n), chunks=32, dtype=np.uint8) for n in (128, 64, 32)]


def test_3d_takes_a_level_that_fits_and_2d_all_again(pyramid):
    said = []
    viewer = ViewerModel()
    DepthGuard.watch(viewer, 64**3, said.append)
    assert DepthGuard.watch(viewer, 64**3, said.append) is DepthGuard.watch(viewer, 64**3, print)
    layer = viewer.add_image(pyramid, multiscale=True, contrast_limits=(0, 255), name="grey")
    viewer.dims.ndisplay = 3
    assert layer.locked_data_level == 1
    assert said == ["grey: every 2nd voxel in 3-D"]
    viewer.dims.ndisplay = 2
    assert layer.locked_data_level is None


def test_3d_hides_what_has_no_level_that_fits():
    import dask.array as da

    said = []
    viewer = ViewerModel()
    DepthGuard.watch(viewer, 1000, said.append)
    read = []

    def block(block_id):
        read.append(block_id)
        return np.zeros((32, 32, 32), np.uint8)

    huge = da.map_blocks(block, chunks=((32,) * 2,) * 3, dtype=np.uint8)
    layer = viewer.add_image(huge, contrast_limits=(0, 255), name="huge")
    read.clear()
    viewer.dims.ndisplay = 3
    assert not layer.visible
    assert len(read) <= 4, "only the slice of the 2-D view may have been read"
    assert "too many for 3-D" in said[0]
    viewer.dims.ndisplay = 2
    assert layer.visible


def test_a_box_at_full_resolution_lies_in_its_place(layer):
    box = Box((4, 2, 3), (8, 6, 9))
    data, meta, kind = box_layer(layer, box, 1000)
    assert kind == "labels"
    np.testing.assert_array_equal(data, layer.data[box.slices])
    np.testing.assert_allclose(meta["translate"], np.array(box.start) * SCALE)
    with pytest.raises(SsbtomoError, match="million voxels"):
        box_layer(layer, box, 10)


@pytest.fixture
def particles():
    labels = np.zeros((12, 16, 20), np.int32)
    labels[2:5, 3:6, 4:7] = 7
    labels[8:10, 10:13, 12:15] = 3
    table = pd.DataFrame(
        {"index": [7, 3], "z_um": [0.35, 0.9], "y_um": [0.225, 0.575], "x_um": [0.275, 0.675],
         "diameter_um": [0.3, 0.2], "coverage_electrolyte": [0.9, 0.25]}
    )  # fmt: skip
    return Labels(labels, scale=SCALE, units=UNITS, features=table, name="particles")


def test_rows_and_labels_find_each_other(particles, layer):
    assert has_rows(particles)
    assert not has_rows(layer)
    for row, label in enumerate((7, 3)):
        assert label_of_row(particles.features, row) == label
        assert row_of_label(particles.features, label) == row
        place = object_place(particles, label)
        assert voxel_at(particles, place) == label
    assert row_of_label(particles.features, 5) is None


def test_an_object_without_coordinates_is_looked_for(particles):
    particles.features = particles.features[["index", "diameter_um"]]
    assert voxel_at(particles, object_place(particles, 3)) == 3
    assert object_place(particles, 5) is None


def test_objects_are_coloured_by_a_number(particles):
    color_by(particles, "coverage_electrolyte")
    bright, dark = (float(np.sum(particles.colormap.map(n)[:3])) for n in (7, 3))
    assert bright > dark
    particles.features = particles.features.assign(coverage_electrolyte=[np.nan, 0.25])
    color_by(particles, "coverage_electrolyte")
    np.testing.assert_allclose(particles.colormap.map(7)[:3], 0.5)  # not known: grey
    color_by(particles, "")
    assert particles.colormap.map(7)[:3].tolist() != [0.5, 0.5, 0.5]


def test_the_cursor_tells_phase_probability_particle_and_coverage(particles, tiny):
    from napari.layers import Image

    about = {"phases": {"void": 0, "electrolyte": 1, "active": 2}, "part": "phases"}
    from napari_ssbtomo.controllers.phases import named

    phases = Labels(
        tiny.labels, scale=SCALE, features=named(about["phases"]), name="phases", visible=False
    )
    share = Image(
        np.full(tiny.labels.shape, 204, np.uint8), scale=SCALE, name="probability of active",
        metadata={"ssbtomo": {"part": "probability-active"}}, visible=False,
    )  # fmt: skip
    told = tell_voxel([phases, share, particles], (0.9, 0.55, 0.65))
    assert told == [
        "phases: active",
        "probability of active: 0.80",
        "particles: 3 (diameter (µm) 0.2, coverage electrolyte 0.25)",
    ]
    assert tell_voxel([phases, share, particles], (99, 0, 0)) == []
