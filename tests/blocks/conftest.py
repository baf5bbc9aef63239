"""Tasks for the engines: a module that worker processes can import, too."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest


@pytest.fixture
def tasks(monkeypatch):
    """The module ``dangerous_tasks``, importable by its name here and in workers."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return importlib.import_module("dangerous_tasks")
