"""Errors of shared and slow file systems that pass: what met one is tried again, a few times."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["passes", "persist"]

Result = TypeVar("Result")

_WAITS = (0.05, 0.2, 0.8, 2.0)  # seconds before another try
_PASSING = {
    getattr(errno, name)
    for name in (
        "EIO", "EAGAIN", "EINTR", "ESTALE", "ETIMEDOUT", "ECONNRESET", "ECONNABORTED", "EHOSTDOWN",
        "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENETRESET", "EREMOTEIO", "ENOTCONN",
    )
    if hasattr(errno, name)
}  # fmt: skip
_COMPILED = re.compile(r"os error (\d+)")  # how compiled codecs tell the system's error


def passes(error: BaseException | None) -> bool:
    """Tell whether an error may be gone at the next try.

    Parameters
    ----------
    error : BaseException or None
        What was raised; its causes are looked at, too.

    Returns
    -------
    bool
        Whether a file system said that it did not answer, or lost track of a file.
    """
    while error is not None:
        number = getattr(error, "errno", None)
        found = _COMPILED.search(str(error)) if isinstance(error, RuntimeError) else None
        if number in _PASSING or (found and int(found[1]) in _PASSING):
            return True
        error = error.__cause__
    return False


def persist(act: Callable[[], Result]) -> Result:
    """Do something with files, again if an error came that may pass: five times within 3 s.

    Parameters
    ----------
    act : callable
        What may be repeated: it reads, or writes one thing as a whole.

    Returns
    -------
    object
        What it returned.
    """
    for wait in _WAITS:
        try:
            return act()
        except Exception as error:
            if not passes(error):
                raise
            time.sleep(wait)
    return act()
