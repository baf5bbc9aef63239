"""What a run tells while it works; rich, plain lines or napari render it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ssbtomo.errors import CancelledError

__all__ = [
    "Event",
    "Listener",
    "Pace",
    "Progress",
    "SampleFailed",
    "StageDone",
    "StageSkipped",
    "StageStarted",
    "Warned",
    "check_cancelled",
]


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage of a sample begins.

    Parameters
    ----------
    sample, stage : str
        Names; the sample is empty for the report.
    """

    sample: str
    stage: str


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` units of the running stage are finished.

    Parameters
    ----------
    sample, stage : str
        Names.
    done, total : int
        Units of work.
    rate : float or None
        Units per second so far, without those that an earlier run had finished; ``None``
        where nothing can be said yet.
    remaining : float or None
        Seconds until all are done, at that rate.
    note : str
        What the unit that is worked on has reached, such as a solve's iteration and bounds.
    """

    sample: str
    stage: str
    done: int
    total: int
    rate: float | None = None
    remaining: float | None = None
    note: str = ""


class Pace:
    """Turns counts of finished units into a rate and the time that remains.

    What an earlier run had finished says nothing about how fast this one is. Nor does the first
    unit of a run, and none in which a kernel was compiled, which happens once on a machine: the
    rate is that of the other units, once there are two, and nothing is said while there is
    compiling.

    Parameters
    ----------
    clock : callable, optional
        Seconds that only ever grow.
    compiled : callable, optional
        Returns when a kernel was last compiled, by any clock: that it changes is what counts.

    Attributes
    ----------
    compiling : bool
        Whether a kernel was compiled for the unit that was finished last.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        compiled: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.compiling = False
        self._clock, self._compiled = clock, compiled
        self._last: tuple[int, float, float] | None = None
        self._stamp = 0.0
        self._least, self._units, self._seconds, self._share = 0, 0, 0.0, 0.0

    def __call__(
        self, done: int, total: int, share: float | None = None
    ) -> tuple[float | None, float | None]:
        """Return the rate and the seconds that remain, or ``None`` while they are unknown.

        Parameters
        ----------
        done, total : int
            Units of work.
        share : float, optional
            Of the work that these units are, where they differ in what they cost; ``done /
            total`` if not given.

        Returns
        -------
        rate, remaining : float or None
            Units per second, and seconds.
        """
        part = done / max(total, 1) if share is None else share
        self._count(done, part)
        if self._units < 2 or self._seconds <= 0 or self._share <= 0 or self.compiling:
            return None, 0.0 if done >= total else None
        rate = self._units / self._seconds
        if share is None:
            return rate, (total - done) / rate
        return rate, self._seconds * (1.0 - part) / self._share

    def _count(self, done: int, part: float) -> None:
        """Add up what was done since the last call, if it tells how fast it goes."""
        now, stamp = self._clock(), self._compiled()
        if self._last is None or done < self._least:  # another part of the stage begins
            self._least, self._units, self._seconds, self._share = done, 0, 0.0, 0.0
            self.compiling = False
        elif done > (before := self._last)[0]:
            self.compiling = stamp != self._stamp
            if before[0] > self._least and not self.compiling:
                self._units += done - before[0]
                self._seconds += now - before[1]
                self._share += part - before[2]
        else:
            return
        self._last, self._stamp = (done, now, part), stamp


@dataclass(frozen=True, slots=True)
class StageDone:
    """A stage of a sample ended, after so many seconds.

    Parameters
    ----------
    sample, stage : str
        Names.
    seconds : float
        Wall time.
    """

    sample: str
    stage: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StageSkipped:
    """A stage was finished by an earlier run with the same inputs.

    Parameters
    ----------
    sample, stage : str
        Names.
    """

    sample: str
    stage: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a reader of the numbers must know.

    Parameters
    ----------
    sample, text : str
        Name of the sample, and what to know.
    """

    sample: str
    text: str


@dataclass(frozen=True, slots=True)
class SampleFailed:
    """A sample of a batch cannot be finished; the others go on.

    Parameters
    ----------
    sample, stage : str
        Names; the stage is empty before the first one.
    problem, hint : str
        What is wrong, and what to do about it.
    """

    sample: str
    stage: str
    problem: str
    hint: str = ""


Event = StageStarted | Progress | StageDone | StageSkipped | Warned | SampleFailed
Listener = Callable[[Event], None]


def check_cancelled(cancel: threading.Event | None) -> None:
    """Stop here if the user asked for it.

    Parameters
    ----------
    cancel : threading.Event or None
        Set by whoever wants the run to end.

    Raises
    ------
    CancelledError
        If `cancel` is set.
    """
    if cancel is not None and cancel.is_set():
        raise CancelledError(
            "the run was cancelled", hint="start it again to go on where it stopped"
        )
