"""Qt events handed to objects that are no widgets, and do not outlive their dock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakMethod

from qtpy.QtCore import QObject

__all__ = ["EventFilter"]


class EventFilter(QObject):
    """Hands the events of a widget to a method, which it does not keep alive.

    Parameters
    ----------
    widget : QWidget
        Whose events.
    listener : callable
        A bound method; takes the event, and tells whether that was all.
    """

    _listener: Callable[[], Callable[[Any], bool] | None] = staticmethod(lambda: None)
    """Nobody, before and after all: Qt still calls a filter whose Python side is gone."""

    def __init__(self, widget: Any, listener: Callable[[Any], bool]) -> None:
        super().__init__(widget)
        self._listener = WeakMethod(listener)
        widget.installEventFilter(self)

    def eventFilter(self, _watched: Any, event: Any) -> bool:  # noqa: N802 - Qt's name
        """Hand an event on.

        Parameters
        ----------
        _watched : QObject
            The widget.
        event : QEvent
            What happened.

        Returns
        -------
        bool
            Whether the widget shall not see it.
        """
        listener = self._listener()
        return False if listener is None else bool(listener(event))
