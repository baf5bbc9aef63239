"""Voxel sizes between the library (µm) and napari (scale and units)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ssbtomo.errors import AxisError, InputDataError, VoxelSizeError
from ssbtomo.units import AXES, Spacing, check_spacing, micrometres

__all__ = [
    "give_voxel_size",
    "kind_of",
    "labels_spacing",
    "levels_of_layer",
    "parse_spacing",
    "placement",
    "without_voxel_size",
]


def kind_of(layer: Any) -> str:
    """Return what a layer is.

    Parameters
    ----------
    layer : napari.layers.Layer
        A layer, also as napari hands it to plugins: behind a proxy.

    Returns
    -------
    str
        ``"image"``, ``"labels"``, ``"shapes"``, ...
    """
    kinds = [kind.__name__.lower() for kind in layer.__class__.__mro__]
    known = ("image", "labels", "shapes", "points", "surface", "tracks", "vectors")
    return next((kind for kind in kinds if kind in known), "layer")


def placement(spacing: Spacing | None) -> dict[str, Any]:
    """Return the layer arguments that place a volume in space.

    Parameters
    ----------
    spacing : tuple of float or None
        Voxel edges along (Z, Y, X) in µm; ``None`` if nothing told them.

    Returns
    -------
    dict
        ``scale``, ``units`` and ``axis_labels``. Without a voxel size the units are
        pixels: no size is invented.
    """
    unit = "pixel" if spacing is None else "um"
    return {
        "scale": (1.0, 1.0, 1.0) if spacing is None else spacing,
        "units": (unit,) * 3,
        "axis_labels": AXES,
    }


def labels_spacing(layer: Any) -> Spacing | None:
    """Return the voxel edges of a layer, if it knows them.

    Parameters
    ----------
    layer : napari.layers.Layer
        A layer with three axes, or with the steps of a series before them.

    Returns
    -------
    tuple of float or None
        Edges along (Z, Y, X) in µm; ``None`` for a layer measured in pixels.

    Raises
    ------
    AxisError
        If the layer has neither three axes nor four.
    """
    _check_axes(layer)
    units, scale = layer.units[-3:], layer.scale[-3:]
    if not all(unit.is_compatible_with("um") for unit in units):
        return None
    pairs = zip(scale, units, strict=True)
    return check_spacing([(float(size) * unit).to("um").magnitude for size, unit in pairs])


def levels_of_layer(layer: Any, step: int = 0) -> list[Any]:
    """Return the voxels of a layer as volumes, finest first.

    Parameters
    ----------
    layer : napari.layers.Image or napari.layers.Labels
        With three axes, or with the steps of a series before them.
    step : int
        Which step of a series.

    Returns
    -------
    list of array, shape (Z, Y, X)
        One per level of a pyramid; nothing is copied or read.

    Raises
    ------
    AxisError
        If the layer has neither three axes nor four.
    """
    _check_axes(layer)
    levels = list(layer.data) if layer.multiscale else [layer.data]
    if layer.ndim == 3:
        return levels
    return [level[min(step, level.shape[0] - 1)] for level in levels]


def _check_axes(layer: Any) -> None:
    if layer.ndim not in (3, 4):
        raise AxisError(
            f"the layer {layer.name!r} has {layer.ndim} axes; a volume has three, (Z, Y, X)",
            hint="pick a layer with three axes, or split this one into volumes first",
        )


def parse_spacing(text: str) -> Spacing:
    """Read three lengths with units, as typed into a form.

    Parameters
    ----------
    text : str
        For example ``"50 nm, 18.4 nm, 18.4 nm"``, along (Z, Y, X).

    Returns
    -------
    tuple of float
        The edges in µm.

    Raises
    ------
    VoxelSizeError
        If there are not three lengths.
    UnitError
        If one of them is not a length with a unit.
    """
    parts = [part for part in text.replace(";", ",").split(",") if part.strip()]
    if len(parts) != 3:
        raise VoxelSizeError(
            f"the voxel size {text.strip()!r} has {len(parts)} lengths, it needs 3"
            if parts
            else "the layer does not tell its voxel size",
            hint="type the edges along Z, Y, X with units: 50 nm, 18.4 nm, 18.4 nm",
        )
    return check_spacing([micrometres(part) for part in parts])


def without_voxel_size(layers: Iterable[Any]) -> list[Any]:
    """Return the volumes that are measured in pixels.

    Parameters
    ----------
    layers : iterable of napari.layers.Layer
        The layers of a viewer.

    Returns
    -------
    list of napari.layers.Layer
        Images and labels with three axes, or four, that are no projections.
    """
    return [
        layer
        for layer in layers
        if kind_of(layer) in ("image", "labels")
        and layer.ndim in (3, 4)
        and not layer.metadata.get("ssbtomo", {}).get("projections")
        and labels_spacing(layer) is None
    ]


def give_voxel_size(layers: Sequence[Any], text: str) -> Spacing:
    """Give volumes the voxel size that a user typed.

    Parameters
    ----------
    layers : sequence of napari.layers.Layer
        Of one shape.
    text : str
        Three lengths along (Z, Y, X), each with its unit.

    Returns
    -------
    tuple of float
        The edges in µm.

    Raises
    ------
    InputDataError
        If there is no such layer, or their shapes differ.
    VoxelSizeError
        If the text is not three lengths.
    """
    spacing = parse_spacing(text)
    if not layers:
        raise InputDataError(
            "no volume in this window lacks a voxel size", hint="open one, or pick a layer"
        )
    shapes = {tuple(levels_of_layer(layer)[0].shape) for layer in layers}
    if len(shapes) > 1:
        raise InputDataError(
            f"the layers have different shapes, {sorted(shapes)}, and may not share a voxel size",
            hint="give it to each of them alone",
        )
    for layer in layers:
        lead = layer.ndim - 3
        layer.units = ("pixel",) * lead + ("um",) * 3
        layer.scale = (1.0,) * lead + spacing
        layer.axis_labels = (*layer.axis_labels[:lead], *AXES)
        about = dict(layer.metadata.get("ssbtomo", {}), voxel_size_from="user")
        about.pop("note", None)
        about.pop("no_voxel_size", None)
        layer.metadata["ssbtomo"] = about
    return spacing
