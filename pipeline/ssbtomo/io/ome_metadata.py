"""The NGFF metadata of an OME-Zarr store: what is written (0.5) and what is read (0.4, 0.5)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ssbtomo.errors import FormatError, UnitError
from ssbtomo.units import Spacing, micrometres

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "Dataset",
    "Kind",
    "group_attributes",
    "label_table",
    "multiscale_datasets",
    "space_axes",
]

Kind = Literal["image", "labels"]
Factors = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One level of a pyramid as its metadata describe it.

    Parameters
    ----------
    path : str
        Name of the array in the store.
    scale : tuple of float
        Voxel edges along each axis, in the axes' units.
    translation : tuple of float
        Centre of the first voxel, in the axes' units.
    """

    path: str
    scale: tuple[float, ...]
    translation: tuple[float, ...]


def group_attributes(
    name: str,
    spacing: Spacing | None,
    factors: Sequence[Factors],
    kind: Kind,
    own: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the attributes of a group: NGFF 0.5, and ours.

    Parameters
    ----------
    name : str
        Name of the image.
    spacing : tuple of float or None
        Voxel edges of level 0 along (Z, Y, X) in µm.
    factors : sequence of tuple of int
        How many voxels of level 0 a voxel of each level spans, along (Z, Y, X).
    kind : {"image", "labels"}
        Grey values or labels.
    own : mapping
        Our own attributes; ``phases`` and ``colors`` among them.

    Returns
    -------
    dict
        JSON-ready attributes.
    """
    unit = {"unit": "micrometer"} if spacing else {}
    edges = spacing or (1.0, 1.0, 1.0)
    ome: dict[str, Any] = {
        "version": "0.5",
        "multiscales": [
            {
                "name": name,
                "axes": [{"name": axis, "type": "space", **unit} for axis in "zyx"],
                "datasets": [_dataset(i, edges, factor) for i, factor in enumerate(factors)],
                "type": "mean" if kind == "image" else "mode",
            }
        ],
    }
    if kind == "labels":
        ome["image-label"] = _image_label(own.get("phases") or {}, own.get("colors") or {})
    return {"ome": ome, "ssbtomo": {"kind": kind, **own}}


def multiscale_datasets(
    attributes: Mapping[str, Any], where: str
) -> tuple[list[Any], list[Dataset]]:
    """Read axes and levels from a group's attributes, version 0.4 or 0.5.

    Parameters
    ----------
    attributes : mapping
        Attributes of the group.
    where : str
        The path, for messages.

    Returns
    -------
    axes : list of dict
        Name, type and unit of each axis.
    datasets : list of Dataset
        The levels, finest first.

    Raises
    ------
    FormatError
        If the group is no multiscale image.
    """
    entries = attributes.get("ome", attributes).get("multiscales")
    if not entries:
        raise FormatError(
            f"{where} is a zarr group without an OME-Zarr image",
            hint="name the image inside it: dataset: path/in/the/store",
        )
    entry = entries[0]
    axes = [{"name": axis} if isinstance(axis, str) else axis for axis in entry.get("axes", [])]
    if not all(isinstance(axis, dict) and axis.get("name") for axis in axes):
        axes = []
    if not axes or not entry.get("datasets"):
        raise FormatError(
            f"{where}: the OME-Zarr metadata name no axes or no arrays",
            hint="versions 0.4 and 0.5 are read; write the image again with a current tool",
        )
    outer = entry.get("coordinateTransformations", [])
    datasets = [_read_dataset(item, outer, len(axes)) for item in entry["datasets"]]
    for dataset in datasets:
        steps = dataset.path.replace("\\", "/").split("/")
        if ".." in steps or not steps[0] or ":" in steps[0]:
            raise FormatError(
                f"{where}: the OME-Zarr metadata name the array {dataset.path[:200]!r}, outside of "
                "the store",
                hint="copy the array into the store, and name it by its path there",
            )
    return axes, datasets


def space_axes(
    axes: Sequence[Mapping[str, Any]], scale: Sequence[float]
) -> tuple[Spacing | None, str]:
    """Return the voxel size along (Z, Y, X) in µm, or why there is none.

    Parameters
    ----------
    axes : sequence of mapping
        Axes of the image.
    scale : sequence of float
        Voxel edge along each axis.

    Returns
    -------
    spacing : tuple of float or None
        Edges along (Z, Y, X) in µm.
    note : str
        Why the spacing is unknown, or empty.
    """
    edges: dict[str, float] = {}
    for axis, size in zip(axes, scale, strict=True):
        if axis["name"] not in ("z", "y", "x"):
            continue
        if not axis.get("unit"):
            return (
                None,
                f"the OME-Zarr axis {axis['name']} has no unit; its scale {size:g} is ignored",
            )
        try:
            edges[axis["name"]] = micrometres(f"{size!r} {axis['unit']}")
        except UnitError:
            return None, f"the OME-Zarr axis {axis['name']} has the unknown unit {axis['unit']!r}"
    if len(edges) != 3 or not all(0 < edge < math.inf for edge in edges.values()):
        return None, "the OME-Zarr scale does not give three positive voxel edges"
    return (edges["z"], edges["y"], edges["x"]), ""


def label_table(attributes: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, str]]:
    """Read phase names and colours of a labels image.

    Parameters
    ----------
    attributes : mapping
        Attributes of the group.

    Returns
    -------
    phases : dict of str to int
        Name and label, in the order of the file.
    colors : dict of str to str
        Name and ``#rrggbb``.
    """
    own = attributes.get("ssbtomo", {})
    if own.get("phases"):
        return dict(own["phases"]), dict(own.get("colors") or {})
    label = attributes.get("ome", attributes).get("image-label") or {}
    phases = {
        str(item["name"]): int(item["label-value"])
        for item in label.get("properties", [])
        if "name" in item and "label-value" in item
    }
    rgba = {int(item["label-value"]): item.get("rgba") for item in label.get("colors", [])}
    colors = {
        name: "#{:02x}{:02x}{:02x}".format(*color[:3])
        for name, value in phases.items()
        if (color := rgba.get(value))
    }
    return phases, colors


def _dataset(level: int, edges: Spacing, factors: Factors) -> dict[str, Any]:
    pairs = list(zip(edges, factors, strict=True))
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": [e * f for e, f in pairs]}]
    if any(f > 1 for f in factors):  # a coarse voxel's centre is the mean of those it covers
        shift = [e * (f - 1) / 2 for e, f in pairs]
        steps.append({"type": "translation", "translation": shift})
    return {"path": str(level), "coordinateTransformations": steps}


def _image_label(phases: Mapping[str, int], colors: Mapping[str, str]) -> dict[str, Any]:
    return {
        "colors": [
            {"label-value": phases[name], "rgba": [*bytes.fromhex(color.lstrip("#")), 255]}
            for name, color in colors.items()
            if name in phases
        ],
        "properties": [{"label-value": value, "name": name} for name, value in phases.items()],
    }


def _read_dataset(item: Mapping[str, Any], outer: Sequence[Any], ndim: int) -> Dataset:
    scale, translation = [1.0] * ndim, [0.0] * ndim
    for step in [*item.get("coordinateTransformations", []), *outer]:
        factors = step.get("scale", [1.0] * ndim)
        shift = step.get("translation", [0.0] * ndim)
        scale = [a * b for a, b in zip(scale, factors, strict=True)]
        translation = [a * b + c for a, b, c in zip(translation, factors, shift, strict=True)]
    return Dataset(str(item["path"]), tuple(scale), tuple(translation))
