"""Sample data: composite cathodes made on this machine, with known answers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_ssbtomo.controllers.layer_data import LayerData

__all__ = ["cathode_ct", "cathode_fibsem"]


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


def _sample(name: str) -> list[LayerData]:
    from napari_ssbtomo.controllers.opening import recipe_layers
    from ssbtomo.testing.samples import write_sample

    folder = Path(tempfile.mkdtemp(prefix=f"ssbtomo-{name}-"))
    return recipe_layers(write_sample(name, folder))
