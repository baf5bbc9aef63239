"""Interfaces written for display: a volume for each pair, and points if asked for."""

from __future__ import annotations

import numpy as np

from ssbtomo import io
from ssbtomo.blocks import Sink
from ssbtomo.blocks.surface_map import area_map, surface_points
from ssbtomo.results import folder_name
from ssbtomo.stages.desk import clipped
from ssbtomo.stages.quantify.subject import Rows, Subject

__all__ = ["draft_map", "publish_map", "write_maps"]


def write_maps(subject: Subject, usual: tuple[int | None, int | None]) -> dict[str, Rows]:
    """Write the interfaces that the recipe names, as area per volume in 1/um.

    Parameters
    ----------
    subject : Subject
        What is measured.
    usual : tuple of int or None
        Labels of the pair that is written if the recipe names none.

    Returns
    -------
    dict of str to columns
        The table ``interface_points``, if the recipe asks for it.
    """
    rows: list[dict[str, object]] = []
    for first, second in _pairs(subject, usual):
        name = f"interface-{folder_name(f'{subject.names[first]}-{subject.names[second]}')}"
        area_map(
            subject.labels, subject.spacing, range(len(subject.names)), subject.grid,
            subject.desk.engine, pair=(first, second), sink=draft_map(subject, name),
        )  # fmt: skip
        publish_map(subject, name)
        if subject.settings.interface_points:
            rows.append(_points(subject, (first, second)))
    if not rows:
        return {}
    return {"interface_points": {key: np.concatenate([r[key] for r in rows]) for key in rows[0]}}


def draft_map(subject: Subject, name: str) -> Sink:
    """Make the store of a map; `publish_map` puts it into its place.

    Parameters
    ----------
    subject : Subject
        What is measured.
    name : str
        Name of the store.

    Returns
    -------
    Sink
        float32, of the volume's shape.
    """
    desk = subject.desk
    block = clipped(desk.block, desk.shape)
    return io.ome_zarr.create(desk.draft(name), desk.shape, np.float32, desk.spacing, block=block)


def publish_map(subject: Subject, name: str) -> None:
    """Finish a map that was written, and show it.

    Parameters
    ----------
    subject : Subject
        What is measured.
    name : str
        Name of the store.
    """
    desk = subject.desk
    io.ome_zarr.finish(desk.work / "drafts" / f"{name}.ome.zarr", desk.engine)
    desk.publish(name)


def _pairs(subject: Subject, usual: tuple[int | None, int | None]) -> list[tuple[int, int]]:
    asked = subject.settings.interface_maps
    if asked is None:
        first, second = usual
        return [] if first is None or second is None else [(first, second)]
    names = [pair.split("|") for pair in asked]
    return [(subject.label_of(a), subject.label_of(b)) for a, b in names]


def _points(subject: Subject, pair: tuple[int, int]) -> dict[str, object]:
    """List the points of one interface in the order of the voxels."""
    parts = surface_points(
        subject.labels, subject.spacing, range(len(subject.names)), subject.grid,
        subject.desk.engine, pair=pair,
    )  # fmt: skip
    voxels, area, normals = (np.concatenate(column) for column in zip(*parts, strict=True))
    rows = np.lexsort(voxels.T[::-1])
    places = (voxels[rows] + 0.5) * np.array(subject.spacing)
    name = "|".join(subject.names[label] for label in pair)
    return {
        "interface": np.full(len(rows), name),
        **{f"{axis}_um": places[:, k] for k, axis in enumerate("zyx")},
        "area_um2": area[rows],
        **{f"normal_{axis}": normals[rows, k] for k, axis in enumerate("zyx")},
    }
