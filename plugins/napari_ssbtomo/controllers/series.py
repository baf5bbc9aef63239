"""Series: the same thing at several states, with a slider between them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_ssbtomo.controllers.layer_data import LayerData
from ssbtomo.units import AXES

__all__ = ["Series", "series_of", "stepped"]

_NUMBER = re.compile(r"\s*([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)")


@dataclass(frozen=True, slots=True)
class Series:
    """Samples in the order of one condition.

    Parameters
    ----------
    axis : str
        The condition.
    steps : mapping of str to int
        Where each sample stands, from 0.
    values : tuple of str
        The condition at each step.
    """

    axis: str
    steps: Mapping[str, int]
    values: tuple[str, ...]


def series_of(samples: Sequence[Mapping[str, Any]]) -> Series | None:
    """Tell whether samples are the steps of a series.

    Parameters
    ----------
    samples : sequence of mapping
        As ``run.json`` lists them.

    Returns
    -------
    Series or None
        If all have the same voxel size, and exactly one condition with a number differs between
        all of them.
    """
    if len(samples) < 2 or len({tuple(one["spacing_um"]) for one in samples}) > 1:
        return None
    told = [dict(one.get("conditions") or {}) for one in samples]
    shared = set(told[0]).intersection(*told[1:])
    found = {key: [_number(one[key]) for one in told] for key in shared}
    axes = [
        key
        for key, values in found.items()
        if None not in values and len(set(values)) == len(samples)
    ]
    if len(axes) != 1:
        return None
    values = found[axes[0]]
    order = sorted(range(len(samples)), key=values.__getitem__)  # type: ignore[arg-type]  # no None
    steps = {samples[index]["name"]: step for step, index in enumerate(order)}
    return Series(axes[0], steps, tuple(str(told[index][axes[0]]) for index in order))


def stepped(layer: LayerData, series: Series, sample: str) -> LayerData:
    """Put a layer of one sample at its step of a series.

    Parameters
    ----------
    layer : LayerData
        With axes (Z, Y, X).
    series : Series
        The steps.
    sample : str
        Its name.

    Returns
    -------
    LayerData
        With one axis more, of one voxel: napari shows it at that place of the slider.
    """
    data, meta, kind = layer
    levels = data if meta["multiscale"] else [data]
    longer = [level[None] for level in levels]
    about = meta["metadata"]["ssbtomo"]
    step = series.steps[sample]
    placed = {
        "scale": (1.0, *meta["scale"]),
        "translate": (float(step), 0.0, 0.0, 0.0),
        "units": ("pixel", *meta["units"]),
        "axis_labels": (series.axis, *AXES),
        "metadata": {"ssbtomo": {**about, "step": step, series.axis: series.values[step]}},
    }
    return longer if meta["multiscale"] else longer[0], {**meta, **placed}, kind


def _number(text: object) -> float | None:
    found = _NUMBER.match(str(text))
    return float(found[1]) if found else None
