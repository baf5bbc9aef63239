"""Where block tasks run: here, in threads, in processes, or on a Dask cluster."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeVar

from ssbtomo.errors import SsbtomoError, TaskError
from ssbtomo.events import check_cancelled

__all__ = ["SERIAL", "Engine", "Scheduler", "Sink", "Source"]

Scheduler = Literal["synchronous", "threads", "processes"] | str
Item = TypeVar("Item")
Result = TypeVar("Result")


class Source(Protocol):
    """What blocks are read from: a NumPy array, a Zarr array, a lazy file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""

    @property
    def dtype(self) -> Any:
        """Type of a voxel."""

    def __getitem__(self, window: Any) -> Any:
        """Read a box of voxels."""


class Sink(Source, Protocol):
    """What blocks are written to; a task writes only whole shards that it owns."""

    def __setitem__(self, window: Any, values: Any) -> None:
        """Write a box of voxels."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Runs tasks and yields their results in the order of the tasks.

    Results never depend on who finished first, so sums are the same for any scheduler
    and any number of workers. At most ``4 * workers`` tasks are in flight.

    Parameters
    ----------
    executor : concurrent.futures.Executor or None
        Where tasks run; ``None`` runs them here, one after the other.
    workers : int
        Tasks that run at once.
    cancel : threading.Event or None
        When set, `map` stops with `CancelledError` before the next result.
    closers : tuple of callable
        What `close` calls, in this order: it stops what `start` started.
    """

    executor: Executor | None = None
    workers: int = 1
    cancel: threading.Event | None = None
    closers: tuple[Callable[[], None], ...] = ()

    @classmethod
    def start(
        cls,
        scheduler: Scheduler = "synchronous",
        workers: int | None = None,
        *,
        memory_per_worker: int | None = None,
        cancel: threading.Event | None = None,
    ) -> Engine:
        """Start a scheduler.

        Parameters
        ----------
        scheduler : str
            ``"synchronous"``, ``"threads"``, ``"processes"`` (a local Dask cluster), or the
            address of a ``dask.distributed`` scheduler such as ``tcp://127.0.0.1:8786``.
        workers : int, optional
            Tasks at once; the number of cores if not given.
        memory_per_worker : int, optional
            Bytes each local process may use.
        cancel : threading.Event, optional
            Set it to stop the work.

        Returns
        -------
        Engine
            Close it, or use it in a ``with`` statement.

        Raises
        ------
        TaskError
            If the scheduler at the address does not answer.
        """
        count = workers or os.cpu_count() or 1
        if scheduler == "synchronous":
            return cls(cancel=cancel)
        if scheduler == "threads":
            pool = ThreadPoolExecutor(count, thread_name_prefix="ssbtomo")
            return cls(pool, count, cancel, (lambda: pool.shutdown(cancel_futures=True),))
        return cls._distributed(scheduler, count, memory_per_worker, cancel)

    @classmethod
    def _distributed(
        cls,
        scheduler: str,
        count: int,
        memory_per_worker: int | None,
        cancel: threading.Event | None,
    ) -> Engine:
        from distributed import Client, LocalCluster

        closers: list[Callable[[], None]] = []
        if scheduler == "processes":
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                memory_limit=memory_per_worker or 0,
                dashboard_address="127.0.0.1:0",
                host="127.0.0.1",
            )
            closers.append(cluster.close)
            client = Client(cluster, set_as_default=False)
        else:
            try:
                client = Client(scheduler, timeout="10s", set_as_default=False)
            except (OSError, ValueError, TimeoutError) as error:
                raise TaskError(
                    f"no Dask scheduler answers at {scheduler!r}: {error}",
                    hint="start one with `dask scheduler` and `dask worker ADDRESS`, or use "
                    "scheduler: threads | processes | synchronous",
                ) from error
            count = max(sum(client.nthreads().values()), 1)
            _check_workers(client, scheduler)
        closers.insert(0, client.close)
        pool = client.get_executor(pure=False, retries=2)
        return cls(pool, count, cancel, tuple(closers))

    def map(self, task: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Run `task` on every item and yield the results in the items' order.

        Parameters
        ----------
        task : callable
            A picklable function of one item.
        items : iterable
            What the task is called with; blocks, mostly.

        Yields
        ------
        object
            What the task returned.

        Raises
        ------
        TaskError
            If a task failed for a reason that is not ours; the item is named.
        CancelledError
            If the engine's `cancel` was set.
        """
        if self.executor is None:
            for item in items:
                check_cancelled(self.cancel)
                yield _call(task, item)
            return
        waiting: deque[tuple[Item, Future[Result]]] = deque()
        # Packed here and unpacked by us: a task that a worker cannot unpack is then an error
        # of that task, where the scheduler itself would wait for ever.
        packed = task if isinstance(self.executor, ThreadPoolExecutor) else _Packed.of(task)
        try:
            for item in items:
                check_cancelled(self.cancel)
                waiting.append((item, self.executor.submit(_call, packed, item)))
                if len(waiting) >= 4 * self.workers:
                    yield _result(*waiting.popleft())
            while waiting:
                check_cancelled(self.cancel)
                yield _result(*waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

    def close(self) -> None:
        """Stop the workers that this engine started."""
        for close in self.closers:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Packed:
    """A task on its way to another process."""

    content: bytes

    @classmethod
    def of(cls, task: Callable[..., Any]) -> _Packed:
        import cloudpickle

        return cls(cloudpickle.dumps(task))

    def __call__(self, item: Any) -> Any:
        import cloudpickle

        return cloudpickle.loads(self.content)(item)


def _check_workers(client: Any, address: str) -> None:
    """Make sure that there are workers and that they can import us: tasks would wait for ever."""
    try:
        client.wait_for_workers(1, timeout=30)
        client.run(exec, "import ssbtomo.blocks")
    except Exception as error:
        client.close()
        raise TaskError(
            f"the workers of {address} cannot be used: {type(error).__name__}: {error}",
            hint="start workers with `dask worker ADDRESS` in an environment where the same version "
            "of ssbtomo is installed",
        ) from error


def _call(task: Callable[[Item], Result], item: Item) -> Result:
    try:
        return task(item)
    except (SsbtomoError, OSError, MemoryError):
        raise
    except Exception as error:
        raise TaskError(f"a task failed on {item}: {type(error).__name__}: {error}") from error


def _result(item: Item, future: Future[Result]) -> Result:
    try:
        return future.result()
    except (SsbtomoError, OSError, MemoryError):
        raise
    except Exception as error:
        raise TaskError(
            f"a worker died on {item}: {type(error).__name__}: {error}",
            hint="give the workers more memory, or make the blocks smaller",
        ) from error


SERIAL = Engine()
