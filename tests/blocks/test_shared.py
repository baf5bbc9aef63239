"""Processes that share a folder of tasks: one leads, others help, and any of them may die."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ssbtomo import io
from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.folder_queue import FolderQueue
from ssbtomo.blocks.fractions import phase_counts
from ssbtomo.blocks.shared import SharedPool, help_out
from ssbtomo.blocks.task import item_name
from ssbtomo.errors import SsbtomoError, TaskError, UnitError
from ssbtomo.units import micrometres

HELPER = """
import sys
from pathlib import Path
from ssbtomo.blocks.folder_queue import FolderQueue
from ssbtomo.blocks.shared import help_out
print(help_out(Path(sys.argv[1]), 1, Path(sys.argv[2]).exists), flush=True)
"""


@pytest.fixture
def labels(tmp_path):
    shape = (20, 22, 26)
    sink = io.ome_zarr.create(
        tmp_path / "labels.ome.zarr", shape, np.uint8, (1.0, 1.0, 1.0), block=(7, 8, 9)
    )
    sink[:, :, :] = np.random.default_rng(5).integers(0, 3, shape).astype(np.uint8)
    return sink


@pytest.fixture
def lead(tmp_path):
    """A file that is there as long as somebody leads."""
    path = tmp_path / "lead"
    path.touch()
    yield path
    path.unlink(missing_ok=True)


def helper(queue, lead):
    return subprocess.Popen(
        [sys.executable, "-c", HELPER, str(queue), str(lead)], stdout=subprocess.PIPE, text=True
    )


def same(found, wanted):
    for key in found.__dataclass_fields__:
        np.testing.assert_equal(getattr(found, key), getattr(wanted, key))


def test_a_helper_takes_tasks_and_the_counts_are_those_of_one_process(labels, tmp_path, lead):
    grid = Grid(labels.shape, (7, 8, 9))
    wanted = phase_counts(labels, (0, 1, 2), grid, SERIAL)
    pool = SharedPool(tmp_path / "queue", 0)  # nobody works here: all is done by the helper
    with Engine(pool, 4) as engine, helper(tmp_path / "queue", lead) as process:
        same(phase_counts(labels, (0, 1, 2), grid, engine), wanted)
        lead.unlink()
        assert int(process.communicate(timeout=60)[0]) == len(grid)
    assert not (tmp_path / "queue").exists()


def test_what_a_dead_helper_had_is_done_by_others(labels, tmp_path, lead):
    grid = Grid(labels.shape, (7, 8, 9))
    wanted = phase_counts(labels, (0, 1, 2), grid, SERIAL)
    queue = FolderQueue(tmp_path / "queue")
    with Engine(SharedPool(queue.folder, 0, gone=1.0), 64) as engine, ThreadPoolExecutor() as pool:
        found = pool.submit(phase_counts, labels, (0, 1, 2), grid, engine)
        until = time.monotonic() + 60
        while len(offered := list(queue.offered())) < 5 and time.monotonic() < until:
            time.sleep(0.02)
        queue.beat("ghost", 1)  # and never again
        assert all(queue.take(*key, "ghost") for key in offered[1:4])
        help_out_in_a_thread(queue.folder, lead)
        same(found.result(120), wanted)


def help_out_in_a_thread(queue, lead):
    thread = threading.Thread(target=help_out, args=(queue, 2, lead.exists), daemon=True)
    thread.start()
    return thread


def test_our_errors_come_back_as_they_are(tmp_path, lead):
    pool = SharedPool(tmp_path / "queue", 0)
    with Engine(pool, 2) as engine:
        help_out_in_a_thread(tmp_path / "queue", lead)
        assert list(engine.map(micrometres, ["25 nm", "3 um"])) == [0.025, 3.0]
        with pytest.raises(UnitError, match="no number") as raised:
            list(engine.map(micrometres, ["no number"]))
        assert raised.value.hint


@pytest.mark.parametrize("threads", [0, 2])
def test_what_cannot_travel_is_done_by_the_one_that_leads(tmp_path, lead, threads):
    pool = SharedPool(tmp_path / "queue", max(threads, 1))
    with Engine(pool, 3) as engine:
        if threads:
            help_out_in_a_thread(tmp_path / "queue", lead)
        offset = 3
        assert list(engine.map(lambda item: item + offset, range(9))) == list(range(3, 12))
        # The function of this package travels, the item or its result does not.
        items = [(1, 2), object]
        assert list(engine.map(item_name, items)) == [item_name(item) for item in items]


def test_a_file_of_a_stranger_runs_nothing(tmp_path, lead):
    queue = tmp_path / "queue"
    place = queue / "task-000000"
    for part in ("todo", "taken", "done"):
        (place / part).mkdir(parents=True)
    task = {"kind": "function", "name": "os:system"}
    (place / "task.json").write_text(json.dumps({"task": task}))
    (place / "todo" / "0.json").write_text(json.dumps({"item": f"touch {tmp_path}/harm"}))
    thread = help_out_in_a_thread(queue, lead)
    until = time.monotonic() + 60
    while not list((place / "done").glob("0.json")) and time.monotonic() < until:
        time.sleep(0.02)
    assert json.loads((place / "done" / "0.json").read_text())["stuck"]
    lead.unlink()
    thread.join(60)
    assert not (tmp_path / "harm").exists()


def test_a_closed_pool_says_so(tmp_path):
    pool = SharedPool(tmp_path / "queue", 1)
    pool.close()
    with pytest.raises(TaskError, match="closed"):
        pool.submit(micrometres, "1 um")
    with pytest.raises(SsbtomoError):
        pool.check()
