"""Tortuosity factor, effective conductivity and MacMullin number of each phase."""

from __future__ import annotations

from itertools import product

import numpy as np

from ssbtomo.kernels.transport import TransportResult, solve
from ssbtomo.results import Measurement, folder_name
from ssbtomo.stages.desk import write_json
from ssbtomo.stages.quantify.subject import Findings, Subject
from ssbtomo.units import AXES

__all__ = ["measure_transport"]

_ESTIMATOR = "finite volumes, potential fixed on the outer faces; tau = fraction / effective"


def measure_transport(subject: Subject) -> Findings:
    """Solve conduction through each phase along each axis that the recipe names.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``tortuosity_factor``, ``effective_conductivity_ratio`` and ``macmullin_number``.
    """
    labels = subject.whole()
    asked = subject.settings.tortuosity_phases or subject.names
    measured = []
    for name, axis in product(asked, subject.settings.tortuosity_axes):
        subject.desk.check_cancelled()
        label = subject.label_of(name)
        if not (labels == label).any():
            continue
        result = solve(
            labels, subject.spacing, AXES.index(axis), {label: 1.0},
            cancelled=subject.desk.cancelled,
        )  # fmt: skip
        if subject.full and axis == subject.axis and result.field_slice is not None:
            _keep_field(result, name, axis, subject)
        measured += _numbers(result, name, axis)
    return Findings(measured)


def _numbers(result: TransportResult, name: str, axis: str) -> list[Measurement]:
    values = {
        "tortuosity_factor": result.tau,
        "effective_conductivity_ratio": result.effective,
        "macmullin_number": result.macmullin,
    }
    return [
        Measurement(quantity, name, float(value), "1", _ESTIMATOR, axis, warnings=result.warnings)
        for quantity, value in values.items()
    ]


def _keep_field(result: TransportResult, name: str, axis: str, subject: Subject) -> None:
    """Write the mid-slice of the potential for the report; rows run along the axis."""
    folder = subject.desk.root / "fields" / folder_name(subject.desk.name)
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"potential-{folder_name(name)}-{axis}"
    spacing = [subject.spacing[index] for index in result.field_slice_axes]
    draft = folder / f".{stem}.tmp.npy"
    np.save(draft, np.asarray(result.field_slice, dtype=np.float32))
    draft.replace(folder / f"{stem}.npy")
    about = {"phase": name, "axis": axis, "spacing_um": spacing}
    write_json(folder / f"{stem}.json", about)
