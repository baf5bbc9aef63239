"""Connectivity of every phase, and the open and closed porosity."""

from __future__ import annotations

import math

from ssbtomo.blocks.connection import connectivities
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.subject import Findings, Subject

__all__ = ["measure_connection"]


def measure_connection(subject: Subject) -> Findings:
    """Tell how much of each phase is joined to each face, and spans each axis.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``connected_fraction`` per phase, face and axis; ``dead_lithium_fraction`` where the
        recipe names the electrode; ``porosity``, ``porosity_open``,
        ``porosity_closed`` of the void.
    """
    measured = []
    desk = subject.desk
    phases = connectivities(subject.labels, subject.grid, desk.engine)
    electrode = desk.sample.segment.lithium.electrode
    void = subject.phase_of("void")
    for label, name in enumerate(subject.names):
        if label not in phases:
            continue
        found = phases[label]
        share = found.voxels / math.prod(desk.shape)
        spans = "components, 6 neighbours, that join both faces"
        measured += [
            Measurement("connected_fraction", name, float(found.spanning[axis]), "1", spans, axis)
            for axis in ("z", "y", "x")
        ]
        joins = "components, 6 neighbours, that join this face"
        measured += [
            Measurement("connected_fraction", name, float(value), "1", joins, face)
            for face, value in found.joined.items()
        ]
        if name == subject.phase_of("lithium") and electrode != "none":
            dead = 1 - float(found.joined[electrode])
            how = f"components, 6 neighbours, not joined to {electrode}"
            measured.append(Measurement("dead_lithium_fraction", name, dead, "1", how))
        if name == void:
            parts = {
                "porosity": (share, "voxel count"),
                "porosity_open": (share * found.open_fraction, "joined to a face of the volume"),
                "porosity_closed": (share * found.closed_fraction, "joined to no face"),
            }
            measured += [
                Measurement(quantity, name, float(value), "1", how)
                for quantity, (value, how) in parts.items()
            ]
    return Findings(measured)
