"""What a range is made of: other segmentations that a run kept, and half the resolution."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_ssbtomo.controllers.quantities import MeasureRequest
from napari_ssbtomo.controllers.regions import Box
from ssbtomo.errors import SsbtomoError

__all__ = ["with_ranges"]

_LEAST = 16  # voxels along each axis for every other one to tell something
_MOVED = "threshold-"


def with_ranges(request: MeasureRequest, layer: Any, region: Box) -> MeasureRequest:
    """Add to a request what its ranges are found with.

    Parameters
    ----------
    request : MeasureRequest
        What is measured.
    layer : napari.layers.Labels
        Where it is from.
    region : Box
        Which part.

    Returns
    -------
    MeasureRequest
        With the segmentations at moved thresholds that the run of the layer kept, unless the
        labels were edited since, and with every other voxel.
    """
    from ssbtomo.stages.quantify.ranges import HALVED

    variants: dict[str, Any] = {}
    shift = 0.0
    about = layer.metadata.get("ssbtomo", {})
    untouched = hasattr(request.labels, "dask")
    if about.get("part") == "phases" and about.get("results") and untouched:
        shift = _shift(Path(about["results"]), about["sample"])
        variants = _kept(Path(about["results"]), about["sample"], region) if shift else {}
    if min(region.shape) >= _LEAST:
        variants[HALVED] = request.labels[::2, ::2, ::2]
    return replace(request, variants=variants, shift=shift)


def _kept(results: Path, sample: str, region: Box) -> dict[str, Any]:
    import dask.array as da

    from ssbtomo.io import ome_zarr
    from ssbtomo.results import folder_name

    found = {}
    folder = results / "work" / folder_name(sample) / "variants"
    for place in sorted(folder.glob(f"{_MOVED}*.ome.zarr")):
        file = ome_zarr.open_array(place)
        if all(stop <= size for stop, size in zip(region.stop, file.shape, strict=True)):
            lazy: Any = da.from_array(file, chunks=file.chunks, name=False)
            name = place.name.removesuffix(".ome.zarr").replace("-", " ")
            found[name] = lazy[region.slices]
    return found


def _shift(results: Path, sample: str) -> float:
    """Return how far the run moved its thresholds, as its recipe says."""
    from ssbtomo.model import load_recipe

    try:
        recipe = load_recipe(results / "recipe.yaml")
    except SsbtomoError:
        return 0.0
    named = [one for one in recipe.samples if one.name in (sample, None)]
    return named[0].range.shift if named else 0.0
