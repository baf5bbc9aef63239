"""What was picked in the viewer: a grey volume, its phases, the slice in view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.voxels import kind_of, labels_spacing, parse_spacing
from ssbtomo.errors import AxisError, InputDataError, SsbtomoError
from ssbtomo.palette import ROLES, phase_colors

if TYPE_CHECKING:
    from ssbtomo.units import Spacing

__all__ = [
    "MOST_PHASES",
    "Pick",
    "grey_of",
    "paint_colors",
    "parse_phases",
    "phases_of",
    "pick_of",
    "seen_slice",
]

MOST_PHASES = 6
_USUAL = "void, electrolyte, active"


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """A grey volume that was picked in the viewer.

    Parameters
    ----------
    grey : Source
        Its finest level.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    name : str
        Name of the layer.
    modality : str
        What its file or recipe says: ``"xct"``, ``"fib-sem"`` or nothing.
    """

    grey: Any
    spacing: Spacing
    name: str = ""
    modality: str = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (Z, Y, X)."""
        z, y, x = (int(n) for n in self.grey.shape)
        return z, y, x


def grey_of(layer: Any) -> Any:
    """Return the finest level of a grey volume.

    Parameters
    ----------
    layer : napari.layers.Image or None
        The layer; ``None`` if none was picked.

    Returns
    -------
    Source
        Grey values, (Z, Y, X).

    Raises
    ------
    SsbtomoError
        If there is none, or it is no grey volume.
    """
    if layer is None:
        raise SsbtomoError(
            "there is no grey volume", hint="open a scan or a sample, then pick its layer"
        )
    if kind_of(layer) != "image":
        raise InputDataError(
            f"the layer {layer.name!r} holds {kind_of(layer)}, not grey values",
            hint="pick an image layer",
        )
    if layer.ndim != 3 or getattr(layer, "rgb", False):
        raise AxisError(
            f"the layer {layer.name!r} has {layer.ndim} axes"
            f"{' of colours' if getattr(layer, 'rgb', False) else ''}; a grey volume has three, "
            "(Z, Y, X)",
            hint="pick one channel or time point, and split the layer into volumes first",
        )
    return layer.data[0] if layer.multiscale else layer.data


def pick_of(layer: Any, voxel_size: str = "") -> Pick:
    """Return a layer's volume with its voxel size.

    Parameters
    ----------
    layer : napari.layers.Image or None
        The layer.
    voxel_size : str
        Voxel edges as typed by the user, for a layer that does not know them.

    Returns
    -------
    Pick
        The volume.

    Raises
    ------
    SsbtomoError
        If it is no grey volume, or its voxel size is not known.
    """
    grey = grey_of(layer)
    spacing = labels_spacing(layer) or parse_spacing(voxel_size)
    about = layer.metadata.get("ssbtomo", {})
    return Pick(grey, spacing, layer.name, str(about.get("modality", "")))


def parse_phases(text: str) -> tuple[str, ...]:
    """Read the names of phases, as typed into a form.

    Parameters
    ----------
    text : str
        Such as ``"void, electrolyte, active"``, darkest first.

    Returns
    -------
    tuple of str
        Two to six different names.

    Raises
    ------
    InputDataError
        If there are not.
    """
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not 2 <= len(names) <= MOST_PHASES or len(set(names)) < len(names):
        raise InputDataError(
            f"{len(names)} phases are named: {', '.join(names) or 'none'}; two to {MOST_PHASES} "
            "different ones are needed",
            hint="write them from dark to bright: void, electrolyte, active",
        )
    if any(len(name) > 80 or "|" in name for name in names):
        raise InputDataError("a phase has more than 80 letters, or a | in its name")
    return names


def phases_of(layer: Any) -> tuple[str, dict[str, str]]:
    """Return the phases that a layer's recipe names, or the usual ones.

    Parameters
    ----------
    layer : napari.layers.Layer or None
        A layer; those of samples and results know a recipe.

    Returns
    -------
    names : str
        As for `parse_phases`.
    roles : dict of str to str
        Role of each.
    """
    recipe = {} if layer is None else layer.metadata.get("ssbtomo", {})
    path = recipe.get("recipe")
    if path and Path(path).is_file():
        from ssbtomo.model import load_recipe

        try:
            phases = load_recipe(path).samples[0].phases
        except SsbtomoError:  # told where the recipe is run
            phases = ()
        if phases:
            return ", ".join(p.name for p in phases), {p.name: p.role for p in phases}
    return _USUAL, {name: name for name in parse_phases(_USUAL)}


def paint_colors(phases: Sequence[str], roles: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the colour of each phase: that of its role, everywhere the same.

    Parameters
    ----------
    phases : sequence of str
        Names.
    roles : mapping of str to str, optional
        Their roles; the name is one if absent.

    Returns
    -------
    dict of str to str
        ``#rrggbb`` by name.
    """
    known = roles or {}
    return phase_colors(
        (name, known.get(name, name if name in ROLES else "other")) for name in phases
    )


def seen_slice(dims: Any, layer: Any) -> tuple[int, int] | None:
    """Return which slice of a layer is in view.

    Parameters
    ----------
    dims : napari.components.Dims
        Of the viewer.
    layer : napari.layers.Layer
        A volume.

    Returns
    -------
    tuple of int or None
        Axis that it is normal to, and its number; ``None`` in 3-D, or beside the volume.
    """
    if dims.ndisplay != 2:
        return None
    offset = dims.ndim - layer.ndim
    hidden = [axis - offset for axis in dims.not_displayed if axis >= offset]
    if len(hidden) != 1:
        return None
    axis = hidden[0]
    where = layer.world_to_data(dims.point[offset:])
    index = round(float(where[axis]))
    shape = (layer.data[0] if layer.multiscale else layer.data).shape
    return (axis, index) if 0 <= index < shape[axis] else None
