"""Where a stage works: one sample's corner of the results folder."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ssbtomo import io
from ssbtomo.blocks import SERIAL, Engine, Grid, Sink
from ssbtomo.events import check_cancelled
from ssbtomo.model import Sample
from ssbtomo.results import folder_name
from ssbtomo.units import AXES, Spacing

__all__ = ["Desk", "Facts", "clipped", "write_json"]

Facts = dict[str, Any]
Shape = tuple[int, int, int]


@dataclass(slots=True)
class Desk:
    """One sample of one run: its recipe, its stores, and what earlier stages found.

    Parameters
    ----------
    root : pathlib.Path
        The results folder.
    sample : Sample
        The sample's part of the recipe.
    name : str
        Name of the sample.
    source : pathlib.Path
        The scan.
    engine : Engine
        Where block tasks run.
    block : tuple of int
        Voxels of a block along (Z, Y, X).
    tell : callable
        Told ``(done, total)`` while a stage works.
    facts : dict
        What each finished stage found, by its name.
    """

    root: Path
    sample: Sample
    name: str
    source: Path
    engine: Engine = SERIAL
    block: Shape = (128, 128, 128)
    tell: Callable[[int, int], None] = lambda done, total: None
    facts: dict[str, Facts] = field(default_factory=dict)

    @property
    def volumes(self) -> Path:
        """Folder of the sample's stores."""
        return self.root / "volumes" / folder_name(self.name)

    @property
    def work(self) -> Path:
        """Folder of markers, drafts and variants: what a resumed run goes on from."""
        return self.root / "work" / folder_name(self.name)

    def store(self, name: str) -> Path:
        """Return the path of a finished store.

        Parameters
        ----------
        name : str
            Such as ``"image"``.

        Returns
        -------
        pathlib.Path
            The OME-Zarr folder.
        """
        return self.volumes / f"{name}.ome.zarr"

    def draft(self, name: str) -> Path:
        """Return an empty place to write a store; `publish` moves it to its own.

        Parameters
        ----------
        name : str
            Such as ``"image"``.

        Returns
        -------
        pathlib.Path
            A path that does not exist yet.
        """
        path = self.work / "drafts" / f"{name}.ome.zarr"
        if path.exists():
            shutil.rmtree(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def publish(self, name: str, target: Path | None = None) -> None:
        """Move a finished draft to its place, over an older one.

        Parameters
        ----------
        name : str
            Name of the draft.
        target : pathlib.Path, optional
            Where to; ``store(name)`` if not given.
        """
        goal = target or self.store(name)
        goal.parent.mkdir(parents=True, exist_ok=True)
        if goal.exists():
            shutil.rmtree(goal)
        (self.work / "drafts" / f"{name}.ome.zarr").replace(goal)

    def allocate(self, name: str, dtype: Any) -> Sink:
        """Make a store for what a measure needs on its way; `clear_scratch` removes it.

        Parameters
        ----------
        name : str
            Such as ``"distance"``; an older store of that name is replaced.
        dtype : dtype
            Type of a voxel.

        Returns
        -------
        ArrayFile
            Of the volume's shape; its shards are the blocks of `grid`.
        """
        path = self.work / "scratch" / f"{name}.ome.zarr"
        block = clipped(self.block, self.shape)
        return io.ome_zarr.create(path, self.shape, dtype, self.spacing, block=block)

    def clear_scratch(self) -> None:
        """Remove all that `allocate` made."""
        shutil.rmtree(self.work / "scratch", ignore_errors=True)

    def check_cancelled(self) -> None:
        """Stop here if the user asked for it."""
        check_cancelled(self.engine.cancel)

    def cancelled(self) -> bool:
        """Tell whether the user asked to stop."""
        return self.engine.cancel is not None and self.engine.cancel.is_set()

    @property
    def shape(self) -> Shape:
        """Voxels of the volume, once it was ingested."""
        z, y, x = self.facts["ingest"]["shape"]
        return z, y, x

    @property
    def spacing(self) -> Spacing:
        """Voxel edges along (Z, Y, X) in µm, once the scan was ingested."""
        dz, dy, dx = self.facts["ingest"]["spacing_um"]
        return dz, dy, dx

    @property
    def axis(self) -> int:
        """Index of the transport axis."""
        return AXES.index(self.sample.transport_axis)

    @property
    def grid(self) -> Grid:
        """The volume cut into blocks."""
        return Grid(self.shape, clipped(self.block, self.shape))

    @property
    def grey(self) -> Path:
        """The store that segmentation reads: denoised where that was asked for."""
        denoised = self.sample.denoise.method != "none"
        return self.store("volume" if denoised else "image")


def clipped(block: Shape, shape: Shape) -> Shape:
    """Return the block, no larger than the volume.

    Parameters
    ----------
    block, shape : tuple of int
        Voxels along (Z, Y, X).

    Returns
    -------
    tuple of int
        The smaller of the two along each axis.
    """
    z, y, x = (min(b, n) for b, n in zip(block, shape, strict=True))
    return z, y, x


def write_json(path: Path, content: Mapping[str, Any] | list[Any]) -> None:
    """Write a JSON file in one go: it is there whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    content : mapping or list
        What it holds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.tmp")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
