"""Where block tasks run: here, in threads, in processes, or on a Dask cluster."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError as Broken
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol, Self, TypeVar

from ssbtomo.blocks.cluster import connect, start_local
from ssbtomo.blocks.markers import Markers, Recalled, recorded
from ssbtomo.blocks.queues import QUEUES, start_queue
from ssbtomo.blocks.task import item_name, save_task
from ssbtomo.blocks.workers import Pool, ThreadPool
from ssbtomo.errors import SsbtomoError, TaskError
from ssbtomo.events import check_cancelled

if TYPE_CHECKING:
    from ssbtomo.model.cluster import Cluster

__all__ = ["SERIAL", "Engine", "Scheduler", "Sink", "Source"]

Scheduler = Literal["synchronous", "threads", "processes"] | str
Item = TypeVar("Item")
Result = TypeVar("Result")
_JOB = 4 * 10**9  # bytes of a worker in a job, where nothing was planned
_LOOK = 0.2  # seconds between looks at the cancel switch while a result is waited for


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
    pool : Pool or None
        Where tasks run; ``None`` runs them here, one after the other.
    workers : int
        Tasks that run at once.
    cancel : threading.Event or None
        When set, `map` stops with `CancelledError`: at once where tasks run elsewhere, and
        after the running task where they run here.
    failed : pathlib.Path or None
        Folder where a task that failed is written down, so that it can be run alone; only
        one that kills its worker is written, to a new private folder, if ``None``.
    """

    pool: Pool | None = None
    workers: int = 1
    cancel: threading.Event | None = None
    failed: Path | None = None

    @classmethod
    def start(
        cls,
        scheduler: Scheduler = "synchronous",
        workers: int | None = None,
        *,
        memory_per_worker: int | None = None,
        cancel: threading.Event | None = None,
        failed: Path | None = None,
        cluster: Cluster | None = None,
    ) -> Engine:
        """Start a scheduler.

        Parameters
        ----------
        scheduler : str
            ``"synchronous"``, ``"threads"``, ``"processes"`` (a local Dask cluster), ``"slurm"``,
            ``"pbs"``, ``"lsf"`` (jobs of a batch system), or the address of a
            ``dask.distributed`` scheduler such as ``tcp://127.0.0.1:8786``.
        workers : int, optional
            Tasks at once; the number of cores if not given.
        memory_per_worker : int, optional
            Bytes each local process, or each worker of a job, may use.
        cancel : threading.Event, optional
            Set it to stop the work.
        failed : pathlib.Path, optional
            Folder where a task that failed is written down.
        cluster : Cluster, optional
            How the jobs of a batch system are asked for.

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
            return cls(None, 1, cancel, failed)
        if scheduler == "threads":
            return cls(ThreadPool(count), count, cancel, failed)
        if scheduler == "processes":
            return cls(start_local(count, memory_per_worker), count, cancel, failed)
        if scheduler in QUEUES:
            memory = memory_per_worker or _JOB
            pool, count = start_queue(scheduler, count, memory, cluster)
            return cls(pool, count, cancel, failed)
        pool, count = connect(scheduler)
        return cls(pool, count, cancel, failed)

    @property
    def remote(self) -> bool:
        """Whether tasks run in other processes, which see none of this one's arrays."""
        return self.pool is not None and self.pool.remote

    def map(
        self,
        task: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        markers: Markers | None = None,
    ) -> Iterator[Result]:
        """Run `task` on every item and yield the results in the items' order.

        A task whose worker dies is run again, and one that is at hand when workers die again
        and again is run once more with nothing beside it; only if that, too, kills its
        workers is it given up. A task that raises is not repeated: it would raise again.

        Parameters
        ----------
        task : callable
            A picklable function of one item.
        items : iterable
            What the task is called with; blocks, mostly.
        markers : Markers, optional
            Where finished tasks are marked. Those that an earlier run marked are not run: their
            results are read.

        Yields
        ------
        object
            What the task returned.

        Raises
        ------
        TaskError
            If a task failed for a reason that is not ours, or killed its workers; the item
            is named, with a command that runs it alone.
        CancelledError
            If the engine's `cancel` was set.
        """
        jobs = _Jobs(self, task, markers)
        waiting: deque[tuple[Item, Any]] = deque()
        done: frozenset[str] = markers.finished() if markers else frozenset()
        try:
            for item in items:
                check_cancelled(self.cancel)
                marked = markers.recall(item) if markers and item_name(item) in done else None
                waiting.append((item, marked or jobs.begin(item)))
                if len(waiting) >= 4 * self.workers or self.pool is None:
                    yield jobs.end(*waiting.popleft(), waiting)
            while waiting:
                yield jobs.end(*waiting.popleft(), waiting)
        finally:
            for _, future in waiting:
                if not isinstance(future, Recalled):
                    future.cancel()

    def close(self) -> None:
        """Stop the workers that this engine started."""
        if self.pool is not None:
            self.pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _FailedError(TaskError):
    """A task raised something that is not ours; the item is named."""


class _Jobs:
    """The tasks of one map: begun, waited for, tried again, given up."""

    def __init__(self, engine: Engine, task: Callable[[Any], Any], markers: Markers | None) -> None:
        self.engine = engine
        self.task = task
        marked = task if markers is None else partial(recorded, task=task, markers=markers)
        self.call = partial(_call, marked)

    def begin(self, item: Any) -> Any:
        """Send a task to the pool; without one, run it now."""
        pool = self.engine.pool
        if pool is not None:
            return pool.submit(self.call, item)
        try:
            return Recalled(self.call(item))
        except _FailedError as error:
            self._explain(item, error)

    def end(self, item: Any, future: Any, others: Iterable[tuple[Any, Any]]) -> Any:
        """Return a task's result, or say why there is none."""
        if isinstance(future, Recalled):
            return future.result
        try:
            return self._wait(future)
        except _FailedError as error:
            self._explain(item, error)
        except Exception as error:  # noqa: BLE001 - all but the death of a worker is raised again
            _raise_unless_killed(error, item)
        return self._alone(item, others)

    def _alone(self, item: Any, others: Iterable[tuple[Any, Any]]) -> Any:
        """Run a suspect again when nothing runs beside it: it may have been its neighbour's fault."""
        for _, future in others:
            self._settle(future)
        assert self.engine.pool is not None
        try:
            return self._wait(self.engine.pool.submit(self.call, item))
        except _FailedError as error:
            self._explain(item, error)
        except Exception as error:
            _raise_unless_killed(error, item)
            raise TaskError(
                f"the task on {item} kills every worker that runs it: {error}",
                hint="give the workers more memory, or make the blocks smaller; "
                + self._command(item, always=True),
            ) from error

    def _settle(self, future: Any) -> None:
        """Wait until a task has ended: woken when it has, and now and then by the clock."""
        while not isinstance(future, Recalled):
            check_cancelled(self.engine.cancel)
            assert self.engine.pool is not None
            self.engine.pool.check()
            if wait((future,), timeout=_LOOK).done:
                return

    def _wait(self, future: Future[Any]) -> Any:
        self._settle(future)
        try:
            return future.result()
        except Broken:  # the pool was closed by another thread; or the cluster forgot the task
            assert self.engine.pool is not None
            self.engine.pool.check()
            raise

    def _explain(self, item: Any, error: _FailedError) -> NoReturn:
        raise TaskError(error.problem, hint=self._command(item)) from error.__cause__

    def _command(self, item: Any, *, always: bool = False) -> str:
        """Write the task down, and return a sentence with the command that runs it alone."""
        if self.engine.failed is None and not always:
            return ""
        try:
            command = save_task(self.engine.failed, self.task, item)
        except (SsbtomoError, OSError) as problem:
            return f"this task cannot be written down to be run alone: {problem}"
        return f"run it alone: {command}"


def _call(task: Callable[[Item], Result], item: Item) -> Result:
    try:
        return task(item)
    except (SsbtomoError, OSError, MemoryError):
        raise
    except Exception as error:
        raise _FailedError(f"a task failed on {item}: {type(error).__name__}: {error}") from error


def _raise_unless_killed(error: Exception, item: Any) -> None:
    """Raise what is not the death of a worker; what Dask itself raises means a lost cluster."""
    kind = type(error)
    if kind.__name__ == "KilledWorker":
        return
    if isinstance(error, SsbtomoError | OSError | MemoryError) and not _of_dask(kind):
        raise error
    raise TaskError(
        f"the cluster was lost while it worked on {item}: {kind.__name__}: {error}",
        hint="start the run again: it goes on where it stopped",
    ) from error


def _of_dask(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "distributed"


SERIAL = Engine()
