"""Done-markers: results come back as they were, and a killed map computes only what is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ssbtomo.blocks import SERIAL, Engine, Grid, Markers, fingerprint_of, halo_map
from ssbtomo.blocks.plain import from_plain, to_plain
from ssbtomo.blocks.task import item_name, load_task, main, save_task
from ssbtomo.errors import CancelledError, FormatError, TaskError
from ssbtomo.io import ome_zarr
from ssbtomo.kernels import filters
from ssbtomo.kernels.fractions import PhaseCounts

GRID = Grid((20, 18, 22), (8, 8, 8))

numbers = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
)
arrays = hnp.arrays(
    st.sampled_from(["u1", "i8", "f4", ">u2", "?"]), hnp.array_shapes(min_dims=0, max_dims=3)
)
values = st.recursive(
    numbers | arrays,
    lambda deeper: (
        st.lists(deeper, max_size=3)
        | st.tuples(deeper, deeper)
        | st.dictionaries(st.integers() | st.text(max_size=3), deeper, max_size=3)
    ),
    max_leaves=6,
)


def same(one, other) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    return one == other


@given(values)
def test_results_come_back_as_they_were(tmp_path_factory, value):
    markers = Markers(tmp_path_factory.mktemp("marks"), "a")
    block = next(iter(GRID))
    markers.record(block, value)
    assert same(markers.recall(block).result, value)
    assert markers.finished() == {"0.0.0"}


@given(st.lists(st.text() | st.integers() | st.tuples(st.integers(), st.integers()), unique=True))
def test_no_two_items_share_a_name(items):
    names = [item_name(item) for item in items]
    texts = {".".join(map(str, i if isinstance(i, tuple) else (i,))) for i in items}
    assert len(set(names)) == len(texts)
    assert not any("/" in name or name.startswith(".") or len(name) > 100 for name in names)


def test_our_dataclasses_scalars_and_slices_come_back():
    counts = PhaseCounts(np.arange(3), (np.ones((3, 2)),) * 3)
    back = from_plain(to_plain(counts))
    assert type(back) is PhaseCounts
    np.testing.assert_array_equal(back.total, counts.total)
    scalar = from_plain(to_plain(np.float32(0.1)))
    assert (type(scalar), scalar) == (np.float32, np.float32(0.1))
    assert from_plain(to_plain((slice(1, None), Path("a"), np.dtype(">u2")))) == (
        slice(1, None), Path("a"), np.dtype(">u2"),
    )  # fmt: skip


def test_what_cannot_be_written_without_loss_is_an_error():
    for value in (object(), lambda: 1, np.array([object()]), [].append):
        with pytest.raises(TaskError):
            to_plain(value)


@pytest.mark.parametrize(
    "name",
    ["os:system", "builtins:exec", "ssbtomo.blocks.engine:os.system", "ssbtomo.blocks.engine:partial",
     "ssbtomo.blocks.task:main.__globals__", "ssbtomo.nowhere:f", "ssbtomo.errors:SsbtomoError.mro"],
)  # fmt: skip
def test_a_file_cannot_name_what_is_not_ours(name):
    with pytest.raises(TaskError):
        from_plain({"kind": "function", "name": name})
    with pytest.raises(TaskError):
        from_plain({"kind": "dataclass", "name": name, "fields": {}})


def test_a_task_can_be_run_alone_with_its_arrays(tmp_path, capsys):
    image = np.random.default_rng(0).random((8, 8, 8)).astype(np.float32)
    sink = ome_zarr.create(tmp_path / "a.ome.zarr", (8, 8, 8), "f4", None, block=(4, 8, 8))
    grid = Grid(image.shape, (4, 8, 8))
    block = list(grid)[1]
    from ssbtomo.blocks.patterns import _filter  # the very task that halo_map sends

    kernel = partial(filters.gaussian, sigma=(1.0, 1.0, 1.0))
    task = partial(_filter, kernel=kernel, source=image, sink=sink, halo=4)
    command = save_task(tmp_path / "failed", task, block)
    assert command.endswith(str(tmp_path / "failed" / "1.0.0.json"))
    assert main([str(tmp_path / "failed" / "1.0.0.json")]) == 0
    assert "ended well" in capsys.readouterr().out
    whole = filters.gaussian(image, sigma=(1.0, 1.0, 1.0))
    np.testing.assert_array_equal(sink[block.core], whole[block.core])
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(FormatError, match="no task"):
        load_task(tmp_path / "b.json")
    assert main([str(tmp_path / "b.json")]) == 1


def test_a_fingerprint_tells_parameters_grids_and_inputs_apart():
    marks = {fingerprint_of("denoise", sigma, shape) for sigma in (1, 2) for shape in ([8], [9])}
    assert len(marks) == 4
    assert fingerprint_of("a", {"x": 1, "y": 2}) == fingerprint_of("a", {"y": 2, "x": 1})


def test_another_fingerprint_sees_no_marks(tmp_path):
    Markers(tmp_path, "a").record(1, None)
    assert Markers(tmp_path, "a").count([1, 2]) == 1
    assert Markers(tmp_path, "b").finished() == frozenset()
    assert Markers(tmp_path, "b").recall(1) is None


def test_a_damaged_marker_is_done_again(tmp_path):
    markers = Markers(tmp_path, "a")
    assert list(SERIAL.map(abs, [-1, -2], markers=markers)) == [1, 2]
    (markers.place / "-1.json").write_text("")
    called = []
    assert list(SERIAL.map(lambda i: called.append(i) or abs(i), [-1, -2], markers=markers)) == [
        1,
        2,
    ]
    assert called == [-1]


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_only_what_is_missing_is_computed(scheduler, tasks, tmp_path):
    image = np.random.default_rng(1).integers(0, 99, GRID.shape).astype(np.uint8)
    sink = ome_zarr.create(tmp_path / "a.ome.zarr", GRID.shape, "u1", None, block=GRID.block)
    markers, log = Markers(tmp_path / "marks", "a"), tmp_path / "log"
    kernel = partial(tasks.counted_plus_one, log=str(log))
    with Engine.start(scheduler, 2) as engine:
        halo_map(kernel, image, sink, GRID, engine, markers=markers)
        assert markers.count(GRID) == len(GRID) == 27
        for block in list(GRID)[::4]:
            markers.place.joinpath(f"{item_name(block)}.json").unlink()
        log.unlink()
        told = []
        halo_map(kernel, image, sink, GRID, engine, markers=markers, on_block=told.append)
    assert told == list(GRID)[::4]
    assert len(log.read_text().split()) == len(told)
    np.testing.assert_array_equal(sink[...], image + 1)


SCRIPT = """
import sys
import numpy as np
from functools import partial
from ssbtomo.blocks import Engine, Grid, Markers, halo_map
from ssbtomo.io import ome_zarr
import dangerous_tasks
from pathlib import Path

if __name__ == "__main__":
    folder, scheduler = Path(sys.argv[1]), sys.argv[2]
    grid = Grid((20, 18, 22), (8, 8, 8))
    image = np.random.default_rng(1).integers(0, 99, grid.shape).astype(np.uint8)
    path = folder / "a.ome.zarr"
    sink = ome_zarr.open_array(path) if path.exists() else ome_zarr.create(
        path, grid.shape, "u1", None, block=grid.block)
    kernel = partial(dangerous_tasks.counted_plus_one, log=str(folder / "log"))
    with Engine.start(scheduler, 2) as engine:
        halo_map(kernel, image, sink, grid, engine, markers=Markers(folder / "marks", "a"))
"""


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_killed_and_started_again_it_computes_only_what_is_missing(scheduler, tmp_path):
    """The main process is killed hard in the middle, then the same command is given again."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    path = [str(Path(__file__).parent), *filter(None, sys.path)]
    command = [sys.executable, str(script), str(tmp_path), scheduler]
    place = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    markers = Markers(tmp_path / "marks", "a")
    with subprocess.Popen(command, env=place) as process:
        until = time.monotonic() + 60
        while markers.count(GRID) < 5 and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    time.sleep(1.0)  # orphaned workers end by themselves
    before = markers.count(GRID)
    assert 5 <= before < len(GRID)
    (tmp_path / "log").unlink()
    subprocess.run(command, env=place, check=True)
    assert len((tmp_path / "log").read_text().split()) == len(GRID) - before
    image = np.random.default_rng(1).integers(0, 99, GRID.shape).astype(np.uint8)
    np.testing.assert_array_equal(ome_zarr.open_array(tmp_path / "a.ome.zarr")[...], image + 1)
    # a marker that was being written may leave its draft, which goes with the markers
    assert not list((tmp_path / "a.ome.zarr").rglob(".*.tmp*"))
    markers.clear()
    assert not list(tmp_path.rglob(".*.tmp*"))


def test_a_cancelled_map_keeps_its_marks(tmp_path):
    import threading

    cancel, markers = threading.Event(), Markers(tmp_path, "a")
    results = Engine(cancel=cancel).map(abs, range(5), markers=markers)
    assert [next(results), next(results)] == [0, 1]
    cancel.set()
    with pytest.raises(CancelledError):
        next(results)
    assert markers.finished() == {"0", "1"}
