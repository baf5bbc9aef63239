"""Where one phase touches another: the voxels, the area of each, and its normal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels import areas
from ssbtomo.kernels.normals import FIXED_POINT, Window
from ssbtomo.kernels.taps import smoothing_taps
from ssbtomo.units import Spacing

__all__ = ["normals_at", "surface_margin", "touching", "voxel_areas"]

_SLAB = 32  # planes that are smoothed at once


def touching(labels: NDArray[np.integer], first: int, second: int) -> NDArray[np.bool_]:
    """Find the voxels of one phase that have one of another beside them.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        A block with a margin of one voxel, cut only at the true ends of the volume.
    first, second : int
        Labels: whose voxels, and what they touch.

    Returns
    -------
    ndarray of bool, shape (Z, Y, X)
        True in voxels of `first` with a voxel of `second` across a face or an edge; across
        edges too, so that what triple lines add to an area has a voxel that it belongs to.
        Right but for the outermost voxels of a margin. 5 bytes per voxel.
    """
    there = np.asarray(labels == second)
    along_z, along_y = _spread(there, 0), _spread(there, 1)
    near = _spread(along_z, 1)
    near |= _spread(along_z, 2)
    near |= _spread(along_y, 2)
    near &= labels == first
    return near


def surface_margin(spacing: Spacing, sigma: float | None = None) -> tuple[int, int, int]:
    """Return the voxels that `voxel_areas` and `normals_at` need around the owned ones.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    sigma : float, optional
        Width of the smoothing; `ssbtomo.kernels.areas.default_sigma` if not given.

    Returns
    -------
    tuple of int
        Along (Z, Y, X).
    """
    z, y, x = areas.margin(spacing, sigma)
    return z + 2, y + 2, x + 2


def voxel_areas(
    labels: NDArray[np.integer],
    pair: tuple[int, int],
    phases: Sequence[int],
    spacing: Spacing,
    *,
    inner: Window | None = None,
    sigma: float | None = None,
) -> NDArray[np.float64]:
    """Tell how much of the interface of two phases lies on each voxel of the first.

    Estimator and bias: those of `ssbtomo.kernels.areas.area_counts`; a voxel gets all its
    faces towards the second phase, and the corrections along triple lines beside it, which
    may be negative. About 300 bytes per voxel of the interface, and those of `area_counts`.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        A block with its `surface_margin`, cut only at the true ends of the volume.
    pair : tuple of int
        The two phases.
    phases : sequence of int
        All phases; the others bound the interface along triple lines.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    inner : tuple of slice, optional
        The owned voxels; all of them if not given.
    sigma : float, optional
        Width of the smoothing in micrometres.

    Returns
    -------
    ndarray of float64, shape of `inner`
        Square micrometres; over a volume they sum to the area of the pair (in which a few
        faces that triple lines explain count as 0, not below).
    """
    owned = inner or _everything(labels.shape)
    # The face before an owned voxel belongs to the voxel before it.
    reached = tuple(slice(max(part.start - 1, 0), part.stop) for part in owned)
    around = tuple(slice(part.start, part.stop + 1) for part in reached)
    surface = np.zeros(labels.shape, dtype=np.bool_)
    surface[around] = touching(labels, *pair)[around]
    numbers = np.zeros(labels.shape, dtype=np.int32)
    count = int(np.count_nonzero(surface))
    numbers[surface] = np.arange(1, count + 1, dtype=np.int32)
    found = np.zeros(labels[owned].shape)
    if not count:
        return found
    area = _area_of_each(labels, pair, phases, spacing, numbers, count, reached, sigma)
    own = surface[owned]
    found[own] = area[numbers[owned][own]]
    return found


def normals_at(
    before: NDArray[np.bool_],
    after: NDArray[np.bool_],
    places: NDArray[np.bool_],
    spacing: Spacing,
    sigma: float,
) -> NDArray[np.float64]:
    """Find the normals of an interface at some voxels.

    Estimator: the voxel faces that lead from one mask to the other, as vectors, smoothed by a
    Gaussian; exact integers, whatever the block. 20 bytes per voxel of a slab of about 50 planes.

    Parameters
    ----------
    before, after : ndarray of bool, shape (Z, Y, X)
        The two sides, with a margin of `surface_margin` around `places`.
    places : ndarray of bool, shape (Z, Y, X)
        Where the normal is wanted.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    sigma : float
        Width of the smoothing in micrometres.

    Returns
    -------
    ndarray of float64, shape (n, 3)
        Unit vectors (Z, Y, X) from `before` to `after`, in C order of the places; 0 where
        there is no face within reach.
    """
    normals = np.zeros((int(np.count_nonzero(places)), 3))
    taps = [smoothing_taps(sigma / edge).astype(np.float64) for edge in spacing]
    reach, done = taps[0].shape[1] // 2 + 1, 0
    for low in range(0, places.shape[0], _SLAB):
        here = places[low : low + _SLAB]
        count = int(np.count_nonzero(here))
        if count:
            slab = slice(max(low - reach, 0), low + _SLAB + reach)
            wanted = np.zeros(before[slab].shape, dtype=np.bool_)
            wanted[low - slab.start :][: len(here)] = here
            found = _smoothed(before[slab], after[slab], wanted, taps)
            normals[done : done + count] = found * (min(spacing) / np.array(spacing))
        done += count
    length = np.sqrt((normals * normals).sum(axis=1, keepdims=True))
    np.divide(normals, length, out=normals, where=length > 0)
    return normals


def _smoothed(
    before: NDArray[np.bool_],
    after: NDArray[np.bool_],
    places: NDArray[np.bool_],
    taps: list[NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return the smoothed faces across each axis at some voxels: whole numbers, so exact."""
    from scipy import ndimage

    found = np.zeros((int(np.count_nonzero(places)), 3))
    for axis in range(3):
        near, far = _neighbours(axis, before.shape)
        smooth = np.zeros(before.shape)
        smooth[near] = before[near] & after[far]
        smooth[near] -= after[near] & before[far]
        for k in range(3):
            # Row 1: faces lie half a voxel after their voxel.
            ndimage.correlate1d(smooth, taps[k][1 if k == axis else 0], k, smooth, "constant")
        found[:, axis] = smooth[places]
    return found


def _area_of_each(  # noqa: PLR0917 - the block and all that belongs to it
    labels: NDArray[np.integer],
    pair: tuple[int, int],
    phases: Sequence[int],
    spacing: Spacing,
    numbers: NDArray[np.int32],
    count: int,
    inner: Any,
    sigma: float | None,
) -> NDArray[np.float64]:
    """Return the area of each numbered voxel; triple lines are added phase by phase."""
    order = [int(phase) for phase in phases]
    edges = np.array(spacing)
    present = set(np.unique(labels).tolist())
    thirds = [phase for phase in order if phase not in pair and phase in present]
    area = np.zeros(count + 1)
    some_third: list[int | None] = [*thirds] or [None]
    for third in some_third:
        some = [phase for phase in order if phase in (*pair, third)]
        row = next(k for k, two in enumerate(_pairs(some)) if {*two} == {*pair})
        counts = areas.area_counts(
            labels, some, spacing, inner=inner, sigma=sigma, regions=numbers, region_count=count
        )
        if third is None or third == thirds[0]:
            faces = counts.by_region[:, row] * (np.prod(edges) / edges)
            area += faces.sum(axis=1) / FIXED_POINT
        if third is not None:
            strips = counts.strips[:, row] * np.outer(edges, edges)
            area += strips.sum(axis=(1, 2)) / (2 * FIXED_POINT)
    return area


def _pairs(phases: Sequence[int]) -> list[tuple[int, int]]:
    return [(a, b) for k, a in enumerate(phases) for b in phases[k + 1 :]]


def _everything(shape: tuple[int, ...]) -> Window:
    return slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2])


def _neighbours(axis: int, shape: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    near, far = [slice(0, size) for size in shape], [slice(0, size) for size in shape]
    near[axis], far[axis] = slice(0, max(shape[axis] - 1, 0)), slice(1, shape[axis])
    return tuple(near), tuple(far)


def _spread(mask: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Return the mask with its neighbours along one axis."""
    near, far = _neighbours(axis, mask.shape)
    spread = mask.copy()
    spread[near] |= mask[far]
    spread[far] |= mask[near]
    return spread
