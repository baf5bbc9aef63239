"""Writers: labels and scribbles, as OME-Zarr or TIFF, with voxel size and names of phases."""

from __future__ import annotations

from typing import Any

__all__ = ["write_labels"]


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a labels layer; the window stays alive meanwhile.

    Parameters
    ----------
    path : str
        ``NAME.ome.zarr``, ``NAME.tif`` or ``NAME.tiff``.
    data : array or sequence of array
        Its voxels; the levels of a pyramid, finest first.
    attributes : dict
        Its arguments, as napari hands them on.

    Returns
    -------
    list of str
        The files that were written.
    """
    from napari_ssbtomo.controllers.saving import labels_to_save, save_labels
    from napari_ssbtomo.widgets.aside import aside

    labels = labels_to_save(data, attributes)
    return [str(file) for file in aside(lambda: save_labels(path, labels))]
