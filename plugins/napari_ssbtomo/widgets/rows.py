"""Rows of a dock: a name and its field, or buttons side by side."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import Container, Label

__all__ = ["field_row", "plain_row"]

_NAME_WIDTH = 96  # pixels; magicgui's own measure ignores napari's font


def plain_row(*widgets: Any) -> Container[Any]:
    """Put widgets side by side.

    Parameters
    ----------
    *widgets : magicgui.widgets.Widget
        From left to right.

    Returns
    -------
    Container
        The row.
    """
    row = Container(widgets=list(widgets), layout="horizontal", labels=False)
    row.margins = (0, 0, 0, 0)
    return row


def field_row(name: str, widget: Any) -> Container[Any]:
    """Put a field behind its name; names of all rows are equally wide.

    Parameters
    ----------
    name : str
        What the field holds.
    widget : magicgui.widgets.Widget
        The field.

    Returns
    -------
    Container
        The row.
    """
    label = Label(value=name)
    label.min_width = label.max_width = _NAME_WIDTH
    return plain_row(label, widget)
