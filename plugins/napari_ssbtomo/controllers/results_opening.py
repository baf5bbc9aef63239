"""A results folder as napari layers: every volume, with its colours and the tables of its objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.layer_data import (
    LayerData,
    image_data,
    labels_data,
    levels_of,
    overlay_data,
    phases_data,
)
from napari_ssbtomo.controllers.object_tables import color_of_objects, object_features
from napari_ssbtomo.controllers.series import series_of, stepped
from napari_ssbtomo.controllers.voxels import placement
from ssbtomo.errors import SsbtomoError
from ssbtomo.palette import phase_colors
from ssbtomo.results import Results, folder_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ssbtomo.io.ome_zarr import Multiscale

__all__ = ["results_layers"]

_UNCERTAIN = {"contrast_limits": (0.0, 255.0)}  # stores of probabilities hold steps of 1/255


@dataclass(frozen=True, slots=True)
class _Part:
    """One store of a results folder, and how it is shown.

    Parameters
    ----------
    store : str
        Name of the store.
    title : str
        Name of the layer.
    visible : bool
        Whether it is shown at first.
    table, key : str
        The table that tells of its objects, and the column with their labels.
    color : str
        One colour for all objects, or of a probability; of the phase for ``@phase``.
    by : str
        The column that colours the objects.
    overlay : str
        Colour map of a map that is zero nearly everywhere: what lies below shows there.
    look : dict
        Further arguments of the layer.
    """

    store: str
    title: str
    visible: bool = True
    table: str = ""
    key: str = ""
    color: str = ""
    by: str = ""
    overlay: str = ""
    look: Mapping[str, Any] | None = None


_PARTS = (
    _Part("image", "grey"),
    _Part("reconstructed", "grey, reconstructed"),
    _Part("volume", "grey, denoised", visible=False),
    _Part("phases", "phases"),
    _Part("entropy", "uncertainty", visible=False, overlay="magma", look=_UNCERTAIN),
    _Part("lithium-probability", "probability of lithium", visible=False, color="#cc79a7",
          look=_UNCERTAIN),
    _Part("particles", "particles", visible=False, table="particles", key="particle"),
    _Part("cracks", "cracks", table="cracks", key="crack", color="#d55e00"),
    _Part("facets", "crack facets", visible=False, table="facets", key="facet", by="aperture_um"),
    _Part("gaps", "gap thickness (µm)", visible=False, overlay="magma"),
)  # fmt: skip

#: Stores whose names begin so, and what follows is a name.
_FAMILIES = (
    _Part("probability-", "probability of {}", visible=False, color="@{}", look=_UNCERTAIN),
    _Part("interface-", "interface {} (µm²/µm³)", visible=False, overlay="inferno"),
    _Part("graded-", "composition of {}", visible=False, overlay="viridis"),
)

_FIELDS = {
    "potential": ("potential of {}", "viridis"),
    "flux": ("current in {} (over its mean)", "inferno"),
    "resistance": ("resistance of {} (local share)", "magma"),
}


def results_layers(path: str | Path) -> list[LayerData]:
    """Open the volumes of a results folder.

    Parameters
    ----------
    path : str or pathlib.Path
        The folder that a run wrote.

    Returns
    -------
    list of LayerData
        Per sample the grey volume, the phases in the report's colours, probabilities and
        uncertainty, particles, cracks and their facets with their tables as features, maps of
        gaps, interfaces, compositions, potential and current; those that the run made. Samples
        that differ in one condition, such as a state of charge, are the steps of a slider; of
        others, those after the first are hidden.

    Raises
    ------
    SsbtomoError
        If the folder holds no finished run, or none of its volumes is there.
    """
    results = Results.load(path)
    samples: Any = results.run["samples"]
    series = series_of(samples)
    layers = []
    for number, sample in enumerate(samples):
        found = _sample_layers(results, sample, first=number == 0 or series is not None)
        layers += [
            _titled(layer, sample["name"], alone=len(samples) == 1)
            if series is None
            else stepped(_titled(layer, sample["name"], alone=False), series, sample["name"])
            for layer in found
        ]
    if not layers:
        raise SsbtomoError(
            f"{results.path} holds no volumes",
            hint="run the recipe again to make them; results.csv can be read without",
        )
    return layers


def _titled(layer: LayerData, sample: str, *, alone: bool) -> LayerData:
    data, meta, kind = layer
    return data, meta if alone else {**meta, "name": f"{sample}: {meta['name']}"}, kind


def _sample_layers(
    results: Results, sample: Mapping[str, Any], *, first: bool
) -> Iterator[LayerData]:
    from ssbtomo.io.ome_zarr import multiscale

    colors = _phase_colors(sample)
    for place, part in _places(results, sample["name"], colors):
        store = multiscale(place)
        shown = part.visible and first
        meta = {**placement(store.spacing), "name": part.title, "visible": shown}
        meta |= part.look or {}
        about = {
            "results": str(results.path), "sample": sample["name"], "part": part.store,
            "source": str(place),
        }  # fmt: skip
        yield _part_layer(part, store, (meta, about), results, sample)


def _places(
    results: Results, sample: str, colors: Mapping[str, str]
) -> Iterator[tuple[Path, _Part]]:
    """Yield the stores that are there, in the order of the layers."""
    folder = _folder(results, "volumes", sample)
    for part in _PARTS:
        place = folder / f"{part.store}.ome.zarr"
        if place.is_dir():
            yield place, part
    for family in _FAMILIES:
        for place in sorted(folder.glob(f"{family.store}*.ome.zarr")):
            yield place, _member(family, place, colors)
    fields = _folder(results, "fields", sample)
    for place in sorted(fields.glob("*.ome.zarr")):
        field = _field(place.name.removesuffix(".ome.zarr"))
        if field is not None:
            yield place, field


def _member(family: _Part, place: Path, colors: Mapping[str, str]) -> _Part:
    stem = place.name.removesuffix(".ome.zarr")
    name = stem.removeprefix(family.store)
    by_folder = {folder_name(phase): (phase, color) for phase, color in colors.items()}
    phase, color = by_folder.get(name, (name, "#0072b2"))
    return _Part(
        stem, family.title.format(phase), visible=False, overlay=family.overlay,
        color=color if family.color else "", look=family.look,
    )  # fmt: skip


def _field(stem: str) -> _Part | None:
    quantity, _, rest = stem.partition("-")
    if quantity not in _FIELDS:
        return None
    name, _, axis = rest.rpartition("-")
    title, colormap = _FIELDS[quantity]
    look = {"colormap": colormap, "blending": "translucent"}
    return _Part(stem, f"{title.format(name)}, {axis}", visible=False, look=look)


def _folder(results: Results, kind: str, sample: str) -> Path:
    plain = results.path / kind / sample
    return plain if plain.is_dir() else results.path / kind / folder_name(sample)


def _phase_colors(sample: Mapping[str, Any]) -> dict[str, str]:
    by_role = phase_colors((entry["name"], entry["role"]) for entry in sample["phases"])
    told = {entry["name"]: entry["color"] for entry in sample["phases"] if entry.get("color")}
    return {**by_role, **told}


def _part_layer(
    part: _Part,
    store: Multiscale,
    known: tuple[dict[str, Any], dict[str, Any]],
    results: Results,
    sample: Mapping[str, Any],
) -> LayerData:
    levels, (meta, about) = levels_of(store), known
    if part.store == "phases":
        listed = {entry["name"]: label for label, entry in enumerate(sample["phases"])}
        about["phases"] = dict(store.phases) or listed
        return phases_data(levels, meta, about, {**store.colors, **_phase_colors(sample)})
    if part.table:
        features = object_features(results, sample["name"], part.table, part.key)
        look = color_of_objects(features, part.by, part.color)
        about["key"] = part.key
        return labels_data(levels, {**meta, **look, "features": features}, about)
    if part.overlay or part.color:
        return overlay_data(levels, meta, about, colormap=part.overlay, color=part.color)
    return image_data(levels, meta, about)
