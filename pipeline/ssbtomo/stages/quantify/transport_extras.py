"""More of transport: tensors, electrode tortuosity with its profile, shortest ways, cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.transport import EffectiveTensor, electrode, geodesic, tensor
from ssbtomo.kernels.transport.periodic import periodic_tensor
from ssbtomo.measure.subvolumes import subvolume_statistics, tortuosity_subvolumes
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.conductor import MICROMETRES, Conductor, stored
from ssbtomo.stages.quantify.resting import Resting
from ssbtomo.stages.quantify.subject import Findings, Subject
from ssbtomo.units import AXES

__all__ = ["extend"]

_TENSOR = "finite volumes; mean current density over the potential gradient, symmetric part"
_PERIODIC = "finite volumes, all faces joined, mean potential gradient imposed"
_ELECTRODE = "finite volumes, one face held, uniform current into the phase's surface"
_GEODESIC = "shortest ways between 26 neighbours, mean over the last layer"
_LEAST = 8
"""Voxels along the edge of the smallest cell."""
_ROUGH = 1e-4
"""Relative error of the solve of a cell: cells scatter by far more."""

Labels = NDArray[np.uint8]


def extend(found: Findings, conductor: Conductor, labels: Labels, subject: Subject) -> None:
    """Add what the recipe asks for beside tortuosity factors.

    Parameters
    ----------
    found : Findings
        Added to.
    conductor : Conductor
        What conducts.
    labels : ndarray of uint8, shape (Z, Y, X)
        The labels.
    subject : Subject
        What is measured.
    """
    extras = subject.settings.transport_extras
    if "tensor" in extras:
        found.measurements.extend(_tensor(conductor, labels, subject))
    if "periodic" in extras:
        subject.desk.note(f"periodic cell of {conductor.name}")
        full = periodic_tensor(
            labels, subject.spacing, conductor.conductivities, contacts=conductor.contacts,
            tolerance=subject.settings.transport.tolerance, cancelled=subject.desk.cancelled,
        )  # fmt: skip
        found.measurements.extend(
            _elements("periodic_conductivity_tensor", full, conductor, _PERIODIC)
        )
    if "electrode" in extras:
        _electrode(found, conductor, labels, subject)
    if "geodesic" in extras:
        found.measurements.extend(_geodesic(conductor, labels, subject))
    if subject.full and subject.settings.transport.cells:
        _cells(found, conductor, labels, subject)


def _tensor(conductor: Conductor, labels: Labels, subject: Subject) -> Iterator[Measurement]:
    places = [Resting(subject, labels, conductor, f"tensor-{axis}") for axis in AXES]
    how = subject.settings.transport
    subject.desk.note(f"conductivity tensor of {conductor.name}")
    with stored(subject) as storage:
        full = tensor(
            labels, subject.spacing, conductor.conductivities, contacts=conductor.contacts,
            periodic=how.periodic, tolerance=how.tolerance, cancelled=subject.desk.cancelled,
            keep=lambda axis, checkpoint: places[axis].keep(checkpoint),
            start=lambda axis: places[axis].load(storage), storage=storage,
        )  # fmt: skip
    for place in places:
        place.clear()
    yield from _elements("conductivity_tensor", full, conductor, _TENSOR)


def _elements(
    quantity: str, full: EffectiveTensor, conductor: Conductor, how: str
) -> Iterator[Measurement]:
    """Yield the six elements of a symmetric tensor."""
    scale = 1.0 if conductor.network else max(conductor.conductivities.values())
    unit = "S/cm" if conductor.network else "1"
    for one, two in product(range(3), range(3)):
        if one <= two:
            value = float(full.effective[one, two]) / scale
            yield Measurement(
                quantity, conductor.name, value, unit, how, AXES[one] + AXES[two],
                warnings=full.warnings,
            )  # fmt: skip


def _electrode(found: Findings, conductor: Conductor, labels: Labels, subject: Subject) -> None:
    """Add the electrode tortuosity factor, and its profile along the transport axis."""
    how = subject.settings.transport
    axis = AXES.index(subject.axis)
    place = Resting(subject, labels, conductor, f"electrode-{subject.axis}")
    subject.desk.note(f"electrode tortuosity of {conductor.name}")
    with stored(subject) as storage:
        result = electrode(
            labels, subject.spacing, axis, conductor.conductivities,
            convention=how.convention if how.convention == "taufactor" else None,
            periodic=how.periodic, tolerance=how.tolerance, cancelled=subject.desk.cancelled,
            keep=place.keep, start=place.load(storage), storage=storage,
        )  # fmt: skip
    place.clear()
    low, high = result.bounds
    found.measurements.append(
        Measurement(
            "electrode_tortuosity_factor", conductor.name, result.tau, "1", _ELECTRODE,
            subject.axis, low, high, result.warnings,
        )
    )  # fmt: skip
    if subject.full and result.tau_x.size:
        depth = np.arange(result.tau_x.size) * subject.spacing[axis]
        rows = {
            "subject": [conductor.name] * depth.size, "axis": [subject.axis] * depth.size,
            "depth_um": depth.tolist(), "tau": result.tau_x.tolist(),
            "current": result.current_x.tolist(),
        }  # fmt: skip
        _append(found, "tau_profiles", rows)


def _geodesic(conductor: Conductor, labels: Labels, subject: Subject) -> Iterator[Measurement]:
    mask = np.isin(labels, list(conductor.conductivities))
    for axis in subject.settings.tortuosity_axes:
        if labels.shape[AXES.index(axis)] > 1:
            ways = geodesic(mask, subject.spacing, AXES.index(axis))
            yield Measurement(
                "geodesic_tortuosity", conductor.name, ways.mean, "1", _GEODESIC, axis
            )


def _cells(found: Findings, conductor: Conductor, labels: Labels, subject: Subject) -> None:
    """Add the statistics of the cells that the volume is cut into."""
    extent = min(n * edge for n, edge in zip(labels.shape, subject.spacing, strict=True))
    wanted = [extent / 2**k for k in range(1, subject.settings.transport.cells + 1)]
    sizes = [size for size in wanted if size >= _LEAST * max(subject.spacing)]
    if not sizes:
        return
    contacts = {pair: value / MICROMETRES for pair, value in (conductor.contacts or {}).items()}
    cells = tortuosity_subvolumes(
        labels, subject.spacing, axis=subject.axis, conductivities=conductor.conductivities,
        contact_resistances=contacts or None, sizes=sizes,
        tolerance=max(_ROUGH, subject.settings.transport.tolerance),
        progress=lambda done, total: subject.desk.note(
            f"cells of {conductor.name}: {done} of {total}"
        ),
        cancelled=subject.desk.cancelled,
    )  # fmt: skip
    table = subvolume_statistics(cells)
    rows: dict[str, list[Any]] = {
        "subject": [conductor.name] * len(table), "axis": [subject.axis] * len(table),
        **{str(key): table[key].tolist() for key in table},
    }  # fmt: skip
    _append(found, "conductivity_cells", rows)


def _append(found: Findings, name: str, rows: Mapping[str, list[Any]]) -> None:
    known = found.tables.get(name, {})
    found.tables[name] = {key: [*known.get(key, []), *column] for key, column in rows.items()}
