"""The two-point correlation of each phase with itself."""

from __future__ import annotations

from ssbtomo.report.figures.style import MUTED, Drawn, canvas, legend_above
from ssbtomo.report.folder import SampleView

__all__ = ["draw_correlation"]


def draw_correlation(sample: SampleView) -> Drawn | None:
    """Draw how often two voxels at a distance are both of a phase, along each axis.

    Parameters
    ----------
    sample : SampleView
        With the table ``correlation``.

    Returns
    -------
    Drawn or None
        The figure and its curves.
    """
    table = sample.tables.get("correlation")
    if table is None:
        return None
    table = table[table["phase_a"] == table["phase_b"]]
    if table.empty:
        return None
    figure = canvas(3.2)
    axes = figure.add_subplot()
    for phase, color in sample.colors.items():
        rows = table[table["phase_a"] == phase]
        for axis, line in rows.groupby("axis", sort=False):
            main = axis == sample.transport_axis
            axes.plot(
                line["lag_um"], line["probability"], color=color, lw=1.8 if main else 0.9,
                ls="-" if main else "--", label=phase if main else None,
            )  # fmt: skip
        start = rows.loc[rows["lag_um"] == 0, "probability"]
        if len(start):
            axes.axhline(float(start.iloc[0]) ** 2, color=color, lw=0.8, ls=":", zorder=0)
    axes.plot([], [], color=MUTED, lw=0.9, ls="--", label="across the transport axis")
    axes.set_xlim(0, float(table["lag_um"].max()) or 1.0)
    axes.set_ylim(0, float(table["probability"].max()) * 1.05 or 1.0)
    axes.set_xlabel("distance (µm)")
    axes.set_ylabel("share of pairs within the phase")
    legend_above(axes)
    return Drawn(figure, table.reset_index(drop=True))
