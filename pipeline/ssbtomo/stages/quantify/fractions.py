"""Volume fractions and their profile along the transport axis."""

from __future__ import annotations

import numpy as np

from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.subject import Findings, Subject

__all__ = ["measure_fractions"]


def measure_fractions(subject: Subject) -> Findings:
    """Count the voxels of each phase, in total and slice by slice.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``volume_fraction`` of each phase; tables ``profiles`` and ``representative``.
    """
    labels = list(range(len(subject.phases)))
    desk = subject.desk
    read = subject.counted()
    counts = read.voxels.whole
    voxels = float(counts.total.sum())
    measured = [
        Measurement("volume_fraction", name, float(count) / voxels, "1", "voxel count")
        for name, count in zip(subject.names, counts.total, strict=True)
    ]
    if not subject.full:
        return Findings(measured)
    along = counts.along[desk.axis]
    edge = subject.spacing[desk.axis]
    size = along.shape[1]
    with np.errstate(invalid="ignore"):  # nothing is counted in interpolated slices
        shares = along / along.sum(axis=0)
    rows = {
        "axis": [subject.axis] * (size * len(labels)),
        "position_um": [round((i + 0.5) * edge, 9) for _ in labels for i in range(size)],
        "phase": [name for name in subject.names for _ in range(size)],
        "fraction": shares.ravel(),
    }
    amounts = read.voxels.by_cell * float(np.prod(subject.spacing))
    wanted = zip(["volume_fraction"] * len(labels), subject.names, amounts, strict=True)
    return Findings(measured, {"profiles": rows, "representative": read.spread(desk, wanted)})
