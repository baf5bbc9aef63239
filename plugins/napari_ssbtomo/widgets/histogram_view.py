"""A histogram with thresholds that are dragged with the mouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_ssbtomo.controllers.thresholding import Bars

__all__ = ["HistogramView"]

_HEIGHT = 130  # pixels
_MARGIN = 10.0
_FOOT = 18.0  # for the numbers below
_NEAR = 9.0  # pixels from a threshold that still grab it


class HistogramView(QWidget):
    """Shares of the grey values, on a root scale so that small phases are seen.

    Parameters
    ----------
    moved : callable
        Called while a threshold is dragged.
    """

    def __init__(self, moved: Callable[[], None]) -> None:
        super().__init__()
        self._moved = moved
        self._bars: Bars | None = None
        self._thresholds: list[float] = []
        self._colors: list[str] = []
        self._held: int | None = None
        self.setMinimumHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setToolTip(
            "Drag the lines; a voxel that equals a threshold belongs to the class above"
        )

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that it would like to have."""
        return QSize(300, _HEIGHT)

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Where the thresholds are."""
        return tuple(self._thresholds)

    def fill(self, bars: Bars | None, thresholds: Sequence[float], colors: Sequence[str]) -> None:
        """Show a histogram.

        Parameters
        ----------
        bars : Bars or None
            What is drawn.
        thresholds : sequence of float
            Rising grey values.
        colors : sequence of str
            Of the phases, darkest first.
        """
        self._bars, self._thresholds, self._colors = bars, list(thresholds), list(colors)
        self.update()

    def shift(self, number: int, value: float) -> None:
        """Move a threshold, at most up to its neighbours.

        Parameters
        ----------
        number : int
            Which, from 0.
        value : float
            Grey value.
        """
        if self._bars is None:
            return
        step = (self._bars.high - self._bars.low) * 1e-3
        below = self._thresholds[number - 1] + step if number else self._bars.low
        last = number == len(self._thresholds) - 1
        above = self._bars.high if last else self._thresholds[number + 1] - step
        self._thresholds[number] = float(min(max(value, below), above))
        self.update()
        self._moved()

    def place_of(self, value: float) -> float:
        """Return where a grey value lies across the widget.

        Parameters
        ----------
        value : float
            Grey value.

        Returns
        -------
        float
            Pixels from the left.
        """
        assert self._bars is not None
        span = self._bars.high - self._bars.low
        return _MARGIN + (value - self._bars.low) / span * (self.width() - 2 * _MARGIN)

    def _value_at(self, place: float) -> float:
        assert self._bars is not None
        share = (place - _MARGIN) / max(self.width() - 2 * _MARGIN, 1.0)
        return self._bars.low + share * (self._bars.high - self._bars.low)

    def _near(self, place: float) -> int | None:
        if self._bars is None or not self._thresholds:
            return None
        far = [abs(self.place_of(value) - place) for value in self._thresholds]
        nearest = int(np.argmin(far))
        return nearest if far[nearest] <= _NEAR else None

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802
        """Take a threshold in hand."""
        self._held = self._near(event.position().x())

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802
        """Drag it."""
        place = event.position().x()
        if self._held is not None:
            self.shift(self._held, self._value_at(place))
        grab = self._held is not None or self._near(place) is not None
        self.setCursor(Qt.CursorShape.SplitHCursor if grab else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802
        """Let go of it."""
        self._held = None

    def paintEvent(self, event: Any) -> None:  # noqa: N802
        """Draw the bars in the colours of their phases, and the thresholds."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().text().color()
        if self._bars is None:
            painter.setPen(ink)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "press Find thresholds")
        else:
            self._draw_bars(painter, self._bars)
            self._draw_thresholds(painter, ink)
        painter.end()

    def _draw_bars(self, painter: QPainter, bars: Bars) -> None:
        tops = np.sqrt(bars.heights / max(float(bars.heights.max()), 1e-300))
        edges = np.linspace(bars.low, bars.high, len(tops) + 1)
        room = self.height() - _FOOT - 4
        painter.setPen(Qt.PenStyle.NoPen)
        for top, low, high in zip(tops, edges, edges[1:], strict=False):
            phase = int(np.searchsorted(self._thresholds, (low + high) / 2, side="right"))
            color = self._colors[phase] if phase < len(self._colors) else "#808080"
            painter.setBrush(QColor(color))
            left, right = self.place_of(float(low)), self.place_of(float(high))
            height = float(top) * room
            painter.drawRect(QRectF(left, 4 + room - height, max(right - left, 1.0), height))

    def _draw_thresholds(self, painter: QPainter, ink: QColor) -> None:
        floor = self.height() - _FOOT
        for value in self._thresholds:
            at = self.place_of(value)
            painter.setPen(QPen(ink, 1.5))
            painter.drawLine(QPointF(at, 2), QPointF(at, floor))
            painter.setBrush(ink)
            painter.drawPolygon(QPolygonF([QPointF(at - 5, 0), QPointF(at + 5, 0), QPointF(at, 8)]))
            text = QRectF(at - 40, floor, 80, _FOOT)
            moved = min(max(text.left(), 0), self.width() - 80)
            text.moveLeft(moved)
            painter.drawText(text, Qt.AlignmentFlag.AlignCenter, f"{value:.5g}")
