"""Workers: one thread each, one cache of compiled kernels per host, threads that never hold up."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ssbtomo.blocks import Engine
from ssbtomo.blocks.workers import ThreadPool, cache_folder, use_host_cache


def test_worker_processes_have_one_thread_and_the_hosts_cache(tasks, monkeypatch, tmp_path):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "7")  # of this process: the transport solve uses it
    with Engine.start("processes", 1) as engine:
        ((told, threads, cache),) = engine.map(tasks.variables, [0])
    assert {told[name] for name in told if name != "NUMBA_CACHE_DIR"} == {"1"}
    assert threads == 1
    assert cache == told["NUMBA_CACHE_DIR"] == str(cache_folder())
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "NUMBA_CACHE_DIR" not in os.environ


def test_the_cache_is_of_this_host_and_this_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("platform.node", lambda: "node 7/../x")
    assert cache_folder() == tmp_path / "ssbtomo" / "numba-node_7_.._x"


def test_a_place_that_the_user_chose_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/chosen")
    use_host_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == "/chosen"


def test_without_a_place_to_write_numba_chooses(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    use_host_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == ""


def test_the_command_sets_the_cache_before_numba_is_imported(tmp_path):
    code = (
        "import sys, os, ssbtomo.cli\n"
        "ssbtomo.cli._root(version=False)\n"
        "assert 'numba' not in sys.modules\n"
        "print(os.environ['NUMBA_CACHE_DIR'])\n"
    )
    place = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    place.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env=place, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().startswith(str(tmp_path / "ssbtomo" / "numba-"))


def test_threads_return_errors_and_stop():
    pool = ThreadPool(2)
    futures = [pool.submit(int, text) for text in ("1", "x", "3")]
    assert futures[0].result(5) == 1
    with pytest.raises(ValueError, match="invalid literal"):
        futures[1].result(5)
    pool.close()
    assert not any(thread.is_alive() for thread in pool._threads)


def test_a_hanging_thread_does_not_keep_the_program_alive():
    code = (
        "import time\n"
        "from ssbtomo.blocks.workers import ThreadPool\n"
        "pool = ThreadPool(1)\n"
        "pool.submit(time.sleep, 100)\n"
        "time.sleep(0.2)\n"
        "pool.close()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)
