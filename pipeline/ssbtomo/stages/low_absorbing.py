"""Segment, where the recipe has lithium and void side by side: asked about before split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo import io
from ssbtomo.blocks import Source
from ssbtomo.blocks.histogram import grey_summary
from ssbtomo.errors import InputDataError
from ssbtomo.model import Phase
from ssbtomo.model.lithium import Lithium
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.evidence import Channel
from ssbtomo.segment.lithium import Ask, LowAbsorbing
from ssbtomo.segment.volumes import Method
from ssbtomo.stages.desk import Desk, Facts
from ssbtomo.stages.imaged_again import imaged_again
from ssbtomo.stages.laps import Laps

if TYPE_CHECKING:
    from ssbtomo.stages.segment import Segment

__all__ = ["LEANING", "MERGED", "Places", "answer", "merged_phases", "places_of", "says"]

MERGED = "lithium or void"
LEANING = ("lithium low", "lithium high")
"""Variants in which all that is doubtful is void, and lithium."""

_CHANCE = "lithium-probability"
_CHANCE_DRAFT = f"phases~{_CHANCE}"
Places = tuple[int, int]


def places_of(phases: tuple[Phase, ...], section: Lithium) -> Places | None:
    """Return the labels of void and lithium, if they are to be asked about.

    Parameters
    ----------
    phases : tuple of Phase
        The phases, darkest first.
    section : Lithium
        The recipe's table.

    Returns
    -------
    tuple of int or None
        ``None`` if the two are not neighbours in grey value, are all there is, or are to be
        parted by thresholds like others.
    """
    roles = [phase.role for phase in phases]
    if section.split == "thresholds" or len(roles) < 3:
        return None
    if "void" not in roles or "lithium" not in roles:
        return None
    void, lithium = roles.index("void"), roles.index("lithium")
    return (void, lithium) if abs(void - lithium) == 1 else None


def answer(stage: Segment, desk: Desk, image: Source, places: Places, method: Method) -> Facts:
    """Write the labels, the variants, and what is known of lithium and void.

    Parameters
    ----------
    stage : Segment
        The stage, with the recipe's phases.
    desk : Desk
        The sample.
    image : Source
        Its grey values.
    places : tuple of int
        Labels of void and lithium.
    method : str
        How the histogram is split.

    Returns
    -------
    dict
        As of the stage; ``phases`` are those of the labels that were written, ``lithium`` says
        how the two were treated.
    """
    section, bench = stage.section, Bench(desk.grid, desk.engine, desk.allocate)
    laps = Laps(desk.tell, stage.expected(desk.shape, 1))
    histogram = grey_summary(image, desk.grid, desk.engine).check()
    found = LowAbsorbing.prepare(
        image, desk.spacing, len(stage.phases), places, _ask(desk, section.lithium),
        bench=bench, method=method,
        thresholds=section.thresholds, histogram=histogram, repair=section.repair, regular=stage.regular,
        smallest_object=section.smallest_object, cancelled=desk.cancelled,
    )  # fmt: skip
    shown = merged_phases(stage.phases, places) if found.state == "merged" else stage.phases
    written = replace(stage, phases=shown)
    stores = ["phases"]
    with written.store(desk, None) as (sink, markers):
        chance = None
        if found.state == "split":  # under the markers of the labels, with which it is written
            chance = desk.beside_draft(_CHANCE_DRAFT, markers, np.uint8, kind="image")
        segmented = found.segment(sink=sink, markers=markers, chance=chance)
        if chance is not None:
            io.ome_zarr.finish(chance.path, engine=desk.engine)
            desk.publish(_CHANCE_DRAFT, desk.store(_CHANCE))
            stores.append(_CHANCE)
        counts = written.count(desk, sink)
        written.all_present(desk, counts)
    variants = list(_variants(found, written, places))
    laps.revise(stage.steps(desk.shape, len(variants)))
    laps()
    for name, shift, lean in variants:
        desk.check_cancelled()
        with written.store(desk, name) as (sink, markers):
            found.labels(shift, lean=lean, sink=sink, markers=markers)
        laps()
    grey = (
        stage
        if found.state == "clear"
        else replace(stage, phases=merged_phases(stage.phases, places))
    )
    again, offsets, warnings = _imaged_again(found, written, desk, bench, laps)
    return {
        "variants": [*(name for name, _, _ in variants), *again],
        "costs": laps.costs,
        "place_offsets": offsets,
        "stores": stores,
        "warnings": [*segmented.warnings, *warnings],
        "thresholds": list(segmented.thresholds),
        "variance_share": segmented.variance_share,
        "film_limit_um": (
            segmented.film_limit_voxels * min(desk.spacing) if segmented.repaired else None
        ),
        "fractions": [count / float(np.prod(desk.shape)) for count in counts],
        "tables": grey.tables(segmented, histogram),
        "phases": [phase.model_dump(mode="json") for phase in shown],
        "lithium": _told(found, stage.phases),
    }


def _ask(desk: Desk, section: Lithium) -> Ask:
    evidence = []
    if section.companion is not None:
        source = _evidence(desk, section.companion, "companion")
        evidence.append(Channel("companion", section.companion.lithium, source))
    if section.reference is not None:
        source = _evidence(desk, section.reference, "reference")
        evidence.append(Channel("reference", section.reference.lithium, source))
    if section.fringe != "none":
        evidence.append(Channel("fringe", section.fringe))
    face = None
    if section.electrode != "none":
        axis, side = section.electrode.split("-")
        face = "zyx".index(axis), int(side == "max")
    return Ask(
        "never" if section.split == "never" else "auto", section.limit, intensity=section.intensity, evidence=tuple(evidence),
        electrode=face, prior=section.prior,
    )  # fmt: skip


def _evidence(desk: Desk, part: Any, name: str) -> Source:
    """Copy registered evidence to a store that every task can read."""
    path = Path(part.path)
    volume = io.open_volume(path if path.is_absolute() else desk.home / path, dataset=part.dataset)
    if tuple(volume.shape) != desk.shape:
        raise InputDataError(
            f"the {name} {part.path} has the shape {tuple(volume.shape)}, the scan {desk.shape}",
            hint="register and resample it to the scan's voxels first",
        )
    sink = desk.allocate(name, np.dtype(np.float32))
    for block in desk.grid:
        desk.check_cancelled()
        values = np.asarray(volume.data[block.core].compute(scheduler="synchronous"))
        if not np.isfinite(values).all():
            raise InputDataError(
                f"the {name} {part.path} holds NaN or infinite voxels",
                hint="replace them before the analysis",
            )
        sink[block.core] = values.astype(np.float32)
    return sink


def merged_phases(phases: tuple[Phase, ...], places: Places) -> tuple[Phase, ...]:
    """Put one phase in the place of the two.

    Parameters
    ----------
    phases : tuple of Phase
        With both, side by side.
    places : tuple of int
        Their labels.

    Returns
    -------
    tuple of Phase
        One fewer.
    """
    first = min(places)
    return (*phases[:first], Phase(name=MERGED, role="void"), *phases[first + 2 :])


def _variants(
    found: LowAbsorbing, stage: Segment, places: Places
) -> Iterator[tuple[str, tuple[int, float] | None, int]]:
    """Yield each shifted threshold; then, where they were split, all doubt on either side."""
    first, shift = min(places), stage.range.shift
    surfaces = len(stage.phases) - (2 if found.state == "split" else 1)
    if shift:
        for k in range(surfaces):
            for word, sign in (("down", -1), ("up", 1)):
                yield f"threshold {k + 1} {word}", (k, sign * shift), 0
    if found.state == "split":
        for name, sign in zip(LEANING, (-1, 1), strict=True):
            yield name, (first, sign * shift) if shift else None, sign


def _imaged_again(
    found: LowAbsorbing, stage: Segment, desk: Desk, bench: Bench, laps: Laps
) -> tuple[list[str], list[float], list[str]]:
    """Image the labels again where thresholds alone made them; a split has its own variants."""
    if found.state == "split":
        return [], [], []
    return imaged_again(stage, desk, found.segmenter, bench, laps)


def _told(found: LowAbsorbing, phases: tuple[Phase, ...]) -> dict[str, Any]:
    """Return what was found about the two, as plain values."""
    void, lithium = found.places
    return {
        "state": found.state,
        "dprime": found.study.dprime,
        "limit": found.ask.limit,
        "evidence": {item.channel.kind: item.dprime for item in found.study.judged[1:]},
        "used": [item.channel.kind for item in found.study.used],
        "void": phases[void].name,
        "lithium": phases[lithium].name,
        "phases": [phase.model_dump(mode="json") for phase in phases],
        "warning": found.warning,
    }


def says(facts: Facts, section: Lithium) -> str:
    """Say how lithium and void were treated, as sentences for a paper.

    Parameters
    ----------
    facts : dict
        What the stage found.
    section : Lithium
        The recipe's table.

    Returns
    -------
    str
        Empty if nothing was asked.
    """
    told = facts.get("lithium")
    if told is None:
        return ""
    apart = (
        f" Grey values of {told['lithium']} and {told['void']} lie d' = {told['dprime']:.2g} standard "
        f"deviations of a voxel apart (limit {told['limit']:g})."
    )
    if told["state"] == "clear":
        return apart
    if told["state"] == "merged":
        return (
            f"{apart} They were not told apart: they form one class, and numbers of either are "
            "bounded by giving all of it to one or the other."
        )
    used = " and ".join(f"the {name} values" if name == "grey" else name for name in told["used"])
    prior = (
        f" The class counted as lithium by log odds of {section.prior:g} more where it is joined to "
        f"{section.electrode}, and less where it is enclosed."
        if section.prior
        else ""
    )
    return (
        f"{apart} They were told apart by the posterior from {used}, smoothed inside the class."
        f"{prior} The range of every number includes all uncertain voxels given to either."
    )
