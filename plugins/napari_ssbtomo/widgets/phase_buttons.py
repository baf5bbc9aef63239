"""One button for each phase, in its colour: press it, or its key, to paint with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from magicgui.widgets import Container, PushButton

__all__ = ["PhaseButtons"]

_SHOWN = 3  # buttons of a row


class PhaseButtons(Container[Any]):
    """The phases that can be painted.

    Made with ``chosen``: told the label of the phase that was pressed.
    """

    def __init__(self, chosen: Callable[[int], None]) -> None:
        self._chosen = chosen
        self._buttons: dict[int, PushButton] = {}
        super().__init__(labels=False)
        self.margins = (0, 0, 0, 0)

    def fill(self, phases: Mapping[str, int], colors: Mapping[str, str]) -> None:
        """Show these phases in place of the former ones.

        Parameters
        ----------
        phases : mapping of str to int
            Names and labels, in the order of the keys 1 to 6.
        colors : mapping of str to str
            ``#rrggbb`` by name.
        """
        self.clear()
        self._buttons = {}
        row: Container[Any] | None = None
        for key, (name, label) in enumerate(phases.items(), start=1):
            if row is None or len(row) == _SHOWN:
                row = Container(layout="horizontal", labels=False)
                row.margins = (0, 0, 0, 0)
                self.append(row)
            button = PushButton(text=f"{key}  {name}")
            button.tooltip = f"Paint {name} (key {key})"
            button.native.setCheckable(True)
            button.native.setStyleSheet(_style(colors.get(name, "#808080")))
            button.native.clicked.connect(lambda _=False, label=label: self._press(label))
            row.append(button)
            self._buttons[label] = button

    def mark(self, label: int) -> None:
        """Show which phase is painted.

        Parameters
        ----------
        label : int
            Its label.
        """
        for other, button in self._buttons.items():
            button.native.setChecked(other == label)

    def _press(self, label: int) -> None:
        self.mark(label)
        self._chosen(label)


def _style(color: str) -> str:
    red, green, blue = (int(color[k : k + 2], 16) for k in (1, 3, 5))
    ink = "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 110 else "white"
    return (
        f"QPushButton {{ background: {color}; color: {ink}; padding: 3px; border: 2px solid {color}; }}"
        "QPushButton:checked { border: 2px solid white; font-weight: bold; }"
    )
