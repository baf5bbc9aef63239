"""Contact areas of every pair of phases, coverage of the active material, triple lines."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ssbtomo.blocks.areas import InterfaceAreas, interface_areas
from ssbtomo.blocks.fractions import phase_counts
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.subject import Findings, Subject

__all__ = ["measure_contacts"]

_ESTIMATOR = "voxel face x local normal"
_DISAGREE = 0.03


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
        ``triple_line_per_volume``.
    """
    labels = list(range(len(subject.phases)))
    desk = subject.desk
    areas = interface_areas(subject.labels, subject.spacing, labels, subject.grid, desk.engine)
    counts = phase_counts(subject.labels, labels, subject.grid, desk.engine).total
    thin = _thin_phases(areas, counts, subject)
    measured = [
        *_pairs(areas, thin, subject),
        *_specific(areas, float(counts.sum()), counts, thin, subject),
        *_triples(areas, thin, subject),
    ]
    return Findings(measured)


def _pairs(areas: InterfaceAreas, thin: dict[int, str], subject: Subject) -> Iterator[Measurement]:
    for (a, b), area in areas.area_um2.items():
        warnings = [thin[k] for k in (a, b) if k in thin]
        check = areas.crofton_um2[a, b]
        if check > 0 and abs(area / check - 1) > _DISAGREE:
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


def _thin_phases(areas: InterfaceAreas, counts: np.ndarray, subject: Subject) -> dict[int, str]:
    """Name the phases whose mean chord, 4V/S, is below three voxels."""
    voxel = float(np.prod(subject.spacing))
    limit = 3 * voxel ** (1 / 3)
    found = {}
    for label, name in enumerate(subject.names):
        surface = sum(v for pair, v in areas.area_um2.items() if label in pair)
        if surface > 0:
            chord = 4 * float(counts[label]) * voxel / surface
            if chord < limit:
                found[label] = (
                    f"{name}: mean chord {chord / limit * 3:.2g} voxels, below the 3 that are resolved"
                )
    return found


def _joined(subject: Subject, *labels: int) -> str:
    return "|".join(subject.names[label] for label in labels)
