"""OME-Zarr: the working store (0.5, sharded, with pyramid and labels), and any 0.4 or 0.5 image."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssbtomo.blocks.engine import SERIAL, Engine
from ssbtomo.errors import FormatError, OutputError, SsbtomoError
from ssbtomo.io.ome_metadata import (
    Kind,
    group_attributes,
    label_table,
    multiscale_datasets,
    space_axes,
)
from ssbtomo.io.ome_pyramid import build_level, level_steps
from ssbtomo.io.zarr_arrays import PART, ArrayFile, clear_parts, create_array, disk_errors, remove
from ssbtomo.passing import persist
from ssbtomo.units import Spacing, check_spacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ssbtomo.volume import Volume

__all__ = [
    "ArrayFile",
    "Level",
    "Multiscale",
    "create",
    "finish",
    "multiscale",
    "open_array",
    "read",
    "remove",
    "stem",
]

_GROUP_FILES = ("zarr.json", ".zattrs")
_BEGUN = "zarr.json.partial"


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a pyramid.

    Parameters
    ----------
    array : ArrayFile
        Its voxels.
    scale : tuple of float
        Voxel edges along the image's axes, in the axes' units (µm in our own stores).
    translation : tuple of float
        Centre of the first voxel, in the same units.
    """

    array: ArrayFile
    scale: tuple[float, ...]
    translation: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Multiscale:
    """An OME-Zarr image as its metadata describe it.

    Parameters
    ----------
    levels : tuple of Level
        The pyramid, finest first.
    axes : tuple of mapping
        Name, type and unit of each axis.
    spacing : tuple of float or None
        Voxel edges of the finest level along (Z, Y, X) in µm.
    note : str
        Why the spacing is unknown, or empty.
    kind : {"image", "labels"}
        Grey values or labels.
    phases : mapping of str to int
        Phase names and their labels.
    colors : mapping of str to str
        Phase names and ``#rrggbb``.
    attributes : mapping
        Our own attributes; empty in stores that others wrote.
    """

    levels: tuple[Level, ...]
    axes: tuple[Mapping[str, Any], ...]
    spacing: Spacing | None
    note: str
    kind: Kind
    phases: Mapping[str, int]
    colors: Mapping[str, str]
    attributes: Mapping[str, Any]


def create(  # noqa: PLR0913 - a store is made in one call
    path: str | Path,
    shape: Sequence[int],
    dtype: Any,
    spacing: Sequence[float] | None,
    *,
    kind: Kind = "image",
    block: Sequence[int],
    phases: Mapping[str, int] | None = None,
    colors: Mapping[str, str] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> ArrayFile:
    """Make an empty store, to be filled block by block and then finished.

    Parameters
    ----------
    path : str or Path
        Folder to make, by custom ``NAME.ome.zarr``. A store of ours there is replaced.
    shape : sequence of int
        Voxels along (Z, Y, X).
    dtype : dtype
        Type of a voxel: an integer or a float.
    spacing : sequence of float or None
        Voxel edges along (Z, Y, X) in µm.
    kind : {"image", "labels"}
        Grey values or labels.
    block : sequence of int
        Voxels of a shard along (Z, Y, X): what one task writes at once.
    phases : mapping of str to int, optional
        Phase names and their labels.
    colors : mapping of str to str, optional
        Phase names and ``#rrggbb``.
    attributes : mapping, optional
        More to keep with the store, under ``ssbtomo``.

    Returns
    -------
    ArrayFile
        The handle to write blocks to.

    Raises
    ------
    OutputError
        If something else is at the path, or it cannot be written.
    """
    place = Path(path).absolute()
    size = tuple(int(n) for n in shape)
    edges = None if spacing is None else check_spacing(spacing)
    if len(size) != 3 or min(size) < 1 or len(block) != 3 or min(block) < 1:
        raise OutputError(f"{place}: shape {size} and block {tuple(block)} must be three sizes > 0")
    _clear(place)
    own: dict[str, Any] = dict(attributes or {})
    if phases:
        own["phases"] = dict(phases)
    if colors:
        own["colors"] = dict(colors)
    meta = group_attributes(stem(place), edges, [(1, 1, 1)], kind, own)
    with disk_errors(place):
        place.mkdir(parents=True, exist_ok=True)
    _write_group(place, meta)  # first, so that what a killed run leaves is known as ours
    return create_array(str(place), 0, size, dtype, tuple(int(n) for n in block))


def open_array(path: str | Path, level: int = 0) -> ArrayFile:
    """Return the handle of one level of a store that exists.

    Parameters
    ----------
    path : str or Path
        Folder of the store.
    level : int
        Pyramid level.

    Returns
    -------
    ArrayFile
        To read from, or to write whole shards to.

    Raises
    ------
    FormatError
        If there is no such array.
    """
    array = ArrayFile(str(Path(path).absolute()), level)
    array.shape  # noqa: B018 - opens it now, so that a wrong path is told here
    return array


def finish(path: str | Path, engine: Engine | None = None) -> None:
    """Build the pyramid of a store whose voxels are written, and complete its metadata.

    Parameters
    ----------
    path : str or Path
        Folder of the store.
    engine : Engine, optional
        Where the tasks run; here, one after the other, if not given.

    Raises
    ------
    OutputError
        If blocks of the store were never written.
    """
    place = Path(path).absolute()
    level = open_array(place)
    clear_parts(place)
    missing = level.missing_shards()
    if missing:
        raise OutputError(
            f"{place}: {missing} of the store's blocks were never written",
            hint="resume the run, or write all blocks before finishing the store",
        )
    meta = _read_group(place)
    own = dict(meta.get("ssbtomo", {}))
    kind = own.pop("kind", "image")
    spacing = multiscale(place).spacing
    factors = [(1, 1, 1)]
    for step in level_steps(level.shape, spacing):
        level = build_level(level, step, kind, engine or SERIAL)
        z, y, x = (a * b for a, b in zip(factors[-1], step, strict=True))
        factors.append((z, y, x))
    _write_group(place, group_attributes(stem(place), spacing, factors, kind, own))


def multiscale(path: str | Path) -> Multiscale:
    """Read what the metadata of an OME-Zarr 0.4 or 0.5 image say.

    Parameters
    ----------
    path : str or Path
        Folder of the image: the group that holds its levels.

    Returns
    -------
    Multiscale
        Levels, axes, voxel size, phases.

    Raises
    ------
    FormatError
        If the folder is no OME-Zarr image.
    """
    place = Path(path).absolute()
    meta = _read_group(place)
    try:
        return _described(place, meta)
    except SsbtomoError:
        raise
    except Exception as error:  # damaged metadata provoke errors of every kind
        raise FormatError(
            f"{place}: the OME-Zarr metadata are not understood: {type(error).__name__}: "
            f"{str(error)[:200]}",
            hint="versions 0.4 and 0.5 are read; write the image again with a current tool",
        ) from error


def _described(place: Path, meta: Mapping[str, Any]) -> Multiscale:
    axes, datasets = multiscale_datasets(meta, str(place))
    spacing, note = space_axes(axes, datasets[0].scale)
    phases, colors = label_table(meta)
    own = dict(meta.get("ssbtomo", {}))
    is_labels = "image-label" in meta.get("ome", meta)
    return Multiscale(
        levels=tuple(
            Level(ArrayFile(str(place), item.path), item.scale, item.translation)
            for item in datasets
        ),
        axes=tuple(axes),
        spacing=spacing,
        note=note,
        kind=own.pop("kind", "labels" if is_labels else "image"),
        phases=phases,
        colors=colors,
        attributes=own,
    )


def read(path: str | Path, dataset: str | None = None) -> Volume:
    """Open an OME-Zarr image as a volume; the same as `ssbtomo.io.open_volume`.

    Parameters
    ----------
    path : str or Path
        Folder of the image.
    dataset : str, optional
        An image inside the folder, or which channel or time to take.

    Returns
    -------
    Volume
        Lazy voxels.
    """
    from ssbtomo.io.registry import open_volume

    return open_volume(path, dataset=dataset)


def stem(path: Path) -> str:
    """Return the name of a store without its endings.

    Parameters
    ----------
    path : Path
        Folder of the store.

    Returns
    -------
    str
        For example ``"phases"`` of ``phases.ome.zarr``.
    """
    return path.name.removesuffix(".zarr").removesuffix(".ome")


def _clear(place: Path) -> None:
    """Remove an older store of ours, whole or cut short by a kill; refuse anything else."""
    if not place.exists():
        return
    if not (place.is_dir() and ("ssbtomo" in _attributes(place) or _only_begun(place))):
        raise OutputError(
            f"{place} exists and was not written by ssbtomo",
            hint="choose another output folder, or remove it yourself",
        )
    with disk_errors(place):
        for item in place.iterdir():
            if item.is_dir() and not item.is_symlink():
                remove(item)
            elif item.name not in _GROUP_FILES:
                item.unlink()
        remove(place)  # what says whose it is goes last


def _only_begun(place: Path) -> bool:
    """Tell whether a folder holds no more than the beginning of a store, or what was written late.

    A worker of a killed run may write a shard after its store was removed: to a folder without
    metadata.
    """
    return all(
        item.name == _BEGUN or (item.name.isdigit() and item.is_dir() and _late(item))
        for item in place.iterdir()
    )


def _late(level: Path) -> bool:
    return all(item.name == "c" or item.name.startswith(PART) for item in level.iterdir())


def _write_group(place: Path, attributes: Mapping[str, Any]) -> None:
    """Write the group's metadata in one step, so that a reader never sees half of them."""
    text = json.dumps(
        {"zarr_format": 3, "node_type": "group", "attributes": attributes},
        indent=2,
        allow_nan=False,
    )
    with disk_errors(place):
        fresh = place / _BEGUN
        persist(lambda: (fresh.write_text(text, "utf-8"), fresh.replace(place / "zarr.json")))


def _attributes(place: Path) -> dict[str, Any]:
    try:
        return _read_group(place)
    except FormatError:
        return {}


def _read_group(place: Path) -> dict[str, Any]:
    for name in _GROUP_FILES:
        if (place / name).is_file():
            content = _json_object(place / name)
            own = content.get("attributes", {}) if name == "zarr.json" else content
            return dict(own) if isinstance(own, dict) else {}
    raise FormatError(
        f"{place} is not a zarr group",
        hint="an OME-Zarr image is a folder with zarr.json or .zattrs",
    )


def _json_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
        problem = f"a {type(content).__name__} where a table is expected"
    except (ValueError, RecursionError) as error:
        problem = str(error)
    raise FormatError(
        f"{path} is not valid metadata: {problem}",
        hint="copy or export the store again; a results folder is mended by `ssbtomo run --verify`",
    )
