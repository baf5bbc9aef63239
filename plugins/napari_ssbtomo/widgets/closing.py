"""Notices that a dock was closed, and destroys what napari leaves of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QTimer

from napari_ssbtomo.widgets.events import EventFilter

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["Closing"]


class Closing:
    """Ends a dock once it is out of the window, or destroyed.

    A dock that is moved, floats or shares its place with others stays in the window. One that
    is put back at the same turn of the event loop was not closed.

    napari takes a closed dock's widget out of the window, and leaves it to Python. Python would
    destroy it at some later time in whatever thread happens to collect garbage, which ends the
    process: widgets may be destroyed in the window's thread only, and that is done here. A closed
    dock cannot be put back; open a new one.

    Parameters
    ----------
    dock : magicgui.widgets.Container
        The dock.
    viewer : napari.components.ViewerModel or None
        The viewer whose layers napari has the dock's choices follow.
    leave : callable
        Lets go of the window; it may be called twice.
    """

    def __init__(self, dock: Any, viewer: ViewerModel | None, leave: Callable[[], None]) -> None:
        self._dock, self._viewer, self._leave = dock, viewer, leave
        self._timer = QTimer(dock.native)  # it ends with the widget
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look)
        self._filter = EventFilter(dock.native, self._seen)
        dock.native.destroyed.connect(leave)

    def _seen(self, event: Any) -> bool:
        if event.type() == QEvent.Type.ParentChange:
            self._timer.start(0)
        return False

    def _look(self) -> None:
        if self._dock.native.parent() is not None:
            return
        self._leave()
        if self._viewer is not None:
            events = self._viewer.layers.events
            for event in (events.inserted, events.removed, events.reordered, events.renamed):
                if (self._dock, "reset_choices") in _listeners(event):
                    event.disconnect(self._dock.reset_choices)
        self._dock.native.deleteLater()


def _listeners(event: Any) -> list[tuple[Any, str]]:
    """Return the methods that an event of napari calls, each with whose it is."""
    pairs = [call for call in event.callbacks if isinstance(call, tuple)]
    return [(owner(), name) for owner, name in pairs]
