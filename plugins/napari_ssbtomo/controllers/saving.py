"""Labels and scribbles to files that a recipe, and the next session, can read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssbtomo.errors import InputDataError, OutputError
from ssbtomo.units import check_spacing, format_length

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ssbtomo.units import Spacing

__all__ = ["SavedLabels", "labels_to_save", "save_labels"]

_SLAB = 64
_WHOLE = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class SavedLabels:
    """What is written.

    Parameters
    ----------
    voxels : array of int, shape (Z, Y, X)
        NumPy, Dask or Zarr; read slab by slab.
    spacing : tuple of float or None
        Voxel edges in µm; ``None`` if they are not known.
    phases : mapping of str to int
        Names of the labels.
    colors : mapping of str to str
        Their colours, ``#rrggbb``.
    """

    voxels: Any
    spacing: Spacing | None = None
    phases: Mapping[str, int] = field(default_factory=dict)
    colors: Mapping[str, str] = field(default_factory=dict)


def labels_to_save(data: Any, attributes: Mapping[str, Any]) -> SavedLabels:
    """Take what is written from a layer as napari hands it to a writer.

    Parameters
    ----------
    data : array or sequence of array
        Voxels; the levels of a pyramid, finest first.
    attributes : mapping
        The layer's arguments: scale, units, metadata, ...

    Returns
    -------
    SavedLabels
        The finest level, with the voxel size where the layer has one.

    Raises
    ------
    InputDataError
        If the layer is no volume of integers.
    """
    several = attributes.get("multiscale", isinstance(data, list | tuple))
    voxels = data[0] if several else data
    name = attributes.get("name", "labels")
    if voxels.ndim != 3 or voxels.dtype.kind not in "uib":
        raise InputDataError(
            f"the layer {name!r} has {voxels.ndim} axes of {voxels.dtype}; labels to be saved are "
            "a volume of integers, (Z, Y, X)",
            hint="pick one step of a series, or a labels layer",
        )
    about = attributes.get("metadata", {}).get("ssbtomo", {})
    return SavedLabels(
        voxels,
        _spacing(attributes),
        dict(about.get("phases", {})),
        dict(about.get("colors", {})),
    )


def save_labels(path: str | Path, labels: SavedLabels) -> list[Path]:
    """Write labels: all of them, or nothing.

    Parameters
    ----------
    path : str or pathlib.Path
        ``.zarr`` for an OME-Zarr with its pyramid, ``.tif`` or ``.tiff`` for an OME-TIFF; beside
        that, a JSON file with the names of the phases.
    labels : SavedLabels
        What is written; one slab of 64 slices is held at a time.

    Returns
    -------
    list of pathlib.Path
        The files that were written.

    Raises
    ------
    OutputError
        If the ending is neither, or the file cannot be written.
    """
    target = Path(path)
    writers = {".zarr": _zarr, ".tif": _tiff, ".tiff": _tiff}
    if target.suffix.lower() not in writers:
        raise OutputError(
            f"{target.name}: labels are not written as {target.suffix or 'a file without ending'}",
            hint="choose NAME.ome.zarr or NAME.tif",
        )
    if target.exists() and target.is_dir() and not (target / "zarr.json").is_file():
        raise OutputError(f"{target} is a folder of something else", hint="choose another name")
    dtype = _smallest(labels)
    try:
        return writers[target.suffix.lower()](target, labels, dtype)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"{target} cannot be written: {error.strerror or error}",
            hint="choose a folder that exists, that you may write to, with room",
        ) from error


def _spacing(attributes: Mapping[str, Any]) -> Spacing | None:
    import pint

    units = attributes.get("units") or ("pixel",) * 3
    registry: Any = pint.get_application_registry()  # type: ignore[no-untyped-call]
    listed = [registry.Unit(unit) if isinstance(unit, str) else unit for unit in units]
    if not all(unit.is_compatible_with("um") for unit in listed):
        return None
    pairs = zip(attributes["scale"], listed, strict=True)
    return check_spacing([(float(size) * unit).to("um").magnitude for size, unit in pairs])


def _slabs(voxels: Any) -> Iterator[tuple[int, NDArray[Any]]]:
    import numpy as np

    for start in range(0, voxels.shape[0], _SLAB):
        yield start, np.asarray(voxels[start : start + _SLAB])


def _smallest(labels: SavedLabels) -> np.dtype[Any]:
    """Return the smallest type that holds all labels: editors make them of 64 bits."""
    import numpy as np

    low = high = 0
    for _, slab in _slabs(labels.voxels):
        if slab.size:
            low, high = min(low, int(slab.min())), max(high, int(slab.max()))
    if low < 0 or high > np.iinfo(np.int32).max:
        raise InputDataError(
            f"the labels reach from {low} to {high}", hint="labels are numbers from 0 to 2147483647"
        )
    return np.dtype(np.min_scalar_type(high) if high < 2**16 else np.int32)


def _zarr(target: Path, labels: SavedLabels, dtype: np.dtype[Any]) -> list[Path]:
    from ssbtomo.blocks.grid import Grid
    from ssbtomo.io import ome_zarr

    draft = target.with_name(f".{target.name.removesuffix('.zarr')}.partial.zarr")
    z, y, x = (min(a, b) for a, b in zip(_WHOLE, labels.voxels.shape, strict=True))
    try:
        store = ome_zarr.create(
            draft, labels.voxels.shape, dtype, labels.spacing, kind="labels", block=(z, y, x),
            phases=labels.phases, colors=labels.colors,
        )  # fmt: skip
        for block in Grid(store.shape, (z, y, x)):  # type: ignore[arg-type]  # three sizes
            store[block.core] = _as(labels.voxels[block.core], dtype)
        ome_zarr.finish(draft)
        _into_place(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return [target]


def _into_place(draft: Path, target: Path) -> None:
    if target.exists():
        old = target.with_name(f".{target.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        target.replace(old)
        draft.replace(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        draft.replace(target)


def _tiff(target: Path, labels: SavedLabels, dtype: np.dtype[Any]) -> list[Path]:
    import tifffile

    sizes: dict[str, object] = {}
    if labels.spacing is not None:
        for axis, edge in zip("ZYX", labels.spacing, strict=True):
            sizes |= {f"PhysicalSize{axis}": edge, f"PhysicalSize{axis}Unit": "µm"}
    draft = target.with_name(f".{target.name}.partial")
    pages = (_as(page, dtype) for _, slab in _slabs(labels.voxels) for page in slab)
    try:
        tifffile.imwrite(
            draft, pages, shape=labels.voxels.shape, dtype=dtype, ome=True,
            photometric="minisblack", compression="zlib", metadata={"axes": "ZYX", **sizes},
        )  # fmt: skip
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return [target, *_sidecar(target, labels)]


def _sidecar(target: Path, labels: SavedLabels) -> list[Path]:
    """Write what TIFF has no place for."""
    if not labels.phases:
        return []
    content: dict[str, object] = {"phases": dict(labels.phases)}
    if labels.spacing is not None:
        content["voxel_size"] = [format_length(edge, digits=15) for edge in labels.spacing]
    beside = target.with_name(target.name + ".json")
    draft = beside.with_name(f".{beside.name}.partial")
    draft.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    draft.replace(beside)
    return [beside]


def _as(values: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    import numpy as np

    return np.asarray(values).astype(dtype, copy=False)
