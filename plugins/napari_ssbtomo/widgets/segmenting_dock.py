"""A dock that makes phases of a grey volume: what training and thresholds share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from magicgui.widgets import LineEdit, PushButton

from napari_ssbtomo.controllers.applying import ApplyRequest
from napari_ssbtomo.controllers.picking import phases_of
from napari_ssbtomo.controllers.showing import drop_slice
from napari_ssbtomo.widgets.apply_box import ApplyBox
from napari_ssbtomo.widgets.live import Live
from napari_ssbtomo.widgets.rows import field_row
from napari_ssbtomo.widgets.volume_rows import VolumeRows
from napari_ssbtomo.widgets.work_dock import WorkDock

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["SegmentingDock"]


class SegmentingDock(WorkDock):
    """The rows of a volume and its phases, of applying, of the recipe; a slice that follows.

    Made with ``viewer``: the viewer; ``rows``: makes the rows between those of the phases and
    that of applying.
    """

    _pictures: ClassVar[tuple[str, ...]] = ()
    """Names of the layers that show a slice."""

    def __init__(self, viewer: ViewerModel, rows: Callable[[], list[Any]]) -> None:
        self._over: Any = None
        self._roles: dict[str, str] = {}
        super().__init__(viewer, lambda: self._all_rows(rows))
        self.apply.root = self.native
        self.recipe_button.changed.connect(self._save_recipe)
        for event in self.views():
            event.connect(self._want_slice)

    def _all_rows(self, rows: Callable[[], list[Any]]) -> list[Any]:
        self.volume = VolumeRows(self._viewer, "image", self._follow_volume)
        self.phases = LineEdit()
        self.apply = ApplyBox(self._viewer, self._request, self._volume, self.say)
        self.recipe_button = PushButton(text="Save recipe …")
        own = rows()
        return [
            self.volume, field_row("Phases", self.phases), *own, self.apply, self.recipe_button
        ]  # fmt: skip

    def _follow_volume(self) -> None:
        """Name the phases of the volume that was picked, until some are worked with."""
        layer = self.volume.picked
        if layer is not None and not self._begun():
            self.phases.value, self._roles = phases_of(layer)

    def _volume(self) -> Any:
        """Return the volume that is worked on, whatever is selected now."""
        return self._over if self._over in self._viewer.layers else self.volume.picked

    def _save_recipe(self) -> None:
        target = self.ask_recipe()
        if target is not None:
            self.save_recipe(target)

    def _let_go(self) -> None:
        """Stop the previews and what is applied, and let go of the viewer."""
        for live in self._lives():
            live.stop()
        for name in self._pictures:
            drop_slice(self._viewer, name)
        self.apply.leave()
        self.volume.leave()
        for event in self.views():
            event.disconnect(self._want_slice)

    def save_recipe(self, target: Path) -> None:
        """Write a recipe that segments as this dock does.

        Parameters
        ----------
        target : pathlib.Path
            The recipe.
        """
        raise NotImplementedError

    def _begun(self) -> bool:
        """Whether the phases are in use."""
        raise NotImplementedError

    def _lives(self) -> list[Live]:
        """List what computes the slice in view."""
        raise NotImplementedError

    def _want_slice(self, _event: object = None) -> None:
        """Ask for the slice in view, or take its layers away."""
        raise NotImplementedError

    def _request(self, box: Any, folder: Path) -> ApplyRequest:
        """Return what is applied; raise in words if there is nothing."""
        raise NotImplementedError
