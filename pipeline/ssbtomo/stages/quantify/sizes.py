"""Particle sizes of the active material and pore sizes of the void."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.necks import particle_shapes
from ssbtomo.blocks.particles import separate
from ssbtomo.blocks.thickness import SizeDistribution, size_distribution
from ssbtomo.errors import PhaseMissingError
from ssbtomo.kernels.particles import weighted_percentile
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.guard import sizes_judged
from ssbtomo.stages.quantify.instances import instance_store
from ssbtomo.stages.quantify.subject import Findings, Rows, Subject

__all__ = ["measure_particles", "measure_pores"]

_PERCENTILES = (10, 50, 90)


def measure_particles(subject: Subject) -> Findings:
    """Split the active material into particles and measure each.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``particle_count``, ``particle_diameter_d10/d50/d90``; tables ``particles`` and
        ``size_distributions``; the store ``particles``.
    """
    name = subject.settings.particle_phase or subject.phase_of("active")
    if name is None:
        return Findings()
    rows = _particle_rows(subject, name)
    measured = sizes_judged(_particle_numbers(rows, name), subject)
    if not subject.full:
        return Findings(measured)
    order = np.argsort(rows["diameter_um"], kind="stable")
    volume = rows["volume_um3"][order]
    sizes = {
        "subject": [name] * order.size,
        "kind": ["particle"] * order.size,
        "diameter_um": rows["diameter_um"][order],
        "volume_fraction": np.cumsum(volume) / volume.sum(),
    }
    return Findings(measured, {"particles": rows, "size_distributions": sizes})


def _particle_rows(subject: Subject, name: str) -> dict[str, NDArray[Any]]:
    """Separate block by block; all but the particles is on disk only meanwhile."""
    with instance_store(subject, "particles") as allocate:
        found = separate(
            subject.labels,
            subject.spacing,
            subject.grid,
            subject.desk.engine,
            allocate=allocate,
            phase=subject.label_of(name),
            necks=subject.necks,
        )
        if found.table["particle"].size == 0:
            raise subject.missing(name)
        if not subject.full:
            return found.table
        phases = {phase: label for label, phase in enumerate(subject.names)}
        shapes = particle_shapes(
            (subject.labels, found.labels), subject.spacing, phases, subject.grid,
            subject.desk.engine, own=subject.label_of(name), table=found.table,
        )  # fmt: skip
    return found.table | shapes


def _particle_numbers(rows: Mapping[str, NDArray[Any]], name: str) -> Iterator[Measurement]:
    cut = rows["touches_border"].astype(bool)
    share = float(rows["volume_um3"][cut].sum() / rows["volume_um3"].sum())
    warnings = (
        (f"{share:.0%} of the volume is in particles cut by the border",) if share > 0.2 else ()
    )
    how = "drainage basins of the distance map, merged by depth"
    yield Measurement("particle_count", name, float(cut.size), "1", how, warnings=warnings)
    for percent in _PERCENTILES:
        size = weighted_percentile(rows["diameter_um"], rows["volume_um3"], percent)
        yield Measurement(
            f"particle_diameter_d{percent}", name, float(size), "um",
            f"{how}; equivalent sphere, by volume", warnings=warnings,
        )  # fmt: skip


def measure_pores(subject: Subject) -> Findings:
    """Measure the continuous size distribution of the void.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``pore_diameter_d10/d50/d90``; table ``size_distributions``.
    """
    name = subject.settings.pore_phase or subject.phase_of("void")
    if name is None:
        return Findings()
    found = _pore_sizes(subject, name)
    how = "local thickness (largest inscribed sphere), by volume"
    sizes = zip(_PERCENTILES, (found.d10, found.d50, found.d90), strict=True)
    measured = sizes_judged(
        (
            Measurement(f"pore_diameter_d{percent}", name, float(size), "um", how)
            for percent, size in sizes
        ),
        subject,
    )
    rows: Rows = {
        "subject": [name] * len(found.diameter_um),
        "kind": ["pore"] * len(found.diameter_um),
        "diameter_um": found.diameter_um,
        "volume_fraction": found.volume_fraction,
    }
    return Findings(measured, {"size_distributions": rows} if subject.full else {})


def _pore_sizes(subject: Subject, name: str) -> SizeDistribution:
    """Measure block by block; the distances are on disk meanwhile."""
    desk = subject.desk
    try:
        return size_distribution(
            subject.labels,
            subject.spacing,
            subject.grid,
            desk.engine,
            allocate=desk.allocate,
            phase=subject.label_of(name),
        )
    except PhaseMissingError as error:
        raise subject.missing(name) from error
    finally:
        desk.clear_scratch()
