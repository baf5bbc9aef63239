"""Where a stage works: one sample's corner of the results folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import numpy as np

from ssbtomo import io
from ssbtomo.blocks import SERIAL, Engine, Grid, Markers, Sink, fingerprint_of
from ssbtomo.errors import SsbtomoError
from ssbtomo.events import check_cancelled
from ssbtomo.io.checksums import checksums
from ssbtomo.io.zarr_arrays import ArrayFile, clear_parts
from ssbtomo.model import Phase, Sample
from ssbtomo.passing import persist
from ssbtomo.results import folder_name
from ssbtomo.stages.drafts import clear, marked, resumable, shelve, write_json
from ssbtomo.units import AXES, Spacing

__all__ = ["RECONSTRUCTED", "Desk", "Facts", "Tell", "clipped", "resumable", "write_json"]

RECONSTRUCTED = "reconstructed"
"""Store of the volume that was made from projections or from raw slices."""

Facts = dict[str, Any]
Shape = tuple[int, int, int]


class Tell(Protocol):
    """Told how far a stage is."""

    def __call__(self, done: int, total: int, share: float | None = None) -> None:
        """Hear how many units are done, and which share of the work they are if units differ."""


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
        Told ``(done, total)`` while a stage works, and the share of the work that is done where
        its units differ in what they cost.
    note : callable
        Told in words how far the unit is that is worked on.
    facts : dict
        What each finished stage found, by its name.
    mark : str
        Fingerprint of the running stage; without one, nothing it writes can be gone on with.
    home : pathlib.Path
        Folder of the recipe: what the paths of companions start from.
    verify : bool
        Whether blocks of an interrupted stage are read before they are gone on from.
    published : dict of str to str
        Where the running stage has put its stores, inside of `root`, by the names of their drafts.
    token : str
        Of this run alone: where it puts what is on disk only meanwhile. A worker of a run that was
        killed may write on for a while.
    """

    root: Path
    sample: Sample
    name: str
    source: Path
    engine: Engine = SERIAL
    block: Shape = (128, 128, 128)
    tell: Tell = lambda done, total, share=None: None
    note: Callable[[str], None] = lambda text: None
    facts: dict[str, Facts] = field(default_factory=dict)
    mark: str = ""
    home: Path = field(default_factory=Path)
    verify: bool = False
    published: dict[str, str] = field(default_factory=dict)
    token: str = field(default_factory=lambda: uuid4().hex[:12])

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases of the labels: the recipe's, or with lithium and void as one."""
        shown = self.facts.get("segment", {}).get("phases")
        if shown is None:
            return self.sample.phases
        return tuple(Phase.model_validate(phase) for phase in shown)

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
        self.discard(name)
        path = self.work / "drafts" / f"{name}.ome.zarr"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def discard(self, name: str) -> None:
        """Remove a draft and its markers, if it is there.

        Parameters
        ----------
        name : str
            Such as ``"image"``.
        """
        clear(self.work, name)  # first: markers never outlive their store
        path = self.work / "drafts" / f"{name}.ome.zarr"
        if path.exists():
            io.ome_zarr.remove(path)

    def marked_draft(
        self,
        name: str,
        shape: Shape,
        dtype: Any,
        spacing: Spacing,
        *,
        block: Shape | None = None,
        **options: Any,
    ) -> tuple[ArrayFile, Markers]:
        """Return a store to write with the markers of its blocks: an earlier run's, if it fits.

        Parameters
        ----------
        name : str
            Such as ``"image"``; `publish` moves the store to its place.
        shape : tuple of int
            Voxels along (Z, Y, X).
        dtype : dtype
            Type of a voxel.
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in µm.
        block : tuple of int, optional
            Voxels of a shard along (Z, Y, X); the desk's blocks if not given.
        **options : object
            As for `ssbtomo.io.ome_zarr.create`.

        Returns
        -------
        sink : ArrayFile
            The store; its shards are the blocks.
        markers : Markers
            For `Engine.map`: its finished blocks need not be done again.
        """
        block = clipped(block or self.block, shape)
        dtype = np.dtype(dtype)
        mark = fingerprint_of(self.mark, name, shape, block, dtype.str, spacing)
        markers = self._markers(name, mark)
        path = self.work / "drafts" / f"{name}.ome.zarr"
        if self.mark and markers.finished() and _is_array(path, shape, dtype, block):
            sink = io.ome_zarr.open_array(path)
            if self.verify:
                markers.forget(sink.unreadable_shards(), sink.shard_counts)
            return sink, markers
        sink = io.ome_zarr.create(self.draft(name), shape, dtype, spacing, block=block, **options)
        return sink, markers

    def beside_draft(self, name: str, markers: Markers, dtype: Any, **options: Any) -> ArrayFile:
        """Return a store that is written with another draft, under that one's markers.

        Parameters
        ----------
        name : str
            The other draft's and this one's, as ``"phases~entropy"``; for `publish`.
        markers : Markers
            Of the other draft, from `marked_draft`; they are cleared if this store is lost.
        dtype : dtype
            Type of a voxel.
        **options : object
            As for `ssbtomo.io.ome_zarr.create`.

        Returns
        -------
        ArrayFile
            Of the volume's shape; its shards are the desk's blocks.
        """
        block, dtype = clipped(self.block, self.shape), np.dtype(dtype)
        path = self.work / "drafts" / f"{name}.ome.zarr"
        if markers.finished():
            if _is_array(path, self.shape, dtype, block):
                return io.ome_zarr.open_array(path)
            markers.clear()
        return io.ome_zarr.create(
            self.draft(name), self.shape, dtype, self.spacing, block=block, **options
        )

    def _markers(self, name: str, mark: str) -> Markers:
        return Markers(marked(self.work, name), mark)

    def publish(self, name: str, target: Path | None = None) -> None:
        """Move a finished draft to its place, over an older one; keep its markers and checksums.

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
        draft = self.work / "drafts" / f"{name}.ome.zarr"
        clear_parts(draft)
        write_json(self.work / "sums" / f"{name}.json", checksums(draft))
        shelve(self.work, name)
        persist(lambda: draft.replace(goal))
        self.published[name] = goal.relative_to(self.root).as_posix()

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
        path = self.work / "scratch" / self.token / f"{name}.ome.zarr"
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
        """Voxels of the volume, once it was ingested, or reconstructed with another shape."""
        z, y, x = self._newest("shape")
        return z, y, x

    @property
    def spacing(self) -> Spacing:
        """Voxel edges along (Z, Y, X) in µm, once they are known."""
        dz, dy, dx = self._newest("spacing_um")
        return dz, dy, dx

    def _newest(self, key: str) -> Any:
        """Return a fact about the volume: reconstructing may have changed what was ingested."""
        return self.facts.get("reconstruct", {}).get(key) or self.facts["ingest"][key]

    @property
    def synthetic(self) -> tuple[int, ...]:
        """Slices along Z that were interpolated for spoiled or missing ones."""
        return tuple(self.facts.get("reconstruct", {}).get("synthetic", ()))

    @property
    def axis(self) -> int:
        """Index of the transport axis."""
        return AXES.index(self.sample.transport_axis)

    @property
    def grid(self) -> Grid:
        """The volume cut into blocks."""
        return Grid(self.shape, clipped(self.block, self.shape))

    @property
    def untouched(self) -> Path:
        """The store of grey values as scanned, or as reconstructed from what was scanned."""
        return self.store("image" if self.sample.reconstruct.method == "none" else RECONSTRUCTED)

    @property
    def grey(self) -> Path:
        """The store that segmentation reads: mapped and denoised where that was asked for."""
        return self.store("volume") if self.sample.denoise.changes else self.untouched


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


def _is_array(path: Path, shape: Shape, dtype: np.dtype[Any], block: Shape) -> bool:
    try:
        found = io.ome_zarr.open_array(path)
    except SsbtomoError:
        return False
    return (found.shape, found.dtype, found.shards) == (shape, dtype, block)
