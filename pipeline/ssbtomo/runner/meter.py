"""The memory and the processor time that a run takes, with those of its worker processes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

__all__ = ["Meter", "Taken"]

_LOOK = 0.25  # seconds between looks
_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Taken:
    """What something took.

    Parameters
    ----------
    seconds : float
        Wall time.
    cpu_seconds : float
        Processor time of this process and its children.
    memory : int
        Largest resident memory of this process, in bytes.
    worker_memory : int
        Largest of one child process, such as a worker; 0 without any.
    total_memory : int
        Largest of all of them at once.
    """

    seconds: float
    cpu_seconds: float
    memory: int
    worker_memory: int
    total_memory: int


@dataclass(slots=True)
class _Peaks:
    here: int = 0
    worker: int = 0
    total: int = 0


class Meter:
    """Looks four times a second at this process and its children, in a ``with`` statement.

    Of this process the system itself keeps the peak, where it is Linux; of children a peak that
    is shorter than the time between two looks is missed. Workers on other machines are not seen.

    Attributes
    ----------
    memory : int
        Bytes that are held now.
    """

    def __init__(self) -> None:
        self.memory = 0
        self._peaks = _Peaks()
        self._cpu: dict[int, float] = {}
        self._begin = (0.0, 0.0)
        self._exact = False
        self._ended, self._lock = threading.Event(), threading.Lock()

    def __enter__(self) -> Self:
        self.begin()
        threading.Thread(target=self._watch, name="ssbtomo-meter", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()

    def begin(self) -> None:
        """Forget what was before: what follows is counted."""
        self._exact = _forget_peak()
        with self._lock:
            self._peaks = _Peaks()
        self._look()
        self._begin = time.perf_counter(), self._used()

    def taken(self) -> Taken:
        """Return what was taken since `begin`.

        Returns
        -------
        Taken
            Times and peaks.
        """
        self._look()
        peaks, here = self._peaks, max(self._peaks.here, _peak() if self._exact else 0)
        wall, cpu = time.perf_counter() - self._begin[0], self._used() - self._begin[1]
        return Taken(wall, max(cpu, 0.0), here, peaks.worker, max(peaks.total, here))

    def _used(self) -> float:
        return time.process_time() + sum(self._cpu.values())

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK):
            self._look()

    def _look(self) -> None:
        own = psutil.Process()
        try:
            here, children = own.memory_info().rss, own.children(recursive=True)
        except psutil.Error:
            return
        sizes = [size for child in children for size in self._child(child)]
        with self._lock:
            peaks = self._peaks
            peaks.here = max(peaks.here, here)
            peaks.worker = max(peaks.worker, *sizes, 0)
            peaks.total = max(peaks.total, here + sum(sizes))
        self.memory = here + sum(sizes)

    def _child(self, process: psutil.Process) -> list[int]:
        """Note the processor time of a child, and return its memory if it is still there."""
        try:
            with process.oneshot():
                self._cpu[process.pid] = sum(process.cpu_times()[:2])
                return [process.memory_info().rss]
        except psutil.Error:
            return []


def _forget_peak() -> bool:
    try:
        _CLEAR.write_text("5", "ascii")
    except OSError:  # not Linux, or not allowed: the looks have to do
        return False
    return True


def _peak() -> int:
    try:
        lines = _STATUS.read_text("ascii").splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(found[0]) * 1024 if found else 0
