"""How well a FIB-SEM stack was put together: drift, flagged slices, curtains."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ssbtomo.report.figures.style import MUTED, WIDTH, Drawn, canvas, legend_above
from ssbtomo.report.folder import SampleView

__all__ = ["draw_cleaned", "draw_curtains", "draw_drift"]

_COLORS = {"y": "#0072b2", "x": "#d55e00"}
_FLAGGED = "#cc79a7"


def draw_drift(sample: SampleView) -> Drawn | None:
    """Draw where the slices lay, how sure that is, and which were not used.

    Parameters
    ----------
    sample : SampleView
        With the table ``fib_sem_slices``.

    Returns
    -------
    Drawn or None
        The figure and its curves.
    """
    table = sample.tables.get("fib_sem_slices")
    if table is None or not table["correlation"].notna().any():
        return None
    figure = canvas(4.6)
    drift, error, alike = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
    for axis, color in _COLORS.items():
        drift.plot(
            table["slice"], table[f"drift_{axis}_pixels"], color=color, label=f"along {axis}"
        )
        sigma = table[f"step_error_{axis}_pixels"].replace(np.inf, np.nan)
        error.plot(table["slice"], sigma.where(sigma > 0), color=color)
    alike.plot(table["slice"], table["correlation"], color=MUTED)
    flagged = table["slice"][table["state"] != "used"]
    for axes in (drift, error, alike):
        for number in flagged:
            axes.axvline(number, color=_FLAGGED, lw=1)
    drift.set_ylabel("drift (pixels)")
    error.set_ylabel("step error")
    error.set_ylim(bottom=0)
    alike.set_ylabel("correlation")
    alike.set_xlabel("slice")
    legend_above(drift)
    note = f"{len(flagged)} of {len(table)} slices flagged."
    return Drawn(figure, table.reset_index(drop=True), note)


def draw_curtains(sample: SampleView) -> Drawn | None:
    """Draw how strong the curtains of each slice are, before and after.

    Parameters
    ----------
    sample : SampleView
        With the table ``fib_sem_slices``.

    Returns
    -------
    Drawn or None
        The figure and its curves.
    """
    table = sample.tables.get("fib_sem_slices")
    if table is None or "curtains_before" not in table:
        return None
    used = table[table["state"].isin(["used", "step interpolated"])]
    figure = canvas(2.4)
    axes = figure.add_subplot()
    axes.plot(used["slice"], used["curtains_before"], color=MUTED, label="before")
    axes.plot(used["slice"], used["curtains_after"], color=_COLORS["y"], label="after")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("slice")
    axes.set_ylabel("curtains (rms grey values)")
    legend_above(axes)
    data = used[["slice", "curtains_before", "curtains_after"]].reset_index(drop=True)
    return Drawn(figure, data)


def draw_cleaned(sample: SampleView) -> Drawn | None:
    """Draw a slice before and after cleaning, and a section along z before and after alignment.

    Parameters
    ----------
    sample : SampleView
        With ``fields/<sample>/fib-sem-slices.npz``.

    Returns
    -------
    Drawn or None
        The figure, and the percentiles of what it shows.
    """
    path = sample.folder / "fields" / sample.slug / "fib-sem-slices.npz"
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as kept:
        pictures = {
            "slice, as recorded": kept["before"],
            "slice, cleaned": kept["after"],
            "along z (down), as recorded": kept["along_before"],
            "along z (down), aligned": kept["along_after"],
        }
        number = int(kept["slice"])
    low, high = np.percentile(pictures["slice, cleaned"], [0.5, 99.5])
    upper, _, lower, _ = (picture.shape[0] / picture.shape[1] for picture in pictures.values())
    ratios = (upper, max(lower, 0.2))
    figure = canvas(WIDTH * (0.12 + sum(ratios) / 2))
    grid = figure.subplots(2, 2, height_ratios=ratios)
    for axes, (title, image) in zip(grid.ravel(), pictures.items(), strict=True):
        axes.imshow(
            image, cmap="gray", vmin=low, vmax=high, interpolation="nearest", aspect="equal"
        )
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    data = pd.DataFrame(
        {
            "picture": list(pictures),
            "mean": [float(p.mean()) for p in pictures.values()],
            "standard_deviation": [float(p.std()) for p in pictures.values()],
        }
    )
    return Drawn(figure, data, f"Slice {number}; sections through the middle column, along y.")
