"""What the voxels of a subject resolve: the one place where numbers get its warnings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.resolution import Resolved, check_phases, check_size, guarded
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.subject import Subject

__all__ = ["judged", "phases_seen", "sizes_judged"]


def phases_seen(
    subject: Subject, voxels: NDArray[np.int64], areas: Mapping[tuple[int, int], float]
) -> list[Resolved]:
    """Tell for each phase whether it is wide enough for its areas.

    Parameters
    ----------
    subject : Subject
        What is measured.
    voxels : ndarray of int64, shape (phases,)
        Voxels of each phase.
    areas : mapping of pair of int to float
        Contact area of each pair of labels, in square micrometres.

    Returns
    -------
    list of Resolved
        By label; see `ssbtomo.kernels.resolution.check_phases`.
    """
    labels = range(len(subject.names))
    surfaces = [sum(area for pair, area in areas.items() if k in pair) for k in labels]
    volumes = voxels * float(np.prod(subject.spacing))
    found = check_phases(
        subject.names, subject.spacing, volumes=volumes.tolist(), surfaces=surfaces
    )
    return [found[name] for name in subject.names]


def judged(item: Measurement, *features: Resolved) -> Measurement:
    """Add the warnings about what a number rests on; without a number where nothing is seen.

    Parameters
    ----------
    item : Measurement
        The number.
    *features : Resolved
        What it rests on.

    Returns
    -------
    Measurement
        The same with warnings, those of the features first; its value is NaN if one of them
        is not resolvable.
    """
    value, warnings = guarded(item.value, *features)
    return replace(item, value=value, warnings=(*warnings, *item.warnings))


def sizes_judged(items: Iterable[Measurement], subject: Subject) -> list[Measurement]:
    """Judge diameters and thicknesses by what the voxels show.

    Parameters
    ----------
    items : iterable of Measurement
        Lengths in micrometres; others pass as they are.
    subject : Subject
        What is measured.

    Returns
    -------
    list of Measurement
        In the same order.
    """
    return [
        judged(item, check_size(item.quantity.replace("_", " "), item.value, subject.spacing))
        if item.unit == "um"
        else item
        for item in items
    ]
