"""Train a classifier from scribbles: live on the slice in view, then a forest for the volume."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal
from weakref import finalize

from napari_ssbtomo.controllers.annotating import Annotations, lacking
from napari_ssbtomo.controllers.picking import Pick
from napari_ssbtomo.controllers.working import Hands
from ssbtomo.errors import InputDataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssbtomo.segment.preview import SlicePreview
    from ssbtomo.segment.scribbles import Scribbles
    from ssbtomo.segment.voxel_model import VoxelModel

__all__ = [
    "Looked",
    "Preview",
    "TrainingRequest",
    "load_model",
    "score_lines",
    "score_table",
    "train_model",
    "uncertain_slices",
]

_CANDIDATES = 24  # slices whose uncertainty is looked at
FeatureSet = Literal["default", "fib-sem", "sheets"]


def hands_for_blocks() -> int:
    """Return how many threads compute beside the window.

    Returns
    -------
    int
        One fewer than cores, at least one.
    """
    return max((os.cpu_count() or 2) - 1, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A slice as a classifier sees it.

    Parameters
    ----------
    axis, index : int
        The slice.
    labels : ndarray of uint8, shape (Z, Y, X)
        Phases from 1, as they are painted; one voxel thick.
    uncertainty : ndarray of uint8, shape (Z, Y, X)
        0 where a phase is certain, 255 where all are equally probable.
    seconds : float
        How long it took.
    by : str
        Which classifier it was.
    """

    axis: int
    index: int
    labels: NDArray[Any]
    uncertainty: NDArray[Any]
    seconds: float
    by: str


class Preview:
    """The live preview of one volume; its features are kept from stroke to stroke.

    Its threads end when nobody holds it any more.

    Parameters
    ----------
    pick : Pick
        The volume.
    features : str
        As of `ssbtomo.segment.train`.
    """

    def __init__(self, pick: Pick, features: FeatureSet = "default") -> None:
        self.pick = pick
        self.features = features
        self._slices: SlicePreview | None = None
        self._rule: Any = None

    def fits(self, pick: Pick, features: str) -> bool:
        """Tell whether this is a preview of such a volume.

        Parameters
        ----------
        pick : Pick
            A volume.
        features : str
            Features.

        Returns
        -------
        bool
            Whether it is the same array, voxel size and list of features.
        """
        mine = self.pick
        return mine.grey is pick.grey and mine.spacing == pick.spacing and features == self.features

    def look(
        self, axis: int, index: int, annotations: Annotations, model: VoxelModel | None = None
    ) -> Looked:
        """Classify a slice: by the model if there is one, else by what is painted so far.

        Parameters
        ----------
        axis, index : int
            The slice.
        annotations : Annotations
            What was painted.
        model : VoxelModel, optional
            A trained classifier.

        Returns
        -------
        Looked
            The slice.

        Raises
        ------
        SsbtomoError
            If fewer than two phases are labelled, or the model does not fit.
        """
        import time

        begin = time.perf_counter()
        if model is None:
            view = self._preview.view(axis, index, annotations.marks(), annotations.phases)
            self._rule = view.rule
            labels, entropy, by = view.labels, view.entropy, "preview"
        else:
            labels, entropy = _by_model(self.pick, model, axis, index)
            by = str(model.training.get("rule", "model"))
        return Looked(axis, index, labels + 1, entropy, time.perf_counter() - begin, by)

    @property
    def _preview(self) -> SlicePreview:
        if self._slices is None:
            from ssbtomo.blocks import Engine
            from ssbtomo.segment.preview import SlicePreview

            engine = Engine.start("threads", os.cpu_count() or 2)
            end = Thread(target=engine.close, name="ssbtomo end", daemon=True)  # none waits for it
            finalize(self, end.start).atexit = False
            self._slices = SlicePreview(
                self.pick.grey, self.pick.spacing, features=self.features, engine=engine
            )
        return self._slices

    def uncertainty(self, axis: int, index: int, model: VoxelModel | None = None) -> float:
        """Return how uncertain the classifier is about a slice.

        Parameters
        ----------
        axis, index : int
            The slice.
        model : VoxelModel, optional
            A trained classifier; what the last preview learnt if absent.

        Returns
        -------
        float
            From 0 to 1.

        Raises
        ------
        InputDataError
            If nothing was learnt yet.
        """
        from dataclasses import replace

        from ssbtomo.segment.preview import slice_uncertainty

        preview = self._preview
        if model is not None:
            ready, _ = model.classifier(self.pick.spacing)
        elif self._rule is not None:
            ready = replace(preview.classifier, rule=self._rule)
        else:
            raise InputDataError(
                "nothing was learnt yet", hint="paint a few strokes of two phases, or train"
            )
        return slice_uncertainty(preview.sources, ready, axis, index)


def _by_model(pick: Pick, model: VoxelModel, axis: int, index: int) -> tuple[Any, Any]:
    from ssbtomo.blocks import Engine
    from ssbtomo.segment.prediction import predict

    window: Any = tuple(slice(index, index + 1) if k == axis else slice(None) for k in range(3))
    with Engine.start("threads", os.cpu_count() or 2) as engine:
        found = predict(pick.grey, model, pick.spacing, window=window, block=256, engine=engine)
    return found.labels, found.entropy


def uncertain_slices(
    preview: Preview,
    axis: int,
    annotations: Annotations,
    hands: Hands,
    model: VoxelModel | None = None,
) -> list[tuple[int, float]]:
    """Look for slices that are worth annotating.

    Parameters
    ----------
    preview : Preview
        Of the volume.
    axis : int
        What the slices are normal to.
    annotations : Annotations
        What was painted; its slices are left out.
    hands : Hands
        Told how far it is; may stop it.
    model : VoxelModel, optional
        A trained classifier.

    Returns
    -------
    list of (int, float)
        At most 24 slices, evenly spread, and their mean entropy (0 to 1), most uncertain first.

    Raises
    ------
    InputDataError
        If nothing was learnt yet, or all slices are annotated.
    """
    size = preview.pick.shape[axis]
    seen = {index for across, index in annotations.slices if across == axis}
    step = max(size / _CANDIDATES, 1.0)
    spread = {min(int((k + 0.5) * step), size - 1) for k in range(min(_CANDIDATES, size))}
    chosen = sorted(spread - seen)
    if not chosen:
        raise InputDataError("every slice is annotated already", hint="train, and apply the model")
    found = []
    for done, index in enumerate(chosen):
        hands.check()
        hands.tell("looking for uncertain slices", done, len(chosen))
        found.append((index, preview.uncertainty(axis, index, model)))
    return sorted(found, key=lambda pair: -pair[1])


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRequest:
    """What is trained.

    Parameters
    ----------
    pick : Pick
        The volume.
    annotations : Annotations
        What was painted.
    phases : tuple of str
        Their names.
    options : mapping
        Keywords of `ssbtomo.segment.train`: features, rule, trees, depth, settle, seed.
    """

    pick: Pick
    annotations: Annotations
    phases: tuple[str, ...]
    options: Mapping[str, Any]


def train_model(request: TrainingRequest, hands: Hands) -> VoxelModel:
    """Train a classifier as a run with these scribbles does, to the bit.

    Parameters
    ----------
    request : TrainingRequest
        What is trained.
    hands : Hands
        Told how far it is; may stop it.

    Returns
    -------
    VoxelModel
        With its scores.

    Raises
    ------
    SsbtomoError
        If a phase has no label, or the labels do not fit the volume.
    """
    layer, pick = request.annotations.layer, request.pick
    if tuple(layer.data.shape) != pick.shape:
        raise InputDataError(
            f"the scribbles have {tuple(layer.data.shape)} voxels, the volume {pick.shape}",
            hint="start new scribbles on this volume",
        )
    hands.tell("collecting labels", 0, 0)
    marks = request.annotations.all_marks(hands.cancel)
    without = lacking(marks, request.phases)
    if without:
        raise InputDataError(
            f"no voxel is labelled as {', '.join(without)}",
            hint="paint a few strokes of every phase, or take it out of the list",
        )
    hands.check()
    hands.tell(f"training on {len(marks.labels)} voxels", 0, 0)
    return _trained(pick, marks, request, hands)


def _trained(pick: Pick, marks: Scribbles, request: TrainingRequest, hands: Hands) -> VoxelModel:
    from ssbtomo.blocks import Engine
    from ssbtomo.segment.training import TrainingSample, train

    sections = pick.modality == "fib-sem"
    sample = TrainingSample(pick.grey, marks, pick.spacing, name=pick.name, sections=sections)
    with Engine.start("threads", hands_for_blocks(), cancel=hands.cancel) as engine:
        return train(sample, request.phases, **request.options, engine=engine)


def load_model(path: Any, phases: Sequence[str] | None = None) -> VoxelModel:
    """Read a model file.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.
    phases : sequence of str, optional
        Order of the phases, if they are those of the model.

    Returns
    -------
    VoxelModel
        The model.

    Raises
    ------
    FormatError
        If it is no model file, or damaged.
    """
    from ssbtomo.segment.voxel_model import VoxelModel

    model = VoxelModel.load(path)
    return model.ordered(phases) if phases and set(phases) == set(model.phases) else model


def score_table(model: VoxelModel) -> dict[str, list[Any]]:
    """Return the scores of a model as columns.

    Parameters
    ----------
    model : VoxelModel
        The model.

    Returns
    -------
    dict
        ``phase``, ``labelled``, and the IoU of left-out ``voxels`` and ``slices``; three digits,
        empty where it cannot be had.
    """
    columns: dict[str, list[Any]] = {"phase": list(model.phases)}
    counts = model.training.get("labelled", {})
    columns["labelled"] = [counts.get(name, 0) for name in model.phases]
    for key, word in (("out_of_bag", "IoU, voxels"), ("by_slice", "IoU, slices")):
        found = model.scores.get(key)
        values = found["iou"] if found else [None] * len(model.phases)
        columns[word] = ["" if value is None else f"{value:.3f}" for value in values]
    return columns


def score_lines(model: VoxelModel) -> str:
    """Say how good a model is.

    Parameters
    ----------
    model : VoxelModel
        The model.

    Returns
    -------
    str
        One or two lines.
    """
    lines = []
    for key, word in (("out_of_bag", "voxels"), ("by_slice", "slices")):
        found = model.scores.get(key)
        if found:
            lines.append(f"left-out {word}: {found['accuracy']:.1%} right")
    if "by_slice" not in model.scores:
        lines.append("label each phase in two slices for a score by slice")
    return "; ".join(lines)
