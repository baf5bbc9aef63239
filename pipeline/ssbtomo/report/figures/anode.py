"""The interface at the anode: where lithium touches the electrolyte."""

from __future__ import annotations

import numpy as np

from ssbtomo.report.figures.slices import scale_bar
from ssbtomo.report.figures.style import INK, WIDTH, Drawn, canvas, quiet
from ssbtomo.report.folder import SampleView
from ssbtomo.report.stores import open_level
from ssbtomo.units import AXES

__all__ = ["draw_anode_contact"]

_LARGEST = 800
_NAMES = ("no interface", "contact", "void between", "other phase between")
_COLORS = ("#eef0f3", "#b8c4cf", "#b3261e", "#e0a100")


def draw_anode_contact(sample: SampleView) -> Drawn | None:
    """Draw the interface of lithium and electrolyte, seen along the stack.

    Parameters
    ----------
    sample : SampleView
        With the volume ``anode-contact``.

    Returns
    -------
    Drawn or None
        The figure, and the map.
    """
    import pandas as pd
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    path = sample.volume("anode-contact")
    if path is None:
        return None
    level = open_level(path, _LARGEST)
    axis = AXES.index(sample.transport_axis)
    kinds = np.take(np.asarray(level.array[...]), 0, axis=axis)
    rows, columns = (n * level.spacing[k] for k, n in enumerate(level.shape) if k != axis)
    tall = min(4.2, WIDTH * 0.92 * rows / columns)
    figure = canvas(tall + 0.5)
    axes = figure.add_subplot()
    axes.imshow(
        kinds, cmap=ListedColormap(_COLORS), vmin=-0.5, vmax=3.5,
        extent=(0, columns, rows, 0), interpolation="none",
    )  # fmt: skip
    quiet(axes)
    scale_bar(axes, columns, tall * columns / rows, ink=INK, halo="white")
    shown = [k for k in range(len(_NAMES)) if (kinds == k).any()]
    figure.legend(
        handles=[Patch(color=_COLORS[k], label=_NAMES[k]) for k in shown],
        loc="outside lower center", ncols=len(shown), frameon=False,
    )  # fmt: skip
    down = next(name for name in AXES if name != sample.transport_axis)
    return Drawn(
        figure, pd.DataFrame(kinds),
        f"Rows run along {down}. {', '.join(f'{k}: {_NAMES[k]}' for k in shown)}.",
    )  # fmt: skip
