"""Engines: order, errors that name the block, cancelling, threads and processes."""

from __future__ import annotations

import math
import threading
import time
from functools import partial

import numpy as np
import pytest

from ssbtomo.blocks import SERIAL, Block, Engine, Grid
from ssbtomo.blocks.areas import interface_areas
from ssbtomo.blocks.fractions import phase_counts
from ssbtomo.errors import CancelledError, PhaseMissingError, TaskError


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


def test_processes_and_an_address_give_the_same_bits():
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
            dashboard_address=None,
            host="127.0.0.1",
        ) as cluster,
        Engine.start(cluster.scheduler_address) as engine,
    ):
        assert engine.workers == 2
        assert ask(engine) == here
        assert (phase_counts(labels, [0, 1], grid, engine).total == counts).all()
        with pytest.raises(TaskError, match=r"failed on -1: ValueError"):
            list(engine.map(math.sqrt, [1, -1, 4]))


def test_processes_start_and_stop():
    with Engine.start("processes", 1) as engine:
        assert list(engine.map(math.isqrt, range(5))) == [0, 1, 1, 1, 2]


def test_an_address_where_nobody_answers_is_an_error():
    with pytest.raises(TaskError, match="no Dask scheduler answers"):
        Engine.start("tcp://127.0.0.1:9")


@pytest.mark.parametrize("scheduler", ["processes"])
def test_a_task_that_workers_cannot_import_is_an_error(scheduler, monkeypatch):
    import sys
    import types

    module = types.ModuleType("only_here")
    exec("def task(item):\n    return item", module.__dict__)  # a function of a module of ours
    monkeypatch.setitem(sys.modules, "only_here", module)
    with Engine.start(scheduler, 1) as engine, pytest.raises(TaskError, match="only_here"):
        list(engine.map(module.task, [1]))
