"""3-D views that fit: the level of a pyramid that a view can hold, and boxes at full resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from napari_ssbtomo.controllers.layer_data import LayerData
from napari_ssbtomo.controllers.voxels import kind_of, levels_of_layer
from ssbtomo.errors import InputDataError

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_ssbtomo.controllers.regions import Box

__all__ = ["DepthGuard", "box_layer", "level_within"]

_GUARDS: WeakKeyDictionary[Any, DepthGuard] = WeakKeyDictionary()


def level_within(shapes: Sequence[Sequence[int]], most: int) -> int | None:
    """Return the finest level of a pyramid that is small enough.

    Parameters
    ----------
    shapes : sequence of sequence of int
        Shape of each level, finest first; only the last three axes count.
    most : int
        Voxels that may be shown.

    Returns
    -------
    int or None
        ``None`` if even the coarsest level is larger.
    """
    fitting = (level for level, shape in enumerate(shapes) if prod(shape[-3:]) <= most)
    return next(fitting, None)


class DepthGuard:
    """Chooses what layers show in 3-D, and puts it back in 2-D.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer to watch.
    most : int
        Voxels that a layer may show.
    tell : callable
        Told in words what is shown coarser, or not at all.
    """

    def __init__(self, viewer: ViewerModel, most: int, tell: Callable[[str], None]) -> None:
        self._watched = ref(viewer)  # the guards are kept by their viewers
        self._most = most
        self._tell = tell
        self._locked: list[Any] = []
        self._hidden: list[Any] = []
        viewer.dims.events.ndisplay.connect(self._switch)  # before napari's own: it loads voxels
        viewer.layers.events.inserted.connect(self._look)

    @classmethod
    def watch(cls, viewer: ViewerModel, most: int, tell: Callable[[str], None]) -> DepthGuard:
        """Return the guard of a viewer, which has one at most.

        Parameters
        ----------
        viewer : napari.components.ViewerModel
            The viewer.
        most : int
            Voxels that a layer may show.
        tell : callable
            Told what is shown coarser.

        Returns
        -------
        DepthGuard
            The one that watches already, or a new one.
        """
        key = getattr(viewer, "__wrapped__", viewer)
        if key not in _GUARDS:
            _GUARDS[key] = cls(key, most, tell)
        _GUARDS[key]._most = most
        return _GUARDS[key]

    def _switch(self, _event: object = None) -> None:
        viewer = self._watched()
        if viewer is not None and viewer.dims.ndisplay == 3:
            self._look()
        else:
            self._put_back()

    def _look(self, _event: object = None) -> None:
        viewer = self._watched()
        if viewer is None or viewer.dims.ndisplay != 3:
            return
        said = [self._fit(layer) for layer in viewer.layers]
        if any(said):
            self._tell("; ".join(text for text in said if text))

    def _fit(self, layer: Any) -> str:
        if kind_of(layer) not in ("image", "labels") or layer.ndim < 3:
            return ""
        if layer in self._locked or layer in self._hidden:
            return ""
        shapes = [level.shape for level in levels_of_layer(layer)] if layer.ndim in (3, 4) else []
        level = level_within(shapes, self._most)
        if level is None and shapes:
            return self._hide(layer, shapes[-1])
        if level is not None and layer.multiscale:
            layer.locked_data_level = level
            self._locked.append(layer)
            step = round(shapes[0][-1] / shapes[level][-1])
            return f"{layer.name}: every {_th(step)} voxel in 3-D" if step > 1 else ""
        return ""

    def _hide(self, layer: Any, shape: Sequence[int]) -> str:
        size = " x ".join(map(str, shape[-3:]))
        if not layer.visible:
            return ""
        layer.visible = False
        self._hidden.append(layer)
        return (
            f"{layer.name}: {size} voxels are too many for 3-D, and it has no coarser level; "
            "it is hidden until you are back in 2-D. Box in 3-D (dock Inspect) shows a part of it"
        )

    def _put_back(self) -> None:
        for layer in self._locked:
            layer.locked_data_level = None
        for layer in self._hidden:
            layer.visible = True
        self._locked.clear()
        self._hidden.clear()


def box_layer(layer: Any, box: Box, most: int, *, step: int = 0) -> LayerData:
    """Return a box of a layer at full resolution, in memory and in its place.

    Parameters
    ----------
    layer : napari.layers.Image or napari.layers.Labels
        The layer.
    box : Box
        What is wanted.
    most : int
        Voxels that may be shown.
    step : int
        Which step of a series.

    Returns
    -------
    LayerData
        A layer with three axes, or with the one step of its series.

    Raises
    ------
    InputDataError
        If the box holds more voxels than may be shown.
    """
    import numpy as np

    if box.voxels > most:
        raise InputDataError(
            f"the box has {box.voxels / 1e6:.3g} million voxels, and 3-D shows {most / 1e6:.3g}",
            hint="draw a smaller box, or raise the limit in the preferences (ssbtomo)",
        )
    lead = layer.ndim - 3
    finest = levels_of_layer(layer, step)[0]
    voxels = np.asarray(finest[box.slices])[(None,) * lead]
    start = np.array([step] * lead + list(box.start))
    meta = {
        "name": f"{layer.name}, box",
        "scale": tuple(layer.scale),
        "units": layer.units,
        "axis_labels": layer.axis_labels,
        "translate": tuple(np.asarray(layer.translate) + np.asarray(layer.scale) * start),
        "metadata": {"ssbtomo": {**_passed_on(layer), "box": [list(box.start), list(box.stop)]}},
        "colormap": layer.colormap,
        "opacity": layer.opacity,
    }
    kind = str(kind_of(layer))
    if kind == "image":
        meta |= {"contrast_limits": tuple(layer.contrast_limits), "blending": layer.blending}
    else:
        meta |= {"features": layer.features}
    return voxels, meta, kind


def _passed_on(layer: Any) -> dict[str, Any]:
    """Return what a box knows from the layer that it was cut from."""
    about = layer.metadata.get("ssbtomo", {})
    return {name: about[name] for name in ("key", "phases") if name in about}


def _th(number: int) -> str:
    return {2: "2nd", 3: "3rd"}.get(number, f"{number}th")
