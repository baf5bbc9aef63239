"""The matrix of contact areas."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.report.figures.style import INK, MUTED, Drawn, canvas, quiet
from ssbtomo.report.folder import SampleView, records
from ssbtomo.report.wording import number, short, span

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["draw_contact_matrix"]

_QUANTITY = "contact_area_per_volume"
_ROOM = 72  # signs that fit beside each other in a row of the matrix


def draw_contact_matrix(sample: SampleView) -> Drawn | None:
    """Draw the contact area per volume of every pair of phases, with numbers.

    Parameters
    ----------
    sample : SampleView
        With rows of ``contact_area_per_volume``.

    Returns
    -------
    Drawn or None
        The figure and the rows.
    """
    rows = sample.quantity(_QUANTITY)
    pairs = {tuple(str(row.subject).split("|")): row for row in records(rows)}
    names = [n for n in sample.phases if any(n in pair for pair in pairs)]
    if len(names) < 2:
        return None
    figure = canvas(0.75 * len(names) + 0.6)
    axes = figure.add_subplot()
    matrix = np.full((len(names), len(names)), math.nan)
    for pair, row in pairs.items():
        if len(pair) == 2 and set(pair) <= set(names):
            i, j = sorted((names.index(pair[0]), names.index(pair[1])))
            matrix[j, i] = row.value
    _heat(axes, matrix)
    _numbers(axes, matrix, names, rows)
    for index, name in enumerate(names[:-1]):
        axes.text(
            index,
            len(names) - 0.42,
            short(name, 40 // (len(names) - 1)),
            ha="center",
            va="top",
            color=INK,
        )
        axes.plot(
            [index - 0.46, index + 0.46],
            [len(names) - 0.47] * 2,
            color=sample.colors[name],
            lw=4,
            clip_on=False,
        )
    for index, name in enumerate(names[1:], 1):
        axes.text(-0.6, index, short(name, 18), ha="right", va="center", color=INK)
        axes.plot(
            [-0.53] * 2,
            [index - 0.46, index + 0.46],
            color=sample.colors[name],
            lw=4,
            clip_on=False,
        )
    return Drawn(figure, rows.drop(columns="sample").reset_index(drop=True))


def _heat(axes: Axes, matrix: NDArray[np.float64]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("contact", ["#f2f6fa", "#1f5f99"])
    top = float(np.nanmax(matrix)) if np.isfinite(matrix).any() else 1.0
    axes.imshow(np.ma.masked_invalid(matrix), cmap=shades, vmin=0, vmax=top or 1.0, aspect="auto")
    axes.set_xlim(-0.55, len(matrix) - 1.5)
    axes.set_ylim(len(matrix) - 0.45, 0.5)
    quiet(axes)


def _numbers(axes: Axes, matrix: NDArray[np.float64], names: list[str], rows: pd.DataFrame) -> None:
    top = float(np.nanmax(matrix)) if np.isfinite(matrix).any() else 1.0
    known = {frozenset(str(row.subject).split("|")): row for row in records(rows)}
    for j in range(1, len(names)):
        for i in range(j):
            row = known.get(frozenset((names[i], names[j])))
            if row is None:
                axes.text(i, j, "–", ha="center", va="center", color=MUTED)
                continue
            color = "white" if np.isfinite(row.value) and row.value > 0.55 * top else INK
            text = f"{number(row.value)} µm⁻¹" if np.isfinite(row.value) else number(row.value)
            ends = span(row.low, row.high, like=row.value)
            axes.text(
                i,
                j - (0.12 if ends else 0),
                text,
                ha="center",
                va="center",
                color=color,
                fontsize=11,
            )
            if ends:
                size = 9 if len(ends) * len(names) < _ROOM else 7.5
                axes.text(i, j + 0.2, ends, ha="center", va="center", color=color, fontsize=size)
