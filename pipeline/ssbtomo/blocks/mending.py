"""Workers of a local cluster that died at its start, or later and did not come back, are replaced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ssbtomo.errors import TaskError

__all__ = ["Mender", "started"]

_SLOW = 30.0  # seconds that a dead worker has to come back by itself
_TIMES = 20  # replacements in a row that may fail: ten minutes
_STARTS = 3  # times that a cluster may fail to start


def started(start: Callable[[], Any]) -> Any:
    """Start a cluster, again if one of its processes was killed before it could answer.

    Parameters
    ----------
    start : callable
        Returns the cluster; a RuntimeError means that it did not start.

    Returns
    -------
    distributed.LocalCluster
        What it returned.

    Raises
    ------
    TaskError
        If it fails three times.
    """
    for _ in range(_STARTS - 1):
        with suppress(RuntimeError):
            return start()
    try:
        return start()
    except RuntimeError as error:
        raise TaskError(
            f"the worker processes did not start, {_STARTS} times: {error.__cause__ or error}",
            hint="look for what ends them (memory, a limit on processes), or take the scheduler "
            "threads",
        ) from error


class Mender:
    """Sees to it that a local cluster has its workers.

    Dask restarts a worker that died, and gives up for good if that takes longer than its
    limit of 15 s or the new process ends early, as happens on a machine that is busy or out of
    memory. What it gave up is started here again, for ten minutes at most.

    Parameters
    ----------
    cluster : distributed.LocalCluster
        The cluster.
    count : int
        Workers that it should have.
    """

    def __init__(self, cluster: Any, count: int) -> None:
        self._cluster = cluster
        self._count = count
        self._whole = time.monotonic()
        self._failed = 0
        self._ending: set[asyncio.Future[Any]] = set()

    def look(self, present: int) -> None:
        """Replace workers that have been missing for too long.

        Parameters
        ----------
        present : int
            Workers that the scheduler knows now.

        Raises
        ------
        TaskError
            If there is no worker at all after several replacements.
        """
        now = time.monotonic()
        if present >= self._count:
            self._whole, self._failed = now, 0
        if now - self._whole < _SLOW:
            return
        if present:
            self._failed = 0
        elif self._failed >= _TIMES:
            raise TaskError(
                f"no worker process stays alive: {_TIMES} replacements in a row have failed",
                hint="see whether the machine is out of memory or processes, and start the run "
                "again, with fewer workers perhaps: it goes on where it stopped",
            )
        self._whole = now
        self._failed += 1
        self._replace()

    def _replace(self) -> None:
        """Let go of nannies without a worker process, and start what is missing."""
        self._cluster.loop.add_callback(self._forget)
        self._cluster.scale(self._count)  # on the cluster's loop, after what stands before it

    async def _forget(self) -> None:
        for name, nanny in list(self._cluster.workers.items()):
            if not nanny.is_alive():
                del self._cluster.workers[name]
                self._ending.add(ending := asyncio.ensure_future(nanny.close(timeout=1)))
                ending.add_done_callback(self._ended)

    def _ended(self, ending: asyncio.Future[Any]) -> None:
        self._ending.discard(ending)
        ending.cancelled() or ending.exception()  # looked at: it is nobody's business any more
