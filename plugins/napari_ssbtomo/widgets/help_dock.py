"""Docks and keys, for those who do not read manuals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, TextEdit

from napari_ssbtomo.controllers.guide import guide_html
from napari_ssbtomo.widgets.closing import Closing

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["HelpDock"]


class HelpDock(Container[Any]):
    """What each dock is for, and which keys help, as the user has set them."""

    def __init__(self, napari_viewer: ViewerModel | None = None) -> None:
        from napari.settings import get_settings

        self.text = TextEdit()
        self.text.read_only = True
        self.text.native.setHtml(guide_html(get_settings().shortcuts.shortcuts))
        super().__init__(widgets=[self.text], labels=False)
        self.min_width = 340
        self._closing = Closing(self, napari_viewer, lambda: None)
