"""Apply a trained classifier to a volume, in memory or in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import SERIAL, Engine, Grid, Sink, Source
from ssbtomo.blocks.classify import Classifier, classify
from ssbtomo.blocks.grid import Block, Shape
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.noise import sample_windows
from ssbtomo.segment.inputs import check_source
from ssbtomo.segment.voxel_model import VoxelModel
from ssbtomo.units import Spacing

__all__ = ["Prediction", "WindowGrid", "WindowSink", "predict", "ready_for", "typical_grey"]

_EDGE = 128


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a classifier says of a volume.

    Parameters
    ----------
    labels : ndarray of uint8, shape (Z, Y, X)
        The most probable phase of each voxel, from 0; the first of equals.
    probabilities : ndarray of uint8, shape (phases, Z, Y, X)
        In steps of 1/255, halves rounded up.
    entropy : ndarray of uint8, shape (Z, Y, X)
        0 where a phase is certain, 255 where all are equally probable.
    phases : tuple of str
        Their names.
    fractions : tuple of float
        Share of the voxels of each.
    notes : tuple of str
        What differs from the training.
    """

    labels: NDArray[np.uint8]
    probabilities: NDArray[np.uint8]
    entropy: NDArray[np.uint8]
    phases: tuple[str, ...]
    fractions: tuple[float, ...]
    notes: tuple[str, ...] = ()


def predict(
    image: Any,
    model: VoxelModel | str | Path,
    spacing: Spacing,
    *,
    companions: Sequence[Any] = (),
    window: tuple[slice, slice, slice] | None = None,
    block: int = _EDGE,
    engine: Engine = SERIAL,
) -> Prediction:
    """Classify a volume with a trained model.

    Parameters
    ----------
    image : array_like or Source, shape (Z, Y, X)
        Grey values; what is not an array is read in blocks.
    model : VoxelModel, str or pathlib.Path
        From `train`, or its file.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    companions : sequence of Source
        Further channels, in the order of the training.
    window : tuple of slice, optional
        Only this box, with what it needs around it: the same bits as in the whole volume.
    block : int
        Edge of the blocks in voxels; no result depends on it.
    engine : Engine
        Where blocks are classified; threads, for arrays in memory.

    Returns
    -------
    Prediction
        Labels, probabilities, entropy; 2 bytes per voxel and one per phase.

    Raises
    ------
    InputDataError
        If the voxel size, the type of the voxels or the channels do not fit the model.
    FormatError
        If the model file is damaged or foreign.
    """
    trained = model if isinstance(model, VoxelModel) else VoxelModel.load(model)
    sources = tuple(
        check_source(channel if hasattr(channel, "dtype") else np.asarray(channel))
        for channel in (image, *companions)
    )
    ready, notes = ready_for(trained, sources, spacing)
    whole: Any = tuple(int(n) for n in sources[0].shape)
    box = window or (slice(None),) * 3
    cut = [part.indices(size) for part, size in zip(box, whole, strict=True)]
    if any(step != 1 or stop <= start for start, stop, step in cut):
        raise InputDataError(f"the window {box} is empty, or has steps, in a volume of {whole}")
    start: Any = tuple(c[0] for c in cut)
    shape: Any = tuple(c[1] - c[0] for c in cut)
    stores = [np.zeros(shape, np.uint8) for _ in range(len(trained.phases) + 2)]
    if engine.remote:
        raise InputDataError(
            "volumes in memory are classified in threads, not in other processes",
            hint="run a recipe: its stages read and write stores",
        )
    grid: Any = WindowGrid(start, shape, whole, block)
    counts = classify(
        sources, [WindowSink(store, start, whole) for store in stores], grid, engine, ready
    )
    total = float(np.prod(shape))
    return Prediction(
        labels=stores[0],
        probabilities=np.stack(stores[1:-1]),
        entropy=stores[-1],
        phases=trained.phases,
        fractions=tuple(float(n) / total for n in counts),
        notes=tuple(notes),
    )


def ready_for(
    model: VoxelModel, sources: Sequence[Source], spacing: Spacing
) -> tuple[Classifier, list[str]]:
    """Make a model ready for a volume, or say why it does not fit.

    Parameters
    ----------
    model : VoxelModel
        The model.
    sources : sequence of Source
        The scan, then its companions; at most 64 boxes of 32³ voxels are read.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    classifier : Classifier
        For this voxel size.
    notes : list of str
        What was converted, and what looks unlike the training.

    Raises
    ------
    InputDataError
        If the voxel size is more than a factor of two from the training's, the channels are too
        few, or voxels of another type have other grey values.
    """
    if len(sources) < model.channels:
        raise InputDataError(
            f"the model looks at {model.channels} channels, {len(sources)} were given",
            hint="give the companion channels in the order of the training",
        )
    ready, notes = model.classifier(spacing)
    dtype = np.dtype(sources[0].dtype).name
    low, middle, high = typical_grey(sources[0])
    centre, width = model.levels[0]
    said = (
        f"its typical grey values, {low:.5g} to {high:.5g}, are unlike those of the training, "
        f"{width:.5g} wide around {centre:.5g}"
    )
    alike = abs(middle - centre) <= width and width / 5 <= high - low <= 5 * width
    if dtype != model.dtype:
        if not alike:
            raise InputDataError(
                f"the model was trained on {model.dtype}, the volume is {dtype}, and {said}",
                hint="give the volume in the grey scale of the training, or train anew",
            )
        notes.append(
            f"the model was trained on {model.dtype}, the volume is {dtype}: its values were taken "
            "as they are"
        )
    elif not alike:
        notes.append(f"the volume is not like the training's: {said}")
    return ready, notes


def typical_grey(source: Source) -> tuple[float, float, float]:
    """Return quantiles of a fixed sample of a volume, as the training's levels were taken.

    Parameters
    ----------
    source : Source
        Grey values; at most 64 boxes of 32³ voxels are read.

    Returns
    -------
    tuple of float
        Half a per cent of the sample is below the first, half is below the second, and half a
        per cent above the third.

    Raises
    ------
    InputDataError
        If there is no finite value.
    """
    z, y, x = (int(n) for n in source.shape)
    parts = [np.asarray(source[box]).reshape(-1) for box in sample_windows((z, y, x))]
    values = np.concatenate(parts)[:: max(sum(map(len, parts)) // 2_000_000, 1)]
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not finite.size:
        raise InputDataError("the volume holds no finite values")
    low, middle, high = np.quantile(finite.astype(np.float64), (0.005, 0.5, 0.995))
    return float(low), float(middle), float(high)


class WindowGrid:
    """The blocks of a window of a volume, in the volume's coordinates.

    Parameters
    ----------
    start : tuple of int
        First voxel of the window.
    shape : tuple of int
        Its voxels.
    whole : tuple of int
        Voxels of the volume.
    block : int
        Edge of a block.
    """

    def __init__(self, start: Shape, shape: Shape, whole: Shape, block: int) -> None:
        self.shape, self._start = whole, start
        self._grid = Grid(shape, (block, block, block))
        self.block = whole  # nothing is written in shards

    def __iter__(self) -> Iterator[Block]:
        for block in self._grid:
            low = tuple(a + b for a, b in zip(block.start, self._start, strict=True))
            high = tuple(a + b for a, b in zip(block.stop, self._start, strict=True))
            yield Block(block.index, low, high, self.shape)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self._grid)


class WindowSink:
    """A store that holds a window of a volume: a sink in the volume's coordinates.

    Parameters
    ----------
    array : Sink
        Of the window's shape; its shards begin with the window.
    start : tuple of int
        First voxel of the window.
    whole : tuple of int
        Voxels of the volume.
    """

    def __init__(self, array: Sink, start: Shape, whole: Shape) -> None:
        self._array, self._start = array, start
        self.shape, self.dtype = whole, array.dtype
        self.shards = whole

    def __getitem__(self, window: Any) -> Any:
        return self._array[self._moved(window)]

    def __setitem__(self, window: Any, values: Any) -> None:
        self._array[self._moved(window)] = values

    def _moved(self, window: Any) -> Any:
        return tuple(
            slice(cut.start - a, cut.stop - a) for cut, a in zip(window, self._start, strict=True)
        )
