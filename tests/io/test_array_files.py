"""NumPy, HDF5 and headerless files."""

from __future__ import annotations

import json
import tracemalloc

import h5py
import numpy as np
import pytest

from ssbtomo.errors import AxisError, FormatError, InputDataError, VoxelSizeError
from ssbtomo.io import open_volume


def test_npy(tmp_path, grey):
    path = tmp_path / "scan.npy"
    for values in (grey, grey.astype(">u2"), np.asfortranarray(grey), grey > 100):
        np.save(path, values)
        volume = open_volume(path)
        np.testing.assert_array_equal(volume.data.compute(), values)
        np.testing.assert_array_equal(volume.data[2, 1:3, ::2].compute(), values[2, 1:3, ::2])
        assert volume.dtype.isnative
    assert "1 and 0" in volume.notes[0]
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(FormatError, match="truncated"):
        open_volume(path)
    path.write_bytes(b"not numpy at all")
    with pytest.raises(FormatError, match="not a NumPy file"):
        open_volume(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, grey, save):
    path = tmp_path / "scan.npz"
    save(path, table=np.zeros(4), image=grey)
    np.testing.assert_array_equal(open_volume(path).data.compute(), grey)
    save(path, image=grey, mask=grey > 9)
    with pytest.raises(FormatError, match="2 arrays of three axes; it holds image"):
        open_volume(path)
    np.testing.assert_array_equal(open_volume(path, dataset="mask").data.compute(), grey > 9)
    with pytest.raises(FormatError, match="no array 'msk'"):
        open_volume(path, dataset="msk")
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(FormatError, match="not a readable"):
        open_volume(path)


def test_pickles_and_odd_shapes_are_refused(tmp_path, grey):
    path = tmp_path / "scan.npy"
    np.save(path, np.array([[["a", 1]]], dtype=object), allow_pickle=True)
    with pytest.raises(InputDataError, match="Python objects"):
        open_volume(path)
    np.savez(tmp_path / "scan.npz", a=np.array([[[None]]], dtype=object))
    with pytest.raises(InputDataError, match="Python objects"):
        open_volume(tmp_path / "scan.npz")
    np.save(path, grey[0])
    with pytest.raises(AxisError, match="one 2-D image"):
        open_volume(path)
    np.save(path, grey[None])
    with pytest.raises(AxisError, match="4 axes"):
        open_volume(path)


@pytest.mark.parametrize("options", [{}, {"chunks": (2, 4, 3), "compression": "gzip"}])
def test_hdf5(tmp_path, grey, options):
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("entry/data", data=grey, **options)
        data.attrs["element_size_um"] = (0.05, 0.02, 0.02)
        file["theta"] = np.arange(3.0)
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.data.compute(), grey)
    assert (volume.spacing, volume.spacing_origin) == ((0.05, 0.02, 0.02), "tag")
    with h5py.File(path, "a") as file:
        file["entry/dark"] = grey + 1
        file["series"] = np.stack([grey, grey + 2])
    with pytest.raises(
        FormatError, match=r"2 datasets of three axes; it holds entry/dark \(5, 7, 9\)"
    ):
        open_volume(path)
    np.testing.assert_array_equal(open_volume(path, dataset="/entry/dark").data.compute(), grey + 1)
    np.testing.assert_array_equal(open_volume(path, dataset="series,a=1").data.compute(), grey + 2)
    with pytest.raises(AxisError, match="more than the three axes"):
        open_volume(path, dataset="series")
    with pytest.raises(FormatError) as caught:
        open_volume(path, dataset="entry/drak")
    assert "did you mean 'entry/dark'" in caught.value.hint
    with pytest.raises(AxisError, match=r"more|one"):
        open_volume(path, dataset="theta")
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(FormatError, match="not a readable HDF5"):
        open_volume(path)


def test_raw_with_sidecar(tmp_path, grey):
    path = tmp_path / "scan.raw"
    path.write_bytes(b"head" + grey.astype(">u2").tobytes())
    told = {"shape": [5, 7, 9], "dtype": "uint16", "byte_order": "big", "offset": 4}
    told |= {"voxel_size": ["50 nm", "20 nm", "18.4 nm"], "conditions": {"stack_pressure": "5 MPa"}}
    (tmp_path / "scan.raw.json").write_text(json.dumps(told))
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.data.compute(), grey)
    assert volume.spacing == pytest.approx((0.05, 0.02, 0.0184))
    assert volume.spacing_origin == "sidecar"
    assert volume.conditions == {"stack_pressure": "5 MPa"}
    for change, error, match in (
        ({"offset": 0}, FormatError, "has 634 bytes, but 5 x 7 x 9 .* need 630"),
        ({"dtype": "uint17"}, FormatError, "uint17"),
        ({"dtype": "complex64"}, InputDataError, "complex"),
        ({"shape": [5, 7]}, FormatError, "do not describe"),
        ({"voxel_size": ["50", "20", "20"]}, VoxelSizeError, "not a length with a unit"),
    ):
        (tmp_path / "scan.raw.json").write_text(json.dumps(told | change))
        with pytest.raises(error, match=match):
            open_volume(path)


@pytest.mark.parametrize(
    "name", ["scan_9x7x5_uint16.raw", "scan-9x7x5-16bit.bin", "a_9x7x5_u1_9x7x5_uint16le.raw"]
)
def test_raw_by_name(tmp_path, grey, name):
    path = tmp_path / name
    path.write_bytes(grey.astype("<u2").tobytes())
    np.testing.assert_array_equal(open_volume(path).data.compute(), grey)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(FormatError, match="bytes"):
        open_volume(path)


def test_raw_without_any_word_is_refused(tmp_path):
    path = tmp_path / "scan.raw"
    path.write_bytes(bytes(100))
    with pytest.raises(InputDataError, match="no header") as caught:
        open_volume(path)
    assert "scan.raw.json" in caught.value.hint


def test_opening_reads_nothing(tmp_path):
    path = tmp_path / "scan_1000x1000x200_uint8.raw"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    tracemalloc.start()
    volume = open_volume(path)
    assert volume.data[199, 999, 990:].sum().compute() == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # one 32 MB slab and the libraries; not the file's 200 MB


def test_real_files(real_volumes):
    rocks = real_volumes / "rocks"
    pores = open_volume(rocks / "bentheimer.npz")
    assert (pores.shape, pores.dtype) == ((500, 500, 500), np.uint8)
    assert pores.data.mean().compute() == pytest.approx(0.199687, abs=5e-7)  # as published
    leopard = open_volume(rocks / "image_Leopard_slice100.npy")
    assert leopard.shape == (100, 100, 100)
    blobs = real_volumes / "electrodes_segmented" / "tortuosityjl_blobs_32x42x52.npz"
    assert open_volume(blobs).shape == (32, 42, 52)
    with pytest.raises(FormatError, match="no reader") as caught:
        open_volume(rocks / "test_berea.zip")
    assert "unpack" in caught.value.hint
