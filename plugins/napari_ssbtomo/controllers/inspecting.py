"""Objects in the view and their rows; what lies under the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.object_tables import number_columns
from napari_ssbtomo.controllers.phases import colored_by, one_color
from napari_ssbtomo.controllers.preferences import preferences
from napari_ssbtomo.controllers.voxels import kind_of, levels_of_layer

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "color_by",
    "column_titles",
    "has_rows",
    "label_of_row",
    "object_place",
    "row_of_label",
    "tell_voxel",
    "voxel_at",
]

_SEARCHED = 2**22  # voxels of the level in which an object without coordinates is looked for
_TOLD = ("diameter_um", "coverage_", "aperture_um", "volume_um3", "resolved")
_UNITS = {"_um3": " (µm³)", "_um2": " (µm²)", "_um": " (µm)", "_deg": " (°)"}


def has_rows(layer: Any) -> bool:
    """Tell whether a layer's objects have a table.

    Parameters
    ----------
    layer : napari.layers.Layer or None
        Any layer.

    Returns
    -------
    bool
        Whether its features name labels, and tell more of them than their names.
    """
    if layer is None or kind_of(layer) != "labels":
        return False
    columns = set(layer.features)
    return "index" in columns and bool(columns - {"index", "phase"})


def row_of_label(features: pd.DataFrame, label: int) -> int | None:
    """Return the row of an object.

    Parameters
    ----------
    features : pandas.DataFrame
        Of the layer.
    label : int
        The object.

    Returns
    -------
    int or None
        From 0; ``None`` if the table does not know it.
    """
    found = (features["index"].to_numpy() == label).nonzero()[0]
    return int(found[0]) if found.size else None


def label_of_row(features: pd.DataFrame, row: int) -> int:
    """Return the object of a row.

    Parameters
    ----------
    features : pandas.DataFrame
        Of the layer.
    row : int
        From 0.

    Returns
    -------
    int
        Its label.
    """
    return int(features["index"].iloc[row])


def column_titles(features: pd.DataFrame, key: str = "") -> list[str]:
    """Return the names of columns as people read them.

    Parameters
    ----------
    features : pandas.DataFrame
        Of a layer.
    key : str
        What the labels count, such as ``"particle"``.

    Returns
    -------
    list of str
        With units behind.
    """
    return [_title(key if name == "index" and key else str(name)) for name in features]


def _title(name: str) -> str:
    for ending, unit in _UNITS.items():
        if name.endswith(ending):
            return name.removesuffix(ending).replace("_", " ") + unit
    return name.replace("_", " ")


def object_place(layer: Any, label: int, step: int = 0) -> tuple[float, ...] | None:
    """Return a point of an object in the world.

    Parameters
    ----------
    layer : napari.layers.Labels
        The objects.
    label : int
        Which one.
    step : int
        Which step of a series.

    Returns
    -------
    tuple of float or None
        Its centre where the table tells it, else a voxel of it; ``None`` if it is not there.
    """
    row = row_of_label(layer.features, label) if has_rows(layer) else None
    voxel = None if row is None else _told_place(layer, row)
    if voxel is None:
        voxel = _searched_place(layer, label, step)
    if voxel is None:
        return None
    return tuple(map(float, layer.data_to_world([float(step)] * (layer.ndim - 3) + voxel)))


def _told_place(layer: Any, row: int) -> list[float] | None:
    told = layer.features.iloc[row]
    names = ("z_um", "y_um", "x_um")
    if not all(name in told.index and isfinite(told[name]) for name in names):
        return None
    pairs = zip(names, layer.scale[-3:], strict=True)
    return [float(told[name]) / float(edge) - 0.5 for name, edge in pairs]


def _searched_place(layer: Any, label: int, step: int) -> list[float] | None:
    import numpy as np

    levels = levels_of_layer(layer, step)
    if levels[-1].size > _SEARCHED:
        return None
    found = np.argwhere(np.asarray(levels[-1]) == label)
    if not len(found):
        return None
    factors = np.array(levels[0].shape) / np.array(levels[-1].shape)
    middle = found[len(found) // 2]
    return [float(n) for n in (middle + 0.5) * factors - 0.5]


def color_by(layer: Any, column: str) -> None:
    """Colour the objects of a layer by a column of their table.

    Parameters
    ----------
    layer : napari.layers.Labels
        The objects.
    column : str
        One of `number_columns`; empty for napari's own colours.
    """
    if not column:
        from napari.utils.colormaps import label_colormap

        about = layer.metadata.get("ssbtomo", {})
        layer.colormap = one_color("#d55e00") if about.get("part") == "cracks" else label_colormap()
        return
    if column not in number_columns(layer.features):
        return
    values = layer.features[column].astype(float).to_list()
    labels = layer.features["index"].to_list()
    layer.colormap = colored_by(labels, values, preferences().colormap)


def voxel_at(layer: Any, position: Sequence[float]) -> Any:
    """Read what a layer holds at a point of the world, whether it is shown or not.

    Parameters
    ----------
    layer : napari.layers.Image or napari.layers.Labels
        The layer.
    position : sequence of float
        In world units; it may have more axes than the layer.

    Returns
    -------
    number or None
        ``None`` outside.
    """
    import numpy as np

    if layer.ndim not in (3, 4) or len(position) < layer.ndim:
        return None
    inside = np.rint(layer.world_to_data(position[-layer.ndim :])).astype(int)
    shape = layer.level_shapes[0] if layer.multiscale else layer.data.shape
    if (inside < 0).any() or (inside >= np.asarray(shape)).any():
        return None
    finest = layer.data[0] if layer.multiscale else layer.data
    return np.asarray(finest[tuple(int(n) for n in inside)]).item()


def tell_voxel(layers: Iterable[Any], position: Sequence[float]) -> list[str]:
    """Say what all layers know of a point: phase, probability, particle, coverage, grey value.

    Parameters
    ----------
    layers : iterable of napari.layers.Layer
        Those of a viewer, shown or not.
    position : sequence of float
        In world units.

    Returns
    -------
    list of str
        One line per layer that has something to say.
    """
    found = []
    for layer in layers:
        if kind_of(layer) not in ("image", "labels"):
            continue
        value = voxel_at(layer, position)
        if value is None:
            continue
        line = _label_line(layer, value) if kind_of(layer) == "labels" else _line(layer, value)
        if line:
            found.append(line)
    return found


def _label_line(layer: Any, label: int) -> str:
    if "phase" in layer.features and "index" in layer.features:
        row = row_of_label(layer.features, label)
        name = str(layer.features["phase"].iloc[row]) if row is not None else f"label {label}"
        return f"{layer.name}: {name}"
    if label == 0:
        return ""
    rows = row_of_label(layer.features, label) if has_rows(layer) else None
    told = "" if rows is None else ", ".join(_facts(layer.features, rows))
    return f"{layer.name}: {label}" + (f" ({told})" if told else "")


def _facts(features: pd.DataFrame, row: int) -> Iterator[str]:
    told = features.iloc[row]
    for name in map(str, features):
        if not name.startswith(_TOLD):
            continue
        value = told[name]
        shown = f"{value:.3g}" if isinstance(value, float) else str(value)
        yield f"{_title(name)} {shown}"


def _line(layer: Any, value: float) -> str:
    about = layer.metadata.get("ssbtomo", {})
    part = str(about.get("part", ""))
    if part.startswith("probability-") or part in ("entropy", "lithium-probability"):
        return f"{layer.name}: {value / 255:.2f}"
    if not isfinite(value) or (value == 0 and part not in ("", "image", "volume", "reconstructed")):
        return ""
    return f"{layer.name}: {value:.4g}"
