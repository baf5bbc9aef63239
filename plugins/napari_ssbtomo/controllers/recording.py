"""Training in the viewer, kept as a recipe with the files that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.annotating import Annotations
from napari_ssbtomo.controllers.picking import Pick
from napari_ssbtomo.controllers.segment_recipe import (
    Origin,
    save_recipe,
    save_scribbles,
    trained_section,
)
from napari_ssbtomo.controllers.working import Hands
from ssbtomo.errors import SsbtomoError

if TYPE_CHECKING:
    from ssbtomo.segment.voxel_model import VoxelModel

__all__ = ["Recorded", "Trained", "record_training"]


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What a classifier came from.

    Parameters
    ----------
    pick : Pick
        The volume.
    phases : tuple of str
        Names of the phases.
    annotations : Annotations or None
        What was painted.
    options : mapping
        Of the training.
    model : VoxelModel or None
        A classifier that was loaded from a file: then that is kept, not what was painted.
    """

    pick: Pick
    phases: tuple[str, ...]
    annotations: Annotations | None
    options: Mapping[str, Any]
    model: VoxelModel | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recipe that was written.

    Parameters
    ----------
    recipe : pathlib.Path
        The file.
    section : mapping
        Its ``segment``, with whole paths.
    phases : tuple of str
        Names of its phases.
    """

    recipe: Path
    section: Mapping[str, Any]
    phases: tuple[str, ...]


def record_training(trained: Trained, origin: Origin, target: Path, hands: Hands) -> Recorded:
    """Write a recipe that classifies as was done in the viewer.

    Parameters
    ----------
    trained : Trained
        What was done.
    origin : Origin
        Where the volume came from.
    target : pathlib.Path
        The recipe; scribbles (``NAME-scribbles.ome.zarr``) or model (``NAME.ssbmodel``) go
        beside it.
    hands : Hands
        Told how far it is; may stop it.

    Returns
    -------
    Recorded
        What was written.

    Raises
    ------
    SsbtomoError
        If there is neither a model nor a scribble, or it cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if trained.model is not None:
        file = trained.model.save(target.with_suffix(".ssbmodel"))
        section, phases = trained_section(file.absolute(), None), trained.model.phases
    elif trained.annotations is not None:
        marks = target.with_name(f"{target.stem}-scribbles.ome.zarr").absolute()
        save_scribbles(trained.annotations, trained.pick, marks, hands)
        section, phases = trained_section(marks, trained.options), trained.phases
    else:
        raise SsbtomoError(
            "there is nothing to write into a recipe", hint="paint scribbles, or load a model"
        )
    return Recorded(save_recipe(origin, target, section, phases), section, phases)
