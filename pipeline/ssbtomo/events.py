"""What a run tells while it works; rich, plain lines or napari render it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ssbtomo.errors import CancelledError

__all__ = [
    "Event",
    "Listener",
    "Progress",
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
    """

    sample: str
    stage: str
    done: int
    total: int


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


Event = StageStarted | Progress | StageDone | StageSkipped | Warned
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
