"""Measure labels: fractions, contact areas, triple lines, transport, sizes, cracks, correlation.

Every verb takes NumPy or Dask arrays in (Z, Y, X) and a spacing in µm without default.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "volume_fractions": "fractions",
    "contact_areas": "interfaces",
    "triple_lines": "interfaces",
    "coverage": "interfaces",
    "connectivity": "connection",
    "tortuosity": "transport",
    "particles": "sizes",
    "size_distribution": "sizes",
    "cracks": "crack_network",
    "two_point_correlation": "correlation",
    "correlation_lengths": "correlation",
    "chord_lengths": "correlation",
    "mean_chords": "correlation",
}
__all__ = [
    "chord_lengths",
    "connectivity",
    "contact_areas",
    "correlation_lengths",
    "coverage",
    "cracks",
    "mean_chords",
    "particles",
    "size_distribution",
    "tortuosity",
    "triple_lines",
    "two_point_correlation",
    "volume_fractions",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"ssbtomo.measure.{_HOME[name]}"), name)
    raise AttributeError(
        f"module 'ssbtomo.measure' has no attribute {name!r}; it has {', '.join(__all__)}"
    )


def __dir__() -> list[str]:
    return __all__
