"""A table of objects that stays quick with a hundred thousand rows: only what is seen is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QSortFilterProxyModel, Qt
from qtpy.QtWidgets import QAbstractItemView, QTableView

from napari_ssbtomo.controllers.inspecting import column_titles

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ObjectTable"]


class ObjectTable:
    """Rows of objects, sorted by a click on a column.

    Parameters
    ----------
    on_pick : callable
        Takes the row of the table that a user picked.
    """

    def __init__(self, on_pick: Callable[[int], None]) -> None:
        self._on_pick = on_pick
        self._showing = False
        self._model = _Rows()
        self._sorted = QSortFilterProxyModel()
        self._sorted.setSourceModel(self._model)
        self._sorted.setSortRole(Qt.ItemDataRole.UserRole)
        self.native = QTableView()
        self.native.setModel(self._sorted)
        self.native.setSortingEnabled(True)
        self.native.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.native.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.native.verticalHeader().hide()
        self.native.verticalHeader().setDefaultSectionSize(22)
        self.native.setMinimumHeight(160)
        self.native.selectionModel().currentRowChanged.connect(self._picked)

    def fill(self, frame: pd.DataFrame | None, key: str = "") -> None:
        """Show a table in place of the former one.

        Parameters
        ----------
        frame : pandas.DataFrame or None
            The rows.
        key : str
            What the labels count.
        """
        self._showing = True
        self._sorted.sort(-1)
        self._model.fill(frame, [] if frame is None else column_titles(frame, key))
        self.native.horizontalHeader().setSortIndicator(-1, self._sorted.sortOrder())
        for column, title in enumerate(self._model.titles):
            self.native.setColumnWidth(column, min(max(9 * len(title) + 20, 64), 200))
        self._showing = False

    def show_row(self, row: int | None) -> None:
        """Mark a row and bring it into view.

        Parameters
        ----------
        row : int or None
            Of the table as it was filled in; ``None`` marks none.
        """
        self._showing = True
        if row is None:
            self.native.clearSelection()
        else:
            index = self._sorted.mapFromSource(self._model.index(row, 0))
            self.native.selectRow(index.row())
            self.native.scrollTo(index)
        self._showing = False

    @property
    def row(self) -> int | None:
        """The row that is marked, of the table as it was filled in."""
        chosen = self.native.selectionModel().selectedRows()
        return int(self._sorted.mapToSource(chosen[0]).row()) if chosen else None

    def _picked(self, current: Any, _before: Any) -> None:
        if current.isValid() and not self._showing:
            self._on_pick(int(self._sorted.mapToSource(current).row()))


class _Rows(QAbstractTableModel):
    """A data frame as Qt asks for it, cell by cell."""

    def __init__(self) -> None:
        super().__init__()
        self.columns: list[Any] = []
        self.titles: list[str] = []
        self.count = 0

    def fill(self, frame: Any, titles: list[str]) -> None:
        self.beginResetModel()
        self.titles = titles
        self.columns = [] if frame is None else [frame[name].to_numpy() for name in frame]
        self.count = 0 if frame is None else len(frame)
        self.endResetModel()

    def rowCount(self, parent: Any = None) -> int:  # noqa: N802 - Qt's name
        return 0 if _inside(parent) else self.count

    def columnCount(self, parent: Any = None) -> int:  # noqa: N802 - Qt's name
        return 0 if _inside(parent) else len(self.columns)

    def data(self, index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return _cell(self.columns[index.column()][index.row()], role)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:  # noqa: N802
        across = orientation == Qt.Orientation.Horizontal
        shown = role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole)
        return self.titles[section] if shown and across else None


def _inside(parent: Any) -> bool:
    """Tell whether Qt asks for what is below a row: a table has nothing there."""
    return parent is not None and bool(parent.isValid())


def _cell(value: Any, role: int) -> Any:
    """Return a value in four digits, or as it is for sorting."""
    if role == Qt.ItemDataRole.DisplayRole:
        return f"{value:.4g}" if hasattr(value, "is_integer") and value % 1 else str(value)
    if role == Qt.ItemDataRole.UserRole:
        return value.item() if hasattr(value, "item") else value
    return None
