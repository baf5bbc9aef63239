"""Processes that live side by side, come and go, are interrupted, closed twice and used too late."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from functools import partial
from types import SimpleNamespace

import psutil
import pytest

from ssbtomo.blocks import Engine, cluster, engine, mending
from ssbtomo.errors import TaskError


def roots(count: int) -> list[int]:
    return [math.isqrt(item) for item in range(count)]


def test_looking_at_the_cancel_switch_loses_no_result(processes, tasks, monkeypatch):
    """A result that is on its way when the engine looks up comes along with others.

    The engine once asked Dask for each result with a timeout. One that ran out during the
    transfer broke it off for all that were in it: "the cluster was lost while it worked on".
    """
    monkeypatch.setattr(engine, "_LOOK", 0.001)
    for _ in range(4):
        sizes = [values.size for values in processes.map(tasks.zeros, [200_000] * 24)]
        assert sizes == [200_000] * 24


def test_a_map_that_is_left_takes_no_results_of_another_along(processes, tasks):
    for _ in range(3):
        left, kept = (processes.map(tasks.zeros, [200_000] * 12) for _ in range(2))
        next(left), next(kept)
        left.close()
        assert sum(1 for _ in kept) == 11


def test_an_engine_lives_on_when_another_is_closed(processes):
    outer = processes.map(math.isqrt, range(40))
    assert next(outer) == 0
    with Engine.start("processes", 1) as inner:
        assert list(inner.map(math.isqrt, range(20))) == roots(20)
    assert list(outer) == roots(40)[1:]
    assert list(processes.map(math.isqrt, range(20))) == roots(20)


def test_threads_may_start_engines_at_once(processes):
    found = []

    def measure() -> None:
        with Engine.start("processes", 1) as started:
            found.append(list(started.map(math.isqrt, range(20))))

    threads = [threading.Thread(target=measure) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [roots(20)] * 2
    assert list(processes.map(math.isqrt, range(20))) == roots(20)


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_closed_twice_and_used_too_late(scheduler):
    started = Engine.start(scheduler, 1)
    begun = started.map(math.isqrt, range(20))
    assert next(begun) == 0
    started.close()
    started.close()
    for results in (begun, started.map(math.isqrt, range(3))):
        with pytest.raises(TaskError, match="the engine is closed"):
            list(results)


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_closed_by_another_thread_while_a_task_runs(scheduler, tasks):
    with Engine.start(scheduler, 1) as started:
        threading.Timer(0.3, started.close).start()
        begin = time.monotonic()
        with pytest.raises(TaskError, match="the engine is closed"):
            list(started.map(tasks.sleep_long, range(4)))
    assert time.monotonic() - begin < 5.0


def test_workers_that_dask_gave_up_are_replaced(monkeypatch):
    """On a busy machine a worker that died is not back within Dask's limit, and never comes then."""
    monkeypatch.setattr(mending, "_SLOW", 0.5)
    monkeypatch.setattr(mending, "_TIMES", 10**4)  # a busy machine may take minutes for a start
    monkeypatch.setattr(cluster, "_LOOK", 0.2)
    with Engine.start("processes", 2) as started:
        nannies = list(started.pool._mender._cluster.workers.values())
        results = started.map(slow_root, range(40))
        assert next(results) == 0
        for nanny in nannies:
            monkeypatch.setattr(nanny, "instantiate", partial(gives_up, nanny))
            os.kill(nanny.pid, signal.SIGKILL)
        assert list(results) == roots(40)[1:]
        assert set(started.pool._mender._cluster.workers.values()).isdisjoint(nannies)


def test_a_machine_on_which_no_worker_lives_is_told(monkeypatch):
    monkeypatch.setattr(mending, "_SLOW", 0.0)
    mender = mending.Mender(Restless(), 2)
    with pytest.raises(TaskError, match="no worker process stays alive") as caught:
        deque((mender.look(0) for _ in range(40)), maxlen=0)
    assert "goes on where it stopped" in caught.value.hint


def test_a_cluster_whose_worker_is_killed_at_its_start_is_started_again():
    tries = iter([RuntimeError("Nanny failed to start."), RuntimeError("again"), None])

    def start() -> str:
        if (error := next(tries)) is not None:
            raise error
        return "cluster"

    assert mending.started(start) == "cluster"
    tries = iter([RuntimeError("Nanny failed to start.")] * 3)
    with pytest.raises(TaskError, match="did not start, 3 times: Nanny failed"):
        mending.started(start)


class Restless:
    """A cluster whose workers never start."""

    loop = SimpleNamespace(add_callback=lambda act: None)

    def scale(self, count: int) -> None:
        assert count == 2


async def gives_up(nanny) -> None:
    """Do what a nanny does whose new worker does not answer."""
    await nanny.close(reason="nanny-instantiate-failed")
    raise OSError


def slow_root(item: int) -> int:
    time.sleep(0.1)
    return math.isqrt(item)


SCRIPT = """
import signal, sys, time
from ssbtomo.blocks import Engine

if __name__ == "__main__":
    # a shell that starts the suite in the background has its children ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with Engine.start("processes", 2) as engine:
        print("started", flush=True)
        list(engine.map(time.sleep, [60] * 8))
"""


def members(session: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


@pytest.mark.parametrize(
    ("number", "everyone"),
    [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGKILL, False)],
    ids=["ctrl-c", "interrupt", "kill"],
)
def test_an_interrupted_program_leaves_no_processes(number, everyone, tmp_path):
    """Ctrl-C goes to all processes of a terminal; an interrupt from a program to one."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    place = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, str(script)],
        env=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"started\n"
            time.sleep(0.5)
            assert len(members(process.pid)) > 2
            (os.killpg if everyone else os.kill)(process.pid, number)
            process.wait(60)
        finally:
            for left in members(process.pid) if process.poll() is None else ():
                left.kill()
    until = time.monotonic() + 10
    while members(process.pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert members(process.pid) == []
