"""Thresholds on the histogram: where to begin, what a slice then looks like, with or without repair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.picking import Pick
from napari_ssbtomo.controllers.working import Hands
from ssbtomo.errors import InputDataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssbtomo.kernels.histogram import Histogram

__all__ = [
    "Bars",
    "check_thresholds",
    "find_bars",
    "repair_note",
    "repaired_slice",
    "thresholded_slice",
]

_BARS = 256  # that are drawn
_TAIL = 1e-4  # share of the voxels that may lie beyond either end of what is drawn
_DEPTH = 10  # voxels before and behind a slice that its repair looks at
_WIDE = 384  # voxels of a slice along an axis that are repaired for a preview


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """A histogram as it is drawn, and thresholds to begin with.

    Parameters
    ----------
    low, high : float
        Grey values at its ends.
    heights : ndarray of float64
        Share of the voxels in each bar.
    thresholds : tuple of float
        Of multi-Otsu.
    histogram : Histogram
        All of it.
    """

    low: float
    high: float
    heights: NDArray[Any]
    thresholds: tuple[float, ...]
    histogram: Histogram


def find_bars(pick: Pick, phases: int, hands: Hands) -> Bars:
    """Count the grey values of a volume, and split them.

    Parameters
    ----------
    pick : Pick
        The volume.
    phases : int
        How many, two to five.
    hands : Hands
        Told how far it is; may stop it.

    Returns
    -------
    Bars
        What is drawn.

    Raises
    ------
    InputDataError
        If the volume is constant, not finite, or cannot give so many phases.
    """
    import numpy as np

    from ssbtomo.blocks import Engine, Grid
    from ssbtomo.blocks.histogram import grey_summary
    from ssbtomo.segment.inputs import check_source, find_classes

    z, y, x = (min(n, 128) for n in pick.shape)
    grid = Grid(pick.shape, (z, y, x))
    done = 0

    def count(_block: object) -> None:
        nonlocal done
        done += 1
        hands.tell("counting grey values", done, len(grid))

    with Engine.start("threads", 2, cancel=hands.cancel) as engine:
        histogram = grey_summary(check_source(pick.grey), grid, engine, on_block=count).check()
    found = find_classes(histogram, phases, "multi-otsu", None)
    share = np.cumsum(histogram.counts) / histogram.counts.sum()
    first, last = np.searchsorted(share, (_TAIL, 1 - _TAIL))
    kept = histogram.counts[first : last + 1]
    edges = np.linspace(0, kept.size, min(_BARS, kept.size) + 1).round().astype(int)
    heights = np.add.reduceat(kept, edges[:-1]) / (np.diff(edges) * histogram.counts.sum())
    low = histogram.low + histogram.width * first
    return Bars(
        float(low), float(low + histogram.width * kept.size), heights,
        tuple(float(t) for t in found.thresholds), histogram,
    )  # fmt: skip


def check_thresholds(thresholds: Sequence[float], phases: int) -> tuple[float, ...]:
    """Refuse thresholds that do not part so many phases.

    Parameters
    ----------
    thresholds : sequence of float
        Grey values.
    phases : int
        How many.

    Returns
    -------
    tuple of float
        The same.

    Raises
    ------
    InputDataError
        If there are not one fewer than phases, or they do not rise.
    """
    values = tuple(float(value) for value in thresholds)
    if len(values) != phases - 1 or any(b <= a for a, b in pairwise(values)):
        raise InputDataError(
            f"{phases} phases need {phases - 1} rising thresholds, got {values}",
            hint="drag them apart in the histogram",
        )
    return values


def thresholded_slice(
    pick: Pick, axis: int, index: int, thresholds: Sequence[float]
) -> NDArray[Any]:
    """Label a slice, each voxel by itself.

    Parameters
    ----------
    pick : Pick
        The volume.
    axis, index : int
        The slice.
    thresholds : sequence of float
        Rising grey values.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X)
        Phases from 1; one voxel thick.
    """
    import numpy as np

    from ssbtomo.kernels.thresholds import classify
    from ssbtomo.segment.preview import slice_block

    values = np.asarray(pick.grey[slice_block(pick.shape, axis, index).core])
    labels: NDArray[Any] = classify(values, thresholds=np.asarray(thresholds, np.float64))
    return labels + np.uint8(1)


def repaired_slice(
    pick: Pick, axis: int, index: int, thresholds: Sequence[float], hands: Hands
) -> NDArray[Any]:
    """Label a slice with its partial volume repaired, from the slices around it.

    Parameters
    ----------
    pick : Pick
        The volume.
    axis, index : int
        The slice.
    thresholds : sequence of float
        Rising grey values.
    hands : Hands
        May stop it.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X)
        Phases from 1; one voxel thick. Of a slice of more than 384 voxels along an axis only the
        middle is repaired, the rest is as of `thresholded_slice`. The whole volume may give
        other labels here and there: it knows the plateaus of all slices.
    """
    import numpy as np

    from ssbtomo.segment.volumes import segment_volume

    plain = thresholded_slice(pick, axis, index, thresholds)
    box = _seen_by_repair(pick.shape, axis, index)
    values = np.asarray(pick.grey[tuple(box)])
    hands.check()
    found = segment_volume(
        values, pick.spacing, len(thresholds) + 1, method="thresholds", thresholds=thresholds,
        cancelled=hands.cancel.is_set,
    )  # fmt: skip
    here = index - box[axis].start
    own = tuple(slice(here, here + 1) if k == axis else slice(None) for k in range(3))
    target = tuple(slice(0, 1) if k == axis else cut for k, cut in enumerate(box))
    plain[target] = found.labels[own] + np.uint8(1)
    return plain


def repair_note(pick: Pick, axis: int, index: int) -> str:
    """Say what the repair of a slice saw.

    Parameters
    ----------
    pick : Pick
        The volume.
    axis, index : int
        The slice.

    Returns
    -------
    str
        Such as ``repaired, seeing slices 2 to 22``.
    """
    box = _seen_by_repair(pick.shape, axis, index)
    note = f"repaired, seeing slices {box[axis].start} to {box[axis].stop - 1}"
    wide = [k for k in range(3) if k != axis and box[k] != slice(0, pick.shape[k])]
    return f"{note}; thresholds outside of its middle" if wide else note


def _seen_by_repair(shape: tuple[int, int, int], axis: int, index: int) -> list[slice]:
    """Return the box that the repair of a slice is computed from."""
    box = []
    for k, size in enumerate(shape):
        if k == axis:
            box.append(slice(max(index - _DEPTH, 0), min(index + _DEPTH + 1, size)))
        else:
            room = max(size - _WIDE, 0) // 2
            box.append(slice(room, size - room))
    return box
