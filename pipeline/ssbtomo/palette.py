"""One colour per phase, everywhere: report, figures, napari, OME-Zarr (Okabe–Ito)."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["ROLES", "phase_colors"]

#: Roles that a phase may play, with the colour that it has by default.
ROLES: dict[str, str] = {
    "void": "#3a3a3a",
    "electrolyte": "#56b4e9",
    "active": "#e69f00",
    "lithium": "#cc79a7",
    "carbon": "#009e73",
    "other": "#0072b2",
}
_SPARE = ("#d55e00", "#f0e442", "#0072b2", "#009e73", "#cc79a7", "#999999")


def phase_colors(phases: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Give each phase its colour.

    Parameters
    ----------
    phases : iterable of (str, str)
        Name and role of each phase, in the recipe's order.

    Returns
    -------
    dict of str to str
        Name to ``#rrggbb``; the colour of the role, or a spare one if that is taken.
    """
    colors: dict[str, str] = {}
    for name, role in phases:
        wanted = ROLES.get(role, ROLES["other"])
        taken = set(colors.values())
        free = [color for color in (wanted, *_SPARE) if color not in taken]
        colors[name] = free[0] if free else wanted
    return colors
