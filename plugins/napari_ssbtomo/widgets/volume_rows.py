"""Which volume a dock works on: its layer, and its voxel size if the layer does not know it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, Label, LineEdit

from napari_ssbtomo.controllers.picking import Pick, pick_of
from napari_ssbtomo.controllers.voxels import kind_of, labels_spacing
from napari_ssbtomo.widgets.rows import field_row, plain_row
from ssbtomo.errors import SsbtomoError
from ssbtomo.units import format_length

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["VolumeRows"]


class VolumeRows(Container[Any]):
    """The grey volume, and a form that asks for its voxel size where nothing tells it.

    Made with ``viewer``: whose image layers are offered; ``kind``: type of the layers:
    ``image`` or ``labels``; ``changed``: called when another layer is picked, not while this is
    made; ``wanted``: tells whether a layer is offered.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        kind: str,
        changed: Callable[[], None],
        wanted: Callable[[Any], bool] = lambda layer: True,
    ) -> None:
        self._viewer, self._kind, self._wanted = viewer, kind, wanted
        self._changed: Callable[[], None] = _nothing
        self._last: Any = None
        self.layer = ComboBox(choices=self._layers, nullable=True)
        self.known_size = Label(value="")
        self.voxel_size = LineEdit()
        self.voxel_size.native.setPlaceholderText("50 nm, 18.4 nm, 18.4 nm")
        self.voxel_size.tooltip = "Voxel edges along Z, Y, X, each with its unit"
        rows = [
            field_row("Volume" if kind == "image" else "Labels", self.layer),
            field_row("Voxel size", plain_row(self.known_size, self.voxel_size)),
        ]
        super().__init__(widgets=rows, labels=False)
        self.margins = (0, 0, 0, 0)
        self.layer.changed.connect(self._follow_layer)
        for event in self._events():
            event.connect(self._follow_viewer)
        self._follow_viewer()
        self._follow_layer()
        self._changed = changed

    def _events(self) -> list[Any]:
        events = self._viewer.layers.events
        return [events.inserted, events.removed, self._viewer.layers.selection.events.active]

    @property
    def picked(self) -> Any:
        """The layer, or ``None``."""
        return self.layer.value

    def pick(self) -> Pick:
        """Return the volume with its voxel size.

        Returns
        -------
        Pick
            The volume.

        Raises
        ------
        SsbtomoError
            If there is none, or its voxel size has yet to be typed.
        """
        return pick_of(self.layer.value, self.voxel_size.value)

    def _layers(self, _widget: object = None) -> list[Any]:
        return [
            layer
            for layer in self._viewer.layers
            if kind_of(layer) == self._kind and not _passing(layer) and self._wanted(layer)
        ]

    def _follow_viewer(self, _event: object = None) -> None:
        """Offer the viewer's layers, and take the one that is selected there."""
        self.layer.reset_choices()
        active = self._viewer.layers.selection.active
        if active in self.layer.choices:
            self.layer.value = active

    def _follow_layer(self, _layer: object = None) -> None:
        """Show the voxel size of the layer, or ask for it.

        napari resets the choices whenever layers come and go, and with them the choice.
        """
        if self.layer.value is None and self._last in self.layer.choices:
            self.layer.value = self._last
            return
        layer, before = self.layer.value, self._last
        if layer is before and layer is not None:
            return
        self._last = layer
        self._show_size(layer)
        self._changed()

    def _show_size(self, layer: Any) -> None:
        spacing, told = None, ""
        if layer is not None:
            try:
                spacing = labels_spacing(layer)
            except SsbtomoError as error:  # in full where the volume is used
                told = error.problem.partition(";")[0]
        if spacing is not None:
            told = " × ".join(map(format_length, spacing))
        known = layer is None or bool(told)
        self.known_size.value = told
        self.known_size.visible = known
        self.voxel_size.visible = not known

    def leave(self) -> None:
        """Let go of the viewer."""
        for event in self._events():
            event.disconnect(self._follow_viewer)


def _nothing() -> None:
    """Do nothing: the dock is not ready yet."""


def _passing(layer: Any) -> bool:
    """Whether a layer only shows what was said of a volume, such as the preview of a slice."""
    part = str(layer.metadata.get("ssbtomo", {}).get("part", ""))
    return part in ("slice", "growing", "entropy") or part.startswith("probability-")
