"""Volumes and results folders as napari layers: lazy, in place, with their colours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.phases import colored, named, one_color, see_through
from napari_ssbtomo.controllers.voxels import placement
from ssbtomo.errors import SsbtomoError
from ssbtomo.palette import phase_colors
from ssbtomo.results import Results

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from ssbtomo.io.ome_zarr import Multiscale
    from ssbtomo.volume import Volume

__all__ = ["LayerData", "recipe_layers", "results_layers", "volume_layers"]

#: What napari makes a layer of: data, arguments, type.
LayerData = tuple[Any, dict[str, Any], str]


@dataclass(frozen=True, slots=True)
class _Part:
    """One store of a results folder: how it is shown, and which table tells of its objects.

    An overlay is a map that is zero nearly everywhere; it is shown in this colormap, with what
    lies below where it is zero.
    """

    store: str
    title: str
    visible: bool = True
    table: str = ""
    key: str = ""
    color: str = ""
    overlay: str = ""


_PARTS = (
    _Part("image", "grey"),
    _Part("reconstructed", "grey, reconstructed"),
    _Part("volume", "grey, denoised", visible=False),
    _Part("phases", "phases"),
    _Part("particles", "particles", visible=False, table="particles", key="particle"),
    _Part("cracks", "cracks", table="cracks", key="crack", color="#d55e00"),
    _Part("facets", "crack facets", visible=False, table="facets", key="facet"),
    _Part("gaps", "gap thickness (µm)", visible=False, overlay="magma"),
)
_MAP = "interface-"


def volume_layers(path: str | Path) -> list[LayerData]:
    """Open a volume of any format of the library.

    Parameters
    ----------
    path : str or pathlib.Path
        A file, a folder of slices, or an OME-Zarr image.

    Returns
    -------
    list of LayerData
        One layer: labels if the file names phases or says that it holds labels, an image
        otherwise. A volume that does not tell its voxel size is placed in pixels, and its
        metadata carry a ``note`` that says so.
    """
    from ssbtomo.io import open_volume

    return [_volume_layer(open_volume(path), Path(path))]


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


def _volume_layer(volume: Volume, path: Path) -> LayerData:
    store = _store(path, volume.shape)
    levels = _levels(store) if store else [volume.data]
    meta = {"name": volume.name or path.stem, **placement(volume.spacing)}
    about = {"source": str(path), "notes": list(volume.notes), **_size_note(volume)}
    if not volume.phases and (store is None or store.kind == "image"):
        return _image(levels, meta, about)
    if not volume.phases:
        return _labels(levels, meta, about)
    colors = dict(store.colors) if store else {}
    return _phases(levels, meta, {**about, "phases": dict(volume.phases)}, colors)


def results_layers(path: str | Path) -> list[LayerData]:
    """Open the volumes of a results folder.

    Parameters
    ----------
    path : str or pathlib.Path
        The folder that a run wrote.

    Returns
    -------
    list of LayerData
        Per sample the grey volume, the phases in the report's colours, particles,
        cracks and their facets with their tables as features, maps of gaps and interfaces (hidden at first);
        those that the run made. Samples after the first are hidden.

    Raises
    ------
    SsbtomoError
        If the folder holds no finished run, or none of its volumes is there.
    """
    results = Results.load(path)
    samples: Any = results.run["samples"]
    layers = [
        layer
        for number, sample in enumerate(samples)
        for layer in _sample_layers(results, sample, number, len(samples))
    ]
    if not layers:
        raise SsbtomoError(
            f"{results.path} holds no volumes",
            hint="run the recipe again to make them; results.csv can be read without",
        )
    return layers


def _sample_layers(
    results: Results, sample: Mapping[str, Any], number: int, count: int
) -> Iterator[LayerData]:
    from ssbtomo.io.ome_zarr import multiscale

    folder = _volumes(results, sample["name"])
    for part in (*_PARTS, *_maps(folder)):
        place = folder / f"{part.store}.ome.zarr"
        if not place.is_dir():
            continue
        store = multiscale(place)
        title = part.title if count == 1 else f"{sample['name']}: {part.title}"
        shown = part.visible and number == 0
        meta = {"name": title, "visible": shown, **placement(store.spacing)}
        about = {
            "results": str(results.path),
            "sample": sample["name"],
            "part": part.store,
            "source": str(place),
        }
        yield _part_layer(part, store, meta, {**about, **_part_facts(results, sample, part, store)})


def _maps(folder: Path) -> list[_Part]:
    """Return the interfaces that were written as volumes, by name."""
    names = sorted(place.name for place in folder.glob(f"{_MAP}*.ome.zarr"))
    stems = [name.removesuffix(".ome.zarr") for name in names]
    return [_Part(stem, _map_title(stem), visible=False, overlay="inferno") for stem in stems]


def _map_title(stem: str) -> str:
    return f"interface {stem.removeprefix(_MAP)} (µm²/µm³)"


def _volumes(results: Results, sample: str) -> Path:
    plain = results.path / "volumes" / sample
    if plain.is_dir():
        return plain
    from ssbtomo.results import folder_name

    return results.path / "volumes" / folder_name(sample)


def _part_facts(
    results: Results, sample: Mapping[str, Any], part: _Part, store: Multiscale
) -> dict[str, Any]:
    """Return what the metadata add for phases (names, colours) and objects (their table)."""
    if part.store == "phases":
        named_phases = {entry["name"]: i for i, entry in enumerate(sample["phases"])}
        by_role = phase_colors((entry["name"], entry["role"]) for entry in sample["phases"])
        told = {entry["name"]: entry["color"] for entry in sample["phases"] if entry.get("color")}
        return {
            "phases": dict(store.phases) or named_phases,
            "colors": {**by_role, **store.colors, **told},
        }
    return {"features": _features(results, sample["name"], part)} if part.table else {}


def _part_layer(
    part: _Part, store: Multiscale, meta: dict[str, Any], facts: dict[str, Any]
) -> LayerData:
    levels = _levels(store)
    if part.store == "phases":
        return _phases(levels, meta, facts, facts.pop("colors"))
    if part.table:
        features = facts.pop("features")
        look = {"colormap": one_color(part.color)} if part.color else {}
        return _labels(levels, {**meta, **look, "features": features}, facts)
    if part.overlay:
        return _overlay(levels, meta, facts, part.overlay)
    return _image(levels, meta, facts)


def _features(results: Results, sample: str, part: _Part) -> pd.DataFrame | None:
    """Return the rows of an object table that belong to a sample, by label."""
    if not (results.path / "tables" / f"{part.table}.csv").is_file():
        return None
    frame = results.objects(part.table)
    if "sample" in frame:
        frame = frame[frame["sample"].astype(str) == sample].drop(columns="sample")
    return frame.rename(columns={part.key: "index"}).reset_index(drop=True)


def _image(levels: Sequence[Any], meta: dict[str, Any], about: dict[str, Any]) -> LayerData:
    limits = _contrast(levels[-1])
    more = {"contrast_limits": limits} if limits else {}
    return _layer(levels, {**meta, **more, "colormap": "gray"}, about, "image")


def _overlay(
    levels: Sequence[Any], meta: dict[str, Any], about: dict[str, Any], colormap: str
) -> LayerData:
    """Return a map as an image that is transparent where it is zero."""
    import numpy as np

    values = np.asarray(levels[-1][...])
    top = float(np.percentile(values[values > 0], 99)) if (values > 0).any() else 1.0
    look = {
        "colormap": see_through(colormap), "blending": "translucent", "contrast_limits": (0.0, top),
    }  # fmt: skip
    return _layer(levels, {**meta, **look}, about, "image")


def _phases(
    levels: Sequence[Any], meta: dict[str, Any], about: dict[str, Any], colors: Mapping[str, str]
) -> LayerData:
    phases = about["phases"]
    known = {**phase_colors((name, name) for name in phases), **colors}
    look = {"colormap": colored(phases, known), "features": named(phases), "opacity": 0.5}
    return _labels(levels, {**meta, **look}, about)


def _labels(levels: Sequence[Any], meta: dict[str, Any], about: dict[str, Any]) -> LayerData:
    whole = [level.astype("uint8") if level.dtype == bool else level for level in levels]
    return _layer(whole, meta, about, "labels")


def _layer(
    levels: Sequence[Any], meta: dict[str, Any], about: dict[str, Any], kind: str
) -> LayerData:
    several = len(levels) > 1
    data = list(levels) if several else levels[0]
    return data, {**meta, "multiscale": several, "metadata": {"ssbtomo": about}}, kind


def _levels(store: Multiscale) -> list[Any]:
    """Return the levels as lazy arrays; unnamed, so that no cache outlives a new run."""
    import dask.array as da

    files = [level.array for level in store.levels]
    lazy: Any = da.from_array
    return [lazy(file, chunks=file.chunks, name=False) for file in files]


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


def _size_note(volume: Volume) -> dict[str, str]:
    if volume.spacing is not None:
        return {"voxel_size_from": volume.spacing_origin}
    return {
        "note": f"{volume.name or volume.source} does not tell its voxel size: it is shown in "
        "pixels, and lengths and areas need a size from you"
    }


def _contrast(coarse: Any) -> tuple[float, float] | None:
    """Return grey limits from the middle slice of the coarsest level, if they differ."""
    import numpy as np

    low, high = np.nanpercentile(np.asarray(coarse[coarse.shape[0] // 2]), (0.1, 99.9))
    return (float(low), float(high)) if np.isfinite([low, high]).all() and low < high else None
