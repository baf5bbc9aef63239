"""Segment grey volumes into phases: thresholds, mixtures, partial-volume repair; and score labels.

Every verb takes NumPy or Dask arrays in (Z, Y, X); labels are 0 for the darkest phase.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Corrections": "corrections",
    "Instances": "touching",
    "LithiumOrVoid": "told_apart",
    "Regular": "regular",
    "Segmentation": "segmentation",
    "Segmenter": "volumes",
    "Prediction": "prediction",
    "Scribbles": "scribbles",
    "TrainingSample": "training",
    "VoxelModel": "voxel_model",
    "gaussian_mixture": "verbs",
    "instances": "touching",
    "lithium_or_void": "told_apart",
    "multi_otsu": "verbs",
    "predict": "prediction",
    "read_scribbles": "scribbles",
    "number_ranges": "variants",
    "probability_ranges": "variants",
    "remove_small_objects": "verbs",
    "repair_partial_volume": "verbs",
    "score": "scoring",
    "score_instances": "scoring",
    "segment_volume": "volumes",
    "train": "training",
}
__all__ = [
    "Corrections",
    "Instances",
    "LithiumOrVoid",
    "Prediction",
    "Regular",
    "Scribbles",
    "Segmentation",
    "Segmenter",
    "TrainingSample",
    "VoxelModel",
    "gaussian_mixture",
    "instances",
    "lithium_or_void",
    "multi_otsu",
    "number_ranges",
    "predict",
    "probability_ranges",
    "read_scribbles",
    "remove_small_objects",
    "repair_partial_volume",
    "score",
    "score_instances",
    "segment_volume",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"ssbtomo.segment.{_HOME[name]}"), name)
    raise AttributeError(
        f"module 'ssbtomo.segment' has no attribute {name!r}; it has {', '.join(__all__)}"
    )


def __dir__() -> list[str]:
    return __all__
