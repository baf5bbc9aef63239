"""Threads that run tasks, and what every worker, thread or process, is given."""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from ssbtomo.errors import CancelledError, TaskError

__all__ = [
    "Pool",
    "ThreadPool",
    "cache_folder",
    "check_wanted",
    "closed_error",
    "host_cache",
    "last_compiled",
    "one_thread",
    "use_host_cache",
    "wanted_until",
]

_PATIENCE = 1.0  # seconds that running tasks have to end when their pool is closed
_here = threading.local()


class Pool(Protocol):
    """Where tasks are sent to."""

    remote: bool

    def submit(self, task: Callable[[Any], Any], item: Any) -> Future[Any]:
        """Send a task; return its future."""

    def check(self) -> None:
        """Raise if tasks can never end; called now and then while one is waited for."""

    def close(self) -> None:
        """Stop the workers that were started for this pool."""


class ThreadPool:
    """Threads that never hold up the end of the process.

    A thread cannot be stopped inside a kernel: `close` waits a second for running tasks, and
    what ends later writes nothing (see `check_wanted`). The threads are daemons, where those
    of `concurrent.futures` would keep a cancelled program alive until the last block.

    Parameters
    ----------
    count : int
        Tasks at once.
    """

    remote = False

    def __init__(self, count: int) -> None:
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[Any], Any], Any] | None]
        self._queue = SimpleQueue()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"ssbtomo-{k}", daemon=True)
            for k in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Callable[[Any], Any], item: Any) -> Future[Any]:
        """Queue a task.

        Parameters
        ----------
        task : callable
            A function of one item.
        item : object
            What it is called with.

        Returns
        -------
        concurrent.futures.Future
            Its result.

        Raises
        ------
        TaskError
            If the pool is closed.
        """
        if self.closed:
            raise closed_error()
        future: Future[Any] = Future()
        self._queue.put((future, task, item))
        return future

    def check(self) -> None:
        """Notice that another thread has closed the pool; threads do not die.

        Raises
        ------
        TaskError
            If it is closed.
        """
        if self.closed:
            raise closed_error()

    @property
    def closed(self) -> bool:
        """Whether it takes no more tasks."""
        return self._closed.is_set()

    def close(self) -> None:
        """Take no more tasks, and wait a second for those that run."""
        self._closed.set()
        for _ in self._threads:
            self._queue.put(None)
        until = time.monotonic() + _PATIENCE
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))

    def _work(self) -> None:
        wanted_until(self._closed)
        while (job := self._queue.get()) is not None:
            future, task, item = job
            if self._closed.is_set() or not future.set_running_or_notify_cancel():
                future.cancel()
                continue
            try:
                future.set_result(task(item))
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
                future.set_exception(error)
            del job, future, task, item


def closed_error() -> TaskError:
    """Make the error of who uses a pool that is closed.

    Returns
    -------
    TaskError
        To be raised.
    """
    return TaskError(
        "the engine is closed: its workers are gone",
        hint="start a new one, or use it inside its `with` statement",
    )


def check_wanted() -> None:
    """Stop a task whose pool was closed while it ran; called before it writes its block.

    Raises
    ------
    CancelledError
        If nobody waits for the task any more.
    """
    closed = getattr(_here, "closed", None)
    if closed is not None and closed.is_set():
        raise CancelledError("the run was cancelled")


def wanted_until(closed: threading.Event) -> None:
    """Say when what this thread does is not wanted any more: see `check_wanted`.

    Parameters
    ----------
    closed : threading.Event
        Set when nobody waits.
    """
    _here.closed = closed


def cache_folder() -> Path:
    """Return where this host's compiled kernels are kept.

    Returns
    -------
    pathlib.Path
        One folder per host in the user's cache: homes are shared by machines whose
        processors differ, and parallel starts on a shared folder have crashed.
    """
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    host = "".join(sign if sign.isalnum() or sign in ".-" else "_" for sign in platform.node())
    return Path(base) / "ssbtomo" / f"numba-{host or 'host'}"


def use_host_cache() -> None:
    """Let Numba keep compiled kernels in `cache_folder`, unless the user chose a place.

    Called before Numba is imported; later it would change nothing.
    """
    os.environ.update(host_cache())


def host_cache() -> dict[str, str]:
    """Return the variable that names `cache_folder`, or the place that the user chose.

    Returns
    -------
    dict
        Empty if the folder cannot be made: Numba then looks for a place itself.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return {"NUMBA_CACHE_DIR": chosen}
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or none to write to
        return {}
    return {"NUMBA_CACHE_DIR": str(folder)} if os.access(folder, os.W_OK) else {}


def last_compiled() -> float:
    """Return when a kernel was last compiled on this machine, by this process or another.

    Returns
    -------
    float
        Seconds since the epoch, as the file system tells: every compiled kernel is kept in the
        folder of `host_cache`. 0 where none was ever compiled, or there is no such folder.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    try:
        with os.scandir(chosen or cache_folder()) as found:
            return max((item.stat().st_mtime for item in found if item.is_dir()), default=0.0)
    except (OSError, RuntimeError):
        return 0.0


def one_thread() -> None:
    """Give this thread's Numba kernels one thread, if Numba came with more; called by workers."""
    numba = sys.modules.get("numba")
    if numba is None or getattr(_here, "single", False):
        return
    if numba.get_num_threads() > 1:
        numba.set_num_threads(1)
    _here.single = True
