"""Contact areas of every pair of phases, coverage of the active material, triple lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ssbtomo.blocks.areas import ContactCounts, InterfaceAreas
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.one_read import Wanted
from ssbtomo.stages.quantify.subject import Findings, Rows, Subject

__all__ = ["measure_contacts", "thin_phases"]

_ESTIMATOR = "voxel face x local normal"


def measure_contacts(subject: Subject) -> Findings:
    """Measure the interface of every pair of phases and the line of every triple.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``contact_area_per_volume``, ``specific_contact_area``, ``coverage``,
        ``triple_line_per_volume``; tables ``contact_profiles`` and ``representative``.
    """
    read = subject.counted()
    assert read.contacts is not None
    areas, counts = read.contacts.whole, read.voxels.whole.total
    surface = {
        label: sum(area for pair, area in areas.area_um2.items() if label in pair)
        for label in range(len(subject.phases))
    }
    thin = thin_phases(surface, counts, subject)
    measured = [
        *_pairs(areas, thin, subject),
        *_specific(areas, float(counts.sum()), counts, thin, subject),
        *_triples(areas, thin, subject),
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
    take to theirs, so that the slices' areas sum to that of the volume.
    """
    areas = contacts.by_slice.areas(subject.spacing)
    size = len(areas)
    edge = subject.spacing[subject.desk.axis]
    pairs = [_joined(subject, a, b) for a, b in contacts.whole.area_um2]
    return {
        "axis": [subject.axis] * (size * len(pairs)),
        "position_um": [round((i + 0.5) * edge, 9) for _ in pairs for i in range(size)],
        "subject": [pair for pair in pairs for _ in range(size)],
        "area_per_volume": (areas.T * (size / subject.volume_um3)).ravel(),
    }


def _densities(contacts: ContactCounts, subject: Subject) -> Iterator[Wanted]:
    areas = contacts.by_cell.areas(subject.spacing)
    for (a, b), amounts in zip(contacts.whole.area_um2, areas.T, strict=True):
        yield "contact_area_per_volume", _joined(subject, a, b), amounts
    lengths = contacts.by_cell.lengths(subject.spacing)
    for triple, amounts in zip(contacts.whole.triple_um, lengths.T, strict=True):
        yield "triple_line_per_volume", _joined(subject, *triple), amounts


def _pairs(areas: InterfaceAreas, thin: dict[int, str], subject: Subject) -> Iterator[Measurement]:
    for (a, b), area in areas.area_um2.items():
        warnings = [thin[k] for k in (a, b) if k in thin]
        check = areas.crofton_um2[a, b]
        if (a, b) in areas.disagreeing:
            warnings.append(f"the Crofton estimate is {check / subject.volume_um3:.4g} 1/um")
        yield Measurement(
            "contact_area_per_volume", _joined(subject, a, b), area / subject.volume_um3,
            "1/um", _ESTIMATOR, warnings=tuple(warnings),
        )  # fmt: skip


def _specific(
    areas: InterfaceAreas, voxels: float, counts: np.ndarray, thin: dict[int, str], subject: Subject
) -> Iterator[Measurement]:
    active = subject.desk.sample.phase_of("active")
    if active is None:
        return
    own = subject.label_of(active)
    volume = float(counts[own]) / voxels * subject.volume_um3
    touching = {b if a == own else a: v for (a, b), v in areas.area_um2.items() if own in (a, b)}
    surface = sum(touching.values())
    for other, area in sorted(touching.items()):
        pair = f"{active}|{subject.names[other]}"
        warnings = tuple(thin[k] for k in (own, other) if k in thin)
        if volume > 0:
            yield Measurement(
                "specific_contact_area", pair, area / volume, "1/um",
                f"{_ESTIMATOR}, per volume of {active}", warnings=warnings,
            )  # fmt: skip
        if surface > 0:
            yield Measurement(
                "coverage", pair, area / surface, "1",
                f"{_ESTIMATOR}, share of the surface of {active}", warnings=warnings,
            )  # fmt: skip


def _triples(
    areas: InterfaceAreas, thin: dict[int, str], subject: Subject
) -> Iterator[Measurement]:
    for triple, length in areas.triple_um.items():
        warnings = tuple(thin[k] for k in triple if k in thin)
        yield Measurement(
            "triple_line_per_volume", _joined(subject, *triple), length / subject.volume_um3,
            "1/um^2", "voxel edge x local tangent", warnings=warnings,
        )  # fmt: skip


def thin_phases(
    surfaces: Mapping[int, float], counts: np.ndarray, subject: Subject
) -> dict[int, str]:
    """Name the phases whose mean chord, 4V/S, is below three voxels.

    Parameters
    ----------
    surfaces : mapping of int to float
        Label and surface of each phase, in square micrometres.
    counts : ndarray of int64
        Voxels of each phase.
    subject : Subject
        What is measured.

    Returns
    -------
    dict of int to str
        Label and warning of each such phase.
    """
    voxel = float(np.prod(subject.spacing))
    limit = 3 * voxel ** (1 / 3)
    found = {}
    for label, name in enumerate(subject.names):
        surface = surfaces.get(label, 0.0)
        if surface > 0:
            chord = 4 * float(counts[label]) * voxel / surface
            if chord < limit:
                found[label] = (
                    f"{name}: mean chord {chord / limit * 3:.2g} voxels, below the 3 that are resolved"
                )
    return found


def _joined(subject: Subject, *labels: int) -> str:
    return "|".join(subject.names[label] for label in labels)
