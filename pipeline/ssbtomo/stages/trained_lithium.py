"""Whether a classifier's lithium and void rest on anything that the data show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import Sink, Source
from ssbtomo.blocks.joining import join_classes
from ssbtomo.model.lithium import Lithium
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.evidence import Channel, Look, Volume
from ssbtomo.segment.lithium import split_tables
from ssbtomo.segment.low_absorbing import Study, study
from ssbtomo.stages.class_maps import ClassMaps
from ssbtomo.stages.desk import Desk
from ssbtomo.stages.low_absorbing import LEANING, Places, merged_phases

__all__ = ["asked_of_classes", "said_of_classes"]


def asked_of_classes(  # noqa: PLR0917 - what was classified, into what, and what is asked of it
    desk: Desk,
    made: ClassMaps,
    channels: tuple[Source, Sequence[Source]],
    places: Places,
    section: Lithium,
    voxels: NDArray[np.int64],
    *,
    variant: Callable[[Sink], Sink] | None = None,
) -> tuple[ClassMaps, NDArray[np.int64], dict[str, Any]]:
    """Join lithium and void in what a classifier made, unless its channels tell them apart.

    Parameters
    ----------
    desk : Desk
        The sample.
    made : ClassMaps
        What the classifier made; discarded if the two are joined.
    channels : tuple
        The scan, and the companions that the classifier looks at.
    places : tuple of int
        Labels of void and lithium.
    section : Lithium
        The recipe's table.
    voxels : ndarray of int64
        Voxels of each class.
    variant : callable, optional
        What lays corrections over the labels of a variant; without it none are written.

    Returns
    -------
    maps : ClassMaps
        What is to be published.
    voxels : ndarray of int64
        Voxels of each of its classes.
    told : dict
        How the two were treated, as plain values; the names of the variants that give all doubtful
        voxels to either, where the two are kept apart.

    Notes
    -----
    That the classifier parts the two is no evidence: it repeats what the scribbles said. Asked
    are the grey values, by d' of single voxels inside the joint class, and each companion that
    the classifier looks at, by d' of its smoothed values. What these leave in doubt is another thing
    than what the classifier doubts: it may be sure of what few scribbles said. 60 bytes per voxel of
    a block with a halo of 12 voxels.
    """
    joint = ClassMaps.of(desk, merged_phases(made.phases, places), "joint-phases")
    counts = join_classes(
        made.shares, places, joint.stores, desk.grid, desk.engine, markers=joint.markers
    )
    found = _study(desk, joint, channels, places, section)
    parted = section.split != "never" and bool(found.used)
    told = _told(found, made, places, section, parted=parted)
    told["variants"] = _leaning(desk, found, places, variant) if parted and variant else []
    gone = joint if parted else made
    gone.discard(desk)
    return (made, voxels, told) if parted else (joint, counts, told)


def _study(
    desk: Desk,
    joint: ClassMaps,
    channels: tuple[Source, Sequence[Source]],
    places: Places,
    section: Lithium,
) -> Study:
    look: Look = "bright" if places[1] > places[0] else "dark"
    image, companions = channels
    evidence = [Channel("companion", look, one) for one in companions]
    if section.fringe != "none":
        evidence.append(Channel("fringe", section.fringe))
    found = study(
        Volume(image, joint.labels, min(places), desk.spacing),
        [Channel("grey", look), *evidence],
        Bench(desk.grid, desk.engine, desk.allocate),
        limit=section.limit,
    )
    if section.intensity:
        return found
    return replace(found, judged=(replace(found.judged[0], counts=False), *found.judged[1:]))


def _leaning(
    desk: Desk, found: Study, places: Places, variant: Callable[[Sink], Sink]
) -> list[str]:
    """Write the joint class split by what the channels show, all doubt given to either."""
    bench = Bench(desk.grid, desk.engine, desk.allocate)
    for name, side in zip(LEANING, (-1, 1), strict=True):
        desk.check_cancelled()
        word = name.replace(" ", "-")
        sink, markers = desk.marked_draft(
            f"variant-{word}", desk.shape, np.uint8, desk.spacing, kind="labels"
        )
        found.split(
            split_tables(places), variant(sink), bench, lean=side * (found.band + 1e-6),
            markers=markers,
        )  # fmt: skip
        desk.publish(f"variant-{word}", desk.work / "variants" / f"{word}.ome.zarr")
    return list(LEANING)


def _told(
    found: Study, made: ClassMaps, places: Places, section: Lithium, *, parted: bool
) -> dict[str, Any]:
    void, lithium = (made.phases[place].name for place in places)
    return {
        "state": "split" if parted else "merged",
        "by": "classifier",
        "dprime": found.dprime,
        "limit": section.limit,
        "evidence": _numbered(found),
        "used": [item.channel.kind for item in found.used],
        "void": void,
        "lithium": lithium,
        "phases": [phase.model_dump(mode="json") for phase in made.phases],
        "warning": _warning(found, section, parted=parted),
    }


def _numbered(found: Study) -> dict[str, float]:
    """Return the d' of the evidence, companions by their number where there are several."""
    values: dict[str, float] = {}
    for item in found.judged[1:]:
        kind = item.channel.kind
        name = f"{kind} {len(values) + 1}" if kind in values else kind
        values[name] = item.dprime
    return values


def _warning(found: Study, section: Lithium, *, parted: bool) -> str:
    if parted:
        by = ", ".join(f"{item.channel.kind} (d' {item.dprime:.2g})" for item in found.used)
        return (
            f"lithium and void are the classifier's; that they differ shows in: {by}; grey values "
            f"alone: d' = {found.dprime:.2g}"
        )
    why = (
        "they were not to be split" if section.split == "never"
        else f"below the limit of {section.limit:g}" if found.dprime < section.limit
        else "grey values were not to be used"
    )  # fmt: skip
    return (
        f"lithium and void cannot be told apart (d' = {found.dprime:.2g}, {why}), whatever the "
        "classifier says: they are one class, and numbers of either are bounds"
    )


def said_of_classes(told: dict[str, Any]) -> str:
    """Say how a classifier's lithium and void were treated, as sentences for a paper.

    Parameters
    ----------
    told : dict
        From `asked_of_classes`; empty if nothing was asked.

    Returns
    -------
    str
        The sentences, with a space before them.
    """
    if not told:
        return ""
    apart = (
        f" Grey values of {told['lithium']} and {told['void']} lie d' = {told['dprime']:.2g} standard "
        f"deviations of a voxel apart (limit {told['limit']:g})."
    )
    if told["state"] == "merged":
        return (
            f"{apart} The classifier's {told['lithium']} and {told['void']} were joined to one class, and "
            "numbers of either are bounded by giving all of it to one or the other."
        )
    return f"{apart} The classifier's own {told['lithium']} and {told['void']} were kept."
