"""How every figure looks, and how it is written so that the same data give the same bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ssbtomo.report.wording import short

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = [
    "INK",
    "MUTED",
    "WIDTH",
    "Drawn",
    "canvas",
    "house_style",
    "legend_above",
    "plain_log",
    "quiet",
    "rendered",
]

#: Width of a figure in inches: its text stays readable when a phone shrinks it to 360 px.
WIDTH = 5.2
_SIGNS = 62  # of the legend's size that fit beside each other
INK = "#1b1f24"
MUTED = "#5f6873"

_SETTINGS: dict[str, Any] = {
    "axes.edgecolor": MUTED,
    "axes.grid": False,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.unicode_minus": True,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 9,
    "xtick.major.width": 0.7,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 9,
    "ytick.major.width": 0.7,
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure, the numbers in it, and what a reader must know about it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The drawing.
    data : pandas.DataFrame
        What was drawn.
    note : str
        Added to the caption.
    """

    figure: Figure
    data: pd.DataFrame
    note: str = ""


@contextmanager
def house_style(salt: str = "ssbtomo") -> Iterator[None]:
    """Draw and save inside this: matplotlib's own settings stay as they were.

    Parameters
    ----------
    salt : str
        Seeds the identifiers inside an SVG, which are random otherwise.

    Yields
    ------
    None
        The settings hold until the ``with`` block ends.
    """
    import matplotlib as mpl

    base: dict[Any, Any] = {
        key: value
        for key, value in mpl.rcParamsDefault.items()
        if not key.startswith(("backend", "interactive", "toolbar"))
    }
    base |= _SETTINGS | {"svg.hashsalt": salt}
    with mpl.rc_context():
        mpl.rcParams.update(base)
        yield


def canvas(
    height: float, *, width: float = WIDTH, layout: Literal["constrained"] | None = "constrained"
) -> Figure:
    """Return an empty figure that no window manager knows of.

    Parameters
    ----------
    height, width : float
        Size in inches.
    layout : str or None
        Matplotlib's layout engine.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=layout)


def legend_above(axes: Axes, second: Mapping[str, Artist] | None = None) -> None:
    """Put the legend over the plot, where it covers nothing.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Their labelled artists are listed.
    second : mapping of str to matplotlib.artist.Artist, optional
        What is drawn over the sign of a label: a second colour.
    """
    from matplotlib.legend_handler import HandlerTuple

    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    signs: list[Any] = [
        (sign, second[label]) if second and label in second else sign
        for sign, label in zip(handles, labels, strict=True)
    ]
    labels = [short(label, 30) for label in labels]
    columns = max(1, _SIGNS // (max(map(len, labels)) + 5))
    axes.legend(
        signs, labels, loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.2,
        ncols=min(columns, len(handles)), handlelength=2.6 if second else 1.4,
        columnspacing=1.2, handler_map={tuple: HandlerTuple(ndivide=1, pad=0)},
    )  # fmt: skip


def plain_log(axis: Axis, *, subs: tuple[int, ...] = (1,)) -> None:
    """Write the ticks of a logarithmic axis as plain numbers.

    Parameters
    ----------
    axis : matplotlib.axis.Axis
        The axis, logarithmic already.
    subs : tuple of int
        Multiples of powers of ten that are written.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def quiet(axes: Axes) -> None:
    """Take away ticks and frame.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Axes that show an image.
    """
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def rendered(figure: Figure, form: str) -> bytes:
    """Return a figure as a file's bytes, the same ones for the same figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The drawing.
    form : {"svg", "png"}
        The format.

    Returns
    -------
    bytes
        The content of the file.
    """
    buffer = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
    figure.savefig(buffer, format=form, metadata=metadata)
    return buffer.getvalue()
