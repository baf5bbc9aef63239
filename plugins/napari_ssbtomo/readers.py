"""Readers: every format of the library, and results folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_ssbtomo.controllers.opening import LayerData

__all__ = ["get_reader", "read_results", "read_volume"]

_SLICES = {".tif", ".tiff", ".png"}
_STORE_FILES = ("zarr.json", ".zattrs", ".zgroup", ".zarray")


def get_reader(path: str | Sequence[str]) -> Callable[[str], list[LayerData]] | None:
    """Choose a reader for what was dropped on the window.

    Parameters
    ----------
    path : str or sequence of str
        What is to be opened. A list of files is not taken: a stack of slices is opened by
        its folder, whose names tell the order.

    Returns
    -------
    callable or None
        The reader; ``None`` if the plugin does not know the content.
    """
    if not isinstance(path, str):
        return None
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
    from napari_ssbtomo.controllers.opening import results_layers

    place = Path(path)
    return results_layers(place.parent if place.name == "run.json" else place)


def read_volume(path: str) -> list[LayerData]:
    """Open a volume; a note appears if it does not tell its voxel size.

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

    layers = volume_layers(path)
    for _, meta, _ in layers:
        _tell(meta["metadata"]["ssbtomo"].get("note", ""))
    return layers


def _tell(note: str) -> None:
    if note:
        from napari.utils.notifications import show_info

        show_info(note)


def _holds_volume(folder: Path) -> bool:
    if folder.suffix == ".zarr" or any((folder / name).is_file() for name in _STORE_FILES):
        return True
    return any(item.suffix.lower() in _SLICES for item in folder.iterdir())
