"""Contacts in detail: along the transport axis, by particle, and the gaps between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.kernels.resolution import least_size
from ssbtomo.report.figures.style import INK, MUTED, Drawn, canvas, legend_above
from ssbtomo.report.folder import SampleView, records
from ssbtomo.report.wording import number, subject_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["draw_contact_profile", "draw_coverage", "draw_gaps", "legend_of_pairs", "two_colored"]

_MOST = 5  # pairs in one plot
_LEAST = 0.005  # of the largest: what is less cannot be told from zero in a plot
_MANY = 100  # particles for bins of 5 %; else of 10 %
_GAP_BINS = 24


def draw_contact_profile(sample: SampleView) -> Drawn | None:
    """Draw the contact areas of the slices along the transport axis.

    Parameters
    ----------
    sample : SampleView
        With the table ``contact_profiles``.

    Returns
    -------
    Drawn or None
        The figure and the profiles that are drawn, the largest pairs.
    """
    table = sample.tables.get("contact_profiles")
    if table is None:
        return None
    table = table[table["axis"] == sample.transport_axis]
    size = table.groupby("subject", sort=False)["area_per_volume"].mean()
    shown = size[size > _LEAST * size.max()].nlargest(_MOST).index
    last = table["position_um"].max()  # it has no faces to a layer beyond: too small
    table = table[table["subject"].isin(shown) & (table["position_um"] < last)]
    if table.empty:
        return None
    figure = canvas(3.2)
    axes = figure.add_subplot()
    for pair in shown:
        rows = table[table["subject"] == pair].sort_values("position_um")
        two_colored(axes, rows["position_um"], rows["area_per_volume"], pair, sample)
    axes.set_ylim(0, 1.08 * float(table["area_per_volume"].max()) or 1.0)
    axes.set_xlim(float(table["position_um"].min()), float(table["position_um"].max()))
    axes.set_xlabel(f"position along {sample.transport_axis} (µm)")
    axes.set_ylabel("area per volume (µm⁻¹)")
    legend_of_pairs(axes)
    return Drawn(figure, table.reset_index(drop=True))


def two_colored(axes: Axes, x: Any, y: Any, subject: str, sample: SampleView, **look: Any) -> None:
    """Draw a line in the colours of the phases that a number is about.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where.
    x, y : array_like
        The line.
    subject : str
        A phase, or two joined by a bar.
    sample : SampleView
        Whose colours.
    **look
        As `matplotlib.axes.Axes.plot` takes it.
    """
    colors = [sample.colors.get(name, MUTED) for name in subject.split("|")]
    axes.plot(x, y, color=colors[0], label=subject_text(subject), **look)
    for color in colors[1:2]:
        line = axes.plot(x, y, color=color, ls=(0, (3, 3)), **{**look, "marker": ""})
        line[0].set_gid(subject_text(subject))


def legend_of_pairs(axes: Axes) -> None:
    """Put the legend over the plot, its lines in both colours.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        With lines by `two_colored`.
    """
    legend_above(axes, {str(line.get_gid()): line for line in axes.get_lines() if line.get_gid()})


def draw_coverage(sample: SampleView) -> Drawn | None:
    """Draw how much of the particles' surface has which coverage.

    Parameters
    ----------
    sample : SampleView
        With the columns ``coverage_*`` of the table ``particles`` or ``particle_coverage``.

    Returns
    -------
    Drawn or None
        The figure and its bins.
    """
    import pandas as pd

    table = _covered(sample)
    if table is None:
        return None
    weights = table["surface_um2"].to_numpy(float)
    bins = np.linspace(0, 1, 21 if len(table) >= _MANY else 11)
    parts = []
    figure = canvas(3.0)
    axes = figure.add_subplot()
    for phase, color in sample.colors.items():
        column = f"coverage_{phase}"
        if column not in table or not (table[column] * weights).sum() > _LEAST * weights.sum():
            continue
        share = np.histogram(table[column], bins, weights=weights)[0] / weights.sum()
        axes.stairs(share, bins, fill=True, color=color, alpha=0.25, lw=0)
        axes.stairs(share, bins, color=color, lw=1.6, label=f"by {phase}")
        parts.append(pd.DataFrame({"phase": phase, "from": bins[:-1], "to": bins[1:],
                                   "share_of_surface": share}))  # fmt: skip
        _mean(axes, sample, phase, color)
    if not parts:
        return None
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("covered share of a particle")
    axes.set_ylabel("share of all surface")
    axes.plot([], [], color=MUTED, lw=1, ls=(0, (2, 2)), label="mean")
    legend_above(axes)
    return Drawn(figure, pd.concat(parts, ignore_index=True), f"{len(table)} particles.")


def _covered(sample: SampleView) -> pd.DataFrame | None:
    """Return the particles that have a surface, with their coverage."""
    for name in ("particle_coverage", "particles"):
        table = sample.tables.get(name)
        if table is not None and "surface_um2" in table:
            kept = table[table["surface_um2"] > 0]
            return None if kept.empty else kept
    return None


def _mean(axes: Axes, sample: SampleView, phase: str, color: str) -> None:
    """Mark the mean that the results table tells."""
    for row in records(sample.quantity("coverage_mean")):
        if str(row.subject).split("|")[-1] == phase and np.isfinite(row.value):
            axes.axvline(row.value, color=color, lw=1, ls=(0, (2, 2)))


def draw_gaps(sample: SampleView) -> Drawn | None:
    """Draw how much of the gap between active material and electrolyte has which thickness.

    Parameters
    ----------
    sample : SampleView
        With the table ``gaps``.

    Returns
    -------
    Drawn or None
        The figure and its bins.
    """
    import pandas as pd

    table = sample.tables.get("gaps")
    if table is None or sample.spacing is None or not table["area_um2"].sum() > 0:
        return None
    width, area = (table[name].to_numpy(float) for name in ("thickness_um", "area_um2"))
    bins = _even(float(width.max()), max(sample.spacing))
    share = np.histogram(width, bins, weights=area)[0] / area.sum()
    figure = canvas(3.0)
    axes = figure.add_subplot()
    axes.stairs(share, bins, fill=True, color="#c3c9d1", lw=0)
    axes.stairs(share, bins, color=INK, lw=1)
    axes.set_xlim(0, bins[-1])
    axes.set_ylim(0, 1.12 * float(share.max()))
    axes.axvspan(0, least_size(sample.spacing), color="#d55e00", alpha=0.12, lw=0,
                 label="below 3 voxels")  # fmt: skip
    for row in records(sample.quantity("gap_thickness_d50")):
        if np.isfinite(row.value):
            axes.axvline(row.value, color=INK, lw=1, ls=(0, (2, 2)),
                         label=f"d50 {number(row.value)} µm")  # fmt: skip
    axes.set_xlabel("gap thickness (µm)")
    axes.set_ylabel("share of the gap's area")
    legend_above(axes)
    bars = {"from_um": bins[:-1], "to_um": bins[1:], "share_of_area": share}
    return Drawn(figure, pd.DataFrame(bars))


def _even(top: float, edge: float) -> NDArray[np.float64]:
    """Return bins of half a voxel, or wider ones if those were too many."""
    step = edge / 2 * max(1, -(-top // (_GAP_BINS * edge / 2)))
    return np.arange(0, np.ceil(top / step) + 1) * step
