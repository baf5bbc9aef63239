"""What a run tells of a trained classifier: its story, its scores as tables, a sentence for a paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ssbtomo.segment.voxel_model import VoxelModel
from ssbtomo.units import format_length

__all__ = ["model_story", "score_tables", "training_sentence"]


def model_story(model: VoxelModel) -> dict[str, Any]:
    """Return what a run keeps of a model.

    Parameters
    ----------
    model : VoxelModel
        The model.

    Returns
    -------
    dict
        Plain values, for `training_sentence`.
    """
    return {
        "training": dict(model.training),
        "features": [feature.label for feature in model.features],
        "settled_um": None if model.settling is None else model.settling.reach,
        "sections": model.settling is not None and bool(model.settling.greys),
        "spacing_um": list(model.spacing),
        "accuracy": {
            how: model.scores[how]["accuracy"]
            for how in ("out_of_bag", "by_slice")
            if how in model.scores
        },
        "slices": model.scores.get("slices"),
    }


def score_tables(model: VoxelModel) -> dict[str, Any]:
    """Return the scores of a model as tables.

    Parameters
    ----------
    model : VoxelModel
        The model.

    Returns
    -------
    dict
        ``training_scores`` by phase, ``training_confusion`` by pair of phases, without rows if
        the model has no scores; ``reliability`` by bin of probability, if it was scored.
    """
    scores: dict[str, list[Any]] = {
        key: [] for key in ("left_out", "phase", "labelled", "iou", "dice")
    }
    pairs: dict[str, list[Any]] = {key: [] for key in ("left_out", "truth", "predicted", "voxels")}
    for key, word in (("out_of_bag", "voxels"), ("by_slice", "slices")):
        found = model.scores.get(key)
        if not found:
            continue
        names = model.scores["phases"]
        for label, name in enumerate(names):
            row = (
                word,
                name,
                sum(found["confusion"][label]),
                found["iou"][label],
                found["dice"][label],
            )
            for column, value in zip(scores.values(), row, strict=True):
                column.append(value)
            for other, voxels in zip(names, found["confusion"][label], strict=True):
                for column, value in zip(pairs.values(), (word, name, other, voxels), strict=True):
                    column.append(value)
    tables = {"training_scores": scores, "training_confusion": pairs}
    reliability = model.scores.get("reliability")
    return {**tables, "reliability": reliability} if reliability else tables


def training_sentence(facts: Mapping[str, Any]) -> str:
    """Say how the phases were classified, as sentences for a paper.

    Parameters
    ----------
    facts : mapping
        What the stage found.

    Returns
    -------
    str
        The sentences.
    """
    story = facts["model"]
    training = story["training"]
    labelled = sum(training["labelled"].values())
    how = (
        f"a random forest of {training['trees']} trees, at most {training['depth']} deep [@breiman2001],"
        if training["rule"] == "forest"
        else "logistic regression"
    )
    text = (
        f"Each voxel was classified with {how} from {len(story['features'])} features of its "
        f"neighbourhood, trained on {labelled} labelled voxels of {training['samples']} "
        f"sample{'s' if training['samples'] > 1 else ''}."
    )
    if training.get("grown"):
        text += (
            f" It was trained once more with {training['grown']} voxels around them, labelled by a "
            "seeded watershed of the gradient magnitude [@vincent1991]."
        )
    held = story["accuracy"].get("by_slice")
    if held is not None:
        text += (
            f" Of the labelled voxels, {held:.1%} were classified right by models that had not "
            "seen their slice."
        )
    return text + (_settled(story) if story["settled_um"] else "")


def _settled(story: Mapping[str, Any]) -> str:
    level = "" if story.get("sections") else "level "
    only = (
        " (level voxels alone for phases between a darker and a brighter one)"
        if story.get("sections")
        else ""
    )
    return (
        f" At edges, phases without support from {level}voxels within "
        f"{format_length(story['settled_um'])} (standard deviation of a Gaussian){only} were "
        "excluded, so that blurred edges between a dark and a bright phase hold no film of a third."
    )
