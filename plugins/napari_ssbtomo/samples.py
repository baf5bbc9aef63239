"""Sample data: composite cathodes made on this machine, with known answers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_ssbtomo.controllers.layer_data import LayerData

__all__ = [
    "cathode_ct",
    "cathode_fibsem",
    "cathode_low_contrast",
    "crack_series",
    "raw_sections",
]


def cathode_ct() -> list[LayerData]:
    """Make a composite cathode as X-ray CT sees it.

    Returns
    -------
    list of LayerData
        The grey volume; its metadata name the recipe that goes with it.
    """
    return _sample("cathode_ct")


def cathode_fibsem() -> list[LayerData]:
    """Make a composite cathode as FIB-SEM sees it, with anisotropic voxels.

    Returns
    -------
    list of LayerData
        The grey volume; its metadata name the recipe that goes with it.
    """
    return _sample("cathode_fibsem")


def cathode_low_contrast() -> list[LayerData]:
    """Make a composite cathode at absorption contrast, where lithium is as dark as void.

    Returns
    -------
    list of LayerData
        The grey volume; its metadata name the recipe that goes with it.
    """
    return _sample("cathode_ct_low_contrast")


def raw_sections() -> list[LayerData]:
    """Make the slices of a FIB-SEM run as recorded: they drift, two are spoiled, all have curtains.

    Returns
    -------
    list of LayerData
        The grey volume; its metadata name a recipe that aligns and cleans it.
    """
    from napari_ssbtomo.controllers.sampling import sections_layers

    return _made(lambda: sections_layers(_folder("raw_sections")))


def crack_series() -> list[LayerData]:
    """Make a composite cathode at three states of charge, with a crack that opens.

    Returns
    -------
    list of LayerData
        A layer with a slider for the state.
    """
    from napari_ssbtomo.controllers.sampling import series_sample

    return _made(lambda: series_sample(_folder("crack_series")))


def _sample(name: str) -> list[LayerData]:
    from napari_ssbtomo.controllers.sampling import named_layers

    return _made(lambda: named_layers(name, _folder(name)))


def _folder(name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=f"ssbtomo-{name}-"))


def _made(work: Callable[[], list[LayerData]]) -> list[LayerData]:
    from napari_ssbtomo.widgets.aside import aside
    from napari_ssbtomo.widgets.opened import welcome

    layers = aside(work)
    welcome(layers)
    return layers
