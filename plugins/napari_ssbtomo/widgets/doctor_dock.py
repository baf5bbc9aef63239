"""The stack doctor's dock: plots of the slices, slices left out, a preview before and after."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, Label, ProgressBar, PushButton, TextEdit

from napari_ssbtomo.controllers.doctoring import (
    TRACES,
    Examined,
    Previewed,
    examine,
    left_out_text,
    preview,
    read_left_out,
    stack_of,
    write_left_out,
)
from napari_ssbtomo.controllers.layering import layers_of
from napari_ssbtomo.controllers.recipe_draft import draft_of
from napari_ssbtomo.widgets.background import Background
from napari_ssbtomo.widgets.closing import Closing
from napari_ssbtomo.widgets.rows import field_row, plain_row
from napari_ssbtomo.widgets.trace_plot import TracePlot
from ssbtomo.errors import SsbtomoError

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from ssbtomo.reconstruct.stack_look import SliceTraces

__all__ = ["DoctorDock"]

_WIDTH = 380  # pixels


class DoctorDock(Container[Any]):
    """Find the slices that are blurred, bright, curtained or adrift, and leave them out.

    What is left out goes into the recipe of the window.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self._viewer = napari_viewer
        self.draft = draft_of(napari_viewer)
        self.traces: SliceTraces | None = None
        self._cancel = threading.Event()
        self._background = Background(self._show_news, self._show_end, self._leave)
        self.layer = ComboBox(choices=self._images, nullable=True)
        self.examine_button = PushButton(text="Examine")
        self.cancel_button = PushButton(text="Cancel", enabled=False)
        self.bar = ProgressBar(value=0, min=0, max=1)
        self.trace = ComboBox(choices=[(about, name) for name, about in TRACES.items()])
        self.plot = TracePlot(self.go_to)
        self.odd = Label(value="")
        self.left_out = Label(value="")
        self.leave_button = PushButton(text="Leave this slice out")
        self.leave_odd_button = PushButton(text="Leave the odd ones out", enabled=False)
        self.preview_button = PushButton(text="Preview alignment and cleaning")
        self.swap_button = PushButton(text="Before / after", enabled=False)
        self.messages = TextEdit(visible=False)
        super().__init__(labels=False)
        self.min_width = _WIDTH
        self._build()
        self._connect()
        self._offer()
        self._show_left_out()

    def _build(self) -> None:
        from qtpy.QtWidgets import QSizePolicy

        self.messages.read_only = True
        self.messages.max_height = 90
        for label in (self.odd, self.left_out):
            label.native.setWordWrap(True)
            label.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        before = [
            field_row("Stack", self.layer),
            plain_row(self.examine_button, self.cancel_button),
            self.bar,
            field_row("Show", self.trace),
        ]
        after = [
            self.odd, self.left_out, plain_row(self.leave_button, self.leave_odd_button),
            plain_row(self.preview_button, self.swap_button), self.messages,
        ]  # fmt: skip
        self.extend(before)
        self.native.layout().addWidget(self.plot.native, 1)
        self.extend(after)
        for widget in after:  # below the plot, which magicgui does not know of
            self.native.layout().removeWidget(widget.native)
            self.native.layout().addWidget(widget.native)

    def _connect(self) -> None:
        self.layer.changed.connect(self._other_stack)
        self.examine_button.changed.connect(self._examine)
        self.cancel_button.changed.connect(self._stop)
        self.trace.changed.connect(self._draw)
        self.leave_button.changed.connect(self._leave_out)
        self.leave_odd_button.changed.connect(self._leave_odd_out)
        self.preview_button.changed.connect(self._preview)
        self.swap_button.changed.connect(self._swap)
        layers = self._viewer.layers.events
        self._connections = [
            (layers.inserted, self._offer),
            (layers.removed, self._offer),
            (self._viewer.dims.events.current_step, self._follow_slice),
        ]
        for event, listener in self._connections:
            event.connect(listener)
        self._end_listening = self.draft.listen(self._show_left_out)
        self._closing = Closing(self, self._viewer, self._leave)

    def _images(self, _widget: object = None) -> list[Any]:
        return [
            layer
            for layer in layers_of(self._viewer, "image")
            if not str(layer.metadata.get("ssbtomo", {}).get("source", "")).startswith("preview")
        ]

    def _offer(self, _event: object = None) -> None:
        self.layer.reset_choices()
        if self.layer.value is None and self.layer.choices:
            self.layer.value = self.layer.choices[-1]

    def _other_stack(self, _layer: object = None) -> None:
        self.traces = None
        self._draw()

    @property
    def number(self) -> int:
        """The slice that the window shows."""
        layer = self.layer.value
        step = self._viewer.dims.current_step
        if layer is None or layer.ndim < 3 or len(step) < layer.ndim:
            return 0
        point = layer.world_to_data(self._viewer.dims.point)
        return int(min(max(round(float(point[-3])), 0), layer.data.shape[-3] - 1))

    def go_to(self, number: int) -> None:
        """Show a slice in the window.

        Parameters
        ----------
        number : int
            The slice.
        """
        layer = self.layer.value
        if layer is None or layer.ndim < 3:
            return
        point = [0.0] * layer.ndim
        point[-3] = float(number)
        axis = self._viewer.dims.ndim - 3
        self._viewer.dims.set_point(axis, float(layer.data_to_world(point)[-3]))

    def _examine(self) -> None:
        if self._background.busy:
            return
        try:
            stack = stack_of(self.layer.value)
        except SsbtomoError as error:
            self._say(str(error))
            return
        self._begin()
        self.traces = None
        cancel, phases = self._cancel, min(max(len(self.draft.get(("phases",), ())), 2), 5)
        self._background.start(self.native, lambda: examine(stack, cancel, phases=phases))

    def _preview(self) -> None:
        if self._background.busy:
            return
        try:
            stack_of(self.layer.value)
        except SsbtomoError as error:
            self._say(str(error))
            return
        self._begin()
        layer, draft, number, cancel = self.layer.value, self.draft, self.number, self._cancel
        self._background.start(self.native, lambda: preview(layer, draft, number, cancel))

    def _begin(self) -> None:
        self._cancel = threading.Event()
        self._set_working(working=True)
        self._say("")

    def _show_news(self, news: SliceTraces | str) -> None:
        if self._cancel.is_set():
            return
        if isinstance(news, str):
            self.bar.max = 0
            self._say(f"{news} …")
            return
        self.traces = news
        self.bar.max = len(news.values)
        self.bar.value = news.done
        if news.done == len(news.values) and news.drift is None:
            self.bar.max = 0
            self._say("finding the drift …")
        self._draw()

    def _show_end(self, end: Examined | Previewed) -> None:
        self._set_working(working=False)
        self.bar.max, self.bar.value = 1, int(not end.problem)
        if isinstance(end, Examined):
            self.traces = end.traces or self.traces
            self._draw()
            self._say(end.problem)
            return
        self._say(end.problem or end.said)
        if end.layers:
            self._show_preview(end)

    def _show_preview(self, end: Previewed) -> None:
        from napari.layers import Layer

        for layer in self._previews():
            self._viewer.layers.remove(layer)
        if self.layer.value is not None:
            self.layer.value.visible = False  # it would stand out around the preview
        for data, meta, kind in end.layers:
            self._viewer.add_layer(Layer.create(data, meta, kind))
        self.swap_button.enabled = True

    def _previews(self) -> list[Any]:
        return [
            layer
            for layer in layers_of(self._viewer, "image")
            if str(layer.metadata.get("ssbtomo", {}).get("source", "")).startswith("preview")
        ]

    def _swap(self) -> None:
        for layer in self._previews():
            layer.visible = not layer.visible

    def _draw(self, _name: object = None) -> None:
        if self.traces is None:
            self.plot.show_trace(None, "", ())  # type: ignore[arg-type]  # nothing yet
            self.odd.value, self.leave_odd_button.enabled = "", False
            return
        marked = {state.index for state in self.traces.odd} | set(read_left_out(self.draft))
        self.plot.show_trace(self.traces.trace(self.trace.value), TRACES[self.trace.value], marked)
        told = [f"{state.index} ({state.reason}: {state.detail})" for state in self.traces.odd]
        more = f" and {len(told) - 6} more" if len(told) > 6 else ""
        if self.traces.done == len(self.traces.values):
            self.odd.value = f"odd slices: {', '.join(told[:6]) + more or 'none'}"
        self.leave_odd_button.enabled = bool(told)

    def _follow_slice(self, _event: object = None) -> None:
        self.plot.show_cursor(self.number)
        out = self.number in read_left_out(self.draft)
        self.leave_button.text = "Take this slice back" if out else "Leave this slice out"

    def _leave_out(self) -> None:
        write_left_out(self.draft, set(read_left_out(self.draft)) ^ {self.number})

    def _leave_odd_out(self) -> None:
        if self.traces is not None:
            odd = {state.index for state in self.traces.odd}
            write_left_out(self.draft, odd | set(read_left_out(self.draft)))

    def _show_left_out(self) -> None:
        out = read_left_out(self.draft)
        self.left_out.value = f"left out by the recipe: {left_out_text(out)}"
        self._follow_slice()
        if self.traces is not None:
            self._draw()

    def _set_working(self, *, working: bool) -> None:
        self.examine_button.enabled = self.preview_button.enabled = not working
        self.cancel_button.enabled = working

    def _stop(self) -> None:
        self._cancel.set()
        self.cancel_button.enabled = False
        self._say("stopping …")

    def _say(self, text: str) -> None:
        self.messages.value = text
        self.messages.visible = bool(text)

    def _leave(self) -> None:
        """Let the examination end with its dock, and let go of the viewer."""
        if self._background.stopped:
            return
        self._background.stop()
        self._cancel.set()
        self._end_listening()
        for event, listener in self._connections:
            event.disconnect(listener)
