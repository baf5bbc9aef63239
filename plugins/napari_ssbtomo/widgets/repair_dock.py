"""The dock to correct a segmentation by painting, and to run with what was corrected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.types import FileDialogMode
from magicgui.widgets import FileEdit, LineEdit, PushButton

from napari_ssbtomo.controllers.annotating import bind_phase_keys
from napari_ssbtomo.controllers.applying import box_in_view, parse_box
from napari_ssbtomo.controllers.recipe_draft import draft_of
from napari_ssbtomo.controllers.repairing import (
    Repair,
    Saved,
    begin_repair,
    default_file,
    label_colors,
    painter_name,
    phase_layer,
    repair_layer,
    save_repair,
)
from napari_ssbtomo.controllers.segment_recipe import (
    corrected_section,
    origin_of,
    put_segment,
    save_recipe,
)
from napari_ssbtomo.widgets.phase_buttons import PhaseButtons
from napari_ssbtomo.widgets.rows import field_row, plain_row
from napari_ssbtomo.widgets.volume_rows import VolumeRows
from napari_ssbtomo.widgets.work_dock import WorkDock
from ssbtomo.errors import SsbtomoError

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["RepairDock"]


class RepairDock(WorkDock):
    """Paint in a copy of the labels; what changed goes to a file that a recipe names.

    Made with ``napari_viewer``: the viewer.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self._repair: Repair | None = None
        self._over: Any = None
        self._layer: Any = None
        self._recipe: Path | None = None
        super().__init__(napari_viewer, self._rows)
        self._connect()
        self._follow_labels()

    def _rows(self) -> list[Any]:
        self.segmentation = VolumeRows(self._viewer, "labels", self._follow_labels, _repairable)
        self.box = LineEdit()
        self.box.native.setPlaceholderText("all of it")
        self.box.tooltip = "first:last along Z, Y, X, such as 0:40, 100:228, 64:192"
        self.view_button = PushButton(text="In view")
        self.view_button.max_width = 70
        self.start_button = PushButton(text="Paint corrections")
        self.brush = PhaseButtons(self._paint_with)
        self.who = LineEdit(value=painter_name())
        self.file = FileEdit(mode=FileDialogMode.OPTIONAL_FILE, filter="*.zip", nullable=True)
        self.file.choose_btn.text = "…"
        self.file.choose_btn.max_width = 36
        self.file.line_edit.native.setPlaceholderText("corrections.zip")
        self.file.tooltip = "Corrections that are there are kept; yours are added as a session"
        self.save_button = PushButton(text="Save corrections", enabled=False)
        self.recipe_button = PushButton(text="Save recipe …", enabled=False)
        self.run_button = PushButton(text="Run again …", enabled=False)
        self.run_button.tooltip = "Opens the dock Run recipe with this recipe"
        return [
            self.segmentation,
            field_row("Box", plain_row(self.box, self.view_button)),
            plain_row(self.start_button, self.cancel_button),
            self.brush,
            field_row("Your name", self.who),
            field_row("Corrections", self.file),
            self.save_button,
            self.told,
            self.bar,
            plain_row(self.recipe_button, self.run_button),
            self.messages,
        ]

    def _connect(self) -> None:
        self.view_button.changed.connect(self._take_view)
        self.start_button.changed.connect(self._start)
        self.save_button.changed.connect(self._save)
        self.recipe_button.changed.connect(self._save_recipe)
        self.run_button.changed.connect(self._run_again)

    def _follow_labels(self) -> None:
        layer = self.segmentation.picked
        if layer is not None and layer is not self._over:
            self.file.value = default_file(layer)

    def _take_view(self) -> None:
        layer = self.segmentation.picked
        if layer is None:
            self.say("there is no segmentation to correct\n  -> open results, or apply a model")
            return
        self.box.value = box_in_view(layer, self._viewer.dims.point)

    def _start(self) -> None:
        layer = self.segmentation.picked
        try:
            phase_layer(layer)
            source = layer.data[0] if layer.multiscale else layer.data
            box = parse_box(self.box.value, tuple(source.shape))
        except SsbtomoError as error:
            self.say(str(error))
            return
        self._over = layer
        self.do(lambda hands: begin_repair(layer, box, hands))

    def _take(self, value: Any) -> None:
        """Take a copy to paint in, what was saved, or a recipe."""
        match value:
            case Repair():
                self._paint_in(value)
            case (saved, after):
                self._repair = after
                self._tell_saved(saved)
            case Path():
                self._recipe = value
                self.say(f"recipe written to {value}")
                self.run_button.enabled = True
        self.save_button.enabled = self._layer is not None

    def _starters(self) -> list[Any]:
        """List the buttons that start work: they are off while there is some."""
        return [self.start_button, *([self.save_button] if self._layer is not None else [])]

    def _paint_in(self, repair: Repair) -> None:
        if self._layer is not None and self._layer in self._viewer.layers:
            self._viewer.layers.remove(self._layer)
        data, meta, _ = repair_layer(repair, self._over)
        self._repair = repair
        self._layer = self._viewer.add_labels(data, **meta)
        self._over.visible = False
        self.brush.fill(repair.phases, label_colors(self._layer, repair.phases))
        bind_phase_keys(self._layer, repair.phases.values(), self.brush.mark)
        self._layer.brush_size = 5
        first = next(iter(repair.phases.values()))
        self._paint_with(first)
        self.brush.mark(first)
        self.told.value = "paint, then save"

    def _paint_with(self, label: int) -> None:
        if self._layer is not None and self._layer in self._viewer.layers:
            self._viewer.layers.selection.active = self._layer
            self._layer.selected_label, self._layer.mode = label, "paint"

    def _save(self) -> None:
        file, repair, who = self.file.value, self._repair, self.who.value
        if not isinstance(file, Path) or repair is None:
            self.say("no file is chosen for the corrections\n  -> pick one above, then save")
            return
        self.do(lambda hands: save_repair(repair, file, who, hands))

    def _tell_saved(self, saved: Saved) -> None:
        lines = [f"{old} to {new}: {count} voxels" for old, new, count in saved.moved]
        lines.append(f"{saved.total} corrected voxels in {saved.file.name}")
        self.say("\n".join(lines))
        self.told.value = f"{saved.voxels} voxels corrected"
        self.recipe_button.enabled = True
        put_segment(draft_of(self._viewer), corrected_section(saved.file.absolute()))

    def _save_recipe(self) -> None:
        target = self.ask_recipe()
        if target is not None:
            self.save_recipe(target)

    def save_recipe(self, target: Path, base: Path | None = None) -> None:
        """Write a recipe that takes the corrections in.

        Parameters
        ----------
        target : pathlib.Path
            The recipe.
        base : pathlib.Path, optional
            The recipe to start from; the one that the labels came from if absent.
        """
        corrections, layer = self.file.value, self._over
        if not isinstance(corrections, Path) or layer is None:
            self.say("there are no corrections\n  -> paint and save them first")
            return

        def task(_hands: object) -> Path:
            origin = origin_of(layer)
            if base is not None:
                origin.recipe = base
            elif target.is_file():
                origin.recipe = target
            if origin.recipe is None:
                raise SsbtomoError(
                    "nothing tells the recipe of these labels",
                    hint="save a recipe in the dock that made them, and choose its name here: the "
                    "corrections are added to it",
                )
            return save_recipe(origin, target, corrected_section(corrections.absolute()))

        self.do(task)

    def _run_again(self) -> None:
        """Hand the recipe to the dock that runs recipes."""
        window: Any = getattr(self._viewer, "window", None)
        if window is None or self._recipe is None:
            return
        _, dock = window.add_plugin_dock_widget("ssbtomo", "Run recipe")
        dock.recipe.value = self._recipe
        results = self._over.metadata["ssbtomo"].get("results")
        if results:
            dock.out.value = Path(results)

    def _let_go(self) -> None:
        """Let go of the viewer."""
        self.segmentation.leave()


def _repairable(layer: Any) -> bool:
    return layer.metadata.get("ssbtomo", {}).get("part") not in ("scribbles", "repair")
