"""A plot of one quantity for all its subjects, with their ranges."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.widgets.events import EventFilter

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RangePlot"]

_DOT, _BAR = "#e69f00", "#56b4e9"  # Okabe-Ito
_NAMES, _RIGHT, _ROW, _TOP, _BOTTOM = 120, 12, 20, 6, 20  # pixels


class RangePlot:
    """Dots with bars from low to high; a list above says of which quantity."""

    def __init__(self) -> None:
        from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

        self._rows: list[tuple[str, float, float, float]] = []
        self._frame: pd.DataFrame | None = None
        self.native = QWidget()
        column = QVBoxLayout(self.native)
        column.setContentsMargins(0, 0, 0, 0)
        self.quantity = QComboBox()
        self.quantity.currentTextChanged.connect(self._choose)
        self.canvas = QWidget()
        column.addWidget(self.quantity)
        column.addWidget(self.canvas)
        self._events = EventFilter(self.canvas, self._event)
        self.native.setVisible(False)

    def fill(self, frame: pd.DataFrame) -> None:
        """Offer the quantities of a table.

        Parameters
        ----------
        frame : pandas.DataFrame
            Columns as in `ssbtomo.results.COLUMNS`.
        """
        self._frame = frame
        names = list(dict.fromkeys(frame["quantity"]))
        self.quantity.clear()
        self.quantity.addItems([str(name) for name in names])
        self.native.setVisible(bool(names))
        self._choose(self.quantity.currentText())

    def _choose(self, quantity: str) -> None:
        if self._frame is None or not quantity:
            self._rows = []
            return
        chosen = self._frame[self._frame["quantity"] == quantity]
        subjects = [str(name).replace("|", " | ") for name in chosen["subject"]]
        numbers = (map(float, chosen[name]) for name in ("value", "low", "high"))
        self._rows = list(zip(subjects, *numbers, strict=True))
        self.canvas.setFixedHeight(_TOP + _BOTTOM + _ROW * min(max(len(self._rows), 1), 8))
        self.canvas.update()

    def _event(self, event: Any) -> bool:
        from qtpy.QtCore import QEvent

        if event.type() != QEvent.Type.Paint:
            return False
        self._paint()
        return True

    def _paint(self) -> None:
        from qtpy.QtCore import QPointF
        from qtpy.QtGui import QColor, QPainter, QPalette, QPen

        painter = QPainter(self.canvas)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.canvas.palette().color(QPalette.ColorRole.WindowText)
        numbers = [v for row in self._rows for v in row[1:] if isfinite(v)]
        low, high = (min(0.0, *numbers), max(numbers)) if len(numbers) > 1 else (0.0, 1.0)
        span = (high - low) or 1.0
        width = self.canvas.width() - _NAMES - _RIGHT

        def across(value: float) -> float:
            return _NAMES + width * (value - low) / span

        for number, (name, value, least, most) in enumerate(self._rows[:8]):
            middle = _TOP + _ROW * (number + 0.5)
            painter.setPen(ink)
            short = painter.fontMetrics().elidedText(name, _elide(), _NAMES - 6)
            painter.drawText(2, int(middle + 4), short)
            if not isfinite(value):
                painter.drawText(_NAMES, int(middle + 4), f"{value:g}")
                continue
            if isfinite(least) and isfinite(most):
                painter.setPen(QPen(QColor(_BAR), 4))
                painter.drawLine(QPointF(across(least), middle), QPointF(across(most), middle))
            painter.setPen(QPen(QColor(_DOT), 1))
            painter.setBrush(QColor(_DOT))
            painter.drawEllipse(QPointF(across(value), middle), 2.5, 2.5)
        painter.setPen(ink)
        base = self.canvas.height() - 5
        painter.drawText(_NAMES, base, f"{low:.3g}")
        text = f"{high:.3g}"
        painter.drawText(self.canvas.width() - _RIGHT - 7 * len(text), base, text)
        painter.end()


def _elide() -> Any:
    from qtpy.QtCore import Qt

    return Qt.TextElideMode.ElideRight
