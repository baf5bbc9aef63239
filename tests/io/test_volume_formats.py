"""Vendors' volume files: voxels, voxel size with its unit and origin, lazily; wrong files refused."""

from __future__ import annotations

import bz2
import struct
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest

from ssbtomo.errors import (
    AxisError,
    FormatError,
    InputDataError,
    ProjectionsError,
    SsbtomoError,
    VoxelSizeError,
)
from ssbtomo.io import formats, open_projections, open_volume

EDGES = {
    "txm": (0.5, 0.5, 0.5),
    "skyscan": (14.00164, 7.00082, 7.00082),  # every second section was reconstructed
    "dicom": (50.0, 30.0, 20.0),
    "dicom_frames": (50.0, 30.0, 20.0),
}
NAMES = (
    "txm", "mhd", "mha", "nrrd", "nhdr", "amira", "amira_runs", "amira_zip", "mrc", "vgi",
    "xtekct", "skyscan", "nxdata", "dicom", "dicom_frames",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_voxels_and_voxel_size(tmp_path, writers, grey, name):
    if name.startswith("dicom"):
        pytest.importorskip("pydicom")
    volume = open_volume(getattr(writers, name)(tmp_path, grey))
    shift = -1000 if name == "dicom" else 0  # its rescale intercept
    np.testing.assert_array_equal(volume.data.compute(), grey.astype(np.int64) + shift)
    np.testing.assert_array_equal(
        volume.data[2, 1:3, ::2].compute(), grey[2, 1:3, ::2].astype(np.int64) + shift
    )
    assert volume.dtype.isnative
    assert volume.spacing == EDGES.get(name, (0.05, 0.03, 0.02))
    assert volume.spacing_origin == "tag"


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_off_file_is_refused_before_or_when_it_is_read(tmp_path, writers, grey, name):
    if name.startswith("dicom"):
        pytest.importorskip("pydicom")
    path = getattr(writers, name)(tmp_path, grey)
    files = [
        f for f in tmp_path.iterdir() if f.suffix not in (".log", ".nhdr") and "spr" not in f.stem
    ]
    longest = max(files, key=lambda f: f.stat().st_size)
    longest.write_bytes(longest.read_bytes()[: -(longest.stat().st_size // 3)])
    with pytest.raises(SsbtomoError) as caught:
        open_volume(path).data.compute()
    assert caught.value.hint
    assert longest.stem.rpartition(".")[0] in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_something_else_is_refused(tmp_path, writers, grey, name):
    if name.startswith("dicom"):
        pytest.importorskip("pydicom")
    path = getattr(writers, name)(tmp_path, grey)
    path = next(path.glob("*.dcm")) if path.is_dir() else path
    for content in (b"", b"\0" * 3000, b"not what its name says\n" * 200):
        path.write_bytes(content)
        with pytest.raises(SsbtomoError) as caught:
            open_volume(path)
        assert caught.value.hint


def test_edges_without_a_unit_are_no_voxel_size(tmp_path, writers, grey):
    path = writers.mhd(tmp_path, grey, unit="")
    volume = open_volume(path)
    assert (volume.spacing, volume.spacing_origin) == (None, "unknown")
    assert "0.05 x 0.03 x 0.02 (Z, Y, X) without a unit" in volume.notes[0]
    with pytest.raises(VoxelSizeError, match="does not tell its voxel size"):
        volume.needed_spacing()
    assert open_volume(path, dataset="unit=nm").spacing == (5e-5, 3e-5, 2e-5)
    assert open_volume(path, ["1 um"] * 3).spacing_origin == "user"
    assert open_volume(path, dataset="unit=furlong").spacing is None


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("DimSize = 9 7 5", "DimSize = 9 7 0", "not three numbers above zero"),
        ("DimSize = 9 7 5", "DimSize = 9 7 50000000000", "truncated: 50000000000 x 7 x 9"),
        ("NDims = 3", "NDims = 4", "three axes"),
        ("MET_USHORT", "MET_RATHER", "ElementType = 'MET_RATHER' is not read"),
        ("scan.raw", "../../etc/none", "not beside it"),
        ("scan.raw", "LIST", "slices lie in files of their own"),
        ("ElementSpacing = 0.02", "HeaderSize = 7\nElementSpacing = 0.02", "truncated"),
    ],
)
def test_a_header_that_cannot_be(tmp_path, writers, grey, old, new, match):
    path = writers.mhd(tmp_path, grey)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(SsbtomoError, match=match):
        open_volume(path)


def test_a_packed_file_cannot_announce_more_than_it_can_hold(tmp_path, writers, grey):
    path = writers.mha(tmp_path, grey)
    path.write_bytes(path.read_bytes().replace(b"DimSize = 9 7 5", b"DimSize = 9 7 99999"))
    with pytest.raises(FormatError, match=r"packed by zlib cannot hold the .* announces"):
        open_volume(path)
    path.write_bytes(path.read_bytes().replace(b"DimSize = 9 7 99999", b"DimSize = 9 7 9"))
    volume = open_volume(path)  # it could, but does not
    with pytest.raises(InputDataError, match=r"truncated: 1,134 bytes .* ends after 630"):
        volume.data.compute()


def test_headers_skip_lines_bytes_and_to_the_end(tmp_path, writers, grey):
    path = writers.mhd(tmp_path, grey)
    raw = tmp_path / "scan.raw"
    raw.write_bytes(b"a header of some kind" + raw.read_bytes())
    text = path.read_text()
    for skip in (21, -1):
        path.write_text(text.replace("NDims", f"HeaderSize = {skip}\nNDims"))
        np.testing.assert_array_equal(open_volume(path).data.compute(), grey)
    path = writers.nhdr(tmp_path, grey)
    text = path.read_text().replace("gzip", "raw").replace("scan.raw.gz", "plain")
    (tmp_path / "plain").write_bytes(b"one\ntwo\n123" + grey.astype("<u2").tobytes())
    for skip in ("line skip: 2\nbyte skip: 3\n", "byte skip: -1\n"):
        path.write_text(text + skip)
        np.testing.assert_array_equal(open_volume(path).data.compute(), grey)
    path.write_text(text.replace("encoding: raw", "encoding: bzip2"))
    (tmp_path / "plain").write_bytes(bz2.compress(grey.astype("<u2").tobytes()))
    np.testing.assert_array_equal(open_volume(path).data.compute(), grey)
    path.write_text(text.replace("endian: little\n", ""))
    with pytest.raises(FormatError, match="order of the bytes is unknown"):
        open_volume(path)


@pytest.mark.parametrize("codec", ["zlib", "gzip", "bzip2", "rle"])
def test_packed_streams_are_read_from_any_place(tmp_path, writers, codec, monkeypatch):
    from ssbtomo.io import packed
    from ssbtomo.io.packed import PackedVolume

    monkeypatch.setattr(packed, "_EVERY", 1000)  # many points to return to
    monkeypatch.setattr(packed, "_READ", 300)
    rng = np.random.default_rng(5)
    voxels = np.repeat(rng.integers(0, 60000, 23 * 11 * 4).astype("<u2"), 3).reshape(23, 11, 12)
    content = voxels.tobytes()
    pack = zlib.compressobj(wbits=31)
    stream = {
        "zlib": zlib.compress(content),
        "gzip": pack.compress(content) + pack.flush(),
        "bzip2": bz2.compress(content),
        "rle": writers.runs(content),
    }[codec]
    path = tmp_path / "stream"
    path.write_bytes(b"head" + stream + b"tail")
    source = PackedVolume(str(path), voxels.shape, "<u2", codec, 4, len(stream)).check()
    for window in (slice(20, 23), slice(3, 5), slice(0, 23), slice(7, 8), slice(4, 4)):
        np.testing.assert_array_equal(source[window, :, 2:9], voxels[window, :, 2:9])
    np.testing.assert_array_equal(source[::-3, 1], voxels[::-3, 1])
    np.testing.assert_array_equal(source[2:20:5], voxels[2:20:5])


def test_a_packed_volume_is_never_unpacked_as_a_whole(tmp_path):
    path = tmp_path / "scan.mha"
    pack = zlib.compressobj(1)
    slices = [bytes([k]) * 10**6 for k in range(160)]
    stream = b"".join(pack.compress(image) for image in slices) + pack.flush()
    text = "NDims = 3\nCompressedData = True\nDimSize = 1000 1000 160\nElementType = MET_UCHAR\n"
    path.write_bytes(text.encode() + b"ElementDataFile = LOCAL\n" + stream)
    volume = open_volume(path)
    tracemalloc.start()
    assert int(volume.data[159, 5, 5].compute()) == 159
    assert int(volume.data[40, 5, 5].compute()) == 40
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 110e6  # a slab of 32 MB in three stages; not the volume's 160 MB


def test_amira_chooses_and_refuses(tmp_path, writers, grey):
    path = writers.amira(tmp_path, grey)
    content = path.read_bytes()
    for old, new, match in (
        (b"BINARY-LITTLE-ENDIAN", b"ASCII", "as text"),
        (b"ushort Data", b"float[3] Data", r"holds float\[3\]"),
        (b"define Lattice", b"define Points", "defines no lattice"),
        (b"} @1", b"} @1(HxLossy,12)", "HxLossy is not read"),
        (b"} @1", b"} @1\nLattice { byte Other } @2", "2 lattices to choose from"),
    ):
        path.write_bytes(content.replace(old, new))
        with pytest.raises(FormatError, match=match):
            open_volume(path)
    np.testing.assert_array_equal(open_volume(path, dataset="Data").data.compute(), grey)
    for old, new, match in (
        (b"Coordinates", b"Colours", "without a unit"),
        (b'"uniform"', b'"rectilinear"', "rectilinear, not uniform"),
        (b"BoundingBox", b"BoundingBow", "no BoundingBox"),
    ):
        path.write_bytes(content.replace(old, new))
        volume = open_volume(path)
        assert volume.spacing is None
        assert match in volume.notes[0]
    big = content.replace(b"BINARY-LITTLE-ENDIAN", b"BINARY")
    path.write_bytes(big.replace(grey.tobytes(), grey.astype(">u2").tobytes()))
    np.testing.assert_array_equal(open_volume(path).data.compute(), grey)


def test_mrc_of_either_byte_order_and_without_a_cell(tmp_path, writers, grey):
    path = writers.mrc(tmp_path, grey)
    content = bytearray(path.read_bytes())
    words = np.frombuffer(bytes(content[:208]), dtype="<u4").astype(">u4").tobytes()
    swapped = words + b"MAP \x11\x11\0\0" + bytes(content[216:1152])
    path.write_bytes(swapped + grey.astype(">u2").tobytes())
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.data.compute(), grey)
    assert volume.spacing == (0.05, 0.03, 0.02)
    for cell in ((0, 0, 0), (9, 7, 5)):  # nothing, and one ångström per voxel: a placeholder
        struct.pack_into("<3f", content, 40, *cell)
        path.write_bytes(content)
        assert open_volume(path).spacing is None
    struct.pack_into("<3i", content, 64, 3, 2, 1)
    path.write_bytes(content)
    with pytest.raises(AxisError, match=r"stored as \(3, 2, 1\)"):
        open_volume(path)


def test_dicom_series_are_sorted_chosen_and_checked(tmp_path, writers, grey):
    pydicom = pytest.importorskip("pydicom")
    folder = writers.dicom(tmp_path, grey)
    odd = pydicom.dcmread(folder / "IM003.dcm")
    odd.ImagePositionPatient = [1.0, 2.0, 10.12]
    odd.save_as(folder / "IM003.dcm")
    assert "not evenly spaced" in open_volume(folder).notes[0]
    odd.SeriesInstanceUID = odd.SeriesInstanceUID[:-1]
    odd.save_as(folder / "IM003.dcm")
    with pytest.raises(FormatError, match="2 DICOM series: series=0: 4 files"):
        open_volume(folder)
    assert open_volume(folder, dataset="series=0").shape[0] == 4
    with pytest.raises(AxisError, match="one DICOM image"):
        open_volume(folder, dataset="series=1")
    del odd.PixelSpacing
    odd.SeriesInstanceUID = pydicom.dcmread(folder / "IM001.dcm").SeriesInstanceUID
    odd.save_as(folder / "IM003.dcm")
    (folder / "notes.txt").write_text("not an image")
    assert open_volume(folder).shape[0] == 5
    with pytest.raises(AxisError, match="one DICOM image"):
        open_volume(folder / "IM003.dcm")


def test_a_missing_neighbour_is_named(tmp_path, writers, grey):
    path = writers.vgi(tmp_path, grey)
    np.testing.assert_array_equal(open_volume(tmp_path / "scan.vol").data.compute(), grey)
    (tmp_path / "scan.vol").unlink()
    with pytest.raises(InputDataError, match=r"'scan\.vol', which is not beside it"):
        open_volume(path)
    path = writers.xtekct_scan(tmp_path, grey)
    with pytest.raises(ProjectionsError, match=r"no volume scan\.vol beside it"):
        open_volume(path)
    path = writers.skyscan(tmp_path, grey)
    assert open_volume(tmp_path).shape == grey.shape  # the folder of the log, previews left out
    for file in tmp_path.glob("tooth*.tif"):
        file.unlink()
    with pytest.raises(InputDataError, match="no TIFF or PNG images named tooth_rec"):
        open_volume(path)


def test_projections_are_not_volumes(tmp_path, writers, grey):
    for write in (writers.txrm, writers.exchange, writers.nxtomo):
        folder = tmp_path / write.__name__
        folder.mkdir()
        path = write(folder, grey)
        with pytest.raises(SsbtomoError) as caught:
            open_volume(path)
        assert "open_projections" in caught.value.hint
        assert open_projections(path).shape == grey.shape
    inside = "entry0000/instrument/detector/data"  # with its dark and flat images
    assert open_volume(path, dataset=inside).shape == (8, 7, 9)


def test_hdf5_that_cannot_lie_in_its_file(tmp_path, grey):
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        shape = (8, 4096, 4096)
        file.create_dataset("data", shape=shape, chunks=shape, dtype="f8", compression="gzip")
    with pytest.raises(FormatError, match="none was ever written"):
        open_volume(path)
    with h5py.File(path, "a") as file:
        file["data"].id.write_direct_chunk((0, 0, 0), b"hundred bytes are no gigabyte")
    with pytest.raises(FormatError, match="in chunks of"):
        open_volume(path)


def test_all_families_are_listed():
    assert len(formats()) == 15
    assert formats()[-1] == "headerless raw"  # nothing is taken for raw that has a header
