"""Scribbles: which phases there are, the layer they are painted in, and what was painted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.phases import colored, named
from napari_ssbtomo.controllers.voxels import labels_spacing, parse_spacing
from ssbtomo.errors import AxisError, InputDataError, SsbtomoError
from ssbtomo.palette import ROLES, phase_colors

if TYPE_CHECKING:
    from ssbtomo.segment.scribbles import Scribbles
    from ssbtomo.units import Spacing

    from napari_ssbtomo.controllers.opening import LayerData

__all__ = [
    "MOST_PHASES",
    "Annotations",
    "Pick",
    "bind_phase_keys",
    "grey_of",
    "lacking",
    "paint_colors",
    "parse_phases",
    "phases_of",
    "pick_of",
    "roomy",
    "scribble_layer",
    "seen_slice",
]

MOST_PHASES = 6
_USUAL = "void, electrolyte, active"
_IN_MEMORY = 2**28  # voxels; a larger layer is painted in a sparse file


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
    """

    grey: Any
    spacing: Spacing
    name: str = ""

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
    if layer._type_string != "image":
        raise InputDataError(
            f"the layer {layer.name!r} holds {layer._type_string}, not grey values",
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
    return Pick(grey, labels_spacing(layer) or parse_spacing(voxel_size), layer.name)


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


def scribble_layer(
    layer: Any, phases: Sequence[str], roles: Mapping[str, str] | None = None
) -> LayerData:
    """Make the layer in which labels are painted over a volume.

    Parameters
    ----------
    layer : napari.layers.Image
        The volume.
    phases : sequence of str
        Names; the k-th has label k, counted from 1.
    roles : mapping of str to str, optional
        Their roles.

    Returns
    -------
    LayerData
        An empty labels layer in the same place.
    """
    import numpy as np

    grey = grey_of(layer)
    numbers = {name: number for number, name in enumerate(phases, start=1)}
    about = {"part": "scribbles", "phases": numbers, "over": layer.name}
    meta = {
        "name": f"scribbles: {layer.name}",
        "colormap": colored(numbers, paint_colors(phases, roles)),
        "features": named(numbers),
        "opacity": 0.8,
        "metadata": {"ssbtomo": about},
        **_placed(layer),
    }
    return roomy(tuple(grey.shape), np.uint8), meta, "labels"


def _placed(layer: Any) -> dict[str, Any]:
    """Return the arguments that put another layer in the same place."""
    return {
        "scale": tuple(layer.scale),
        "translate": tuple(layer.translate),
        "units": tuple(layer.units),
        "axis_labels": tuple(layer.axis_labels),
    }


def roomy(shape: tuple[int, ...], dtype: Any) -> Any:
    """Return an array of zeros that takes little until it is written to.

    Parameters
    ----------
    shape : tuple of int
        Voxels.
    dtype : dtype
        Type of a voxel.

    Returns
    -------
    ndarray
        In memory; above 2.7e8 voxels in a sparse file, which the system removes with the session.

    Raises
    ------
    SsbtomoError
        If the disk cannot hold it.
    """
    import numpy as np

    if int(np.prod(shape)) <= _IN_MEMORY:
        return np.zeros(shape, dtype)
    try:
        with tempfile.TemporaryFile(prefix="ssbtomo-paint-") as file:
            return np.memmap(file, dtype, "w+", shape=shape)
    except OSError as error:
        raise SsbtomoError(
            f"there is no room for labels of {shape} voxels: {error}",
            hint="free some space in the folder of temporary files, or crop the volume",
        ) from error


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


def bind_phase_keys(layer: Any, labels: Iterable[int], chosen: Callable[[int], None]) -> None:
    """Let the keys 1 to 6 choose the phase that is painted.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer; its own meaning of these keys gives way.
    labels : iterable of int
        Label of each phase, in the order of the keys.
    chosen : callable
        Told the label.
    """
    for key, label in enumerate(labels, start=1):

        def choose(_layer: Any, label: int = label) -> None:
            layer.selected_label = label
            layer.mode = "paint"
            chosen(label)

        layer.bind_key(str(key), choose, overwrite=True)


@dataclass(slots=True)
class Annotations:
    """What was painted in a layer, found without a look at every voxel.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer.
    phases : int
        Labels 1 to so many.
    slices : set of (int, int)
        Axis and number of every slice that was painted on.
    """

    layer: Any
    phases: int
    slices: set[tuple[int, int]] = field(default_factory=set)

    def touch(self, axis: int, index: int) -> None:
        """Remember a slice that was painted on.

        Parameters
        ----------
        axis, index : int
            The slice.
        """
        self.slices.add((axis, index))

    def marks(self) -> Scribbles:
        """Collect the labelled voxels of the slices that were painted on.

        Returns
        -------
        Scribbles
            Voxels and their phases, from 0.
        """
        import numpy as np

        from ssbtomo.segment.scribbles import Scribbles

        data = self.layer.data
        found = [np.zeros((0, 3), np.intp)]
        for axis, index in sorted(self.slices):
            flat = np.argwhere(np.take(data, index, axis=axis))
            found.append(np.insert(flat, axis, index, axis=1))
        places = np.unique(np.concatenate(found), axis=0)
        labels = np.asarray(data)[tuple(places.T)].astype(np.intp) - 1
        known = labels < self.phases
        return Scribbles(places[known], labels[known])

    def all_marks(self) -> Scribbles:
        """Collect all labelled voxels of the layer, and remember their slices.

        Returns
        -------
        Scribbles
            Voxels and their phases, from 0.

        Raises
        ------
        InputDataError
            If none is labelled, or a label has no phase.
        """
        import numpy as np

        from ssbtomo.segment.scribbles import scribbles_from_labels

        marks = scribbles_from_labels(self.layer.data, range(1, self.phases + 1))
        if not len(marks.labels):
            raise InputDataError(
                f"the layer {self.layer.name!r} has no labelled voxel",
                hint="choose a phase with the keys 1 to 6, and paint a few strokes of each",
            )
        self.slices |= {(0, int(z)) for z in np.unique(marks.places[:, 0])}
        return marks


def lacking(marks: Scribbles, phases: Sequence[str]) -> list[str]:
    """Return the phases without a labelled voxel.

    Parameters
    ----------
    marks : Scribbles
        What was painted.
    phases : sequence of str
        Their names.

    Returns
    -------
    list of str
        Names.
    """
    present = set(marks.labels.tolist())
    return [name for number, name in enumerate(phases) if number not in present]
