"""Apply a segmentation to a volume or a box: folder, progress, cancel, go on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import Container, FileEdit, Label, LineEdit, ProgressBar, PushButton

from napari_ssbtomo.controllers.applying import (
    ApplyRequest,
    Growth,
    applied_layers,
    apply_request,
    box_in_view,
    parse_box,
)
from napari_ssbtomo.controllers.phases import compiled_colors
from napari_ssbtomo.controllers.picking import grey_of
from napari_ssbtomo.controllers.working import Doing, Ended, Hands, Work
from napari_ssbtomo.widgets.aside import aside
from napari_ssbtomo.widgets.background import Background
from napari_ssbtomo.widgets.rows import field_row, plain_row
from napari_ssbtomo.widgets.turns import in_turns
from ssbtomo.errors import SsbtomoError

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_ssbtomo.controllers.opening import LayerData

__all__ = ["ApplyBox"]

_REFRESH = 0.25  # seconds between pictures of what grows


class ApplyBox(Container[Any]):
    """Segment in the background, block by block.

    Made with ``viewer``: where the labels go; ``request``: takes the box and the folder,
    returns what is to be done; raises in words; ``volume``: returns the layer of the grey
    volume; ``say``: told problems in words; an empty text takes them away.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        request: Callable[[Any, Path], ApplyRequest],
        volume: Callable[[], Any],
        say: Callable[[str], None],
    ) -> None:
        self._viewer, self._request, self._volume, self._say = viewer, request, volume, say
        self._work: Work[list[LayerData]] | None = None
        self._growth: Growth | None = None
        self._layer: Any = None
        self._temporary: Path | None = None
        self._shown = 0.0
        self.root: Any = None  # native widget of the dock, once there is one
        self._background = Background(self._show, self._end, self.leave)
        self.box = LineEdit()
        self.view_button = PushButton(text="In view")
        self.folder = FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, nullable=True)
        self.button = PushButton(text="Apply")
        self.cancel_button = PushButton(text="Cancel", enabled=False)
        self.doing = Label(value="")
        self.bar = ProgressBar(value=0, min=0, max=1, visible=False)
        super().__init__(widgets=self._rows(), labels=False)
        self.margins = (0, 0, 0, 0)
        self.view_button.changed.connect(self._take_view)
        self.button.changed.connect(self._start)
        self.cancel_button.changed.connect(self._cancel)

    def _rows(self) -> list[Any]:
        self.box.native.setPlaceholderText("whole volume")
        self.box.tooltip = "first:last along Z, Y, X, such as 0:40, 100:228, 64:192"
        self.view_button.max_width = 70
        self.folder.choose_btn.text = "…"
        self.folder.choose_btn.max_width = 36
        self.folder.line_edit.native.setPlaceholderText("for this session only")
        self.folder.tooltip = "Where the labels are kept; a temporary folder if empty"
        return [
            field_row("Box", plain_row(self.box, self.view_button)),
            field_row("Keep in", self.folder),
            plain_row(self.button, self.cancel_button),
            self.doing,
            self.bar,
        ]

    @property
    def busy(self) -> bool:
        """Whether it is at work."""
        return self._background.busy

    def _take_view(self) -> None:
        layer = self._volume()
        try:
            grey_of(layer)
        except SsbtomoError as error:
            self._say(str(error))
            return
        self.box.value = box_in_view(layer, self._viewer.dims.point)

    def _start(self) -> None:
        if self._background.busy:
            return
        self._say("")
        try:
            over = self._volume()
            box = parse_box(self.box.value, tuple(grey_of(over).shape))
            request = self._request(box, self._place())
            growth = Growth(request)
        except SsbtomoError as error:
            self._say(str(error))
            return
        from napari.layers import Layer

        self.button.enabled = False  # the window goes on meanwhile
        aside(compiled_colors)
        if self._background.stopped:
            return
        self._growth = growth
        self._layer = Layer.create(*growth.layer(over))
        self._viewer.add_layer(self._layer)

        def task(hands: Hands) -> list[LayerData]:
            return applied_layers(apply_request(request, growth, hands), request, over)

        self._work = Work(task, "application")
        self._set_working(working=True)
        self._background.start(self.root or self.native, self._work.steps)

    def _place(self) -> Path:
        chosen = self.folder.value
        if isinstance(chosen, Path):
            return chosen
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="ssbtomo-segmented-"))
        return self._temporary

    def _show(self, doing: Doing) -> None:
        if self._work is None or self._work.cancelling:
            return
        self.doing.value = doing.what
        self.bar.max = max(doing.total, 1)
        self.bar.value = doing.done
        now = time.monotonic()
        if now - self._shown > _REFRESH and self._growth is not None and self._growth.fresh():
            self._shown = now
            self._layer.refresh()

    def _end(self, ended: Ended[list[LayerData]]) -> None:
        self._set_working(working=False)
        if self._layer in self._viewer.layers:
            self._viewer.layers.remove(self._layer)
        self._layer = self._growth = None
        self.doing.value = "" if ended.value else "The work stopped with a problem:"
        self.button.text = "Apply"
        if ended.cancelled:
            self.doing.value = "Cancelled. Press Go on to continue where it stopped."
            self.button.text = "Go on"
        elif ended.problem:
            self._say(ended.problem)
        if ended.value:
            self._temporary = None  # the next one must not overwrite what is shown
            self._take(ended.value)

    def _take(self, layers: list[LayerData]) -> None:
        from napari_ssbtomo.controllers.layering import adding

        in_turns(adding(self._viewer, layers), self._tell_done)

    def _tell_done(self) -> None:
        if self._background.stopped:
            return
        self.doing.value = "Done."

    def _cancel(self) -> None:
        if self._work is not None:
            self._work.cancel()
            self.cancel_button.enabled = False
            self.doing.value = "stopping …"

    def _set_working(self, *, working: bool) -> None:
        self.button.enabled = not working
        self.cancel_button.enabled = self.bar.visible = working
        self.box.enabled = self.folder.enabled = self.view_button.enabled = not working

    def leave(self) -> None:
        """Stop with the dock."""
        if self._background.stopped:
            return
        self._background.stop()
        if self._work is not None:
            self._work.cancel()
        if self._layer in self._viewer.layers:
            self._viewer.layers.remove(self._layer)
        self._layer = self._growth = None
