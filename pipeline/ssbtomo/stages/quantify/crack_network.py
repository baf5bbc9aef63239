"""The crack network: the plate-like part of the void."""

from __future__ import annotations

import numpy as np

from ssbtomo.kernels.crack_table import crack_table
from ssbtomo.kernels.cracks import split_cracks
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.sizes import store_labels
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
    name = subject.settings.pore_phase or subject.desk.sample.phase_of("void")
    if name is None:
        return Findings()
    cracks = split_cracks(subject.mask(name), subject.spacing)
    rows = crack_table(cracks, subject.spacing)
    if subject.full:
        store_labels(cracks, "cracks", subject)
    area, volume = float(np.sum(rows["area_um2"])), float(np.sum(rows["volume_um3"]))
    thin = [float(a) for a in rows["aperture_um"] if a < 3 * max(subject.spacing)]
    warnings = (f"{len(thin)} cracks are thinner than 3 voxels",) if thin else ()
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
        measured.append(
            Measurement(
                "crack_aperture_mean",
                name,
                volume / area,
                "um",
                f"{how}; volume / area (2V/S)",
                warnings=warnings,
            )
        )
    return Findings(measured, {"cracks": rows} if subject.full else {})
