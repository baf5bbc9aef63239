"""Orthogonal slices: grey values, and the same with the outlines of the phases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.report.figures.style import WIDTH, Drawn, canvas, quiet
from ssbtomo.report.folder import SampleView
from ssbtomo.report.stores import Level, open_level
from ssbtomo.units import AXES, format_length

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["draw_grey", "draw_middle", "draw_outlines", "scale_bar"]

_LARGEST = 640
_DRAWN = 1200  # pixels along the long side of an outlined panel, so that a line stays thin
_LINE = 3  # pixels of an outline, at least
_TALLEST = 5.6  # inches
_GAP = 0.06
_TITLE = 0.24


@dataclass(frozen=True, slots=True)
class _Panel:
    """One slice, turned so that it fits beside the others."""

    axis: int
    image: NDArray[Any]
    position_um: float
    spacing: tuple[float, float]


def _panels(level: Level) -> tuple[_Panel, _Panel, _Panel]:
    """Return the slices: (y, x) main, (y, z) to its right, (z, x) below it."""
    dz, dy, dx = level.spacing
    return (
        _Panel(0, level.middle(0), level.position(0), (dy, dx)),
        _Panel(2, level.middle(2).T, level.position(2), (dy, dz)),
        _Panel(1, level.middle(1), level.position(1), (dz, dx)),
    )


def _frames(level: Level) -> tuple[Figure, list[Axes], float]:
    """Lay out three panels to one scale; also return inches per µm."""
    depth, height, width = (n * d for n, d in zip(level.shape, level.spacing, strict=True))
    scale = min((WIDTH - _GAP) / (width + depth), (_TALLEST - _GAP) / (height + depth))
    tall = scale * (height + depth) + _GAP + 2 * _TITLE
    figure = canvas(tall, layout=None)
    left = (WIDTH - scale * (width + depth) - _GAP) / 2
    base = _TITLE + scale * depth + _GAP
    boxes = (
        (left, base, scale * width, scale * height),
        (left + scale * width + _GAP, base, scale * depth, scale * height),
        (left, _TITLE, scale * width, scale * depth),
    )
    axes = [figure.add_axes((x / WIDTH, y / tall, w / WIDTH, h / tall)) for x, y, w, h in boxes]
    return figure, axes, scale


def _show(
    figure: Figure,
    axes: list[Axes],
    panels: tuple[_Panel, ...],
    images: list[NDArray[Any]],
    **how: Any,
) -> None:
    for frame, panel, image in zip(axes, panels, images, strict=True):
        rows, columns = (n * d for n, d in zip(panel.image.shape, panel.spacing, strict=True))
        frame.imshow(image, extent=(0, columns, rows, 0), aspect="auto", **how)
        quiet(frame)
        below, beside = panel.axis == 1, panel.axis == 2
        frame.text(
            1.0 if beside else 0.0,
            -0.02 if below else 1.01,
            f"{AXES[panel.axis]} = {format_length(float(f'{panel.position_um:.4g}'))}",
            transform=frame.transAxes,
            fontsize=9,
            va="top" if below else "bottom",
            ha="right" if beside else "left",
        )


def scale_bar(
    axes: Axes, width_um: float, inches: float, *, ink: str = "white", halo: str = "black"
) -> float:
    """Draw a scale bar of a round length into the lower right corner of an image.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Axes in µm, rows downwards.
    width_um : float
        Width of the image.
    inches : float
        The same on paper.
    ink, halo : str
        Colours of the bar and of what keeps it apart from the image.

    Returns
    -------
    float
        The length of the bar in µm.
    """
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    target = width_um * min(0.3, 1.2 / inches)
    power = 10.0 ** np.floor(np.log10(target))
    length = float(max(step * power for step in (1, 2, 5) if step * power <= target))
    bottom, top = axes.get_ylim()
    unit = width_um / inches
    right, base = width_um - 0.1 * unit, max(bottom, top) - 0.1 * unit
    bar = Rectangle(
        (right - length, base - 0.045 * unit), length, 0.045 * unit, fc=ink, ec=halo, lw=0.5
    )
    axes.add_patch(bar)
    axes.text(
        right - length / 2,
        base - 0.07 * unit,
        format_length(float(f"{length:.6g}")),
        color=ink,
        ha="center",
        va="bottom",
        fontsize=9,
        path_effects=[withStroke(linewidth=1.6, foreground=halo)],
    )
    return length


def _facts(panels: tuple[_Panel, ...], bar: float, **more: Any) -> Any:
    import pandas as pd

    rows = [
        {
            "slice_normal_to": AXES[panel.axis],
            "position_um": panel.position_um,
            "rows": panel.image.shape[0],
            "columns": panel.image.shape[1],
            "row_um": panel.spacing[0],
            "column_um": panel.spacing[1],
            "scale_bar_um": bar,
            **more,
        }
        for panel in panels
    ]
    return pd.DataFrame(rows)


def _windowed(panels: tuple[_Panel, ...]) -> tuple[list[NDArray[np.float64]], float, float]:
    """Stretch grey values to 0…1 between the 0.5th and the 99.5th percentile."""
    values = np.concatenate([panel.image.ravel() for panel in panels]).astype(np.float64)
    low, high = (float(v) for v in np.percentile(values, (0.5, 99.5)))
    width = high - low or 1.0
    return [np.clip((panel.image - low) / width, 0, 1) for panel in panels], low, high


def draw_grey(sample: SampleView) -> Drawn | None:
    """Draw three orthogonal slices through the middle of the grey volume.

    Parameters
    ----------
    sample : SampleView
        With grey values.

    Returns
    -------
    Drawn or None
        The figure, and where each slice lies.
    """
    path = sample.untouched()
    if path is None:
        return None
    level = open_level(path, _LARGEST)
    panels = _panels(level)
    images, low, high = _windowed(panels)
    figure, axes, scale = _frames(level)
    _show(figure, axes, panels, list(images), cmap="gray", vmin=0, vmax=1, interpolation="none")
    width = level.shape[2] * level.spacing[2]
    bar = scale_bar(axes[0], width, width * scale)
    return Drawn(
        figure,
        _facts(panels, bar, grey_black=low, grey_white=high),
        f"Grey window {low:.4g} to {high:.4g}.",
    )


def draw_middle(path: Path, colors: str, highest: float, ends: tuple[str, str]) -> Drawn:
    """Draw three orthogonal slices through the middle of a map.

    Parameters
    ----------
    path : pathlib.Path
        Its store.
    colors : str
        Name of matplotlib's colours.
    highest : float
        Value of the brightest one; 0 is the darkest.
    ends : tuple of str
        What the darkest and the brightest colour mean.

    Returns
    -------
    Drawn
        The figure, and where each slice lies.
    """
    level = open_level(path, _LARGEST)
    panels = _panels(level)
    figure, axes, scale = _frames(level)
    shown = [panel.image.astype(np.float64) / highest for panel in panels]
    _show(figure, axes, panels, shown, cmap=colors, vmin=0, vmax=1, interpolation="none")
    _color_key(figure, axes, ends)
    width = level.shape[2] * level.spacing[2]
    return Drawn(figure, _facts(panels, scale_bar(axes[0], width, width * scale)))


def _color_key(figure: Figure, axes: list[Axes], ends: tuple[str, str]) -> None:
    """Draw what the colours mean into the corner that the three panels leave free."""
    column, row = axes[1].get_position(), axes[2].get_position()
    place = column.x0 + 0.15 * column.width, row.y0 + 0.5 * row.height, 0.7 * column.width, 0.02
    image = axes[0].get_images()[0]
    bar = figure.colorbar(image, cax=figure.add_axes(place), orientation="horizontal")
    bar.set_ticks([0, 1], labels=list(ends))
    bar.outline.set_visible(False)


def draw_outlines(sample: SampleView) -> Drawn | None:
    """Draw the same slices with every phase outlined in its colour.

    Parameters
    ----------
    sample : SampleView
        With grey values and ``phases``.

    Returns
    -------
    Drawn or None
        The figure, and where each slice lies.
    """
    path, labelled = sample.untouched(), sample.volume("phases")
    if path is None or labelled is None:
        return None
    level, labels = open_level(path, _LARGEST), open_level(labelled, _LARGEST)
    if level.shape != labels.shape:
        return None
    panels, coded = _panels(level), _panels(labels)
    greys, low, high = _windowed(panels)
    colors = _rgb(list(sample.colors.values()))
    images = [
        _outlined(grey, panel.image, colors) for grey, panel in zip(greys, coded, strict=True)
    ]
    figure, axes, scale = _frames(level)
    _show(figure, axes, panels, list(images), interpolation="antialiased")
    width = level.shape[2] * level.spacing[2]
    bar = scale_bar(axes[0], width, width * scale)
    return Drawn(figure, _facts(panels, bar, grey_black=low, grey_white=high))


def _rgb(colors: list[str]) -> NDArray[np.float64]:
    return np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colors])


def _outlined(
    grey: NDArray[np.float64], labels: NDArray[Any], colors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Paint the pixels along each border, inside each phase, in the phase's colour."""
    times = max(1, round(_DRAWN / max(labels.shape)))
    grey, labels = (np.kron(a, np.ones((times, times), a.dtype)) for a in (grey, labels))
    border = np.zeros(labels.shape, bool)
    for step in range(1, max(_LINE, times // 2) + 1):
        rows, columns = labels[step:] != labels[:-step], labels[:, step:] != labels[:, :-step]
        border[step:] |= rows
        border[:-step] |= rows
        border[:, step:] |= columns
        border[:, :-step] |= columns
    image = np.repeat(grey[..., None], 3, axis=2)
    known = border & (labels < len(colors))
    image[known] = colors[labels[known]]
    return image
