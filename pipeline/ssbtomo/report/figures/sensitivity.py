"""How much each headline number moves when one threshold does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.report.figures.style import INK, MUTED, WIDTH, Drawn, canvas
from ssbtomo.report.folder import SampleView, records
from ssbtomo.report.headlines import leading
from ssbtomo.report.wording import short, subject_text, title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_sensitivity"]

_VARIANT = re.compile(r"threshold (\d+) (down|up)")
_KEY = ["quantity", "subject", "axis"]
_MOST = 10
_LONGEST = 24  # signs of a subject beside the plot
_MARKERS = "osD^vPXph8"
_LEFT, _RIGHT = 0.125, 0.535  # of the width: the panels; the names stand to their right


@dataclass(frozen=True, slots=True)
class _Curve:
    """One number: its change in percent, by threshold and direction."""

    quantity: str
    subject: str
    axis: str
    change: dict[tuple[int, int], float]
    colors: tuple[str, str]
    marker: str

    @property
    def subject_and_ends(self) -> str:
        """What it is about, and its smallest and largest change."""
        of = subject_text(self.subject) + (f", {self.axis}" if self.axis else "")
        return f"{short(of, _LONGEST)}  {' / '.join(map(_signed, self.ends))} %"

    @property
    def ends(self) -> tuple[float, float]:
        """Smallest and largest change, 0 included."""
        values = [0.0, *self.change.values()]
        return min(values), max(values)


def draw_sensitivity(sample: SampleView) -> Drawn | None:
    """Draw the change of each headline number against each threshold's shift.

    Parameters
    ----------
    sample : SampleView
        With the table ``sensitivity``; its variants are ``base`` and
        ``threshold K down`` and ``up``, counted from 1 at the dark end.

    Returns
    -------
    Drawn or None
        The figure and the relative values.
    """
    table = sample.tables.get("sensitivity")
    relative = None if table is None else _relative(table, sample)
    if relative is None or relative.empty:
        return None
    curves = _curves(relative, sample)
    thresholds = sorted({int(k) for k in relative["threshold"]})
    height = max(2.6, 0.33 * len(curves) + 0.9)
    figure = canvas(height, layout=None)
    wide = (_RIGHT - _LEFT) / len(thresholds)
    limit = 1.15 * max(0.5, *(abs(end) for curve in curves for end in curve.ends))
    for index, threshold in enumerate(thresholds):
        axes = figure.add_axes(
            (_LEFT + index * wide + 0.01, 0.62 / height, wide - 0.02, 1 - 0.72 / height)
        )
        _panel(axes, curves, threshold)
        axes.set_ylim(-limit, limit)
        _name_panel(axes, sample, threshold, first=index == 0, panels=len(thresholds))
    _names(figure.add_axes((_RIGHT + 0.02, 0, 0.97 - _RIGHT, 1)), curves)
    shift = _shift(sample)
    return Drawn(figure, relative, f"The share is {shift} %." if shift else "")


def _relative(table: pd.DataFrame, sample: SampleView) -> Any:
    """Return the leading numbers of each variant, relative to the chosen segmentation."""
    base = table[table["variant"] == "base"].groupby(_KEY)["value"].first().rename("base")
    told = table["variant"].str.extract(_VARIANT)
    moved = table.assign(threshold=told[0], direction=told[1]).dropna(subset=["threshold", "value"])
    moved = moved.join(base, on=_KEY)
    moved["relative"] = moved["value"] / moved["base"].where(moved["base"] != 0)
    kept = [
        bool(np.isfinite(row.relative)) and leading(row.quantity, row.subject, row.axis, sample)
        for row in records(moved)
    ]
    columns = [*_KEY, "threshold", "direction", "value", "base", "relative"]
    return moved.loc[kept, columns].reset_index(drop=True)


def _curves(relative: Any, sample: SampleView) -> list[_Curve]:
    """Return the numbers that move most, at most ten, the most sensitive first."""
    changes: dict[tuple[str, str, str], dict[tuple[int, int], float]] = {}
    for row in records(relative):
        place = int(row.threshold), 1 if row.direction == "up" else -1
        key = row.quantity, row.subject, row.axis
        changes.setdefault(key, {})[place] = 100 * (row.relative - 1)
    ordered = sorted(changes, key=lambda key: -max(map(abs, changes[key].values())))[:_MOST]
    return [
        _Curve(*key, changes[key], _two_colors(key[1], sample), marker)
        for key, marker in zip(ordered, _MARKERS, strict=False)
    ]


def _two_colors(subject: str, sample: SampleView) -> tuple[str, str]:
    names = [name for name in subject.split("|") if name in sample.colors]
    known = [sample.colors[name] for name in names] or [MUTED]
    return known[0], known[1] if len(known) > 1 else known[0]


def _signed(percent: float) -> str:
    return "0" if abs(percent) < 0.05 else f"{percent:+.1f}".replace("-", "−")


def _look(curve: _Curve) -> dict[str, Any]:
    one, other = curve.colors
    return {
        "marker": curve.marker, "ms": 6.5, "fillstyle": "full" if one == other else "left",
        "markerfacecolor": one, "markerfacecoloralt": other, "markeredgecolor": "white",
        "markeredgewidth": 0.6 if one == other else 0,
    }  # fmt: skip


def _panel(axes: Axes, curves: list[_Curve], threshold: int) -> None:
    axes.axhline(0, color=MUTED, lw=0.8, ls=(0, (3, 3)), zorder=0)
    axes.axvline(0, color=MUTED, lw=0.5, zorder=0)
    for curve in reversed(curves):
        steps = [(s, curve.change.get((threshold, s))) for s in (-1, 1)]
        known = sorted([(0, 0.0), *((s, v) for s, v in steps if v is not None)])
        color = curve.colors[0] if curve.colors[0] == curve.colors[1] else MUTED
        x, y = zip(*known, strict=True)
        axes.plot(x, y, color=color, lw=1.2)
        axes.plot(x[:1] + x[-1:], y[:1] + y[-1:], ls="none", clip_on=False, **_look(curve))
    axes.set_xlim(-1.3, 1.3)


def _name_panel(
    axes: Axes, sample: SampleView, threshold: int, *, first: bool, panels: int
) -> None:
    shift = _shift(sample)
    labels = ("down", "up") if shift is None else (f"−{shift}", f"+{shift}")
    axes.set_xticks([-1, 1], labels, fontsize=8)
    table = sample.tables.get("thresholds")
    between = list(table["between"]) if table is not None else []
    name = between[threshold - 1] if threshold <= len(between) else f"threshold {threshold}"
    sides = [short(side, 40 // panels) for side in name.split("|")]
    axes.set_xlabel(" |\n".join(sides), fontsize=8)
    if first:
        axes.set_ylabel("change of the value (%)")
    else:
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)


def _shift(sample: SampleView) -> str | None:
    """Return the shift that the recipe states, in percent."""
    for stage in sample.about.get("stages", []):
        shift = (stage.get("parameters") or {}).get("shift")
        if shift is not None:
            return f"{100 * float(shift):.3g}"
    return None


def _names(axes: Axes, curves: list[_Curve]) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH * (0.97 - _RIGHT))
    axes.set_ylim(len(curves), 0)
    for index, curve in enumerate(curves):
        axes.plot(0.08, index + 0.5, clip_on=False, **_look(curve))
        axes.text(0.22, index + 0.47, title(curve.quantity), fontsize=7.5, va="bottom", color=INK)
        axes.text(0.22, index + 0.53, curve.subject_and_ends, fontsize=7.5, va="top", color=MUTED)
