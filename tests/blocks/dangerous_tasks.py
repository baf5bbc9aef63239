"""Tasks that fail, hang and kill, in a module that worker processes can import by its name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np


def plus_one(values):
    return values + 1


def slow_plus_one(values):
    time.sleep(0.05)
    return values + 1


def counted_plus_one(values, *, log):
    """Leave a line for each block that was really computed."""
    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(0.05)
    return values + 1


def kill_own_process(item, *, bad):
    if item == bad:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.02)
    return item


def kill_own_process_once(values, *, flag):
    """Die in the middle of the first block, as if the system had run out of memory."""
    path = Path(flag)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return values + 1


def fail_on(item, *, bad):
    if item == bad:
        raise ValueError("these voxels are odd")
    return item


def sleep_long(item):
    time.sleep(60)
    return item


def variables(item):
    import numba

    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR")
    told = {name: os.environ.get(name) for name in names}
    return told, numba.get_num_threads(), numba.config.CACHE_DIR


def write_later(item, *, path, started):
    """Work for a while, then write unless nobody wants it any more."""
    from ssbtomo.blocks.workers import check_wanted

    Path(started).touch()
    time.sleep(2.0)
    check_wanted()
    Path(path).touch()
    return np.float32(item)


def zeros(count):
    return np.zeros(count)


def die_once(item, *, task, flag, written):
    """Do a task, but die the first time: before it begins, or when it has written its block."""
    path = Path(flag)
    first = not path.exists()
    if first and not written:
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    result = task(item)
    if first:
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return result
