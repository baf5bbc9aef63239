"""Calls that napari waits for, made in a thread while its window goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["aside"]

Answer = TypeVar("Answer")


def aside(work: Callable[[], Answer]) -> Answer:
    """Return what a function returns, without stopping the window.

    Parameters
    ----------
    work : callable
        Without arguments; it must touch neither layers nor widgets.

    Returns
    -------
    object
        Its answer. What it raises is raised here. Called from another thread than that of the
        window, or without one, it simply works.
    """
    if not _in_window():
        return work()
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    told: dict[str, Any] = {}

    def call() -> None:
        try:
            told["answer"] = work()
        except BaseException as error:  # noqa: BLE001 - raised again, where it was called
            told["error"] = error

    thread = threading.Thread(target=call, name="ssbtomo aside", daemon=True)
    watch = QTimer()
    watch.timeout.connect(lambda: None if thread.is_alive() else loop.quit())
    watch.start(10)
    thread.start()
    loop.exec_() if hasattr(loop, "exec_") else loop.exec()
    watch.stop()
    if "error" in told:
        raise told["error"]
    answer: Answer = told["answer"]
    return answer


def _in_window() -> bool:
    import sys

    if "qtpy" not in sys.modules or threading.current_thread() is not threading.main_thread():
        return False
    from qtpy.QtWidgets import QApplication

    return QApplication.instance() is not None
