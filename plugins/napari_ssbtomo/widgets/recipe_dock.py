"""The dock that writes a recipe: forms from the recipe model, saved, copied, run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui import use_app
from magicgui.widgets import ComboBox, Container, Label, PushButton, TextEdit, show_file_dialog

from napari_ssbtomo.controllers.layering import recipe_of, scan_of
from napari_ssbtomo.controllers.recipe_draft import draft_of
from napari_ssbtomo.controllers.recipe_forms import pages
from napari_ssbtomo.controllers.running import Runner, results_folder
from napari_ssbtomo.widgets.aside import aside
from napari_ssbtomo.widgets.closing import Closing
from napari_ssbtomo.widgets.phases_form import PhasesForm
from napari_ssbtomo.widgets.recipe_form import PageForm
from napari_ssbtomo.widgets.rows import field_row, plain_row
from napari_ssbtomo.widgets.run_dock import RunDock
from ssbtomo.errors import SsbtomoError

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["RecipeDock"]

_WIDTH = 380  # pixels
_WRONG = "  (!)"


class RecipeDock(Container[Any]):
    """Write a recipe in forms, and run it.

    What other docks put into the recipe of this window appears here at once. Tests may give
    another `run` in place of `ssbtomo.runner.run`.
    """

    def __init__(self, napari_viewer: ViewerModel, *, run: Runner | None = None) -> None:
        self._viewer = napari_viewer
        self.draft = draft_of(napari_viewer)
        self._pages = {page.title: page for page in aside(pages)}  # the model is imported here
        self._forms: dict[str, PageForm | PhasesForm] = {}
        self._problems: dict[str, str] = {}
        self._left = False
        self.section = ComboBox(choices=self._sections())
        self.open_button = PushButton(text="Open …")
        self.save_button = PushButton(text="Save recipe …")
        self.command_button = PushButton(text="Copy as command")
        self.python_button = PushButton(text="Copy as Python")
        self.run_button = PushButton(text="Save and run")
        self.file = Label(value="")
        self.messages = TextEdit(visible=False)
        self.running = RunDock(napari_viewer, run=run)
        super().__init__(labels=False)
        self.margins = (0, 0, 0, 0)
        self.min_width = _WIDTH
        self._build()
        self._connect()
        self._take_layers()
        self._show_section()
        self._refresh()

    def form(self, title: str) -> Any:
        """Return the page of a section; it is made when it is first asked for.

        Parameters
        ----------
        title : str
            As in the list of sections.

        Returns
        -------
        PageForm or PhasesForm
            The page.
        """
        if title not in self._forms:
            page = self._pages[title]
            self._forms[title] = (
                PhasesForm(self.draft) if page.key == ("phases",) else PageForm(page, self.draft)
            )
            self._stack.addWidget(self._forms[title].native)
        return self._forms[title]

    def _sections(self) -> list[tuple[str, str]]:
        """Return the sections, those with a problem marked."""
        return [
            (title + _WRONG * any(self._concerns(key, page.key) for key in self._problems), title)
            for title, page in self._pages.items()
        ]

    def _concerns(self, key: str, own: tuple[str, ...]) -> bool:
        page = self._page_of(key)
        return page is not None and page.key == own

    def _page_of(self, key: str) -> Any:
        """Return the page with the longest name that a problem's key begins with."""
        steps = tuple(key.split("."))
        fitting = [p for p in self._pages.values() if steps[: len(p.key)] == p.key]
        return max(fitting, key=lambda page: len(page.key), default=None)

    def _build(self) -> None:
        from qtpy.QtWidgets import QScrollArea, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

        self._stack = QStackedWidget()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self._stack)
        self.messages.read_only = True
        self.messages.max_height = 90
        self.file.native.setWordWrap(True)
        self.tabs, writing = QTabWidget(), QWidget()
        column = QVBoxLayout(writing)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(field_row("Section", self.section).native)
        column.addWidget(area, 1)
        rows = (
            self.messages, self.file, plain_row(self.open_button, self.save_button),
            plain_row(self.command_button, self.python_button), self.run_button,
        )  # fmt: skip
        self._kept = rows  # magicgui's rows live as long as they are referred to
        for row in rows:
            column.addWidget(row.native)
        self.tabs.addTab(writing, "Recipe")
        self.tabs.addTab(self.running.native, "Run")
        self.native.layout().addWidget(self.tabs)

    def _connect(self) -> None:
        self.section.changed.connect(self._show_section)
        self.open_button.changed.connect(self._open)
        self.save_button.changed.connect(self._save_as)
        self.command_button.changed.connect(self._copy_command)
        self.python_button.changed.connect(self._copy_python)
        self.run_button.changed.connect(self._save_and_run)
        self._end_listening = self.draft.listen(self._refresh)
        self._viewer.layers.events.inserted.connect(self._take_layers)
        self._closing = Closing(self, self._viewer, self._leave)

    def _take_layers(self, _event: object = None) -> None:
        """Begin with the recipe, or the scan, of what was opened, if nothing was written yet."""
        if self.draft.path is not None or self.draft.get(("sample", "path")):
            return
        recipe, scan = recipe_of(self._viewer.layers), scan_of(self._viewer.layers)
        if recipe is not None:
            self.load(recipe)
        elif scan is not None:
            self.draft.set(("sample", "path"), str(scan))

    def load(self, path: str | Path) -> None:
        """Write the recipe of a file on.

        Parameters
        ----------
        path : str or pathlib.Path
            The recipe.
        """
        try:
            self.draft.load(path)
        except SsbtomoError as error:
            self._say(str(error))
        else:
            self.running.recipe.value = self.draft.path

    def save(self, path: str | Path) -> bool:
        """Save the recipe.

        Parameters
        ----------
        path : str or pathlib.Path
            The file.

        Returns
        -------
        bool
            Whether it was written; the dock says why not.
        """
        try:
            file = self.draft.save(path)
        except SsbtomoError as error:
            self._say(str(error))
            return False
        self.running.recipe.value = file
        return True

    def _show_section(self, _title: object = None) -> None:
        form = self.form(self.section.value)
        form.show_recipe()
        form.show_problems(self._problems)
        self._stack.setCurrentWidget(form.native)

    def _refresh(self) -> None:
        """Show the recipe as it is now, and all that is wrong with it."""
        self._problems = self.draft.problems()
        for form in self._forms.values():
            form.show_recipe()
            form.show_problems(self._problems)
        chosen = self.section.value
        self.section.choices = self._sections()
        if self.section.value != chosen:
            self.section.value = chosen
        self._say("\n".join(f"{key}: {what}" for key, what in self._problems.items()))
        place = "not saved yet" if self.draft.path is None else str(self.draft.path)
        listed = self.draft.data.get("samples")
        several = len(listed) if isinstance(listed, list) else 0
        more = f"; {several} samples, the form shows the first" if several > 1 else ""
        self.file.value = f"{place}{more}"

    def _open(self) -> None:
        chosen = show_file_dialog(mode="r", filter="*.yaml *.yml", parent=self.native)
        if chosen:
            self.load(chosen)

    def _save_as(self) -> bool:
        chosen = show_file_dialog(
            mode="w", caption="Save the recipe", filter="*.yaml", parent=self.native
        )
        return self.save(str(chosen)) if chosen else False

    def _copy_command(self) -> None:
        self._copy("command")

    def _copy_python(self) -> None:
        self._copy("python")

    def _copy(self, what: str) -> None:
        try:
            out = self.running.out.value or results_folder(self.draft.path or Path("recipe.yaml"))
            text = getattr(self.draft, what)(out)
        except SsbtomoError as error:
            self._say(str(error))
            return
        use_app().native.clipboard().setText(text)
        self._say(f"copied:\n{text}")

    def _save_and_run(self) -> None:
        if self._problems:
            self._say("\n".join(f"{key}: {what}" for key, what in self._problems.items()))
            return
        saved = self.save(self.draft.path) if self.draft.path is not None else self._save_as()
        if saved:
            self.tabs.setCurrentIndex(1)
            self.running.run_button.native.click()

    def _say(self, text: str) -> None:
        self.messages.value = text
        self.messages.visible = bool(text)

    def _leave(self) -> None:
        """Let go of the viewer, and stop the run of the other tab; called twice at worst."""
        if self._left:
            return
        self._left = True
        self.running.leave()
        self._end_listening()
        self._viewer.layers.events.inserted.disconnect(self._take_layers)
