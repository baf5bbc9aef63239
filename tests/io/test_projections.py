"""Projections: angles, geometry, flats and shifts of each scanner's files; and the model."""

from __future__ import annotations

import pickle
import struct

import h5py
import numpy as np
import pytest
import tifffile

from ssbtomo.errors import AxisError, FormatError, InputDataError, SsbtomoError, VoxelSizeError
from ssbtomo.io import open_projections, open_volume
from ssbtomo.projections import Geometry, Projections


def test_xradia_cone_beam(tmp_path, writers, grey):
    scan = open_projections(writers.txrm(tmp_path, grey))
    np.testing.assert_array_equal(scan.data.compute(), grey)
    np.testing.assert_allclose(np.rad2deg(scan.needed_angles()), [-90, -45, 0, 45, 90])
    geometry = scan.geometry
    assert (geometry.beam, geometry.source_object, geometry.object_detector) == ("cone", 2e4, 6e4)
    assert geometry.magnification == 4
    assert geometry.pixel_size == (2.0, 2.0)  # PixelSize is at the object
    assert scan.voxel_size == 0.5
    assert scan.spacing == (0.5, 0.5, 0.5)
    np.testing.assert_array_equal(scan.shifts, np.arange(5)[:, None] * [-0.5, 1.0])  # rows, columns
    np.testing.assert_array_equal(scan.flats.compute()[0], grey[0])
    assert scan.origins["angles"] == "tag ImageInfo/Angles"
    assert pickle.loads(pickle.dumps(scan.data.dask)) is not None


def test_xradia_flats_from_another_scan(tmp_path, writers, grey):
    path = writers.txrm(tmp_path, grey)
    flats = writers.xradia(tmp_path / "flat.xrm", grey[:1] + 5)
    scan = open_projections(path, flats=flats)
    np.testing.assert_array_equal(scan.flats.compute(), grey[:1] + 5)
    assert scan.origins["flats"] == "user"
    with pytest.raises(AxisError, match="a volume, not projections"):
        open_projections(writers.txm(tmp_path, grey))


def test_xradia_parallel_beam_and_unknown_geometry(tmp_path, writers, grey):
    scan = open_projections(writers.txrm(tmp_path, grey, beam=2))
    assert (scan.geometry.beam, scan.geometry.pixel_size) == ("parallel", (0.5, 0.5))
    assert scan.geometry.object_detector == 6e4
    scan = open_projections(writers.txrm(tmp_path, grey, beam=0))
    assert scan.geometry.beam == "cone"
    assert scan.origins["beam"] == "estimate from distances"


def test_an_aborted_xradia_scan_has_the_images_that_were_taken(tmp_path, writers, grey):
    scan = open_projections(writers.txrm(tmp_path, grey, announced=12))
    assert scan.shape == grey.shape
    assert len(scan.angles) == len(scan.shifts) == 5
    assert "aborted: 5 of 12" in scan.notes[0]
    path = writers.txm(tmp_path, grey)
    content = path.read_bytes()
    at = content.find(struct.pack("<i", 5).ljust(64, b"\0"))
    path.write_bytes(content[:at] + struct.pack("<i", 9) + content[at + 4 :])
    with pytest.raises(SsbtomoError):  # DataType, or more images taken than there are
        open_volume(path).data.compute()


def test_many_images_lie_in_folders_of_a_hundred(tmp_path, writers):
    grey = np.arange(230 * 2 * 3, dtype=np.float32).reshape(230, 2, 3)
    path = writers.xradia(tmp_path / "long.txm", grey, ImageInfo__PixelSize=writers.floats(1.5))
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.data.compute(), grey)
    assert volume.spacing == (1.5, 1.5, 1.5)


def test_nexus(tmp_path, writers, grey):
    path = writers.nxtomo(tmp_path, grey)
    scan = open_projections(path)
    np.testing.assert_array_equal(scan.data.compute(), grey)
    np.testing.assert_array_equal(scan.data[3, 2:].compute(), grey[3, 2:])
    assert [int(image.mean()) for image in scan.flats.compute()] == [900, 800]
    assert [int(image.mean()) for image in scan.darks.compute()] == [7]
    np.testing.assert_allclose(scan.angles, np.linspace(0, np.pi, 5))
    assert scan.geometry == Geometry("parallel", (6.5, 6.5), object_detector=1e5)
    with h5py.File(path, "a") as file:
        file["entry0000/instrument/beam/incident_energy"] = 35.0
        file["entry0000/instrument/beam/incident_energy"].attrs["units"] = "keV"
        del file["entry0000/instrument/detector/x_pixel_size"].attrs["units"]
        file["entry0000/sample/rotation_angle"].attrs["units"] = "rad"
    scan = open_projections(path)
    assert scan.geometry.pixel_size is None
    assert scan.conditions == {"energy": "35 keV"}
    assert "no unit" in scan.notes[0]
    assert scan.angles[-1] == 180
    assert open_projections(path, pixel_size=["13 um", "6.5 um"]).spacing == (13.0, 6.5, 6.5)
    with h5py.File(path, "a") as file:
        file["entry0000/instrument/detector/image_key"][...] = 3
    with pytest.raises(InputDataError, match=r"no image .* is a projection"):
        open_projections(path)


def test_data_exchange(tmp_path, writers, grey):
    path = writers.exchange(tmp_path, grey)
    scan = open_projections(path)
    np.testing.assert_array_equal(scan.data.compute(), grey)
    np.testing.assert_array_equal(scan.flats.compute(), grey[:2] + 1000)
    assert (scan.darks.shape, scan.spacing) == ((1, 7, 9), (1.17, 1.17, 1.17))
    np.testing.assert_allclose(scan.angles, np.linspace(0, np.pi, 5))
    with h5py.File(path, "a") as file:
        del file["exchange/theta"]
        file["exchange/theta"] = np.arange(4)
    with pytest.raises(FormatError, match="4 angles for 5 images"):
        open_projections(path)


def test_nikon(tmp_path, writers, grey):
    path = writers.xtekct_scan(tmp_path, grey)
    scan = open_projections(path)
    np.testing.assert_array_equal(scan.data.compute(), grey)
    np.testing.assert_allclose(np.rad2deg(scan.angles), [10, 10.5, 11, 11.5, 12])
    geometry = scan.geometry
    assert (geometry.source_object, geometry.object_detector) == (5e4, 95e4)
    assert geometry.pixel_size == (200.0, 200.0)
    assert scan.voxel_size == pytest.approx(10.0)
    assert geometry.axis_column == pytest.approx(
        4 + 1.5
    )  # 0.3 mm right of the middle, 0.2 mm pixels
    assert geometry.axis_tilt == pytest.approx(np.arctan2(-0.2, 7 * 0.2))
    assert float(scan.flats.max().compute()) == 60000
    (tmp_path / "scan_0005.tif").unlink()
    assert "aborted: 4 of 5" in open_projections(path).notes[1]
    for file in tmp_path.glob("*.tif"):
        file.unlink()
    with pytest.raises(InputDataError, match="no TIFF or PNG images named scan0000"):
        open_projections(path)
    (tmp_path / "scan.raw").write_bytes(grey.astype("<u2").tobytes())
    np.testing.assert_array_equal(open_projections(path).data.compute(), grey)
    for old, new, match in (
        ("SrcToObject=50.0", "SrcToObject=-50.0", "no distances"),
        ("Projections=5", "Projections=five", "not a whole number"),
        ("[XTekCT]", "[Else]", r"no section \[XTekCT\]"),
    ):
        changed = tmp_path / "changed.xtekct"
        changed.write_text(path.read_text().replace(old, new))
        with pytest.raises(FormatError, match=match):
            open_projections(changed)


def test_skyscan(tmp_path, writers, grey):
    path = writers.skyscan_scan(tmp_path, grey)
    scan = open_projections(path)
    np.testing.assert_array_equal(scan.data.compute(), grey)
    np.testing.assert_allclose(np.rad2deg(scan.angles), 0.6 * np.arange(5))
    assert scan.voxel_size == pytest.approx(7.000817)
    assert scan.geometry.source_object == pytest.approx(24755.0)
    assert scan.geometry.pixel_size[0] == pytest.approx(7.000817 * 286 / 24.755)
    assert scan.conditions["voltage"] == "80 kV"
    path.write_text(path.read_text().replace("24.755", "1000000"))
    assert open_projections(path).geometry == Geometry("parallel", (7.000817, 7.000817))
    path.write_text(path.read_text().replace("=1000000", "=-3"))
    with pytest.raises(FormatError, match="no distances"):
        open_projections(path)
    with pytest.raises(AxisError, match="describes projections, not slices"):
        open_volume(path)


def test_plain_images_need_their_angles(tmp_path, grey):
    folder = tmp_path / "scan"
    folder.mkdir()
    for k, image in enumerate(grey):
        tifffile.imwrite(folder / f"p_{k}.tif", image)
    tifffile.imwrite(tmp_path / "flat.tif", grey[0] + 9)
    scan = open_projections(folder)
    with pytest.raises(InputDataError, match="nothing tells the angles of the 5"):
        scan.needed_angles()
    scan = open_projections(
        folder, angles_deg=np.arange(5) * 36, pixel_size=["2 um"] * 2, flats=tmp_path / "flat.tif"
    )
    np.testing.assert_array_equal(scan.flats.compute(), grey[:1] + 9)
    assert scan.origins["angles"] == scan.origins["pixel_size"] == scan.origins["flats"] == "user"
    assert "voxel size 2 µm" in repr(scan)
    with pytest.raises(InputDataError, match="5 projections, but the angles"):
        open_projections(folder, angles_deg=[1, 2])
    with pytest.raises(InputDataError, match="not a row of numbers"):
        open_projections(folder, angles_deg="half a turn")
    with pytest.raises(VoxelSizeError, match="not a length with a unit"):
        open_projections(folder, pixel_size=["2", "2"])
    with pytest.raises(VoxelSizeError, match="not above zero"):
        open_projections(folder, pixel_size=["0 um", "2 um"])
    with pytest.raises(InputDataError, match="no file or folder"):
        open_projections(tmp_path / "nowhere")
    tifffile.imwrite(tmp_path / "other.tif", grey[0, :3])
    with pytest.raises(InputDataError, match="the flats have the shape"):
        open_projections(folder, flats=tmp_path / "other.tif")


def test_the_model_refuses_what_cannot_be(grey):
    import dask.array as da

    data = da.from_array(grey)
    with pytest.raises(InputDataError, match="cone beam needs its distances"):
        Geometry("cone", (1.0, 1.0))
    with pytest.raises(VoxelSizeError, match="negative or not finite"):
        Geometry("parallel", object_detector=float("nan"))
    with pytest.raises(AxisError, match="2 axes"):
        Projections(data[0], Geometry("parallel"))
    with pytest.raises(InputDataError, match="not all finite"):
        Projections(data, Geometry("parallel"), angles=np.full(5, np.nan))
    scan = Projections(data, Geometry("parallel"), angles=np.arange(5))
    with pytest.raises(ValueError, match="read-only"):
        scan.angles[0] = 1


def test_genuine_xradia_files(real_volumes):
    folder = real_volumes / "sinograms_xradia"
    one = open_projections(folder / "test_chip00.xrm")
    assert (one.shape, one.data.dtype) == ((1, 512, 512), np.uint16)
    assert np.rad2deg(one.angles[0]) == pytest.approx(-0.06000000238418579, rel=1e-12)
    assert one.conditions["x_position"] == "715.3599853515625 um"
    assert one.conditions["y_position"] == "-3761.9892578125 um"
    assert one.voxel_size == pytest.approx(0.0778947, rel=1e-5)  # 77.9 nm: PixelSize is in µm
    assert one.flats.shape == (1, 512, 512)
    few = open_projections(folder / "txrm_test_chip_tomo.txrm")
    assert (few.shape, few.geometry.beam) == ((7, 256, 256), "parallel")
    np.testing.assert_allclose(np.rad2deg(few.angles), np.arange(-45, 46, 15), atol=0.02)
    assert few.voxel_size == pytest.approx(2 * one.voxel_size)  # binned 8, not 4
    assert few.shifts[1] == pytest.approx([0.22419488, -0.94368505])
    assert int(few.data[0, 0, 2].compute()) == 16
    with pytest.raises(AxisError, match="projections of a CT scan"):
        open_volume(folder / "test_chip00.xrm")


def test_shifts_of_a_genuine_scan_align_it(real_volumes):
    """The sample, a flat chip, moves along x smoothly with the angle once shifts are added.

    In a frame stretched by 1/cos, the content's place is a + b sin + c (1 - cos) plus what the
    stage did. The places were measured against the image at 0 degrees by correlation of band-passed
    images (-45 ... 45 degrees); their residual is 0.87 px as stored, 0.35 px with the shifts added,
    1.77 px with them taken away. Along y the shifts (0.06 px) are below the noise of the places.
    """
    scan = open_projections(real_volumes / "sinograms_xradia" / "txrm_test_chip_tomo.txrm")
    places = np.array([4.50, 4.48, -0.05, 0.0, -4.53, -7.07, -11.63])
    basis = np.stack([np.ones(7), np.sin(scan.angles), 1 - np.cos(scan.angles)], axis=1)

    def residual(values):
        return float(np.sqrt(np.mean((values - basis @ np.linalg.lstsq(basis, values)[0]) ** 2)))

    across = scan.shifts[:, 1]
    assert residual(places + across) < 0.5 * residual(places) < 0.5 * residual(places - across)
