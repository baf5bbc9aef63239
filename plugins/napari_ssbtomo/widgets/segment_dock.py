"""The dock that segments by thresholds: drag them in the histogram, see the slice follow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, Container, PushButton

from napari_ssbtomo.controllers.applying import ApplyRequest
from napari_ssbtomo.controllers.phases import colored, compiled_colors, named
from napari_ssbtomo.controllers.picking import (
    Pick,
    paint_colors,
    parse_phases,
    seen_slice,
)
from napari_ssbtomo.controllers.recipe_draft import draft_of
from napari_ssbtomo.controllers.segment_recipe import (
    origin_of,
    put_segment,
    save_recipe,
    threshold_section,
)
from napari_ssbtomo.controllers.showing import drop_slice, show_slice
from napari_ssbtomo.controllers.thresholding import (
    Bars,
    check_thresholds,
    find_bars,
    repair_note,
    repaired_slice,
    thresholded_slice,
)
from napari_ssbtomo.controllers.working import Ended, Hands
from napari_ssbtomo.widgets.histogram_view import HistogramView
from napari_ssbtomo.widgets.live import Live
from napari_ssbtomo.widgets.rows import plain_row
from napari_ssbtomo.widgets.segmenting_dock import SegmentingDock
from ssbtomo.errors import InputDataError, SsbtomoError

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["SegmentDock"]

_PREVIEW = "thresholds"
_MOST = 5  # phases of a histogram
_Seen = tuple[int, int, Any, bool]


class SegmentDock(SegmentingDock):
    """Histogram, thresholds, partial-volume repair, apply.

    Made with ``napari_viewer``: the viewer.
    """

    _pictures = (_PREVIEW,)

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self._bars: Bars | None = None
        self._pick: Pick | None = None
        self._names: tuple[str, ...] = ()
        self._plain = Live(self._show_slice)
        self._fine = Live(self._show_slice)
        super().__init__(napari_viewer, self._rows)
        self._connect()
        self._follow_volume()

    def _rows(self) -> list[Any]:
        self.phases.tooltip = "Names from dark to bright, two to five"
        self.find_button = PushButton(text="Find thresholds")
        self.histogram = HistogramView(self._want_slice)
        self.live = CheckBox(value=True, text="Live on the slice")
        self.repair = CheckBox(value=True, text="Repair partial volume")
        self.repair.tooltip = (
            "Remove the film of a middle phase that blur leaves between a dark and a bright one.\n"
            "The slice in view is repaired from those around it alone; applied to the volume, the\n"
            "repair knows the plateaus of all slices, and may give other labels here and there."
        )
        holder: Container[Any] = Container(labels=False)
        holder.margins = (0, 0, 0, 0)
        holder.native.layout().addWidget(self.histogram)
        return [
            plain_row(self.find_button, self.cancel_button),
            holder,
            plain_row(self.live, self.repair),
            self.told,
            self.bar,
            self.messages,
        ]

    def _connect(self) -> None:
        self.find_button.changed.connect(self._find)
        self.live.changed.connect(self._want_slice)
        self.repair.changed.connect(self._want_slice)

    def _begun(self) -> bool:
        return self._bars is not None

    def _lives(self) -> list[Live]:
        return [self._plain, self._fine]

    def _find(self) -> None:
        try:
            names = parse_phases(self.phases.value)
            if len(names) > _MOST:
                raise InputDataError(
                    f"{len(names)} phases are named; a histogram is split into at most {_MOST}",
                    hint="train a classifier for more",
                )
            pick = self.volume.pick()
        except SsbtomoError as error:
            self.say(str(error))
            return
        self._names, self._pick, self._over = names, pick, self.volume.picked
        self.do(lambda hands: find_bars(pick, len(names), hands))

    def _take(self, value: Bars) -> None:
        """Show the histogram that was counted."""
        self._bars = value
        colors = paint_colors(self._names, self._roles)
        self.histogram.fill(value, value.thresholds, [colors[name] for name in self._names])
        self._want_slice()

    def _starters(self) -> list[Any]:
        """List the buttons that start work: they are off while there is some."""
        return [self.find_button]

    def _want_slice(self, _event: object = None) -> None:
        """Ask for the slice in view: plain at once, repaired a little later."""
        self._plain.forget()
        self._fine.forget()
        pick, over = self._pick, self._over
        if not self.live.value or pick is None or over not in self._viewer.layers:
            drop_slice(self._viewer, _PREVIEW)
            return
        seen = seen_slice(self._viewer.dims, over)
        if seen is None or self._bars is None:
            return
        axis, index = seen
        thresholds = self.histogram.thresholds
        self._put()

        def plain(_hands: Hands) -> _Seen:
            compiled_colors()
            return axis, index, thresholded_slice(pick, axis, index, thresholds), False

        def fine(hands: Hands) -> _Seen:
            return axis, index, repaired_slice(pick, axis, index, thresholds, hands), True

        self._plain.ask(plain)
        if self.repair.value:
            self._fine.ask(fine)

    def _put(self) -> None:
        """Let the window's recipe have these thresholds."""
        section = threshold_section(self.histogram.thresholds, repair=bool(self.repair.value))
        put_segment(draft_of(self._viewer), section, self._names)

    def _show_slice(self, ended: Ended[_Seen]) -> None:
        if ended.value is None:
            self.told.value = ended.problem.partition("\n")[0]
            return
        axis, index, labels, repaired = ended.value
        if seen_slice(self._viewer.dims, self._over) != (axis, index):
            return
        numbers = {name: number for number, name in enumerate(self._names, start=1)}
        show_slice(
            self._viewer, self._over, (axis, index), labels, kind="labels", name=_PREVIEW,
            opacity=0.5, features=named(numbers),
            colormap=colored(numbers, paint_colors(self._names, self._roles)),
        )  # fmt: skip
        pick = self._pick
        told = repair_note(pick, axis, index) if repaired and pick else "thresholds alone"
        self.told.value = f"slice {index}, {told}"

    def _request(self, box: Any, folder: Path) -> ApplyRequest:
        if self._pick is None or self._bars is None:
            raise SsbtomoError("there are no thresholds", hint="press Find thresholds first")
        return ApplyRequest(
            self._pick, self._names, folder,
            thresholds=check_thresholds(self.histogram.thresholds, len(self._names)),
            repair=bool(self.repair.value), box=box, roles=self._roles,
        )  # fmt: skip

    def save_recipe(self, target: Path) -> None:
        """Write a recipe with these thresholds.

        Parameters
        ----------
        target : pathlib.Path
            The recipe.
        """
        try:
            request = self._request(None, target.parent)
            section = threshold_section(request.thresholds, repair=request.repair)
            origin = origin_of(self._over, request.pick.spacing)
            self.say(f"recipe written to {save_recipe(origin, target, section, self._names)}")
        except SsbtomoError as error:
            self.say(str(error))
