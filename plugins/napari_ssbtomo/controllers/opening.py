"""Files as napari layers: lazy, in place, with their colours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.layer_data import (
    LayerData,
    image_data,
    labels_data,
    levels_of,
    phases_data,
)
from napari_ssbtomo.controllers.voxels import placement
from ssbtomo.errors import InputDataError, ProjectionsError, SsbtomoError
from ssbtomo.units import AXES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ssbtomo.io.ome_zarr import Multiscale
    from ssbtomo.projections import Projections
    from ssbtomo.volume import Volume

__all__ = ["LayerData", "recipe_layers", "series_layers", "volume_layers"]


def volume_layers(path: str | Path) -> list[LayerData]:
    """Open a volume of any format of the library, or the projections of a scan.

    Parameters
    ----------
    path : str or pathlib.Path
        A file, a folder of slices, or an OME-Zarr image.

    Returns
    -------
    list of LayerData
        One layer: labels if the file names phases or says that it holds labels, an image
        otherwise. A volume that does not tell its voxel size is placed in pixels, and its
        metadata carry a ``note`` that says so. Projections are images by angle, in pixels.
    """
    from ssbtomo.io import open_projections, open_volume

    try:
        return [_volume_layer(open_volume(path), Path(path))]
    except ProjectionsError:
        return [_projections_layer(open_projections(path), Path(path))]


def recipe_layers(recipe: str | Path) -> list[LayerData]:
    """Open the grey volumes that a recipe names.

    Parameters
    ----------
    recipe : str or pathlib.Path
        The recipe file.

    Returns
    -------
    list of LayerData
        One layer per sample; the metadata name the recipe, so that the dock finds it.
    """
    from ssbtomo.io import open_volume
    from ssbtomo.model import load_recipe

    layers = []
    for sample in load_recipe(recipe).samples:
        path = Path(recipe).parent / sample.path
        size = [f"{edge!r} um" for edge in sample.voxel_size] if sample.voxel_size else None
        volume = open_volume(
            path, size, dataset=sample.dataset, name=sample.name, modality=sample.modality
        )
        layer = _volume_layer(volume, path)
        layer[1]["metadata"]["ssbtomo"]["recipe"] = str(recipe)
        layers.append(layer)
    return layers


def series_layers(paths: Sequence[str | Path]) -> list[LayerData]:
    """Open volumes of one shape as the steps of a series.

    Parameters
    ----------
    paths : sequence of str or pathlib.Path
        Files or folders, in the order of the steps.

    Returns
    -------
    list of LayerData
        One layer with the axes (step, Z, Y, X); nothing is read before it is shown.

    Raises
    ------
    InputDataError
        If the volumes differ in shape, voxel size or kind.
    """
    import dask.array as da

    from ssbtomo.io import open_volume

    volumes = [open_volume(path) for path in paths]
    first = volumes[0]
    for path, volume in zip(paths, volumes, strict=True):
        for what, here, there in (
            ("voxels", volume.shape, first.shape),
            ("µm per voxel", volume.spacing, first.spacing),
            ("phases", dict(volume.phases), dict(first.phases)),
        ):
            if here != there:
                raise InputDataError(
                    f"{Path(path).name} has {here} {what}, {Path(paths[0]).name} has {there}",
                    hint="the steps of a series must fit each other: open them one by one",
                )
    _, meta, kind = _volume_layer(first, Path(paths[0]))
    about = meta["metadata"]["ssbtomo"]
    steps = [Path(path).name for path in paths]
    whole: Any = da.stack([volume.data for volume in volumes])
    meta |= {
        "name": f"{meta['name']} and {len(paths) - 1} more",
        "scale": (1.0, *meta["scale"]),
        "units": ("pixel", *meta["units"]),
        "axis_labels": ("step", *AXES),
        "multiscale": False,
        "metadata": {"ssbtomo": {**about, "steps": steps}},
    }
    return [(whole, meta, kind)]


def _volume_layer(volume: Volume, path: Path) -> LayerData:
    store = _store(path, volume.shape)
    levels = levels_of(store) if store else [volume.data]
    meta = {"name": volume.name or path.stem, **placement(volume.spacing)}
    about = {
        "source": str(path),
        "notes": list(volume.notes),
        "modality": volume.modality,
        **_size_note(volume),
    }
    if not volume.phases and (store is None or store.kind == "image"):
        return image_data(levels, meta, about)
    if not volume.phases:
        return labels_data(levels, meta, about)
    colors = dict(store.colors) if store else {}
    return phases_data(levels, meta, {**about, "phases": dict(volume.phases)}, colors)


def _projections_layer(scan: Projections, path: Path) -> LayerData:
    meta = {
        "name": f"{scan.name or path.stem}, projections",
        "scale": (1.0, 1.0, 1.0),
        "units": ("pixel",) * 3,
        "axis_labels": ("angle", "row", "column"),
    }
    note = (
        f"{path.name} holds projections: they are shown as images by angle, in pixels; a recipe "
        "with reconstruct: {method: tomography} makes a volume of them"
    )
    about = {"source": str(path), "notes": list(scan.notes), "note": note, "projections": True}
    return image_data([scan.data], meta, about)


def _store(path: Path, shape: tuple[int, int, int]) -> Multiscale | None:
    """Return the OME-Zarr image at a path if its axes are those of the volume."""
    if not any((path / name).is_file() for name in ("zarr.json", ".zattrs")):
        return None
    from ssbtomo.io.ome_zarr import multiscale

    try:
        store = multiscale(path)
    except SsbtomoError:  # a bare zarr array: the volume was opened, it just has no levels
        return None
    return store if store.levels[0].array.shape == shape else None


def _size_note(volume: Volume) -> dict[str, Any]:
    if volume.spacing is not None:
        return {"voxel_size_from": volume.spacing_origin}
    return {
        "no_voxel_size": True,
        "note": f"{volume.name or volume.source} does not tell its voxel size: it is shown in "
        "pixels, and lengths and areas need a size from you",
    }
