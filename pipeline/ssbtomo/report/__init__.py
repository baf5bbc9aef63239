"""Turn a results folder into figures, a methods text with its references, and one HTML page."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {"write_report": "writing", "GLOSSARY": "glossary", "Definition": "glossary"}
__all__ = ["GLOSSARY", "Definition", "write_report"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"ssbtomo.report.{_HOME[name]}"), name)
    raise AttributeError(
        f"module 'ssbtomo.report' has no attribute {name!r}; it has {', '.join(__all__)}"
    )


def __dir__() -> list[str]:
    return __all__
