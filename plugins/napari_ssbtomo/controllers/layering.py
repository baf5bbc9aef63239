"""Layers in and out of a viewer: add those of a run, find what others say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari.components import ViewerModel

    from napari_ssbtomo.controllers.layer_data import LayerData

__all__ = ["recipe_of", "show_layers"]


def show_layers(viewer: ViewerModel, layers: Sequence[LayerData]) -> None:
    """Add layers in place of those of the same volumes, and select the first phases.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer, with a window or without.
    layers : sequence of LayerData
        What to show.
    """
    from napari.layers import Layer

    sources = {meta["metadata"]["ssbtomo"].get("source") for _, meta, _ in layers}
    for old in [layer for layer in viewer.layers if _about(layer).get("source") in sources]:
        viewer.layers.remove(old)
    for data, meta, kind in layers:
        viewer.add_layer(Layer.create(data, meta, kind))
    for layer in viewer.layers:
        if _about(layer).get("source") in sources and _about(layer).get("part") == "phases":
            viewer.layers.selection.active = layer
            return


def recipe_of(layers: Iterable[Any]) -> Path | None:
    """Return the recipe that goes with an opened sample.

    Parameters
    ----------
    layers : iterable of napari.layers.Layer
        The layers of a viewer.

    Returns
    -------
    pathlib.Path or None
        The recipe of the layer added last, if one names a recipe that exists.
    """
    for layer in reversed(list(layers)):
        recipe = _about(layer).get("recipe")
        if recipe and Path(recipe).is_file():
            return Path(recipe)
    return None


def _about(layer: Any) -> dict[str, Any]:
    about: dict[str, Any] = layer.metadata.get("ssbtomo", {})
    return about
