"""Files that were made to do harm: refused with a reason, in little time and memory."""

from __future__ import annotations

import json
import pickle
import socket
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import google_crc32c
import numcodecs
import numpy as np
import pytest
import tifffile
import zarr

from ssbtomo import runner
from ssbtomo.errors import FormatError, InputDataError, RecipeError, ResourceError, SsbtomoError
from ssbtomo.io import ome_zarr, open_volume
from ssbtomo.model import load_recipe
from ssbtomo.results import folder_name
from ssbtomo.tables import csv_text

GB = 2**30
OPEN = """
import resource, sys
from ssbtomo.errors import SsbtomoError
from ssbtomo.io import open_volume
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**30,) * 2)
try:
    volume = open_volume(sys.argv[1])
    values = volume.data[0].compute(scheduler="synchronous")
    print("read", volume.shape, values.shape)
except SsbtomoError as error:
    print(type(error).__name__, error)
"""


def told(path: Path) -> str:
    """Open a file where no more than 1 GB can be had, and return what is told."""
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


def huge_tiff(folder):
    path = folder / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 8, 8), np.uint8), photometric="minisblack")
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tag = tif.pages[0].tags[name]
            width = {3: 2, 4: 4}[int(tag.dtype)]
            data[tag.valueoffset : tag.valueoffset + width] = (60_000).to_bytes(width, "little")
    path.write_bytes(data)
    return path


def huge_hdf5(folder):
    import h5py

    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("volume", (4, 10**6, 10**6), "u1")  # no voxel of it is in the file
    return path


def huge_chunk(folder):
    store = ome_zarr.create(folder / "a.ome.zarr", (8, 8, 8), "u1", None, block=(8, 8, 8))
    store[...] = 1
    meta = folder / "a.ome.zarr/0/zarr.json"
    content = json.loads(meta.read_text("utf-8"))
    content["shape"] = [8, 10**6, 10**6]
    content["chunk_grid"]["configuration"]["chunk_shape"] = [8, 10**6, 10**6]
    meta.write_text(json.dumps(content), "utf-8")
    return folder / "a.ome.zarr"


def huge_npy(folder):
    path = folder / "a.npy"
    np.save(path, np.zeros((2, 2, 2), np.uint8))
    path.write_bytes(path.read_bytes().replace(b"(2, 2, 2)", b"(9, 9**8)"[:9]))
    return path


def inflating_zarr(folder):
    """Half a megabyte that inflates to 512 MB where 512 bytes are declared."""
    return zarr_of_one_chunk(folder / "a.zarr", _packed(2 * GB), {"id": "zlib", "level": 9})


def zarr_of_one_chunk(place, content, *packers):
    """Write an array of format 2, 8 x 8 x 8 bytes, whose chunk is packed by all packers."""
    (place / "0/0").mkdir(parents=True)
    array = {"zarr_format": 2, "shape": [8, 8, 8], "chunks": [8, 8, 8], "dtype": "|u1", "order": "C",
             "compressor": packers[-1], "fill_value": 0, "filters": packers[:-1] or None,
             "dimension_separator": "/"}  # fmt: skip
    (place / ".zarray").write_text(json.dumps(array))
    (place / "0/0/0").write_bytes(content)
    return place


def _packed(count: int) -> bytes:
    packer = zlib.compressobj(9)
    piece = bytes(2**24)
    return b"".join(packer.compress(piece) for _ in range(count // 2**24)) + packer.flush()


def inflating_npz(folder):
    path = folder / "a.npz"
    np.savez_compressed(path, a=np.zeros((4, 8, 8), np.uint8))
    with zipfile.ZipFile(path) as archive:
        header = archive.read("a.npy")[:128]
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.npy", "w", force_zip64=True) as file,
    ):
        file.write(header)
        for _ in range(128):
            file.write(bytes(2**24))
    return path


@pytest.mark.parametrize(
    "write",
    [huge_tiff, huge_hdf5, huge_chunk, huge_npy, inflating_zarr, inflating_npz],
)
def test_a_small_file_that_unfolds_to_a_huge_one_is_refused(write, tmp_path):
    assert told(write(tmp_path)).split()[0] in ("FormatError", "InputDataError", "ResourceError")


@pytest.mark.parametrize("damaged", [0, 1])
def test_a_chunk_that_unfolds_inside_a_shard_is_refused_and_the_others_read(tmp_path, damaged):
    values = np.random.default_rng(0).integers(0, 9, (128, 8, 8)).astype(np.uint8)
    store = ome_zarr.create(
        tmp_path / "a.ome.zarr", values.shape, "u1", (1.0, 1.0, 1.0), block=(128, 8, 8)
    )
    store[...] = values
    ome_zarr.finish(tmp_path / "a.ome.zarr")
    shard = tmp_path / "a.ome.zarr/0/c/0/0/0"
    content = bytearray(shard.read_bytes())
    entries = np.frombuffer(content[-(16 * 2 + 4) : -4], "<u8").reshape(2, 2)  # of 64 layers each
    at = int(entries[damaged, 0])
    content[at : at + 13] = b"\x28\xb5\x2f\xfd\xe0" + (32 * GB).to_bytes(8, "little")
    shard.write_bytes(content)
    layers = [slice(0, 64), slice(64, 128)]
    with pytest.raises(FormatError, match="unpacks to 34,359,738,368 bytes"):
        store[layers[damaged]]
    other = layers[1 - damaged]
    np.testing.assert_array_equal(store[other], values[other])


def blosc_chunk() -> bytearray:
    return bytearray(numcodecs.Blosc().encode((np.arange(512) % 200).astype(np.uint8)))


def test_a_blosc_chunk_that_announces_more_bytes_than_it_has_is_refused(tmp_path):
    content, codec = blosc_chunk(), numcodecs.Blosc().get_config()
    sound = open_volume(zarr_of_one_chunk(tmp_path / "sound.zarr", content, codec))
    assert sound.data[7].compute()[7, 7] == 511 % 200
    cut = zarr_of_one_chunk(tmp_path / "cut.zarr", content[:-1], codec)
    assert f"a chunk of {len(content)} packed bytes; there are {len(content) - 1}" in told(cut)
    head = zarr_of_one_chunk(tmp_path / "head.zarr", content[:12], codec)
    assert "a chunk of 16 packed bytes; there are 12" in told(head)
    content[12:16] = (2**30).to_bytes(4, "little")  # would be read, wherever that is
    content[16:20] = (2**29).to_bytes(4, "little")
    far = zarr_of_one_chunk(tmp_path / "far.zarr", content, codec)
    assert "a chunk of 1,073,741,824 packed bytes" in told(far)


def test_a_blosc_chunk_that_leaves_its_shard_is_refused(tmp_path):
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(16, 8, 8), chunks=(8, 8, 8), shards=(16, 8, 8), dtype="u1",
        compressors=zarr.codecs.BloscCodec(),
    )  # fmt: skip
    array[...] = np.random.default_rng(0).integers(0, 200, (16, 8, 8))
    shard = tmp_path / "a.zarr/c/0/0/0"
    content = shard.read_bytes()
    entries = np.frombuffer(content[-36:-4], "<u8").reshape(2, 2).copy()
    entries[0, 1] //= 2  # the codec would be given half a chunk
    index = entries.tobytes()
    shard.write_bytes(content[:-36] + index + google_crc32c.value(index).to_bytes(4, "little"))
    assert "packed bytes; there are" in told(tmp_path / "a.zarr")


def test_chunks_that_are_packed_twice_are_refused(tmp_path):
    content = numcodecs.Zlib().encode(blosc_chunk())
    codecs = numcodecs.Blosc().get_config(), numcodecs.Zlib().get_config()
    twice = zarr_of_one_chunk(tmp_path / "twice.zarr", content, *codecs)
    assert "chunks are packed 2 times: blosc, zlib" in told(twice)


def test_a_declared_volume_beyond_the_disk_is_refused_before_any_work(tmp_path):
    ome_zarr.create(tmp_path / "a.ome.zarr", (10**5,) * 3, "u1", (1, 1, 1), block=(64, 64, 64))
    (tmp_path / "recipe.yaml").write_text(
        "sample: {path: a.ome.zarr}\nphases: [{name: a}, {name: b}]\n"
        "quantify: {measures: [fractions]}\n"
    )
    with pytest.raises(ResourceError):
        runner.run(tmp_path / "recipe.yaml", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "name", ["../secret", "/etc", "a/../../secret", "", "C:/data", "..\\secret"]
)
def test_arrays_outside_of_their_store_are_refused(tmp_path, name):
    (tmp_path / "secret").mkdir()
    store = ome_zarr.create(tmp_path / "a.ome.zarr", (4, 4, 4), "u1", (1, 1, 1), block=(4, 4, 4))
    store[...] = 7
    meta = tmp_path / "a.ome.zarr/zarr.json"
    content = json.loads(meta.read_text("utf-8"))
    content["attributes"]["ome"]["multiscales"][0]["datasets"][0]["path"] = name
    meta.write_text(json.dumps(content), "utf-8")
    with pytest.raises(FormatError, match="outside of the store"):
        open_volume(tmp_path / "a.ome.zarr")


def test_links_that_lead_out_of_a_file_or_in_a_circle_are_refused(tmp_path):
    import h5py

    inner, outer = tmp_path / "in", tmp_path / "secret.h5"
    inner.mkdir()
    with h5py.File(outer, "w") as file:
        file["volume"] = np.ones((4, 5, 6), np.uint8)
    raw = tmp_path / "secret.raw"
    raw.write_bytes(bytes(120))
    with h5py.File(inner / "external.h5", "w") as file:
        file.create_dataset("volume", (4, 5, 6), "u1", external=[(str(raw), 0, 120)])
    with h5py.File(inner / "virtual.h5", "w") as file:
        layout = h5py.VirtualLayout((4, 5, 6), "u1")
        layout[:] = h5py.VirtualSource(str(outer), "volume", (4, 5, 6))
        file.create_virtual_dataset("volume", layout)
    with h5py.File(inner / "circle.h5", "w") as file:
        file["a"], file["b"] = h5py.SoftLink("/b"), h5py.SoftLink("/a")
        file.create_group("c")["up"] = file["/"]
    for name in ("external.h5", "virtual.h5"):
        with pytest.raises(FormatError, match="outside of the file's folder"):
            open_volume(inner / name)
    with pytest.raises(SsbtomoError, match="no dataset"):
        open_volume(inner / "circle.h5")
    (inner / "loop.ome.zarr").symlink_to(inner / "loop.ome.zarr")
    with pytest.raises(SsbtomoError):
        open_volume(inner / "loop.ome.zarr")


def test_virtual_datasets_beside_the_file_are_read(tmp_path):
    import h5py

    values = np.arange(120, dtype=np.uint8).reshape(4, 5, 6)
    with h5py.File(tmp_path / "part.h5", "w") as file:
        file["volume"] = values
    with h5py.File(tmp_path / "all.h5", "w") as file:
        layout = h5py.VirtualLayout((4, 5, 6), "u1")
        layout[:] = h5py.VirtualSource("part.h5", "volume", (4, 5, 6))
        file.create_virtual_dataset("volume", layout)
    np.testing.assert_array_equal(open_volume(tmp_path / "all.h5").data.compute(), values)


@pytest.mark.parametrize("kind", ["npy", "npz", "h5"])
def test_pickles_are_never_opened(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    bomb = np.empty((2, 2, 2), object)
    bomb[:] = [[[Bomb()] * 2] * 2] * 2
    if kind == "npy":
        np.save(path, bomb, allow_pickle=True)
    elif kind == "npz":
        np.savez(path, a=bomb)
    else:
        path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises((FormatError, InputDataError)):
        open_volume(path)


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (BOMB, "aliases"),
        ("a: " + "[" * 5000, "brackets"),
        ("sample: !!python/object/apply:os.system [id]\n", "not YAML"),
        ("? [a, b]\n: c\n", "a key must be a word"),
        ("sample: 2024-99-99\n", "not a recipe"),
        (f"sample: {'9' * 6000}\n", "not a recipe"),
        ("- " * 3000 + "a", "not a recipe|a table of sections"),
    ],
    ids=["aliases", "brackets", "tag", "key", "date", "digits", "dashes"],
)
def test_recipes_that_do_harm_are_refused(tmp_path, text, match):
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=match):
        load_recipe(path)


@pytest.mark.parametrize(
    "name", ["../../etc/cron.d/x", "/etc/passwd", "..", ".", "a/b", "con\0", "", "-rf", "é" * 400]
)
def test_no_sample_name_leaves_the_results_folder(name):
    folder = folder_name(name)
    assert Path("/results/volumes", folder).resolve().parent == Path("/results/volumes")
    assert 0 < len(folder.encode()) <= 255


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "＝", "－"])
def test_no_cell_of_a_table_is_a_formula_and_numbers_stay_numbers(begin, tmp_path):
    import pandas as pd

    text = f'{begin}HYPERLINK("http://x","a")'
    frame = pd.DataFrame({text: [-1.5, 2.0], "name": [text, "-"], "count": [-3, 4]})
    path = tmp_path / "a.csv"
    path.write_text(csv_text(frame), encoding="utf-8", newline="")
    back = pd.read_csv(path, keep_default_na=False)
    assert back.iloc[:, 0].tolist() == [-1.5, 2.0]
    assert back["count"].tolist() == [-3, 4]
    for cell in (*back.columns, *back["name"]):
        assert not cell.startswith((begin, "-"))


def test_nothing_is_fetched_from_a_network(tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for path in ("http://127.0.0.1/a.ome.zarr", "https://example.org/a.tif", "s3://bucket/a.zarr"):
        (tmp_path / "recipe.yaml").write_text(
            f"sample: {{path: '{path}'}}\nphases: [{{name: a}}, {{name: b}}]\n"
        )
        assert "there is no scan" in "\n".join(runner.check(tmp_path / "recipe.yaml"))
