"""Conduction: tortuosity factors of phases, conductivities of networks, and maps of both."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.sharpening import smooth_fractions
from ssbtomo.kernels.transport import TransportResult, solve
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.conductor import Conductor, conductors, stored, telling
from ssbtomo.stages.quantify.resting import Resting, forget
from ssbtomo.stages.quantify.subject import Findings, Subject
from ssbtomo.stages.quantify.transport_extras import extend
from ssbtomo.stages.quantify.transport_maps import keep_maps, keep_slices
from ssbtomo.units import AXES

__all__ = ["CONVENTIONS", "measure_transport"]

CONVENTIONS = {
    None: "potential fixed on the outer faces; tau = total fraction / effective",
    "taufactor": "potential fixed on the outer faces; tau = total fraction / effective",
    "porespy": "potential fixed on the outer centres; tau = connected fraction / effective",
    "openimpala": "potential fixed on the outer centres, drop over the whole length; "
    "tau = connected fraction / effective",
    "puma": "potential fixed on the outer centres; tau = total fraction / effective",
}
"""What the conventions of other programs hold, and what their fraction counts."""
_NETWORK = "; harmonic means between phases"


def measure_transport(subject: Subject) -> Findings:
    """Solve conduction through each phase and network along each axis that the recipe names.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``tortuosity_factor``, ``effective_conductivity_ratio`` and ``macmullin_number`` of
        phases, ``network_conductivity`` and ``network_tortuosity_factor`` of networks, each
        between its certified bounds, with the table ``transport``; and what
        `transport_extras` asks for.
    """
    labels = subject.whole()
    found = Findings()
    rows: list[dict[str, Any]] = []
    for conductor in conductors(subject, labels):
        shares = _shares(subject, labels, conductor)
        for axis in subject.settings.tortuosity_axes:
            subject.desk.check_cancelled()
            result = _solved(subject, labels, conductor, axis, shares)
            found.measurements.extend(_numbers(result, conductor, axis, subject))
            rows.append(_row(result, conductor.name, axis))
        extend(found, conductor, labels, subject)
    forget(subject)
    if subject.full and rows:
        found.tables["transport"] = {key: [row[key] for row in rows] for key in rows[0]}
    return found


def _shares(
    subject: Subject, labels: NDArray[np.uint8], conductor: Conductor
) -> NDArray[np.uint8] | None:
    """Return the volume fractions below a smooth surface of a phase, where these are asked for."""
    if subject.settings.transport.surfaces == "voxels" or conductor.network:
        return None
    subject.desk.note(f"transport of {conductor.name}: laying a smooth surface")
    shares = smooth_fractions(np.isin(labels, list(conductor.conductivities)))
    return np.rint(255 * shares).astype(np.uint8)


def _solved(
    subject: Subject,
    labels: NDArray[np.uint8],
    conductor: Conductor,
    axis: str,
    shares: NDArray[np.uint8] | None,
) -> TransportResult:
    """Solve along one axis, and keep the maps that are wanted."""
    how = subject.settings.transport
    mapped = subject.full and axis == subject.axis
    wanted = mapped and conductor.name in subject.settings.fields
    place = Resting(subject, labels, conductor, axis)
    what = f"transport of {conductor.name} along {axis}"
    with stored(subject) as storage:
        result = solve(
            labels, subject.spacing, AXES.index(axis), conductor.conductivities,
            fractions=shares, contacts=conductor.contacts, convention=how.convention, periodic=how.periodic,
            tolerance=how.tolerance, keep_field=wanted, keep_maps=wanted,
            progress=telling(subject, what), cancelled=subject.desk.cancelled,
            keep=place.keep, start=place.load(storage), storage=storage,
        )  # fmt: skip
    place.clear()
    low, high = result.energy_bounds
    subject.desk.note(f"{what}: conductivity {low:.6g} to {high:.6g}")
    if mapped and result.field_slice is not None:
        keep_slices(result, conductor.name, axis, subject)
    if wanted:
        keep_maps(result, conductor.name, axis, subject)
    return result


def _numbers(
    result: TransportResult, conductor: Conductor, axis: str, subject: Subject
) -> list[Measurement]:
    """Return the numbers of one solve, each between its certified bounds."""
    low, high = result.energy_bounds
    relative = (low / result.effective, high / result.effective) if result.effective > 0 else None
    rising, falling = (math.nan, math.nan), (math.nan, math.nan)
    if relative is not None:
        rising = relative
        falling = (1 / relative[1], 1 / relative[0] if relative[0] > 0 else math.inf)
    if conductor.network:
        values = [
            ("network_conductivity", result.effective, "S/cm", rising),
            ("network_tortuosity_factor", result.tau, "1", falling),
        ]
    else:
        values = [
            ("tortuosity_factor", result.tau, "1", falling),
            ("effective_conductivity_ratio", result.effective, "1", rising),
            ("macmullin_number", result.macmullin, "1", falling),
        ]
    how = estimator(conductor, subject)
    return [
        Measurement(
            quantity, conductor.name, float(value), unit, how, axis,
            float(value * ends[0]), float(value * ends[1]), result.warnings,
        )
        for quantity, value, unit, ends in values
    ]  # fmt: skip


def estimator(conductor: Conductor, subject: Subject) -> str:
    """Say how a number was obtained: boundaries, sides, and which fraction tau takes.

    Parameters
    ----------
    conductor : Conductor
        What conducts.
    subject : Subject
        What is measured.

    Returns
    -------
    str
        One line for the results table.
    """
    how = subject.settings.transport
    convention = CONVENTIONS[how.convention]
    if conductor.network:
        convention = convention.replace("connected fraction", "connected mean conductivity")
        convention = convention.replace("total fraction", "mean conductivity") + _NETWORK
    name = f" (convention of {how.convention})" if how.convention else ""
    name += "; smooth surfaces" if how.surfaces == "smooth" and not conductor.network else ""
    sides = "joined" if how.periodic else "insulated"
    return f"finite volumes, sides {sides}, {convention}{name}"


def _row(result: TransportResult, name: str, axis: str) -> dict[str, Any]:
    lower, upper = result.energy_bounds
    return {
        "subject": name, "axis": axis, "effective": result.effective,
        "lower": lower, "upper": upper, "flux_spread": result.flux_spread,
        "iterations": result.iterations, "bytes_per_voxel": round(result.bytes_per_voxel, 1),
    }  # fmt: skip
