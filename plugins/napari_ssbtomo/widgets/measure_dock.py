"""The dock that measures the selected labels layer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, Container, Label, LineEdit, PushButton, TextEdit

from napari_ssbtomo.controllers.measuring import (
    MeasureOutcome,
    MeasureRequest,
    measure,
    request_for,
)
from napari_ssbtomo.controllers.phases import layer_phases
from napari_ssbtomo.controllers.voxels import labels_spacing
from napari_ssbtomo.widgets.background import Background
from napari_ssbtomo.widgets.result_table import ResultTable
from napari_ssbtomo.widgets.rows import field_row, plain_row
from ssbtomo.errors import SsbtomoError
from ssbtomo.results import table
from ssbtomo.units import AXES, format_length

if TYPE_CHECKING:
    from collections.abc import Generator

    import pandas as pd
    from napari.components import ViewerModel

__all__ = ["MeasureDock"]

_NO_PHASE = "none"
_WIDTH = 340  # pixels


class MeasureDock(Container[Any]):
    """Measure fractions, contact areas and tortuosity of a labels layer.

    It follows the selection of the viewer that it is made with.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self._viewer = napari_viewer
        self._request: MeasureRequest | None = None
        self._cancel = threading.Event()
        self._phases: list[str] = []
        self._background = Background(self._show_step, self._show_end, self._leave)
        self.layer = ComboBox(choices=self._labels_layers, nullable=True)
        self.known_size = Label(value="")
        self.voxel_size = LineEdit()
        self.fractions = CheckBox(value=True, text="Volume fractions")
        self.areas = CheckBox(value=True, text="Contact areas")
        self.phase = ComboBox(choices=self._phase_choices)
        self.axis = ComboBox(choices=AXES, value="z")
        self.button = PushButton(text="Measure")
        self.cancel_button = PushButton(text="Cancel", enabled=False)
        self.doing = Label(value="")
        self.messages = TextEdit(visible=False)
        self.results = ResultTable()
        super().__init__(widgets=self._rows(), labels=False)
        self.min_width = _WIDTH
        self._connect()
        self._follow_selection()
        self._follow_labels()

    def _rows(self) -> list[Any]:
        self.voxel_size.native.setPlaceholderText("50 nm, 18.4 nm, 18.4 nm")
        self.voxel_size.tooltip = "Voxel edges along Z, Y, X, each with its unit"
        self.messages.read_only = True
        self.messages.max_height = 90
        return [
            field_row("Labels", self.layer),
            field_row("Voxel size", plain_row(self.known_size, self.voxel_size)),
            self.fractions,
            self.areas,
            field_row("Tortuosity of", self.phase),
            field_row("Along axis", self.axis),
            plain_row(self.button, self.cancel_button),
            self.doing,
            self.messages,
            self.results,
        ]

    def _connect(self) -> None:
        self.layer.changed.connect(self._follow_labels)
        self.button.changed.connect(self._start)
        self.cancel_button.changed.connect(self._stop)
        self._viewer.layers.selection.events.active.connect(self._follow_selection)
        self._viewer.layers.events.inserted.connect(self._follow_selection)
        self._viewer.layers.events.removed.connect(self._follow_selection)
        self.native.destroyed.connect(self._leave)

    def _labels_layers(self, _widget: object = None) -> list[Any]:
        return [layer for layer in self._viewer.layers if layer._type_string == "labels"]

    def _phase_choices(self, _widget: object = None) -> list[str]:
        return [_NO_PHASE, *self._phases]

    def _follow_selection(self, _event: object = None) -> None:
        """Offer the viewer's labels layers, and take the one that is selected there."""
        self.layer.reset_choices()
        active = self._viewer.layers.selection.active
        if active in self.layer.choices:
            self.layer.value = active

    def _follow_labels(self, _layer: object = None) -> None:
        """Show the phases of the layer, and ask for its voxel size if it has none."""
        layer = self.layer.value
        phases = layer_phases(layer) if layer is not None else {}
        self._phases = list(phases)
        self.phase.reset_choices()
        spacing = _spacing(layer)
        known = layer is None or spacing is not None
        self.known_size.value = " × ".join(map(format_length, spacing)) if spacing else ""
        self.known_size.visible = known
        self.voxel_size.visible = not known

    def _start(self) -> None:
        if self._background.busy:
            return
        try:
            self._request = request_for(
                self.layer.value,
                self.voxel_size.value,
                fractions=self.fractions.value,
                areas=self.areas.value,
                tortuosity="" if self.phase.value == _NO_PHASE else self.phase.value,
                axis=self.axis.value,
            )
        except SsbtomoError as error:
            self._say(str(error))
            return
        self._cancel = threading.Event()
        self._set_measuring(measuring=True)
        self._say("")
        self._background.start(self.native, self._steps)

    def _steps(self) -> Generator[str, None, tuple[MeasureOutcome, pd.DataFrame]]:
        assert self._request is not None
        outcome = yield from measure(self._request, self._cancel)
        return outcome, table(outcome.measurements)

    def _show_step(self, doing: str) -> None:
        if not self._cancel.is_set():
            self.doing.value = f"measuring {doing} …"

    def _show_end(self, end: tuple[MeasureOutcome, pd.DataFrame]) -> None:
        outcome, frame = end
        self._set_measuring(measuring=False)
        self.doing.value = ""
        self._say(outcome.problem)
        self.results.fill(frame)

    def _set_measuring(self, *, measuring: bool) -> None:
        self.button.enabled = not measuring
        self.cancel_button.enabled = measuring

    def _stop(self) -> None:
        self._cancel.set()
        self.cancel_button.enabled = False
        self.doing.value = "stopping …"

    def _say(self, text: str) -> None:
        self.messages.value = text
        self.messages.visible = bool(text)

    def _leave(self) -> None:
        """Let the measurement end with its dock, and let go of the viewer."""
        if self._background.stopped:
            return
        self._background.stop()
        self._cancel.set()
        self._viewer.layers.selection.events.active.disconnect(self._follow_selection)
        self._viewer.layers.events.inserted.disconnect(self._follow_selection)
        self._viewer.layers.events.removed.disconnect(self._follow_selection)


def _spacing(layer: Any) -> tuple[float, float, float] | None:
    try:
        return None if layer is None else labels_spacing(layer)
    except SsbtomoError:  # told in words when Measure is pressed
        return None
