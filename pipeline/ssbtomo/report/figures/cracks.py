"""Where the cracks are, which way they face, how wide and how large they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.kernels.resolution import least_size
from ssbtomo.report.figures.slices import scale_bar
from ssbtomo.report.figures.style import INK, MUTED, WIDTH, Drawn, canvas, quiet
from ssbtomo.report.folder import SampleView
from ssbtomo.report.stores import open_level
from ssbtomo.units import AXES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

__all__ = ["draw_crack_map", "draw_crack_rose", "draw_crack_sizes"]

_LARGEST = 400
_COLOR = "#b3261e"


def draw_crack_map(sample: SampleView) -> Drawn | None:
    """Draw the cracks as seen along the axis across which they show best.

    Parameters
    ----------
    sample : SampleView
        With the volume ``cracks``.

    Returns
    -------
    Drawn or None
        The figure, and for each pixel row the depth of crack in µm.
    """
    import pandas as pd

    path = sample.volume("cracks")
    if path is None:
        return None
    level = open_level(path, _LARGEST)
    hidden = 1 if sample.transport_axis != "y" else 2
    depth = np.zeros([n for i, n in enumerate(level.shape) if i != hidden], np.float64)
    for start in range(0, level.shape[0], 32):  # a slab at a time: stores may be larger than memory
        slab = np.asarray(level.array[start : start + 32]) > 0
        depth_um = slab.sum(axis=hidden) * level.spacing[hidden]
        depth[start : start + 32] += depth_um
    if not depth.any():
        return None
    rows, columns = (n * level.spacing[i] for i, n in enumerate(level.shape) if i != hidden)
    tall = min(3.6, WIDTH * 0.92 * rows / columns)
    figure = canvas(tall + 0.75)
    axes = figure.add_subplot()
    top = float(np.percentile(depth[depth > 0], 99))
    shown = axes.imshow(
        np.ma.masked_equal(depth, 0),
        cmap=_shades(),
        vmin=0,
        vmax=top,
        extent=(0, columns, rows, 0),
        interpolation="none",
    )
    quiet(axes)
    scale_bar(axes, columns, tall * columns / rows, ink=INK, halo="white")
    figure.colorbar(
        shown,
        ax=axes,
        location="bottom",
        shrink=0.7,
        aspect=30,
        label=f"crack along {AXES[hidden]} (µm)",
    )
    return Drawn(
        figure,
        pd.DataFrame(np.round(depth, 4)),
        f"Rows run along {AXES[0]}, seen along {AXES[hidden]}.",
    )


def _shades() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("cracks", ["#f3c9bf", _COLOR, "#3d0906"])
    return shades.with_extremes(bad="#eef0f3")


def _table(sample: SampleView) -> pd.DataFrame | None:
    table = sample.tables.get("cracks")
    return (
        table if table is not None and {"area_um2", "aperture_um"} <= set(table.columns) else None
    )


def draw_crack_rose(sample: SampleView) -> Drawn | None:
    """Draw the angle between crack normals and the transport axis, weighted by area.

    Parameters
    ----------
    sample : SampleView
        With the table ``cracks``.

    Returns
    -------
    Drawn or None
        The figure and the share of crack area per ten degrees.
    """
    import pandas as pd

    table = _table(sample)
    along = f"normal_{sample.transport_axis}"
    if table is None or along not in table.columns:
        return None
    angle = np.degrees(np.arccos(np.clip(np.abs(table[along].to_numpy(float)), 0, 1)))
    weight = table["area_um2"].to_numpy(float)
    good = np.isfinite(angle) & np.isfinite(weight)
    share, edges = np.histogram(angle[good], bins=9, range=(0, 90), weights=weight[good])
    if not share.sum() > 0:
        return None
    share = share / share.sum()
    figure = canvas(3.1)
    axes: Any = figure.add_subplot(projection="polar")
    axes.set_thetamin(0)
    axes.set_thetamax(90)
    axes.bar(
        np.radians(edges[:-1]),
        share,
        width=np.radians(10),
        align="edge",
        color=_COLOR,
        ec="white",
        lw=0.6,
    )
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.set_xticks(np.radians([0, 30, 60, 90]), ["0°", "30°", "60°", "90°"])
    axes.spines["polar"].set_color(MUTED)
    axes.set_axisbelow(True)
    axes.grid(color="#dde1e6", lw=0.6)
    axes.set_ylabel("share of crack area", labelpad=24)
    return Drawn(
        figure,
        pd.DataFrame(
            {"angle_from_deg": edges[:-1], "angle_to_deg": edges[1:], "area_share": share}
        ),
    )


def draw_crack_sizes(sample: SampleView) -> Drawn | None:
    """Draw the aperture of each crack against its area.

    Parameters
    ----------
    sample : SampleView
        With the table ``cracks``.

    Returns
    -------
    Drawn or None
        The figure and the table of cracks.
    """
    table = _table(sample)
    if table is None or not len(table):
        return None
    touching = table["touches"].ne("") if "touches" in table.columns else table["area_um2"].lt(0)
    figure = canvas(3.1)
    axes = figure.add_subplot()
    for chosen, face, label in (
        (~touching, _COLOR, "inside the volume"),
        (touching, "none", "cut by its border"),
    ):
        rows = table[chosen]
        if len(rows):
            axes.scatter(
                rows["area_um2"],
                rows["aperture_um"],
                s=26,
                facecolors=face,
                edgecolors=_COLOR,
                lw=1,
                label=label,
            )
    _axes_in_decades(axes, table)
    _resolution(axes, sample)
    axes.set_xlabel("crack area (µm²)")
    axes.set_ylabel("mean aperture (µm)")
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2, handletextpad=0.3
    )
    return Drawn(figure, table)


def _axes_in_decades(axes: Axes, table: pd.DataFrame) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis, column in ((axes.xaxis, "area_um2"), (axes.yaxis, "aperture_um")):
        positive = table[column][table[column] > 0]
        if len(positive) and positive.max() / positive.min() > 8:
            (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
    if axes.get_yscale() == "linear":
        axes.set_ylim(0, 1.15 * float(table["aperture_um"].max()))


def _resolution(axes: Axes, sample: SampleView) -> None:
    if sample.spacing is None:
        return
    limit = least_size(sample.spacing)
    low, high = axes.get_ylim()
    if low < limit < high * 1.5:
        axes.axhline(limit, color=MUTED, lw=0.9, ls=(0, (3, 3)), label="3 voxels")
        axes.set_ylim(low, max(high, limit * 1.1))
