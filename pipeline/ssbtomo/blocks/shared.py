"""Several processes at one run, such as a job array: one leads, the others take tasks of it."""

from __future__ import annotations

import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from ssbtomo.blocks.folder_queue import FolderQueue, Outcome, own_name
from ssbtomo.blocks.workers import closed_error, one_thread, wanted_until
from ssbtomo.errors import SsbtomoError, TaskError
from ssbtomo.events import check_cancelled

__all__ = ["SharedPool", "help_out"]

_LOOK = 0.02  # seconds between looks at what others handed in
_IDLE = 0.5  # longest time between looks of a helper that finds nothing
_BEAT = 2.0  # seconds between signs of life
_GONE = 30.0  # seconds without a sign after which a helper's tasks are offered again


class SharedPool:
    """The pool of the process that leads: its own threads, and whoever helps.

    Parameters
    ----------
    folder : pathlib.Path
        Where the tasks are offered; emptied first.
    threads : int
        Tasks at once in this process.
    gone : float
        Seconds without a sign of life after which a helper is taken for dead.
    """

    remote = True

    def __init__(self, folder: Path, threads: int, *, gone: float = _GONE) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._queue, self._who, self._gone = FolderQueue(folder.absolute()), own_name(), gone
        self._last = threading.local()  # each sample's thread has its own task
        self._names, self._numbers = count(), count()
        self._open: dict[tuple[str, int], tuple[Future[Any], Any, Any]] = {}
        self._here: deque[tuple[str, int]] = deque()
        self._offered: set[tuple[str, int]] = set()
        self._stop = threading.Event()
        self._change = threading.Condition()
        self._lives: dict[str, tuple[int, float]] = {}
        self.closed = False
        works = [*[self._work] * threads, self._listen]
        self._threads = [
            threading.Thread(target=work, name=f"ssbtomo-{k}", daemon=True)
            for k, work in enumerate(works)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Callable[[Any], Any], item: Any) -> Future[Any]:
        """Offer a task to everybody.

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
        with self._change:
            if task is not getattr(self._last, "task", None):
                self._begin(task)
            key, future = (self._last.name, next(self._numbers)), Future[Any]()
            self._open[key] = future, task, item
            if self._last.plain:
                with suppress(TaskError):  # it cannot travel: it is done here
                    self._queue.put(*key, item)
                    self._offered.add(key)
            self._here.append(key)
            self._change.notify()
        return future

    def _begin(self, task: Any) -> None:
        """Open another task; those of which nothing is waited for are removed."""
        waiting = {name for name, _ in self._open}
        if (old := getattr(self._last, "name", "")) and old not in waiting:
            self._queue.close(old)
        self._last.task, self._last.name = task, f"task-{next(self._names):06d}"
        try:
            self._queue.open(self._last.name, task)
        except TaskError:
            self._last.plain = False
        else:
            self._last.plain = True

    def _work(self) -> None:
        """Take the oldest task that is left, again and again."""
        one_thread()
        wanted_until(self._stop)
        while (key := self._next()) is not None:
            with self._change:
                job = self._open.get(key)
            if job is None or (key in self._offered and not self._queue.take(*key, self._who)):
                continue
            future, task, item = job
            if future.cancelled():
                self._finish(key, Outcome())
                continue
            try:
                outcome = Outcome(task(item))
            except Exception as error:  # noqa: BLE001 - raised where the result is asked for
                outcome = Outcome(None, error)
            self._finish(key, outcome)

    def _next(self) -> tuple[str, int] | None:
        with self._change:
            while not self._here and not self.closed:
                self._change.wait()
            return None if self.closed else self._here.popleft()

    def _finish(self, key: tuple[str, int], outcome: Outcome) -> None:
        with self._change:
            job = self._open.pop(key, None)
            self._offered.discard(key)
        if job is None or not job[0].set_running_or_notify_cancel():
            return
        if outcome.error is not None:
            job[0].set_exception(outcome.error)
        else:
            job[0].set_result(outcome.result)

    def _listen(self) -> None:
        """Hear what helpers hand in, and offer again what a dead one had."""
        looked = time.monotonic()
        while not self.closed:
            time.sleep(_LOOK)
            with self._change:
                names = {name for name, _ in self._open}
            for name in names:
                with suppress(OSError, ValueError):
                    for number, outcome in self._queue.ended(name):
                        self._heard((name, number), outcome)
            if time.monotonic() - looked > min(_BEAT, self._gone / 4):
                looked = time.monotonic()
                self._mourn(names)

    def _heard(self, key: tuple[str, int], outcome: Outcome) -> None:
        if not outcome.stuck:
            self._finish(key, outcome)
            return
        with self._change:  # what it returned cannot travel: it is done here
            self._offered.discard(key)
            self._here.append(key)
            self._change.notify()

    def _mourn(self, names: set[str]) -> None:
        now = time.monotonic()
        for who, beat in self._queue.beats().items():
            before = self._lives.get(who, (-1, now))
            self._lives[who] = before if before[0] == beat else (beat, now)
            if now - self._lives[who][1] > self._gone:
                again = [(name, n) for name in names for n in self._queue.give_back(name, who)]
                with self._change:
                    self._here.extend(again)
                    self._change.notify_all()

    def check(self) -> None:
        """Notice that another thread has closed the pool.

        Raises
        ------
        TaskError
            If it is closed.
        """
        if self.closed:
            raise closed_error()

    def close(self) -> None:
        """Offer nothing any more."""
        with self._change:
            self.closed = True
            self._stop.set()
            for future, _, _ in self._open.values():
                future.cancel()
            self._change.notify_all()
        for thread in self._threads:
            thread.join(1.0)
        shutil.rmtree(self._queue.folder, ignore_errors=True)


def help_out(
    folder: Path,
    threads: int,
    led: Callable[[], bool],
    cancel: threading.Event | None = None,
) -> int:
    """Take tasks of the process that leads, until nobody leads any more.

    Parameters
    ----------
    folder : pathlib.Path
        Where the tasks are offered.
    threads : int
        Tasks at once.
    led : callable
        Whether somebody still leads; asked every two seconds.
    cancel : threading.Event, optional
        Set it to stop.

    Returns
    -------
    int
        How many tasks were done.

    Raises
    ------
    CancelledError
        If `cancel` was set; what is worked on is given back.
    """
    queue, ended = FolderQueue(folder.absolute()), threading.Event()
    helpers = [_Helper(queue, f"{own_name()}-{k}", ended) for k in range(threads)]
    for helper in helpers:
        helper.start()
    try:
        for beat in count():
            for helper in helpers:
                queue.beat(helper.who, beat)
            if ended.wait(_BEAT) or not led():
                break
            check_cancelled(cancel)
    finally:
        ended.set()
        for helper in helpers:
            helper.join(1.0)
            queue.leave(helper.who)
    return sum(helper.done for helper in helpers)


class _Helper(threading.Thread):
    """A thread that takes tasks."""

    def __init__(self, queue: FolderQueue, who: str, ended: threading.Event) -> None:
        super().__init__(name=who, daemon=True)
        self.queue, self.who, self.ended, self.done = queue, who, ended, 0
        self._task: tuple[str, Any] = ("", None)

    def run(self) -> None:
        one_thread()
        wanted_until(self.ended)
        pause = _LOOK
        while not self.ended.wait(pause):
            found = self._took()
            pause = min(2 * pause, _IDLE)
            while found is not None and not self.ended.is_set():
                self._do(*found)
                found, pause = self._took(), _LOOK

    def _took(self) -> tuple[str, int] | None:
        offered = self.queue.offered()
        return next((key for key in offered if self.queue.take(*key, self.who)), None)

    def _do(self, name: str, number: int) -> None:
        try:
            if self._task[0] != name:
                self._task = name, self.queue.task(name)
            item = self.queue.item(name, number, self.who)
        except (
            OSError,
            ValueError,
            SsbtomoError,
        ):  # its task was removed, or is of another version
            self.queue.end(name, number, Outcome(stuck=True))
            return
        try:
            outcome = Outcome(self._task[1](item))
        except Exception as error:  # noqa: BLE001 - raised by the process that leads
            outcome = Outcome(None, error)
        self.queue.end(name, number, outcome)
        self.done += 1
