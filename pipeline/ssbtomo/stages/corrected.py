"""Corrections by hand on their way into a run: checked, laid over every label, and told."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ssbtomo.blocks import Sink
from ssbtomo.errors import RecipeError
from ssbtomo.model import Phase, Segment
from ssbtomo.results import folder_name
from ssbtomo.segment.corrections import Corrections
from ssbtomo.segment.overlay import Corrected
from ssbtomo.stages.desk import Desk, Facts
from ssbtomo.stages.low_absorbing import MERGED

__all__ = [
    "check_corrections",
    "corrected",
    "corrected_maps",
    "correction_facts",
    "correction_sentence",
    "correction_table",
]

_SURE = 255  # what probabilities are in steps of


def check_corrections(section: Segment, phases: Sequence[Phase], shape: Sequence[int]) -> None:
    """Refuse corrections that do not fit the scan, before long work.

    Parameters
    ----------
    section : ssbtomo.model.Segment
        The recipe's section.
    phases : sequence of Phase
        The recipe's phases.
    shape : sequence of int
        Voxels of the scan along (Z, Y, X).

    Raises
    ------
    SsbtomoError
        If the file is missing, damaged, or of another volume.
    """
    if section.corrections is None:
        return
    if not Path(section.corrections).is_file():
        raise RecipeError(
            f"there are no corrections {section.corrections}",
            hint="paths are relative to the recipe; check segment.corrections",
        )
    names = [*(phase.name for phase in phases), MERGED]
    Corrections.load(section.corrections).check(shape, names)


def corrected(sink: Sink, section: Segment, phases: Sequence[Phase], desk: Desk) -> Sink:
    """Return a store of labels that takes the corrections over what is written to it.

    Parameters
    ----------
    sink : Sink
        The store.
    section : ssbtomo.model.Segment
        The recipe's section.
    phases : sequence of Phase
        The phases of the labels.
    desk : Desk
        The sample.

    Returns
    -------
    Sink
        The store itself if nothing was corrected.
    """
    return _laid(section, phases, desk)(sink, lambda number: number)


def corrected_maps(
    maps: Sequence[Sink], entropy: Sink, section: Segment, phases: Sequence[Phase], desk: Desk
) -> list[Sink]:
    """Return stores of class probabilities and entropy in which what was corrected is certain.

    Parameters
    ----------
    maps : sequence of Sink
        Probability of each phase.
    entropy : Sink
        The entropy.
    section : ssbtomo.model.Segment
        The recipe's section.
    phases : sequence of Phase
        The phases of the labels.
    desk : Desk
        The sample.

    Returns
    -------
    list of Sink
        The stores themselves if nothing was corrected.
    """
    laid = _laid(section, phases, desk)
    sure = [laid(store, partial(_share, label)) for label, store in enumerate(maps)]
    return [*sure, laid(entropy, lambda _: 0)]


def _share(label: int, corrected_to: int) -> int:
    return _SURE * (label == corrected_to)


def _laid(
    section: Segment, phases: Sequence[Phase], desk: Desk
) -> Callable[[Sink, Callable[[int], int]], Sink]:
    """Return what lays the corrections over a store, given the value of each corrected phase."""
    file = section.corrections
    if file is None:
        return lambda store, _: store
    found = Corrections.load(file)
    found.check(desk.shape)
    names = [phase.name for phase in phases]
    joined = [name for name in names if name not in {p.name for p in desk.sample.phases}]
    same = {p.name: joined[0] for p in desk.sample.phases if p.name not in names} if joined else {}
    numbers = found.numbered(names, same).tolist()
    return lambda store, value: Corrected(store, file, tuple(value(n) for n in numbers))


def correction_facts(section: Segment, desk: Desk) -> Facts:
    """Keep the corrections with the results, and return what they say of themselves.

    Parameters
    ----------
    section : ssbtomo.model.Segment
        The recipe's section.
    desk : Desk
        The sample.

    Returns
    -------
    dict
        Empty if nothing was corrected; else ``corrections`` with file, hash, number of voxels,
        their share of the volume, and the sessions: who, when, how many voxels from which phase
        to which, and the box around them.
    """
    if section.corrections is None:
        return {}
    place, found = Path(section.corrections), Corrections.load(section.corrections)
    kept = desk.root / "corrections" / f"{folder_name(desk.name)}.zip"
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not kept.exists() or not kept.samefile(place):
        shutil.copyfile(place, kept)
    return {
        "corrections": {
            "file": place.name,
            "sha256": hashlib.sha256(place.read_bytes()).hexdigest(),
            "voxels": len(found),
            "share": len(found) / float(np.prod(desk.shape)),
            "sessions": [_session(record) for record in found.records],
        }
    }


def _session(record: Any) -> dict[str, Any]:
    return {
        "who": record.who,
        "when": record.when,
        "voxels": record.voxels,
        "moved": [list(move) for move in record.moved],
        "box": [list(corner) for corner in record.box],
    }


def correction_table(told: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the sessions of corrections as a table.

    Parameters
    ----------
    told : mapping
        What `correction_facts` returned under ``corrections``.

    Returns
    -------
    dict
        A row for each session and pair of phases: who, when, from, to, voxels, and the box of
        the session.
    """
    ends = [f"{axis}_{end}" for end in ("from", "to") for axis in "zyx"]
    table: dict[str, list[Any]] = {
        key: [] for key in ("who", "when", "from", "to", "voxels", *ends)
    }
    for session in told["sessions"]:
        corners = [value for corner in session["box"] for value in corner]
        for old, new, voxels in session["moved"]:
            row = (session["who"], session["when"], old, new, voxels, *corners)
            for column, value in zip(table.values(), row, strict=True):
                column.append(value)
    return table


def correction_sentence(facts: Mapping[str, Any]) -> str:
    """Say what was corrected by hand, as a sentence for a paper.

    Parameters
    ----------
    facts : mapping
        What the stage found.

    Returns
    -------
    str
        Empty if nothing was.
    """
    told = facts.get("corrections")
    if not told:
        return ""
    sessions = len(told["sessions"])
    word = "session" if sessions == 1 else "sessions"
    return (
        f" By hand, {told['voxels']} voxels ({told['share']:.2%} of the volume) were given another "
        f"phase, in {sessions} {word}; they are the same in every variant of the segmentation."
    )
