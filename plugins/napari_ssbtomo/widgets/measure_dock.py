"""The dock that measures the selected labels layer, a box of it, or some of its phases."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, Container, Label, LineEdit, PushButton, TextEdit

from napari_ssbtomo.controllers.layering import layers_of
from napari_ssbtomo.controllers.measuring import (
    MeasureOutcome,
    MeasureRequest,
    measure,
    request_for,
)
from napari_ssbtomo.controllers.phases import found_phases, layer_phases
from napari_ssbtomo.controllers.regions import box_of_shapes
from napari_ssbtomo.controllers.voxels import labels_spacing, levels_of_layer
from napari_ssbtomo.widgets.background import Background
from napari_ssbtomo.widgets.closing import Closing
from napari_ssbtomo.widgets.phase_choice import PhaseChoice
from napari_ssbtomo.widgets.range_plot import RangePlot
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
_ALL = "all of it"
_WIDTH = 400  # pixels
_QUANTITIES = {
    "fractions": ("Volume fractions", True),
    "areas": ("Contact areas", True),
    "lines": ("Triple lines", False),
    "connected": ("Connected shares", False),
}


class MeasureDock(Container[Any]):
    """Measure fractions, areas, lines, connections, tortuosity and particles of labels.

    It follows the selection of the viewer that it is made with.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self._viewer = napari_viewer
        self._request: MeasureRequest | None = None
        self._cancel = threading.Event()
        self._phases: dict[str, int] = {}
        self._background = Background(self._show_step, self._show_end, self._leave)
        self._search = Background(lambda _: None, self._show_found, self._leave)
        self.layer = ComboBox(choices=self._labels_layers, nullable=True)
        self.region = ComboBox(choices=self._regions)
        self.known_size = Label(value="")
        self.voxel_size = LineEdit()
        self.only = PhaseChoice()
        self.quantities = {
            name: CheckBox(value=on, text=text) for name, (text, on) in _QUANTITIES.items()
        }
        self.phase = ComboBox(choices=self._phase_choices)
        self.axis = ComboBox(choices=AXES, value="z")
        self.particles = CheckBox(value=False, text="Its particles")
        self.ranges = CheckBox(value=True, text="Ranges")
        self.button = PushButton(text="Measure")
        self.cancel_button = PushButton(text="Cancel", enabled=False)
        self.doing = Label(value="")
        self.messages = TextEdit(visible=False)
        self.results = ResultTable()
        self.plot = RangePlot()
        super().__init__(widgets=self._rows(), labels=False)
        self.min_width = _WIDTH
        self.native.layout().addWidget(self.plot.native)
        self._connect()
        self._follow_selection()
        self._follow_labels()

    @property
    def fractions(self) -> CheckBox:
        """Whether volume fractions are measured."""
        return self.quantities["fractions"]

    @property
    def areas(self) -> CheckBox:
        """Whether contact areas are measured."""
        return self.quantities["areas"]

    def _rows(self) -> list[Any]:
        self.voxel_size.native.setPlaceholderText("50 nm, 18.4 nm, 18.4 nm")
        self.voxel_size.tooltip = "Voxel edges along Z, Y, X, each with its unit"
        self.region.tooltip = "All of the volume, or the box around the shapes of a layer"
        self.ranges.tooltip = (
            "Low and high, from the segmentations at moved thresholds that the run kept and from "
            "half the resolution; takes as long again for each of them"
        )
        self.messages.read_only = True
        self.messages.max_height = 90
        boxes = list(self.quantities.values())
        return [
            field_row("Labels", self.layer),
            field_row("Region", self.region),
            field_row("Voxel size", plain_row(self.known_size, self.voxel_size)),
            field_row("Phases", self.only.widget),
            plain_row(*boxes[:2]),
            plain_row(*boxes[2:]),
            field_row("Tortuosity of", plain_row(self.phase, Label(value="along"), self.axis)),
            plain_row(self.particles, self.ranges),
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
        self._closing = Closing(self, self._viewer, self._leave)

    def _labels_layers(self, _widget: object = None) -> list[Any]:
        return layers_of(self._viewer, "labels")

    def _regions(self, _widget: object = None) -> list[Any]:
        return [_ALL, *layers_of(self._viewer, "shapes")]

    def _phase_choices(self, _widget: object = None) -> list[str]:
        return [_NO_PHASE, *self._phases]

    def _follow_selection(self, _event: object = None) -> None:
        """Offer the viewer's labels layers, and take the one that is selected there."""
        self.layer.reset_choices()
        self.region.reset_choices()
        active = self._viewer.layers.selection.active
        if active in self.layer.choices:
            self.layer.value = active

    def _follow_labels(self, _layer: object = None) -> None:
        """Show the phases of the layer, and ask for its voxel size if it has none."""
        layer = self.layer.value
        self._offer_phases(layer_phases(layer) if layer is not None else {})
        spacing = _spacing(layer)
        known = layer is None or spacing is not None
        self.known_size.value = " × ".join(map(format_length, spacing)) if spacing else ""
        self.known_size.visible = known
        self.voxel_size.visible = not known
        if layer is not None and not self._phases and not self._search.busy:
            self._search.start(self.native, lambda: _searched(layer))

    def _offer_phases(self, phases: dict[str, int]) -> None:
        self._phases = phases
        self.phase.reset_choices()
        self.only.offer(phases)

    def _show_found(self, found: tuple[Any, dict[str, int]]) -> None:
        layer, phases = found
        if layer is self.layer.value:
            self._offer_phases(phases)

    def _start(self) -> None:
        if self._background.busy:
            return
        try:
            self._request = self._asked()
        except SsbtomoError as error:
            self._say(str(error))
            return
        self._cancel = threading.Event()
        self._set_measuring(measuring=True)
        self._say("")
        self._background.start(self.native, self._steps)

    def _asked(self) -> MeasureRequest:
        layer = self.layer.value
        whole = self.region.value == _ALL or layer is None
        return request_for(
            layer,
            self.voxel_size.value,
            box=None if whole else box_of_shapes(self.region.value, layer),
            only=self.only.chosen,
            step=self._step(layer),
            phases=self._phases,
            tortuosity="" if self.phase.value == _NO_PHASE else self.phase.value,
            axis=self.axis.value,
            particles=self.particles.value,
            ranges=self.ranges.value,
            **{name: box.value for name, box in self.quantities.items()},
        )

    def _step(self, layer: Any) -> int:
        if layer is None or layer.ndim < 4:
            return 0
        return int(max(round(float(layer.world_to_data(self._viewer.dims.point)[0])), 0))

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
        self.plot.fill(frame)

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
        self._search.stop()
        self._cancel.set()
        self._viewer.layers.selection.events.active.disconnect(self._follow_selection)
        self._viewer.layers.events.inserted.disconnect(self._follow_selection)
        self._viewer.layers.events.removed.disconnect(self._follow_selection)


def _searched(layer: Any) -> Generator[None, None, tuple[Any, dict[str, int]]]:
    """Find the labels of a volume that is too large to be searched while the window waits."""
    yield
    try:
        return layer, found_phases(levels_of_layer(layer)[-1])
    except SsbtomoError:  # told in words when Measure is pressed
        return layer, {}


def _spacing(layer: Any) -> tuple[float, float, float] | None:
    try:
        return None if layer is None else labels_spacing(layer)
    except SsbtomoError:  # told in words when Measure is pressed
        return None
