"""Projections to slices, as a part of the stages ingest and reconstruct."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo import io
from ssbtomo.blocks import Block, Grid, Markers
from ssbtomo.blocks.tomography import Slices, coded, normalise_images, reconstruct_slices
from ssbtomo.io.zarr_arrays import ArrayFile
from ssbtomo.kernels.ct.centre import Centre
from ssbtomo.model import Sample
from ssbtomo.model.tomography import Tomography
from ssbtomo.reconstruct.feldkamp import check_cone, cone_slices, feldkamp, volume_window
from ssbtomo.reconstruct.scan_plan import check_scan, images_of, slices_of, tomogram_size
from ssbtomo.reconstruct.tomogram_quality import Quality, grey_window, look_closer, sweep
from ssbtomo.stages.desk import RECONSTRUCTED, Desk, Facts, clipped
from ssbtomo.units import Spacing
from ssbtomo.volume import Origin, Volume

if TYPE_CHECKING:
    from ssbtomo.projections import Projections

__all__ = ["ingest_projections", "needs_of", "planned_tomogram", "tomogram"]

_IMAGES = 16  # of a slab, when whole images are worked on
_CONE_SAMPLE, _CONE_VOXEL = 12, 8  # bytes that RTK and we hold of a cone beam
_SWEEP = (-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0)


def planned_tomogram(desk: Desk) -> Volume:
    """Return a volume like the one that the sample's projections will become, of nothing.

    Parameters
    ----------
    desk : Desk
        The sample.

    Returns
    -------
    Volume
        Shape, type and voxel size are those to come; unless the axis is given, the shape of a
        whole turn with the axis near a rim is told too small.
    """
    import dask.array as da

    scan = _opened(_Scan.of(desk))
    asked = desk.sample.reconstruct.tomography
    _angles(scan, asked)
    shape = tomogram_size(scan, asked)
    data = da.zeros(shape, np.uint16 if asked.bits == 16 else np.float32, chunks=(64, -1, -1))
    spacing, origin = _spacing(scan, desk.sample)
    source = scan.source or str(desk.source)
    return Volume(data, spacing, origin, name=desk.name, modality="xct", source=source)


def ingest_projections(desk: Desk) -> Facts:
    """Look at the projections; they are read where they lie.

    Parameters
    ----------
    desk : Desk
        The sample.

    Returns
    -------
    dict
        Shape and voxel size of the volume to come, and what the reader said.
    """
    planned = planned_tomogram(desk)
    scan = _opened(_Scan.of(desk))
    return {
        "shape": list(planned.shape),
        "dtype": str(planned.dtype),
        "spacing_um": list(planned.needed_spacing()),
        "spacing_origin": planned.spacing_origin,
        "projections": list(scan.shape),
        "origins": dict(scan.origins),
        "stack_check": list(scan.notes),
    }


def needs_of(desk: Desk) -> tuple[int, int]:
    """Return what a reconstruction from projections holds beside its tasks, and writes.

    Parameters
    ----------
    desk : Desk
        The sample; any.

    Returns
    -------
    memory : int
        Bytes: all of a cone beam is held at once, with RTK's process; 0 for others.
    disk : int
        Bytes of the line integrals and the volume.
    """
    if desk.sample.reconstruct.method != "tomography":
        return 0, 0
    planned = planned_tomogram(desk)
    images, _, columns = _opened(_Scan.of(desk)).shape
    samples, voxels = images * planned.shape[0] * columns, math.prod(planned.shape)
    cone = _opened(_Scan.of(desk)).geometry.beam == "cone"
    memory = _CONE_SAMPLE * samples + _CONE_VOXEL * voxels if cone else 0
    return memory, 4 * samples + planned.dtype.itemsize * voxels


def tomogram(desk: Desk) -> Facts:
    """Write the reconstructed volume.

    Parameters
    ----------
    desk : Desk
        The sample.

    Returns
    -------
    dict
        Shape, spacing, grey scale, axis with its evidence, quality.
    """
    asked = desk.sample.reconstruct.tomography
    handle = _Scan.of(desk)
    scan = _opened(handle)
    angles = _angles(scan, asked)
    images = images_of(scan, asked)
    source = _Images(handle, asked.rows)
    spacing = desk.spacing
    lines, marked = desk.marked_draft(
        "projections", source.shape, np.float32, spacing, block=(_IMAGES, 128, 128), kind="image"
    )
    slabs = Grid.slabs(source.shape, _IMAGES)
    steps = len(slabs) + -(-source.shape[1] // clipped(desk.block, source.shape)[1])
    told = _Told(desk.tell, steps, marked.count(slabs))
    flashes = normalise_images(
        source, lines, images, slabs, desk.engine, markers=marked, on_block=told
    )
    told.lines = len(slabs)
    back = _from_cone if scan.geometry.beam == "cone" else _from_parallel
    made = back(desk, lines, angles, scan, told)
    desk.draft("projections")  # removes it
    low, high = made.window
    slope, offset = ((high - low) / 65535.0, low) if asked.bits == 16 else (1.0, 0.0)
    centre, slices = made.centre, made.slices
    return {
        "shape": list(made.shape),
        "dtype": _dtype(asked),
        "spacing_um": list(spacing),
        "stores": [RECONSTRUCTED],
        "slope": slope,
        "offset": offset,
        "unit": "1/cm",
        "minimum": made.extremes[0],
        "maximum": made.extremes[1],
        "beam": scan.geometry.beam,
        "axis": slices.centre,
        "axis_spread": None if centre is None else centre.spread,
        "wide": slices.wide,
        "stripe_width": slices.stripe_width,
        "bad_pixels": int(images.reference.bad.sum()),
        "flashes": flashes,
        "tables": _tables(centre, made.quality),
        "warnings": _doubts(scan, images.reference.bad, centre, made.quality),
    }


@dataclass(frozen=True, slots=True)
class _Made:
    """A volume that was written, and what is known of it."""

    shape: tuple[int, int, int]
    window: tuple[float, float]
    extremes: tuple[float, float]
    slices: Slices
    centre: Centre | None
    quality: Quality | None


def _from_parallel(
    desk: Desk, lines: ArrayFile, angles: NDArray[np.float64], scan: Projections, told: _Told
) -> _Made:
    asked = desk.sample.reconstruct.tomography
    slices, centre = slices_of(lines, angles, asked, scan)
    window = grey_window(lines, slices)
    _, rows, columns = lines.shape
    side = slices.size(columns)
    sink, markers, planes = _store(desk, (rows, side, side), told)
    grey = window if asked.bits == 16 else None
    extremes = reconstruct_slices(
        lines, sink, replace(slices, grey=grey), planes, desk.engine,
        markers=markers, on_block=told,
    )  # fmt: skip
    io.ome_zarr.finish(sink.path, engine=desk.engine)
    quality = look_closer(lines, slices)
    _keep_sweep(desk, lines, slices)
    desk.publish(RECONSTRUCTED)
    return _Made((rows, side, side), window, extremes, slices, centre, quality)


def _from_cone(
    desk: Desk, lines: ArrayFile, angles: NDArray[np.float64], scan: Projections, told: _Told
) -> _Made:
    asked = desk.sample.reconstruct.tomography
    slices, centre = cone_slices(lines, angles, asked, scan)
    volume = feldkamp(np.asarray(lines[:]), scan, slices, asked)
    window = volume_window(volume)
    grey = window if asked.bits == 16 else None
    rows, side, _ = volume.shape
    sink, _, planes = _store(desk, (rows, side, side), told)
    for block in planes:
        desk.check_cancelled()
        sink[block.core] = coded(volume[block.core], grey)
        told(block)
    io.ome_zarr.finish(sink.path, engine=desk.engine)
    desk.publish(RECONSTRUCTED)
    extremes = float(volume.min()), float(volume.max())
    return _Made((rows, side, side), window, extremes, slices, centre, None)


def _store(desk: Desk, shape: tuple[int, int, int], told: _Told) -> tuple[ArrayFile, Markers, Grid]:
    dtype = _dtype(desk.sample.reconstruct.tomography)
    sink, markers = desk.marked_draft(RECONSTRUCTED, shape, dtype, desk.spacing, kind="image")
    planes = Grid.slabs(shape, clipped(desk.block, shape)[0])
    told.jump(told.lines + markers.count(planes), told.lines + len(planes))
    return sink, markers, planes


def _dtype(asked: Tomography) -> str:
    return "uint16" if asked.bits == 16 else "float32"


class _Told:
    """Counts finished slabs of both passes."""

    def __init__(self, tell: Callable[[int, int], None], total: int, before: int) -> None:
        self.tell, self.total, self.lines = tell, total, 0
        self.jump(before, total)

    def jump(self, done: int, total: int) -> None:
        self.total, self.done = total, count(done + 1)
        self.tell(done, total)

    def __call__(self, block: Block) -> None:
        self.tell(next(self.done), self.total)


@dataclass(frozen=True, slots=True)
class _Scan:
    """What a worker opens the projections with; `stamp` tells apart what was there when."""

    path: Path
    dataset: str | None
    flats: Path | None
    darks: Path | None
    pixel_um: float | None
    degrees: tuple[float, float] | None
    stamp: int

    @classmethod
    def of(cls, desk: Desk) -> _Scan:
        source = desk.source.absolute()
        asked = desk.sample.reconstruct.tomography
        flats, darks = (
            None if name is None else source.parent / name for name in (asked.flats, asked.darks)
        )
        stamp = source.stat().st_mtime_ns
        return cls(source, desk.sample.dataset, flats, darks, asked.pixel_size, asked.angles, stamp)


@lru_cache(maxsize=1)
def _opened(scan: _Scan) -> Projections:
    edges = None if scan.pixel_um is None else [f"{scan.pixel_um!r} um"] * 2
    found = io.open_projections(
        scan.path, pixel_size=edges, flats=scan.flats, darks=scan.darks, dataset=scan.dataset
    )
    if scan.degrees is None:
        return found
    angles = np.deg2rad(np.linspace(*scan.degrees, len(found.data)))
    return replace(found, angles=angles, origins={**found.origins, "angles": "user"})


@dataclass(frozen=True, slots=True)
class _Images:
    """The scan's images as a picklable source of blocks."""

    scan: _Scan
    rows: tuple[int, int] | None

    @property
    def shape(self) -> tuple[int, int, int]:
        images, rows, columns = _opened(self.scan).shape
        return images, rows if self.rows is None else self.rows[1] - self.rows[0], columns

    @property
    def dtype(self) -> Any:
        return _opened(self.scan).data.dtype

    def __getitem__(self, window: Any) -> NDArray[Any]:
        data = _opened(self.scan).data
        if self.rows is not None:
            data = data[:, self.rows[0] : self.rows[1]]
        return np.asarray(data[window].compute(scheduler="synchronous"))


def _angles(scan: Projections, asked: Tomography) -> NDArray[np.float64]:
    cone = scan.geometry.beam == "cone"
    return check_cone(scan, asked) if cone else check_scan(scan, asked)


def _spacing(scan: Projections, sample: Sample) -> tuple[Spacing | None, Origin]:
    if sample.voxel_size is not None:
        dz, dy, dx = sample.voxel_size
        return (dz, dy, dx), "user"
    if scan.spacing is None:
        return None, "unknown"
    return scan.spacing, "user" if "user" in scan.origins.get("pixel_size", "") else "tag"


def _tables(centre: Centre | None, quality: Quality | None) -> dict[str, dict[str, list[Any]]]:
    """Return the search for the axis, the ring correlation, and what was measured of the slice."""
    tables: dict[str, dict[str, list[Any]]] = {}
    if quality is not None:
        halves = quality.halves
        values = {
            "noise": quality.noise,
            "signal_to_noise": quality.signal_to_noise,
            "resolution_pixels": halves.resolution,
            "stripes_before": quality.stripes_before,
            "stripes_after": quality.stripes_after,
            "cupping_before": quality.cupping_before,
            "cupping_after": quality.cupping_after,
        }
        tables["tomogram_quality"] = {"property": list(values), "value": list(values.values())}
        tables["ring_correlation"] = {
            "frequency_per_pixel": halves.frequency.tolist(),
            "correlation": halves.correlation.tolist(),
            "half_bit": halves.limit.tolist(),
        }
    if centre is not None:
        tables["rotation_axis"] = {
            "column": centre.candidates.tolist(),
            "cost": centre.scores.tolist(),
        }
    return tables


def _doubts(
    scan: Projections, bad: NDArray[np.bool_], centre: Centre | None, quality: Quality | None
) -> list[str]:
    found = []
    if scan.flats is None and not scan.normalised:
        found.append(
            "the scan has no flat images: the projections were taken as transmissions, and grey "
            "values are no attenuations unless they are"
        )
    if bad.mean() > 0.01:
        found.append(f"{bad.mean():.1%} of the detector's pixels are bad and were bridged")
    if centre is not None and centre.spread > 0.5:
        found.append(
            f"the detector rows disagree on the rotation axis by {centre.spread:.2f} pixels: it may "
            "lean, or the sample have moved"
        )
    if quality is not None and not quality.halves.resolution < 8:
        found.append(
            f"even and odd projections agree down to {quality.halves.resolution:.1f} pixels only: "
            "the scan is noisy, or the axis wrong"
        )
    return found


def _keep_sweep(desk: Desk, lines: Any, slices: Slices) -> None:
    """Keep the middle slice with the axis moved, for the report."""
    folder = desk.root / "fields" / desk.volumes.name
    folder.mkdir(parents=True, exist_ok=True)
    images = sweep(lines, slices, _SWEEP)
    np.savez_compressed(
        folder / "axis-sweep.npz", images=images.astype(np.float16), offsets=np.array(_SWEEP)
    )
