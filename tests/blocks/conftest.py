"""Tasks for the engines: a module that worker processes can import, too."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from ssbtomo.blocks import Engine


@pytest.fixture
def tasks(monkeypatch):
    """The module ``dangerous_tasks``, importable by its name here and in workers."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return importlib.import_module("dangerous_tasks")


@pytest.fixture(scope="module")
def processes():
    """Two worker processes for a whole module; they can import ``dangerous_tasks``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent)
        with Engine.start("processes", 2) as engine:
            yield engine
