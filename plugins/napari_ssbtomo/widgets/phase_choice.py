"""Which phases are measured: all, or those that are ticked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from magicgui.widgets import LineEdit

__all__ = ["PhaseChoice"]


class PhaseChoice:
    """A line of names, completed from those that there are; empty for all."""

    def __init__(self) -> None:
        self.widget: Any = LineEdit()
        self.widget.native.setPlaceholderText("all; or names with commas between")
        self._known: list[str] = []

    def offer(self, phases: Iterable[str]) -> None:
        """Tell which phases there are.

        Parameters
        ----------
        phases : iterable of str
            Their names.
        """
        self._known = list(phases)
        self.widget.tooltip = f"phases: {', '.join(self._known[:20]) or 'none'}"
        self.widget.value = ", ".join(name for name in self.chosen if name in self._known)

    @property
    def chosen(self) -> list[str]:
        """Names that were typed."""
        return [name.strip() for name in self.widget.value.split(",") if name.strip()]
