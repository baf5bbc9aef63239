"""Which reader opens a path; what a sidecar and the user add."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from ssbtomo.errors import FormatError, InputDataError, VoxelSizeError
from ssbtomo.io import Reader, formats, open_volume, register, registry
from ssbtomo.volume import Volume


@pytest.fixture
def scan(tmp_path, grey):
    path = tmp_path / "cathode.tif"
    tifffile.imwrite(
        path, grey, imagej=True, resolution=(20, 20),
        metadata={"axes": "ZYX", "spacing": 0.05, "unit": "um"},
    )  # fmt: skip
    return path


def test_the_user_overrules_the_sidecar_which_overrules_the_file(scan):
    assert open_volume(scan).spacing_origin == "tag"
    scan.with_suffix(".json").write_text(
        json.dumps({"voxel_size": ["60 nm"] * 3, "modality": "xct"})
    )
    volume = open_volume(scan)
    assert (volume.spacing, volume.spacing_origin) == ((0.06,) * 3, "sidecar")
    assert volume.modality == "xct"
    assert "in cathode.json, 60 nm x 60 nm x 60 nm, overrules the tag's 50 nm" in volume.notes[0]
    volume = open_volume(scan, voxel_size=["50 nm", "40 nm", "0.04 µm"], name="A1")
    assert (volume.spacing, volume.spacing_origin) == ((0.05, 0.04, 0.04), "user")
    assert "given by the user" in volume.notes[1]
    assert volume.name == "A1"
    # the sidecar named after the whole file goes first; the same value needs no note
    (scan.parent / "cathode.tif.json").write_text(json.dumps({"voxel_size": ["50 nm"] * 3}))
    assert open_volume(scan).notes == ()


@pytest.mark.parametrize(
    ("voxel_size", "match"),
    [
        (["50 nm"] * 2, "not a list of three"),
        ("50 nm", "not a list of three"),
        ([0.05, 0.05, 0.05], "0.05 has no unit"),
        (["50", "50", "50"], "not a length with a unit"),
        (["50 nm", "-50 nm", "50 nm"], "'-50 nm' is not above zero"),
        (["50 nm", "0 nm", "50 nm"], "not above zero"),
        (["50 nm", "50 apples", "50 nm"], "not a length with a unit"),
    ],
)
def test_bad_voxel_sizes_are_refused(scan, voxel_size, match):
    with pytest.raises(VoxelSizeError, match=match):
        open_volume(scan, voxel_size=voxel_size)
    scan.with_suffix(".json").write_text(json.dumps({"voxel_size": voxel_size}))
    with pytest.raises(VoxelSizeError, match=r"cathode\.json"):
        open_volume(scan)


def test_bad_sidecars_are_refused(scan):
    beside = scan.with_suffix(".json")
    for text, match in (("{not json", "not valid JSON"), ('{"phases": [1]}', "must be tables"),
                        ('{"phases": {"void": "x"}}', "whole number")):  # fmt: skip
        beside.write_text(text)
        with pytest.raises(FormatError, match=match):
            open_volume(scan)
    beside.write_text('{"phases": {"void": 0, "active": 255}}')
    assert open_volume(scan).phases == {"void": 0, "active": 255}


def test_a_missing_file_is_answered_with_what_is_there(scan):
    with pytest.raises(InputDataError, match="no file or folder") as caught:
        open_volume(scan.with_name("catode.tif"))
    assert f"did you mean {scan}?" in caught.value.hint
    with pytest.raises(InputDataError) as caught:
        open_volume(scan.with_name("zzz"))
    assert "holds cathode.tif" in caught.value.hint
    with pytest.raises(InputDataError) as caught:
        open_volume(scan.parent / "nowhere" / "scan.tif")
    assert "does not exist" in caught.value.hint


def test_unknown_formats_name_the_known_ones(tmp_path):
    (tmp_path / "scan.docx").write_text("hello")
    with pytest.raises(FormatError, match="docx") as caught:
        open_volume(tmp_path / "scan.docx")
    assert all(name in caught.value.hint for name in formats())


def test_content_decides_where_the_ending_says_nothing(scan, grey):
    plain = scan.rename(scan.with_name("export"))
    np.testing.assert_array_equal(open_volume(plain).data.compute(), grey)


def test_a_new_reader_goes_first(monkeypatch, scan):
    class Vendor:
        name = "vendor TIFF"

        def matches(self, path):
            return path.name.startswith("cathode")

        def open(self, path, dataset):
            import dask.array as da

            return Volume(da.zeros((2, 2, 2)), spacing=(1, 1, 1), spacing_origin="tag")

    monkeypatch.setattr(registry, "_added", [])
    reader = Vendor()
    assert isinstance(reader, Reader)
    register(reader)
    assert open_volume(scan).shape == (2, 2, 2)
    assert formats()[0] == "vendor TIFF"


def test_a_lazy_volume_can_be_sent_to_a_worker(scan, grey):
    data = pickle.loads(pickle.dumps(open_volume(scan).data))
    np.testing.assert_array_equal(data.compute(scheduler="threads", num_workers=2), grey)


@pytest.mark.parametrize("heavy", ["zarr", "dask", "tifffile", "h5py"])
def test_importing_io_stays_light(heavy):
    code = f"import sys, ssbtomo.io; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
