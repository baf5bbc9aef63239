"""All that a run writes becomes layers: probabilities, fields, facets by aperture, series."""

from __future__ import annotations

import json

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_ssbtomo.controllers.layering import show_layers
from napari_ssbtomo.controllers.results_opening import results_layers
from napari_ssbtomo.controllers.series import series_of
from ssbtomo.results import Results


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def test_probabilities_uncertainty_and_fields_lie_in_place(viewer, results, tiny):
    volumes, fields = (results.path / kind / "cathode" for kind in ("volumes", "fields"))
    half = np.full(tiny.labels.shape, 128, np.uint8)
    tiny.store(volumes / "entropy.ome.zarr", half)
    tiny.store(volumes / "probability-active.ome.zarr", half)
    field = np.linspace(0, 1, half.size, dtype=np.float32).reshape(half.shape)
    field[0] = np.nan
    tiny.store(fields / "potential-active-z.ome.zarr", field)
    show_layers(viewer, results_layers(results.path))
    added = ["uncertainty", "probability of active", "potential of active, z"]
    assert [name for name in added if name in viewer.layers] == added
    for name in added:
        assert viewer.layers[name].units == viewer.layers["grey"].units
        np.testing.assert_allclose(viewer.layers[name].scale, tiny.spacing)
    # the colour of the phase in the report, and 255 is certain
    shown = viewer.layers["probability of active"]
    assert shown.contrast_limits == [0, 255]
    np.testing.assert_allclose(
        shown.colormap.map(1.0)[0], [0xE6 / 255, 0x9F / 255, 0, 1], atol=1e-6
    )
    assert viewer.layers.extent.units is not None


def test_facets_have_colours_by_aperture(viewer, results, tiny):
    labels = np.where(tiny.labels == 0, np.arange(1, 5).repeat(5), 0).astype(np.int32)
    tiny.store(results.path / "volumes" / "cathode" / "facets.ome.zarr", labels, kind="labels")
    rows = "\n".join(f"cathode,{n},1,{n / 10}" for n in (3, 1, 4, 2))
    table = results.path / "tables" / "facets.csv"
    table.write_text(f"sample,facet,crack,aperture_um\n{rows}\n", encoding="utf-8")
    show_layers(viewer, results_layers(results.path))
    facets = viewer.layers["crack facets"]
    brightness = [float(np.sum(facets.colormap.map(n)[:3])) for n in (1, 2, 3, 4)]
    assert brightness == sorted(brightness)
    assert len(set(brightness)) == 4
    assert facets.colormap.map(0)[3] == 0


def test_contact_areas_of_particles_are_shares_of_their_surface(results):
    (results.path / "tables" / "particles.csv").write_text(
        "sample,particle,surface_um2,coverage_electrolyte\ncathode,9,10,0.25\ncathode,7,4,0.5\n"
    )
    layers = {meta["name"]: meta for _, meta, _ in results_layers(results.path)}
    features = layers["particles"]["features"].set_index("index")
    assert features["contact_electrolyte_um2"].to_dict() == {9: 2.5, 7: 2.0}


@pytest.mark.parametrize("name", ["001", "NA"])
def test_a_sample_with_an_odd_name_keeps_its_rows(tiny, tmp_path, name):
    layers = results_layers(tiny.write_results(tmp_path, (name,)))
    features = {meta["name"]: meta.get("features") for _, meta, _ in layers}
    assert list(features["particles"]["index"]) == [7, 9]


def _as_series(folder, values):
    told = json.loads((folder / "run.json").read_text())
    for sample, value in zip(told["samples"], values, strict=True):
        sample["conditions"] = {"state_of_charge": value, "stack_pressure": "5 MPa"}
    (folder / "run.json").write_text(json.dumps(told))
    return folder


def test_samples_that_differ_in_one_condition_have_a_slider(viewer, tiny, tmp_path):
    folder = tiny.write_results(tmp_path, ("full", "empty", "half"))
    show_layers(viewer, results_layers(_as_series(folder, ["100 %", "0 %", "50 %"])))
    assert viewer.dims.ndim == 4
    assert viewer.dims.nsteps[0] == 3
    assert viewer.dims.axis_labels[0] == "state_of_charge"
    assert viewer.layers.extent.units is not None
    order = {layer.name: layer.translate[0] for layer in viewer.layers if "grey" in layer.name}
    assert order == {"full: grey": 2, "empty: grey": 0, "half: grey": 1}
    inside = np.array([1, *(np.array(tiny.spacing) * 5)])
    viewer.dims.set_point(range(4), inside)
    assert viewer.layers["half: phases"].get_value(inside, world=True) == 1
    assert viewer.layers["full: phases"].get_value(inside, world=True) is None  # another step


def test_what_is_no_series():
    one = {"name": "a", "spacing_um": [1, 1, 1], "conditions": {"pressure": "5 MPa"}}
    other = {**one, "name": "b", "conditions": {"pressure": "7 MPa"}}
    assert series_of([one, other]).values == ("5 MPa", "7 MPa")
    assert series_of([one]) is None
    assert series_of([one, {**one, "name": "b"}]) is None
    assert series_of([one, {**other, "spacing_um": [2, 1, 1]}]) is None
    assert series_of([one, {**other, "conditions": {"pressure": "high"}}]) is None


def test_objects_are_read_with_their_sample_as_text(results):
    assert Results.load(results.path).objects("particles")["sample"].iloc[0] == "cathode"
