"""One task at a time in a thread of napari's; its news arrive in the window's thread."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any
from weakref import ref

__all__ = ["Background"]

Steps = Callable[[], Generator[Any, None, Any]]


class Background:
    """Run a generator away from the window, and hand on what it yields and returns.

    Parameters
    ----------
    on_news : callable
        Takes each yielded value.
    on_end : callable
        Takes the returned value.
    on_gone : callable
        Called at the first news after the dock was closed: napari takes a closed dock's
        widget out of the window, and does not destroy it.
    """

    def __init__(
        self,
        on_news: Callable[[Any], None],
        on_end: Callable[[Any], None],
        on_gone: Callable[[], None],
    ) -> None:
        self._on_news = on_news
        self._on_end = on_end
        self._on_gone = on_gone
        self._native: Any = None
        self._root: Any = lambda: None
        self._worker: Any = None
        self._stopped = False

    @property
    def busy(self) -> bool:
        """Whether a task is at work."""
        return self._worker is not None

    @property
    def stopped(self) -> bool:
        """Whether the dock is gone."""
        return self._stopped

    def start(self, native: Any, steps: Steps) -> None:
        """Start a task.

        Parameters
        ----------
        native : object
            The dock's own widget, to see whether it is still in the window.
        steps : callable
            Returns a generator; takes no arguments. The generator returns its errors.
        """
        from napari.qt.threading import create_worker

        self._native = native if native.parent() is not None else None
        self._root = ref(_root(native))

        def work() -> Generator[Any, None, Any]:
            return (yield from steps())

        self._worker = create_worker(
            work,
            _start_thread=True,
            _connect={"yielded": self._news, "returned": self._end},
        )

    def stop(self) -> None:
        """Listen no more, and let the task end at its next step: the dock is gone."""
        self._stopped = True
        if self._worker is not None:
            self._worker.quit()

    def _news(self, news: Any) -> None:
        if self._stopped:
            return
        if self._native is not None and _root(self._native) is not self._root():
            self._on_gone()
        else:
            self._on_news(news)

    def _end(self, end: Any) -> None:
        self._worker = None
        if not self._stopped:
            self._on_end(end)


def _root(native: Any) -> Any:
    """Return the window that a widget is in, also through a dock that floats or holds tabs."""
    while native.parent() is not None:
        native = native.parent()
    return native
