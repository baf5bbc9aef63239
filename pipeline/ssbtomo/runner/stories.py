"""What a run says of its samples: entries of ``run.json``, measurements, tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssbtomo.palette import phase_colors
from ssbtomo.results import Measurement
from ssbtomo.runner.plan import SamplePlan
from ssbtomo.runner.writing import read_truth
from ssbtomo.stages.desk import Desk
from ssbtomo.stages.quantify import thaw

__all__ = ["measurements_of", "story_of", "tables_of"]


def story_of(
    planned: SamplePlan, desk: Desk, digest: str, stages: list[dict[str, Any]], home: Path
) -> dict[str, Any]:
    """Return what ``run.json`` says of a sample.

    Parameters
    ----------
    planned : SamplePlan
        Its plan.
    desk : Desk
        With the facts of all stages.
    digest : str
        Hash of the scan.
    stages : list of dict
        What is said of each stage.
    home : pathlib.Path
        Folder of the recipe.

    Returns
    -------
    dict
        Plain values.
    """
    sample = planned.job.sample
    colors = phase_colors((phase.name, phase.role) for phase in desk.phases)
    seen = {**desk.facts["ingest"], **desk.facts["reconstruct"]}
    truth = [] if sample.truth is None else read_truth(home / sample.truth)
    return {
        "name": desk.name,
        "path": str(planned.job.source),
        "sha256": digest,
        "shape": seen["shape"],
        "dtype": seen["dtype"],
        "spacing_um": seen["spacing_um"],
        "spacing_origin": seen["spacing_origin"],
        "modality": sample.modality,
        "conditions": {key: str(value) for key, value in sample.conditions.items()},
        "phases": [
            {"name": phase.name, "role": phase.role, "color": colors[phase.name]}
            for phase in desk.phases
        ],
        "lithium": desk.facts["segment"].get("lithium"),
        "corrections": desk.facts["segment"].get("corrections"),
        "transport_axis": sample.transport_axis,
        "stack_check": seen["stack_check"],
        "truth": {
            f"{row['quantity']}|{row['subject']}|{row.get('axis', '')}": row["value"]
            for row in truth
        },
        "stages": stages,
    }


def measurements_of(facts: Mapping[str, Any]) -> list[Measurement]:
    """Return the measurements of a sample.

    Parameters
    ----------
    facts : mapping
        What its stages found.

    Returns
    -------
    list of Measurement
        In the order of the measures.
    """
    return [thaw(item) for item in facts["quantify"]["measurements"]]


def tables_of(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, list[Any]]]:
    """Lay the samples' tables under one another, with the sample as first column.

    Parameters
    ----------
    facts : mapping of str to mapping
        What the stages found, by sample.

    Returns
    -------
    dict
        Columns by table.
    """
    merged: dict[str, dict[str, list[Any]]] = {}
    for sample, found in facts.items():
        sensitivity = {"sensitivity": _columns(found["quantify"]["sensitivity"])}
        stages = ("reconstruct", "segment", "quantify")
        written = {k: v for name in stages for k, v in found[name].get("tables", {}).items()}
        parts = {**written, **sensitivity}
        for name, columns in parts.items():
            rows = max((len(column) for column in columns.values()), default=0)
            into = merged.setdefault(name, {"sample": []})
            before = len(into["sample"])
            for key, column in {"sample": [sample] * rows, **columns}.items():
                into.setdefault(key, [math.nan] * before).extend(column)
            for column in into.values():  # what this sample does not have, such as a phase
                column.extend([math.nan] * (before + rows - len(column)))
    return merged


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {key: [row[key] for row in rows] for key in (rows[0] if rows else {})}
