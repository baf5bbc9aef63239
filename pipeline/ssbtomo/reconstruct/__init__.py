"""Reconstruct volumes: slices from projections, aligned stacks from FIB-SEM slices.

The verbs take what `ssbtomo.io` opens, and return volumes with the story of how they came about.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "AlignedStack": "sections",
    "Tomogram": "parallel_beam",
    "align": "sections",
    "centre_of_rotation": "parallel_beam",
    "cone_beam": "feldkamp",
    "fib_sem": "sections",
    "remove_curtains": "sections",
    "slice_thickness": "sections",
    "slice_traces": "stack_look",
    "tomography": "parallel_beam",
}
__all__ = [
    "AlignedStack",
    "Tomogram",
    "align",
    "centre_of_rotation",
    "cone_beam",
    "fib_sem",
    "remove_curtains",
    "slice_thickness",
    "slice_traces",
    "tomography",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"ssbtomo.reconstruct.{_HOME[name]}"), name)
    raise AttributeError(
        f"module 'ssbtomo.reconstruct' has no attribute {name!r}; it has {', '.join(__all__)}"
    )


def __dir__() -> list[str]:
    return __all__
