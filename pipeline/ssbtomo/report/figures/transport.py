"""Tortuosity factors with their ranges, and slices of the potential."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.report.figures.slices import scale_bar
from ssbtomo.report.figures.style import INK, MUTED, WIDTH, Drawn, canvas, quiet
from ssbtomo.report.folder import Field, SampleView, records
from ssbtomo.report.wording import number, short, span, subject_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["draw_potential", "draw_tortuosity"]

_LARGEST = 300  # pixels of a potential slice along each axis


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


def draw_potential(sample: SampleView) -> Drawn | None:
    """Draw slices of the potential between the two faces of the volume.

    Parameters
    ----------
    sample : SampleView
        With the folder ``fields``.

    Returns
    -------
    Drawn or None
        The figure, and each slice as drawn, one row per row of pixels.
    """
    fields = sample.fields()[:4]
    if not fields:
        return None
    images = [_loaded(field) for field in fields]
    extents = [_extent(field) for field in fields]
    share = max(tall / wide for tall, wide in extents)
    columns = 2 if len(fields) > 1 and share > 0.3 else 1
    rows = -(-len(fields) // columns)
    width = WIDTH if share <= 0.3 or columns > 1 else 3.4
    figure = canvas(min(7.0, rows * (min(2.2, share) * width / columns + 0.3) + 0.55), width=width)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(fields) :]:
        axes.set_visible(False)
    shown: Any = None
    for axes, field, image in zip(grid.flat, fields, images, strict=False):
        shown = _potential(axes, field, image, 0.95 * width / columns)
    figure.colorbar(
        shown, ax=grid, location="bottom", shrink=0.7, aspect=30, label="potential (1 = inlet face)"
    )
    return Drawn(figure, _pixels(fields, images))


def _loaded(field: Field) -> NDArray[np.float64]:
    image = np.load(field.array, allow_pickle=False).astype(np.float64)
    steps = tuple(slice(None, None, -(-size // _LARGEST)) for size in image.shape)
    return np.asarray(image[steps])


def _extent(field: Field) -> tuple[float, float]:
    """Return height and width of a slice in µm."""
    shape = np.load(field.array, mmap_mode="r", allow_pickle=False).shape
    return shape[0] * field.spacing_um[0], shape[1] * field.spacing_um[1]


def _potential(axes: Axes, field: Field, image: NDArray[np.float64], inches: float) -> Any:
    import matplotlib as mpl

    tall, wide = _extent(field)
    shades = mpl.colormaps["viridis"].with_extremes(bad="#dde1e6")
    shown = axes.imshow(
        np.ma.masked_invalid(image),
        cmap=shades,
        vmin=0,
        vmax=1,
        extent=(0, wide, tall, 0),
        interpolation="none",
    )
    quiet(axes)
    scale_bar(axes, wide, inches, ink=INK, halo="white")
    axes.set_title(f"{short(field.phase, 18)}, along {field.axis} ↓", fontsize=9)
    return shown


def _pixels(fields: list[Field], images: list[NDArray[np.float64]]) -> Any:
    import pandas as pd

    frames = []
    for field, image in zip(fields, images, strict=True):
        frame = pd.DataFrame(np.round(image, 4))
        frame.insert(0, "row", np.arange(len(image)))
        frame.insert(0, "axis", field.axis)
        frame.insert(0, "phase", field.phase)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
