"""Settings of the whole suite: one scheduler, repeatable examples, real volumes where present."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from ssbtomo.blocks.workers import use_host_cache

use_host_cache()  # before Numba is imported: the commands that tests start compile nothing again
settings.register_profile("ssbtomo", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("ssbtomo")
# Of keys that it could not gather, Dask's scheduler makes a record that cannot be formatted; pytest
# raises what others print.
logging.getLogger("distributed.scheduler").setLevel(logging.CRITICAL)


@pytest.fixture(scope="session")
def real_volumes() -> Path:
    """The folder of real scans; tests that need it skip where it is absent."""
    folder = Path(__file__).parents[2] / "shared" / "volumes"
    if not folder.is_dir():
        pytest.skip("the real volumes are not on this machine")
    return folder


_status: list[int] = []


def pytest_sessionfinish(exitstatus: int) -> None:
    """Remember how the session ended."""
    _status.append(int(exitstatus))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Leave without taking Qt apart, with the session's own exit status.

    With a viewer used, the interpreter's end crashes now and then inside Qt (a protection fault
    in libQt6Gui, or None over-released by an extension), after all tests have ended and told.
    """
    if _status and "qtpy" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status[-1])
