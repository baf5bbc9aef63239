"""Measurements and tables as files: the results that a user takes along."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ssbtomo.results import Measurement, table
from ssbtomo.stages.desk import write_json

__all__ = ["read_truth", "write_results", "write_summary", "write_tables"]


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
    _replace(folder / "results.csv", _safe_csv(frame))
    draft = folder / ".results.parquet.tmp"
    frame.to_parquet(draft, index=False)
    draft.replace(folder / "results.parquet")
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
        _replace(folder / "tables" / f"{name}.csv", _safe_csv(pd.DataFrame(dict(columns))))


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

    _replace(folder / "summary.csv", _safe_csv(pd.DataFrame(dict(columns))))


def _safe_csv(frame: Any) -> str:
    """Return CSV in which no text can be taken for a formula by a spreadsheet."""
    text = frame.select_dtypes(include=["object", "string"]).columns
    frame = frame.assign(**{name: frame[name].map(_no_formula) for name in text})
    return str(frame.to_csv(index=False, lineterminator="\n", float_format=_number, na_rep="nan"))


def _no_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t" and value else value


def _number(value: float) -> str:
    return f"{value:.10g}"


def _json_number(value: object) -> object:
    """Return JSON's idea of a number: infinity and nan are texts, as JSON has none."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_text(text, encoding="utf-8")
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
