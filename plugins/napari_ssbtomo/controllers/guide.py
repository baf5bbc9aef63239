"""What each dock is for, and which keys help: said here once, for the Help dock and its tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

__all__ = ["DOCKS", "KEYS", "guide_html", "keys_of"]

#: The docks in the order of the work, by their names in the menu.
DOCKS: Mapping[str, str] = {
    "Voxel size": "give a size to a volume that does not tell its own.",
    "Stack doctor": "raw slices: press Examine, click a point of the plot to go to that slice, "
    "leave slices out, preview alignment and cleaning.",
    "Recipe": "forms for all that a run does; what other docks settle appears there. Save it, "
    "run it here, or copy it as command or as Python.",
    "Annotate and train": "paint a few strokes of each phase and see the slice classified; train "
    "a forest, go to the next uncertain slice, apply to the volume or a box.",
    "Segment by thresholds": "drag the thresholds in the histogram; with or without repair of "
    "partial volume; apply.",
    "Repair labels": "paint what a segmentation missed, save it as corrections, run again.",
    "Run recipe": "run a recipe file; its results appear as layers and as a table.",
    "Inspect": "results: click an object in the view or in its table, colour objects by a "
    "number, show a box in 3-D at full resolution.",
    "Measure labels": "all of it, a box that you draw in a Shapes layer, or some phases.",
    "Keys and help": "this page.",
}

#: Commands of napari, and what their keys do.
KEYS: Mapping[str, str] = {
    "napari:toggle_ndisplay": "2-D and 3-D; large volumes are shown coarser in 3-D, and the "
    "window says so",
    "napari:roll_axes": "look along the next axis",
    "napari:increment_dims_left": "one slice back",
    "napari:increment_dims_right": "one slice on",
    "napari:focus_axes_up": "turn to the slider above (the step of a series)",
    "napari:focus_axes_down": "turn to the slider below",
    "napari:reset_view": "show all",
    "napari:toggle_selected_visibility": "show or hide the selected layer",
    "napari:activate_labels_paint_mode": "labels: paint",
    "napari:activate_labels_erase_mode": "labels: erase",
    "napari:activate_labels_fill_mode": "labels: fill",
    "napari:decrease_brush_size": "labels: a smaller brush",
    "napari:increase_brush_size": "labels: a larger brush",
}

_OWN = {
    "1 to 6": "scribbles and corrections: paint with that phase (napari's tools in other layers)",
    "Ctrl+Z": "labels: undo",
}
_FIRST = """\
<p>To begin, drop a scan, a folder of slices, an OME-Zarr or a results folder on the window; or
take File &gt; Open Sample &gt; ssbtomo. Several volumes dropped together (as a stack) are a series
with a slider. All docks are under Plugins &gt; ssbtomo.</p>"""


def keys_of(bindings: Mapping[str, Sequence[Any]], command: str) -> str:
    """Return the keys of a command.

    Parameters
    ----------
    bindings : mapping of str to sequence
        Keys by command, as of napari's settings.
    command : str
        The command.

    Returns
    -------
    str
        Such as ``P``; digits, to which the docks that paint give another meaning, only if there
        is nothing else. Empty if it has none.
    """
    names = [str(key) for key in bindings.get(command, ())]
    return " or ".join([name for name in names if not name.isdigit()] or names)


def guide_html(bindings: Mapping[str, Sequence[Any]]) -> str:
    """Return the page of the Help dock.

    Parameters
    ----------
    bindings : mapping of str to sequence
        Keys by command, as of napari's settings.

    Returns
    -------
    str
        Docks, then keys; commands without a key are left out.
    """
    docks = "".join(f"<li><b>{escape(name)}</b>: {what}</li>" for name, what in DOCKS.items())
    known = {what: keys_of(bindings, command) for command, what in KEYS.items()}
    rows = [*((keys, what) for what, keys in known.items() if keys), *_OWN.items()]
    table = "".join(
        f"<tr><td><b>{escape(keys)}</b>&nbsp;&nbsp;</td><td>{what}</td></tr>" for keys, what in rows
    )
    return (
        f"<h3>Docks</h3>{_FIRST}<ol>{docks}</ol><h3>Keys</h3><table>{table}</table>"
        "<p>All keys: Help &gt; Keybindings, or the preferences under Shortcuts; the plugin's own "
        "preferences stand there as ssbtomo.</p>"
    )
