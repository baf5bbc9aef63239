"""How much each headline number moves when the thresholds do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.report.figures.style import INK, MUTED, Drawn, canvas
from ssbtomo.report.folder import SampleView
from ssbtomo.report.wording import subject_text, title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["HEADLINES", "draw_sensitivity", "shift_of"]

#: The quantities that lead the report, in its order.
HEADLINES = (
    "porosity",
    "volume_fraction",
    "contact_area_per_volume",
    "specific_contact_area",
    "coverage",
    "tortuosity_factor",
    "particle_diameter_d50",
    "pore_diameter_d50",
    "crack_area_per_volume",
)
_NUMBER = re.compile(r"[+\-−]?\d*\.?\d+(?:e-?\d+)?")
_KEY = ["quantity", "subject", "axis"]
_MOST = 9
_LONGEST = 40  # signs that fit beside the plot


def shift_of(variant: str) -> float | None:
    """Read the threshold shift out of a variant's name.

    Parameters
    ----------
    variant : str
        Such as ``"base"``, ``"-0.05"`` or ``"void|electrolyte +0.05"``.

    Returns
    -------
    float or None
        The shift, 0 for the base; ``None`` if the name tells none.
    """
    if variant.strip().lower() in {"base", "chosen", "0"}:
        return 0.0
    found = _NUMBER.findall(variant)
    return float(found[-1].replace("−", "-")) if found else None


def draw_sensitivity(sample: SampleView) -> Drawn | None:
    """Draw each headline quantity, relative to its value, against the threshold shift.

    Parameters
    ----------
    sample : SampleView
        With the table ``sensitivity``.

    Returns
    -------
    Drawn or None
        The figure and the relative values.
    """
    table = sample.tables.get("sensitivity")
    relative = None if table is None else _relative(table)
    if relative is None or relative.empty:
        return None
    curves = _chosen(relative)
    height = 0.2 * len(curves) + 1.9
    figure = canvas(height, layout=None)
    axes = figure.add_axes((0.12, 0.5 / height, 0.33, 1 - 0.6 / height))
    ends: list[tuple[float, str, str]] = []
    for key, rows in curves:
        color = sample.colors.get(key[1], MUTED)
        middle = rows.groupby("shift")["relative"].mean()
        axes.plot(100 * middle.index, middle.to_numpy(), color=color, marker="o", ms=3.5)
        ends.append((float(middle.iloc[-1]), _label(*key), color))
    axes.axhline(1, color=MUTED, lw=0.8, ls=(0, (3, 3)), zorder=0)
    axes.set_xlabel("threshold shift (%)")
    axes.set_ylabel("value / chosen value")
    _label_ends(axes, ends, 100 * float(relative["shift"].max()))
    shown = relative.merge(_keys(curves), on=_KEY)
    return Drawn(figure, shown.reset_index(drop=True))


def _relative(table: pd.DataFrame) -> pd.DataFrame:
    table = table.assign(shift=[shift_of(v) for v in table["variant"]]).dropna(
        subset=["shift", "value"]
    )
    base = table[table["shift"] == 0].groupby(_KEY)["value"].mean().rename("base")
    joined = table.join(base, on=_KEY)
    joined["relative"] = joined["value"] / joined["base"].where(joined["base"] != 0)
    kept = joined[np.isfinite(joined["relative"]) & joined["quantity"].isin(HEADLINES)]
    porous = set(kept[kept["quantity"] == "porosity"]["subject"])
    kept = kept[~(kept["quantity"].eq("volume_fraction") & kept["subject"].isin(porous))]
    return kept.drop(columns="sample", errors="ignore")


def _chosen(table: pd.DataFrame) -> list[tuple[tuple[str, str, str], pd.DataFrame]]:
    """Return the curves, the most sensitive of each quantity first, at most nine."""
    curves = [(key, rows.sort_values("shift")) for key, rows in table.groupby(_KEY, sort=False)]
    curves = [c for c in curves if c[1]["shift"].nunique() > 1]
    spread = {key: float(np.ptp(rows["relative"])) for key, rows in curves}
    curves.sort(key=lambda curve: -spread[curve[0]])
    return curves[:_MOST]


def _keys(curves: list[tuple[tuple[str, str, str], pd.DataFrame]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([key for key, _ in curves], columns=_KEY)


def _label(quantity: str, subject: str, axis: str) -> str:
    words = [title(quantity), subject_text(subject), axis]
    text = ", ".join(word for word in words if word)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _label_ends(axes: Axes, ends: list[tuple[float, str, str]], right: float) -> None:
    """Name each curve beside its right end, evenly spaced, so that no name covers another."""
    ordered = sorted(ends, key=lambda end: -end[0])
    for index, (value, label, color) in enumerate(ordered):
        place = 1 - (index + 0.5) / len(ordered)
        axes.annotate(
            f"{value:.2f}  {label}",
            (right, value),
            xytext=(1.12, place),
            textcoords="axes fraction",
            fontsize=8,
            va="center",
            color=INK,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": color,
                "lw": 0.8,
                "shrinkA": 1,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
        )
