"""How wide the gap is between two phases: from each voxel of the one, straight to the other."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.areas import default_sigma, margin
from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.normals import FIXED_POINT, Window
from ssbtomo.kernels.touching import normals_at
from ssbtomo.units import Spacing

__all__ = ["BINS", "Gap", "GapCounts", "gap_counts", "gap_margin"]

BINS = 16
"""Steps of thickness per smallest voxel edge."""

_FIRST, _GAP, _SECOND = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Gap:
    """What is a gap.

    Parameters
    ----------
    first, second : int
        Labels of the phases on either side.
    through : collection of int
        Labels of what may lie between: void, carbon, lithium.
    widest : float
        Thickness in micrometres above which it is called a pore.
    """

    first: int
    second: int
    through: tuple[int, ...]
    widest: float


@dataclass(frozen=True, slots=True)
class GapCounts:
    """Integers that add over blocks.

    Parameters
    ----------
    bins : ndarray of int64
        Thickness, rounded to 1 / `BINS` of the smallest voxel edge; each once, rising.
    areas : ndarray of int64
        Area of the first phase in each bin, in units of 1 / `FIXED_POINT` of the largest
        voxel face.
    surface : int
        Area over which the first phase borders what may lie between, in the same units.
    """

    bins: NDArray[np.int64]
    areas: NDArray[np.int64]
    surface: int

    def __add__(self, other: GapCounts) -> GapCounts:
        bins, rows = np.unique(np.concatenate([self.bins, other.bins]), return_inverse=True)
        areas = np.zeros(bins.size, dtype=np.int64)
        np.add.at(areas, rows, np.concatenate([self.areas, other.areas]))
        return GapCounts(bins, areas, self.surface + other.surface)


def gap_margin(spacing: Spacing, widest: float, sigma: float | None = None) -> tuple[int, int, int]:
    """Return the voxels that `gap_counts` needs around the owned ones.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    widest : float
        Thickness of the widest gap in micrometres.
    sigma : float, optional
        Width of the smoothing of the normals; twice the largest voxel edge if not given.

    Returns
    -------
    tuple of int
        Along (Z, Y, X).
    """
    z, y, x = (
        _steps(widest, edge) + reach + 2
        for edge, reach in zip(spacing, margin(spacing, sigma), strict=True)
    )
    return z, y, x


def gap_counts(
    labels: NDArray[np.integer],
    gap: Gap,
    spacing: Spacing,
    *,
    inner: Window | None = None,
    sigma: float | None = None,
) -> tuple[GapCounts, NDArray[np.float32]]:
    """Measure the thickness of the gap at each voxel of the first phase that borders it.

    From the voxel, along the axis nearest to its normal, the voxels of the gap are counted
    until the second phase; the length is multiplied by the mean of the normals' components
    at both ends, and stands for the voxel face divided by the component. Bias, measured on
    parallel plates of any orientation and on shells: below 0.1 voxel from a thickness of 2
    voxels on; a single value is rounded to a voxel times the component. Where the sides
    are not parallel within the smoothing width (corners, ends of a gap), it is too large.
    12 bytes per voxel of a block with its margin, and 100 per voxel of the surface.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        A block with its `gap_margin`, cut only at the true ends of the volume.
    gap : Gap
        What is a gap.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    inner : tuple of slice, optional
        The owned voxels; all of them if not given.
    sigma : float, optional
        Width of the smoothing of the normals; twice the largest voxel edge if not given.

    Returns
    -------
    counts : GapCounts
        Over any partition of a volume into blocks they sum to those of the whole.
    map : ndarray of float32, shape of `inner`
        Thickness in micrometres in the voxels of the first phase; 0 where there is none.
    """
    sides = _sides(labels, gap)
    owned = inner or (slice(0, sides.shape[0]), slice(0, sides.shape[1]), slice(0, sides.shape[2]))
    thickness = np.zeros(sides.shape, dtype=np.float32)
    starts = np.zeros(sides.shape, dtype=np.bool_)
    starts[owned] = _bordering(sides)[owned]
    empty = np.zeros(0, dtype=np.int64)
    if not starts.any():
        return GapCounts(empty, empty, 0), thickness[owned]
    width = sigma or default_sigma(spacing)
    normals = normals_at(sides == _FIRST, sides == _GAP, starts, spacing, width)
    places = np.argwhere(starts)
    steps = np.array([_steps(gap.widest, edge) for edge in spacing])
    walked, axes, ends = _walk(sides, places, normals, steps)
    facing = _facing(sides, ends[walked > 0], axes[walked > 0], spacing, width)
    rows = np.arange(len(places))
    cosines = np.abs(normals[rows, axes])
    mean = cosines.copy()
    mean[walked > 0] = (mean[walked > 0] + facing) / 2
    found = walked * np.array(spacing)[axes] * mean
    found[found > gap.widest] = 0.0
    units = _units(cosines, axes, walked, spacing)
    index = np.rint(found * (BINS / min(spacing))).astype(np.int64)
    bins, inverse = np.unique(index[found > 0], return_inverse=True)
    areas = np.zeros(bins.size, dtype=np.int64)
    np.add.at(areas, inverse, units[found > 0])
    thickness[tuple(places.T)] = found
    return GapCounts(bins, areas, int(units.sum())), thickness[owned]


def _units(
    cosines: NDArray[np.float64],
    axes: NDArray[np.int64],
    walked: NDArray[np.int64],
    spacing: Spacing,
) -> NDArray[np.int64]:
    """Return the area that each voxel stands for; 0 where its main face leads elsewhere."""
    faces = min(spacing) / np.array(spacing)
    units = np.zeros(len(axes))
    np.divide(faces[axes], cosines, out=units, where=(walked != 0) & (cosines > 0))
    rounded: NDArray[np.int64] = np.rint(units * FIXED_POINT).astype(np.int64)
    return rounded


def _steps(widest: float, edge: float) -> int:
    """Voxels of the longest walk: the axis nearest to a normal is at most 55 degrees off."""
    return math.ceil(widest * math.sqrt(3.0) / edge) + 1


def _sides(labels: NDArray[np.integer], gap: Gap) -> NDArray[np.uint8]:
    sides = np.zeros(labels.shape, dtype=np.uint8)
    sides[labels == gap.first] = _FIRST
    sides[labels == gap.second] = _SECOND
    sides[np.isin(labels, _listed(gap.through))] = _GAP
    return sides


def _listed(labels: Collection[int]) -> list[int]:
    return [int(label) for label in labels]


def _bordering(sides: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Find the voxels of the first phase with a face to the gap."""
    first, between = sides == _FIRST, sides == _GAP
    found = np.zeros(sides.shape, dtype=np.bool_)
    for axis in range(3):
        near = tuple(slice(0, -1) if k == axis else slice(None) for k in range(3))
        far = tuple(slice(1, None) if k == axis else slice(None) for k in range(3))
        found[near] |= first[near] & between[far]
        found[far] |= first[far] & between[near]
    return found


def _facing(
    sides: NDArray[np.uint8],
    ends: NDArray[np.int64],
    axes: NDArray[np.int64],
    spacing: Spacing,
    sigma: float,
) -> NDArray[np.float64]:
    """Return the component of the second phase's normals along the axes walked."""
    places = np.zeros(sides.shape, dtype=np.bool_)
    places[tuple(ends.T)] = True
    normals = normals_at(sides == _GAP, sides == _SECOND, places, spacing, sigma)
    rows = np.searchsorted(np.flatnonzero(places), np.ravel_multi_index(tuple(ends.T), sides.shape))
    found: NDArray[np.float64] = np.abs(normals[rows, axes])
    return found


@njit(nogil=True, cache=True)
def _walk(
    sides: NDArray[np.uint8],
    places: NDArray[np.int64],
    normals: NDArray[np.float64],
    steps: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Walk from each place; 0 steps: no gap ahead, -1: nothing of the second phase in reach."""
    count = len(places)
    walked = np.zeros(count, dtype=np.int64)
    axes = np.zeros(count, dtype=np.int64)
    ends = np.zeros((count, 3), dtype=np.int64)
    at = np.zeros(3, dtype=np.int64)
    for row in range(count):
        axis = 0
        for k in range(1, 3):
            if abs(normals[row, k]) > abs(normals[row, axis]):
                axis = k
        axes[row] = axis
        sense = 1 if normals[row, axis] > 0 else -1
        at[:] = places[row]
        for step in range(steps[axis] + 1):
            at[axis] += sense
            if at[axis] < 0 or at[axis] >= sides.shape[axis]:
                walked[row] = -1 if step else 0
                break
            side = sides[at[0], at[1], at[2]]
            if side == _GAP:
                walked[row] = -1
                continue
            if side == _SECOND and step:
                walked[row] = step
                ends[row] = at
            break
    return walked, axes, ends
