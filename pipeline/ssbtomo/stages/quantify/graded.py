"""The composition inside graded phases: lithiation, by voxel, object and slice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ssbtomo import io
from ssbtomo.blocks import Source
from ssbtomo.blocks.components import Wanted, components
from ssbtomo.blocks.graded import GradedPhase, end_members, grade
from ssbtomo.errors import PhaseMissingError
from ssbtomo.kernels.graded import OFFSET, SCALE, Grading, bin_values
from ssbtomo.model import Graded, Phase
from ssbtomo.results import Measurement, folder_name
from ssbtomo.stages.desk import clipped
from ssbtomo.stages.quantify.subject import Findings, Rows, Subject

__all__ = ["measure_graded"]

_PERCENTILES = (10, 50, 90)


def measure_graded(subject: Subject) -> Findings:
    """Measure the composition of each graded phase.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``graded_mean``, ``graded_d10/d50/d90``; tables ``graded_histogram``, ``graded_profiles``
        and ``graded_objects``; a store ``graded-NAME`` for each phase.
    """
    found = Findings()
    for label, phase in enumerate(subject.phases):
        if phase.graded is None:
            continue
        rule = _rule(subject, label, phase.graded)
        result = _grade(subject, (label, phase), rule)
        if not result.counts.any():
            raise PhaseMissingError(
                f"{subject.desk.name}: no voxel of {phase.name!r} lies far enough from other phases",
                hint="make `graded.margin` smaller",
            )
        found.measurements.extend(_numbers(result, phase, rule))
        if subject.full:
            for name, rows in _tables(result, phase, subject).items():
                into = dict(found.tables.get(name, {}))
                found.tables[name] = {k: [*into.get(k, []), *v] for k, v in rows.items()}
    return found


def _rule(subject: Subject, label: int, asked: Graded) -> Grading:
    desk, edges = subject.desk, subject.spacing
    sigma = max(edges) if asked.sigma is None else asked.sigma
    margin = 2 * max(edges) if asked.margin is None else asked.margin
    widths, reach = (tuple(length / edge for edge in edges) for length in (sigma, margin))
    rule = Grading(0.0, 1.0, widths, reach)  # type: ignore[arg-type]  # three edges
    zero, one = asked.zero, asked.one
    if zero is None or one is None:
        ingested = desk.facts["ingest"]
        image = io.ome_zarr.open_array(desk.grey)
        ends = end_members(
            (image, subject.labels), label, rule, subject.grid, desk.engine,
            bounds=(float(ingested["minimum"]), float(ingested["maximum"])),
        )  # fmt: skip
        zero, one = (
            given if given is not None else e for given, e in zip((zero, one), ends, strict=True)
        )
    return replace(rule, zero=float(zero), one=float(one))


def _grade(subject: Subject, what: tuple[int, Phase], rule: Grading) -> GradedPhase:
    label, phase = what
    desk = subject.desk
    name = f"graded-{folder_name(phase.name)}"
    sink = None
    if subject.full:
        sink = io.ome_zarr.create(
            desk.draft(name), desk.shape, np.uint16, subject.spacing, kind="image",
            block=clipped(desk.block, desk.shape),
            attributes={"scale": SCALE, "offset": OFFSET, "no_value": 0,
                        "zero_grey": rule.zero, "one_grey": rule.one},
        )  # fmt: skip
    try:
        result = grade(
            (io.ome_zarr.open_array(desk.grey), subject.labels), label, rule, subject.grid,
            desk.engine, axis=desk.axis, objects=_objects(subject, label, phase), sink=sink,
        )  # fmt: skip
    finally:
        desk.clear_scratch()
    if sink is not None:
        io.ome_zarr.finish(sink.path, desk.engine)
        desk.publish(name)
    return result


def _objects(subject: Subject, label: int, phase: Phase) -> Source | None:
    """Return the particles of the phase if they were separated, else its connected pieces."""
    if not subject.full:
        return None
    asked = subject.settings.particle_phase or subject.phase_of("active")
    path = subject.desk.store("particles")
    if phase.name == asked and "particles" in subject.settings.measures and path.is_dir():
        return io.ome_zarr.open_array(path)
    pieces, _ = components(
        subject.labels, subject.grid, subject.desk.engine, Wanted(label),
        allocate=subject.desk.allocate,
    )  # fmt: skip
    return pieces


def _numbers(result: GradedPhase, phase: Phase, rule: Grading) -> Iterator[Measurement]:
    how = (
        f"grey {rule.zero:.5g} is 0, {rule.one:.5g} is 1; smoothed inside the phase, "
        "without voxels beside other phases"
    )
    yield Measurement("graded_mean", phase.name, result.mean, "1", how)
    for percent in _PERCENTILES:
        value = result.quantile(percent / 100)
        yield Measurement(f"graded_d{percent}", phase.name, value, "1", f"{how}; by volume")


def _tables(result: GradedPhase, phase: Phase, subject: Subject) -> dict[str, Rows]:
    values, name = bin_values(), phase.name
    mean, spread = result.profile()
    edge = subject.spacing[subject.desk.axis]
    rows = result.object_rows()
    return {
        "graded_histogram": {
            "phase": [name] * values.size,
            "value": values.tolist(),
            "fraction": (result.counts / result.counts.sum()).tolist(),
        },
        "graded_profiles": {
            "axis": [subject.axis] * mean.size,
            "position_um": [round((i + 0.5) * edge, 9) for i in range(mean.size)],
            "phase": [name] * mean.size,
            "mean": mean.tolist(),
            "sd": spread.tolist(),
        },
        "graded_objects": {
            "phase": [name] * rows["object"].size,
            **{key: column.tolist() for key, column in rows.items()},
        },
    }
