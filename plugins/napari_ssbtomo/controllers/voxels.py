"""Voxel sizes between the library (µm) and napari (scale and units)."""

from __future__ import annotations

from typing import Any

from ssbtomo.errors import AxisError, VoxelSizeError
from ssbtomo.units import AXES, Spacing, check_spacing, micrometres

__all__ = ["labels_spacing", "parse_spacing", "placement"]


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
        A layer with three axes.

    Returns
    -------
    tuple of float or None
        Edges along (Z, Y, X) in µm; ``None`` for a layer measured in pixels.

    Raises
    ------
    AxisError
        If the layer has not three axes.
    """
    if layer.ndim != 3:
        raise AxisError(
            f"the layer {layer.name!r} has {layer.ndim} axes; a volume has three, (Z, Y, X)",
            hint="pick a layer with three axes, or split this one into volumes first",
        )
    if not all(unit.is_compatible_with("um") for unit in layer.units):
        return None
    pairs = zip(layer.scale, layer.units, strict=True)
    return check_spacing([(float(size) * unit).to("um").magnitude for size, unit in pairs])


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
