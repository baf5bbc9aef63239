"""Projections to slices, as a part of the stages ingest and reconstruct."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo import io
from ssbtomo.blocks import Block, Grid
from ssbtomo.blocks.tomography import Slices, normalise_images, reconstruct_slices
from ssbtomo.kernels.ct.centre import Centre
from ssbtomo.model import Sample
from ssbtomo.model.tomography import Tomography
from ssbtomo.reconstruct.parallel_beam import (
    Quality,
    check_scan,
    grey_window,
    images_of,
    look_closer,
    slices_of,
    sweep,
    tomogram_size,
)
from ssbtomo.stages.desk import RECONSTRUCTED, Desk, Facts, clipped
from ssbtomo.units import Spacing, format_length
from ssbtomo.volume import Origin, Volume

if TYPE_CHECKING:
    from ssbtomo.projections import Projections

__all__ = ["ingest_projections", "planned_tomogram", "said_of_tomography", "tomogram"]

_IMAGES = 16  # of a slab, when whole images are worked on
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
    check_scan(scan, asked)
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
    angles = check_scan(scan, asked)
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
    slices, centre = slices_of(lines, angles, asked, scan)
    low, high = grey_window(lines, slices)
    grey = (low, high) if asked.bits == 16 else None
    shape = (source.shape[1], *2 * (slices.size(source.shape[2]),))
    dtype = np.uint16 if grey else np.float32
    sink, markers = desk.marked_draft(RECONSTRUCTED, shape, dtype, spacing, kind="image")
    planes = Grid.slabs(shape, clipped(desk.block, shape)[0])
    told.jump(len(slabs) + markers.count(planes), len(slabs) + len(planes))
    extremes = reconstruct_slices(
        lines, sink, replace(slices, grey=grey), planes, desk.engine,
        markers=markers, on_block=told,
    )  # fmt: skip
    io.ome_zarr.finish(sink.path, engine=desk.engine)
    quality = look_closer(lines, slices)
    pictures = _pictures(desk, lines, slices)
    desk.publish(RECONSTRUCTED)
    desk.draft("projections")  # removes it
    slope, offset = ((high - low) / 65535.0, low) if grey else (1.0, 0.0)
    return {
        "shape": list(shape),
        "dtype": str(np.dtype(dtype)),
        "spacing_um": list(spacing),
        "stores": [RECONSTRUCTED],
        "slope": slope,
        "offset": offset,
        "unit": "1/cm",
        "minimum": extremes[0],
        "maximum": extremes[1],
        "axis": slices.centre,
        "axis_spread": None if centre is None else centre.spread,
        "wide": slices.wide,
        "stripe_width": slices.stripe_width,
        "bad_pixels": int(images.reference.bad.sum()),
        "flashes": flashes,
        "pictures": pictures,
        "tables": _tables(centre, quality),
        "warnings": _doubts(scan, images.reference.bad, centre, quality),
    }


class _Told:
    """Counts finished slabs of both passes."""

    def __init__(self, tell: Callable[[int, int], None], total: int, before: int) -> None:
        self.tell, self.total = tell, total
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


def _spacing(scan: Projections, sample: Sample) -> tuple[Spacing | None, Origin]:
    if sample.voxel_size is not None:
        dz, dy, dx = sample.voxel_size
        return (dz, dy, dx), "user"
    if scan.spacing is None:
        return None, "unknown"
    return scan.spacing, "user" if "user" in scan.origins.get("pixel_size", "") else "tag"


def _tables(centre: Centre | None, quality: Quality) -> dict[str, dict[str, list[Any]]]:
    """Return the search for the axis, the ring correlation, and what was measured of the slice."""
    halves = quality.halves
    values = {
        "noise": quality.noise,
        "signal_to_noise": quality.signal_to_noise,
        "resolution_pixels": halves.resolution,
        "stripes_before": quality.stripes_before,
        "stripes_after": quality.stripes_after,
    }
    tables: dict[str, dict[str, list[Any]]] = {
        "tomogram_quality": {"property": list(values), "value": list(values.values())},
        "ring_correlation": {
            "frequency_per_pixel": halves.frequency.tolist(),
            "correlation": halves.correlation.tolist(),
            "half_bit": halves.limit.tolist(),
        },
    }
    if centre is not None:
        tables["rotation_axis"] = {
            "column": centre.candidates.tolist(),
            "cost": centre.scores.tolist(),
        }
    return tables


def _doubts(
    scan: Projections, bad: NDArray[np.bool_], centre: Centre | None, quality: Quality
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
    if not quality.halves.resolution < 8:
        found.append(
            f"even and odd projections agree down to {quality.halves.resolution:.1f} pixels only: "
            "the scan is noisy, or the axis wrong"
        )
    return found


def _pictures(desk: Desk, lines: Any, slices: Slices) -> str:
    """Keep the middle slice with the axis moved, for the report."""
    folder = desk.root / "fields" / desk.volumes.name
    folder.mkdir(parents=True, exist_ok=True)
    images = sweep(lines, slices, _SWEEP)
    np.savez_compressed(
        folder / "axis-sweep.npz", images=images.astype(np.float16), offsets=np.array(_SWEEP)
    )
    return f"fields/{desk.volumes.name}/axis-sweep.npz"


def said_of_tomography(asked: Tomography, facts: Facts) -> str:
    """Say what was done, as sentences for a paper.

    Parameters
    ----------
    asked : Tomography
        The recipe's section.
    facts : dict
        What the stage found.

    Returns
    -------
    str
        Two or three sentences.
    """
    steps = ["divided by the median flat image after subtraction of the median dark image"]
    if asked.flash:
        steps.append("freed of flashes")
    if asked.phase is not None:
        steps.append(f"phase-retrieved (Paganin, δ/β = {asked.phase.delta_beta:g})")
    if asked.stripes != "none":
        steps.append(f"freed of stripes ({asked.stripes}, window {facts['stripe_width']} pixels)")
    if asked.hardening != (1.0,):
        powers = ", ".join(f"{c:g}" for c in asked.hardening)
        steps.append(f"linearised for beam hardening (coefficients {powers})")
    axis = f"column {facts['axis']:.2f}"
    how = "given" if asked.axis is not None else "found from the projections themselves"
    turn = " after both halves of the whole turn were joined" if facts["wide"] else ""
    window = "" if asked.window == "ram-lak" else f" with a {asked.window} window"
    edge = format_length(facts["spacing_um"][2])
    return (
        f"Projections were {', '.join(steps)}, and reconstructed by filtered back-projection "
        f"(ramp filter{window}){turn} about the rotation axis at {axis} ({how}), with voxels of {edge}."
    )
