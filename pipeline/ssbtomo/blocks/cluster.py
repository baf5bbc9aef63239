"""Worker processes: those of a Dask cluster, on an event loop that nobody else can close."""

from __future__ import annotations

import asyncio
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from typing import Any

from ssbtomo.blocks.mending import Mender, started
from ssbtomo.blocks.workers import closed_error, host_cache, one_thread
from ssbtomo.errors import TaskError

__all__ = ["THREADS", "ClusterPool", "Loop", "LostError", "connect", "start_local"]

#: Read by the libraries when they are imported: one thread for each, as tasks run side by side.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
            "VECLIB_MAXIMUMTHREADS", "RAYON_NUM_THREADS")  # fmt: skip
_NO_WORKERS = 180.0  # seconds without any worker after which a cluster is given up
_LOOK = 5.0  # seconds between looks at the workers of a cluster
_PATIENCE = 10.0  # seconds that a loop has to end
_starting = threading.Lock()  # starting changes variables and settings of the whole process


class LostError(Exception):
    """The cluster forgot a task: its scheduler went away, or the connection to it."""


class Loop:
    """A thread with an event loop for one pool.

    Clients and clusters of Dask share their loops and count who uses them; the last to leave
    closes a loop. On a loop that is handed to them they only live: `close` alone ends it.
    """

    def __init__(self) -> None:
        self.tornado: Any = None
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run()), name="ssbtomo-loop", daemon=True
        )
        self._thread.start()
        self._ready.wait()

    async def _run(self) -> None:
        from tornado.ioloop import IOLoop

        self._stop = asyncio.Event()
        self.asyncio = asyncio.get_running_loop()
        self.tornado = IOLoop.current()
        self._ready.set()
        await self._stop.wait()

    def close(self) -> None:
        """Cancel what still runs on the loop, and end its thread."""
        with suppress(RuntimeError):  # it is closed already
            self.asyncio.call_soon_threadsafe(self._stop.set)
        if threading.current_thread() is not self._thread:
            self._thread.join(_PATIENCE)


class ClusterPool:
    """The workers of a Dask cluster.

    A task is pickled once, not once per block, and each worker unpickles it once. Each result
    is awaited once, where the cluster's messages arrive, and handed over when it is here:
    asking Dask for a result with a timeout breaks off a transfer that other results share,
    and has lost them.

    Parameters
    ----------
    client : distributed.Client
        The connection; on `loop`.
    loop : Loop
        Where it lives; closed with the pool.
    stop : callable, optional
        Stops the cluster, if it was started for this pool.
    patience : float, optional
        Seconds without any worker after which the cluster is given up.
    mender : Mender, optional
        Replaces workers that are gone for good, if the cluster is of this machine.
    """

    remote = True

    def __init__(
        self,
        client: Any,
        loop: Loop,
        stop: Callable[[], None] | None = None,
        *,
        patience: float = _NO_WORKERS,
        mender: Mender | None = None,
    ) -> None:
        self._client = client
        self._patience = patience
        self._loop = loop
        self._stop = stop
        self._mender = mender
        self._last = threading.local()  # each sample's thread has its own task
        self._looked = self._seen = time.monotonic()
        self._closing = threading.Lock()
        self._open: set[Future[Any]] = set()
        self.closed = False

    def submit(self, task: Callable[[Any], Any], item: Any) -> Future[Any]:
        """Send a task to the cluster.

        Parameters
        ----------
        task : callable
            A picklable function of one item.
        item : object
            What it is called with.

        Returns
        -------
        concurrent.futures.Future
            Its result. A task whose worker dies is run again by the scheduler; one that
            raises is not.

        Raises
        ------
        TaskError
            If the pool is closed, or the task cannot be pickled.
        """
        if self.closed:
            raise closed_error()
        if task is not getattr(self._last, "task", None):
            self._last.task, self._last.packed = task, _pack(task)
        sent = self._run(self._last.packed, _pack(item))
        future: Future[Any] = asyncio.run_coroutine_threadsafe(sent, self._loop.asyncio)
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        return future

    async def _run(self, packed: bytes, item: bytes) -> Any:
        future = self._client.submit(_run_packed, packed, item, pure=False, retries=0)
        fetched = asyncio.ensure_future(_fetch(future))
        try:
            return await asyncio.shield(fetched)
        except asyncio.CancelledError:
            fetched.add_done_callback(lambda task: task.cancelled() or task.exception())
            with suppress(Exception):
                await future.cancel()
            raise

    def check(self) -> None:
        """Replace lost workers of a local cluster; give up one elsewhere after three minutes.

        Raises
        ------
        TaskError
            If all workers are gone, and none came back, or the pool was closed.
        """
        if self.closed:
            raise closed_error()
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        threads = sum(self._client.nthreads().values())
        if self._mender is not None:
            self._mender.look(threads)
        elif threads:
            self._seen = now
        elif now - self._seen > self._patience:
            raise TaskError(
                f"the cluster has had no worker for {self._patience:.0f} s",
                hint="start workers with `dask worker ADDRESS`, and the run again: it goes on",
            )

    def close(self) -> None:
        """Disconnect, and stop the cluster if it is ours; a busy worker is killed."""
        with self._closing:
            if self.closed:
                return
            self.closed = True
        try:
            for future in list(self._open):
                future.cancel()
            with suppress(RuntimeError, OSError, TimeoutError):
                self._client.close()
            if self._stop is not None:
                self._stop()
        finally:
            self._loop.close()


async def _fetch(future: Any) -> Any:
    """Await a result to its end: what is broken off takes along results that come with it."""
    try:
        return await future
    except asyncio.CancelledError:
        raise LostError("the connection to its scheduler is gone") from None


def start_local(count: int, memory_per_worker: int | None) -> ClusterPool:
    """Start worker processes on this machine, each with one thread.

    BLAS, OpenMP, Numba and the codecs of stores get one thread in each: the tasks are what runs side by side. The
    variables of this process stay as they were. Any thread may call it, several at once.

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
    from distributed import Client

    with ExitStack() as undo:
        loop = Loop()
        undo.callback(loop.close)
        with _starting:
            cluster = started(lambda: _local_cluster(count, memory_per_worker, loop))

            async def end_workers() -> None:
                nannies = list(cluster.workers.values())
                await asyncio.gather(*(nanny.close(timeout=0.5) for nanny in nannies))

            def stop() -> None:
                with suppress(Exception):
                    cluster.sync(end_workers)
                cluster.close()

            undo.callback(stop)
            client = Client(cluster, set_as_default=False)
        undo.pop_all()
    return ClusterPool(client, loop, stop, mender=Mender(cluster, count))


def _local_cluster(count: int, memory_per_worker: int | None, loop: Loop) -> Any:
    import logging

    import dask
    from distributed import LocalCluster

    single = dict.fromkeys(THREADS, "1")
    spawned = {**dask.config.get("distributed.nanny.pre-spawn-environ"), **single}
    # Results are small: spilling frees nothing, and a worker that pauses looks like one that hangs.
    steps = dict.fromkeys(
        (f"distributed.worker.memory.{s}" for s in ("target", "spill", "pause")), False
    )
    numba = {"NUMBA_NUM_THREADS": "1", **host_cache()}
    with (
        _environment(single),
        dask.config.set({"distributed.nanny.pre-spawn-environ": spawned, **steps}),
    ):
        return LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            memory_limit=memory_per_worker or 0,
            dashboard_address="127.0.0.1:0",  # any free port: the usual one may be taken
            host="127.0.0.1",
            loop=loop.tornado,
            scheduler_kwargs={"allowed_failures": 1, "dashboard": False},
            env=numba,
            silence_logs=logging.CRITICAL,  # a dead worker is told as ours: see Engine.map
        )


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

    _hush()
    loop = Loop()
    try:
        client = Client(address, timeout="10s", set_as_default=False, loop=loop.tornado)
    except (OSError, ValueError, TimeoutError) as error:
        loop.close()
        raise TaskError(
            f"no Dask scheduler answers at {address!r}: {error}",
            hint="start one with `dask scheduler` and `dask worker ADDRESS`, or use "
            "scheduler: threads | processes | synchronous",
        ) from error
    pool = ClusterPool(client, loop)
    try:
        client.wait_for_workers(1, timeout=30)
        found = set(client.run(_version).values())
    except Exception as error:
        pool.close()
        raise TaskError(
            f"the workers of {address} cannot be used: {type(error).__name__}: {error}",
            hint="start workers with `dask worker ADDRESS` in an environment where the same version "
            "of ssbtomo is installed",
        ) from error
    if found != {_version()}:
        pool.close()
        raise TaskError(
            f"the workers of {address} have ssbtomo {', '.join(sorted(found))}, this is {_version()}",
            hint="install the same version everywhere",
        )
    return pool, max(sum(client.nthreads().values()), 1)


def _hush() -> None:
    """Let Dask say nothing of a scheduler that went away: that is told as ours, see `Engine.map`."""
    import logging

    for name in ("distributed", "distributed.client", "tornado", "tornado.application"):
        for handler in logging.getLogger(name).handlers:
            handler.setLevel(logging.CRITICAL)


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


@lru_cache(maxsize=64)
def _unpack(packed: bytes) -> Callable[[Any], Any]:
    task: Callable[[Any], Any] = pickle.loads(packed)  # sent by our own client
    return task


def _run_packed(packed: bytes, item: bytes) -> Any:
    """Run a task in a worker, with one Numba thread.

    Unpacked here, and not by Dask: what a worker cannot unpack is then an error of that task,
    where the scheduler would wait for ever.
    """
    one_thread()
    try:
        task, of = _unpack(packed), pickle.loads(item)
    except Exception as error:
        raise TaskError(
            f"a worker cannot unpack the task: {type(error).__name__}: {error}",
            hint="what the task uses must be installed where the workers run",
        ) from error
    return task(of)
