"""Fields of a recipe in Qt: one page per section, each field with its help and its problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from napari_ssbtomo.controllers.recipe_draft import RecipeDraft
from napari_ssbtomo.controllers.recipe_forms import Field, Page, read_value, shown_value
from ssbtomo.errors import RecipeError

__all__ = ["PageForm"]

_ABSENT = "(absent)"
_PROBLEM = "color: #e69f00;"  # Okabe-Ito orange: told apart from text by all eyes
_INTEGERS = 2**31 - 1


class PageForm:
    """The fields of one section.

    Parameters
    ----------
    page : Page
        The section.
    draft : RecipeDraft
        What is written.
    """

    def __init__(self, page: Page, draft: RecipeDraft) -> None:
        from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

        self.page = page
        self._draft = draft
        self._rows: dict[str, _Row] = {}
        self.native = QWidget()
        column = QVBoxLayout(self.native)
        column.setContentsMargins(2, 2, 2, 2)
        if page.help:
            about = QLabel(page.help)
            about.setWordWrap(True)
            column.addWidget(about)
        for one in page.fields:
            row = _Row(one, draft)
            self._rows[".".join(one.key)] = row
            column.addWidget(row.native)
        column.addStretch(1)

    def field(self, name: str) -> Any:
        """Return the Qt widget of a field.

        Parameters
        ----------
        name : str
            Dotted key.

        Returns
        -------
        QWidget
            What the user fills in.
        """
        return self._rows[name].editor

    def show_recipe(self) -> None:
        """Show what the recipe says now."""
        for row in self._rows.values():
            row.show_value()

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Write each problem under its field.

        Parameters
        ----------
        problems : mapping of str to str
            By dotted key.
        """
        for name, row in self._rows.items():
            row.show_problem(
                "; ".join(
                    what for key, what in problems.items() if key == name or _below(key, name)
                )
            )


def _below(key: str, name: str) -> bool:
    return key.startswith(f"{name}.")


class _Row:
    """A name, its editor, and what is wrong with it."""

    def __init__(self, one: Field, draft: RecipeDraft) -> None:
        from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

        self._field, self._draft = one, draft
        self._filling = False
        self.native = QWidget()
        self.native.setToolTip(_help(one))
        column = QVBoxLayout(self.native)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        line = QHBoxLayout()
        name = QLabel(one.label)
        name.setFixedWidth(118)
        name.setWordWrap(True)
        line.addWidget(name)
        self.editor, self._read, self._show = _EDITORS[one.kind](one, self._written)
        line.addWidget(self.editor, 1)
        if one.kind == "file":
            line.addWidget(_file_button(self.editor))
        column.addLayout(line)
        self._problem = QLabel("")
        self._problem.setWordWrap(True)
        self._problem.setStyleSheet(_PROBLEM)
        self._problem.hide()
        column.addWidget(self._problem)
        self.show_value()

    def show_value(self) -> None:
        value = self._draft.get(self._field.key)
        self._filling = True
        try:
            self._show(value)
        finally:
            self._filling = False

    def show_problem(self, what: str) -> None:
        self._problem.setText(what)
        self._problem.setVisible(bool(what))

    def _written(self, *_: Any) -> None:
        if self._filling:
            return
        try:
            value = self._read()
        except RecipeError as error:
            self.show_problem(error.problem)
            return
        one = self._field
        same = value == one.default and not one.optional
        self._draft.set(one.key, None if same else value)


Editor = tuple[Any, Callable[[], Any], Callable[[Any], None]]


def _yes_or_no(one: Field, changed: Callable[..., None]) -> Editor:
    from qtpy.QtWidgets import QCheckBox, QComboBox

    if one.optional:
        combo = QComboBox()
        combo.addItems([_ABSENT, "yes", "no"])
        combo.currentTextChanged.connect(changed)
        told = {"yes": True, "no": False}
        return (
            combo,
            lambda: told.get(combo.currentText()),
            lambda value: combo.setCurrentText({True: "yes", False: "no"}.get(value, _ABSENT)),
        )
    box = QCheckBox()
    box.toggled.connect(changed)
    return box, box.isChecked, lambda v: box.setChecked(bool(one.default if v is None else v))


def _choice(one: Field, changed: Callable[..., None]) -> Editor:
    from qtpy.QtWidgets import QComboBox

    combo = QComboBox()
    combo.addItems([_ABSENT] * one.optional + list(one.choices))
    combo.currentTextChanged.connect(changed)

    def show(value: Any) -> None:
        wanted = one.default if value is None else value
        combo.setCurrentText(_ABSENT if wanted is None else str(wanted))

    def read() -> Any:
        text = combo.currentText()
        return None if text == _ABSENT else text

    return combo, read, show


def _choices(one: Field, changed: Callable[..., None]) -> Editor:
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QListWidget, QListWidgetItem

    listed = QListWidget()
    for name in one.choices:
        item = QListWidgetItem(name)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(Qt.CheckState.Unchecked)
        listed.addItem(item)
    listed.setFixedHeight(min(18 * len(one.choices) + 8, 150))
    listed.itemChanged.connect(changed)
    items = [listed.item(n) for n in range(listed.count())]

    def read() -> Any:
        return [item.text() for item in items if item.checkState() == Qt.CheckState.Checked]

    def show(value: Any) -> None:
        wanted = one.default if value is None else value
        for item in items:
            on = item.text() in (wanted or ())
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    return listed, read, show


def _whole_number(one: Field, changed: Callable[..., None]) -> Editor:
    from qtpy.QtWidgets import QSpinBox

    if one.optional:
        return _text(one, changed)
    box = QSpinBox()
    low = -_INTEGERS if one.low is None else int(one.low)
    high = _INTEGERS if one.high is None else int(one.high)
    box.setRange(low, high)
    box.setKeyboardTracking(False)
    box.valueChanged.connect(changed)
    return box, box.value, lambda v: box.setValue(int(one.default if v is None else v))


def _text(one: Field, changed: Callable[..., None]) -> Editor:
    from qtpy.QtWidgets import QLineEdit

    edit = QLineEdit()
    edit.setPlaceholderText(_placeholder(one))
    edit.editingFinished.connect(changed)
    return (
        edit,
        lambda: read_value(one, edit.text()),
        lambda value: edit.setText(shown_value(one, value)),
    )


_EDITORS: dict[str, Callable[[Field, Callable[..., None]], Editor]] = {
    "yes or no": _yes_or_no,
    "choice": _choice,
    "choices": _choices,
    "whole number": _whole_number,
    "number": _text,
    "text": _text,
    "file": _text,
    "yaml": _text,
}


def _placeholder(one: Field) -> str:
    if one.default not in (None, "", [], {}):
        return shown_value(one, one.default)
    if one.kind == "yaml":
        return "[…]"
    return _ABSENT if one.optional else ""


def _help(one: Field) -> str:
    bounds = ""
    if one.low is not None or one.high is not None:
        ends = ["…" if end is None else f"{end:g}" for end in (one.low, one.high)]
        bounds = f"\n{ends[0]} to {ends[1]}"
    return f"{'.'.join(one.key)}\n{one.help}{bounds}"


def _file_button(edit: Any) -> Any:
    from qtpy.QtWidgets import QFileDialog, QPushButton

    button = QPushButton("…")
    button.setFixedWidth(28)

    def pick() -> None:
        chosen, _ = QFileDialog.getOpenFileName(button, "Pick a file")
        if chosen:
            edit.setText(chosen)
            edit.editingFinished.emit()

    button.clicked.connect(pick)
    return button
