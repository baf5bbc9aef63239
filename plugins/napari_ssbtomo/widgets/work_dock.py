"""A dock that works in the background: says what it does, tells problems, stops when it is closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, Label, ProgressBar, PushButton, TextEdit, show_file_dialog

from napari_ssbtomo.controllers.working import Doing, Ended, Hands, Work
from napari_ssbtomo.widgets.background import Background
from napari_ssbtomo.widgets.closing import Closing

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["WorkDock", "fill_width"]

_WIDTH = 340  # pixels


class WorkDock(Container[Any]):
    """What the docks share.

    Made with ``viewer``: the viewer; ``rows``: makes the rows of the dock, once `told`, `bar`,
    `cancel_button` and `messages` are there.
    """

    def __init__(self, viewer: ViewerModel, rows: Callable[[], list[Any]]) -> None:
        self._viewer = viewer
        self._work: Work[Any] | None = None
        self._background = Background(self._show_doing, self._end_work, self._leave)
        self.told = Label(value="")
        fill_width(self.told.native)
        self.bar = ProgressBar(value=0, min=0, max=1, visible=False)
        self.cancel_button = PushButton(text="Cancel", enabled=False)
        self.messages = TextEdit(visible=False)
        self.messages.read_only = True
        self.messages.min_height, self.messages.max_height = 56, 84
        super().__init__(widgets=rows(), labels=False)
        self.native.layout().addStretch()
        self.min_width = _WIDTH
        self.cancel_button.changed.connect(self._cancel)
        self._closing = Closing(self, self._viewer, self._leave)

    def do(self, task: Callable[[Hands], Any]) -> None:
        """Do something long in the background, one thing at a time.

        Parameters
        ----------
        task : callable
            Takes `Hands`, returns a value; may raise in words.
        """
        if self._background.busy:
            return
        self.say("")
        self._work = Work(task, type(self).__name__)
        self._set_working(working=True)
        self._background.start(self.native, self._work.steps)

    def say(self, text: str) -> None:
        """Show a message; an empty one takes the last away.

        Parameters
        ----------
        text : str
            In words.
        """
        self.messages.value = text
        self.messages.visible = bool(text)

    def views(self) -> list[Any]:
        """List the events after which another slice is seen.

        Returns
        -------
        list
            Events of the viewer's dims.
        """
        dims = self._viewer.dims.events
        return [dims.current_step, dims.ndisplay, dims.order]

    def ask_recipe(self) -> Path | None:
        """Ask where a recipe is saved.

        Returns
        -------
        pathlib.Path or None
            The file; ``None`` if the user does not want to.
        """
        file = show_file_dialog(
            mode="w", caption="Save a recipe", filter="*.yaml", parent=self.native
        )
        return Path(str(file)).with_suffix(".yaml") if file else None

    def _take(self, value: Any) -> None:
        """Take what came out of `do`."""
        raise NotImplementedError

    def _starters(self) -> list[Any]:
        """List the buttons that start work: they are off while there is some."""
        return []

    def _let_go(self) -> None:
        """Leave what else the dock holds; it is being closed."""

    def _show_doing(self, doing: Doing) -> None:
        if self._work is not None and not self._work.cancelling:
            self.told.value = doing.what
            self.bar.max = doing.total  # 0 shows that it goes on
            self.bar.value = doing.done

    def _end_work(self, ended: Ended[Any]) -> None:
        self._set_working(working=False)
        self.told.value = "Cancelled." if ended.cancelled else ""
        if ended.problem and not ended.cancelled:
            self.say(ended.problem)
        if ended.value is not None:
            self._take(ended.value)

    def _cancel(self) -> None:
        if self._work is not None:
            self._work.cancel()
            self.cancel_button.enabled = False
            self.told.value = "stopping …"

    def _set_working(self, *, working: bool) -> None:
        self.cancel_button.enabled = self.bar.visible = working
        for button in self._starters():
            button.enabled = not working

    def _leave(self) -> None:
        """Stop all work with the dock."""
        if self._background.stopped:
            return
        self._background.stop()
        if self._work is not None:
            self._work.cancel()
        self._let_go()


def fill_width(label: Any) -> None:
    """Let a label wrap its text, as wide as the dock is.

    Parameters
    ----------
    label : QLabel
        The label.
    """
    from qtpy.QtWidgets import QSizePolicy

    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
