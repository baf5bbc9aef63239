"""The composition inside graded phases: its histogram, and its profile along the transport axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ssbtomo.report.figures.style import MUTED, Drawn, canvas, legend_above
from ssbtomo.report.folder import SampleView

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_graded"]


def draw_graded(sample: SampleView) -> Drawn | None:
    """Draw how composition is distributed, and how it changes along the transport axis.

    Parameters
    ----------
    sample : SampleView
        The sample.

    Returns
    -------
    Drawn or None
        ``None`` without a graded phase.
    """
    shares, profile = (sample.tables.get(f"graded_{name}") for name in ("histogram", "profiles"))
    if shares is None or profile is None:
        return None
    figure = canvas(3.0)
    left, right = figure.subplots(1, 2)
    for phase in dict.fromkeys(shares["phase"]):
        color = sample.colors.get(phase, MUTED)
        _draw_shares(left, shares[shares["phase"] == phase], phase, color)
        _draw_profile(right, profile[profile["phase"] == phase], color)
    left.set_xlabel("composition")
    left.set_ylabel("share of volume")
    left.set_ylim(bottom=0)
    right.set_xlabel(f"{sample.transport_axis} (µm)")
    right.set_ylabel("composition")
    legend_above(left)
    rows = [shares.assign(table="histogram"), profile.assign(table="profile")]
    return Drawn(figure, pd.concat(rows, ignore_index=True))


def _draw_shares(axes: Axes, rows: pd.DataFrame, phase: str, color: str) -> None:
    filled = rows[rows["fraction"] > 0]
    span = rows[rows["value"].between(filled["value"].min(), filled["value"].max())]
    axes.plot(
        span["value"].to_numpy(float), span["fraction"].to_numpy(float), color=color, label=phase
    )


def _draw_profile(axes: Axes, rows: pd.DataFrame, color: str) -> None:
    place, mean, spread = (rows[k].to_numpy(float) for k in ("position_um", "mean", "sd"))
    axes.plot(place, mean, color=color)
    axes.fill_between(place, mean - spread, mean + spread, color=color, alpha=0.2, linewidth=0)
