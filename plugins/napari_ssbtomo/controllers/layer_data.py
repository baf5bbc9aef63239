"""What napari makes layers of: data, arguments and type, for each kind of volume of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.phases import colored, faded, named, see_through
from ssbtomo.palette import phase_colors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ssbtomo.io.ome_zarr import Multiscale

__all__ = ["LayerData", "image_data", "labels_data", "levels_of", "overlay_data", "phases_data"]

#: What napari makes a layer of: data, arguments, type.
LayerData = tuple[Any, dict[str, Any], str]


def levels_of(store: Multiscale) -> list[Any]:
    """Return the levels of a store as lazy arrays; unnamed, so that no cache outlives a new run.

    Parameters
    ----------
    store : Multiscale
        What the metadata of the store say.

    Returns
    -------
    list of dask.array.Array
        Finest first.
    """
    import dask.array as da

    files = [level.array for level in store.levels]
    lazy: Any = da.from_array
    return [lazy(file, chunks=file.chunks, name=False) for file in files]


def image_data(levels: Sequence[Any], meta: dict[str, Any], about: dict[str, Any]) -> LayerData:
    """Return a grey volume, with limits of contrast from its coarsest level.

    Parameters
    ----------
    levels : sequence of array
        Finest first.
    meta : dict
        Arguments of the layer; they overrule what is chosen here.
    about : dict
        What the metadata say under ``ssbtomo``.

    Returns
    -------
    LayerData
        An image.
    """
    limits = _contrast(levels[-1])
    more = {"contrast_limits": limits} if limits else {}
    return _layer(levels, {**more, "colormap": "gray", **meta}, about, "image")


def overlay_data(
    levels: Sequence[Any],
    meta: dict[str, Any],
    about: dict[str, Any],
    *,
    colormap: str = "",
    color: str = "",
) -> LayerData:
    """Return a map that is transparent where it is zero.

    Parameters
    ----------
    levels : sequence of array
        Finest first.
    meta : dict
        Arguments of the layer; they overrule what is chosen here.
    about : dict
        What the metadata say under ``ssbtomo``.
    colormap : str
        A colour map that napari knows.
    color : str
        A single colour instead, which fades out towards zero.

    Returns
    -------
    LayerData
        An image.
    """
    shown = faded(color) if color else see_through(colormap)
    look = {"colormap": shown, "blending": "translucent", "contrast_limits": (0.0, 255.0)}
    if "contrast_limits" not in meta:
        look["contrast_limits"] = (0.0, _top(levels[-1]))
    return _layer(levels, {**look, **meta}, about, "image")


def phases_data(
    levels: Sequence[Any], meta: dict[str, Any], about: dict[str, Any], colors: Mapping[str, str]
) -> LayerData:
    """Return phases in their colours, with their names.

    Parameters
    ----------
    levels : sequence of array
        Finest first.
    meta : dict
        Arguments of the layer.
    about : dict
        What the metadata say under ``ssbtomo``; ``phases`` holds names and labels.
    colors : mapping of str to str
        Phase names and ``#rrggbb``, where they are known.

    Returns
    -------
    LayerData
        Labels.
    """
    phases = about["phases"]
    known = {**phase_colors((name, name) for name in phases), **colors}
    look = {"colormap": colored(phases, known), "features": named(phases), "opacity": 0.5}
    return labels_data(levels, {**look, **meta}, about)


def labels_data(levels: Sequence[Any], meta: dict[str, Any], about: dict[str, Any]) -> LayerData:
    """Return labels of objects.

    Parameters
    ----------
    levels : sequence of array
        Finest first.
    meta : dict
        Arguments of the layer.
    about : dict
        What the metadata say under ``ssbtomo``.

    Returns
    -------
    LayerData
        Labels.
    """
    whole = [level.astype("uint8") if level.dtype == bool else level for level in levels]
    return _layer(whole, meta, about, "labels")


def _layer(
    levels: Sequence[Any], meta: dict[str, Any], about: dict[str, Any], kind: str
) -> LayerData:
    several = len(levels) > 1
    data = list(levels) if several else levels[0]
    return data, {**meta, "multiscale": several, "metadata": {"ssbtomo": about}}, kind


def _contrast(coarse: Any) -> tuple[float, float] | None:
    """Return grey limits from the middle slice of the coarsest level, if they differ."""
    import numpy as np

    middle = tuple(size // 2 for size in coarse.shape[:-2])
    values = np.asarray(coarse[middle])
    if not np.isfinite(values).any():
        return None
    low, high = np.nanpercentile(values, (0.1, 99.9))
    return (float(low), float(high)) if np.isfinite([low, high]).all() and low < high else None


def _top(coarse: Any) -> float:
    """Return what the brightest colour of a map stands for."""
    import numpy as np

    values = np.asarray(coarse[...])
    some = values[values > 0]
    return float(np.percentile(some, 99)) if some.size else 1.0
