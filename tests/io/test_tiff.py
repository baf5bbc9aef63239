"""TIFF of every dialect: voxels, voxel size, and clear refusals."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import tifffile

from ssbtomo.errors import AxisError, FormatError, InputDataError
from ssbtomo.io import open_volume
from ssbtomo.io.tiff_pages import check_complete


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize(
    "options",
    [{}, {"bigtiff": True}, {"compression": "zlib"}, {"tile": (16, 16)}, {"ome": True, "metadata": {"axes": "ZYX"}},
     {"metadata": None}, {"compression": "zlib", "rowsperstrip": 2}],
    ids=str,
)  # fmt: skip
def test_dialects_are_read(tmp_path, grey, options, byteorder):
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, grey, photometric="minisblack", byteorder=byteorder, **options)
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.data.compute(), grey)
    np.testing.assert_array_equal(volume.data[1:4, 2, ::3].compute(), grey[1:4, 2, ::3])
    assert volume.dtype == np.uint16
    assert volume.spacing is None
    assert volume.name == "scan"


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u4", "f4", "f8", "?"])
def test_types(tmp_path, grey, dtype):
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, (grey % 2).astype(dtype), photometric="minisblack")
    data = open_volume(path).data
    assert data.dtype == (np.uint8 if dtype == "?" else np.dtype(dtype))
    np.testing.assert_array_equal(data.compute(), grey % 2)


@pytest.mark.parametrize("unit", ["micron", "um", "\\u00B5m", "microns"])
def test_imagej_spacing(tmp_path, grey, unit):
    path = tmp_path / "scan.tif"
    tifffile.imwrite(
        path, grey, imagej=True, resolution=(1 / 0.0184, 1 / 0.02),
        metadata={"axes": "ZYX", "spacing": 0.05, "unit": unit},
    )  # fmt: skip
    volume = open_volume(path)
    # the resolution is a rational number with 32-bit parts: seven digits are left
    assert volume.spacing == pytest.approx((0.05, 0.02, 0.0184), rel=1e-6)
    assert volume.spacing_origin == "tag"


def test_imagej_writes_the_unit_in_latin_1(tmp_path, grey):
    path = tmp_path / "scan.tif"
    table = {"axes": "ZYX", "spacing": 0.05, "unit": "um"}
    tifffile.imwrite(path, grey, imagej=True, resolution=(20, 20), metadata=table)
    path.write_bytes(path.read_bytes().replace(b"unit=um", b"unit=\xb5m"))
    assert open_volume(path).spacing == (0.05, 0.05, 0.05)


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"unit": "pixel", "spacing": 2.0}, "no unit"),
        ({"unit": "um"}, "no distance between slices"),
        ({"unit": "furlong", "spacing": 2.0}, "not understood"),
    ],
)
def test_imagej_spacing_is_never_guessed(tmp_path, grey, metadata, says):
    path = tmp_path / "scan.tif"
    tifffile.imwrite(
        path, grey, imagej=True, resolution=(2, 2), metadata={"axes": "ZYX", **metadata}
    )
    volume = open_volume(path)
    assert volume.spacing is None
    assert says in volume.notes[0]


def test_ome_spacing(tmp_path, grey):
    path = tmp_path / "scan.ome.tif"
    sizes = {f"PhysicalSize{a}": size for a, size in zip("ZYX", (50.0, 20.0, 18.4), strict=True)}
    units = {f"PhysicalSize{a}Unit": "nm" for a in "ZYX"}
    tifffile.imwrite(path, grey, metadata={"axes": "ZYX", **sizes, **units})
    volume = open_volume(path)
    assert volume.spacing == pytest.approx((0.05, 0.02, 0.0184))
    assert volume.name == "scan"
    tifffile.imwrite(
        path, grey, metadata={"axes": "ZYX", "PhysicalSizeX": 1.0, "PhysicalSizeY": 1.0}
    )
    assert "no PhysicalSizeZ" in open_volume(path).notes[0]


def test_resolution_tags_do_not_make_a_voxel_size(tmp_path, grey):
    path = tmp_path / "scan.tif"
    options = {"photometric": "minisblack", "metadata": None, "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, grey, resolution=(5e5, 5e5), **options)
    volume = open_volume(path)
    assert volume.spacing is None
    assert "0.02 x 0.02 µm" in volume.notes[0]
    tifffile.imwrite(path, grey, resolution=(72, 72), **{**options, "resolutionunit": "INCH"})
    assert open_volume(path).notes == ()


def test_channels_and_times_are_chosen(tmp_path, grey):
    path = tmp_path / "scan.tif"
    both = np.stack([grey, grey + 1], axis=1)
    tifffile.imwrite(path, both, imagej=True, metadata={"axes": "ZCYX"})
    with pytest.raises(AxisError, match="c: 2") as caught:
        open_volume(path)
    assert "c=0" in caught.value.hint
    np.testing.assert_array_equal(open_volume(path, dataset="c=1").data.compute(), grey + 1)
    with pytest.raises(AxisError, match="c=5 does not exist"):
        open_volume(path, dataset="c=5")


def test_slices_that_are_called_channels_need_a_word(tmp_path, grey):
    path = tmp_path / "scan.ome.tif"
    tifffile.imwrite(path, grey, photometric="minisblack", metadata={"axes": "CYX"})
    with pytest.raises(AxisError, match="not depth") as caught:
        open_volume(path)
    assert "z=c" in caught.value.hint
    np.testing.assert_array_equal(open_volume(path, dataset="z=c").data.compute(), grey)
    tifffile.imwrite(path, grey, photometric="minisblack", metadata={"axes": "TYX"})
    assert "labelled time" in open_volume(path).notes[0]


def test_refusals(tmp_path, grey):
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, np.zeros((4, 6, 6, 3), np.uint8), photometric="rgb")
    with pytest.raises(InputDataError, match="colour"):
        open_volume(path)
    tifffile.imwrite(path, grey[0])
    with pytest.raises(AxisError, match="one 2-D image"):
        open_volume(path)
    tifffile.imwrite(path, grey.astype("c8"), photometric="minisblack")
    with pytest.raises(InputDataError, match="complex"):
        open_volume(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n and so on")
    with pytest.raises(FormatError, match="not a TIFF file") as caught:
        open_volume(path)
    assert "PNG" in caught.value.hint
    path.write_bytes(b"")
    with pytest.raises(FormatError, match="not a TIFF file"):
        open_volume(path)


def test_ragged_pages_and_several_images(tmp_path, grey):
    path = tmp_path / "scan.tif"
    with tifffile.TiffWriter(path) as tif:
        for page in (grey[0], grey[1], grey[2][:5], grey[3]):
            tif.write(page, metadata=None)
    with pytest.raises(InputDataError, match=r"ragged: page 3 has 5 x 9 .*page 1 has 7 x 9"):
        open_volume(path)
    with tifffile.TiffWriter(path) as tif:
        tif.write(grey, photometric="minisblack")
        tif.write(grey + 1, photometric="minisblack")
    with pytest.raises(FormatError, match="2 images"):
        open_volume(path)
    np.testing.assert_array_equal(open_volume(path, dataset="series=1").data.compute(), grey + 1)


@pytest.mark.parametrize("options", [{"metadata": None}, {"compression": "zlib"}, {"imagej": True}])
@pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
def test_truncated_files_are_found_on_opening(tmp_path, options, kept):
    path = tmp_path / "scan.tif"
    values = np.random.default_rng(0).integers(0, 9999, (8, 64, 64)).astype(np.uint16)
    tifffile.imwrite(path, values, photometric="minisblack", **options)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(FormatError, match=r"truncated|cut off"):
        open_volume(path)


def test_opening_reads_headers_only(tmp_path):
    path = tmp_path / "large.tif"
    tifffile.memmap(path, shape=(200, 1000, 1000), dtype="u1", photometric="minisblack").flush()
    tracemalloc.start()
    volume = open_volume(path)
    mean = volume.data[100, 500:510].mean().compute()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mean == 0
    assert volume.data.nbytes == 200_000_000
    assert peak < 60e6  # one 32 MB slab and the libraries; not the file's 200 MB


def test_pages_as_the_directory_tells_them(tmp_path, grey):
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, grey, photometric="minisblack", metadata=None)
    pages = check_complete(path)
    assert [(p.height, p.width, p.dtype, p.samples) for p in pages] == [(7, 9, "uint16", 1)] * 5


def test_real_files(real_volumes):
    labels = open_volume(real_volumes / "soc_electrode" / "labels_128x256x256_u8.tif")
    assert labels.shape == (128, 256, 256)
    assert set(np.unique(labels.data[::32].compute())) == {0, 128, 255}
    pore = (
        open_volume(real_volumes / "soc_electrode" / "grey_128x256x256_u16.tif").data[:8].compute()
    )
    # the mean grey of the pore that the data's own description gives, here over 8 slices
    assert pore[labels.data[:8].compute() == 0].mean() == pytest.approx(22971, rel=0.05)
    assert open_volume(real_volumes / "cell_xct" / "cell_24x728x728_u8.tif").shape == (24, 728, 728)
    bits = open_volume(
        real_volumes / "electrodes_segmented" / "SampleData_2Phase_stack_3d_1bit.tif"
    )
    assert bits.dtype == np.uint8
    assert set(np.unique(bits.data.compute())) == {0, 1}
    with pytest.raises(AxisError, match="one 2-D image"):
        open_volume(real_volumes / "fibsem_metadata" / "openfibsem_test_image_2_IB.tif")
