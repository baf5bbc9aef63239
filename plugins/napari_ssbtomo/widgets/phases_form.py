"""The phases of a recipe: a row each, darkest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_ssbtomo.controllers.recipe_draft import RecipeDraft
from ssbtomo.palette import ROLES, phase_colors

__all__ = ["PhasesForm"]

_KEY = ("phases",)
_MOST, _LEAST = 5, 2


class PhasesForm:
    """Names, roles and values of the phases.

    Parameters
    ----------
    draft : RecipeDraft
        What is written.
    """

    def __init__(self, draft: RecipeDraft) -> None:
        from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

        self._draft = draft
        self._filling = False
        self.native = QWidget()
        column = QVBoxLayout(self.native)
        column.setContentsMargins(2, 2, 2, 2)
        about = QLabel("The phases, darkest first; the roles set colours and measures.")
        about.setWordWrap(True)
        self.table: Any = _table()
        self.table.itemChanged.connect(self._written)
        column.addWidget(about)
        column.addWidget(self.table)
        column.addLayout(self._buttons())
        self._problem = QLabel("")
        self._problem.setWordWrap(True)
        self._problem.setStyleSheet("color: #e69f00;")
        column.addWidget(self._problem)
        column.addStretch(1)
        self.show_recipe()

    def _buttons(self) -> Any:
        from qtpy.QtWidgets import QHBoxLayout, QPushButton

        line = QHBoxLayout()
        self.add_button = QPushButton("Add a brighter one")
        self.remove_button = QPushButton("Remove")
        self.add_button.clicked.connect(self._add)
        self.remove_button.clicked.connect(self._remove)
        line.addWidget(self.add_button)
        line.addWidget(self.remove_button)
        return line

    def show_recipe(self) -> None:
        """Show what the recipe says now."""
        from qtpy.QtGui import QColor
        from qtpy.QtWidgets import QComboBox, QTableWidgetItem

        self._filling = True
        phases = self._phases()
        colors = phase_colors((str(p.get("name")), str(p.get("role"))) for p in phases)
        self.table.setRowCount(len(phases))
        for row, phase in enumerate(phases):
            name = QTableWidgetItem(str(phase.get("name", "")))
            name.setData(1, QColor(colors.get(str(phase.get("name")), "#0072b2")))  # a square
            self.table.setItem(row, 0, name)
            role = QComboBox()
            role.addItems(list(ROLES))
            role.setCurrentText(str(phase.get("role", "other")))
            role.currentTextChanged.connect(self._written)
            self.table.setCellWidget(row, 1, role)
            value = phase.get("value")
            self.table.setItem(row, 2, QTableWidgetItem("" if value is None else str(value)))
        self.add_button.setEnabled(len(phases) < _MOST)
        self.remove_button.setEnabled(len(phases) > _LEAST)
        self._filling = False

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Write the problems of phases under the table.

        Parameters
        ----------
        problems : mapping of str to str
            By dotted key.
        """
        own = [f"{key}: {what}" for key, what in problems.items() if key.startswith("phases")]
        self._problem.setText("\n".join(own))

    def _phases(self) -> list[dict[str, Any]]:
        told = self._draft.get(_KEY, [])
        return [dict(one) for one in told if isinstance(one, Mapping)]

    def _written(self, *_: Any) -> None:
        if self._filling:
            return
        phases = self._phases()
        for row, phase in enumerate(phases):
            phase["name"] = self.table.item(row, 0).text().strip()
            phase["role"] = self.table.cellWidget(row, 1).currentText()
            value = self.table.item(row, 2).text().strip()
            phase.pop("value", None)
            if value:
                phase["value"] = int(value) if value.isdigit() else value
        self._draft.set(_KEY, phases)

    def _add(self) -> None:
        self._draft.set(_KEY, [*self._phases(), {"name": "another", "role": "other"}])

    def _remove(self) -> None:
        row = self.table.currentRow()
        phases = self._phases()
        del phases[row if 0 <= row < len(phases) else -1]
        self._draft.set(_KEY, phases)


def _table() -> Any:
    from qtpy.QtWidgets import QHeaderView, QTableWidget

    table: Any = QTableWidget(0, 3)
    table.setHorizontalHeaderLabels(["name", "role", "value"])
    table.horizontalHeaderItem(2).setToolTip("Its value in the scan, for method: labels")
    table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    table.setColumnWidth(1, 132)
    table.setColumnWidth(2, 50)
    table.verticalHeader().setDefaultSectionSize(28)
    table.setMaximumHeight(190)
    return table
