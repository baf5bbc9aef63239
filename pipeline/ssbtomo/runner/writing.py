"""Measurements and tables as files: the results that a user takes along."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ssbtomo.passing import persist
from ssbtomo.results import Measurement, table
from ssbtomo.stages.desk import write_json
from ssbtomo.tables import csv_text

__all__ = ["read_truth", "replace_text", "write_results", "write_summary", "write_tables"]


def write_results(folder: Path, measurements: Sequence[Measurement]) -> None:
    """Write ``results.csv``, ``results.json`` and ``results.parquet``.

    Parameters
    ----------
    folder : pathlib.Path
        The results folder.
    measurements : sequence of Measurement
        The rows.
    """
    frame = table(measurements)
    replace_text(folder / "results.csv", csv_text(frame, **_FORM))
    draft = folder / ".results.parquet.tmp"
    persist(
        lambda: (frame.to_parquet(draft, index=False), draft.replace(folder / "results.parquet"))
    )
    rows = [
        {key: _json_number(value) for key, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]
    write_json(folder / "results.json", rows)


def write_tables(folder: Path, tables: Mapping[str, Mapping[str, list[Any]]]) -> None:
    """Write each table as ``tables/NAME.csv``.

    Parameters
    ----------
    folder : pathlib.Path
        The results folder.
    tables : mapping
        Columns by table.
    """
    import pandas as pd

    (folder / "tables").mkdir(exist_ok=True)
    for name, columns in tables.items():
        replace_text(
            folder / "tables" / f"{name}.csv", csv_text(pd.DataFrame(dict(columns)), **_FORM)
        )


def write_summary(folder: Path, columns: Mapping[str, list[Any]]) -> None:
    """Write ``summary.csv``.

    Parameters
    ----------
    folder : pathlib.Path
        The results folder.
    columns : mapping
        One entry per sample in each.
    """
    import pandas as pd

    replace_text(folder / "summary.csv", csv_text(pd.DataFrame(dict(columns)), **_FORM))


def _number(value: float) -> str:
    return f"{value:.10g}"


_FORM: dict[str, Any] = {"float_format": _number, "na_rep": "nan"}


def _json_number(value: object) -> object:
    """Return JSON's idea of a number: infinity and nan are texts, as JSON has none."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def replace_text(path: Path, text: str) -> None:
    """Write a text file in one go: it is there whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    text : str
        What it holds.
    """
    persist(lambda: _replace(path, text.encode("utf-8")))


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.tmp")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_truth(path: Path) -> list[dict[str, Any]]:
    """Read the known values of a phantom.

    Parameters
    ----------
    path : pathlib.Path
        The JSON file: a list of records, or a table with such a list as ``truth``.

    Returns
    -------
    list of dict
        Records with ``quantity``, ``subject``, ``axis`` and ``value``.
    """
    content = json.loads(path.read_text("utf-8"))
    records = content.get("truth", content) if isinstance(content, dict) else content
    return [dict(record) for record in records]
