"""Contact areas of every pair of phases, coverage of the active material, triple lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ssbtomo.blocks.areas import ContactCounts, InterfaceAreas
from ssbtomo.kernels.resolution import Resolved, estimators_differ
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.guard import judged, phases_seen
from ssbtomo.stages.quantify.one_read import Wanted
from ssbtomo.stages.quantify.subject import Findings, Rows, Subject
from ssbtomo.units import format_length

__all__ = ["measure_contacts"]

_ESTIMATOR = "voxel face x local normal"
_CHECK = "voxels joined in 13 directions"
_NEAR = 0.1  # of a contact: less near a third phase is not worth a warning
_EVENLY = 0.95  # of a length: what is anywhere along it lies within, 95 times of 100


def measure_contacts(subject: Subject) -> Findings:
    """Measure the interface of every pair of phases and the line of every triple.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``contact_area_per_volume``, by Crofton's formula too, ``specific_contact_area``, ``coverage``,
        ``triple_line_per_volume``; tables ``contact_profiles`` and ``representative``.
    """
    read = subject.counted()
    assert read.contacts is not None
    areas, counts = read.contacts.whole, read.voxels.whole.total
    seen = phases_seen(subject, counts, areas.area_um2)
    measured = [
        *_pairs(areas, seen, subject),
        *_specific(areas, int(counts.sum()), counts, seen, subject),
        *_triples(areas, seen, subject),
    ]
    if not subject.full:
        return Findings(measured)
    tables: dict[str, Rows] = {
        "contact_profiles": _profiles(read.contacts, subject),
        "representative": read.spread(subject.desk, _densities(read.contacts, subject)),
    }
    return Findings(measured, tables)


def _profiles(contacts: ContactCounts, subject: Subject) -> Rows:
    """Table the contact area of each pair in each slice across the transport axis.

    A voxel face across the axis belongs to the slice before it, and what triple lines add or
    take to theirs, so that the slices' areas sum to that of the volume. Interpolated slices have no
    value.
    """
    areas = contacts.by_slice.areas(subject.spacing)
    size = len(areas)
    edge = subject.spacing[subject.desk.axis]
    pairs = [_joined(subject, a, b) for a, b in contacts.whole.area_um2]
    return {
        "axis": [subject.axis] * (size * len(pairs)),
        "position_um": [round((i + 0.5) * edge, 9) for _ in pairs for i in range(size)],
        "subject": [pair for pair in pairs for _ in range(size)],
        "area_per_volume": (areas.T / subject.counted().slices_um3(subject.desk)).ravel(),
    }


def _densities(contacts: ContactCounts, subject: Subject) -> Iterator[Wanted]:
    areas = contacts.by_cell.areas(subject.spacing)
    for (a, b), amounts in zip(contacts.whole.area_um2, areas.T, strict=True):
        yield "contact_area_per_volume", _joined(subject, a, b), amounts
    lengths = contacts.by_cell.lengths(subject.spacing)
    for triple, amounts in zip(contacts.whole.triple_um, lengths.T, strict=True):
        yield "triple_line_per_volume", _joined(subject, *triple), amounts


def _pairs(
    areas: InterfaceAreas, seen: Sequence[Resolved], subject: Subject
) -> Iterator[Measurement]:
    for (a, b), area in areas.area_um2.items():
        check = areas.crofton_um2[a, b]
        pair = _joined(subject, a, b)
        doubts = tuple(
            filter(None, (estimators_differ(area, check), _hidden(areas, a, b, subject)))
        )
        for quantity, value, how in (
            ("contact_area_per_volume", area, _ESTIMATOR),
            ("contact_area_per_volume_crofton", check, _CHECK),
        ):
            each = judged(
                Measurement(
                    quantity, pair, value / subject.counted_um3, "1/um", how, warnings=doubts,
                ),
                seen[a], seen[b],
            )  # fmt: skip
            yield _between(each, _doubtful(areas, a, b, subject) / subject.counted_um3)


def _specific(
    areas: InterfaceAreas,
    voxels: int,
    counts: np.ndarray,
    seen: Sequence[Resolved],
    subject: Subject,
) -> Iterator[Measurement]:
    active = subject.phase_of("active")
    if active is None:
        return
    own = subject.label_of(active)
    volume = float(counts[own]) / voxels * subject.counted_um3
    touching = {b if a == own else a: v for (a, b), v in areas.area_um2.items() if own in (a, b)}
    surface = sum(touching.values())
    for other, area in sorted(touching.items()):
        pair = f"{active}|{subject.names[other]}"
        doubtful = _doubtful(areas, own, other, subject)
        if volume > 0:
            each = Measurement(
                "specific_contact_area", pair, area / volume, "1/um",
                f"{_ESTIMATOR}, per volume of {active}",
                warnings=tuple(filter(None, [_hidden(areas, own, other, subject)])),
            )  # fmt: skip
            yield _between(judged(each, seen[own], seen[other]), doubtful / volume)
        if surface > 0:
            share = Measurement(
                "coverage", pair, area / surface, "1",
                f"{_ESTIMATOR}, share of the surface of {active}",
            )  # fmt: skip
            yield _between(judged(share, seen[own], seen[other]), doubtful / surface, most=1.0)


def _between(item: Measurement, doubt: float, *, most: float = math.inf) -> Measurement:
    """Let the range of an area hold it with so much more, and so much less."""
    if doubt <= 0 or math.isnan(item.value):
        return item
    return replace(item, low=max(item.value - doubt, 0.0), high=min(item.value + doubt, most))


def _doubtful(areas: InterfaceAreas, a: int, b: int, subject: Subject) -> float:
    """Return the area, in µm², that a contact may have more or less as its rim is not seen.

    Where three phases meet, the one whose grey value lies between ends in a wedge. Of a wedge of a
    right angle or wider, that part which is thinner than the limit of the repair, and so looks like
    the blurred edge of the two others, is half that limit long: the line where they meet may lie
    anywhere so far to either side.
    """
    found = subject.desk.facts.get("segment", {})
    if not found.get("variants"):
        return 0.0  # no ranges are wanted, or labels were given
    rim = sum(length for triple, length in areas.triple_um.items() if {a, b} <= set(triple))
    return _EVENLY * rim * float(found.get("film_limit_um") or 0.0) / 2


def _hidden(areas: InterfaceAreas, a: int, b: int, subject: Subject) -> str:
    """Warn where much of a contact lies so near a phase between that blur hides which of them it is.

    Where two phases touch that have a third between them in grey value, a layer of the third that
    is thinner than the limit of the repair looks like their blurred edge. Beside a triple line it is
    so thin over about that limit.
    """
    limit = float(subject.desk.facts.get("segment", {}).get("film_limit_um") or 0.0)
    low, high = sorted((a, b))
    between = {
        label: length
        for triple, length in areas.triple_um.items()
        for label in triple
        if {low, high} < set(triple) and low < label < high
    }
    share = sum(between.values()) * limit / max(areas.area_um2.get((low, high), 0.0), 1e-30)
    if share < _NEAR:
        return ""
    middle = " or ".join(subject.names[label] for label in between)
    return (
        f"{min(share, 1.0):.0%} of it lies within {format_length(limit, 3)} of {middle}, of which thinner "
        "layers look like blur there: its range holds a rim that lies up to half as far away"
    )


def _triples(
    areas: InterfaceAreas, seen: Sequence[Resolved], subject: Subject
) -> Iterator[Measurement]:
    for triple, length in areas.triple_um.items():
        line = Measurement(
            "triple_line_per_volume", _joined(subject, *triple), length / subject.counted_um3,
            "1/um^2", "voxel edge x local tangent",
        )  # fmt: skip
        yield judged(line, *(seen[k] for k in triple))


def _joined(subject: Subject, *labels: int) -> str:
    return "|".join(subject.names[label] for label in labels)
