"""Measured values beside the truth of a phantom, as a table for the terminal."""

from __future__ import annotations

import math
from typing import Any

from ssbtomo.results import Results

__all__ = ["beside_truth"]


def beside_truth(results: Results) -> str:
    """Lay out the measurements, with the known value where there is one.

    Parameters
    ----------
    results : Results
        A finished run.

    Returns
    -------
    str
        A plain-text table.
    """
    samples: Any = results.run["samples"]
    truth = {(s["name"], key): value for s in samples for key, value in s["truth"].items()}
    rows = [("quantity", "subject", "axis", "value", "low", "high", "unit", "truth", "error")]
    rows_of: Any = results.table.itertuples()
    for item in rows_of:
        known = truth.get((item.sample, f"{item.quantity}|{item.subject}|{item.axis}"))
        rows.append(
            (item.quantity, item.subject, item.axis, _short(item.value), _short(item.low),
             _short(item.high), item.unit, _short(known), _error(item.value, known))
        )  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    right = {3, 4, 5, 7, 8}
    return [
        cell.rjust(width) if i in right else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def _short(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.4g}"


def _error(value: float, known: float | None) -> str:
    if known is None or not known or not math.isfinite(value):
        return ""
    return f"{(value / known - 1) * 100:+.1f} %"
