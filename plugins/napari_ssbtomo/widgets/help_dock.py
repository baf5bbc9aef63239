"""Keys and first steps, for those who do not read manuals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, TextEdit

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["HelpDock"]

_STEPS = """\
<h3>First steps</h3>
<ol>
<li><b>Open</b>: drop a scan, a folder of slices, an OME-Zarr or a results folder on the window;
or take File &gt; Open Sample &gt; ssbtomo. Several volumes dropped together (as a stack) are a
series with a slider.</li>
<li><b>Stack doctor</b> (raw slices): Examine, click a point of the plot to go to that slice, leave
slices out, preview the alignment.</li>
<li><b>Recipe</b>: fill in the forms; all that other docks do to the recipe appears there. Save it,
run it here, or copy the command for a larger machine.</li>
<li><b>Inspect</b> (results): click an object in the view or in its table, colour objects by a
number, show a box in 3-D at full resolution.</li>
<li><b>Measure labels</b>: all of it, or a box that you draw in a Shapes layer.</li>
</ol>
<h3>Keys</h3>
<table>{rows}</table>
<p>All keys: Help &gt; Keybindings, or the preferences under Shortcuts; the plugin's own
preferences stand there as ssbtomo.</p>
"""
_KEYS = {
    "Ctrl+Y": "2-D and 3-D; large volumes are shown coarser in 3-D, and the window says so",
    "Ctrl+E": "look along the next axis",
    "Left, Right": "one slice back, one on",
    "Alt+Left, Alt+Right": "turn to the other slider (the step of a series)",
    "Ctrl+R": "show all",
    "V": "show or hide the selected layer",
    "1 to 6": "pick a phase or a tool of the selected layer",
    "M, P, E": "labels: a new label, paint, erase",
    "[ and ]": "labels: a smaller or larger brush",
    "Ctrl+Z": "labels: undo",
}


class HelpDock(Container[Any]):
    """What to do first, and which keys help."""

    def __init__(self, napari_viewer: ViewerModel | None = None) -> None:
        rows = "".join(
            f"<tr><td><b>{key}</b>&nbsp;&nbsp;</td><td>{what}</td></tr>"
            for key, what in _KEYS.items()
        )
        self.text = TextEdit()
        self.text.read_only = True
        self.text.native.setHtml(_STEPS.format(rows=rows))
        super().__init__(widgets=[self.text], labels=False)
        self.min_width = 340
