"""Segment grey volumes into phases: thresholds, mixtures, partial-volume repair; and score labels.

Every verb takes NumPy or Dask arrays in (Z, Y, X); labels are 0 for the darkest phase.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Segmentation": "segmentation",
    "Segmenter": "volumes",
    "gaussian_mixture": "verbs",
    "multi_otsu": "verbs",
    "number_ranges": "variants",
    "probability_ranges": "variants",
    "remove_small_objects": "verbs",
    "repair_partial_volume": "verbs",
    "score": "scoring",
    "score_instances": "scoring",
    "segment_volume": "volumes",
}
__all__ = [
    "Segmentation",
    "Segmenter",
    "gaussian_mixture",
    "multi_otsu",
    "number_ranges",
    "probability_ranges",
    "remove_small_objects",
    "repair_partial_volume",
    "score",
    "score_instances",
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
