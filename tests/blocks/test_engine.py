"""Engines: order, errors that name the block, cancelling, threads and processes."""

from __future__ import annotations

import math
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import numpy as np
import pytest

from ssbtomo.blocks import SERIAL, Block, Engine, Grid, halo_map
from ssbtomo.blocks.areas import interface_areas
from ssbtomo.blocks.fractions import phase_counts
from ssbtomo.blocks.task import load_task
from ssbtomo.errors import CancelledError, OutputError, PhaseMissingError, TaskError
from ssbtomo.io import ome_zarr
from ssbtomo.kernels import filters


def slow_first(item: int) -> int:
    time.sleep(0.02 if item == 0 else 0)
    return item * item


def fail_on(item: object, *, bad: object) -> object:
    if item == bad:
        raise ValueError("these voxels are odd")
    return item


def refuse(item: object) -> None:
    raise PhaseMissingError(f"no phase in {item}", hint="look")


def out_of_disk(item: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_results_come_in_the_order_of_the_items(scheduler):
    with Engine.start(scheduler, 3) as engine:
        assert list(engine.map(slow_first, range(50))) == [i * i for i in range(50)]


def test_no_items():
    assert list(SERIAL.map(slow_first, [])) == []


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_an_error_names_the_block(scheduler):
    grid = Grid((4, 4, 4), (2, 4, 4))
    bad = list(grid)[1]
    with Engine.start(scheduler, 2) as engine, pytest.raises(TaskError) as caught:
        list(engine.map(partial(fail_on, bad=bad), grid))
    assert "start=(2, 0, 0)" in str(caught.value)
    assert "these voxels are odd" in str(caught.value)
    assert isinstance(bad, Block)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_our_own_errors_and_those_of_the_disk_come_through(scheduler):
    with Engine.start(scheduler, 2) as engine:
        with pytest.raises(PhaseMissingError, match="no phase"):
            list(engine.map(refuse, range(3)))
        with pytest.raises(OSError, match="No space left"):
            list(engine.map(out_of_disk, range(3)))


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_cancelling_stops_before_the_next_result(scheduler):
    cancel = threading.Event()
    with Engine.start(scheduler, 2, cancel=cancel) as engine:
        results = engine.map(slow_first, range(1000))
        assert next(results) == 0
        cancel.set()
        with pytest.raises(CancelledError):
            next(results)


def test_few_tasks_are_in_flight():
    """A volume of a million blocks must not become a million futures."""
    drawn = []
    with Engine.start("threads", 2) as engine:
        results = engine.map(slow_first, (drawn.append(i) or i for i in range(100)))
        next(results)
        assert len(drawn) <= 4 * 2
        results.close()


def test_an_address_without_a_scheduler():
    with pytest.raises(TaskError, match="no Dask scheduler answers"):
        Engine.start("tcp://127.0.0.1:9", 1)


def test_processes_and_an_address_give_the_same_bits(tmp_path):
    distributed = pytest.importorskip("distributed")
    labels = np.random.default_rng(0).integers(0, 3, (16, 18, 20)).astype(np.uint8)
    grid = Grid(labels.shape, (8, 18, 10))
    ask = partial(interface_areas, labels, (1.0, 1.0, 1.0), [0, 1, 2], grid)
    here, counts = ask(SERIAL), phase_counts(labels, [0, 1], grid, SERIAL).total
    with Engine.start("threads", 2) as engine:
        assert ask(engine) == here
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            host="127.0.0.1",
        ) as cluster,
        Engine.start(cluster.scheduler_address) as engine,
    ):
        assert engine.workers == 2
        assert ask(engine) == here
        assert (phase_counts(labels, [0, 1], grid, engine).total == counts).all()
        sink = store(tmp_path / "out.ome.zarr", labels.shape, grid.block)
        halo_map(partial(filters.median, radius=1), labels, sink, grid, engine, halo=1)
        np.testing.assert_array_equal(sink[...], filters.median(labels, radius=1))
        with pytest.raises(TaskError, match=r"failed on -1: ValueError"):
            list(engine.map(math.sqrt, [1, -1, 4]))


def test_processes_start_and_stop():
    with Engine.start("processes", 1) as engine:
        assert list(engine.map(math.isqrt, range(5))) == [0, 1, 1, 1, 2]


@pytest.mark.parametrize("scheduler", ["processes"])
def test_a_task_that_workers_cannot_import_is_an_error(scheduler, monkeypatch):
    import types

    module = types.ModuleType("only_here")
    exec("def task(item):\n    return item", module.__dict__)  # a function of a module of ours
    monkeypatch.setitem(sys.modules, "only_here", module)
    with Engine.start(scheduler, 1) as engine, pytest.raises(TaskError, match="only_here"):
        list(engine.map(module.task, [1]))


def volume(shape=(20, 18, 22)) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 200, shape).astype(np.uint8)


def store(path, shape, block):
    return ome_zarr.create(path, shape, np.uint8, (1.0, 1.0, 1.0), block=block)


def test_a_worker_that_is_killed_in_the_middle_changes_no_byte(tasks, tmp_path):
    image, grid = volume(), Grid((20, 18, 22), (8, 8, 8))
    kernel = partial(tasks.kill_own_process_once, flag=str(tmp_path / "died"))
    sink = store(tmp_path / "out.ome.zarr", image.shape, grid.block)
    with Engine.start("processes", 2) as engine:
        halo_map(kernel, image, sink, grid, engine, halo=1)
    assert (tmp_path / "died").exists()
    np.testing.assert_array_equal(sink[...], image + 1)


def test_a_worker_that_somebody_kills_changes_no_byte(tasks, tmp_path):
    """SIGKILL from outside, while its block is computed."""
    image, grid = volume(), Grid((20, 18, 22), (8, 8, 8))
    log = tmp_path / "log"
    sink = store(tmp_path / "out.ome.zarr", image.shape, grid.block)
    killed = []

    def kill_first(block: Block) -> None:
        if not killed:
            killed.append(int(log.read_text().split()[-1]))
            os.kill(killed[0], signal.SIGKILL)

    kernel = partial(tasks.counted_plus_one, log=str(log))
    with Engine.start("processes", 2) as engine:
        halo_map(kernel, image, sink, grid, engine, on_block=kill_first)
    assert killed
    np.testing.assert_array_equal(sink[...], image + 1)


def test_a_task_that_kills_its_workers_is_named_and_can_be_run_alone(tasks, tmp_path):
    grid = Grid((4, 4, 4), (1, 4, 4))
    bad = list(grid)[2]
    poison = partial(tasks.kill_own_process, bad=bad)
    with Engine.start("processes", 2, failed=tmp_path / "failed") as engine:
        results = engine.map(poison, grid)
        assert [next(results), next(results)] == list(grid)[:2]  # its neighbours come through
        with pytest.raises(TaskError, match="kills every worker") as caught:
            next(results)
    assert "index=(2, 0, 0)" in caught.value.problem
    command = shlex.split(caught.value.hint.partition("run it alone: ")[2])
    assert command[-2:] == ["--allow", "dangerous_tasks"]
    place = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    alone = subprocess.run(command, env=place, capture_output=True, text=True, check=False)
    assert alone.returncode == -signal.SIGKILL, alone.stderr
    assert "index=(2, 0, 0)" in alone.stderr
    refused = subprocess.run(command[:-2], env=place, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "dangerous_tasks is not allowed" in refused.stderr


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_a_task_that_fails_can_be_run_alone(scheduler, tasks, tmp_path):
    bad = next(iter(Grid((2, 2, 2), (1, 2, 2))))
    with Engine.start(scheduler, 2, failed=tmp_path) as engine, pytest.raises(TaskError) as caught:
        list(engine.map(partial(tasks.fail_on, bad=bad), [bad]))
    assert isinstance(caught.value.__cause__, ValueError)
    assert str(tmp_path / "0.0.0.json") in caught.value.hint
    task, item = load_task(tmp_path / "0.0.0.json", ["dangerous_tasks"])
    assert item == bad
    with pytest.raises(ValueError, match="odd"):
        task(item)


def test_a_task_that_cannot_be_written_down_still_fails_with_its_own_words(tmp_path):
    def inner(item: int) -> int:
        raise ValueError("odd")

    with pytest.raises(TaskError, match="failed on 3: ValueError: odd") as caught:
        list(Engine(failed=tmp_path).map(inner, [3]))
    assert "cannot be written down" in caught.value.hint


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_cancelling_ends_within_two_seconds(scheduler, tasks):
    cancel = threading.Event()
    with Engine.start(scheduler, 2, cancel=cancel) as engine:
        threading.Timer(0.5, cancel.set).start()
        begin = time.monotonic() + 0.5
        with pytest.raises(CancelledError):
            next(engine.map(tasks.sleep_long, range(9)))
    assert time.monotonic() - begin < 2.0  # with the time of leaving


def test_what_runs_on_after_a_cancelled_run_writes_nothing(tasks, tmp_path):
    cancel = threading.Event()
    task = partial(
        tasks.write_later, path=str(tmp_path / "late"), started=str(tmp_path / "started")
    )
    with Engine.start("threads", 1, cancel=cancel) as engine:
        threading.Timer(0.3, cancel.set).start()
        with pytest.raises(CancelledError):
            next(engine.map(task, [1]))
    assert (tmp_path / "started").exists()
    time.sleep(1.5)
    assert not (tmp_path / "late").exists()


def test_two_tasks_never_share_a_shard(tmp_path):
    image = volume()
    sink = store(tmp_path / "out.ome.zarr", image.shape, (8, 8, 8))
    before = sink.missing_shards()
    for block in ((4, 8, 8), (8, 8, 12), (16, 8, 6)):
        with pytest.raises(OutputError, match="whole shards"):
            halo_map(np.negative, image, sink, Grid(image.shape, block), SERIAL)
    assert sink.missing_shards() == before
    for block in ((8, 8, 8), (16, 8, 8), (8, 18, 22)):  # several whole shards are fine
        halo_map(lambda v: v + 1, image, sink, Grid(image.shape, block), SERIAL)
        np.testing.assert_array_equal(sink[...], image + 1)


def test_outputs_that_nobody_could_trust_are_refused(tasks, tmp_path):
    image = volume((8, 8, 8))
    grid = Grid(image.shape, (4, 8, 8))
    with pytest.raises(OutputError, match="also the input"):
        halo_map(np.negative, image, image, grid, SERIAL, halo=1)
    with pytest.raises(OutputError, match="shape"):
        halo_map(np.negative, image, np.zeros((8, 8, 9), np.uint8), grid, SERIAL)

    class Remote:
        remote = True

    with pytest.raises(OutputError, match="in this process's memory"):
        halo_map(np.negative, image, np.zeros_like(image), grid, Engine(Remote()))
