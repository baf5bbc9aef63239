"""The committed sample volumes: what the generator makes, what the files say, small enough."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from ssbtomo.errors import InputDataError, OutputError
from ssbtomo.testing.samples import SAMPLES, make_sample, write_phantom, write_sample

FOLDER = Path(__file__).parents[2] / "sample_volumes"
COMMITTED = ["cathode_ct", "cathode_fibsem"]
FIELDS = {"quantity", "subject", "axis", "value", "unit", "how", "standard_error"}


@pytest.fixture(scope="module", params=COMMITTED)
def phantom(request):
    return make_sample(request.param)


def test_the_generator_still_makes_what_is_committed(phantom):
    here = FOLDER / phantom.name
    np.testing.assert_array_equal(tifffile.imread(here / f"{phantom.name}.tif"), phantom.image)
    labels = tifffile.imread(here / f"{phantom.name}.labels.tif")
    np.testing.assert_array_equal(labels, phantom.labels)


def test_texts_are_what_is_committed(phantom, tmp_path):
    write_phantom(phantom, tmp_path, about=SAMPLES[phantom.name].about)
    for name in (f"{phantom.name}.md", "recipe.yaml"):
        assert (tmp_path / name).read_text("utf-8") == (FOLDER / phantom.name / name).read_text(
            "utf-8"
        )
    new, old = (
        json.loads((folder / f"{phantom.name}.truth.json").read_text("utf-8"))
        for folder in (tmp_path, FOLDER / phantom.name)
    )
    assert [r["quantity"] + r["subject"] for r in new] == [
        r["quantity"] + r["subject"] for r in old
    ]
    # sines differ by an ulp between processors, and six digits are kept
    assert [r["value"] for r in new] == pytest.approx([r["value"] for r in old], rel=2e-6)


@pytest.mark.parametrize("name", COMMITTED)
def test_truth_is_a_list_of_records(name):
    records = json.loads((FOLDER / name / f"{name}.truth.json").read_text("utf-8"))
    assert all(set(record) == FIELDS for record in records)
    keys = [(r["quantity"], r["subject"], r["axis"]) for r in records]
    assert len(set(keys)) == len(keys)
    fractions = [r["value"] for r in records if r["quantity"] == "volume_fraction"]
    assert sum(fractions) == pytest.approx(1, abs=1e-5)  # six digits each
    names = {r["subject"] for r in records if r["quantity"] == "volume_fraction"}
    pairs = [r for r in records if r["quantity"] == "contact_area_per_volume"]
    assert len(pairs) == len(names) * (len(names) - 1) // 2
    assert all(set(r["subject"].split("|")) <= names for r in records)
    coverage = [r["value"] for r in records if r["quantity"] == "coverage"]
    assert sum(coverage) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", COMMITTED)
def test_tiff_tells_its_voxel_size_along_all_axes(name):
    with tifffile.TiffFile(FOLDER / name / f"{name}.tif") as file:
        assert file.series[0].axes == "ZYX"
        for axis in "XYZ":
            assert f'PhysicalSize{axis}Unit="µm"' in (file.ome_metadata or "")


def test_samples_stay_small():
    size = sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file())
    assert size < 3_000_000


def test_a_recipe_is_ready(tmp_path):
    from ssbtomo.model import load_recipe

    recipe = load_recipe(FOLDER / "cathode_ct" / "recipe.yaml")
    assert recipe.samples[0].path == "cathode_ct.tif"
    assert recipe.samples[0].phases[0].name == "void"


def test_low_contrast_differs_in_grey_only():
    low, high = make_sample("cathode_ct_low_contrast"), make_sample("cathode_ct")
    np.testing.assert_array_equal(low.labels, high.labels)
    assert low.truth == high.truth


def test_unknown_sample_and_unwritable_folder(tmp_path):
    with pytest.raises(InputDataError, match="no sample volume"):
        write_sample("cathode", tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_sample("cathode_fibsem", blocked)
