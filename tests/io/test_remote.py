"""OME-Zarr at addresses: opened lazily, copied whole."""

from __future__ import annotations

import fsspec
import numpy as np
import pytest

from ssbtomo import io
from ssbtomo.errors import FormatError, InputDataError, OutputError
from ssbtomo.io import ome_zarr


@pytest.fixture
def store(tmp_path):
    values = np.arange(12 * 10 * 8, dtype=np.uint16).reshape(12, 10, 8)
    path = tmp_path / "scan.ome.zarr"
    sink = ome_zarr.create(path, values.shape, values.dtype, (0.2, 0.1, 0.1), block=(8, 8, 8))
    for z in (0, 8):
        sink[z : z + 8] = values[z : z + 8]
    ome_zarr.finish(path)
    return path, values


@pytest.fixture
def memory():
    """An object store in this process, empty before and after."""
    fsspec.filesystem("memory").store.clear()
    yield "memory://bucket"
    fsspec.filesystem("memory").store.clear()


def test_a_store_goes_to_an_address_and_back(store, memory, tmp_path):
    path, values = store
    address = f"{memory}/scan.ome.zarr"
    count = io.copy_store(path, address)
    volume = io.open_volume(address)
    assert (volume.shape, volume.spacing, volume.name) == (values.shape, (0.2, 0.1, 0.1), "scan")
    assert volume.source == address
    np.testing.assert_array_equal(volume.data.compute(scheduler="synchronous"), values)
    assert io.copy_store(address, tmp_path / "back.ome.zarr") == count
    for file in path.rglob("*"):
        if file.is_file():
            other = tmp_path / "back.ome.zarr" / file.relative_to(path)
            assert other.read_bytes() == file.read_bytes()


def test_addresses_of_files_are_opened(store):
    path, values = store
    volume = io.open_volume(f"file://{path}", voxel_size=["1 um"] * 3)
    assert volume.spacing == (1, 1, 1)
    np.testing.assert_array_equal(volume.data[3].compute(scheduler="synchronous"), values[3])


def test_what_is_not_there_or_in_the_way_is_told(store, memory, tmp_path):
    with pytest.raises(FormatError, match="no OME-Zarr image at memory"):
        io.open_volume(f"{memory}/absent.ome.zarr")
    with pytest.raises(InputDataError, match="nothing at"):
        io.copy_store(tmp_path / "absent", f"{memory}/x")
    io.copy_store(store[0], f"{memory}/x")
    with pytest.raises(OutputError, match="already"):
        io.copy_store(store[0], f"{memory}/x")
