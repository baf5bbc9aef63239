"""The crack network: the plate-like part of the void."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.cracks import crack_table, split_cracks
from ssbtomo.kernels.resolution import check_particles
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.guard import sizes_judged
from ssbtomo.stages.quantify.instances import instance_store
from ssbtomo.stages.quantify.subject import Findings, Subject

__all__ = ["measure_cracks"]


def measure_cracks(subject: Subject) -> Findings:
    """Split the void into pores and cracks and measure each crack.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``crack_count``, ``crack_area_per_volume``, ``crack_volume_fraction``,
        ``crack_aperture_mean``; table and store ``cracks``.
    """
    name = subject.settings.pore_phase or subject.phase_of("void")
    if name is None:
        return Findings()
    rows = _crack_rows(subject, name)
    area, volume = float(np.sum(rows["area_um2"])), float(np.sum(rows["volume_um3"]))
    thin = int((~check_particles(rows["aperture_um"], subject.spacing)).sum())
    warnings = (f"{thin} cracks are thinner than 3 voxels",) if thin else ()
    how = "plate-like part of the void"
    measured = [
        Measurement("crack_count", name, float(len(rows["crack"])), "1", how),
        Measurement(
            "crack_area_per_volume", name, area / subject.volume_um3, "1/um",
            f"{how}; both sides without the rim, voxel face x local normal", warnings=warnings,
        ),
        Measurement("crack_volume_fraction", name, volume / subject.volume_um3, "1", f"{how}; voxel count"),
    ]  # fmt: skip
    if area > 0:
        mean = Measurement(
            "crack_aperture_mean", name, volume / area, "um", f"{how}; volume / area (2V/S)",
            warnings=warnings,
        )  # fmt: skip
        measured += sizes_judged([mean], subject)
    return Findings(measured, {"cracks": rows} if subject.full else {})


def _crack_rows(subject: Subject, name: str) -> dict[str, NDArray[Any]]:
    """Search block by block; all but the cracks is on disk only meanwhile."""
    place = (subject.spacing, subject.grid, subject.desk.engine)
    with instance_store(subject, "cracks") as allocate:
        phase = subject.label_of(name)
        found = split_cracks(subject.labels, *place, allocate=allocate, phase=phase)
        if found.absent:
            raise subject.missing(name)
        return crack_table(found.labels, *place)
