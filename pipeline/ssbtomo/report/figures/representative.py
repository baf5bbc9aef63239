"""Whether the volume is large enough: the scatter of densities over cells of growing size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ssbtomo.report.figures.contacts import legend_of_pairs, two_colored
from ssbtomo.report.figures.style import MUTED, Drawn, canvas
from ssbtomo.report.folder import SampleView

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_representative"]

_SHOWN = ("volume_fraction", "contact_area_per_volume")
_MOST = 6
_SIZES = 2  # of cells, or there is no trend to see
_RARE = 0.02  # of the largest of its kind: too little to be asked about


def draw_representative(sample: SampleView) -> Drawn | None:
    """Draw the relative scatter over cells against their size, and the error of the volume.

    Parameters
    ----------
    sample : SampleView
        With the table ``representative``.

    Returns
    -------
    Drawn or None
        The figure and its points; ``None`` with fewer than two sizes of cells.
    """
    table = sample.tables.get("representative")
    rows = None if table is None else _relative(table)
    if rows is None or rows.loc[rows["sd"] > 0, "cell_um"].nunique() < _SIZES:
        return None
    figure = canvas(3.5)
    axes = figure.add_subplot()
    for (_, subject), one in rows.groupby(["quantity", "subject"], sort=False):
        _curve(axes, one, str(subject), sample)
    axes.set_xscale("log")
    axes.set_yscale("log")
    _plain(axes)
    axes.set_xlabel("edge of a cell of that volume (µm)")
    axes.set_ylabel("relative scatter (%)")
    axes.plot([], [], ls="none", marker="D", ms=5, color=MUTED, label="error of the whole")
    legend_of_pairs(axes)
    return Drawn(figure, rows.reset_index(drop=True))


def _relative(table: pd.DataFrame) -> pd.DataFrame:
    """Return scatter and error in percent of the mean, of what there is enough of."""
    rows = table[table["quantity"].isin(_SHOWN) & (table["mean"] > 0)]
    whole = rows[rows["cells"] == 1].set_index(["quantity", "subject"])
    known = whole[whole["standard_error"].notna()]
    least = known.groupby("quantity")["mean"].transform("max") * _RARE
    kept = known[known["mean"] > least]["mean"].groupby("quantity").nlargest(_MOST // 2)
    names = {(str(key[-2]), str(key[-1])) for key in kept.index}
    some = rows[[pair in names for pair in zip(rows["quantity"], rows["subject"], strict=True)]]
    return some.assign(
        sd_percent=100 * some["sd"] / some["mean"],
        standard_error_percent=100 * some["standard_error"] / some["mean"],
    )


def _curve(axes: Axes, rows: pd.DataFrame, subject: str, sample: SampleView) -> None:
    cells, whole = rows[rows["sd"] > 0], rows[rows["cells"] == 1]
    two_colored(
        axes, cells["cell_um"], cells["sd_percent"], subject, sample, lw=1.4, marker="o", ms=4
    )
    color = sample.colors.get(subject.split("|", maxsplit=1)[0], MUTED)
    other = sample.colors.get(subject.rsplit("|", maxsplit=1)[-1], color)
    axes.plot(
        whole["cell_um"], whole["standard_error_percent"], ls="none", marker="D", ms=7,
        fillstyle="full" if color == other else "left", markerfacecolor=color,
        markerfacecoloralt=other, markeredgecolor="white", markeredgewidth=0.6,
    )  # fmt: skip


def _plain(axes: Axes) -> None:
    """Write 1, 2, 5, 10 on both axes."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        wide = low > 0 and math.log10(high / low) > 2
        axis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
