"""Long work of the window's own thread, cut so that the window gets its turn in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator

__all__ = ["in_turns"]


def in_turns(steps: Iterator[object], done: Callable[[], None]) -> None:
    """Take one step at each turn of the event loop: the first at once.

    Parameters
    ----------
    steps : iterator
        Each step may touch layers and widgets.
    done : callable
        Called after the last step, and after one that fails.
    """
    from qtpy.QtCore import QTimer

    try:
        next(steps)
    except StopIteration:
        done()
    except BaseException:
        done()
        raise
    else:
        QTimer.singleShot(0, lambda: in_turns(steps, done))
