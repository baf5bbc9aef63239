"""Work in a thread of its own: news while it goes on, a value or a problem in words at its end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar

from ssbtomo.errors import CancelledError, SsbtomoError
from ssbtomo.events import check_cancelled

__all__ = ["Doing", "Ended", "Hands", "Work"]

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.05
_PATIENCE = 1.5  # seconds that cancelled work has to stop by itself before it is left alone

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Doing:
    """How far work is.

    Parameters
    ----------
    what : str
        In words.
    done, total : int
        Finished and all parts; `total` is 0 while it is unknown.
    """

    what: str = "starting"
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Ended(Generic[Value]):
    """How work ended.

    Parameters
    ----------
    value : object or None
        What came out; ``None`` if nothing did.
    problem : str
        What went wrong and what to do; empty if nothing did.
    cancelled : bool
        Whether the user stopped it.
    """

    value: Value | None = None
    problem: str = ""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Hands:
    """What a task is given.

    Parameters
    ----------
    tell : callable
        Told ``(what, done, total)``.
    cancel : threading.Event
        Set when the user wants it to stop.
    """

    tell: Callable[[str, int, int], None]
    cancel: threading.Event

    def check(self) -> None:
        """Stop here if the user asked for it.

        Raises
        ------
        CancelledError
            If so.
        """
        check_cancelled(self.cancel)


class Work(Generic[Value]):
    """One task, from its start to its end.

    A task that looks at `Hands.cancel` ends by itself. One that cannot, because it is inside
    another library, is left alone 1.5 s after it was cancelled: it ends unheard, and what it
    returns is dropped.

    Parameters
    ----------
    task : callable
        Takes `Hands`, returns a value; may raise what is expected or not.
    name : str
        For the log.
    """

    def __init__(self, task: Callable[[Hands], Value], name: str = "work") -> None:
        self._task: Callable[[Hands], Value] | None = task
        self._name = name
        self._cancel = threading.Event()
        self._doing = Doing()
        self._ended: Ended[Value] | None = None

    def cancel(self) -> None:
        """Ask the task to stop."""
        self._cancel.set()

    @property
    def cancelling(self) -> bool:
        """Whether the task was asked to stop."""
        return self._cancel.is_set()

    def steps(self) -> Generator[Doing, None, Ended[Value]]:
        """Do the task, and yield how far it is, twenty times a second.

        Returns
        -------
        Ended
            The value, or the problem: errors are returned, not raised.

        Yields
        ------
        Doing
            How far it is.
        """
        thread = threading.Thread(target=self._run, name=f"ssbtomo {self._name}", daemon=True)
        thread.start()
        left = None
        try:
            while self._ended is None:
                yield self._doing
                thread.join(_POLL_SECONDS)
                if self.cancelling:
                    left = time.monotonic() + _PATIENCE if left is None else left
                    if time.monotonic() > left:
                        return Ended(problem="cancelled", cancelled=True)
            yield self._doing
        except GeneratorExit:  # nobody listens any more
            self.cancel()
            raise
        return self._ended

    def here(self) -> Ended[Value]:
        """Do the task in this thread, and wait for it.

        Returns
        -------
        Ended
            As of `steps`.
        """
        self._run()
        assert self._ended is not None
        return self._ended

    def _run(self) -> None:
        task, self._task = self._task, None  # napari's workers stay: what they hold must not
        assert task is not None
        try:
            self._ended = Ended(task(Hands(self._tell, self._cancel)))
        except CancelledError as error:
            self._ended = Ended(problem=str(error), cancelled=True)
        except SsbtomoError as error:
            self._ended = Ended(problem=str(error))
        except MemoryError:
            self._ended = Ended(problem="the memory is full\n  -> choose a smaller box")
        except Exception as error:  # noqa: BLE001 - a defect must reach the user, not end the window
            _LOG.exception("%s failed", self._name)
            self._ended = Ended(problem=f"internal error: {type(error).__name__}: {error}")

    def _tell(self, what: str, done: int = 0, total: int = 0) -> None:
        self._doing = Doing(what, done, total)
