"""Facets of the crack network: which way they run, how large and how wide they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.report.figures.style import MUTED, Drawn, canvas, plain_log
from ssbtomo.report.folder import SampleView

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["draw_facet_sizes", "draw_strike_rose"]

_COLOR = "#b3261e"
_BINS = 18


def draw_strike_rose(sample: SampleView) -> Drawn | None:
    """Draw the area of facets by strike, as a rose that is the same on both sides.

    Parameters
    ----------
    sample : SampleView
        With the table ``facets``.

    Returns
    -------
    Drawn or None
        The figure and the share of facet area per ten degrees.
    """
    import pandas as pd

    table = _table(sample, "strike_deg")
    if table is None:
        return None
    area = table["area_um2"].to_numpy(float)
    strike = table["strike_deg"].to_numpy(float) % 180
    share, edges = np.histogram(strike, bins=_BINS, range=(0, 180), weights=area / area.sum())
    figure = canvas(3.1)
    axes: Any = figure.add_subplot(projection="polar")
    starts = np.radians(np.concatenate([edges[:-1], edges[:-1] + 180]))
    axes.bar(
        starts, np.tile(share, 2), width=np.pi / _BINS, align="edge", color=_COLOR, ec="white", lw=0.6,
    )  # fmt: skip
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.spines["polar"].set_color(MUTED)
    axes.set_axisbelow(True)
    axes.grid(color="#dde1e6", lw=0.6)
    columns = {"strike_from_deg": edges[:-1], "strike_to_deg": edges[1:], "area_share": share}
    return Drawn(figure, pd.DataFrame(columns))


def draw_facet_sizes(sample: SampleView) -> Drawn | None:
    """Draw which share of the facets' area is in smaller, and in narrower, facets.

    Parameters
    ----------
    sample : SampleView
        With the table ``facets``.

    Returns
    -------
    Drawn or None
        The figure and its curves.
    """
    import pandas as pd

    table = _table(sample, "aperture_um")
    if table is None:
        return None
    figure = canvas(2.7)
    left, right = figure.subplots(1, 2, sharey=True)
    weight = table["area_um2"].to_numpy(float)
    size, share = _below(weight, weight)
    left.step(size, share, where="post", color=_COLOR)
    left.set_xscale("log")
    plain_log(left.xaxis, subs=(1, 2, 5) if size.max() < 300 * size.min() else (1,))
    left.set_xlabel("facet area (µm²)")
    left.set_ylabel("share of facet area")
    left.set_ylim(0, 1.02)
    curves = [pd.DataFrame({"curve": "area_um2", "value": size, "share": share})]
    for column, label, style in (
        ("aperture_um", "voxels", "-"), ("aperture_grey_um", "grey values", "--"),
    ):  # fmt: skip
        if column not in table or not table[column].notna().any():
            continue
        value, share = _below(table[column].to_numpy(float), weight)
        right.step(value, share, where="post", color=_COLOR, ls=style, label=label)
        curves.append(pd.DataFrame({"curve": column, "value": value, "share": share}))
    right.set_xlabel("mean aperture (µm)")
    right.legend(loc="lower right")
    return Drawn(figure, pd.concat(curves, ignore_index=True))


def _table(sample: SampleView, column: str) -> pd.DataFrame | None:
    table = sample.tables.get("facets")
    if table is None or not {"area_um2", column} <= set(table.columns):
        return None
    table = table[(table["area_um2"] > 0) & table[column].notna()]
    return table if len(table) else None


def _below(
    values: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the values in order, and the share of the weight up to each."""
    held = np.flatnonzero(np.isfinite(values))
    order = held[np.argsort(values[held], kind="stable")]
    sums = np.cumsum(weight[order])
    return values[order], sums / sums[-1]
