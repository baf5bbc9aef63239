"""Folders of slices: natural order, and everything that can be wrong with them."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest
import tifffile

from ssbtomo.errors import AxisError, FormatError, InputDataError
from ssbtomo.io import check_stack, open_volume
from ssbtomo.io.numbering import gaps, natural_key, slice_numbers


def write(folder, values, numbers=None, ending="tif"):
    folder.mkdir(exist_ok=True)
    for number, page in zip(numbers or range(1, len(values) + 1), values, strict=True):
        file = folder / f"slice_{number}.{ending}"
        if ending == "png":
            file.write_bytes(imagecodecs.png_encode(page))
        else:
            tifffile.imwrite(file, page)
    return folder


@pytest.mark.parametrize("ending", ["tif", "png"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_slices_come_in_natural_order(tmp_path, ending, dtype):
    values = np.arange(12 * 6 * 8).reshape(12, 6, 8).astype(dtype)
    volume = open_volume(write(tmp_path / "scan", values, ending=ending))
    assert volume.dtype == dtype
    np.testing.assert_array_equal(volume.data.compute(), values)
    np.testing.assert_array_equal(volume.data[9:11, 2:4, 5].compute(), values[9:11, 2:4, 5])
    assert volume.notes == ()


def test_numbers_in_names():
    assert sorted(["s10.tif", "s9.tif", "S1.tif"], key=natural_key) == [
        "S1.tif",
        "s9.tif",
        "s10.tif",
    ]
    assert slice_numbers(["a2_001_z0.tif", "a2_002_z0.tif"]) == [1, 2]
    assert slice_numbers(["a.tif", "b2.tif"]) is None
    assert gaps([0, 2, 4, 8, 8]) == ([6], [8])
    assert gaps([5]) == ([], [])


def test_gaps_are_noted(tmp_path, grey):
    folder = write(tmp_path / "scan", grey, [1, 2, 3, 5, 6])
    assert open_volume(folder).notes == ("1 slice numbers are missing: 4",)


def test_bad_folders_are_refused(tmp_path, grey):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputDataError, match="it is empty"):
        open_volume(empty)
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    with pytest.raises(InputDataError) as caught:
        open_volume(tmp_path / "outer")
    assert "inner" in caught.value.hint
    folder = write(tmp_path / "scan", grey)
    (folder / "notes.txt").write_text("not a slice")
    open_volume(folder)
    (folder / "slice_6.png").write_bytes(imagecodecs.png_encode(grey[0]))
    with pytest.raises(FormatError, match="5 TIFF and 1 PNG"):
        open_volume(folder)
    with pytest.raises(AxisError, match="one 2-D image"):
        open_volume(write(tmp_path / "single", grey[:1]))


def test_bad_slices_are_refused(tmp_path, grey):
    folder = write(tmp_path / "scan", grey)
    odd = folder / "slice_3.tif"
    for page, error, match in (
        (grey[2][:4], InputDataError, "ragged: slice_3.tif has 4 x 9"),
        (grey[2].astype("u1"), InputDataError, "ragged: .* uint8"),
        (np.zeros((7, 9, 3), np.uint8), InputDataError, "colour"),
        (grey[:2], AxisError, "has 2 pages"),
    ):
        photometric = "rgb" if page.shape[-1] == 3 else "minisblack"
        tifffile.imwrite(odd, page, photometric=photometric)
        with pytest.raises(error, match=match):
            open_volume(folder)
    odd.write_bytes((folder / "slice_2.tif").read_bytes()[:-20])
    with pytest.raises(FormatError, match="truncated"):
        open_volume(folder)


def test_bad_png_slices_are_refused(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (3, 20, 20)).astype(np.uint8)
    folder = write(tmp_path / "scan", values, ending="png")
    odd = folder / "slice_2.png"
    whole = odd.read_bytes()
    odd.write_bytes(whole[:-20])
    with pytest.raises(FormatError, match="truncated"):
        open_volume(folder)
    odd.write_bytes(imagecodecs.png_encode(np.zeros((20, 20, 3), np.uint8)))
    with pytest.raises(InputDataError, match="colour"):
        open_volume(folder)
    odd.write_bytes(whole[:60] + bytes(20) + whole[80:])
    with pytest.raises(InputDataError, match="cannot be decoded"):
        open_volume(folder).data.compute()


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(20, 200, (20, 80, 90)).astype(np.uint8)


def what(report):
    return " | ".join(map(str, report.problems))


def test_a_good_stack_has_no_problems(tmp_path, noise):
    report = check_stack(write(tmp_path / "scan", noise))
    assert report.problems == ()
    assert (report.ok, report.slices, report.examined) == (True, 20, 16)


def test_the_check_finds_what_spoils_a_stack(tmp_path, noise):
    noise[4] = 7
    noise[9] = 255
    noise[9, :50] = noise[8, :50]
    noise[12] = noise[11]
    numbers = [*range(1, 18), 19, 20, 21]
    folder = write(tmp_path / "scan", noise, numbers)
    tifffile.imwrite(folder / "slice_0021.tif", noise[19])
    report = check_stack(folder, deep=True)
    text = what(report)
    assert "numbers are missing (18)" in text
    assert "more than once (21)" in text
    assert "blank: one single value (4)" in text
    assert "saturated: over 20% of the pixels have the largest value (9)" in text
    assert "identical to the slice before them (12" in text
    assert "data bar" not in text
    assert report.ok


def test_the_check_names_every_odd_slice(tmp_path, noise):
    folder = write(tmp_path / "scan", noise)
    tifffile.imwrite(folder / "slice_3.tif", noise[2][:50])
    tifffile.imwrite(folder / "slice_5.tif", noise[4].astype("u2"))
    tifffile.imwrite(folder / "slice_7.tif", np.zeros((80, 90, 3), np.uint8), photometric="rgb")
    (folder / "slice_9.tif").write_bytes((folder / "slice_8.tif").read_bytes()[:-9])
    report = check_stack(folder)
    text = what(report)
    assert not report.ok
    assert "another shape than the usual (80, 90) (slice_3.tif)" in text
    assert "another type than the usual uint8 (slice_5.tif)" in text
    assert "colour images (slice_7.tif)" in text
    assert "truncated" in text


def test_a_data_bar_is_found_and_nothing_else_is_taken_for_one(tmp_path, noise):
    path = tmp_path / "scan.npy"
    np.save(path, noise)
    assert check_stack(path).problems == ()
    masked = noise.copy()
    masked[:, -12:] = 0  # outside of the sample: nothing is written there
    np.save(path, masked)
    assert check_stack(path).problems == ()
    noise[:, -12:] = 0
    noise[:, -8:-4, 10:20:2] = 255
    np.save(path, noise)
    assert "data bar; crop it (the last 12 rows)" in what(check_stack(path))
    labels = np.zeros((20, 80, 90), np.uint8)
    labels[:, :40] = (noise[:, :40] > 100) * 255
    np.save(path, labels)
    assert check_stack(path).problems == ()


def test_unreal_values_and_blank_volumes_are_errors(tmp_path, noise):
    path = tmp_path / "scan.npy"
    values = noise.astype("f4")
    values[0, 0, 0] = np.nan
    values[19, 0, 0] = np.inf
    np.save(path, values)
    assert "NaN or infinite values (0, 19)" in what(check_stack(path))
    np.save(path, np.full((4, 5, 6), 3))
    assert not check_stack(path).ok
    with pytest.raises(InputDataError, match="no file or folder"):
        check_stack(tmp_path / "nowhere")
