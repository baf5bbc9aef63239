"""How well the projections were reconstructed: the axis and its evidence, the resolution."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ssbtomo.report.figures.style import INK, MUTED, WIDTH, Drawn, canvas, legend_above
from ssbtomo.report.folder import SampleView

__all__ = ["draw_axis", "draw_axis_sweep", "draw_ring_correlation"]

_COLOR = "#0072b2"


def draw_axis(sample: SampleView) -> Drawn | None:
    """Draw what each candidate for the rotation axis costs.

    Parameters
    ----------
    sample : SampleView
        With the table ``rotation_axis``.

    Returns
    -------
    Drawn or None
        The figure and its curve.
    """
    table = sample.tables.get("rotation_axis")
    if table is None:
        return None
    figure = canvas(2.6)
    axes = figure.add_subplot()
    cost = table["cost"] / table["cost"].max()
    best = float(table["column"][cost.idxmin()])
    axes.plot(table["column"], cost, color=_COLOR, marker="o", ms=3)
    axes.axvline(best, color=MUTED, lw=0.8, ls="--")
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("detector column of the axis")
    axes.set_ylabel("mismatch (1 at most)")
    return Drawn(figure, table.reset_index(drop=True), f"Best candidate: column {best:.1f}.")


def draw_axis_sweep(sample: SampleView) -> Drawn | None:
    """Draw the middle of a slice with the axis moved to either side.

    Parameters
    ----------
    sample : SampleView
        With ``fields/<sample>/axis-sweep.npz``.

    Returns
    -------
    Drawn or None
        The figure, and the offsets.
    """
    path = sample.folder / "fields" / sample.slug / "axis-sweep.npz"
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as kept:
        images, offsets = kept["images"].astype(np.float32), kept["offsets"]
    side = images.shape[1]
    half = min(side, 160) // 2
    window = slice(side // 2 - half, side // 2 + half)
    images = images[:, window, window]
    low, high = np.percentile(images[len(images) // 2], [1, 99])
    columns = 4
    rows = -(-len(images) // columns)
    figure = canvas(rows * WIDTH / columns * 1.14)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, image, offset in zip(grid, images, offsets, strict=False):
        axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        weight = "bold" if offset == 0 else "normal"
        axes.set_title(
            f"{offset:+g} px" if offset else "as found", fontsize=9, color=INK, weight=weight
        )
    data = pd.DataFrame({"offset_pixels": offsets})
    return Drawn(figure, data, f"The middle {2 * half} × {2 * half} pixels.")


def draw_ring_correlation(sample: SampleView) -> Drawn | None:
    """Draw how alike the slices from even and from odd projections are, over frequency.

    Parameters
    ----------
    sample : SampleView
        With the table ``ring_correlation``.

    Returns
    -------
    Drawn or None
        The figure and its curve.
    """
    table = sample.tables.get("ring_correlation")
    if table is None:
        return None
    figure = canvas(2.8)
    axes = figure.add_subplot()
    frequency = table["frequency_per_pixel"]
    axes.plot(frequency, table["correlation"], color=_COLOR, label="even against odd projections")
    axes.plot(frequency, table["half_bit"], color=MUTED, lw=1, ls="--", label="half-bit limit")
    axes.set_xlim(0, 0.5)
    axes.set_ylim(min(0.0, float(table["correlation"].min())), 1.05)
    axes.set_xlabel("spatial frequency (1/pixel)")
    axes.set_ylabel("correlation")
    legend_above(axes)
    quality = sample.tables.get("tomogram_quality")
    note = ""
    if quality is not None:
        told = quality.set_index("property")["value"]
        note = (
            f"Resolution {told['resolution_pixels']:.1f} pixels; noise {told['noise']:.3g} /cm; "
            f"stripes {told['stripes_before']:.2g} before, {told['stripes_after']:.2g} after."
        )
    return Drawn(figure, table.reset_index(drop=True), note)
