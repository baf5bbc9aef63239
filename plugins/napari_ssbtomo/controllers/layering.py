"""Layers in and out of a viewer: add those of a run, find what others say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.voxels import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from napari.components import ViewerModel

    from napari_ssbtomo.controllers.layer_data import LayerData

__all__ = ["adding", "compiled", "layers_of", "recipe_of", "scan_of", "show_layers"]


def show_layers(viewer: ViewerModel, layers: Sequence[LayerData]) -> None:
    """Add layers in place of those of the same volumes, and select the first phases.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer, with a window or without.
    layers : sequence of LayerData
        What to show.
    """
    for _ in adding(viewer, layers):
        pass


def compiled(layers: list[LayerData]) -> list[LayerData]:
    """Have all compiled that the layers' first picture needs; not for the window's thread.

    Parameters
    ----------
    layers : list of LayerData
        What will be shown.

    Returns
    -------
    list of LayerData
        The same.
    """
    from napari_ssbtomo.controllers.phases import compiled_colors

    levels = [
        data[0] if meta.get("multiscale") else data
        for data, meta, kind in layers
        if kind == "labels"
    ]
    if levels:
        compiled_colors(*(level.dtype for level in levels))
    return layers


def adding(viewer: ViewerModel, layers: Sequence[LayerData]) -> Iterator[None]:
    """Do what `show_layers` does, in steps of one layer.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer.
    layers : sequence of LayerData
        What to show.

    Yields
    ------
    None
        After each layer.
    """
    from napari.layers import Layer

    sources = {meta["metadata"]["ssbtomo"].get("source") for _, meta, _ in layers}
    for old in [layer for layer in viewer.layers if _about(layer).get("source") in sources]:
        viewer.layers.remove(old)
    for data, meta, kind in layers:
        viewer.add_layer(Layer.create(data, meta, kind))
        yield
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


def layers_of(viewer: ViewerModel, kind: str) -> list[Any]:
    """Return the layers of one kind.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer.
    kind : str
        Such as ``"labels"``, ``"image"`` or ``"shapes"``.

    Returns
    -------
    list of napari.layers.Layer
        In the order of the list of layers.
    """
    return [layer for layer in viewer.layers if kind_of(layer) == kind]


def scan_of(layers: Iterable[Any]) -> Path | None:
    """Return the file of a grey volume that was opened, for a new recipe.

    Parameters
    ----------
    layers : iterable of napari.layers.Layer
        The layers of a viewer.

    Returns
    -------
    pathlib.Path or None
        Of the layer added last that is no part of results.
    """
    for layer in reversed(list(layers)):
        about = _about(layer)
        if kind_of(layer) == "image" and about.get("source") and not about.get("results"):
            return Path(about["source"])
    return None


def _about(layer: Any) -> dict[str, Any]:
    about: dict[str, Any] = layer.metadata.get("ssbtomo", {})
    return about
