"""Ctrl-C, and the signals that queues and systems send: a run stops, within five seconds.

First it is asked to: it ends after the running block, and closes its workers. What does not end
in time, such as a large block, a compilation or a figure, is ended with the process. Both ways
the next run goes on from the finished blocks.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

__all__ = ["Stop", "stoppable"]

_GRACE = 4.0  # seconds from the first signal until the process is ended
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_CLOSED = -1


@dataclass(slots=True)
class Stop:
    """Whether a signal has asked to stop.

    Parameters
    ----------
    cancel : threading.Event
        Set by the first signal.
    code : int
        Exit code: 128 and the signal's number, 130 for Ctrl-C.
    """

    cancel: threading.Event = field(default_factory=threading.Event)
    code: int = 128 + signal.SIGINT


@contextmanager
def stoppable(say: Callable[[str], None], *, grace: float = _GRACE) -> Iterator[Stop]:
    """Let signals stop what runs inside the ``with`` statement; for the main thread.

    A thread of its own hears of a signal at once, also while the main thread is inside a
    compiled kernel, where Python's handlers would wait for its end.

    Parameters
    ----------
    say : callable
        Told one line for the user.
    grace : float
        Seconds after which the process is ended.

    Yields
    ------
    Stop
        Its event is for `ssbtomo.runner.run`.
    """
    stop = Stop()
    near, far = os.pipe()
    os.set_blocking(far, False)
    before = {}
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        nohup = name == "SIGHUP" and number and signal.getsignal(number) is signal.SIG_IGN
        if number is not None and not nohup:
            before[number] = signal.signal(number, _heard)
    woken = signal.set_wakeup_fd(far, warn_on_full_buffer=False)
    listener = threading.Thread(target=_listen, args=(near, stop, say, grace), daemon=True)
    listener.start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(far)
        listener.join(1.0)
        os.close(near)


def _heard(number: int, frame: object) -> None:
    """Leave a signal to the listener, which has read it already."""


def _listen(near: int, stop: Stop, say: Callable[[str], None], grace: float) -> None:
    """Ask to stop at the first signal; at the second, or when time is up, end the process."""
    number = _next(near, None)
    if number == _CLOSED:
        return
    stop.code = 128 + number
    stop.cancel.set()
    say("stopping after the running block; once more to stop at once")
    if _next(near, grace) == _CLOSED:
        return
    say("stopped at once; start again to go on where it stopped")
    _end(stop.code)


def _next(near: int, seconds: float | None) -> int:
    """Wait for a signal's number: zero when time is up, `_CLOSED` when nobody listens any more."""
    ours = {int(getattr(signal, name, 0)) for name in _SIGNALS}
    until = None if seconds is None else time.monotonic() + seconds
    while True:
        left = None if until is None else max(until - time.monotonic(), 0.0)
        if not select.select([near], [], [], left)[0]:
            return 0
        heard = os.read(near, 1)
        if not heard or heard[0] in ours:
            return heard[0] if heard else _CLOSED


def _end(code: int) -> None:
    """End the process and the workers that it started."""
    import psutil

    with suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if not any("resource_tracker" in word for word in child.cmdline()):
                    child.kill()  # the tracker ends by itself, after it has tidied up
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)
