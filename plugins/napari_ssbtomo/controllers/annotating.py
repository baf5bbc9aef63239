"""Scribbles: the layer they are painted in, and what was painted."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.phases import colored, named
from napari_ssbtomo.controllers.picking import grey_of, paint_colors
from ssbtomo.errors import InputDataError, SsbtomoError

if TYPE_CHECKING:
    from threading import Event

    from napari_ssbtomo.controllers.opening import LayerData
    from ssbtomo.segment.scribbles import Scribbles

__all__ = ["Annotations", "bind_phase_keys", "lacking", "roomy", "scribble_layer"]

_IN_MEMORY = 2**28  # voxels; a larger layer is painted in a sparse file


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


def bind_phase_keys(layer: Any, labels: Iterable[int], chosen: Callable[[int], None]) -> None:
    """Let the keys 1 to 6 choose the phase that is painted, and tell of any other choice.

    Parameters
    ----------
    layer : napari.layers.Labels
        The layer; its own meaning of these keys gives way.
    labels : iterable of int
        Label of each phase, in the order of the keys.
    chosen : callable
        Told the label, also of one that is chosen in napari's own controls.
    """
    layer.events.selected_label.connect(lambda _event: chosen(int(layer.selected_label)))
    for key, label in enumerate(labels, start=1):

        def choose(_layer: Any, label: int = label) -> None:
            layer.selected_label = label
            layer.mode = "paint"

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
            inside = np.argwhere(np.take(data, index, axis=axis))
            found.append(np.insert(inside, axis, index, axis=1))
        flat = np.ravel_multi_index(tuple(np.concatenate(found).T), data.shape)
        places = np.stack(np.unravel_index(np.unique(flat), data.shape), axis=1)
        labels = np.asarray(data)[tuple(places.T)].astype(np.intp) - 1
        known = labels < self.phases
        return Scribbles(places[known], labels[known])

    def all_marks(self, cancel: Event | None = None) -> Scribbles:
        """Collect all labelled voxels of the layer, and remember their slices.

        Parameters
        ----------
        cancel : threading.Event, optional
            Looked at between blocks of voxels.

        Returns
        -------
        Scribbles
            Voxels and their phases, from 0.

        Raises
        ------
        InputDataError
            If none is labelled, or a label has no phase.
        CancelledError
            If `cancel` is set.
        """
        import numpy as np

        from ssbtomo.blocks import Engine
        from ssbtomo.segment.scribbles import scribbles_from_labels

        values, engine = range(1, self.phases + 1), Engine(cancel=cancel)
        marks = scribbles_from_labels(self.layer.data, values, engine=engine)
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
