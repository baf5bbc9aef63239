"""Phases in a labels layer: their names on hover, their colours as in the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

__all__ = [
    "colored",
    "colored_by",
    "compiled_colors",
    "faded",
    "found_phases",
    "layer_phases",
    "named",
    "one_color",
    "see_through",
]

#: Layers with more voxels than this are not searched for labels while the window waits.
_SEARCHED = 2**20
_SLAB, _MOST = 16, 1000

_STEPS = 64  # colours of a scale


def colored(phases: Mapping[str, int], colors: Mapping[str, str]) -> Any:
    """Return the colour map of a phase layer.

    Parameters
    ----------
    phases : mapping of str to int
        Phase names and their labels.
    colors : mapping of str to str
        Phase names and their colours, ``#rrggbb``.

    Returns
    -------
    napari.utils.DirectLabelColormap
        One colour per phase; labels that are no phase are transparent.
    """
    from napari.utils import DirectLabelColormap

    shown: dict[int | None, str] = {None: "transparent"}
    shown.update({label: colors[name] for name, label in phases.items() if name in colors})
    return DirectLabelColormap(color_dict=shown)


def compiled_colors(*kinds: Any) -> None:
    """Let napari compile how labels get colours; seconds at the first time in a process.

    napari does so at the first picture, in the window's thread. Called before in another thread,
    the window goes on meanwhile.

    Parameters
    ----------
    *kinds : dtype
        Types of labels; uint8 if none are given.
    """
    import numpy as np
    from napari.layers import Labels
    from napari.utils.colormaps import label_colormap

    for kind in dict.fromkeys(map(np.dtype, kinds or (np.uint8,))):
        if kind.kind not in "ui":
            continue
        wide = kind.itemsize > 2  # of others napari makes a table, and sends the labels as they are
        for colors in (one_color("#ffffff"), label_colormap()):
            for axes in (1, 2, 3) if wide else (1,):
                colors.map(np.zeros((1,) * axes, kind))
            Labels(np.zeros((1, 1), kind), colormap=colors)  # a layer takes other ways than `map`


def one_color(color: str) -> Any:
    """Return a colour map that gives every object the same colour.

    Parameters
    ----------
    color : str
        The colour, ``#rrggbb``.

    Returns
    -------
    napari.utils.DirectLabelColormap
        Label 0 is transparent.
    """
    from napari.utils import DirectLabelColormap

    return DirectLabelColormap(color_dict={None: color, 0: "transparent"})


def see_through(name: str) -> Any:
    """Return a colour map for a volume that is zero nearly everywhere.

    Parameters
    ----------
    name : str
        A colour map that napari knows, from dark to bright; its darkest fifth is left out.

    Returns
    -------
    napari.utils.Colormap
        Zero is transparent, so that what lies below stays to be seen in its own colours.
    """
    import numpy as np
    from napari.utils import Colormap
    from napari.utils.colormaps import ensure_colormap

    colors = np.array(ensure_colormap(name).map(np.linspace(0.2, 1, 256)), np.float32)
    colors[0, 3] = 0
    return Colormap(colors, name=f"clear {name}")


def faded(color: str) -> Any:
    """Return a colour map from nothing to one colour, for a probability.

    Parameters
    ----------
    color : str
        The colour, ``#rrggbb``.

    Returns
    -------
    napari.utils.Colormap
        Zero is transparent.
    """
    import numpy as np
    from napari.utils import Colormap

    red, green, blue = (int(color[k : k + 2], 16) / 255 for k in (1, 3, 5))
    ends = np.array([[red, green, blue, 0], [red, green, blue, 1]], np.float32)
    return Colormap(ends, name=f"clear {color}")


def colored_by(labels: Sequence[int], values: Sequence[float], name: str = "viridis") -> Any:
    """Return a colour map that shows a number of each object.

    Parameters
    ----------
    labels : sequence of int
        The objects.
    values : sequence of float
        Their numbers; an object without one is grey.
    name : str
        A colour map that napari knows; viridis reads the same to colour-blind eyes.

    Returns
    -------
    napari.utils.DirectLabelColormap
        From the 2nd to the 98th percentile; label 0 is transparent.
    """
    import numpy as np
    from napari.utils import DirectLabelColormap
    from napari.utils.colormaps import ensure_colormap

    numbers = np.asarray(values, np.float64)
    known = np.isfinite(numbers)
    low, high = np.percentile(numbers[known], (2, 98)) if known.any() else (0.0, 1.0)
    span = (high - low) or 1.0
    share = np.clip((np.where(known, numbers, low) - low) / span, 0, 1)
    steps = ensure_colormap(name).map(np.linspace(0, 1, _STEPS)).astype(np.float32)
    colors = steps[np.rint(share * (_STEPS - 1)).astype(int)]
    colors[~known] = (0.5, 0.5, 0.5, 1)
    shown: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
    shown.update(zip((int(label) for label in labels), colors, strict=True))
    return DirectLabelColormap(color_dict=shown)


def named(phases: Mapping[str, int]) -> pd.DataFrame:
    """Return layer features that tell the phase under the cursor.

    Parameters
    ----------
    phases : mapping of str to int
        Phase names and their labels.

    Returns
    -------
    pandas.DataFrame
        Columns ``index`` (the label) and ``phase`` (the name).
    """
    import pandas as pd

    return pd.DataFrame({"index": list(phases.values()), "phase": list(phases)})


def layer_phases(layer: Any) -> dict[str, int]:
    """Return the phases of a labels layer.

    Parameters
    ----------
    layer : napari.layers.Labels
        A layer of the plugin, which knows its phases, or any other.

    Returns
    -------
    dict of str to int
        Names and labels. A layer without names gives ``"label 1"`` and so on, as found
        in its voxels (its coarsest level, if it has several); nothing if it is too large
        to be searched while the window waits: see `found_phases`.
    """
    known = layer.metadata.get("ssbtomo", {}).get("phases")
    if known:
        return dict(known)
    coarse = layer.data[-1] if layer.multiscale else layer.data
    if coarse.size > _SEARCHED:
        return {}
    return found_phases(coarse)


def found_phases(voxels: Any) -> dict[str, int]:
    """Return the labels that occur, as phases; this takes as long as reading them.

    Parameters
    ----------
    voxels : array of int
        NumPy or Dask; read slab by slab.

    Returns
    -------
    dict of str to int
        ``"label 1"`` and so on, up to a thousand.
    """
    import numpy as np

    found: set[int] = set()
    for start in range(0, voxels.shape[0], _SLAB):
        found |= set(np.unique(np.asarray(voxels[start : start + _SLAB])).tolist())
        if len(found) > _MOST:
            break
    return {f"label {value}": int(value) for value in sorted(found)[:_MOST]}
