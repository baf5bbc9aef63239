"""Segment grey volumes into phases: thresholds, mixtures, partial-volume repair.

Every verb takes NumPy or Dask arrays in (Z, Y, X); labels are 0 for the darkest phase.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Instances": "touching",
    "LithiumOrVoid": "told_apart",
    "Regular": "regular",
    "Segmentation": "segmentation",
    "Segmenter": "volumes",
    "gaussian_mixture": "verbs",
    "instances": "touching",
    "lithium_or_void": "told_apart",
    "multi_otsu": "verbs",
    "remove_small_objects": "verbs",
    "repair_partial_volume": "verbs",
    "segment_volume": "volumes",
}
__all__ = [
    "Instances",
    "LithiumOrVoid",
    "Regular",
    "Segmentation",
    "Segmenter",
    "gaussian_mixture",
    "instances",
    "lithium_or_void",
    "multi_otsu",
    "remove_small_objects",
    "repair_partial_volume",
    "segment_volume",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"ssbtomo.segment.{_HOME[name]}"), name)
    raise AttributeError(
        f"module 'ssbtomo.segment' has no attribute {name!r}; it has {', '.join(__all__)}"
    )


def __dir__() -> list[str]:
    return __all__
