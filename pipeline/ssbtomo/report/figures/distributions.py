"""Curves: grey histogram, phase profiles, size distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.report.figures.style import INK, MUTED, Drawn, canvas, legend_above
from ssbtomo.report.folder import SampleView, records
from ssbtomo.report.wording import number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["draw_histogram", "draw_profiles", "size_figure"]

_BINS = 256


def draw_histogram(sample: SampleView) -> Drawn | None:
    """Draw the grey histogram with thresholds, their ranges, and the phase means.

    Parameters
    ----------
    sample : SampleView
        With the table ``histogram``, and ``thresholds`` and ``phase_grey`` if there are any.

    Returns
    -------
    Drawn or None
        The figure and the bins as drawn.
    """
    table = sample.tables.get("histogram")
    if table is None:
        return None
    bins = _binned(table)
    figure = canvas(3.2)
    axes = figure.add_subplot()
    width = float(bins["grey"].diff().median()) if len(bins) > 1 else 1.0
    axes.fill_between(bins["grey"], bins["share"], step="mid", color="#c3c9d1", lw=0)
    axes.step(bins["grey"], bins["share"], where="mid", color=INK, lw=1)
    axes.set_xlim(float(bins["grey"].min()) - width / 2, float(bins["grey"].max()) + width / 2)
    axes.set_ylim(0, float(bins["share"].max()) * 1.18)
    axes.set_xlabel("grey value")
    axes.set_ylabel("share of voxels per bin")
    _thresholds(axes, sample.tables.get("thresholds"))
    _means(axes, sample)
    legend_above(axes)
    return Drawn(figure, bins, _parted(sample.tables.get("thresholds")))


def _binned(table: pd.DataFrame) -> pd.DataFrame:
    """Join bins until at most 256 are left, and cut the empty tails."""
    import pandas as pd

    grey, count = table["grey"].to_numpy(float), table["count"].to_numpy(float)
    order = np.argsort(grey)
    grey, count = grey[order], count[order]
    share = np.cumsum(count) / count.sum()
    first, last = int(np.searchsorted(share, 1e-4)), int(np.searchsorted(share, 1 - 1e-4)) + 1
    grey, count = grey[first:last], count[first:last]
    step = -(-len(grey) // _BINS)
    edges = np.arange(0, len(grey), step)
    centres = np.add.reduceat(grey, edges) / np.diff(np.append(edges, len(grey)))
    return pd.DataFrame(
        {"grey": centres, "share": np.add.reduceat(count, edges) / table["count"].sum()}
    )


def _thresholds(axes: Axes, table: pd.DataFrame | None) -> None:
    if table is None:
        return
    for index, row in enumerate(records(table)):
        axes.axvspan(
            row.low,
            row.high,
            color="#d55e00",
            alpha=0.18,
            lw=0,
            label="their shifts" if index == 0 else None,
        )
        axes.axvline(
            row.threshold, color="#d55e00", lw=1.3, label="thresholds" if index == 0 else None
        )


def _parted(table: pd.DataFrame | None) -> str:
    """Say how far apart the classes lie, as far as the folder tells."""
    if table is None or "variance_share" not in table:
        return ""
    apart = ", ".join(
        f"{row.separability:.2g} between {row.between.replace('|', ' and ')}"
        for row in records(table)
    )
    share = 100 * float(table["variance_share"].iloc[0])
    return (
        f"The variance between the classes is {share:.1f} % of the image's (Otsu's criterion); "
        f"the means are d' = {apart} standard deviations apart."
    )


def _means(axes: Axes, sample: SampleView) -> None:
    table = sample.tables.get("phase_grey")
    if table is None:
        return
    top = axes.get_ylim()[1]
    for row in records(table):
        color = sample.colors.get(row.phase, MUTED)
        axes.plot(
            [row.mean - row.sd, row.mean + row.sd],
            [top * 0.95] * 2,
            color=color,
            lw=2.2,
            clip_on=True,
        )
        axes.plot(row.mean, top * 0.95, "o", ms=6, color=color, label=row.phase)


def draw_profiles(sample: SampleView) -> Drawn | None:
    """Draw the fraction of each phase along the transport axis.

    Parameters
    ----------
    sample : SampleView
        With the table ``profiles``.

    Returns
    -------
    Drawn or None
        The figure and the profiles along that axis.
    """
    table = sample.tables.get("profiles")
    if table is None:
        return None
    table = table[table["axis"] == sample.transport_axis]
    if table.empty:
        return None
    figure = canvas(3.0)
    axes = figure.add_subplot()
    for phase, color in sample.colors.items():
        rows = table[table["phase"] == phase].sort_values("position_um")
        axes.plot(rows["position_um"], rows["fraction"], color=color, label=phase)
    axes.set_ylim(0, min(1.0, float(table["fraction"].max()) * 1.1 + 0.02))
    axes.set_xlim(float(table["position_um"].min()), float(table["position_um"].max()))
    axes.set_xlabel(f"position along {sample.transport_axis} (µm)")
    axes.set_ylabel("volume fraction of the layer")
    legend_above(axes)
    return Drawn(figure, table.reset_index(drop=True))


def size_figure(kind: str) -> Callable[[SampleView], Drawn | None]:
    """Return the function that draws the sizes of one kind of object.

    Parameters
    ----------
    kind : {"particle", "pore"}
        Whose sizes.

    Returns
    -------
    callable
        Draws a sample's cumulative size distributions.
    """

    def draw(sample: SampleView) -> Drawn | None:
        table = sample.tables.get("size_distributions")
        rows = None if table is None else table[table["kind"] == kind]
        return None if rows is None or rows.empty else _draw_sizes(sample, rows, kind)

    return draw


def _draw_sizes(sample: SampleView, table: pd.DataFrame, kind: str) -> Drawn:
    figure = canvas(3.0)
    axes = figure.add_subplot()
    for subject in dict.fromkeys(table["subject"]):
        rows = table[table["subject"] == subject].sort_values("diameter_um")
        color = sample.colors.get(subject, MUTED)
        size, share = rows["diameter_um"].to_numpy(float), rows["volume_fraction"].to_numpy(float)
        axes.plot(np.append(0.0, size), np.append(0.0, share), color=color, label=subject)
        _mark_middle(axes, sample, (kind, subject), (size, share), color)
    axes.set_ylim(0, 1.02)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{kind} diameter (µm)")
    axes.set_ylabel("share of volume finer than this")
    legend_above(axes)
    return Drawn(figure, table.reset_index(drop=True))


def _mark_middle(
    axes: Axes,
    sample: SampleView,
    what: tuple[str, str],
    curve: tuple[NDArray[np.float64], NDArray[np.float64]],
    color: str,
) -> None:
    """Mark the median that the results table tells: the figure computes none of its own."""
    kind, subject = what
    rows = sample.quantity(f"{kind}_diameter_d50")
    for middle in rows[rows["subject"] == subject]["value"]:
        if np.isfinite(middle):
            share = float(np.interp(middle, *curve))
            axes.plot([middle], [share], "o", ms=5, color=color)
            axes.annotate(
                f"d50 {number(middle)} µm",
                (middle, share),
                xytext=(8, -3),
                textcoords="offset points",
                fontsize=9,
                va="top",
            )
