"""Variants that image the labels, with the blur and noise of the scan, and segment them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssbtomo import io
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.variants import find_imaging, place_offsets, same_phases, segment_again
from ssbtomo.segment.volumes import Segmenter
from ssbtomo.stages.desk import Desk
from ssbtomo.stages.laps import Laps

if TYPE_CHECKING:
    from ssbtomo.stages.segment import Segment

__all__ = ["imaged_again"]

_OTHER_PHASES = (
    "labels imaged with the blur and noise of the scan were segmented into other phases, {} times "
    "of {}: another scan of this sample may be, too, and the ranges do not hold that"
)


def imaged_again(
    stage: Segment, desk: Desk, segmenter: Segmenter, bench: Bench, laps: Laps
) -> tuple[list[str], list[float], list[str]]:
    """Image the labels and segment them again, as often as the recipe says.

    Parameters
    ----------
    stage : Segment
        The stage, with the phases of the labels.
    desk : Desk
        The sample; its store ``phases`` holds the labels.
    segmenter : Segmenter
        What made them; its stores are overwritten.
    bench : Bench
        Where the blocks are worked on.
    laps : Laps
        Told after each.

    Returns
    -------
    names : list of str
        Of the variants, ``imaged again 1`` and so on.
    offsets : list of float
        As of `ssbtomo.segment.variants.place_offsets`; empty if nothing is imaged.
    warnings : list of str
        If other phases were found.
    """
    if not stage.repeats:
        return [], [], []
    labels = io.ome_zarr.open_array(desk.store("phases"))
    imaging = find_imaging(segmenter, labels, desk.spacing, bench)
    offsets = place_offsets(segmenter, imaging)
    names = []
    for seed in range(stage.repeats):
        desk.check_cancelled()
        again = segment_again(labels, imaging, segmenter, desk.spacing, bench, seed=seed)
        if same_phases(again, imaging):
            names.append(f"imaged again {seed + 1}")
            with stage.store(desk, names[-1]) as (sink, markers):
                again.labels(sink=sink, markers=markers)
        laps()
    lost = stage.repeats - len(names)
    return names, offsets, [_OTHER_PHASES.format(lost, stage.repeats)] if lost else []
