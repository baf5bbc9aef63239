"""The dock that joins objects in the view with their rows, and shows boxes in 3-D."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, Container, Label, PushButton

from napari_ssbtomo.controllers.depth_guard import box_layer
from napari_ssbtomo.controllers.inspecting import (
    color_by,
    has_rows,
    label_of_row,
    object_place,
    row_of_label,
    tell_voxel,
)
from napari_ssbtomo.controllers.layering import layers_of
from napari_ssbtomo.controllers.object_tables import number_columns
from napari_ssbtomo.controllers.preferences import preferences
from napari_ssbtomo.controllers.regions import box_of_shapes, box_of_view
from napari_ssbtomo.controllers.voxels import kind_of
from napari_ssbtomo.widgets.background import Background
from napari_ssbtomo.widgets.closing import Closing
from napari_ssbtomo.widgets.object_table import ObjectTable
from napari_ssbtomo.widgets.opened import prepare
from napari_ssbtomo.widgets.rows import field_row
from ssbtomo.errors import SsbtomoError

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["InspectDock"]

_WIDTH = 380  # pixels
_OWN = "their own colours"
_VIEW = "what the window shows"


class InspectDock(Container[Any]):
    """Pick a particle, a crack or a facet in the view or in its table: the other one follows."""

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self._viewer = napari_viewer
        self._position: tuple[float, ...] | None = None
        self._hover = Background(lambda _: None, self._show_hover, self._leave)
        self._boxes = Background(lambda _: None, self._show_box, self._leave)
        self.layer = ComboBox(choices=self._objects, nullable=True)
        self.color = ComboBox(choices=self._columns)
        self.only = CheckBox(value=False, text="Show the picked one only")
        self.table = ObjectTable(self.pick_row)
        self.under = Label(value="Move over the volume: what lies there is told here.")
        self.box = ComboBox(choices=self._box_choices)
        self.box_button = PushButton(text="Show it in 3-D at full resolution")
        self.answer = Label(value="")
        super().__init__(labels=False)
        self.min_width = _WIDTH
        self._build()
        self._connect()
        self._offer()

    def _build(self) -> None:
        from qtpy.QtWidgets import QSizePolicy

        for label in (self.under, self.answer):
            label.native.setWordWrap(True)
            label.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.under.min_height = 92
        self.extend([field_row("Objects", self.layer), field_row("Coloured by", self.color)])
        layout = self.native.layout()
        layout.addWidget(self.table.native, 1)
        after: list[Any] = [
            self.only,
            self.under,
            field_row("Box", self.box),
            self.box_button,
            self.answer,
        ]
        self.extend(after)
        for widget in after:  # below the table, which magicgui does not know of
            layout.removeWidget(widget.native)
            layout.addWidget(widget.native)

    def _connect(self) -> None:
        self.layer.changed.connect(self._show_layer)
        self.color.changed.connect(self._color)
        self.only.changed.connect(self._show_only)
        self.box_button.changed.connect(self._make_box)
        layers = self._viewer.layers
        self._connections = [
            (layers.events.inserted, self._offer),
            (layers.events.removed, self._offer),
            (layers.selection.events.active, self._follow_selection),
        ]
        for event, listener in self._connections:
            event.connect(listener)
        self._viewer.mouse_move_callbacks.append(self._moved)
        self._viewer.mouse_drag_callbacks.append(self._clicked)
        self._closing = Closing(self, self._viewer, self._leave)
        prepare(self._viewer)

    def _objects(self, _widget: object = None) -> list[Any]:
        return [layer for layer in layers_of(self._viewer, "labels") if has_rows(layer)]

    def _columns(self, _widget: object = None) -> list[str]:
        layer = self.layer.value
        return [_OWN, *(number_columns(layer.features) if has_rows(layer) else ())]

    def _box_choices(self, _widget: object = None) -> list[Any]:
        return [_VIEW, *layers_of(self._viewer, "shapes")]

    def _offer(self, _event: object = None) -> None:
        self.layer.reset_choices()
        self.box.reset_choices()
        self._follow_selection()

    def _follow_selection(self, _event: object = None) -> None:
        active = self._viewer.layers.selection.active
        if has_rows(active) and self.layer.value != active and active in self.layer.choices:
            self.layer.value = active

    def _show_layer(self, layer: Any) -> None:
        self.color.reset_choices()
        key = "" if layer is None else layer.metadata.get("ssbtomo", {}).get("key", "")
        self.table.fill(layer.features if has_rows(layer) else None, key)

    def _color(self, column: str) -> None:
        if has_rows(self.layer.value) and column:
            self.layer.value.visible = True
            color_by(self.layer.value, "" if column == _OWN else column)

    def _show_only(self, only: bool) -> None:  # noqa: FBT001 - magicgui calls it
        if self.layer.value is not None:
            self.layer.value.show_selected_label = only

    def pick_row(self, row: int) -> None:
        """Go to the object of a row.

        Parameters
        ----------
        row : int
            Of the layer's table.
        """
        layer = self.layer.value
        label = label_of_row(layer.features, row)
        layer.visible = True
        layer.selected_label = label
        layer.show_selected_label = self.only.value
        step = self._step(layer)
        place = object_place(layer, label, step)
        if place is None:
            self.answer.value = f"{label} is not found in {layer.name!r}"
            return
        self.answer.value = ""
        self._viewer.dims.set_point(range(len(place)), place)
        self._camera().center = place[-3:]

    def pick_label(self, label: int) -> None:
        """Mark the row of an object.

        Parameters
        ----------
        label : int
            The object that was picked in the view.
        """
        layer = self.layer.value
        row = row_of_label(layer.features, label)
        layer.selected_label = label
        self.table.show_row(row)
        known = row is not None or label == 0
        self.answer.value = "" if known else f"{label} has no row: the table does not tell of it"

    def _camera(self) -> Any:
        scene = getattr(self._viewer, "scene", None)
        return self._viewer.camera if scene is None else scene.camera

    def _step(self, layer: Any) -> int:
        if layer.ndim < 4:
            return 0
        place = layer.world_to_data(self._viewer.dims.point)[0]
        return int(min(max(round(float(place)), 0), layer.data.shape[0] - 1))

    def _clicked(self, _viewer: Any, event: Any) -> Generator[None, None, None]:
        """Pick on a click, not on a drag."""
        moved = False
        yield
        while event.type == "mouse_move":
            moved = True
            yield
        layer = self.layer.value
        if moved or layer is None or not layer.visible:
            return
        label = layer.get_value(
            event.position, view_direction=event.view_direction,
            dims_displayed=event.dims_displayed, world=True,
        )  # fmt: skip
        label = label[1] if isinstance(label, tuple) else label
        if label:
            self.pick_label(int(label))

    def _moved(self, _viewer: Any, event: Any) -> None:
        self.hover(tuple(event.position))

    def hover(self, position: tuple[float, ...]) -> None:
        """Tell what lies at a point; voxels are read in the background.

        Parameters
        ----------
        position : tuple of float
            In world units.
        """
        self._position = position
        if not self._hover.busy and self._viewer.dims.ndisplay == 2:
            self._read_hover()

    def _read_hover(self) -> None:
        position, self._position = self._position, None
        layers = list(self._viewer.layers)

        def read() -> Generator[None, None, list[str]]:
            yield
            return tell_voxel(layers, position or ())

        self._hover.start(self.native, read)

    def _show_hover(self, lines: list[str]) -> None:
        self.under.value = "\n".join(lines) or "nothing lies there"
        if self._position is not None:  # the cursor has moved on meanwhile
            self._read_hover()

    def _make_box(self) -> None:
        if self._boxes.busy:
            return
        layer = self._viewer.layers.selection.active
        if layer is None or kind_of(layer) not in ("image", "labels") or layer.ndim not in (3, 4):
            self.answer.value = "select the volume to be shown, in the list of layers"
            return
        most = preferences().voxels_in_3d * 10**6
        try:
            box = (
                box_of_view(layer, self._viewer.dims.point, most)
                if self.box.value == _VIEW
                else box_of_shapes(self.box.value, layer)
            )
        except SsbtomoError as error:
            self.answer.value = str(error)
            return
        step = self._step(layer)

        def read() -> Generator[None, None, Any]:
            yield
            try:
                return box_layer(layer, box, most, step=step)
            except SsbtomoError as error:
                return str(error)

        self.answer.value = f"reading {box.told()} …"
        self._boxes.start(self.native, read)

    def _show_box(self, found: Any) -> None:
        if isinstance(found, str):
            self.answer.value = found
            return
        from napari.layers import Layer

        self.answer.value = ""
        for layer in self._viewer.layers:
            layer.visible = False
        self._viewer.add_layer(Layer.create(*found))
        self._viewer.dims.ndisplay = 3
        self._viewer.reset_view()

    def _leave(self) -> None:
        if self._boxes.stopped:
            return
        self._boxes.stop()
        self._hover.stop()
        for event, listener in self._connections:
            event.disconnect(listener)
        for callbacks, own in (
            (self._viewer.mouse_move_callbacks, self._moved),
            (self._viewer.mouse_drag_callbacks, self._clicked),
        ):
            if own in callbacks:
                callbacks.remove(own)
