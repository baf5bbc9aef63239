"""What runs the tasks: threads of this process, or processes of a Dask cluster."""

from __future__ import annotations

import os
import pickle
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from ssbtomo.errors import CancelledError, TaskError

__all__ = [
    "ClusterPool",
    "Pool",
    "ThreadPool",
    "cache_folder",
    "check_wanted",
    "connect",
    "start_local",
    "use_host_cache",
]

#: Read by the libraries when they are imported: one thread for each, as tasks run side by side.
_BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
         "VECLIB_MAXIMUM_THREADS")  # fmt: skip
_PATIENCE = 1.0  # seconds that running tasks have to end when their pool is closed
_NO_WORKERS = 60.0  # seconds without any worker after which a cluster is given up
_LOOK = 5.0  # seconds between looks at the workers of a cluster
_here = threading.local()


class Pool(Protocol):
    """Where tasks are sent to."""

    remote: bool

    def submit(self, task: Callable[[Any], Any], item: Any) -> Any:
        """Send a task; return a future with ``result(timeout)``, ``done`` and ``cancel``."""

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
        """
        future: Future[Any] = Future()
        self._queue.put((future, task, item))
        return future

    def check(self) -> None:
        """Do nothing: threads do not die."""

    def close(self) -> None:
        """Take no more tasks, and wait a second for those that run."""
        self._closed.set()
        for _ in self._threads:
            self._queue.put(None)
        until = time.monotonic() + _PATIENCE
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))

    def _work(self) -> None:
        _here.closed = self._closed
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


class ClusterPool:
    """The workers of a Dask cluster.

    A task is pickled once, not once per block, and each worker unpickles it once.

    Parameters
    ----------
    client : distributed.Client
        The connection.
    stop : callable, optional
        Stops the cluster, if it was started for this pool.
    """

    remote = True

    def __init__(self, client: Any, stop: Callable[[], None] | None = None) -> None:
        self._client = client
        self._stop = stop
        self._task: Callable[[Any], Any] | None = None
        self._packed = b""
        self._looked = self._seen = time.monotonic()

    def submit(self, task: Callable[[Any], Any], item: Any) -> Any:
        """Send a task to the cluster.

        Parameters
        ----------
        task : callable
            A picklable function of one item.
        item : object
            What it is called with.

        Returns
        -------
        distributed.Future
            Its result. A task whose worker dies is run again by the scheduler; one that
            raises is not.
        """
        if task is not self._task:
            self._task, self._packed = task, _pack(task)
        return self._client.submit(_run_packed, self._packed, _pack(item), pure=False, retries=0)

    def check(self) -> None:
        """Give up a cluster that has had no worker for a minute.

        Raises
        ------
        TaskError
            If all workers are gone, and none came back.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        if self._client.nthreads():
            self._seen = now
        elif now - self._seen > _NO_WORKERS:
            raise TaskError(
                f"the cluster has had no worker for {_NO_WORKERS:.0f} s",
                hint="start workers with `dask worker ADDRESS`, and the run again: it goes on",
            )

    def close(self) -> None:
        """Disconnect, and stop the cluster if it is ours; a busy worker is killed."""
        self._client.close()
        if self._stop is not None:
            self._stop()


def start_local(count: int, memory_per_worker: int | None) -> ClusterPool:
    """Start worker processes on this machine, each with one thread.

    BLAS, OpenMP and Numba get one thread in each: the tasks are what runs side by side. The
    variables of this process stay as they were.

    Parameters
    ----------
    count : int
        Processes.
    memory_per_worker : int or None
        Bytes that each may use; one that uses more is stopped and started anew.

    Returns
    -------
    ClusterPool
        Close it.
    """
    import asyncio
    import logging

    import dask
    from distributed import Client, LocalCluster

    single = dict.fromkeys(_BLAS, "1")
    spawned = {**dask.config.get("distributed.nanny.pre-spawn-environ"), **single}
    numba = {"NUMBA_NUM_THREADS": "1", **_host_cache()}
    with (
        _environment(single),
        dask.config.set({"distributed.nanny.pre-spawn-environ": spawned}),
    ):
        cluster = LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            memory_limit=memory_per_worker or 0,
            dashboard_address="127.0.0.1:0",
            host="127.0.0.1",
            scheduler_kwargs={"allowed_failures": 1},
            env=numba,
            silence_logs=logging.CRITICAL,  # a dead worker is told as ours: see Engine.map
        )

    async def end_workers() -> None:
        nannies = list(cluster.workers.values())
        await asyncio.gather(*(nanny.close(timeout=0.5) for nanny in nannies))

    def stop() -> None:
        with suppress(Exception):
            cluster.sync(end_workers)
        cluster.close()

    return ClusterPool(Client(cluster, set_as_default=False), stop)


def connect(address: str) -> tuple[ClusterPool, int]:
    """Connect to a Dask scheduler that somebody else started.

    Parameters
    ----------
    address : str
        Such as ``tcp://127.0.0.1:8786``.

    Returns
    -------
    pool : ClusterPool
        Close it; the cluster goes on.
    threads : int
        Tasks that run at once.

    Raises
    ------
    TaskError
        If nobody answers, or the workers cannot import this version of the package.
    """
    from distributed import Client

    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise TaskError(
            f"no Dask scheduler answers at {address!r}: {error}",
            hint="start one with `dask scheduler` and `dask worker ADDRESS`, or use "
            "scheduler: threads | processes | synchronous",
        ) from error
    try:
        client.wait_for_workers(1, timeout=30)
        found = set(client.run(_version).values())
    except Exception as error:
        client.close()
        raise TaskError(
            f"the workers of {address} cannot be used: {type(error).__name__}: {error}",
            hint="start workers with `dask worker ADDRESS` in an environment where the same version "
            "of ssbtomo is installed",
        ) from error
    if found != {_version()}:
        client.close()
        raise TaskError(
            f"the workers of {address} have ssbtomo {', '.join(sorted(found))}, this is {_version()}",
            hint="install the same version everywhere",
        )
    return ClusterPool(client), max(sum(client.nthreads().values()), 1)


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
    os.environ.update(_host_cache())


def _host_cache() -> dict[str, str]:
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return {"NUMBA_CACHE_DIR": chosen}
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or none to write to: Numba looks for a place itself
        return {}
    return {"NUMBA_CACHE_DIR": str(folder)} if os.access(folder, os.W_OK) else {}


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """Set variables for a while: processes that are started meanwhile inherit them."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _version() -> str:
    from ssbtomo import __version__

    return __version__


def _pack(task: Any) -> bytes:
    from distributed.protocol.pickle import dumps  # functions of a script travel as code

    try:
        packed: bytes = dumps(task)
    except Exception as error:
        raise TaskError(
            f"the task cannot be sent to other processes: {type(error).__name__}: {error}",
            hint="use scheduler: threads",
        ) from error
    return packed


@lru_cache(maxsize=2)
def _unpack(packed: bytes) -> Callable[[Any], Any]:
    task: Callable[[Any], Any] = pickle.loads(packed)  # sent by our own client
    return task


def _run_packed(packed: bytes, item: bytes) -> Any:
    """Run a task in a worker, with one Numba thread.

    Unpacked here, and not by Dask: what a worker cannot unpack is then an error of that task,
    where the scheduler would wait for ever.
    """
    _one_thread()
    try:
        task, of = _unpack(packed), pickle.loads(item)
    except Exception as error:
        raise TaskError(
            f"a worker cannot unpack the task: {type(error).__name__}: {error}",
            hint="what the task uses must be installed where the workers run",
        ) from error
    return task(of)


def _one_thread() -> None:
    """Give this thread's Numba kernels one thread, if Numba came with more."""
    numba = sys.modules.get("numba")
    if numba is None or getattr(_here, "single", False):
        return
    if numba.get_num_threads() > 1:
        numba.set_num_threads(1)
    _here.single = True
