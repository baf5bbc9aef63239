"""Spheres inside a phase: which voxels those of a given radius cover, in a volume or a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.units import Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["class_counts", "classes_of", "cover", "sphere_reach"]

Window = tuple[slice, slice, slice]


def class_counts(
    distances: NDArray[np.float32],
    weights: Spacing,
    radii: NDArray[np.float64],
    core: Window,
) -> NDArray[np.int64]:
    """Count the voxels of each thickness class in a part of a volume.

    Parameters
    ----------
    distances : ndarray of float32, shape (Z, Y, X)
        Distance to the outside in units of the smallest voxel edge, in the part and
        at least `sphere_reach` of the largest radius around it.
    weights : tuple of float
        As from `ssbtomo.kernels.distance_passes.squared_edges`, of the whole volume.
    radii : ndarray of float
        Ascending, in units of the smallest voxel edge.
    core : tuple of slice
        Where the part lies in `distances`; from plain numbers.

    Returns
    -------
    ndarray of int64, shape (n + 1,)
        Voxels of the phase with each class of `ssbtomo.kernels.thickness.thickness_classes`; they add over parts.

    Notes
    -----
    Memory: as of `classes_of`.
    """
    phase = distances[core] > 0
    classes = classes_of(distances, weights, radii, core)
    return np.bincount(classes[phase], minlength=radii.size + 1)


def classes_of(
    distances: NDArray[np.float32],
    weights: Spacing,
    radii: NDArray[np.float64],
    core: Window,
    margin: float = 0.0,
) -> NDArray[np.uint8]:
    """Tell for each voxel of a part of a volume the largest listed radius whose sphere covers it.

    Parameters
    ----------
    distances : ndarray of float32, shape (Z, Y, X)
        Distance to the outside in units of the smallest voxel edge, in the part and at least
        `sphere_reach` of the largest radius and the margin around it.
    weights : tuple of float
        As from `ssbtomo.kernels.distance_passes.squared_edges`, of the whole volume.
    radii : ndarray of float
        Ascending, in units of the smallest voxel edge; 255 at most.
    core : tuple of slice
        Where the part lies in `distances`; from plain numbers.
    margin : float
        Spheres cover this much beyond their radius (never beyond the phase).

    Returns
    -------
    ndarray of uint8
        For the voxels of `core`: 0 where no sphere covers the voxel, else 1 + the index of the
        radius.

    Notes
    -----
    Memory: 10 bytes per voxel of `distances` beside it at most (mask, box of it, offsets or gaps).
    """
    classes = np.zeros(distances[core].shape, dtype=np.uint8)
    for index in reversed(range(radii.size)):
        cover(classes, distances, weights, core, (index, float(radii[index]), margin))
    return classes


def sphere_reach(radius: float, weights: Spacing) -> tuple[int, int, int]:
    """Return how many voxels along each axis a sphere's centre can be from what it covers.

    Parameters
    ----------
    radius : float
        In units of the smallest voxel edge.
    weights : tuple of float
        As from `ssbtomo.kernels.distance_passes.squared_edges`.

    Returns
    -------
    tuple of int
        Along (Z, Y, X).
    """
    z, y, x = (int(radius / weight**0.5) + 1 for weight in weights)
    return z, y, x


def cover(
    classes: NDArray[np.uint8],
    distances: NDArray[np.float32],
    weights: Spacing,
    core: Window,
    ball: tuple[int, float, float],
) -> None:
    """Set the class of the voxels that spheres of one radius cover and no larger one did.

    Parameters
    ----------
    classes : ndarray of uint8
        Classes of the voxels of `core`; changed.
    distances : ndarray of float32, shape (Z, Y, X)
        Distance to the outside in units of the smallest voxel edge.
    weights : tuple of float
        As from `ssbtomo.kernels.distance_passes.squared_edges`, of the whole volume.
    core : tuple of slice
        Where they lie in `distances`; from plain numbers.
    ball : tuple of (int, float, float)
        Index of the radius, the radius, and how far beyond it spheres cover.

    Notes
    -----
    Exact: centres are the voxels with a distance of at least the radius; a voxel is covered
    if it lies less than the radius from one. A part needs the distances within
    `sphere_reach` around it, and gives what the whole gives, bit for bit.
    """
    from ssbtomo.kernels.distance_passes import across_planes, in_planes

    index, radius, margin = ball
    reach = sphere_reach(radius + margin, weights)
    nearby = _grown(core, reach, distances.shape)
    outside = distances[nearby] < radius
    box = _box_around(outside, reach)
    if box is None:
        return
    place = _inside(nearby, box)
    own = _overlap(place, core)
    if own is None:
        return
    here = _within(own, place)
    limit = (1.0001 * (radius + margin)) ** 2
    packed = in_planes(outside[box], weights, here[2], limit)
    del outside
    # only columns of the core are finished; the whole volume is worked on in place
    packed = np.ascontiguousarray(packed[:, here[1]])
    gaps = across_planes(packed, weights, in_place=True, limit=limit)[here[0]]
    np.sqrt(gaps, out=gaps)
    covered = gaps < radius + margin
    del gaps
    part = classes[_within(own, core)]
    covered &= part == 0
    if margin:
        covered &= distances[own] > 0
    part[covered] = index + 1


def _grown(box: Window, reach: Sequence[int], shape: Sequence[int]) -> Window:
    """Return the box, `reach` voxels larger, inside the volume."""
    z, y, x = (
        slice(max(cut.start - far, 0), min(cut.stop + far, size))
        for cut, far, size in zip(box, reach, shape, strict=True)
    )
    return z, y, x


def _box_around(outside: NDArray[np.bool_], reach: Sequence[int]) -> Window | None:
    """Return the box of all false voxels, `reach` voxels larger, inside the volume."""
    window = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        held = np.flatnonzero(~outside.all(axis=others))
        if held.size == 0:
            return None
        window.append(slice(int(held[0]), int(held[-1]) + 1))
    return _grown((window[0], window[1], window[2]), reach, outside.shape)


def _inside(outer: Window, inner: Window) -> Window:
    """Return a box of a box in the coordinates that the outer one is in."""
    z, y, x = (
        slice(a.start + b.start, a.start + b.stop) for a, b in zip(outer, inner, strict=True)
    )
    return z, y, x


def _within(inner: Window, outer: Window) -> Window:
    """Return where a box lies inside another."""
    z, y, x = (
        slice(a.start - b.start, a.stop - b.start) for a, b in zip(inner, outer, strict=True)
    )
    return z, y, x


def _overlap(one: Window, other: Window) -> Window | None:
    """Return the box that two boxes share."""
    z, y, x = (
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    empty = any(cut.start >= cut.stop for cut in (z, y, x))
    return None if empty else (z, y, x)
