"""Ingest: the scan, checked and copied once into the working store."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ssbtomo import io
from ssbtomo.blocks import Block, Grid, Sink, check_sink
from ssbtomo.blocks.workers import check_wanted
from ssbtomo.errors import InputDataError
from ssbtomo.model import Sample
from ssbtomo.stages.costs import Work
from ssbtomo.stages.desk import Desk, Facts, clipped
from ssbtomo.stages.tomography import ingest_projections, planned_tomogram
from ssbtomo.units import format_length
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    import dask.array as da

__all__ = ["Ingest", "open_scan"]


def open_scan(desk: Desk) -> Volume:
    """Open a sample's scan with the voxel size that the recipe gives, if any.

    Parameters
    ----------
    desk : Desk
        The sample.

    Returns
    -------
    Volume
        Lazy; nothing was read but headers. Of projections, what they will become.
    """
    sample = desk.sample
    if sample.reconstruct.method == "tomography":
        return planned_tomogram(desk)
    edges = None if sample.voxel_size is None else [f"{e!r} um" for e in sample.voxel_size]
    return io.open_volume(
        desk.source,
        voxel_size=edges,
        dataset=sample.dataset,
        name=desk.name,
        modality=sample.modality,
    )


Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Ingest:
    """Copy the scan into the working store, and refuse what no measure could use.

    Parameters
    ----------
    sample : Sample
        The sample's part of the recipe.
    """

    name: ClassVar[str] = "ingest"
    version: ClassVar[int] = 1

    sample: Sample

    @property
    def parameters(self) -> dict[str, Any]:
        """All that decides the stage's result beside its inputs."""
        keys = {"voxel_size", "dataset", "modality"}
        found = self.sample.model_dump(mode="json", include=keys)
        if self.sample.reconstruct.method == "tomography":
            found["tomography"] = self.sample.reconstruct.tomography.model_dump(mode="json")
        return found

    def bytes_per_voxel(self, itemsize: int) -> float:
        """Memory at the stage's peak, beside the blocks in flight."""
        return 0.0

    def in_flight(self, itemsize: int) -> tuple[float, float]:
        """Return the bytes per voxel of a block, and of a slab, that a task holds."""
        return 0.0, 2.5 * itemsize

    def expected(self, shape: Shape, itemsize: int) -> list[Work]:
        """Return the parts of the stage's work: it goes with the bytes."""
        return [Work("ingest", math.prod(shape) * itemsize)]

    def __call__(self, desk: Desk) -> Facts:
        """Write ``image.ome.zarr`` and return shape, type, spacing and remarks."""
        if self.sample.reconstruct.method == "tomography":
            return ingest_projections(desk)
        volume = open_scan(desk)
        spacing = volume.needed_spacing()
        dtype = _plain(volume.data).dtype
        sink, markers = desk.marked_draft("image", volume.shape, dtype, spacing, kind="image")
        slabs = Grid.slabs(volume.shape, clipped(desk.block, volume.shape)[0])
        check_sink(sink, slabs, desk.engine)
        before = markers.count(slabs)
        desk.tell(before, len(slabs))
        task = partial(_copy, scan=_Scan.of(desk), sink=sink)
        found = []
        for extremes in desk.engine.map(task, slabs, markers=markers):
            found.append(extremes)
            if len(found) > before:
                desk.tell(len(found), len(slabs))
        low, high = _extremes(found, volume)
        io.ome_zarr.finish(sink.path, engine=desk.engine)
        desk.publish("image")
        checked = io.check_stack(desk.source)
        return {
            "shape": list(volume.shape),
            "dtype": str(dtype),
            "spacing_um": list(spacing),
            "spacing_origin": volume.spacing_origin,
            "modality": volume.modality,
            "minimum": low,
            "maximum": high,
            "stack_check": [*volume.notes, *(f"{p.what} ({p.where})" for p in checked.problems)],
        }

    def methods(self, facts: Facts) -> str:
        """Say what the step did, as a sentence for a paper."""
        size = " x ".join(map(str, facts["shape"]))
        if "projections" in facts:
            images, rows, columns = facts["projections"]
            return f"The scan holds {images} projections of {rows} x {columns} pixels."
        edges = " x ".join(format_length(edge) for edge in facts["spacing_um"])
        who = {"tag": "the image file", "sidecar": "a file beside the image", "user": "the user"}
        origin = who.get(facts["spacing_origin"], "an unknown source")
        return (
            f"The volume of {size} voxels (Z, Y, X) with voxel edges of {edges} "
            f"(given by {origin}) was read without rescaling of its grey values."
        )

    def references(self) -> tuple[str, ...]:
        """Return the keys of the works that the sentence cites."""
        return () if self.sample.reconstruct.method == "tomography" else ("moore2021",)


def _plain(data: Any) -> Any:
    """Return the voxels in a type that stores hold: bool becomes 0 and 1, doubles singles."""
    if data.dtype == np.bool_:
        return data.astype(np.uint8)
    if data.dtype in {np.dtype(np.float64), np.dtype(np.float16)}:
        return data.astype(np.float32)
    return data.astype(data.dtype.newbyteorder("="))


@dataclass(frozen=True, slots=True)
class _Scan:
    """What a worker opens the scan with; `stamp` tells apart what was at the path when."""

    path: Path
    dataset: str | None
    stamp: int

    @classmethod
    def of(cls, desk: Desk) -> _Scan:
        source = desk.source.absolute()
        return cls(source, desk.sample.dataset, source.stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _opened(scan: _Scan) -> da.Array:
    data: da.Array = _plain(io.open_volume(scan.path, dataset=scan.dataset).data)
    return data


def _copy(block: Block, *, scan: _Scan, sink: Sink) -> tuple[float, float]:
    values = np.asarray(_opened(scan)[block.core].compute(scheduler="synchronous"))
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values)
        if bad.any():
            z, y, x = (int(i) for i in np.argwhere(bad)[0])
            raise InputDataError(
                f"{scan.path} holds {int(bad.sum())} NaN or infinite voxels in slices "
                f"{block.start[0]} to {block.stop[0] - 1}, the first ({values[z, y, x]}) at "
                f"(Z, Y, X) = ({z + block.start[0]}, {y}, {x})",
                hint="replace them before the analysis; a mask of invalid voxels cannot be guessed",
            )
    check_wanted()
    sink[block.core] = values
    return float(values.min()), float(values.max())


def _extremes(found: Sequence[tuple[float, float]], volume: Volume) -> tuple[float, float]:
    low, high = min(a for a, _ in found), max(b for _, b in found)
    if low == high:
        raise InputDataError(
            f"{volume.source} is constant: every voxel has the value {low:g}",
            hint="is this the right file, channel or dataset?",
        )
    return low, high
