"""The dock that runs a recipe: pick, run, watch, cancel, read the table."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import CheckBox, Container, FileEdit, Label, ProgressBar, PushButton, TextEdit

from napari_ssbtomo.controllers.layer_data import LayerData
from napari_ssbtomo.controllers.layering import adding, compiled, recipe_of
from napari_ssbtomo.controllers.results_opening import results_layers
from napari_ssbtomo.controllers.running import (
    RunController,
    Runner,
    RunOutcome,
    RunState,
    results_folder,
)
from napari_ssbtomo.widgets.background import Background
from napari_ssbtomo.widgets.closing import Closing
from napari_ssbtomo.widgets.result_table import ResultTable
from napari_ssbtomo.widgets.rows import field_row, plain_row
from napari_ssbtomo.widgets.turns import in_turns
from ssbtomo.errors import SsbtomoError

if TYPE_CHECKING:
    from collections.abc import Generator

    import pandas as pd
    from napari.components import ViewerModel

    from ssbtomo.results import Results

__all__ = ["RunDock"]

_WIDTH = 340  # pixels


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a run with all that the window needs to show it."""

    outcome: RunOutcome
    table: pd.DataFrame | None = None
    layers: list[LayerData] = field(default_factory=list)


class RunDock(Container[Any]):
    """Run a recipe in the background, and show its results.

    The layers of the results go to the viewer that it is made with. Tests may give
    another `run` in place of `ssbtomo.runner.run`.
    """

    def __init__(self, napari_viewer: ViewerModel, *, run: Runner | None = None) -> None:
        self._viewer = napari_viewer
        self._run = run
        self._controller: RunController | None = None
        self._results: Results | None = None
        self._suggested: Path | None = None
        self._background = Background(self._show_state, self._show_end, self.leave)
        self.recipe = FileEdit(
            mode=FileDialogMode.EXISTING_FILE, filter="*.yaml *.yml", nullable=True
        )
        self.out = FileEdit(mode=FileDialogMode.EXISTING_DIRECTORY, nullable=True)
        self.show_layers = CheckBox(value=True, text="Show the results as layers")
        self.run_button = PushButton(text="Run")
        self.cancel_button = PushButton(text="Cancel", enabled=False)
        self.report_button = PushButton(text="Open report", enabled=False)
        self.doing = Label(value="Pick a recipe, then press Run.")
        self.bar = ProgressBar(value=0, min=0, max=1)
        self.messages = TextEdit(visible=False)
        self.results = ResultTable()
        super().__init__(widgets=[*self._rows(), *self._answers()], labels=False)
        self.min_width = _WIDTH
        self._connect()
        self._follow_layers()

    def _rows(self) -> list[Any]:
        for edit, text in ((self.recipe, "recipe.yaml"), (self.out, "folder for the results")):
            edit.choose_btn.text = "…"
            edit.choose_btn.max_width = 36
            edit.line_edit.native.setPlaceholderText(text)
        return [
            field_row("Recipe", self.recipe),
            field_row("Results", self.out),
            self.show_layers,
            plain_row(self.run_button, self.cancel_button, self.report_button),
        ]

    def _answers(self) -> list[Any]:
        self.messages.read_only = True
        self.messages.min_height = 80
        self.messages.max_height = 110
        return [self.doing, self.bar, self.messages, self.results]

    def _connect(self) -> None:
        self.recipe.changed.connect(self._suggest_folder)
        self.run_button.changed.connect(self._start)
        self.cancel_button.changed.connect(self._cancel)
        self.report_button.changed.connect(self._open_report)
        self._viewer.layers.events.inserted.connect(self._follow_layers)
        self._closing = Closing(self, self._viewer, self.leave)

    def _follow_layers(self, _event: object = None) -> None:
        """Take the recipe that an opened sample names, if none was picked."""
        recipe = recipe_of(self._viewer.layers)
        if recipe is not None and self.recipe.value is None:
            self.recipe.value = recipe

    def _suggest_folder(self, recipe: Path | None) -> None:
        if recipe is not None and self.out.value in (None, self._suggested):
            self._suggested = self.out.value = results_folder(recipe)

    def _start(self) -> None:
        if self._background.busy:
            return
        self._controller = RunController(_path(self.recipe), _path(self.out), run=self._run)
        self._set_running(running=True)
        self._show_state(RunState())
        self._background.start(self.native, self._steps)

    def _steps(self) -> Generator[RunState, None, _End]:
        """Run, and open the results, away from the window."""
        assert self._controller is not None
        outcome = yield from self._controller.steps()
        if outcome.results is None:
            return _End(outcome)
        try:
            layers = []
            if self.show_layers.value:
                layers = compiled(results_layers(outcome.results.path))
            return _End(outcome, outcome.results.table, layers)
        except SsbtomoError as error:
            return _End(RunOutcome(outcome.results, problem=str(error)))

    def _cancel(self) -> None:
        if self._controller is not None:
            self._controller.cancel()
            self.cancel_button.enabled = False
            self.doing.value = "stopping …"

    def _show_state(self, state: RunState) -> None:
        if self._controller is None or self._controller.cancelling:
            return
        self.doing.value = state.doing
        self.bar.max = state.total
        self.bar.value = state.done
        self._say("\n".join(state.lines))

    def _show_end(self, end: _End) -> None:
        outcome = end.outcome
        self._results = outcome.results
        self.report_button.enabled = bool(outcome.results and outcome.results.report.is_file())
        self.bar.max = 1
        self.bar.value = int(outcome.results is not None)
        if outcome.problem:
            self._say(outcome.problem)
        if end.table is not None:
            self.results.fill(end.table)
        in_turns(adding(self._viewer, end.layers), lambda: self._settle(outcome))

    def _settle(self, outcome: RunOutcome) -> None:
        """Say how the run ended, and be ready for the next, once its layers are there."""
        if self._background.stopped:
            return
        self._set_running(running=False)
        self.doing.value = _verdict(outcome)

    def _say(self, text: str) -> None:
        if text != self.messages.value:
            self.messages.value = text
            self.messages.visible = bool(text)
            bar = self.messages.native.verticalScrollBar()
            bar.setValue(bar.maximum())

    def _set_running(self, *, running: bool) -> None:
        self.run_button.enabled = not running
        self.cancel_button.enabled = running
        self.recipe.enabled = self.out.enabled = not running

    def _open_report(self) -> None:
        if self._results is not None:
            webbrowser.open(self._results.report.absolute().as_uri())

    def leave(self) -> None:
        """Stop the run with its dock, and let go of the viewer."""
        if self._background.stopped:
            return
        self._background.stop()
        if self._controller is not None:
            self._controller.cancel()
        self._viewer.layers.events.inserted.disconnect(self._follow_layers)


def _path(edit: FileEdit) -> Path | None:
    """Return the one path of a field, if there is one."""
    value = edit.value
    return value if isinstance(value, Path) else None


def _verdict(outcome: RunOutcome) -> str:
    if outcome.cancelled:
        return "Cancelled. Press Run to go on where it stopped."
    if outcome.problem:
        return "The run stopped with a problem:"
    return "Done."
