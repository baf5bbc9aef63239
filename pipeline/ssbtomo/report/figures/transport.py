"""Tortuosity factors and conductivities with their ranges, profiles, and cells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.report.figures.style import INK, MUTED, Drawn, canvas, legend_above, plain_log
from ssbtomo.report.folder import SampleView, records
from ssbtomo.report.wording import number, short, span, subject_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_cells", "draw_conductivity", "draw_profile", "draw_tortuosity"]

_LAST = 0.05  # share of the current below which a profile is noise


def draw_tortuosity(sample: SampleView) -> Drawn | None:
    """Draw the tortuosity factor of every phase and axis, with its range.

    Parameters
    ----------
    sample : SampleView
        With rows of ``tortuosity_factor``.

    Returns
    -------
    Drawn or None
        The figure and the rows.
    """
    rows = sample.quantity("tortuosity_factor")
    if rows.empty:
        return None
    real = rows[np.isfinite(rows["value"])][["value", "low", "high"]].to_numpy(float)
    longest = max([1.0, *real[np.isfinite(real)].tolist()])
    figure = canvas(0.42 * len(rows) + 0.75)
    axes = figure.add_subplot()
    for index, row in enumerate(records(rows)):
        _bar(axes, index, row, color=sample.colors.get(row.subject, MUTED), longest=longest)
    axes.set_yticks(
        range(len(rows)), [f"{short(subject_text(r.subject), 18)}, {r.axis}" for r in records(rows)]
    )
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, longest * 1.5)
    axes.axvline(1, color=MUTED, lw=0.8, ls=(0, (3, 3)), zorder=0)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("tortuosity factor (1 = straight channels)")
    return Drawn(figure, rows.drop(columns="sample").reset_index(drop=True))


def _bar(axes: Axes, index: int, row: Any, *, color: str, longest: float) -> None:
    if not math.isfinite(row.value):
        text = "∞ (does not percolate)" if math.isinf(row.value) else "n/a"
        text += f", from {number(row.low)} in the range" if math.isfinite(row.low) else ""
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.text(longest * 0.02, index, text, va="center", color=INK, fontsize=9, bbox=paper)
        return
    axes.barh(index, row.value, height=0.62, color=color)
    low, high = (
        min(end, longest * 1.02) if not math.isnan(end) else row.value
        for end in (row.low, row.high)
    )
    if high > low:
        axes.plot([low, high], [index, index], color=INK, lw=1.2, marker="|", ms=6)
    ends = span(row.low, row.high, like=row.value)
    text = f"{number(row.value)}  ({ends})" if ends else number(row.value)
    axes.text(max(row.value, high) + longest * 0.02, index, text, va="center", fontsize=9)


def draw_conductivity(sample: SampleView) -> Drawn | None:
    """Draw effective conductivities with their ranges, phases and networks apart.

    Parameters
    ----------
    sample : SampleView
        With rows of ``effective_conductivity_ratio`` or ``network_conductivity``.

    Returns
    -------
    Drawn or None
        The figure and the rows.
    """
    import pandas as pd

    parts = [
        sample.quantity(name) for name in ("effective_conductivity_ratio", "network_conductivity")
    ]
    parts = [part[np.isfinite(part["value"].astype(float)) & (part["value"] > 0)] for part in parts]
    shown = [part for part in parts if len(part)]
    if not shown:
        return None
    heights = [0.42 * len(part) + 0.75 for part in shown]
    figure = canvas(sum(heights))
    grid = figure.subplots(len(shown), squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, rows in zip(grid, shown, strict=True):
        _points(axes, rows, sample)
    table = pd.concat(shown).drop(columns="sample").reset_index(drop=True)
    return Drawn(figure, table, _certified(sample))


def _points(axes: Axes, rows: pd.DataFrame, sample: SampleView) -> None:
    """Draw one kind of conductivity on a logarithmic axis."""
    network = rows["quantity"].iloc[0] == "network_conductivity"
    values = rows[["value", "low", "high"]].to_numpy(float)
    known = values[np.isfinite(values) & (values > 0)]
    least, most = float(known.min()), float(known.max())
    left = 10 ** math.floor(math.log10(least) - 0.2)
    for index, row in enumerate(records(rows)):
        color = sample.colors.get(row.subject, MUTED)
        axes.barh(index, row.value - left, left=left, height=0.62, color=color)
        low, high = (v if v > 0 else left for v in (row.low, row.high))
        if high > low:
            axes.plot([low, high], [index, index], color=INK, lw=1.2, marker="|", ms=6)
        ends = span(row.low, row.high, like=row.value)
        text = number(row.value) + (f"  ({ends})" if ends and ends != "unchanged" else "")
        end = max(row.value, high if math.isfinite(high) else row.value)
        axes.text(end * (most / left) ** 0.02, index, text, va="center", fontsize=9)
    axes.set_xscale("log")
    plain_log(axes.xaxis, subs=(1, 2, 5) if most / left < 100 else (1,))
    axes.set_xlim(left, most * (most / left) ** 0.6)
    axes.set_yticks(
        range(len(rows)), [f"{short(subject_text(r.subject), 18)}, {r.axis}" for r in records(rows)]
    )
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(
        "conductivity of networks (S/cm)" if network else "effective over pure conductivity"
    )


def _certified(sample: SampleView) -> str:
    """Say how far the certified bounds are apart at most."""
    table = sample.tables.get("transport")
    if table is None:
        return ""
    known = table[table["upper"] > 0]
    if known.empty:
        return ""
    widest = float(((known["upper"] - known["lower"]) / known["upper"]).max())
    return f"Every solve is certified: its bounds are at most {100 * widest:.1g} % apart."


def draw_profile(sample: SampleView) -> Drawn | None:
    """Draw the electrode tortuosity factor layer by layer.

    Parameters
    ----------
    sample : SampleView
        With the table ``tau_profiles``.

    Returns
    -------
    Drawn or None
        The figure and its points.
    """
    table = sample.tables.get("tau_profiles")
    rows = None if table is None else table[np.isfinite(table["tau"]) & (table["current"] > _LAST)]
    if rows is None or rows.empty:
        return None
    figure = canvas(2.9)
    axes = figure.add_subplot()
    for name, one in rows.groupby("subject", sort=False):
        color = sample.colors.get(str(name), MUTED)
        axes.plot(one["depth_um"], one["tau"], color=color, label=subject_text(str(name)), lw=1.4)
    axes.axhline(1, color=MUTED, lw=0.8, ls=(0, (3, 3)), zorder=0)
    high, most = float(rows["tau"].quantile(0.98)), float(rows["tau"].max())
    axes.set_ylim(0, 1.25 * min(most, 3 * high))
    axes.set_xlim(0, float(table["depth_um"].max()) if table is not None else None)
    axes.set_xlabel(f"depth along {rows['axis'].iloc[0]} from the separator (µm)")
    axes.set_ylabel("tortuosity factor τ(x)")
    legend_above(axes)
    return Drawn(figure, rows.reset_index(drop=True))


def draw_cells(sample: SampleView) -> Drawn | None:
    """Draw the apparent conductivities of cells against their size.

    Parameters
    ----------
    sample : SampleView
        With the table ``conductivity_cells``.

    Returns
    -------
    Drawn or None
        The figure and its points.
    """
    table = sample.tables.get("conductivity_cells")
    if table is None or not (table["held_faces"] > 0).any():
        return None
    names = [n for n, one in table.groupby("subject", sort=False) if (one["held_faces"] > 0).any()]
    figure = canvas(2.5 * len(names) + 0.4)
    grid = figure.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(grid, names, strict=True):
        rows = table[table["subject"] == name]
        color = sample.colors.get(str(name), MUTED)
        axes.fill_between(
            rows["size_um"], rows["uniform_current"], rows["uniform_gradient"],
            color=color, alpha=0.22, lw=0, label="uniform current … gradient",
        )  # fmt: skip
        spread = rows[["ci_low", "ci_high"]].to_numpy(float).T
        error = np.abs(spread - rows["held_faces"].to_numpy(float))
        axes.errorbar(
            rows["size_um"], rows["held_faces"], yerr=np.nan_to_num(error), color=color,
            marker="o", ms=4, capsize=3, lw=1.4, label="held faces, 95 % of the mean",
        )  # fmt: skip
        _whole(axes, sample, str(name))
        axes.set_ylim(0, None)
        axes.set_ylabel(short(subject_text(str(name)), 18))
    legend_above(grid[0])
    grid[-1].set_xlabel("edge of a cell (µm)")
    figure.supylabel("apparent conductivity", fontsize=10)
    return Drawn(figure, table.reset_index(drop=True))


def _whole(axes: Axes, sample: SampleView, name: str) -> None:
    """Mark the conductivity of the whole volume."""
    for quantity in ("effective_conductivity_ratio", "network_conductivity"):
        rows = sample.quantity(quantity)
        rows = rows[(rows["subject"] == name) & (rows["axis"] == sample.transport_axis)]
        for row in records(rows):
            axes.axhline(row.value, color=INK, lw=0.9, ls=(0, (4, 3)), label="whole volume")
