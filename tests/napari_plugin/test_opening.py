"""Volumes and results folders become layers that know their place, names and colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_ssbtomo.controllers.layering import recipe_of, show_layers
from napari_ssbtomo.controllers.opening import volume_layers
from napari_ssbtomo.controllers.results_opening import results_layers
from napari_ssbtomo.readers import get_reader
from ssbtomo.errors import SsbtomoError


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def opened(viewer: ViewerModel, path: Path) -> ViewerModel:
    reader = get_reader(str(path))
    assert reader is not None
    show_layers(viewer, reader(str(path)))
    return viewer


def test_results_open_as_grey_phases_particles_and_cracks(viewer, results):
    opened(viewer, results.path)
    assert [layer.name for layer in viewer.layers] == ["grey", "phases", "particles", "cracks"]
    assert [type(layer) for layer in viewer.layers] == [Image, Labels, Labels, Labels]


def test_run_json_opens_its_folder(viewer, results):
    opened(viewer, results.path / "run.json")
    assert len(viewer.layers) == 4


def test_every_layer_of_results_lies_in_the_same_micrometres(viewer, results, tiny):
    opened(viewer, results.path)
    for layer in viewer.layers:
        np.testing.assert_allclose(layer.scale, tiny.spacing)
        assert {str(unit) for unit in layer.units} == {"micrometer"}
        assert layer.axis_labels == ("z", "y", "x")
    assert viewer.layers.extent.units is not None  # None: units differ, napari ignores them


def test_phases_have_the_colours_of_the_report_and_their_names_on_hover(viewer, results, tiny):
    phases = opened(viewer, results.path).layers["phases"]
    for label, phase in enumerate(tiny.phases):
        told = "#" + bytes(np.round(phases.colormap.map(label)[:3] * 255).astype(np.uint8)).hex()
        assert told == phase["color"]
    inside = np.array(tiny.spacing) * 5  # the middle layer
    assert "phase: electrolyte" in phases.get_status(inside, world=True)["value"]


def test_objects_carry_the_rows_of_their_tables(viewer, results):
    layers = opened(viewer, results.path).layers
    assert layers["particles"].features.to_dict("list") == {
        "index": [7, 9],
        "diameter_um": [2.5, 1.5],
    }
    assert layers["cracks"].features.to_dict("list") == {"index": [3], "aperture_um": [0.25]}
    assert layers["particles"].metadata["ssbtomo"]["results"] == str(results.path)


def test_facets_of_cracks_carry_their_rows(viewer, results, tiny):
    place = results.path / "volumes" / "cathode" / "facets.ome.zarr"
    tiny.store(place, (tiny.labels == 0).astype(np.int32), kind="labels")
    rows = "sample,facet,crack,dip_deg\ncathode,1,3,90\n"
    (results.path / "tables" / "facets.csv").write_text(rows, encoding="utf-8")
    facets = opened(viewer, results.path).layers["crack facets"]
    assert not facets.visible
    assert facets.features.to_dict("list") == {"index": [1], "crack": [3], "dip_deg": [90]}


def test_maps_of_gaps_and_interfaces_lie_beside_the_labels(viewer, results, tiny):
    folder = results.path / "volumes" / "cathode"
    area = np.zeros(tiny.labels.shape, np.float32)
    area[8] = 10.0  # 1/µm: one face of 0.05 µm x 0.05 µm on each voxel of 0.1 µm
    tiny.store(folder / "interface-active-electrolyte.ome.zarr", area)
    tiny.store(folder / "gaps.ome.zarr", area / 40)
    layers = opened(viewer, results.path).layers
    names = ["gap thickness (µm)", "interface active-electrolyte (µm²/µm³)"]
    assert [layer.name for layer in layers][4:] == names
    for name in names:
        layer = layers[name]
        assert isinstance(layer, Image)
        np.testing.assert_allclose(layer.scale, layers["phases"].scale)
        assert layer.units == layers["phases"].units
        np.testing.assert_array_equal(layer.translate, layers["phases"].translate)
        zero, some = layer.colormap.map([0.0, 0.01])  # what lies below shows where there is nothing
        assert layer.blending == "translucent"
        assert zero[3] == 0
        assert some[3] == 1
        assert layer.contrast_limits[0] == 0 < layer.contrast_limits[1]
        assert not layer.visible
    np.testing.assert_array_equal(np.asarray(layers[names[1]].data), area)
    assert viewer.layers.extent.units is not None


def test_voxels_are_those_of_the_store(viewer, results, tiny):
    layers = opened(viewer, results.path).layers
    np.testing.assert_array_equal(np.asarray(layers["phases"].data), tiny.labels)


def test_only_the_first_of_several_samples_is_shown(viewer, tiny, tmp_path):
    opened(viewer, tiny.write_results(tmp_path, ("one", "two")))
    shown = {layer.name for layer in viewer.layers if layer.visible}
    assert shown == {"one: grey", "one: phases", "one: cracks"}
    assert set(viewer.layers["two: cracks"].features["index"]) == {3}


def test_opening_results_again_replaces_their_layers(viewer, results):
    opened(opened(viewer, results.path), results.path)
    assert len(viewer.layers) == 4


def test_a_store_opens_as_a_pyramid(viewer, tiny, tmp_path):
    grey = np.indices((20, 90, 300), np.uint16)[2]
    layer = opened(viewer, tiny.store(tmp_path / "big.ome.zarr", grey)).layers[0]
    assert layer.multiscale
    assert layer.data[0].shape == grey.shape
    assert layer.contrast_limits[0] < layer.contrast_limits[1] <= grey.max()


def test_a_labels_store_opens_with_its_phases(viewer, results):
    layer = opened(viewer, results.path / "volumes" / "cathode" / "phases.ome.zarr").layers[0]
    assert isinstance(layer, Labels)
    assert list(layer.features["phase"]) == ["void", "electrolyte", "active"]


def test_without_a_voxel_size_nothing_is_invented(viewer, tiny, tmp_path):
    np.save(tmp_path / "scan.npy", tiny.labels)
    layer = opened(viewer, tmp_path / "scan.npy").layers[0]
    np.testing.assert_array_equal(layer.scale, 1)
    assert {str(unit) for unit in layer.units} == {"pixel"}
    assert "does not tell its voxel size" in layer.metadata["ssbtomo"]["note"]


def test_a_tiff_opens_with_its_voxel_size(viewer, tiny, tmp_path):
    import tifffile

    tifffile.imwrite(
        tmp_path / "scan.tif", tiny.labels, imagej=True, resolution=(20, 20),
        metadata={"axes": "ZYX", "spacing": 0.1, "unit": "um"},
    )  # fmt: skip
    layer = opened(viewer, tmp_path / "scan.tif").layers[0]
    np.testing.assert_allclose(layer.scale, tiny.spacing, rtol=1e-5)  # TIFF stores a ratio


def test_folders_without_a_volume_are_left_to_others(tmp_path):
    assert get_reader(str(tmp_path)) is None
    assert get_reader(["a.tif", "b.tif"]) is None


def test_a_results_folder_without_volumes_says_so(results):
    import shutil

    shutil.rmtree(results.path / "volumes")
    with pytest.raises(SsbtomoError, match="holds no volumes"):
        results_layers(results.path)


def test_a_missing_file_is_explained(tmp_path):
    with pytest.raises(SsbtomoError, match="no file or folder"):
        volume_layers(tmp_path / "nowhere.tif")


def test_the_recipe_of_a_sample_is_found(viewer, tiny, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("")
    assert recipe_of(viewer.layers) is None
    viewer.add_image(tiny.labels, metadata={"ssbtomo": {"recipe": str(recipe)}})
    assert recipe_of(viewer.layers) == recipe
