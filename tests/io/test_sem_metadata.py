"""What microscopes write into TIFF images: the pixel, never the distance of the slices."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from ssbtomo.errors import FormatError, VoxelSizeError
from ssbtomo.io import open_volume
from ssbtomo.io.sem_metadata import sem_metadata
from ssbtomo.io.tiff_pages import read_tags


def open_slices(writers, folder, grey, code, text):
    return open_volume(writers.sem_slices(folder, grey, code, text))


@pytest.mark.parametrize("code", [34680, 34682])
@pytest.mark.parametrize(("beam", "name"), [("E", "electron"), ("I", "ion")])
def test_fei_reads_the_active_beam(tmp_path, writers, grey, code, beam, name):
    text = writers.FEI.format(beam=beam, on="no", scanned=9)
    volume = open_slices(writers, tmp_path / "s", grey, code, text)
    assert volume.pixel_size == (0.0063, 0.005)  # not the 9 nm of the other section
    assert volume.spacing is None
    assert volume.conditions["beam"] == name
    assert volume.conditions["tilt_correction"] == "off"
    assert volume.conditions["stage_tilt"] == "52 deg"
    foreshortened = any("tilt correction was off" in note for note in volume.notes)
    assert foreshortened == (beam == "E")
    with pytest.raises(VoxelSizeError, match=r"pixel size, 6.3 nm x 5 nm \(Y, X\), but not"):
        volume.needed_spacing()


def test_fei_tilt_correction_and_reduced_area(tmp_path, writers, grey):
    text = writers.FEI.format(beam="E", on="yes", scanned=1536)
    volume = open_slices(writers, tmp_path / "s", grey, 34682, text)
    assert volume.pixel_size == (0.0063, 0.005)
    assert volume.conditions["tilt_correction"] == "on, 38 deg"
    assert any("9 columns where the microscope scanned 1536" in note for note in volume.notes)


def test_fei_xml_alone(tmp_path, writers, grey):
    volume = open_slices(writers, tmp_path / "s", grey, 34683, writers.FEI_XML)
    assert volume.pixel_size == (0.0063, 0.005)


@pytest.mark.parametrize(
    ("size", "edge"), [("5.582 nm", 0.005582), ("0.0125 µm", 0.0125), ("558.2 pm", 0.0005582)]
)
def test_zeiss_takes_image_pixel_size_and_its_unit(tmp_path, writers, grey, size, edge):
    volume = open_slices(writers, tmp_path / "s", grey, 34118, writers.ZEISS.format(size=size))
    assert volume.pixel_size == pytest.approx((edge, edge), rel=1e-9)
    assert volume.conditions["tilt_correction"] == "on, 36.0 deg"
    assert volume.conditions["stage_tilt"] == "54.0 deg"


def test_zeiss_without_image_pixel_size_is_unknown(tmp_path, writers, grey):
    text = writers.ZEISS.format(size="").replace("Image Pixel Size", "Something")
    volume = open_slices(writers, tmp_path / "s", grey, 34118, text)
    assert volume.pixel_size is None
    assert "Pixel Size = 99.9 nm belongs to another raster" in volume.notes[0]


def test_fibics(tmp_path, writers, grey):
    text = writers.FIBICS.format(wide=9, high=7, view=0.045)
    volume = open_slices(writers, tmp_path / "s", grey, 51023, text)
    assert volume.pixel_size == (0.005, 0.005)
    cut = writers.FIBICS.format(wide=9, high=7, view=20)  # the image is a part of the field
    volume = open_slices(writers, tmp_path / "t", grey, 51023, cut)
    assert volume.pixel_size == (0.005, 0.005)
    assert "the steps are taken" in volume.notes[0]
    volume = open_slices(writers, tmp_path / "u", grey, 51023, cut[:-40])
    assert (volume.pixel_size, volume.notes[0]) == (None, "its metadata are damaged")


def test_tescan_beside_and_inside(tmp_path, writers, grey):
    folder = writers.sem_slices(tmp_path / "s", grey, 0, "")
    for k in range(len(grey)):
        (folder / f"slice_{k:04d}-tif.hdr").write_text(writers.TESCAN)
    volume = open_volume(folder)
    assert volume.pixel_size == (0.0063, 0.005)
    assert volume.conditions["stage_tilt"] == "55 deg"
    inside = "\x01\x02PixelSizeX=5e-009\x03\x04\x05PixelSizeY=6.3e-009\x00\x06"
    content = inside.encode("latin-1")
    path = tmp_path / "one.tif"
    tifffile.imwrite(path, grey[0], extratags=[(50431, 7, len(content), content, True)])
    assert sem_metadata(path).pixel_size == (0.0063, 0.005)


def test_slice_thickness_from_the_user(tmp_path, writers, grey):
    folder = writers.fei(tmp_path, grey)
    volume = open_volume(folder, slice_thickness="20 nm")
    assert (volume.spacing, volume.spacing_origin) == ((0.02, 0.0063, 0.005), "user")
    for text in ("20", "-20 nm", "0 nm"):
        with pytest.raises(VoxelSizeError, match="slice_thickness"):
            open_volume(folder, slice_thickness=text)
    with pytest.raises(VoxelSizeError, match="are both given"):
        open_volume(folder, ["20 nm"] * 3, slice_thickness="20 nm")
    plain = writers.sem_slices(tmp_path / "plain", grey, 0, "")
    with pytest.raises(VoxelSizeError, match="nothing tells the pixel size"):
        open_volume(plain, slice_thickness="20 nm")


@pytest.mark.parametrize(("pixel", "step", "dz"), [(0.005, 0.02, 0.02), (5.0, 20.0, 0.02)])
def test_slice_thickness_from_atlas_in_the_unit_of_its_pixel(
    tmp_path, writers, grey, pixel, step, dz
):
    folder = writers.sem_slices(
        tmp_path / "s", grey, 51023, writers.FIBICS.format(wide=9, high=7, view=0.045)
    )
    (tmp_path / "Atlas3D.a3d-setup").write_text(writers.ATLAS.format(pixel=pixel, step=step))
    volume = open_volume(folder)
    assert volume.spacing == (dz, 0.005, 0.005)
    assert volume.spacing_origin == "sidecar"
    assert any("set in Atlas3D.a3d-setup, not measured" in note for note in volume.notes)
    (tmp_path / "Atlas3D.a3d-setup").write_text(writers.ATLAS.format(pixel=0.3, step=step))
    volume = open_volume(folder)
    assert volume.spacing is None
    assert any("its unit is unknown" in note for note in volume.notes)


def test_a_pixel_that_changes_within_the_stack_is_unknown(tmp_path, writers, grey):
    folder = writers.fei(tmp_path, grey)
    other = tmp_path / "other"
    text = writers.FEI.format(beam="E", on="yes", scanned=9).replace(
        "PixelWidth=5e", "PixelWidth=6e"
    )
    writers.sem_slices(other, grey, 34682, text)
    (other / "slice_0003.tif").replace(folder / "slice_0003.tif")
    volume = open_volume(folder)
    assert volume.pixel_size is None
    assert any("slice_0003.tif; it is taken as unknown" in note for note in volume.notes)


def test_a_stack_of_pages_and_its_own_spacing(tmp_path, writers, grey):
    content = writers.FEI.format(beam="E", on="yes", scanned=9).encode()
    path = tmp_path / "stack.tif"
    tag = [(34682, 7, len(content), content, True)]
    tifffile.imwrite(path, grey, extratags=tag, metadata=None, photometric="minisblack")
    assert open_volume(path).pixel_size == (0.0063, 0.005)
    tifffile.imwrite(
        path,
        grey,
        imagej=True,
        resolution=(1e3, 1e3),
        metadata={"axes": "ZYX", "spacing": 0.02, "unit": "um"},
    )
    assert open_volume(path).spacing == (0.02, 0.001, 0.001)


def test_a_tag_that_leads_outside_is_refused_without_reading(tmp_path, writers, grey):
    folder = writers.fei(tmp_path, grey)
    path = folder / "slice_0000.tif"
    content = bytearray(path.read_bytes())
    at = content.find(np.array([34682, 7], dtype="<u2").tobytes())
    content[at + 4 : at + 8] = np.uint32(900_000).tobytes()
    path.write_bytes(content)
    assert sem_metadata(path) is None
    content[at + 4 : at + 8] = np.uint32(0xFFFFFFFF).tobytes()
    path.write_bytes(content)
    assert read_tags(path, {34682})[0] == {}


def test_genuine_images(real_volumes):
    folder = real_volumes / "fibsem_metadata"
    told = sem_metadata(folder / "openfibsem_test_image_2_IB.tif")
    assert told.origin == "Thermo/FEI tag 34682, section IScan"
    assert told.pixel_size == (0.0976562, 0.0976562)  # 9.76562e-8 m
    assert told.conditions["beam"] == "ion"
    assert told.conditions["stage_tilt"].startswith("31.998")
    assert "tilt_correction" not in told.conditions  # the file leaves it empty
    # This one was written anew by tifffile, without the microscope's tags: nothing is made up.
    assert sem_metadata(folder / "openfibsem_test_image.tif") is None


def test_a_drafted_recipe_asks_for_the_thickness_only(tmp_path, writers, grey):
    from ssbtomo.runner.drafting import draft_recipe

    recipe = tmp_path / "recipe.yaml"
    draft_recipe(writers.fei(tmp_path, grey), recipe)
    assert "voxel_size: [SLICE_THICKNESS nm, 6.3 nm, 5 nm]" in recipe.read_text()


def test_images_larger_than_their_bytes_can_be_are_refused(tmp_path, grey):
    import imagecodecs

    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, grey, compression="zlib", photometric="minisblack")
    content = bytearray(path.read_bytes())
    for code in (256, 257):  # width and height of the first page
        at = max(content.find(np.array([code, k], dtype="<u2").tobytes()) for k in (3, 4))
        content[at + 2 : at + 12] = np.array([4, 1, 0, 60000, 0], dtype="<u2").tobytes()
    path.write_bytes(content)
    with pytest.raises(FormatError, match="cannot be packed into"):
        open_volume(path)
    folder = tmp_path / "png"
    folder.mkdir()
    for k, image in enumerate(grey):
        (folder / f"{k}.png").write_bytes(imagecodecs.png_encode(image))
    first = bytearray((folder / "0.png").read_bytes())
    first[16:24] = np.array([60000, 60000], dtype=">u4").tobytes()
    (folder / "0.png").write_bytes(first)
    with pytest.raises(FormatError, match="cannot be packed into"):
        open_volume(folder)
