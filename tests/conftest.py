"""Settings of the whole suite: one scheduler, repeatable examples, real volumes where present."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from ssbtomo.blocks.workers import use_host_cache

use_host_cache()  # before Numba is imported: the commands that tests start compile nothing again
settings.register_profile("ssbtomo", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("ssbtomo")


@pytest.fixture(scope="session")
def real_volumes() -> Path:
    """The folder of real scans; tests that need it skip where it is absent."""
    folder = Path(__file__).parents[2] / "shared" / "volumes"
    if not folder.is_dir():
        pytest.skip("the real volumes are not on this machine")
    return folder
