"""Notices that a dock was closed: napari takes its widget out of the window, and destroys nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, QTimer

from napari_ssbtomo.widgets.events import EventFilter

__all__ = ["Closing"]


class Closing:
    """Calls a method of a dock once the dock is out of the window, or destroyed.

    A dock that is moved, floats or shares its place with others stays in the window. One that
    is put back at the same turn of the event loop was not closed.

    Parameters
    ----------
    native : QWidget
        The dock's own widget.
    leave : callable
        Lets go of the window; it may be called twice.
    """

    def __init__(self, native: Any, leave: Callable[[], None]) -> None:
        self._native, self._leave = native, leave
        self._timer = QTimer(native)  # it ends with the widget
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look)
        self._filter = EventFilter(native, self._seen)
        native.destroyed.connect(leave)

    def _seen(self, event: Any) -> bool:
        if event.type() == QEvent.Type.ParentChange:
            self._timer.start(0)
        return False

    def _look(self) -> None:
        if self._native.parent() is None:
            self._leave()
