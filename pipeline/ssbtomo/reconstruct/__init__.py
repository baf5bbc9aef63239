"""Reconstruct volumes: slices from projections.

The verbs take what `ssbtomo.io` opens, and return volumes with the story of how they came about.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Tomogram": "parallel_beam",
    "centre_of_rotation": "parallel_beam",
    "cone_beam": "feldkamp",
    "tomography": "parallel_beam",
}
__all__ = ["Tomogram", "centre_of_rotation", "cone_beam", "tomography"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"ssbtomo.reconstruct.{_HOME[name]}"), name)
    raise AttributeError(
        f"module 'ssbtomo.reconstruct' has no attribute {name!r}; it has {', '.join(__all__)}"
    )


def __dir__() -> list[str]:
    return __all__
