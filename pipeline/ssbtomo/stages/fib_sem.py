"""Slices of a FIB-SEM run to an aligned volume, as a part of the stage reconstruct."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo import io
from ssbtomo.blocks import Block, Grid, Markers, fingerprint_of
from ssbtomo.blocks.engine import Source
from ssbtomo.blocks.fib_sem import (
    Placed,
    SliceStory,
    clean_slices,
    look_at_slices,
    place_slices,
)
from ssbtomo.blocks.slice_distortion import slice_bends
from ssbtomo.kernels.fibsem.drift import Drift
from ssbtomo.kernels.fibsem.slice_state import SliceState
from ssbtomo.reconstruct.slice_positions import read_positions
from ssbtomo.reconstruct.stack_plan import (
    Geometry,
    cleaning_of,
    drift_found,
    flagged,
    geometry_of,
    placed_stack,
    states_of,
    thickness_of,
)
from ssbtomo.stages.desk import RECONSTRUCTED, Desk, Facts, clipped

__all__ = ["stacked"]

_SLAB = 16  # slices that are cleaned by one task
_CROP = 512  # pixels of the slices that the report shows
_PASSES = "fib-sem"


def stacked(desk: Desk) -> Facts:
    """Write the aligned volume.

    Parameters
    ----------
    desk : Desk
        The sample.

    Returns
    -------
    dict
        Shape, spacing, drift, curtains, flagged slices, thickness.
    """
    asked = desk.sample.reconstruct.fib_sem
    raw = io.ome_zarr.open_array(desk.store("image"))
    z, y, x = raw.shape
    shape = (z, y, x)
    place = asked.positions and desk.source.absolute().parent / asked.positions
    positions = read_positions(place, z) if place else None
    geometry = geometry_of(asked, desk.spacing, _conditions(desk))
    slabs = Grid.slabs(shape, _SLAB)
    told = _Told(desk.tell, 2 * len(slabs))
    properties = look_at_slices(raw, slabs, desk.engine, markers=_marked(desk, "look"))
    states = states_of(properties, asked)
    good = np.setdiff1d(np.arange(z), [state.index for state in states]).astype(np.int64)
    clean, stories = _cleaned(desk, raw, good, slabs, told)
    drift = drift_found(
        clean, good, asked, geometry, desk.engine, marked=lambda name: _marked(desk, name)
    )
    states = flagged(states, drift)
    good = np.setdiff1d(good, drift.left_out)
    if asked.thickness == "estimate":
        geometry = thickness_of(clean, good, drift, geometry, desk.engine)
    bends = slice_bends(
        clean, good, drift.found, asked.distortion, desk.engine,
        marked=lambda name: _marked(desk, name),
    )  # fmt: skip
    placed, edges, synthetic = placed_stack(
        shape, good, drift, asked, geometry, stories=stories, positions=positions, bends=bends
    )
    _write(desk, clean, placed, edges, told)
    _keep_slices(desk, raw, clean, placed)
    desk.publish(RECONSTRUCTED)
    desk.draft("sections")  # removes it
    shutil.rmtree(_passes(desk), ignore_errors=True)
    return {
        "shape": list(placed.shape),
        "dtype": str(raw.dtype),
        "spacing_um": list(edges),
        "stores": [RECONSTRUCTED],
        "stretch": geometry.stretch,
        "thickness": None if geometry.thickness is None else geometry.thickness.value,
        "thickness_sigma": None if geometry.thickness is None else geometry.thickness.sigma,
        "aligned": drift.aligned,
        "left_out": list(drift.left_out),
        "synthetic": list(synthetic),
        "range_pixels": np.ptp(drift.place, axis=0).tolist(),
        "step_sigma": _median_sigma(drift, good),
        "distortion": bends.scatter.tolist(),
        "curtains": _strength(stories, good),
        "tables": _tables(drift, states, stories, placed, geometry),
        "warnings": _doubts(drift, states, synthetic, geometry, desk),
    }


def _cleaned(
    desk: Desk, raw: Source, good: NDArray[np.int64], slabs: Grid, told: _Told
) -> tuple[Source, list[SliceStory] | None]:
    """Clean the slices into a draft; without anything to be done, they are read as they are."""
    asked = desk.sample.reconstruct.fib_sem
    cleaning = cleaning_of(raw, good, asked, len(desk.sample.phases))
    if cleaning is None:
        return raw, None
    sink, markers = desk.marked_draft(
        "sections", slabs.shape, raw.dtype, desk.spacing, block=(_SLAB, 128, 128), kind="image"
    )
    told.jump(markers.count(slabs))
    stories = clean_slices(raw, sink, cleaning, slabs, desk.engine, markers=markers, on_block=told)
    return sink, stories


def _write(
    desk: Desk, clean: Source, placed: Placed, edges: tuple[float, float, float], told: _Told
) -> None:
    sink, markers = desk.marked_draft(RECONSTRUCTED, placed.shape, clean.dtype, edges, kind="image")
    planes = Grid.slabs(placed.shape, clipped(desk.block, placed.shape)[0])
    half = told.total // 2
    told.total = half + len(planes)
    told.jump(half + markers.count(planes))
    place_slices(clean, sink, placed, planes, desk.engine, markers=markers, on_block=told)
    io.ome_zarr.finish(sink.path, engine=desk.engine)


def _conditions(desk: Desk) -> dict[str, str]:
    return dict(io.open_volume(desk.source, dataset=desk.sample.dataset).conditions)


def _passes(desk: Desk) -> Any:
    return desk.work.absolute() / "drafts" / f"{_PASSES}.done"


def _marked(desk: Desk, name: str) -> Markers | None:
    """Return the markers of a pass that writes no store: its results are in them."""
    if not desk.mark:
        return None
    return Markers(_passes(desk) / name, fingerprint_of(desk.mark, name))


class _Told:
    """Counts finished slabs of both passes."""

    def __init__(self, tell: Callable[[int, int], None], total: int) -> None:
        self.tell, self.total, self.done = tell, total, count(1)

    def jump(self, done: int) -> None:
        self.done = count(done + 1)
        self.tell(done, self.total)

    def __call__(self, block: Block) -> None:
        self.tell(next(self.done), self.total)


def _median_sigma(drift: Drift, good: NDArray[np.int64]) -> list[float]:
    sigma = drift.sigma[good[1:]]
    return [float(np.median(sigma[:, axis])) for axis in (0, 1)]


def _strength(stories: Sequence[SliceStory] | None, good: NDArray[np.int64]) -> list[float] | None:
    if stories is None:
        return None
    return [
        float(np.sqrt(np.mean([getattr(stories[n], name) ** 2 for n in good.tolist()])))
        for name in ("before", "after")
    ]


def _tables(
    drift: Drift,
    states: tuple[SliceState, ...],
    stories: Sequence[SliceStory] | None,
    placed: Placed,
    geometry: Geometry,
) -> dict[str, dict[str, list[Any]]]:
    """Return one row per recorded slice, and the thickness where it was estimated."""
    slices = len(drift.place)
    why = dict.fromkeys(range(slices), "used")
    why.update(dict.fromkeys(drift.doubtful, "step interpolated"))
    why.update({state.index: f"{state.reason} ({state.detail})" for state in states})
    factors = np.full((slices, 2), np.nan)
    factors[placed.good] = placed.factors
    columns: dict[str, list[Any]] = {
        "slice": list(range(slices)),
        "state": [why[n] for n in range(slices)],
        "drift_y_pixels": drift.found[:, 0].tolist(),
        "drift_x_pixels": drift.found[:, 1].tolist(),
        "step_error_y_pixels": drift.sigma[:, 0].tolist(),
        "step_error_x_pixels": drift.sigma[:, 1].tolist(),
        "correlation": drift.correlation.tolist(),
        "brightness_factor": factors[:, 0].tolist(),
        "brightness_offset": factors[:, 1].tolist(),
    }
    if placed.bends is not None:
        bends = np.full((slices, 2, 2), np.nan)
        bends[placed.good] = placed.bends
        for row, column in np.ndindex(2, 2):
            columns[f"distortion_{'yx'[row]}_per_{'yx'[column]}"] = bends[:, row, column].tolist()
    if stories is not None:
        columns["curtains_before"] = [story.before for story in stories]
        columns["curtains_after"] = [story.after for story in stories]
        columns["rows_levelled"] = [story.rows for story in stories]
    tables = {"fib_sem_slices": columns}
    if geometry.thickness is not None:
        found = geometry.thickness
        values = {
            "thickness_um": found.value,
            "standard_error_um": found.sigma,
            "from_rows_um": found.along_rows,
            "from_columns_um": found.along_columns,
        }
        tables["slice_thickness"] = {"property": list(values), "value": list(values.values())}
    return tables


def _doubts(
    drift: Drift,
    states: tuple[SliceState, ...],
    synthetic: tuple[int, ...],
    geometry: Geometry,
    desk: Desk,
) -> list[str]:
    found = list(geometry.notes)
    if states:
        seen = ", ".join(f"{state.index} ({state.reason})" for state in states[:8])
        more = f" and {len(states) - 8} more" if len(states) > 8 else ""
        found.append(
            f"slices {seen}{more} were not used; {len(synthetic)} slices of the volume are "
            "interpolated across them: volume fractions, contact areas and triple lines leave these out"
        )
    if drift.doubtful:
        found.append(
            f"the steps to slices {', '.join(map(str, drift.doubtful[:8]))} could not be measured, "
            "and were taken from their neighbours"
        )
    if desk.sample.reconstruct.fib_sem.canvas == "grown" and not drift.aligned:
        found.append(
            "canvas: grown fills what a slice does not show with zeros: measures take them for "
            "the darkest phase"
        )
    return found


def _keep_slices(desk: Desk, raw: Source, clean: Source, placed: Placed) -> None:
    """Keep the middle of a slice, before and after, and a section along z, for the report."""
    folder = desk.root / "fields" / desk.volumes.name
    folder.mkdir(parents=True, exist_ok=True)
    number = int(placed.good[len(placed.good) // 2])
    _, height, width = raw.shape
    y, x = (max((n - _CROP) // 2, 0) for n in (height, width))
    window = (slice(number, number + 1), slice(y, y + _CROP), slice(x, x + _CROP))
    before, after = (np.asarray(source[window])[0].astype(np.float32) for source in (raw, clean))
    column = width // 2
    along = np.asarray(raw[:, y : y + _CROP, column : column + 1])[:, :, 0]
    made = io.ome_zarr.open_array(desk.work / "drafts" / f"{RECONSTRUCTED}.ome.zarr")
    _, rows, columns = made.shape
    top = max((rows - _CROP) // 2, 0)
    done = np.asarray(made[:, top : top + _CROP, columns // 2 : columns // 2 + 1])[:, :, 0]
    np.savez_compressed(
        folder / "fib-sem-slices.npz",
        before=before, after=after, slice=number,
        along_before=along.astype(np.float32), along_after=done.astype(np.float32),
    )  # fmt: skip
