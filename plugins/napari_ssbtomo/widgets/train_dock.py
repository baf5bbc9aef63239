"""The dock to annotate phases and train a classifier, live on the slice in view."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Label,
    PushButton,
    SpinBox,
    Table,
    show_file_dialog,
)

from napari_ssbtomo.controllers.annotating import Annotations, bind_phase_keys, scribble_layer
from napari_ssbtomo.controllers.applying import ApplyRequest
from napari_ssbtomo.controllers.phases import colored, compiled_colors, named
from napari_ssbtomo.controllers.picking import (
    Pick,
    paint_colors,
    parse_phases,
    pick_of,
    seen_slice,
)
from napari_ssbtomo.controllers.recipe_draft import draft_of
from napari_ssbtomo.controllers.recording import Recorded, Trained, record_training
from napari_ssbtomo.controllers.segment_recipe import origin_of, put_segment
from napari_ssbtomo.controllers.showing import drop_slice, show_slice
from napari_ssbtomo.controllers.training import (
    Looked,
    Preview,
    TrainingRequest,
    load_model,
    score_lines,
    score_table,
    train_model,
    uncertain_slices,
)
from napari_ssbtomo.controllers.working import Ended
from napari_ssbtomo.widgets.aside import aside
from napari_ssbtomo.widgets.live import Live
from napari_ssbtomo.widgets.phase_buttons import PhaseButtons
from napari_ssbtomo.widgets.rows import field_row, plain_row
from napari_ssbtomo.widgets.segmenting_dock import SegmentingDock
from napari_ssbtomo.widgets.work_dock import fill_width
from ssbtomo.errors import SsbtomoError

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from ssbtomo.segment.voxel_model import VoxelModel

__all__ = ["TrainDock"]

_PREVIEW, _DOUBT = "preview", "uncertainty of the slice"


class TrainDock(SegmentingDock):
    """Paint a few strokes of each phase, see what they mean, train, apply.

    Made with ``napari_viewer``: the viewer.
    """

    _pictures = (_PREVIEW, _DOUBT)

    def __init__(self, napari_viewer: ViewerModel) -> None:
        self._annotations: Annotations | None = None
        self._preview: Preview | None = None
        self._model: VoxelModel | None = None
        self._options: dict[str, Any] | None = None
        self._live = Live(self._show_look)
        super().__init__(napari_viewer, self._rows)
        self._connect()
        self._follow_volume()

    def _rows(self) -> list[Any]:
        self.phases.tooltip = "Names from dark to bright, at most six; keys 1 to 6 paint them"
        self.paint_button = PushButton(text="New scribbles")
        self.next_button = PushButton(text="Next uncertain slice")
        self.brush = PhaseButtons(self._paint_with)
        self.live = CheckBox(value=True, text="Live preview")
        self.doubt = CheckBox(value=False, text="Uncertainty")
        self.features = ComboBox(choices=("default", "fib-sem", "sheets"), value="default")
        self.trees = SpinBox(value=50, min=1, max=500)
        self.train_button = PushButton(text="Train forest")
        self.scores = Table(visible=False)
        self.quality = Label(value="", visible=False)
        fill_width(self.quality.native)
        self.load_button = PushButton(text="Load model …")
        self.save_button = PushButton(text="Save model …", enabled=False)
        self.scores.read_only = True
        self.scores.min_height = self.scores.max_height = 100
        return [
            plain_row(self.paint_button, self.next_button),
            self.brush,
            plain_row(self.live, self.doubt),
            self.told,
            field_row("Features", self.features),
            field_row("Trees", self.trees),
            plain_row(self.train_button, self.cancel_button),
            self.bar,
            self.messages,
            self.quality,
            self.scores,
            plain_row(self.load_button, self.save_button),
        ]

    def _connect(self) -> None:
        self.paint_button.changed.connect(self._new_scribbles)
        self.live.changed.connect(self._want_slice)
        self.doubt.changed.connect(self._want_slice)
        self.next_button.changed.connect(self._next_uncertain)
        self.train_button.changed.connect(self._train)
        self.load_button.changed.connect(self._pick_model)
        self.save_button.changed.connect(self._save_model)

    def _begun(self) -> bool:
        return self._annotations is not None

    def _lives(self) -> list[Live]:
        return [self._live]

    def _let_go(self) -> None:
        """Stop the previews, and listen to the brush no more."""
        super()._let_go()
        self._leave_scribbles()
        self._preview = None

    def _leave_scribbles(self) -> None:
        if self._annotations is not None:
            events = self._annotations.layer.events
            events.paint.disconnect(self._painted)
            events.labels_update.disconnect(self._want_slice)

    @property
    def model(self) -> VoxelModel | None:
        """The trained classifier, if there is one."""
        return self._model

    def _pick(self) -> Pick:
        return pick_of(self._volume(), self.volume.voxel_size.value)

    def _new_scribbles(self) -> None:
        self.say("")
        try:
            names = parse_phases(self.phases.value)
            self.volume.pick()  # asks for what is missing before anything is painted
            data, meta, _ = scribble_layer(self.volume.picked, names, self._roles)
        except SsbtomoError as error:
            self.say(str(error))
            return
        self.paint_button.enabled = False
        aside(compiled_colors)
        if self._background.stopped:
            return
        self.paint_button.enabled = True
        self._over = self.volume.picked
        self._take_scribbles(self._viewer.add_labels(data, **meta), names)

    def _take_scribbles(self, layer: Any, names: tuple[str, ...]) -> None:
        self._forget_model()
        self._leave_scribbles()
        self._annotations = Annotations(layer, len(names))
        numbers = {name: number for number, name in enumerate(names, start=1)}
        self.brush.fill(numbers, paint_colors(names, self._roles))
        bind_phase_keys(layer, numbers.values(), self.brush.mark)
        layer.brush_size = 6
        layer.events.paint.connect(self._painted)
        layer.events.labels_update.connect(self._want_slice)
        self._viewer.layers.selection.active = layer
        self._paint_with(1)
        self.brush.mark(1)

    def _paint_with(self, label: int) -> None:
        if self._annotations is None or self._annotations.layer not in self._viewer.layers:
            return
        layer = self._annotations.layer
        self._viewer.layers.selection.active = layer
        layer.selected_label, layer.mode = label, "paint"

    def _painted(self, _event: object = None) -> None:
        if self._annotations is None:
            return
        seen = seen_slice(self._viewer.dims, self._annotations.layer)
        if seen is not None:
            self._annotations.touch(*seen)
        if self._model is not None and self._model.training.get("rule") != "forest":
            self._forget_model()
        self._want_slice()

    def _forget_model(self) -> None:
        self._model = self._options = None
        self.save_button.enabled = False
        self.scores.visible = self.quality.visible = False

    def _want_slice(self, _event: object = None) -> None:
        if not (self.live.value or self.doubt.value) or self._annotations is None:
            self._live.forget()
            drop_slice(self._viewer, _PREVIEW)
            drop_slice(self._viewer, _DOUBT)
            return
        seen = seen_slice(self._viewer.dims, self._annotations.layer)
        if seen is None or not (self._annotations.slices or self._model):
            return
        try:
            preview = self._current_preview()
        except SsbtomoError as error:
            self.told.value = error.problem
            return
        annotations, model = self._annotations, self._model
        self._live.ask(lambda _hands: preview.look(*seen, annotations, model))

    def _current_preview(self) -> Preview:
        pick, features = self._pick(), self.features.value
        if self._preview is None or not self._preview.fits(pick, features):
            self._preview = Preview(pick, features)
        return self._preview

    def _show_look(self, ended: Ended[Looked]) -> None:
        look, over = ended.value, self._over
        if look is None or over not in self._viewer.layers:
            self.told.value = ended.problem.partition("\n")[0]
            return
        place = look.axis, look.index
        names = self._names()
        numbers = {name: number for number, name in enumerate(names, start=1)}
        self.told.value = f"{look.by}, slice {look.index}: {look.seconds:.2f} s"
        if self.doubt.value:
            show_slice(
                self._viewer, over, place, look.uncertainty, kind="image", name=_DOUBT,
                colormap="magma", contrast_limits=(0, 255), blending="additive", opacity=0.7,
            )  # fmt: skip
        else:
            drop_slice(self._viewer, _DOUBT)
        if self.live.value:
            show_slice(
                self._viewer, over, place, look.labels, kind="labels", name=_PREVIEW, opacity=0.4,
                colormap=colored(numbers, paint_colors(names, self._roles)), features=named(numbers),
            )  # fmt: skip
        else:
            drop_slice(self._viewer, _PREVIEW)

    def _names(self) -> tuple[str, ...]:
        if self._annotations is not None:
            phases = self._annotations.layer.metadata.get("ssbtomo", {}).get("phases")
            if phases:
                return tuple(phases)
        return parse_phases(self.phases.value)

    def _next_uncertain(self) -> None:
        annotations = self._annotations
        seen = None if annotations is None else seen_slice(self._viewer.dims, annotations.layer)
        if annotations is None or seen is None:
            self.say("there is no slice to annotate\n  -> press New scribbles, in 2-D")
            return
        axis, model = seen[0], self._model
        try:
            preview = self._current_preview()
        except SsbtomoError as error:
            self.say(str(error))
            return
        self.do(lambda hands: uncertain_slices(preview, axis, annotations, hands, model))

    def _train(self) -> None:
        try:
            if self._annotations is None:
                raise SsbtomoError(  # noqa: TRY301 - told like all other problems
                    "there are no scribbles",
                    hint="press New scribbles, and paint a few strokes of each phase",
                )
            options = self._chosen()
            request = TrainingRequest(self._pick(), self._annotations, self._names(), options)
        except SsbtomoError as error:
            self.say(str(error))
            return
        self.do(lambda hands: (train_model(request, hands), options))

    def _chosen(self) -> dict[str, Any]:
        """Return the options of the training that the form shows."""
        return {"features": self.features.value, "trees": int(self.trees.value)}

    def _take(self, value: Any) -> None:
        """Take a model, a list of uncertain slices, a recipe, or a message."""
        match value:
            case str():
                self.say(value)
            case list():
                self._go_to(value)
            case Recorded():
                put_segment(draft_of(self._viewer), value.section, value.phases)
                self.say(f"recipe written to {value.recipe}")
            case (model, options):
                self._take_model(model, options)

    def _starters(self) -> list[Any]:
        """List the buttons that start work: they are off while there is some."""
        return [self.train_button, self.next_button, self.load_button, self.recipe_button]

    def _take_model(self, model: VoxelModel, options: dict[str, Any] | None) -> None:
        self._model, self._options = model, options
        self.save_button.enabled = True
        self.quality.value = score_lines(model)
        self.quality.visible = True
        self.scores.value = score_table(model)
        self.scores.visible = True
        self.scores.native.verticalHeader().hide()
        self.scores.native.resizeColumnsToContents()
        self.scores.native.verticalHeader().setDefaultSectionSize(22)
        self._want_slice()

    def _go_to(self, found: list[tuple[int, float]]) -> None:
        """Show the slice that is most uncertain."""
        index, doubt = found[0]
        layer = self._annotations.layer if self._annotations is not None else None
        seen = None if layer is None else seen_slice(self._viewer.dims, layer)
        if layer is None or seen is None:
            return
        axis = seen[0]
        at = [0.0, 0.0, 0.0]
        at[axis] = float(index)
        world = layer.data_to_world(at)[axis]
        self._viewer.dims.set_point(axis + self._viewer.dims.ndim - 3, world)
        self.told.value = f"slice {index}: mean uncertainty {doubt:.0%}, of {len(found)} looked at"

    def _request(self, box: Any, folder: Path) -> ApplyRequest:
        if self._model is None:
            raise SsbtomoError("there is no model to apply", hint="train one, or load a model file")
        pick, model = self._pick(), self._model
        return ApplyRequest(pick, model.phases, folder, model, box=box, roles=self._roles)

    def _pick_model(self) -> None:
        file = show_file_dialog("r", "Load a model", filter="*.ssbmodel", parent=self.native)
        if file:
            self.load_model(Path(str(file)))

    def load_model(self, file: Path) -> None:
        """Take a trained classifier from its file.

        Parameters
        ----------
        file : pathlib.Path
            The model file.
        """
        self.do(lambda _hands: (load_model(file), None))

    def _save_model(self) -> None:
        file = show_file_dialog("w", "Save the model", filter="*.ssbmodel", parent=self.native)
        if file and self._model is not None:
            model, place = self._model, Path(str(file)).with_suffix(".ssbmodel")
            self.do(lambda _hands: f"model written to {model.save(place)}")

    def save_recipe(self, target: Path) -> None:
        """Write a recipe that trains with these scribbles, which are written beside it.

        Parameters
        ----------
        target : pathlib.Path
            The recipe.
        """
        layer = self._volume()
        try:
            pick, names = self._pick(), self._names()
        except SsbtomoError as error:
            self.say(str(error))
            return
        options = self._options or self._chosen()
        model = self._model if self._options is None else None
        trained = Trained(pick, names, self._annotations, options, model)
        origin = origin_of(layer, pick.spacing)
        self.do(lambda hands: record_training(trained, origin, target, hands))
