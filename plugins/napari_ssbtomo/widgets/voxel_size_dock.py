"""The form that asks for the voxel size of volumes that do not tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, Label, LineEdit, PushButton, Select

from napari_ssbtomo.controllers.voxels import give_voxel_size, without_voxel_size
from napari_ssbtomo.widgets.closing import Closing
from napari_ssbtomo.widgets.rows import field_row
from ssbtomo.errors import SsbtomoError
from ssbtomo.units import format_length

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["VoxelSizeDock"]

_WIDTH = 340  # pixels


class VoxelSizeDock(Container[Any]):
    """Give volumes that are shown in pixels their voxel size: it has no default."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self._viewer = napari_viewer
        self._left = False
        self.layers = Select(choices=self._unknown)
        self.voxel_size = LineEdit()
        self.voxel_size.native.setPlaceholderText("50 nm, 18.4 nm, 18.4 nm")
        self.voxel_size.tooltip = "Voxel edges along Z, Y, X, each with its unit"
        self.button = PushButton(text="Give them this voxel size")
        self.answer = Label(value="")
        self.answer.native.setWordWrap(True)
        super().__init__(
            widgets=[
                Label(value="These volumes do not tell their voxel size:"),
                self.layers,
                field_row("Z, Y, X", self.voxel_size),
                self.button,
                self.answer,
            ],
            labels=False,
        )
        self.min_width = _WIDTH
        self.layers.max_height = 140
        self.native.layout().addStretch(1)
        self.button.changed.connect(self._give)
        for event in (napari_viewer.layers.events.inserted, napari_viewer.layers.events.removed):
            event.connect(self._refresh)
        self._closing = Closing(self, self._viewer, self._leave)
        self._refresh()

    def _unknown(self, _widget: object = None) -> list[Any]:
        return without_voxel_size(self._viewer.layers)

    def _refresh(self, _event: object = None) -> None:
        self.layers.reset_choices()
        self.layers.value = list(self.layers.choices)

    def _give(self) -> None:
        try:
            spacing = give_voxel_size(self.layers.value, self.voxel_size.value)
        except SsbtomoError as error:
            self.answer.value = str(error)
            return
        edges = " × ".join(map(format_length, spacing))
        self.answer.value = f"voxel size: {edges} (Z, Y, X)"
        self._refresh()
        self._viewer.reset_view()

    def _leave(self) -> None:
        """Let go of the viewer; called twice at worst."""
        if self._left:
            return
        self._left = True
        for event in (self._viewer.layers.events.inserted, self._viewer.layers.events.removed):
            event.disconnect(self._refresh)
