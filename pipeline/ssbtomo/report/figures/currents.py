"""Slices of the potential, and of the current that it drives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.report.figures.slices import scale_bar
from ssbtomo.report.figures.style import INK, WIDTH, Drawn, canvas, plain_log, quiet
from ssbtomo.report.folder import Field, SampleView
from ssbtomo.report.wording import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["draw_flux", "draw_potential"]

_POTENTIAL = "potential (1 = inlet face)"
_LARGEST = 300  # pixels of a slice along each axis


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
    return _drawn(fields, _potential, _POTENTIAL) if fields else None


def draw_flux(sample: SampleView) -> Drawn | None:
    """Draw slices of the current density over its mean.

    Parameters
    ----------
    sample : SampleView
        With the folder ``fields``.

    Returns
    -------
    Drawn or None
        The figure, and each slice as drawn, one row per row of pixels.
    """
    fields = sample.fields("flux")[:4]
    return _drawn(fields, _flux, "current density over its mean") if fields else None


def _drawn(fields: list[Field], draw: Callable[..., Any], label: str) -> Drawn:
    """Draw slices beside each other with one colour bar."""
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
        shown = draw(axes, field, image, 0.95 * width / columns)
    bar = figure.colorbar(shown, ax=grid, location="bottom", shrink=0.7, aspect=30, label=label)
    if label != _POTENTIAL:
        plain_log(bar.ax.xaxis)
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
    from matplotlib.colors import Normalize

    return _shown(axes, field, np.ma.masked_invalid(image), ("viridis", Normalize(0, 1)), inches)


def _flux(axes: Axes, field: Field, image: NDArray[np.float64], inches: float) -> Any:
    from matplotlib.colors import LogNorm

    seen = np.ma.masked_less_equal(image, 0)
    return _shown(axes, field, seen, ("magma", LogNorm(0.1, 100, clip=True)), inches)


def _shown(axes: Axes, field: Field, image: Any, colors: tuple[str, Any], inches: float) -> Any:
    import matplotlib as mpl

    tall, wide = _extent(field)
    shades = mpl.colormaps[colors[0]].with_extremes(bad="#dde1e6")
    shown = axes.imshow(
        image, cmap=shades, norm=colors[1], extent=(0, wide, tall, 0), interpolation="none"
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
