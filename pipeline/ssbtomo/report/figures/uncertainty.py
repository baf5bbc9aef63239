"""How sure the numbers are: what their ranges are made of, where voxels are undecided, calibration."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.report.figures.slices import draw_middle
from ssbtomo.report.figures.style import INK, MUTED, Drawn, canvas, legend_above
from ssbtomo.report.folder import SampleView, records
from ssbtomo.report.headlines import leading
from ssbtomo.report.wording import short, subject_text, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_entropy", "draw_ranges", "draw_reliability"]

_MOST = 10
_PARTS = {
    "thresholds": ("thresholds", "#d55e00"),
    "imaging": ("blur and noise", "#0072b2"),
    "scatter": ("scatter of the noise", "#56b4e9"),
    "resolution": ("voxel size", "#009e73"),
    "classes": ("class probabilities", "#cc79a7"),
    "further": ("rims, solves, doubtful lithium", "#e69f00"),
}
_LEFT_OUT = {"slices": ("annotated slices left out", "o", "#0072b2"),
             "voxels": ("out of bag", "s", "#d55e00")}  # fmt: skip


def draw_ranges(sample: SampleView) -> Drawn | None:
    """Draw the half width of the range of each headline number, and its parts.

    Parameters
    ----------
    sample : SampleView
        With the table ``ranges``.

    Returns
    -------
    Drawn or None
        The figure, and the half widths in percent of the numbers.
    """
    table = sample.tables.get("ranges")
    shown = [] if table is None else [row for row in records(table) if _shown(row, sample)][:_MOST]
    if not shown:
        return None
    import pandas as pd

    rows = [_percent(row) for row in shown]
    parts = [name for name in _PARTS if any(row[name] > 0 for row in rows)]
    figure = canvas(max(1.8, 0.42 * len(rows) + 1.0))
    axes = figure.add_subplot()
    for index, row in enumerate(rows):
        axes.barh(index, row["total"], height=0.5, color=MUTED, alpha=0.25, lw=0,
                  label="nominal 95 % range, ±" if index == 0 else None)  # fmt: skip
    for place, name in enumerate(parts):
        text, color = _PARTS[name]
        height = 0.4 * ((place + 0.5) / len(parts) - 0.5)
        axes.plot([row[name] for row in rows], np.arange(len(rows)) + height, ls="none", marker="|", ms=7,
                  mew=2.4, color=color, label=text)  # fmt: skip
    _name_rows(axes, rows)
    limit = max(row["total"] for row in rows)
    axes.set_xlim(0, 1.05 * limit or 1.0)
    axes.set_xlabel("half width (% of the number)")
    legend_above(axes)
    return Drawn(figure, pd.DataFrame(rows))


def draw_entropy(sample: SampleView) -> Drawn | None:
    """Draw how undecided voxels are, in slices through the middle.

    Parameters
    ----------
    sample : SampleView
        With the volume ``entropy``: 255 where all classes are equally probable.

    Returns
    -------
    Drawn or None
        The figure, and where each slice lies.
    """
    path = sample.volume("entropy")
    return None if path is None else draw_middle(path, "magma", 255.0, ("certain", "no idea"))


def draw_reliability(sample: SampleView) -> Drawn | None:
    """Draw how often classes were right against the probability they were given.

    Parameters
    ----------
    sample : SampleView
        With the table ``reliability``: ``left_out``, ``from``, ``to``, ``confidence``,
        ``accuracy``, ``voxels``.

    Returns
    -------
    Drawn or None
        The figure and the bins.
    """
    table = sample.tables.get("reliability")
    if table is None or not (table["voxels"] > 0).any():
        return None
    figure = canvas(3.6)
    axes = figure.add_subplot()
    lowest = float(table["from"].min())
    axes.plot([lowest, 1], [lowest, 1], color=MUTED, lw=0.8, ls=(0, (3, 3)), label="right")
    notes = []
    for kind in (kind for kind in _LEFT_OUT if (table["left_out"] == kind).any()):
        text, marker, color = _LEFT_OUT[kind]
        rows = table[(table["left_out"] == kind) & (table["voxels"] > 0)]
        axes.plot(rows["confidence"], rows["accuracy"], color=color, lw=1.2)
        size = 12 + 90 * rows["voxels"] / rows["voxels"].sum()
        axes.scatter(rows["confidence"], rows["accuracy"], s=size, marker=marker, color=color,
                     label=text, zorder=3)  # fmt: skip
        apart = (rows["accuracy"] - rows["confidence"]).abs() * rows["voxels"]
        notes.append(f"{text} {apart.sum() / rows['voxels'].sum():.1%}".replace("%", " %"))
    axes.set_xlabel("mean probability of the most probable phase")
    axes.set_ylabel("share of voxels that it was right for")
    axes.set_xlim(lowest, 1.01)
    axes.set_ylim(min(lowest, float(table["accuracy"].min())) - 0.02, 1.02)
    legend_above(axes)
    note = f"Expected calibration error: {', '.join(notes)}."
    return Drawn(figure, table.drop(columns="sample", errors="ignore"), note)


def _shown(row: Any, sample: SampleView) -> bool:
    known = math.isfinite(row.value) and row.value != 0
    return known and leading(row.quantity, row.subject, row.axis, sample)


def _percent(row: Any) -> dict[str, Any]:
    parts = {name: 100 * float(getattr(row, name, 0.0)) / abs(row.value) for name in _PARTS}
    total = math.hypot(*parts.values())
    about = {"quantity": row.quantity, "subject": row.subject, "axis": row.axis}
    return {**about, "value": row.value, **parts, "total": total}


def _name_rows(axes: Axes, rows: list[dict[str, Any]]) -> None:
    names = []
    for row in rows:
        of = subject_text(row["subject"]) + (f", {row['axis']}" if row["axis"] else "")
        names.append(f"{short(title(row['quantity']), 26)}\n{short(of, 26)}")
    axes.set_yticks(np.arange(len(rows)), names, fontsize=8, color=INK)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
