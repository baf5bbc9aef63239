"""Small volumes that the format tests write and read back."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray


def _writers() -> ModuleType:
    """Load the module beside this one; tests are not a package."""
    name = "format_writers"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def writers() -> ModuleType:
    """The module that writes a small file of every format."""
    return _writers()


@pytest.fixture
def grey() -> NDArray[np.uint16]:
    """A volume in which every voxel differs, so that no swap of axes goes unseen."""
    return np.arange(5 * 7 * 9, dtype=np.uint16).reshape(5, 7, 9)
