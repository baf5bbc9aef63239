"""OME-Zarr: what is written is read, level by level, whatever shape, block and spacing."""

from __future__ import annotations

import errno
import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from ssbtomo.blocks.engine import Engine
from ssbtomo.blocks.grid import Grid
from ssbtomo.blocks.patterns import halo_map
from ssbtomo.errors import AxisError, FormatError, InputDataError, OutputError, SsbtomoError
from ssbtomo.io import ome_zarr, open_volume, zarr_arrays, zarr_opening
from ssbtomo.io.ome_pyramid import coarsen, level_steps
from ssbtomo.io.ome_reader import ZarrVolume

shapes = st.tuples(*[st.integers(1, 40)] * 3)
blocks = st.tuples(*[st.integers(1, 45)] * 3)


def fill(store: ome_zarr.ArrayFile, values: np.ndarray, engine: Engine | None = None) -> None:
    for block in Grid(values.shape, store.shards):
        store[block.core] = values[block.core]


@settings(max_examples=15)
@given(shape=shapes, block=blocks, kind=st.sampled_from(["image", "labels"]))
def test_what_is_written_is_read(tmp_path_factory, shape, block, kind):
    path = tmp_path_factory.mktemp("s") / "x.ome.zarr"
    values = np.random.default_rng(0).integers(0, 4, shape).astype(np.uint8)
    store = ome_zarr.create(path, shape, np.uint8, (0.3, 0.1, 0.2), kind=kind, block=block)
    fill(store, values)
    ome_zarr.finish(path)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(store))[:], values)
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.data.compute(), values)
    assert volume.spacing == (0.3, 0.1, 0.2)
    assert volume.spacing_origin == "tag"


WINDOWS = (
    3,
    -1,
    np.s_[..., 5],
    np.s_[2:9, 4],
    np.s_[::-2, 1:30:7, -3:],
    np.s_[[8, 1, 8], 2:4],
    np.s_[:, 5:5],
    np.s_[np.arange(11) % 3 == 0],
    (),
)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_a_window_reads_its_own_layers_and_no_others(tmp_path, monkeypatch, window):
    shape, path = (11, 40, 24), tmp_path / "x.ome.zarr"
    values = np.random.default_rng(1).integers(0, 99, shape).astype(np.uint8)
    fill(ome_zarr.create(path, shape, np.uint8, (1.0, 1.0, 1.0), block=(4, 20, 24)), values)
    ome_zarr.finish(path)
    read: list[tuple[slice, ...]] = []
    real = zarr_arrays.ArrayFile.__getitem__

    def watched(self, box):
        read.append(box)
        return real(self, box)

    monkeypatch.setattr(zarr_arrays.ArrayFile, "__getitem__", watched)
    source = next(v for v in open_volume(path).data.dask.values() if isinstance(v, ZarrVolume))
    np.testing.assert_array_equal(source[window], values[window])
    cuts = window if isinstance(window, tuple) else (window,)
    wanted = np.indices(shape)[(slice(None), *cuts)].reshape(3, -1)
    if wanted.size:
        least = [(rows.min(), rows.max() + 1) for rows in wanted]
        assert [(cut.start, cut.stop) for cut in read[-1]] == least
    else:
        assert any(cut.start == cut.stop for cut in read[-1])


@given(edge=st.integers(1, 300))
def test_chunks_divide_their_shard(edge):
    chunk = zarr_arrays.inner_chunk(edge)
    assert edge % chunk == 0
    assert chunk <= 64 or edge // chunk < 19  # above 64 only where divisors are tiny or none


@given(shape=st.tuples(*[st.integers(1, 3000)] * 3), spacing=st.tuples(*[st.floats(0.01, 1.0)] * 3))
def test_pyramid_ends_small_and_evens_the_voxels(shape, spacing):
    sizes, edges = list(shape), list(spacing)
    for step in level_steps(shape, spacing):
        uneven = max(edges) / min(edges)
        sizes = [-(-n // f) for n, f in zip(sizes, step, strict=True)]
        edges = [e * f for e, f in zip(edges, step, strict=True)]
        assert 2 in step
        if min(sizes) > 1:
            # halving never makes voxels more uneven than a factor 2 (one axis may overtake)
            assert max(edges) / min(edges) <= max(uneven, 2.0) + 1e-9
    assert max(sizes) <= 128


def test_thick_slices_are_kept_until_the_pixels_have_caught_up():
    assert level_steps((300, 1200, 1200), (0.04, 0.01, 0.01)) == [
        (1, 2, 2),
        (1, 2, 2),
        (2,) * 3,
        (2,) * 3,
    ]


def test_means_and_modes_of_two_by_two():
    assert coarsen(np.array([[[0, 1], [1, 5]]], np.uint8), (1, 2, 2), "image").item() == 2
    assert coarsen(np.array([[[9, 1], [1, 5]]], np.uint8), (1, 2, 2), "labels").item() == 1
    # an odd last voxel stands for itself
    np.testing.assert_array_equal(coarsen(np.array([[[0, 2, 7]]]), (1, 1, 2), "image"), [[[1, 7]]])
    top = np.full((2, 2, 2), np.iinfo(np.uint16).max, np.uint16)
    assert coarsen(top, (2, 2, 2), "image").item() == 65535


@pytest.mark.parametrize("kind", ["image", "labels"])
def test_pyramid_does_not_depend_on_blocks_and_lies_where_it_should(tmp_path, kind):
    z, y, x = np.indices((40, 150, 270))
    values = ((x + y + z) if kind == "image" else (x > 100) * 3 + (z > 20)).astype(np.uint16)
    levels = []
    for block in ((32, 32, 64), (40, 150, 270)):
        path = tmp_path / f"{block[0]}.ome.zarr"
        store = ome_zarr.create(path, values.shape, "u2", (0.2, 0.1, 0.1), kind=kind, block=block)
        fill(store, values)
        with Engine.start("threads", 2) as engine:
            ome_zarr.finish(path, engine)
        levels.append(ome_zarr.multiscale(path).levels)
    for one, other in zip(*levels, strict=True):
        np.testing.assert_array_equal(one.array[:], other.array[:])
    first, second, third = levels[0]
    assert second.array.shape == (40, 75, 135)
    assert second.scale == pytest.approx((0.2, 0.2, 0.2))
    assert third.scale == pytest.approx((0.4, 0.4, 0.4))
    assert third.translation == pytest.approx((0.1, 0.15, 0.15))
    if kind == "image":  # a linear ramp keeps its value at every place; 0.5 by rounding, twice
        at = [t + 3 * s for t, s in zip(third.translation, third.scale, strict=True)]
        ramp = sum(place / edge for place, edge in zip(at, first.scale, strict=True))
        assert abs(int(third.array[3, 3, 3]) - ramp) <= 1
    else:
        assert set(np.unique(third.array[:])) == {0, 1, 3, 4}  # never a mixture


def test_labels_carry_names_and_colours(tmp_path):
    path = tmp_path / "phases.ome.zarr"
    store = ome_zarr.create(
        path, (4, 4, 4), "u1", (1, 1, 1), kind="labels", block=(4, 4, 4),
        phases={"void": 0, "active": 2}, colors={"void": "#3a3a3a", "active": "#e69f00"},
        attributes={"roles": {"void": "void", "active": "active"}},
    )  # fmt: skip
    store[...] = 0
    ome_zarr.finish(path)
    meta = json.loads((path / "zarr.json").read_text())["attributes"]
    assert meta["ome"]["version"] == "0.5"
    assert {axis["unit"] for axis in meta["ome"]["multiscales"][0]["axes"]} == {"micrometer"}
    assert meta["ome"]["image-label"]["colors"][1] == {"label-value": 2, "rgba": [230, 159, 0, 255]}
    assert meta["ssbtomo"]["roles"] == {"void": "void", "active": "active"}
    image = ome_zarr.multiscale(path)
    assert (image.kind, image.colors["active"]) == ("labels", "#e69f00")
    assert open_volume(path).phases == {"void": 0, "active": 2}
    # other programs read it with zarr alone
    np.testing.assert_array_equal(zarr.open_group(path, mode="r")["0"][:], np.zeros((4, 4, 4)))


@pytest.mark.parametrize(
    "window",
    [np.s_[0:5], np.s_[:, 4:12], np.s_[..., 8:15], np.s_[0], np.s_[::2], np.s_[8:8]],
)
def test_a_write_that_does_not_cover_whole_shards_is_an_error(tmp_path, window):
    store = ome_zarr.create(tmp_path / "x.zarr", (16, 16, 16), "u1", None, block=(8, 8, 8))
    with pytest.raises(OutputError):
        store[window] = 1
    assert store.missing_shards() == 8


def test_writes_that_would_damage_values_are_errors(tmp_path):
    store = ome_zarr.create(tmp_path / "x.zarr", (8, 8, 8), "u1", None, block=(8, 8, 8))
    with pytest.raises(OutputError, match="damaged"):
        store[...] = np.full((8, 8, 8), 300)
    with pytest.raises(OutputError, match="does not fit"):
        store[...] = np.zeros((8, 8, 1), np.uint8)


@pytest.mark.parametrize("left", [0, 1, 7, 100])
def test_a_torn_shard_is_written_over(tmp_path, left):
    """A writer that was killed leaves shards cut anywhere: the next one must not read them."""
    values = np.random.default_rng(1).integers(1, 200, (5, 7, 6)).astype(np.uint8)
    store = ome_zarr.create(
        tmp_path / "x.ome.zarr", values.shape, np.uint8, (1, 1, 1), block=(4,) * 3
    )
    fill(store, values)
    shards = [path for path in (tmp_path / "x.ome.zarr" / "0" / "c").rglob("*") if path.is_file()]
    assert len(shards) == 8
    for shard in shards:
        shard.write_bytes(shard.read_bytes()[:left])
    fill(store, values)
    np.testing.assert_array_equal(store[:], values)


@pytest.mark.parametrize("fast", [True, False])
def test_blocks_of_zeros_count_as_written(tmp_path, monkeypatch, fast):
    if not fast:
        monkeypatch.setattr(zarr_opening, "_zarrs_installed", lambda: False)
    path = tmp_path / "x.zarr"
    store = ome_zarr.create(path, (16, 8, 8), "u1", None, block=(8, 8, 8))
    store[:8] = 0
    with pytest.raises(OutputError, match="1 of the store's blocks were never written"):
        ome_zarr.finish(path)
    store[8:] = 7
    ome_zarr.finish(path)
    assert open_volume(path).data.sum().compute() == 7 * 8**3


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "x"), RuntimeError("No space left on device (os error 28)")]
)
def test_a_full_disk_is_explained(tmp_path, monkeypatch, error):
    class Full:
        shape, shards, chunks, dtype = (8, 8, 8), (8, 8, 8), (8, 8, 8), np.dtype("u1")

        def __setitem__(self, window, values):
            raise error

    store = ome_zarr.create(tmp_path / "x.zarr", (8, 8, 8), "u1", None, block=(8, 8, 8))
    monkeypatch.setattr(zarr_arrays, "staged", lambda *_, **__: Full())
    with pytest.raises(OutputError, match="disk is full") as caught:
        store[...] = 1
    assert "free some space" in caught.value.hint


def test_a_store_is_replaced_only_if_it_is_ours(tmp_path):
    path = tmp_path / "x.zarr"
    ome_zarr.create(path, (8, 8, 8), "u1", None, block=(8, 8, 8))[...] = 1
    again = ome_zarr.create(path, (4, 4, 4), "u2", None, block=(4, 4, 4))
    assert (again.shape, again.dtype) == ((4, 4, 4), np.uint16)  # no stale handle
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="was not written by ssbtomo"):
        ome_zarr.create(tmp_path / "other", (4, 4, 4), "u1", None, block=(4, 4, 4))
    assert (tmp_path / "other" / "thesis.txt").exists()


def test_the_same_voxels_make_the_same_files(tmp_path):
    values = np.random.default_rng(0).integers(0, 9, (128, 128, 128)).astype(np.uint8)
    found = set()
    for name in "abcdef":
        store = ome_zarr.create(tmp_path / name, values.shape, "u1", None, block=values.shape)
        assert store.chunks != store.shards  # several chunks in one file
        fill(store, values)
        found.add((tmp_path / name / "0" / "c" / "0" / "0" / "0").read_bytes())
    assert len(found) == 1


# Replaces a store, and dies at the nth thing it does with files: nothing after that happens.
KILLED_ANYWHERE = """
import shutil, sys
from pathlib import Path
from ssbtomo.io import ome_zarr

class Killed(Exception):
    pass

def die(event, arguments):
    global left
    if left is None or event not in {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"}:
        return
    left -= 1
    if left < 0:
        raise Killed

def make(side):
    ome_zarr.create(place, (side,) * 3, "u1", None, block=(4, 4, 4))[:4, :4, :4] = 1

left, place, deaths = None, Path(sys.argv[1]) / "x.ome.zarr", 0
sys.addaudithook(die)
for begun in (False, True):
    for moment in range(1000):
        shutil.rmtree(place, ignore_errors=True)
        if begun:
            make(8)
        left = moment
        try:
            make(4)
            break
        except Exception:  # Killed, or what was made of it
            deaths += 1
        finally:
            left = None
        make(4)
        assert ome_zarr.open_array(place)[:].sum() == 64
print(deaths)
"""


def test_what_a_kill_at_any_moment_leaves_is_replaced(tmp_path):
    command = [sys.executable, "-c", KILLED_ANYWHERE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


def test_a_store_is_replaced_while_a_worker_of_a_killed_run_still_writes(tmp_path):
    place, ended = tmp_path / "x.ome.zarr", threading.Event()
    ome_zarr.create(place, (8, 8, 8), "u1", None, block=(4, 4, 4))
    late = ome_zarr.open_array(place)

    def write():
        while not ended.is_set():
            with suppress(SsbtomoError, OSError):
                late[:4, :4, :4] = 1

    worker = threading.Thread(target=write)
    worker.start()
    try:
        for _ in range(40):
            array = ome_zarr.create(place, (8, 8, 8), "u1", None, block=(4, 4, 4))
    finally:
        ended.set()
        worker.join()
    fill(array, np.ones((8, 8, 8), np.uint8))
    ome_zarr.finish(place)
    assert ome_zarr.open_array(place)[:].all()


def test_shards_without_metadata_are_replaced_but_nothing_else(tmp_path):
    late = tmp_path / "late.ome.zarr"
    (late / "0" / "c" / "0").mkdir(parents=True)
    (late / "0" / ".part-host-1-2").mkdir()
    ome_zarr.create(late, (4, 4, 4), "u1", None, block=(4, 4, 4))
    other = tmp_path / "other.ome.zarr"
    (other / "0" / "photos").mkdir(parents=True)
    with pytest.raises(OutputError, match="not written by ssbtomo"):
        ome_zarr.create(other, (4, 4, 4), "u1", None, block=(4, 4, 4))


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_workers_share_a_store(tmp_path, scheduler):
    from functools import partial

    values = np.random.default_rng(1).integers(0, 99, (48, 32, 32)).astype(np.uint8)
    source = ome_zarr.create(tmp_path / "a.zarr", values.shape, "u1", None, block=(16, 16, 32))
    sink = ome_zarr.create(tmp_path / "b.zarr", values.shape, "u1", None, block=(16, 16, 32))
    fill(source, values)
    double = partial(np.multiply, np.uint8(2))
    with Engine.start(scheduler, 2) as engine:
        halo_map(double, source, sink, Grid(values.shape, (16, 16, 32)), engine)
    np.testing.assert_array_equal(sink[:], values * 2)


@pytest.fixture
def foreign(tmp_path) -> Callable[..., Path]:
    def write(
        values: np.ndarray, axes: list[dict], scale: list[float], version: str = "0.4"
    ) -> Path:
        path = tmp_path / "foreign.ome.zarr"
        group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
        group.create_array("s0", data=values, chunks=tuple(min(n, 4) for n in values.shape))
        level = {"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        entry = {"version": version, "axes": axes, "datasets": [level]}
        entry["coordinateTransformations"] = [{"type": "scale", "scale": [2.0] * len(axes)}]
        body = {"multiscales": [entry]}
        group.attrs.update(body if version == "0.4" else {"ome": {"version": version, **body}})
        return path

    return write


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_images_of_other_programs_are_read(foreign, grey, version):
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": a, "type": "space", "unit": "nanometer"} for a in "zyx"]
    path = foreign(grey[None].astype(">u2"), axes, [1.0, 20.0, 5.0, 5.0], version)
    volume = open_volume(path)
    np.testing.assert_array_equal(volume.data.compute(), grey)
    assert volume.spacing == pytest.approx((0.04, 0.01, 0.01))
    assert volume.dtype.isnative
    assert volume.name == "foreign"


def test_swapped_axes_channels_and_missing_units(foreign, grey):
    axes = [{"name": a} for a in "cxzy"]
    path = foreign(
        np.stack([grey.transpose(2, 0, 1), grey.transpose(2, 0, 1) + 1]), axes, [1.0] * 4
    )
    with pytest.raises(AxisError, match="c: 2") as caught:
        open_volume(path)
    assert "c=0" in caught.value.hint
    volume = open_volume(path, dataset="c=1")
    np.testing.assert_array_equal(volume.data[1:3].compute(), grey[1:3] + 1)
    assert volume.spacing is None
    assert "no unit" in volume.notes[0]


def test_damaged_and_foreign_folders_are_explained(tmp_path, grey):
    zarr.open_group(tmp_path / "g.zarr", mode="w")
    with pytest.raises(FormatError, match="without an OME-Zarr image"):
        open_volume(tmp_path / "g.zarr")
    zarr.save_array(tmp_path / "bare.zarr", grey)
    np.testing.assert_array_equal(open_volume(tmp_path / "bare.zarr").data.compute(), grey)
    path = tmp_path / "cut.ome.zarr"
    store = ome_zarr.create(path, grey.shape, "u2", None, block=grey.shape)
    store[...] = grey
    shard = next(p for p in (path / "0" / "c").rglob("*") if p.is_file())
    shard.write_bytes(shard.read_bytes()[:-30])
    with pytest.raises(InputDataError, match="cannot be read"):
        store[:]
    with pytest.raises(FormatError, match="no zarr array"):
        ome_zarr.open_array(tmp_path / "nowhere.zarr")
