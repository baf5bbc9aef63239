"""Segment a volume, or a box of it, into stores that grow block by block and can be gone on with."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ssbtomo.blocks import SERIAL, Block, Engine, Grid, Markers, Sink, Source, fingerprint_of
from ssbtomo.blocks.classify import classify
from ssbtomo.blocks.grid import Shape, Window
from ssbtomo.blocks.patterns import each
from ssbtomo.errors import InputDataError, SsbtomoError
from ssbtomo.io import ome_zarr
from ssbtomo.io.zarr_arrays import ArrayFile
from ssbtomo.palette import phase_colors
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.inputs import check_source
from ssbtomo.segment.prediction import WindowGrid, WindowSink, ready_for
from ssbtomo.segment.volumes import Segmenter
from ssbtomo.segment.voxel_model import VoxelModel
from ssbtomo.segment.watched import Cropped, OnBlock, Telling, Watched
from ssbtomo.units import Spacing, check_spacing

__all__ = ["Applied", "Place", "apply_model", "apply_thresholds"]

_LABELS = "phases"
_DRAFTS = ".unfinished"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a segmentation is written, and of which part of the volume.

    Parameters
    ----------
    folder : pathlib.Path
        Made if absent. While it is unfinished, all of it lies in a hidden folder there.
    window : tuple of slice, optional
        The box; the whole volume if absent.
    block : int
        Edge of the blocks in voxels; no result depends on it.
    roles : mapping of str to str, optional
        Roles of the phases, which give their colours; their names if absent.
    """

    folder: Path
    window: Window | None = None
    block: int = 128
    roles: Mapping[str, str] | None = None

    def box(self, whole: Shape) -> tuple[Shape, Shape]:
        """Return the first voxel of the box, and its shape.

        Parameters
        ----------
        whole : tuple of int
            Voxels of the volume.

        Returns
        -------
        start, shape : tuple of int
            Along (Z, Y, X).

        Raises
        ------
        InputDataError
            If the box holds no voxel of the volume.
        """
        cuts = [c.indices(n) for c, n in zip(self.window or (slice(None),) * 3, whole, strict=True)]
        if any(step != 1 or stop <= start for start, stop, step in cuts):
            raise InputDataError(
                f"the box {self.window} is empty, or has steps, in a volume of {whole} voxels",
                hint="choose a box that overlaps the volume",
            )
        (z, y, x), (dz, dy, dx) = (c[0] for c in cuts), (c[1] - c[0] for c in cuts)
        return (z, y, x), (dz, dy, dx)


@dataclass(frozen=True, slots=True)
class Applied:
    """A finished segmentation.

    Parameters
    ----------
    labels : pathlib.Path
        Store of the labels, from 0.
    maps : mapping of str to pathlib.Path
        Stores beside it: ``entropy``, and ``probability-NAME`` of each phase; nothing for
        thresholds.
    phases : tuple of str
        Names of the labels.
    start : tuple of int
        First voxel of the box in the volume.
    notes : tuple of str
        What the user should know.
    """

    labels: Path
    maps: Mapping[str, Path]
    phases: tuple[str, ...]
    start: Shape
    notes: tuple[str, ...] = ()


def apply_model(
    image: Any,
    model: VoxelModel,
    spacing: Spacing,
    place: Place,
    *,
    companions: Sequence[Any] = (),
    engine: Engine = SERIAL,
    on_block: OnBlock | None = None,
) -> Applied:
    """Classify a volume, or a box of it; what an interrupted call finished is not done again.

    Parameters
    ----------
    image : Source, shape (Z, Y, X)
        Grey values.
    model : VoxelModel
        The classifier.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    place : Place
        Where to, and which box.
    companions : sequence of Source
        Further channels.
    engine : Engine
        Where blocks are classified; threads. Its `cancel` stops it between blocks.
    on_block : callable, optional
        Told each finished block in the volume's coordinates, the store of labels that holds it,
        addressed in these coordinates, and how many of how many there are; those of an earlier
        call first.

    Returns
    -------
    Applied
        The same bits for any blocks and engine, and the same as those voxels of the whole.

    Raises
    ------
    InputDataError
        If the volume does not fit the model, or the box is empty.
    CancelledError
        If the engine's `cancel` was set; the unfinished stores stay to be gone on with.

    Notes
    -----
    Reads the volume twice: once to know that it is the one of the unfinished stores.
    """
    sources = _local((image, *companions), engine)
    ready, notes = ready_for(model, sources, spacing)
    names = [*(f"probability-{number}" for number in range(len(model.phases))), "entropy"]
    what = ["model", model.training.get("hash"), list(model.phases), model.dtype,
            [feature.to_json() for feature in model.features]]  # fmt: skip
    whole = _shape(sources[0])
    start, shape = place.box(whole)
    grid: Any = WindowGrid(start, shape, whole, place.block)
    with _drafts(place, what, sources, spacing, (model.phases, names), engine) as (stores, markers):
        sinks = [WindowSink(store, start, whole) for store in stores]
        tell = Telling(on_block, sinks[0], grid, markers)
        classify(sources, sinks, grid, engine, ready, on_block=tell, markers=markers)
    maps = {name: _store(place.folder, name) for name in names}
    return Applied(_store(place.folder, _LABELS), maps, model.phases, start, tuple(notes))


def apply_thresholds(
    image: Any,
    thresholds: Sequence[float],
    phases: Sequence[str],
    spacing: Spacing,
    place: Place,
    *,
    repair: bool = True,
    engine: Engine = SERIAL,
    on_block: OnBlock | None = None,
) -> Applied:
    """Segment a volume, or a box of it, at given thresholds.

    Parameters
    ----------
    image : Source, shape (Z, Y, X)
        Grey values.
    thresholds : sequence of float
        Rising grey values, one fewer than phases.
    phases : sequence of str
        Names, darkest first.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    place : Place
        Where to, and which box.
    repair : bool
        Whether partial volume is repaired, as of `ssbtomo.segment.segment_volume`. Of a box
        alone it may differ near its faces from that of the whole volume.
    engine : Engine
        Where blocks are worked on; threads.
    on_block : callable, optional
        As of `apply_model`; repaired blocks come at the end.

    Returns
    -------
    Applied
        Labels, no maps.

    Raises
    ------
    InputDataError
        If the image is constant, the thresholds do not fit it, or the box is empty.
    CancelledError
        If the engine's `cancel` was set; finished blocks stay to be gone on with.
    """
    (source,) = _local((image,), engine)
    whole = _shape(source)
    start, shape = place.box(whole)
    seen = source if shape == whole else Cropped(source, start, shape)
    block = _clipped(place.block, shape)
    grid = Grid(shape, block)
    what = ["thresholds", list(map(float, thresholds)), list(phases), repair]
    with _drafts(place, what, (source,), spacing, (tuple(phases), []), engine) as (stores, markers):
        scratch = Path(str(stores[0].path)).parent / "scratch"
        allocate = partial(_allocated, folder=scratch, shape=shape, spacing=spacing, block=block)
        cancelled = None if engine.cancel is None else engine.cancel.is_set
        segmenter = Segmenter.prepare(
            seen, spacing, len(phases), method="thresholds", thresholds=thresholds, repair=repair,
            bench=Bench(grid, engine, allocate), cancelled=cancelled,
        )  # fmt: skip
        window: Any = WindowGrid(start, shape, whole, place.block)
        tell = Telling(on_block, WindowSink(stores[0], start, whole), window, markers)
        told = Watched(
            stores[0], {inner.start: outer for inner, outer in zip(grid, window, strict=True)}, tell
        )
        found = segmenter.segment(sink=told, markers=markers)
        shutil.rmtree(scratch, ignore_errors=True)
    return Applied(_store(place.folder, _LABELS), {}, tuple(phases), start, found.warnings)


def _local(images: Sequence[Any], engine: Engine) -> tuple[Source, ...]:
    if engine.remote:
        raise InputDataError(
            "volumes at hand are segmented in threads, not in other processes",
            hint="run a recipe: its stages read and write stores",
        )
    return tuple(map(check_source, images))


@contextmanager
def _drafts(  # noqa: PLR0917 - what decides the stores, and where they lie
    place: Place,
    what: Sequence[Any],
    sources: Sequence[Source],
    spacing: Spacing,
    names: tuple[Sequence[str], Sequence[str]],
    engine: Engine,
) -> Iterator[tuple[list[ArrayFile], Markers]]:
    """Give the stores and their markers; finish them and put them in their place."""
    _, shape = place.box(_shape(sources[0]))
    phases, maps = names
    block = _clipped(place.block, shape)
    drafts = place.folder / _DRAFTS
    mark = fingerprint_of(
        list(what), str(place.window), list(block), list(check_spacing(spacing)),
        [_content(source, engine) for source in sources],
    )  # fmt: skip
    markers = Markers(drafts.absolute() / "done", mark)
    wanted = [_LABELS, *maps]
    stores = _unfinished(drafts, wanted, shape, markers)
    if stores is None:
        shutil.rmtree(drafts, ignore_errors=True)
        drafts.mkdir(parents=True)
        stores = [
            _created(drafts, name, shape, spacing, block, (phases, place.roles)) for name in wanted
        ]
    yield stores, markers
    for store in stores:
        ome_zarr.finish(store.path, engine=engine)
    for name in wanted:
        goal = _store(place.folder, name)
        if goal.exists():
            shutil.rmtree(goal)
        _store(drafts, name).replace(goal)
    shutil.rmtree(drafts, ignore_errors=True)


def _unfinished(
    drafts: Path, names: Sequence[str], shape: Shape, markers: Markers
) -> list[ArrayFile] | None:
    if not markers.finished():
        return None
    try:
        stores = [ome_zarr.open_array(_store(drafts, name)) for name in names]
    except SsbtomoError:
        return None
    return stores if all(store.shape == shape for store in stores) else None


def _created(  # noqa: PLR0917 - a store and all that it tells
    folder: Path,
    name: str,
    shape: Shape,
    spacing: Spacing,
    block: Shape,
    named: tuple[Sequence[str], Mapping[str, str] | None],
) -> ArrayFile:
    if name != _LABELS:
        return ome_zarr.create(_store(folder, name), shape, np.uint8, spacing, block=block)
    phases, roles = named
    return ome_zarr.create(
        _store(folder, name), shape, np.uint8, spacing, kind="labels", block=block,
        phases={phase: label for label, phase in enumerate(phases)},
        colors=phase_colors((phase, (roles or {}).get(phase, phase)) for phase in phases),
    )  # fmt: skip


def _allocated(
    name: str, dtype: Any, *, folder: Path, shape: Shape, spacing: Spacing, block: Shape
) -> Sink:
    return ome_zarr.create(_store(folder, name), shape, dtype, spacing, block=block)


def _store(folder: Path, name: str) -> Path:
    return folder / f"{name}.ome.zarr"


def _shape(source: Source) -> Shape:
    z, y, x = (int(n) for n in source.shape)
    return z, y, x


def _clipped(edge: int, shape: Shape) -> Shape:
    z, y, x = (min(edge, n) for n in shape)
    return z, y, x


def _content(source: Source, engine: Engine) -> str:
    """Name a volume by its voxels, whatever holds them."""
    grid = Grid(_shape(source), _clipped(256, _shape(source)))
    parts = each(partial(_hash, source=source), grid, engine)
    return hashlib.sha256("".join([str(np.dtype(source.dtype)), *parts]).encode()).hexdigest()


def _hash(block: Block, *, source: Source) -> str:
    return hashlib.sha256(np.ascontiguousarray(source[block.core]).tobytes()).hexdigest()
