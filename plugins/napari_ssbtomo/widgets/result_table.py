"""A table of measurements with copy and save."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui import use_app
from magicgui.widgets import Container, PushButton, Table, show_file_dialog
from napari.utils.notifications import show_info, show_warning

from napari_ssbtomo.controllers.tabling import clipboard_text, save_csv, shown
from napari_ssbtomo.widgets.rows import plain_row
from ssbtomo.errors import SsbtomoError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ResultTable"]

_WIDEST = {"quantity": 112, "subject": 92, "warnings": 240}  # pixels


class ResultTable(Container[Any]):
    """Measurements in four digits; copied and saved with all of them."""

    def __init__(self) -> None:
        self._frame: pd.DataFrame | None = None
        self.table = Table(label="")
        self.table.read_only = True
        self.table.min_height = 180
        self.copy_button = PushButton(text="Copy as CSV", enabled=False)
        self.save_button = PushButton(text="Save CSV …", enabled=False)
        buttons = plain_row(self.copy_button, self.save_button)
        super().__init__(widgets=[self.table, buttons], labels=False)
        self.margins = (0, 0, 0, 0)
        self.copy_button.changed.connect(self._copy)
        self.save_button.changed.connect(self._save)

    @property
    def frame(self) -> pd.DataFrame | None:
        """The measurements, with all digits; ``None`` before there are any."""
        return self._frame

    def fill(self, frame: pd.DataFrame) -> None:
        """Show measurements in place of the former ones.

        Parameters
        ----------
        frame : pandas.DataFrame
            Columns as in `ssbtomo.results.COLUMNS`.
        """
        self._frame = frame
        self.table.clear()
        if not frame.empty:
            self.table.value = shown(frame)
        self._fit()
        self.copy_button.enabled = self.save_button.enabled = not frame.empty

    def _fit(self) -> None:
        """Break long names into lines, so that the values stay in view."""
        native = self.table.native
        native.verticalHeader().hide()
        native.resizeColumnsToContents()
        for column, name in enumerate(self.table.column_headers):
            widest = _WIDEST.get(name, native.columnWidth(column))
            native.setColumnWidth(column, min(native.columnWidth(column), widest))
        native.resizeRowsToContents()

    def _copy(self) -> None:
        if self._frame is not None:
            use_app().native.clipboard().setText(clipboard_text(self._frame))
            show_info(f"{len(self._frame)} rows copied as CSV")

    def _save(self) -> None:
        chosen = show_file_dialog(
            mode="w", caption="Save the table", filter="*.csv", parent=self.native
        )
        if self._frame is None or not chosen:
            return
        try:
            file = save_csv(self._frame, chosen)
        except SsbtomoError as error:
            show_warning(str(error))
        else:
            show_info(f"{len(self._frame)} rows written to {file}")
