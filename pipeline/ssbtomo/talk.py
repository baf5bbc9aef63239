"""How a run talks: a live view on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from ssbtomo.events import (
    Event,
    Progress,
    SampleFailed,
    StageDone,
    StageSkipped,
    StageStarted,
    Warned,
)

__all__ = ["Lines", "Live", "Talker", "talker"]


class Talker(Protocol):
    """Renders events."""

    def __enter__(self) -> Self:
        """Begin to talk."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""

    def __call__(self, event: Event) -> None:
        """Render one event."""


class Lines:
    """One plain line per event, for logs and pipes.

    Parameters
    ----------
    stream : file
        Where the lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._told = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *rest: object) -> None:
        return None

    def __call__(self, event: Event) -> None:
        """Write the event as a line; progress at most every ten seconds."""
        line = said(event)
        if isinstance(event, Progress):
            if time.monotonic() - self._told < 10:
                return
            self._told = time.monotonic()
        elif isinstance(event, StageStarted):
            self._told = time.monotonic()
        self.stream.write(line + "\n")
        self.stream.flush()


class Live:
    """A bar per running stage, for a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self.bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(self, *rest: object) -> None:
        self.bars.stop()

    def __call__(self, event: Event) -> None:
        """Move the bar, or leave a line above it."""
        if isinstance(event, StageStarted):
            self._tasks[event.sample] = self.bars.add_task(_place(event), total=None, left="")
        elif isinstance(event, Progress) and event.sample in self._tasks:
            self.bars.update(
                self._tasks[event.sample], completed=event.done, total=event.total,
                left=event.note or _pace(event),
            )  # fmt: skip
        else:
            if isinstance(event, StageDone | SampleFailed) and event.sample in self._tasks:
                self.bars.remove_task(self._tasks.pop(event.sample))
            self.bars.console.print(said(event), highlight=False, markup=False)


def talker(*, quiet: bool = False) -> Talker:
    """Return what suits standard error: a live view, plain lines, or nothing.

    Parameters
    ----------
    quiet : bool, optional
        Only warnings.

    Returns
    -------
    Talker
        Use it in a ``with`` statement.
    """
    if quiet:
        return Quiet(sys.stderr)
    return Live() if sys.stderr.isatty() else Lines(sys.stderr)


class Quiet(Lines):
    """Warnings only."""

    def __call__(self, event: Event) -> None:
        """Write warnings and keep silent about the rest."""
        if isinstance(event, Warned | SampleFailed):
            super().__call__(event)


def said(event: Event) -> str:
    """Return an event as a line of text.

    Parameters
    ----------
    event : Event
        What happened.

    Returns
    -------
    str
        One line.
    """
    match event:
        case StageStarted():
            return f"{_place(event)} ..."
        case Progress():
            pace = _pace(event)
            parts = (f"{event.done} of {event.total}", event.note, pace)
            return f"{_place(event)}: {', '.join(part for part in parts if part)}"
        case StageDone():
            return f"{_place(event)} done in {event.seconds:.1f} s"
        case StageSkipped():
            return f"{_place(event)} was done before"
        case Warned():
            about = f"{event.sample}: " if event.sample else ""
            return f"warning: {about}{event.text}"
        case SampleFailed():
            hint = f"\n  -> {event.hint}" if event.hint else ""
            return f"{event.sample} failed: {event.problem}{hint}"


def _place(event: StageStarted | Progress | StageDone | StageSkipped) -> str:
    return f"{event.sample}: {event.stage}" if event.sample else event.stage


def _pace(event: Progress) -> str:
    """Say how fast it goes and how long it will take, where that is known."""
    if not event.rate or event.remaining is None:
        return ""
    often = event.rate >= 1
    pace = f"{event.rate:.3g} per second" if often else f"{1 / event.rate:.3g} s each"
    return f"{pace}, {_duration(event.remaining)} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
