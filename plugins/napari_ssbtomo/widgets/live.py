"""The latest of many requests, computed away from the window: what a live preview needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_ssbtomo.controllers.working import Ended, Hands, Work

__all__ = ["Live"]

_CALM = 60  # milliseconds without a new request before one is begun


class Live:
    """Compute the latest request; those before it that were not begun are forgotten.

    Parameters
    ----------
    on_end : callable
        Told how each computed request ended, in the window's thread.
    """

    def __init__(self, on_end: Callable[[Ended[Any]], None]) -> None:
        from qtpy.QtCore import QTimer

        self._on_end = on_end
        self._next: Callable[[Hands], Any] | None = None
        self._work: Work[Any] | None = None
        self._worker: Any = None
        self._stopped = False
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._begin)

    @property
    def busy(self) -> bool:
        """Whether a request is computed or waits."""
        return self._work is not None or self._next is not None

    def ask(self, task: Callable[[Hands], Any]) -> None:
        """Want something computed, in place of what was wanted before.

        Parameters
        ----------
        task : callable
            Takes `Hands`, returns a value; may raise.
        """
        if self._stopped:
            return
        self._next = task
        self._timer.start(_CALM)

    def forget(self) -> None:
        """Want nothing any more; what is at work ends unheard."""
        self._next = None  # a timer that still runs finds nothing to begin
        if self._work is not None:
            self._work.cancel()

    def stop(self) -> None:
        """Forget everything: the dock is gone."""
        if self._stopped:
            return
        self._stopped = True
        self.forget()
        self._timer.stop()
        self._timer.deleteLater()  # here, and not where garbage is collected: maybe in a thread

    def _begin(self) -> None:
        from napari.qt.threading import create_worker

        if self._work is not None or self._next is None or self._stopped:
            return  # what is at work calls again at its end
        self._work, self._next = Work(self._next, "preview"), None
        self._worker = create_worker(
            self._work.here, _start_thread=True, _connect={"returned": self._end}
        )

    def _end(self, ended: Ended[Any]) -> None:
        cancelled = self._work is None or self._work.cancelling
        self._work = self._worker = None
        if self._stopped:
            return
        if not cancelled:
            self._on_end(ended)
        if self._next is not None:
            self._timer.start(0)
