"""Labels and scribbles are written whole or not at all, and open again as they were."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_ssbtomo.controllers.opening import volume_layers
from napari_ssbtomo.writers import write_labels
from ssbtomo.errors import SsbtomoError


def layer_of(tiny, **more):
    about = {"phases": {"void": 0, "electrolyte": 1, "active": 2}}
    return Labels(
        tiny.labels.astype(np.int64), name="mine", scale=tiny.spacing, units=("um",) * 3,
        metadata={"ssbtomo": about}, **more,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["mine.ome.zarr", "mine.tif", "mine.tiff"])
def test_labels_open_again_with_voxel_size_and_phases(tiny, tmp_path, name):
    written = write_labels(str(tmp_path / name), *layer_of(tiny).as_layer_data_tuple()[:2])
    assert written[0] == str(tmp_path / name)
    ((data, meta, kind),) = volume_layers(tmp_path / name)
    assert kind == "labels"
    np.testing.assert_array_equal(np.asarray(data[0] if meta["multiscale"] else data), tiny.labels)
    np.testing.assert_allclose(meta["scale"], tiny.spacing)
    assert meta["metadata"]["ssbtomo"]["phases"] == {"void": 0, "electrolyte": 1, "active": 2}
    assert not [one for one in tmp_path.iterdir() if "partial" in one.name]


def test_scribbles_train_a_model(tiny, tmp_path):
    from ssbtomo.segment.scribbles import read_scribbles

    marks = np.zeros(tiny.labels.shape, np.int32)
    marks[2, 3:5, 4] = 1
    marks[6, 3:5, 4] = 2
    layer = Labels(marks, scale=tiny.spacing, units=("um",) * 3)
    file = str(tmp_path / "scribbles.tif")
    write_labels(file, *layer.as_layer_data_tuple()[:2])
    read = read_scribbles(file, ["void", "active"], tiny.labels.shape)
    assert read.labels.tolist() == [0, 0, 1, 1]


def test_without_a_voxel_size_none_is_written(tiny, tmp_path):
    layer = Labels(tiny.labels)
    write_labels(str(tmp_path / "a.ome.zarr"), *layer.as_layer_data_tuple()[:2])
    assert "no_voxel_size" in volume_layers(tmp_path / "a.ome.zarr")[0][1]["metadata"]["ssbtomo"]


def test_large_labels_are_kept(tmp_path):
    marks = np.zeros((4, 8, 8), np.int64)
    marks[1, 2, 3] = 70_000
    data, meta, _ = Labels(marks).as_layer_data_tuple()
    write_labels(str(tmp_path / "a.tif"), data, meta)
    assert np.asarray(volume_layers(tmp_path / "a.tif")[0][0]).max() == 70_000


def test_an_older_file_is_replaced_and_others_are_not_touched(tiny, tmp_path):
    data, meta, _ = layer_of(tiny).as_layer_data_tuple()
    for _ in range(2):
        write_labels(str(tmp_path / "a.ome.zarr"), data, meta)
    (tmp_path / "b.zarr").mkdir()
    (tmp_path / "b.zarr" / "notes.txt").write_text("mine")
    with pytest.raises(SsbtomoError, match="something else"):
        write_labels(str(tmp_path / "b.zarr"), data, meta)
    assert (tmp_path / "b.zarr" / "notes.txt").is_file()


@pytest.mark.parametrize(
    ("data", "path", "said"),
    [
        (np.zeros((2, 4, 5, 6), np.uint8), "a.tif", "4 axes"),
        (np.full((4, 5, 6), -1), "a.tif", "from -1"),
        (np.zeros((4, 5, 6), np.uint8), "a.png", "not written as .png"),
        (np.zeros((4, 5, 6), np.uint8), "nowhere/a.tif", "cannot be written"),
    ],
)
def test_what_cannot_be_saved_is_explained(tmp_path, data, path, said):
    values, meta, _ = Labels(data).as_layer_data_tuple()
    with pytest.raises(SsbtomoError, match=said):
        write_labels(str(tmp_path / path), values, meta)
    assert not list(tmp_path.rglob("*partial*"))
