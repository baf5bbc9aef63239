"""A slice over a volume: one layer that follows the slice in view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.applying import inside

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["drop_slice", "show_slice"]

_PART = "slice"


def show_slice(
    viewer: ViewerModel, over: Any, place: tuple[int, int], data: Any, **look: Any
) -> Any:
    """Show a slice in its layer, which is made if it is not there.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer.
    over : napari.layers.Layer
        The volume.
    place : tuple of int
        Axis that the slice is normal to, and its number.
    data : ndarray, shape (Z, Y, X)
        One voxel thick along that axis.
    **look : object
        ``name`` of the layer and other arguments; ``kind`` is ``labels`` or ``image``.

    Returns
    -------
    napari.layers.Layer
        The layer.
    """
    from napari.layers import Layer

    axis, index = place
    start = tuple(index if k == axis else 0 for k in range(3))
    kind, name = look.pop("kind"), look["name"]
    layer = _slice_layer(viewer, name)
    if layer is not None and layer.data.shape == data.shape:
        layer.data = data
        layer.translate = inside(over, start)["translate"]
        for key in ("colormap", "features"):
            if key in look and kind == "labels":
                setattr(layer, key, look[key])
        return layer
    drop_slice(viewer, name)
    about = {"ssbtomo": {"part": _PART}}
    active = viewer.layers.selection.active
    layer = Layer.create(data, {**look, "metadata": about, **inside(over, start)}, kind)
    viewer.layers.insert(viewer.layers.index(over) + 1, layer)
    if active is not None:
        viewer.layers.selection.active = active  # the brush stays in the hand
    return layer


def drop_slice(viewer: ViewerModel, name: str) -> None:
    """Remove a layer of `show_slice`.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer.
    name : str
        Its name.
    """
    layer = _slice_layer(viewer, name)
    if layer is not None:
        viewer.layers.remove(layer)


def _slice_layer(viewer: ViewerModel, name: str) -> Any:
    for layer in viewer.layers:
        if layer.name == name and layer.metadata.get("ssbtomo", {}).get("part") == _PART:
            return layer
    return None
