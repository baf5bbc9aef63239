"""What each crack costs: contact lost, pieces cut off, harm."""

from __future__ import annotations

from collections.abc import Iterator

from ssbtomo import io
from ssbtomo.measure.activity import Cell
from ssbtomo.measure.crack_costs import CrackCosts, costs_of
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.subject import Findings, Subject

__all__ = ["measure_crack_contacts"]

_HOW = "cracks closed with the nearest phase; voxel face x local normal"
_JOIN = "cracks closed with the nearest phase; connected components, 6 neighbours"


def measure_crack_contacts(subject: Subject) -> Findings:
    """Close the cracks that the group `cracks` found, one by one, and measure what comes back.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``contact_lost_share``, ``contact_lost_per_volume``, ``cut_off_by_cracks``; table
        ``crack_contacts``. Nothing without cracks, active material or electrolyte, and for
        variants of the segmentation, whose cracks are not kept.
    """
    path = subject.desk.store("cracks")
    roles = {label: phase.role for label, phase in enumerate(subject.phases)}
    wanted = subject.full and "cracks" in subject.settings.measures and path.is_dir()
    if not wanted or not {"active", "electrolyte"} <= {*roles.values()}:
        return Findings()
    cell = Cell(dict(roles), subject.desk.axis)
    try:
        found = costs_of(
            subject.labels, io.ome_zarr.open_array(path), subject.spacing, subject.grid,
            subject.desk.engine, cell=cell, allocate=subject.desk.allocate,
        )  # fmt: skip
    finally:
        subject.desk.clear_scratch()
    return Findings(list(_numbers(found, subject, cell)), {"crack_contacts": found.rows})


def _numbers(found: CrackCosts, subject: Subject, cell: Cell) -> Iterator[Measurement]:
    pair = [cell.first("active"), cell.first("electrolyte")]
    names = [subject.names[label] for label in pair if label is not None]
    lost = float(found.areas.lost.sum())
    whole = found.contact_um2 + lost
    if whole > 0:
        yield Measurement("contact_lost_share", "|".join(names), lost / whole, "1", _HOW)
    yield Measurement(
        "contact_lost_per_volume", "|".join(names), lost / subject.volume_um3, "1/um", _HOW
    )
    for name, joins in zip(names, (found.electrons, found.ions), strict=True):
        if joins is not None and joins.total:
            share = joins.gained_by_all / joins.total
            yield Measurement("cut_off_by_cracks", name, share, "1", _JOIN, subject.axis)
