"""A small plot of numbers along a stack: light enough to be drawn anew at every slice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.widgets.events import EventFilter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TracePlot"]

_LINE, _MARK, _CURSOR = "#56b4e9", "#d55e00", "#f0e442"  # Okabe-Ito
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 8, 18, 18  # pixels around the plot
_NEAR = 6  # pixels


class TracePlot:
    """Numbers by slice; a click goes to the slice.

    Parameters
    ----------
    on_pick : callable
        Takes the number of the slice that was clicked.
    """

    def __init__(self, on_pick: Callable[[int], None]) -> None:
        from qtpy.QtWidgets import QSizePolicy, QWidget

        self._values: NDArray[np.float64] | None = None
        self._title = ""
        self._marked: frozenset[int] = frozenset()
        self._cursor = 0
        self._on_pick = on_pick
        self.native = QWidget()
        self.native.setMinimumHeight(120)
        self.native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._events = EventFilter(self.native, self._event)

    def show_trace(self, values: NDArray[np.float64], title: str, marked: Iterable[int]) -> None:
        """Show numbers.

        Parameters
        ----------
        values : ndarray of float, shape (Z,)
            One per slice; NaN where there is none.
        title : str
            What they are.
        marked : iterable of int
            Slices that stand out.
        """
        self._values, self._title, self._marked = values, title, frozenset(marked)
        self.native.update()

    def show_cursor(self, number: int) -> None:
        """Mark the slice that the window shows.

        Parameters
        ----------
        number : int
            The slice.
        """
        if number != self._cursor:
            self._cursor = number
            self.native.update()

    def slice_at(self, pixel: float) -> int:
        """Return the slice that lies over a pixel.

        Parameters
        ----------
        pixel : float
            From the left of the plot.

        Returns
        -------
        int
            The nearest slice; a marked one if it is within a few pixels.
        """
        if self._values is None or not len(self._values):
            return 0
        near = [n for n in self._marked if abs(self._across(n) - pixel) <= _NEAR]
        if near:
            return min(near, key=lambda n: abs(self._across(n) - pixel))
        span = max(self.native.width() - _LEFT - _RIGHT, 1)
        number = round((pixel - _LEFT) / span * (len(self._values) - 1))
        return min(max(number, 0), len(self._values) - 1)

    def _across(self, number: int) -> float:
        assert self._values is not None
        span = max(self.native.width() - _LEFT - _RIGHT, 1)
        return float(_LEFT + span * number / max(len(self._values) - 1, 1))

    def _event(self, event: Any) -> bool:
        from qtpy.QtCore import QEvent

        if event.type() == QEvent.Type.Paint:
            self._paint()
            return True
        if event.type() == QEvent.Type.MouseButtonPress and self._values is not None:
            self._on_pick(self.slice_at(event.position().x()))
            return True
        return False

    def _paint(self) -> None:
        from qtpy.QtGui import QColor, QPainter, QPalette

        painter = QPainter(self.native)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.native.palette().color(QPalette.ColorRole.WindowText)
        painter.fillRect(self.native.rect(), QColor(128, 128, 128, 24))
        painter.setPen(ink)
        painter.drawText(_LEFT, 13, self._title)
        if self._values is not None:
            self._draw(painter)
        painter.end()

    def _draw(self, painter: Any) -> None:
        import numpy as np
        from qtpy.QtCore import QPointF
        from qtpy.QtGui import QColor, QPen, QPolygonF

        values = np.asarray(self._values, float)
        known = np.flatnonzero(np.isfinite(values))
        width, height = self.native.width(), self.native.height()
        painter.drawText(_LEFT, height - 4, "0")
        last = str(max(len(values) - 1, 0))
        painter.drawText(width - _RIGHT - 7 * len(last), height - 4, last)
        painter.drawText(width // 2 - 12, height - 4, "slice")
        if not known.size:
            painter.drawText(_LEFT + 8, height // 2, "not known yet")
            return
        low, high = float(values[known].min()), float(values[known].max())
        span = (high - low) or 1.0
        painter.drawText(2, _TOP + 8, f"{high:.4g}")
        painter.drawText(2, height - _BOTTOM, f"{low:.4g}")

        def point(number: int) -> Any:
            up = (values[number] - low) / span
            return QPointF(self._across(number), height - _BOTTOM - up * (height - _TOP - _BOTTOM))

        painter.setPen(QPen(QColor(_LINE), 1.4))
        painter.drawPolyline(QPolygonF([point(n) for n in known.tolist()]))
        painter.setPen(QPen(QColor(_CURSOR), 1))
        across = self._across(self._cursor)
        painter.drawLine(QPointF(across, _TOP), QPointF(across, height - _BOTTOM))
        painter.setPen(QPen(QColor(_MARK), 1))
        painter.setBrush(QColor(_MARK))
        for number in self._marked.intersection(known.tolist()):
            painter.drawEllipse(point(number), 3.5, 3.5)
