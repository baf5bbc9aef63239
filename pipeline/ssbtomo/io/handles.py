"""Files kept open in this process, a few at a time, each with its lock."""

from __future__ import annotations

import atexit
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Handles"]

_Handle = TypeVar("_Handle")
_KEPT = 8


class Handles(Generic[_Handle]):
    """The last few files of one kind: opening them anew for every slice costs too much.

    Parameters
    ----------
    opener : callable
        Opens a path; what it returns has a method ``close``.
    """

    def __init__(self, opener: Callable[[str], _Handle]) -> None:
        self._opener = opener
        self._open: OrderedDict[tuple[str, int], tuple[_Handle, threading.RLock]] = OrderedDict()
        self._lock = threading.Lock()
        atexit.register(self.close)

    def get(self, path: str) -> tuple[_Handle, threading.RLock]:
        """Return the open file of a path and the lock to hold while it is used.

        Parameters
        ----------
        path : str
            The file; it is opened again if it was changed.

        Returns
        -------
        tuple of (handle, lock)
            Shared by all threads of this process.
        """
        key = (path, Path(path).stat().st_mtime_ns)
        with self._lock:
            if key not in self._open:
                while len(self._open) >= _KEPT:
                    self._open.popitem(last=False)
                self._open[key] = self._opener(path), threading.RLock()
            self._open.move_to_end(key)
            return self._open[key]

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            for handle, _ in self._open.values():
                closing: Any = handle
                closing.close()
            self._open.clear()
