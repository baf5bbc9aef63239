"""Readers: every format of the library, series of volumes, and results folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_ssbtomo.controllers.layer_data import LayerData

__all__ = ["get_reader", "read_results", "read_series", "read_volume"]

_SLICES = {".tif", ".tiff", ".png", ".bmp", ".jpg", ".dcm", ".dicom", ".ima"}
_STORE_FILES = ("zarr.json", ".zattrs", ".zgroup", ".zarray")


def get_reader(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """Choose a reader for what was dropped on the window.

    Parameters
    ----------
    path : str or sequence of str
        What is to be opened. Several volumes together are the steps of a series; a stack of
        single slices is opened by its folder, whose names tell the order.

    Returns
    -------
    callable or None
        The reader; ``None`` if the plugin does not know the content.
    """
    if not isinstance(path, str):
        return read_series if len(path) > 1 and all(map(_is_volume, path)) else None
    place = Path(path)
    if place.name == "run.json" or (place / "run.json").is_file():
        return read_results
    if place.is_dir() and not _holds_volume(place):
        return None
    return read_volume


def read_results(path: str) -> list[LayerData]:
    """Open the volumes of a results folder.

    Parameters
    ----------
    path : str
        The folder, or its ``run.json``.

    Returns
    -------
    list of LayerData
        The layers.
    """
    from napari_ssbtomo.controllers.results_opening import results_layers

    place = Path(path)
    return _opened(lambda: results_layers(place.parent if place.name == "run.json" else place))


def read_volume(path: str) -> list[LayerData]:
    """Open a volume; a form appears if it does not tell its voxel size.

    Parameters
    ----------
    path : str
        A file, a folder of slices, or an OME-Zarr image.

    Returns
    -------
    list of LayerData
        One layer.
    """
    from napari_ssbtomo.controllers.opening import volume_layers

    return _opened(lambda: volume_layers(path))


def read_series(paths: Sequence[str]) -> list[LayerData]:
    """Open volumes of one shape as the steps of a series.

    Parameters
    ----------
    paths : sequence of str
        Files or folders, in their order.

    Returns
    -------
    list of LayerData
        One layer with a slider for the steps.
    """
    from napari_ssbtomo.controllers.opening import series_layers

    return _opened(lambda: series_layers(paths))


def _opened(work: Callable[[], list[LayerData]]) -> list[LayerData]:
    from napari_ssbtomo.controllers.layering import compiled
    from napari_ssbtomo.widgets.aside import aside
    from napari_ssbtomo.widgets.opened import welcome

    layers = aside(lambda: compiled(work()))
    welcome(layers)
    return layers


def _is_volume(path: str) -> bool:
    """Tell whether a path holds a volume by itself, and not one slice of it."""
    place = Path(path)
    if place.is_dir():
        return not (place / "run.json").is_file() and _holds_volume(place)
    if not place.is_file():
        return False
    from ssbtomo.errors import SsbtomoError
    from ssbtomo.io import open_volume

    try:
        return open_volume(place).shape[0] > 1
    except SsbtomoError:
        return False


def _holds_volume(folder: Path) -> bool:
    if folder.suffix == ".zarr" or any((folder / name).is_file() for name in _STORE_FILES):
        return True
    return any(item.suffix.lower() in _SLICES for item in folder.iterdir())
